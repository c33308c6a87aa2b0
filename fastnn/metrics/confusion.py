"""Counts of right and wrong yes/no decisions by threshold, and what is made of them. Source: Keras 3 `metrics`."""

import numpy as np

from .. import ops
from ..engine import settings
from ..engine.allowance import spend_bytes
from ..engine.variable import convert
from ..losses.loss import check_broadcast, squeeze_or_expand_to_same_rank
from .metric import Metric

_NEVER = -1e10  # a score that no threshold lets pass
_BYTES_A_FLOAT = 32  # in a list


def threshold_list(name, thresholds, default):
    """`thresholds` (None, a number, or several) as a list of floats between 0 and 1."""
    values = (
        [default]
        if thresholds is None
        else (list(thresholds) if isinstance(thresholds, (list, tuple, np.ndarray)) else [thresholds])
    )
    wrong = [t for t in values if thresholds is not None and (t is None or not 0 <= t <= 1)]
    if wrong:
        raise ValueError(f"{name}: `thresholds` must lie between 0 and 1, received {wrong}")
    return values


def even_thresholds(count, who):
    """`count` floats from 0 to 1, at equal distances; 0.5 where it is one alone."""
    spend_bytes(_BYTES_A_FLOAT * count, who, f"a list of {count} thresholds")
    return [0.5] if count == 1 else [i / (count - 1) for i in range(count)]


def evenly_spaced(thresholds):
    """Whether these are 0, 1/(n-1), ..., 1: then a score's bucket is found by rounding, as Keras does it."""
    n = len(thresholds)
    return n >= 3 and np.allclose(
        thresholds, np.arange(n, dtype=np.float32) / (n - 1), atol=settings.epsilon()
    )


def count_decisions(
    wanted,
    y_true,
    y_pred,
    thresholds,
    *,
    even=False,
    top_k=None,
    class_id=None,
    sample_weight=None,
    label_weights=None,
    multi_label=False,
):
    """Add to variables how many predictions are right and wrong at each threshold (positive: score > threshold).

    Args:
        wanted: {"tp" | "fp" | "tn" | "fn": variable}, each (thresholds,), or (thresholds, labels) if multi_label.
        y_true: labels, zero or not, of y_pred's shape; y_pred: scores.
        thresholds: floats; even: they are evenly spaced from 0 to 1.
        top_k: only the k best scores of the last axis may be positive; class_id: only that column counts.
        sample_weight: broadcasts against y_pred from the left; label_weights: one a column.
    """
    dtype = next(iter(wanted.values())).dtype
    y_pred, y_true = squeeze_or_expand_to_same_rank(
        convert(y_pred, dtype=dtype), convert(y_true, dtype=dtype)
    )
    if tuple(y_true.shape) != tuple(y_pred.shape):
        raise ValueError(
            f"the labels have shape {tuple(y_true.shape)}, the predictions {tuple(y_pred.shape)}; this "
            "metric compares them element by element, so give one label (0 or 1) for each prediction"
        )
    if sample_weight is not None:
        sample_weight = ops.expand_dims(convert(sample_weight, dtype=dtype), axis=-1)
        _, sample_weight = squeeze_or_expand_to_same_rank(y_true, sample_weight, expand_rank_1=False)
    if top_k is not None:
        y_pred = _only_best(y_pred, top_k)
    if class_id is not None:
        if len(y_pred.shape) == 1:
            raise ValueError(
                "with `class_id`, predictions must have shape (samples, classes), received "
                f"{tuple(y_pred.shape)}"
            )
        y_true, y_pred = y_true[..., class_id : class_id + 1], y_pred[..., class_id : class_id + 1]
    weight = None
    for part in (
        sample_weight,
        None if label_weights is None else ops.expand_dims(convert(label_weights), 0),
    ):
        if part is not None:
            check_broadcast("sample_weight", part.shape, "the predictions", y_pred.shape)
            part = ops.broadcast_to(part, y_pred.shape)
            weight = part if weight is None else weight * part
    yes = ops.cast(ops.not_equal(y_true, 0.0), dtype)
    no = 1.0 - yes
    if weight is not None:
        yes, no = yes * weight, no * weight
    if not multi_label:
        yes, no, y_pred = ops.reshape(yes, (-1,)), ops.reshape(no, (-1,)), ops.reshape(y_pred, (-1,))
    positive = ops.cast(_over_thresholds(y_pred, thresholds, even), dtype)  # (thresholds, samples[, labels])
    for kind, variable in wanted.items():
        decided = positive if kind in ("tp", "fp") else 1.0 - positive
        label = yes if kind in ("tp", "fn") else no
        variable.assign_add(ops.sum(decided * label, axis=1) if multi_label else ops.matmul(decided, label))


