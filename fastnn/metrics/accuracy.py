"""How often predictions are right. Source: Keras 3 `metrics`.

Each function gives 1.0 or 0.0 for every sample (`floatx`); each class is the mean of its function.
"""

from .. import ops
from ..engine import settings
from ..engine.constructor_arguments import named_arguments
from ..engine.variable import convert
from ..losses.categorical import class_numbers
from ..losses.loss import squeeze_or_expand_to_same_rank
from ..ops.hits import class_hits, shared_peak
from .reduction import NamedMetric


def accuracy(y_true, y_pred):
    """Where y_true equals y_pred."""
    y_pred = convert(y_pred)
    y_true, y_pred = squeeze_or_expand_to_same_rank(convert(y_true, dtype=y_pred.dtype), y_pred)
    return ops.cast(ops.equal(y_true, y_pred), settings.float_dtype())


def binary_accuracy(y_true, y_pred, threshold=0.5):
    """Where y_true (0 or 1) equals y_pred > threshold; shape (..., d) in and out."""
    y_true, y_pred = squeeze_or_expand_to_same_rank(convert(y_true), convert(y_pred))
    positive = ops.cast(ops.greater(y_pred, threshold), y_true.dtype)
    return ops.cast(ops.equal(y_true, positive), settings.float_dtype())


def categorical_accuracy(y_true, y_pred):
    """Where y_true and y_pred, both (..., classes), have their largest value at the same class; shape (...)."""
    y_true, y_pred = convert(y_true), convert(y_pred)
    _check_one_hot("categorical_accuracy", y_true, y_pred)
    return ops.cast(shared_peak(y_true, y_pred), settings.float_dtype())


def sparse_categorical_accuracy(y_true, y_pred):
    """Where y_pred, (..., classes), has its largest value at class number y_true, (...) or (..., 1); shape (...)."""
    y_true, y_pred = class_numbers("sparse_categorical_accuracy", y_true, y_pred)
    matches = ops.cast(class_hits(y_true, y_pred), settings.float_dtype())
    if len(matches.shape) > 1 and matches.shape[-1] == 1:
        matches = ops.squeeze(matches, -1)
    return matches


def top_k_categorical_accuracy(y_true, y_pred, k=5):
    """Where the largest class of one-hot y_true is among the k largest of y_pred; both (..., classes)."""
    y_true, y_pred = convert(y_true), convert(y_pred)
    _check_one_hot("top_k_categorical_accuracy", y_true, y_pred)
    return _among_top(ops.argmax(y_true, axis=-1), y_pred, k)


def sparse_top_k_categorical_accuracy(y_true, y_pred, k=5, from_sorted_ids=False):
    """Where class number y_true is among the k largest of y_pred, (..., classes).

    from_sorted_ids: y_pred holds class numbers, best first, in place of scores.
    """
    y_true, y_pred = (
        class_numbers("sparse_top_k_categorical_accuracy", y_true, y_pred)
        if not from_sorted_ids
        else (convert(y_true), convert(y_pred))
    )
    if not from_sorted_ids:
        return _among_top(y_true, y_pred, k)
    y_true = ops.expand_dims(ops.cast(y_true, y_pred.dtype), -1)
    return ops.cast(ops.any(ops.equal(y_true, y_pred[..., :k]), axis=-1), settings.float_dtype())


def _among_top(classes, y_pred, k):
    """1.0 where fewer than k scores beat that of the class; a tie does not, a NaN does."""
    own = ops.take_along_axis(y_pred, ops.expand_dims(ops.cast(classes, "int32"), -1), axis=-1)
    beaten_by = ops.sum(
        ops.cast(ops.logical_not(ops.less_equal(y_pred, own)), settings.float_dtype()), axis=-1
    )
    return ops.cast(ops.less(beaten_by, float(k)), settings.float_dtype())


def _check_one_hot(name, y_true, y_pred):
    if tuple(y_true.shape) != tuple(y_pred.shape):
        sparse = f"sparse_{name}"
        raise ValueError(
            f"{name}: the labels have shape {tuple(y_true.shape)}, the predictions {tuple(y_pred.shape)}; "
            f"one-hot labels have the predictions' shape. For class numbers use {sparse}"
        )


class Accuracy(NamedMetric):
    """How often predictions equal labels."""

    _direction = "up"

    def __init__(self, name="accuracy", dtype=None):
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(NamedMetric):
    """How often predictions over `threshold` are labels 1 and others 0."""

    _direction = "up"

    def __init__(self, name="binary_accuracy", dtype=None, threshold=0.5):
        super().__init__(binary_accuracy, **named_arguments(locals()))


class CategoricalAccuracy(NamedMetric):
    """How often the largest prediction is the class of one-hot labels."""

    _direction = "up"

    def __init__(self, name="categorical_accuracy", dtype=None):
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(NamedMetric):
    """How often the largest prediction is the class whose number is the label."""

    _direction = "up"

    def __init__(self, name="sparse_categorical_accuracy", dtype=None):
        super().__init__(sparse_categorical_accuracy, name, dtype)


class TopKCategoricalAccuracy(NamedMetric):
    """How often the class of one-hot labels is among the `k` largest predictions."""

    _direction = "up"

    def __init__(self, k=5, name="top_k_categorical_accuracy", dtype=None):
        super().__init__(top_k_categorical_accuracy, **named_arguments(locals()))


class SparseTopKCategoricalAccuracy(NamedMetric):
    """How often the class whose number is the label is among the `k` largest predictions."""

    _direction = "up"

    unsaved = ("from_sorted_ids",)

    def __init__(self, k=5, name="sparse_top_k_categorical_accuracy", dtype=None, from_sorted_ids=False):
        super().__init__(sparse_top_k_categorical_accuracy, **named_arguments(locals()))
