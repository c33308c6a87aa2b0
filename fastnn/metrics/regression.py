"""Errors between numbers, and R2. Source: Keras 3 `metrics`."""

import warnings

from .. import ops
from ..engine.constructor_arguments import named_arguments
from ..engine.variable import convert
from ..losses import regression as losses
from ..losses.loss import check_broadcast
from .metric import Metric
from .reduction import Mean, NamedMetric


def cosine_similarity(y_true, y_pred, axis=-1):
    """sum(y_true * y_pred) over `axis`, both scaled to length 1: 1 for the same direction (the loss has -1)."""
    return -losses.cosine_similarity(y_true, y_pred, axis=axis)


class MeanSquaredError(NamedMetric):
    """The mean of `losses.mean_squared_error`."""

    _direction = "down"

    def __init__(self, name="mean_squared_error", dtype=None):
        super().__init__(losses.mean_squared_error, name, dtype)


class MeanAbsoluteError(NamedMetric):
    """The mean of `losses.mean_absolute_error`."""

    _direction = "down"

    def __init__(self, name="mean_absolute_error", dtype=None):
        super().__init__(losses.mean_absolute_error, name, dtype)


class MeanAbsolutePercentageError(NamedMetric):
    """The mean of `losses.mean_absolute_percentage_error`."""

    _direction = "down"

    def __init__(self, name="mean_absolute_percentage_error", dtype=None):
        super().__init__(losses.mean_absolute_percentage_error, name, dtype)


class MeanSquaredLogarithmicError(NamedMetric):
    """The mean of `losses.mean_squared_logarithmic_error`."""

    _direction = "down"

    def __init__(self, name="mean_squared_logarithmic_error", dtype=None):
        super().__init__(losses.mean_squared_logarithmic_error, name, dtype)


class RootMeanSquaredError(Mean):
    """The square root of the mean of (y_pred - y_true)^2."""

    _direction = "down"

    def __init__(self, name="root_mean_squared_error", dtype=None):
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = losses.aligned(y_true, convert(y_pred, dtype=self.dtype))
        super().update_state(ops.square(y_pred - y_true), sample_weight)

    def result(self):
        return ops.sqrt(super().result())


class CosineSimilarity(NamedMetric):
    """The mean of `cosine_similarity`."""

    _direction = "up"

    unsaved = ("axis",)

    def __init__(self, name="cosine_similarity", dtype=None, axis=-1):
        super().__init__(cosine_similarity, **named_arguments(locals()))


class LogCoshError(NamedMetric):
    """The mean of `losses.log_cosh`."""

    _direction = "down"

    def __init__(self, name="logcosh", dtype=None):
        super().__init__(losses.log_cosh, name, dtype)


class R2Score(Metric):
    """1 - (sum of squared residuals) / (sum of squared deviations of y_true from its mean), for each column.

    Args:
        class_aggregation: "uniform_average" of the columns, "variance_weighted_average", or None: one score a column.
        num_regressors: predictors of the model, for the adjusted score; 0: not adjusted.
    Raises:
        ValueError: an unknown aggregation, a negative number, or inputs that are not (batch, columns).
    """

    _direction = "up"

    def __init__(self, class_aggregation="uniform_average", num_regressors=0, name="r2_score", dtype=None):
        super().__init__(name=name, dtype=dtype)
        if class_aggregation not in (None, "uniform_average", "variance_weighted_average"):
            raise ValueError(
                "R2Score: `class_aggregation` must be None, 'uniform_average' or "
                f"'variance_weighted_average', received {class_aggregation!r}"
            )
        if num_regressors < 0:
            raise ValueError(f"R2Score: `num_regressors` must be 0 or more, received {num_regressors}")
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = self.add_variable(shape=(), name="num_samples")
        self.squared_sum = None

    def _build(self, columns):
        self.squared_sum = self.add_variable(name="squared_sum", shape=(columns,))
        self.sum = self.add_variable(name="sum", shape=(columns,))
        self.total_mse = self.add_variable(name="residual", shape=(columns,))
        self.count = self.add_variable(name="count", shape=(columns,))

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = losses.aligned(y_true, convert(y_pred, dtype=self.dtype))
        if len(y_pred.shape) != 2:
            raise ValueError(
                f"R2Score: predictions must have shape (batch, columns), received {tuple(y_pred.shape)}"
            )
        if self.squared_sum is None:
            self._build(y_pred.shape[1])
        weight = convert(1.0 if sample_weight is None else sample_weight, dtype=self.dtype)
        if len(weight.shape) == 1:
            weight = ops.expand_dims(weight, axis=1)
        check_broadcast("sample_weight", weight.shape, "the targets", y_true.shape)
        weight = ops.broadcast_to(weight, y_true.shape)
        weighted = y_true * weight
        self.sum.assign_add(ops.sum(weighted, axis=0))
        self.squared_sum.assign_add(ops.sum(y_true * weighted, axis=0))
        self.total_mse.assign_add(ops.sum(ops.square(y_true - y_pred) * weight, axis=0))
        self.count.assign_add(ops.sum(weight, axis=0))
        self.num_samples.assign_add(float(y_true.shape[0] * y_true.shape[1]))

    def result(self):
        if self.squared_sum is None:
            return convert(0.0, dtype=self.dtype)
        total = self.squared_sum - self.sum * (self.sum / self.count)
        scores = 1.0 - self.total_mse / total
        scores = ops.where(ops.isinf(scores), 0.0, scores)  # a column that never varies
        if self.class_aggregation == "uniform_average":
            scores = ops.mean(scores)
        elif self.class_aggregation == "variance_weighted_average":
            scores = ops.sum(total * scores) / ops.sum(total)
        if self.num_regressors == 0:
            return scores
        spare = float(self.num_samples) - self.num_regressors - 1.0
        if spare <= 0:
            warnings.warn(
                f"R2Score: {self.num_regressors} regressors need more than {int(self.num_samples)} samples "
                "for the adjusted score; this is the score that is not adjusted",
                stacklevel=2,
            )
            return scores
        return 1.0 - (1.0 - scores) * ((float(self.num_samples) - 1.0) / spare)

    def get_config(self):
        return {
            **super().get_config(),
            "class_aggregation": self.class_aggregation,
            "num_regressors": self.num_regressors,
        }
