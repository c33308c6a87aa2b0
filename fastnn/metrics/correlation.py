"""Correlation of predictions with targets. Source: Keras 3 `metrics`."""

from .. import ops
from ..engine import settings
from ..losses.regression import aligned
from .reduction import NamedMetric


def pearson_correlation(y_true, y_pred, axis=-1):
    """The mean over `axis` of the product of both, each with its mean taken off and divided by its deviation."""
    y_true, y_pred = aligned(y_true, y_pred)
    y_true = y_true - ops.mean(y_true, axis=axis, keepdims=True)
    y_pred = y_pred - ops.mean(y_pred, axis=axis, keepdims=True)
    y_true = y_true / ops.std(y_true, axis=axis, keepdims=True)
    y_pred = y_pred / ops.std(y_pred, axis=axis, keepdims=True)
    return ops.mean(y_true * y_pred, axis=axis)


def concordance_correlation(y_true, y_pred, axis=-1):
    """2 cov / (var_true + var_pred + (mean_true - mean_pred)^2) over `axis`, as Keras computes it."""
    y_true, y_pred = aligned(y_true, y_pred)
    true_mean = ops.mean(y_true, axis=axis, keepdims=True)
    pred_mean = ops.mean(y_pred, axis=axis, keepdims=True)
    true_var = ops.var(y_true - true_mean, axis=axis, keepdims=True)
    pred_var = ops.var(y_pred - pred_mean, axis=axis, keepdims=True)
    # y_pred's mean twice: the mean of this is cov all the same.
    product = (y_true - pred_mean) * (y_pred - pred_mean)
    norm = true_var + pred_var + ops.square(true_mean - pred_mean)
    return ops.mean(2.0 * product / (norm + settings.epsilon()), axis=axis)


class PearsonCorrelation(NamedMetric):
    """The mean of `pearson_correlation`."""

    _direction = "up"

    def __init__(self, name="pearson_correlation", dtype=None, axis=-1):
        super().__init__(pearson_correlation, name, dtype, axis=axis)


class ConcordanceCorrelation(NamedMetric):
    """The mean of `concordance_correlation`."""

    _direction = "up"

    def __init__(self, name="concordance_correlation", dtype=None, axis=-1):
        super().__init__(concordance_correlation, name, dtype, axis=axis)
