"""F-beta and F1 scores. Source: Keras 3 `metrics`."""

from .. import ops
from ..engine import settings
from ..engine.variable import convert
from .metric import Metric


class FBetaScore(Metric):
    """(1 + beta^2) precision * recall / (beta^2 precision + recall), for each class.

    Args:
        average: None: one score a class; "micro": counts of all classes together; "macro": the mean of the scores;
            "weighted": their mean, weighed by how often the class occurs.
        beta: over 1 recall counts more, under 1 precision.
        threshold: scores over it are positive; None: only the largest of each row.
    Raises:
        ValueError: an argument out of its range; inputs that are not (batch, classes).
    """

    _direction = "up"

    def __init__(self, average=None, beta=1.0, threshold=None, name="fbeta_score", dtype=None):
        super().__init__(name=name, dtype=dtype)
        who = type(self).__name__
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(
                f"{who}: `average` must be None, 'micro', 'macro' or 'weighted', received {average!r}"
            )
        if not isinstance(beta, float) or beta <= 0.0:
            raise ValueError(f"{who}: `beta` must be a float over 0, received {beta!r}")
        if threshold is not None and not (isinstance(threshold, float) and 0.0 < threshold <= 1.0):
            raise ValueError(
                f"{who}: `threshold` must be a float over 0 and at most 1, or None, received {threshold!r}"
            )
        self.average = average
        self.beta = beta
        self.threshold = threshold
        self.axis = None if average == "micro" else 0
        self._built = False

    def _build(self, classes):
        shape = () if self.average == "micro" else (classes,)
        for name in ("true_positives", "false_positives", "false_negatives", "intermediate_weights"):
            setattr(self, name, self.add_variable(shape=shape, dtype=self.dtype, name=name))
        self._built = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = convert(y_true, dtype=self.dtype), convert(y_pred, dtype=self.dtype)
        if len(y_pred.shape) != 2 or tuple(y_true.shape) != tuple(y_pred.shape):
            raise ValueError(
                f"{type(self).__name__}: labels and predictions must both have shape (batch, classes), "
                f"received {tuple(y_true.shape)} and {tuple(y_pred.shape)}"
            )
        if not self._built:
            self._build(y_pred.shape[1])
        if self.threshold is None:
            largest = ops.max(y_pred, axis=-1, keepdims=True)
            positive = ops.logical_and(ops.greater_equal(y_pred, largest), ops.greater(ops.abs(y_pred), 1e-9))
        else:
            positive = ops.greater(y_pred, self.threshold)
        positive = ops.cast(positive, self.dtype)
        weight = (
            None if sample_weight is None else ops.expand_dims(convert(sample_weight, dtype=self.dtype), 1)
        )

        def total(values):
            return ops.sum(values if weight is None else values * weight, axis=self.axis)

        self.true_positives.assign_add(total(positive * y_true))
        self.false_positives.assign_add(total(positive * (1.0 - y_true)))
        self.false_negatives.assign_add(total((1.0 - positive) * y_true))
        self.intermediate_weights.assign_add(total(y_true))

    def result(self):
        if not self._built:
            return convert(0.0, dtype=self.dtype)
        epsilon = settings.epsilon()
        precision = self.true_positives / (self.true_positives + self.false_positives + epsilon)
        recall = self.true_positives / (self.true_positives + self.false_negatives + epsilon)
        square = self.beta * self.beta
        score = precision * recall / (square * precision + recall + epsilon) * (1.0 + square)
        if self.average == "weighted":
            return ops.sum(
                score * (self.intermediate_weights / (ops.sum(self.intermediate_weights) + epsilon))
            )
        return score if self.average is None else ops.mean(score)

    def get_config(self):
        return {
            **super().get_config(),
            "average": self.average,
            "beta": self.beta,
            "threshold": self.threshold,
        }


class F1Score(FBetaScore):
    """`FBetaScore` with beta 1: the harmonic mean of precision and recall."""

    def __init__(self, average=None, threshold=None, name="f1_score", dtype=None):
        super().__init__(average=average, beta=1.0, threshold=threshold, name=name, dtype=dtype)

    def get_config(self):
        config = super().get_config()
        del config["beta"]
        return config
