"""Circle loss: embeddings of one class close together, of different classes apart. Source: Keras 3 `losses`."""

import numpy as np

from .. import ops
from ..engine.constructor_arguments import named_arguments
from ..engine.masks import set_mask
from ..engine.variable import convert
from .function_loss import NamedLoss, integer_targets

_NONE = float("-inf")


def circle(y_true, y_pred, ref_labels=None, ref_embeddings=None, remove_diagonal=True, gamma=80, margin=0.4):
    """The circle loss of each embedding against all reference embeddings.

    Args:
        y_true: class numbers, (n,) or (n, 1).
        y_pred: embeddings of length 1, (n, d).
        ref_labels, ref_embeddings: what to compare with; by default the batch itself.
        remove_diagonal: an embedding is not its own partner.
        gamma: scale; margin: how far apart the classes are to be.
    Returns:
        (n,).
    Source: Sun et al., "Circle Loss", arXiv 2002.10857.
    """
    y_pred = convert(y_pred)
    labels = ops.reshape(ops.cast(convert(y_true), "int32"), (-1, 1))
    references = y_pred if ref_embeddings is None else convert(ref_embeddings)
    ref_labels = (
        labels if ref_labels is None else ops.reshape(ops.cast(convert(ref_labels), "int32"), (-1, 1))
    )
    distance = ops.maximum(1.0 - ops.matmul(y_pred, ops.transpose(references)), 0.0)
    same = ops.equal(labels, ops.transpose(ref_labels))
    other = ops.logical_not(same)
    if remove_diagonal:
        same = ops.logical_and(same, convert(~np.eye(*same.shape, dtype=bool)))
    pulled = ops.maximum(margin + distance, 0.0) * (margin - distance) * -gamma
    pushed = ops.maximum(1.0 + margin - distance, 0.0) * (1.0 - margin - distance) * gamma
    pull = ops.logsumexp(ops.where(same, pulled, _NONE), axis=1)
    push = ops.logsumexp(ops.where(other, pushed, _NONE), axis=1)
    values = ops.softplus(pull + push)
    set_mask(values, ops.greater(values, 0.0))
    return values


integer_targets.add(circle)


class Circle(NamedLoss):
    """See `circle`; samples without a partner of their own or of another class do not count."""

    def __init__(
        self,
        gamma=80.0,
        margin=0.4,
        remove_diagonal=True,
        reduction="sum_over_batch_size",
        name="circle",
        dtype=None,
    ):
        super().__init__(circle, **named_arguments(locals()))