def _over_thresholds(y_pred, thresholds, even):
    rank = len(y_pred.shape)
    column = (len(thresholds),) + (1,) * rank
    if not even:
        return ops.greater(y_pred, convert(np.reshape(np.asarray(thresholds, y_pred.dtype), column)))
    n = len(thresholds)
    bucket = ops.ceil(ops.clip(y_pred, 0.0, 1.0) * float(n - 1)) - 1.0
    if thresholds[0] < 0.0 or thresholds[-1] > 1.0:  # the first lies below 0, so a score of 0 passes it
        bucket = ops.maximum(bucket, 0.0)
    return ops.greater_equal(bucket, convert(np.arange(n, dtype=y_pred.dtype).reshape(column)))


def _only_best(y_pred, k):
    _, best = ops.top_k(y_pred, k)
    mask = ops.sum(ops.one_hot(best, y_pred.shape[-1], dtype=y_pred.dtype), axis=-2)
    return y_pred * mask + _NEVER * (1.0 - mask)


class _Count(Metric):
    """How many decisions of one kind there were at each threshold."""

    kind = None

    def __init__(self, thresholds=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.thresholds = threshold_list(type(self).__name__, thresholds, 0.5)
        self._even = evenly_spaced(self.thresholds)
        self.accumulator = self.add_variable(shape=(len(self.thresholds),), name="accumulator")

    def update_state(self, y_true, y_pred, sample_weight=None):
        count_decisions(
            {self.kind: self.accumulator},
            y_true,
            y_pred,
            self.thresholds,
            even=self._even,
            sample_weight=sample_weight,
        )

    def result(self):
        return _one_or_all(self.accumulator.read(), self.thresholds)

    def get_config(self):
        return {**super().get_config(), "thresholds": self.init_thresholds}


def _one_or_all(values, thresholds):
    return values[0] if len(thresholds) == 1 else values


class FalsePositives(_Count):
    """Predictions over the threshold whose label is 0."""

    kind = "fp"


class FalseNegatives(_Count):
    """Predictions not over the threshold whose label is 1."""

    kind = "fn"


class TrueNegatives(_Count):
    """Predictions not over the threshold whose label is 0."""

    kind = "tn"


class TruePositives(_Count):
    """Predictions over the threshold whose label is 1."""

    kind = "tp"


class _Share(Metric):
    """true positives / (true positives + `other`), at each threshold.

    Args:
        thresholds: a float or several in [0, 1]; 0.5 by default (with `top_k`: none).
        top_k: only the k best scores of a row may be positive.
        class_id: look at this column only.
    """

    _direction = "up"

    other = None  # (the kind, its variable's name)

    def __init__(self, thresholds=None, top_k=None, class_id=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.top_k = top_k
        self.class_id = class_id
        self.thresholds = threshold_list(type(self).__name__, thresholds, 0.5 if top_k is None else _NEVER)
        self._even = evenly_spaced(self.thresholds)
        shape = (len(self.thresholds),)
        self.true_positives = self.add_variable(shape=shape, name="true_positives")
        setattr(self, self.other[1], self.add_variable(shape=shape, name=self.other[1]))

    def update_state(self, y_true, y_pred, sample_weight=None):
        count_decisions(
            {"tp": self.true_positives, self.other[0]: getattr(self, self.other[1])},
            y_true,
            y_pred,
            self.thresholds,
            even=self._even,
            top_k=self.top_k,
            class_id=self.class_id,
            sample_weight=sample_weight,
        )

    def result(self):
        other = getattr(self, self.other[1])
        return _one_or_all(
            ops.divide_no_nan(self.true_positives, self.true_positives + other), self.thresholds
        )

    def get_config(self):
        return {
            **super().get_config(),
            "thresholds": self.init_thresholds,
            "top_k": self.top_k,
            "class_id": self.class_id,
        }


class Precision(_Share):
    __doc__ = "How many of those called positive are: " + _Share.__doc__
    other = ("fp", "false_positives")


class Recall(_Share):
    __doc__ = "How many of the positive ones are called so: " + _Share.__doc__
    other = ("fn", "false_negatives")


KINDS = {"tp": "true_positives", "fp": "false_positives", "tn": "true_negatives", "fn": "false_negatives"}


class _BestUnderConstraint(Metric):
    """The best of one rate over all thresholds where another rate is at least a given value.

    Args:
        num_thresholds: how many thresholds between 0 and 1 are tried.
        class_id: look at this column only.
    """

    _direction = "up"

    argument = None  # the constructor's name for the given value
    constrained = sought = None  # each (numerator's kind, the other kind of the denominator)

    def __init__(self, value, num_thresholds, class_id, name, dtype):
        super().__init__(name=name, dtype=dtype)
        who = type(self).__name__
        if not 0 <= value <= 1:
            raise ValueError(f"{who}: `{self.argument}` must lie between 0 and 1, received {value}")
        if num_thresholds <= 0:
            raise ValueError(f"{who}: `num_thresholds` must be at least 1, received {num_thresholds}")
        setattr(self, self.argument, value)
        self.value = value
        self.num_thresholds = num_thresholds
        self.class_id = class_id
        self._even = num_thresholds > 1
        self.thresholds = even_thresholds(num_thresholds, who)
        for variable in KINDS.values():
            setattr(self, variable, self.add_variable(shape=(len(self.thresholds),), name=variable))

    def update_state(self, y_true, y_pred, sample_weight=None):
        count_decisions(
            {kind: getattr(self, variable) for kind, variable in KINDS.items()},
            y_true,
            y_pred,
            self.thresholds,
            even=self._even,
            class_id=self.class_id,
            sample_weight=sample_weight,
        )

    def _rate(self, kinds):
        part, rest = (getattr(self, KINDS[kind]) for kind in kinds)
        return ops.divide_no_nan(part, part + rest)

    def result(self):
        feasible = ops.greater_equal(self._rate(self.constrained), self.value)
        return ops.max(ops.where(feasible, self._rate(self.sought), 0.0))

    def get_config(self):
        return {
            **super().get_config(),
            "class_id": self.class_id,
            "num_thresholds": self.num_thresholds,
            self.argument: self.value,
        }


class SensitivityAtSpecificity(_BestUnderConstraint):
    __doc__ = "tp / (tp + fn) where tn / (tn + fp) is at least `specificity`. " + _BestUnderConstraint.__doc__
    argument, constrained, sought = "specificity", ("tn", "fp"), ("tp", "fn")

    def __init__(self, specificity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(specificity, num_thresholds, class_id, name, dtype)


class SpecificityAtSensitivity(_BestUnderConstraint):
    __doc__ = "tn / (tn + fp) where tp / (tp + fn) is at least `sensitivity`. " + _BestUnderConstraint.__doc__
    argument, constrained, sought = "sensitivity", ("tp", "fn"), ("tn", "fp")

    def __init__(self, sensitivity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)


class PrecisionAtRecall(_BestUnderConstraint):
    __doc__ = "tp / (tp + fp) where tp / (tp + fn) is at least `recall`. " + _BestUnderConstraint.__doc__
    argument, constrained, sought = "recall", ("tp", "fn"), ("tp", "fp")

    def __init__(self, recall, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(recall, num_thresholds, class_id, name, dtype)


class RecallAtPrecision(_BestUnderConstraint):
    __doc__ = "tp / (tp + fn) where tp / (tp + fp) is at least `precision`. " + _BestUnderConstraint.__doc__
    argument, constrained, sought = "precision", ("tp", "fp"), ("tp", "fn")

    def __init__(self, precision, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(precision, num_thresholds, class_id, name, dtype)
