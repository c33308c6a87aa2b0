"""Cross-entropies between one class of several and predictions for each: one-hot and sparse labels.

`y_pred` has the classes on `axis`: (..., classes). One-hot labels have its shape, sparse labels lack that axis (or
have it with size 1). The values have y_pred's shape without `axis`. Source: Keras 3 `losses`.
"""

import warnings

from .. import ops
from ..engine import settings
from ..engine.constructor_arguments import named_arguments
from ..engine.masks import set_mask
from ..engine.variable import convert
from .function_loss import NamedLoss, integer_targets


def categorical_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """-sum(y_true * log(p)) over `axis`.

    Args:
        y_true: one-hot labels, or other probabilities, of y_pred's shape.
        y_pred: probabilities (scaled to sum 1), or with `from_logits` what a softmax makes probabilities of.
        label_smoothing: s moves labels towards evenness: y (1 - s) + s / classes.
    Raises:
        ValueError: the labels are class numbers.
    """
    y_true, y_pred = one_hot_targets("categorical_crossentropy", y_true, y_pred, label_smoothing, axis)
    return ops.categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)


def categorical_focal_crossentropy(
    y_true, y_pred, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0, axis=-1
):
    """-sum(alpha (1 - p)^gamma y_true log(p)) over `axis`.

    Source: Lin et al., "Focal Loss for Dense Object Detection", arXiv 1708.02002.
    """
    y_true, y_pred = one_hot_targets("categorical_focal_crossentropy", y_true, y_pred, label_smoothing, axis)
    if from_logits:
        y_pred = ops.softmax(y_pred, axis=axis)
    p = y_pred / ops.sum(y_pred, axis=axis, keepdims=True)
    p = ops.clip(p, settings.epsilon(), 1.0 - settings.epsilon())
    return ops.sum(ops.power(1.0 - p, gamma) * alpha * (-y_true * ops.log(p)), axis=axis)


def one_hot_targets(name, y_true, y_pred, label_smoothing, axis):
    """Labels and predictions in one dtype, the labels smoothed; the errors of both categorical losses."""
    if isinstance(axis, bool):
        raise ValueError(f"{name}: `axis` must be an integer, received {axis}")
    y_pred = convert(y_pred)
    y_true = convert(y_true, dtype=y_pred.dtype)
    classes = y_pred.shape[axis]
    if tuple(y_true.shape) != tuple(y_pred.shape):
        cure = (
            f"The labels look like class numbers: use sparse_{name.replace('focal_', '')}, or make them one-hot "
            f"with ops.one_hot(y, {classes})"
            if _without_axis(y_pred.shape, axis) in (tuple(y_true.shape), _without_axis(y_true.shape, axis))
            else f"Check that the last layer has one unit for each of the labels' {y_true.shape[-1]} classes"
            if y_true.shape
            else "Give one-hot labels"
        )
        raise ValueError(
            f"{name}: the labels have shape {tuple(y_true.shape)}, the predictions "
            f"{tuple(y_pred.shape)}; one-hot labels have the predictions' shape. {cure}"
        )
    if classes == 1:
        warnings.warn(
            f"{name} over one class is always 0: y_pred has shape {tuple(y_pred.shape)}. For two classes "
            "with one output use binary_crossentropy",
            SyntaxWarning,
            stacklevel=3,
        )
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / y_true.shape[-1]
    return y_true, y_pred


def sparse_categorical_crossentropy(y_true, y_pred, from_logits=False, ignore_class=None, axis=-1):
    """-log(p[class]), the class of each sample given by number.

    Args:
        y_true: integers (any dtype) from 0 to classes - 1.
        y_pred: probabilities (scaled to sum 1), or with `from_logits` what a softmax makes probabilities of.
        ignore_class: samples of this class (often -1) give 0, and a Loss does not count them.
    Raises:
        ValueError: the labels are one-hot.
    """
    y_true, y_pred = class_numbers("sparse_categorical_crossentropy", y_true, y_pred, axis)
    if ignore_class is None:
        return ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)
    valid = ops.not_equal(y_true, ignore_class)
    y_true = ops.where(valid, y_true, 0)
    y_pred = ops.where(ops.expand_dims(valid, axis), y_pred, 0.0)
    values = ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)
    values = ops.where(valid, values, 0.0)
    set_mask(values, valid)
    return values


