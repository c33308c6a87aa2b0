"""Losses between numbers: the errors, Huber, log-cosh and cosine similarity.

Each function takes y_true and y_pred of shape (..., d), any float dtype, and gives shape (...).
Source: Keras 3 `losses`.
"""

import math

from .. import ops
from ..engine import settings
from ..engine.constructor_arguments import named_arguments
from ..engine.variable import convert
from .function_loss import NamedLoss
from .loss import check_broadcast, squeeze_or_expand_to_same_rank


def aligned(y_true, y_pred):
    """Both as tensors of y_pred's dtype and of one rank: a last axis of size 1 is dropped or added where that helps.

    Raises:
        ValueError: the shapes do not belong together. (Keras broadcasts targets of shape (n,) against predictions of
            shape (n, n), row i with every column but its own: never what was meant.)
    """
    y_pred = convert(y_pred)
    y_true, y_pred = squeeze_or_expand_to_same_rank(convert(y_true, dtype=y_pred.dtype), y_pred)
    if len(y_true.shape) != len(y_pred.shape) and y_true.shape and y_pred.shape:
        raise ValueError(
            f"`y_true` has shape {y_true.shape}, the predictions `y_pred` have {y_pred.shape}; this loss "
            "compares them element by element, so give targets of the predictions' shape"
        )
    check_broadcast("y_true", y_true.shape, "the predictions `y_pred`", y_pred.shape)
    return y_true, y_pred


def mean_squared_error(y_true, y_pred):
    """mean((y_true - y_pred)^2) over the last axis."""
    y_true, y_pred = aligned(y_true, y_pred)
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


def mean_absolute_error(y_true, y_pred):
    """mean(|y_true - y_pred|) over the last axis."""
    y_true, y_pred = aligned(y_true, y_pred)
    return ops.mean(ops.abs(y_true - y_pred), axis=-1)


def mean_absolute_percentage_error(y_true, y_pred):
    """100 * mean(|y_true - y_pred| / max(|y_true|, epsilon)) over the last axis."""
    y_true, y_pred = aligned(y_true, y_pred)
    share = ops.abs((y_true - y_pred) / ops.maximum(ops.abs(y_true), settings.epsilon()))
    return 100.0 * ops.mean(share, axis=-1)


def mean_squared_logarithmic_error(y_true, y_pred):
    """mean((log(y_true + 1) - log(y_pred + 1))^2) over the last axis; values under epsilon count as epsilon."""
    y_true, y_pred = aligned(y_true, y_pred)
    log_pred = ops.log(ops.maximum(y_pred, settings.epsilon()) + 1.0)
    log_true = ops.log(ops.maximum(y_true, settings.epsilon()) + 1.0)
    return ops.mean(ops.square(log_pred - log_true), axis=-1)


def cosine_similarity(y_true, y_pred, axis=-1):
    """-sum(y_true * y_pred) over `axis`, both scaled to length 1: -1 for the same direction, 1 for the opposite."""
    y_true, y_pred = aligned(y_true, y_pred)
    return -ops.sum(ops.normalize(y_true, axis=axis) * ops.normalize(y_pred, axis=axis), axis=axis)


def huber(y_true, y_pred, delta=1.0):
    """mean over the last axis of e^2 / 2 where |e| <= delta, else delta |e| - delta^2 / 2; e = y_pred - y_true."""
    y_true, y_pred = aligned(y_true, y_pred)
    error = y_pred - y_true
    size = ops.abs(error)
    values = ops.where(size <= delta, 0.5 * ops.square(error), delta * size - 0.5 * delta * delta)
    return ops.mean(values, axis=-1)


def log_cosh(y_true, y_pred):
    """mean(log(cosh(y_pred - y_true))) over the last axis, as e + softplus(-2e) - log 2, which does not overflow."""
    y_true, y_pred = aligned(y_true, y_pred)
    error = y_pred - y_true
    return ops.mean(error + ops.softplus(error * -2.0) - math.log(2.0), axis=-1)


class MeanSquaredError(NamedLoss):
    """See `mean_squared_error`."""

    def __init__(self, reduction="sum_over_batch_size", name="mean_squared_error", dtype=None):
        super().__init__(mean_squared_error, reduction, name, dtype)


class MeanAbsoluteError(NamedLoss):
    """See `mean_absolute_error`."""

    def __init__(self, reduction="sum_over_batch_size", name="mean_absolute_error", dtype=None):
        super().__init__(mean_absolute_error, reduction, name, dtype)


class MeanAbsolutePercentageError(NamedLoss):
    """See `mean_absolute_percentage_error`."""

    def __init__(self, reduction="sum_over_batch_size", name="mean_absolute_percentage_error", dtype=None):
        super().__init__(mean_absolute_percentage_error, reduction, name, dtype)


class MeanSquaredLogarithmicError(NamedLoss):
    """See `mean_squared_logarithmic_error`."""

    def __init__(self, reduction="sum_over_batch_size", name="mean_squared_logarithmic_error", dtype=None):
        super().__init__(mean_squared_logarithmic_error, reduction, name, dtype)


class CosineSimilarity(NamedLoss):
    """See `cosine_similarity`."""

    unsaved = ("axis",)

    def __init__(self, axis=-1, reduction="sum_over_batch_size", name="cosine_similarity", dtype=None):
        super().__init__(cosine_similarity, **named_arguments(locals()))


class Huber(NamedLoss):
    """See `huber`; `delta` is where the square ends and the line begins."""

    unsaved = ("delta",)

    def __init__(self, delta=1.0, reduction="sum_over_batch_size", name="huber_loss", dtype=None):
        super().__init__(huber, **named_arguments(locals()))


class LogCosh(NamedLoss):
    """See `log_cosh`."""

    def __init__(self, reduction="sum_over_batch_size", name="log_cosh", dtype=None):
        super().__init__(log_cosh, reduction, name, dtype)
