"""Connectionist temporal classification: labels of a sequence whose timing is not known. Source: Keras 3 `losses`."""

from .. import ops
from ..engine.variable import convert
from .function_loss import NamedLoss, integer_targets


def ctc(y_true, y_pred):
    """The CTC loss of each sequence; class 0 is the blank, and pads the labels.

    Args:
        y_true: class numbers, (batch, labels).
        y_pred: logits, (batch, steps, classes).
    Returns:
        (batch,).
    Source: Graves et al., "Connectionist Temporal Classification", ICML 2006.
    """
    y_true, y_pred = convert(y_true), convert(y_pred)
    if len(y_true.shape) != 2:
        raise ValueError(f"ctc: `y_true` must have shape (batch, labels), received {tuple(y_true.shape)}")
    if len(y_pred.shape) != 3:
        raise ValueError(
            f"ctc: `y_pred` must have shape (batch, steps, classes), received {tuple(y_pred.shape)}"
        )
    batch, steps = y_pred.shape[:2]
    used = ops.sum(ops.cast(ops.not_equal(y_true, 0), "int32"), axis=-1)
    return ops.ctc_loss(y_true, y_pred, used, ops.full((batch,), steps, dtype="int32"), mask_index=0)


integer_targets.add(ctc)


class CTC(NamedLoss):
    """See `ctc`."""

    def __init__(self, reduction="sum_over_batch_size", name="ctc", dtype=None):
        super().__init__(ctc, reduction, name, dtype)
