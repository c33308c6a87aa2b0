"""Overlap losses of images: Dice and Tversky. y_true and y_pred have one shape; source: Keras 3 `losses`."""

from .. import ops
from ..engine import settings
from ..engine.constructor_arguments import named_arguments
from .function_loss import NamedLoss
from .regression import aligned


def dice(y_true, y_pred, axis=None):
    """1 - 2 |overlap| / (|y_true| + |y_pred|), sums over `axis` (None: over everything, one number)."""
    y_true, y_pred = aligned(y_true, y_pred)
    axis = _tuple(axis)
    overlap = ops.sum(y_true * y_pred, axis=axis)
    total = ops.sum(y_true, axis=axis) + ops.sum(y_pred, axis=axis)
    return 1.0 - 2.0 * overlap / (total + settings.epsilon())


def tversky(y_true, y_pred, alpha=0.5, beta=0.5, axis=None):
    """1 - overlap / (overlap + alpha * missed + beta * extra), sums over `axis` (None: over everything).

    missed: y_true where not y_pred; extra: y_pred where not y_true. With halves it is Dice.
    Source: Salehi et al., "Tversky loss function for image segmentation", arXiv 1706.05721.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    axis = _tuple(axis)
    overlap = ops.sum(y_true * y_pred, axis=axis)
    missed = ops.sum((1.0 - y_pred) * y_true, axis=axis)
    extra = ops.sum(y_pred * (1.0 - y_true), axis=axis)
    return 1.0 - overlap / (overlap + missed * alpha + extra * beta + settings.epsilon())


def _tuple(axis):
    return tuple(axis) if isinstance(axis, list) else axis


class Dice(NamedLoss):
    """See `dice`."""

    def __init__(self, reduction="sum_over_batch_size", name="dice", axis=None, dtype=None):
        super().__init__(dice, **named_arguments(locals()))


class Tversky(NamedLoss):
    """See `tversky`."""

    def __init__(
        self, alpha=0.5, beta=0.5, reduction="sum_over_batch_size", name="tversky", axis=None, dtype=None
    ):
        super().__init__(tversky, **named_arguments(locals()))