def class_numbers(name, y_true, y_pred, axis=-1):
    """Labels without the class axis, and predictions; the error for one-hot labels and others that do not fit."""
    y_true, y_pred = convert(y_true), convert(y_pred)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape and y_true.shape[axis] == 1:
        y_true = ops.squeeze(y_true, axis=axis)
    want = _without_axis(y_pred.shape, axis)
    if tuple(y_true.shape) != want:
        cure = (
            f"The labels look one-hot: use {name.replace('sparse_', '')}, or turn them into class numbers with "
            "ops.argmax(y, axis=-1)"
            if tuple(y_true.shape) == tuple(y_pred.shape)
            else f"Give one class number for each prediction, shape {want}"
        )
        raise ValueError(
            f"{name}: the labels have shape {tuple(y_true.shape)}, the predictions "
            f"{tuple(y_pred.shape)}. {cure}"
        )
    return y_true, y_pred


def _without_axis(shape, axis):
    axis = axis % len(shape) if shape else 0
    return tuple(shape[:axis]) + tuple(shape[axis + 1 :])


integer_targets.add(sparse_categorical_crossentropy)


def categorical_generalized_cross_entropy(y_true, y_pred, q):
    """(1 - p[class]^q) / q, robust to wrong labels; between cross-entropy (q to 0) and absolute error (q = 1).

    Args:
        y_true: class numbers, y_pred's shape without the last axis.
        y_pred: probabilities, (..., classes).
    Source: Zhang and Sabuncu, "Generalized Cross Entropy Loss ... with Noisy Labels", NeurIPS 2018.
    """
    y_true, y_pred = class_numbers("categorical_generalized_cross_entropy", y_true, y_pred)
    one_hot = ops.one_hot(ops.cast(y_true, "int32"), y_pred.shape[-1], dtype=y_pred.dtype)
    return (1.0 - ops.power(ops.sum(y_pred * one_hot, axis=-1), q)) / q


integer_targets.add(categorical_generalized_cross_entropy)


class CategoricalCrossentropy(NamedLoss):
    """See `categorical_crossentropy`."""

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="categorical_crossentropy",
        dtype=None,
    ):
        super().__init__(categorical_crossentropy, **named_arguments(locals()))


class CategoricalFocalCrossentropy(NamedLoss):
    """See `categorical_focal_crossentropy`."""

    def __init__(
        self,
        alpha=0.25,
        gamma=2.0,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="categorical_focal_crossentropy",
        dtype=None,
    ):
        super().__init__(categorical_focal_crossentropy, **named_arguments(locals()))


class SparseCategoricalCrossentropy(NamedLoss):
    """See `sparse_categorical_crossentropy`."""

    unsaved = ("axis",)

    def __init__(
        self,
        from_logits=False,
        ignore_class=None,
        reduction="sum_over_batch_size",
        axis=-1,
        name="sparse_categorical_crossentropy",
        dtype=None,
    ):
        super().__init__(sparse_categorical_crossentropy, **named_arguments(locals()))


class CategoricalGeneralizedCrossEntropy(NamedLoss):
    """See `categorical_generalized_cross_entropy`.

    Raises:
        ValueError: `q` is not between 0 and 1.
    """

    def __init__(
        self, q=0.5, reduction="sum_over_batch_size", name="categorical_generalized_cross_entropy", dtype=None
    ):
        if not 0 < q < 1:
            raise ValueError(
                f"CategoricalGeneralizedCrossEntropy: `q` must lie between 0 and 1, received {q}"
            )
        super().__init__(categorical_generalized_cross_entropy, **named_arguments(locals()))
