"""Losses between distributions: Kullback-Leibler, Poisson and the binary cross-entropies.

Each function takes y_true and y_pred of shape (..., d) and gives shape (...). Source: Keras 3 `losses`.
"""

from .. import ops
from ..engine import settings
from ..engine.constructor_arguments import named_arguments
from ..engine.variable import convert
from .function_loss import NamedLoss
from .regression import aligned


def kl_divergence(y_true, y_pred):
    """sum(y_true * log(y_true / y_pred)) over the last axis; probabilities are kept within [epsilon, 1]."""
    y_true, y_pred = aligned(y_true, y_pred)
    y_true = ops.clip(y_true, settings.epsilon(), 1.0)
    y_pred = ops.clip(y_pred, settings.epsilon(), 1.0)
    return ops.sum(y_true * ops.log(y_true / y_pred), axis=-1)


def poisson(y_true, y_pred):
    """mean(y_pred - y_true * log(y_pred + epsilon)) over the last axis."""
    y_true, y_pred = aligned(y_true, y_pred)
    return ops.mean(y_pred - y_true * ops.log(y_pred + settings.epsilon()), axis=-1)


def binary_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """mean over `axis` of -(y log p + (1 - y) log(1 - p)).

    Args:
        y_true: labels in [0, 1], shape (..., d).
        y_pred: probabilities, or with `from_logits` what a sigmoid makes probabilities of.
        label_smoothing: s moves labels towards a half: y (1 - s) + s / 2.
    """
    y_true, y_pred = aligned_binary(y_true, y_pred, label_smoothing)
    return ops.mean(ops.binary_crossentropy(y_true, y_pred, from_logits=from_logits), axis=axis)


def binary_focal_crossentropy(
    y_true,
    y_pred,
    apply_class_balancing=False,
    alpha=0.25,
    gamma=2.0,
    from_logits=False,
    label_smoothing=0.0,
    axis=-1,
):
    """mean over `axis` of (1 - p_t)^gamma times the binary cross-entropy, p_t the probability of the true class.

    Args:
        apply_class_balancing: weigh ones by `alpha`, zeros by 1 - alpha.
        gamma: how much well classified examples lose weight.
    Source: Lin et al., "Focal Loss for Dense Object Detection", arXiv 1708.02002.
    """
    y_true, y_pred = aligned_binary(y_true, y_pred, label_smoothing)
    if from_logits:
        y_pred = ops.sigmoid(y_pred)
    values = ops.binary_crossentropy(y_true, y_pred, from_logits=False)
    true_class = y_true * y_pred + (1.0 - y_true) * (1.0 - y_pred)
    values = ops.power(1.0 - true_class, gamma) * values
    if apply_class_balancing:
        values = (y_true * alpha + (1.0 - y_true) * (1.0 - alpha)) * values
    return ops.mean(values, axis=axis)


def aligned_binary(y_true, y_pred, label_smoothing):
    """Both with y_pred's dtype, the labels smoothed.

    Raises:
        ValueError: the shapes differ.
    """
    y_true, y_pred = aligned(convert(y_true), y_pred)
    if tuple(y_true.shape) != tuple(y_pred.shape):
        raise ValueError(
            f"binary cross-entropy: the labels have shape {tuple(y_true.shape)}, the predictions "
            f"{tuple(y_pred.shape)}; they must be equal. For one class number a sample use "
            "SparseCategoricalCrossentropy, for one-hot labels CategoricalCrossentropy"
        )
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    return y_true, y_pred


class KLDivergence(NamedLoss):
    """See `kl_divergence`."""

    def __init__(self, reduction="sum_over_batch_size", name="kl_divergence", dtype=None):
        super().__init__(kl_divergence, reduction, name, dtype)


class Poisson(NamedLoss):
    """See `poisson`."""

    def __init__(self, reduction="sum_over_batch_size", name="poisson", dtype=None):
        super().__init__(poisson, reduction, name, dtype)


class BinaryCrossentropy(NamedLoss):
    """See `binary_crossentropy`."""

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="binary_crossentropy",
        dtype=None,
    ):
        super().__init__(binary_crossentropy, **named_arguments(locals()))


class BinaryFocalCrossentropy(NamedLoss):
    """See `binary_focal_crossentropy`."""

    def __init__(
        self,
        apply_class_balancing=False,
        alpha=0.25,
        gamma=2.0,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="binary_focal_crossentropy",
        dtype=None,
    ):
        super().__init__(binary_focal_crossentropy, **named_arguments(locals()))
