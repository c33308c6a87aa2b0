"""The base of losses, and how per-element losses become one number.

A loss function gives one value for each sample (and step, pixel, ...); `reduce_weighted_values` weighs, masks and
sums those.
"""

import math
import numbers

from .. import ops
from ..engine import dtypes, nest
from ..engine.masks import get_mask
from ..engine.symbolic import snake_case, unique_name
from ..engine.variable import convert

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


class Loss:
    """Base of losses; a subclass defines `call(y_true, y_pred)`, one value a sample.

    Args:
        name: what logs call it; the class's name in snake case by default.
        reduction: "sum_over_batch_size" or "mean": the sum over all values, divided by their number; "sum";
            "mean_with_sample_weight": divided by the sum of the sample weights; "none" or None: every value.
        dtype: what is computed in (a name or a policy); `floatx` by default.
    Raises:
        ValueError: an unknown `reduction`.
    Source: Keras 3 `losses.Loss`.
    """

    def __init__(self, name=None, reduction="sum_over_batch_size", dtype=None):
        self.name = name or unique_name(snake_case(type(self).__name__))
        self.reduction = standardize_reduction(reduction)
        self._dtype = dtypes.standardize(getattr(dtype, "compute_dtype", dtype))

    @property
    def dtype(self):
        """The dtype it computes in, a name."""
        return self._dtype

    def __call__(self, y_true, y_pred, sample_weight=None):
        """The reduced loss of predictions `y_pred` against targets `y_true`, each value times its `sample_weight`.

        y_true, y_pred: a tensor, or a structure of them that `call` understands.
        sample_weight: broadcasts against what `call` returns; one axis less or more of size 1 is put right.
        """
        y_pred_mask = get_mask(y_pred)
        y_pred = map_tensors(lambda y: convert(y, dtype=self.dtype), y_pred)
        y_true = self.convert_targets(y_true)
        values = self.call(y_true, y_pred)
        mask = both_masks(y_pred_mask, get_mask(values))
        return reduce_weighted_values(
            values, sample_weight=sample_weight, mask=mask, reduction=self.reduction, dtype=self.dtype
        )

    def call(self, y_true, y_pred):
        raise NotImplementedError(f"{type(self).__name__}: a Loss defines call(self, y_true, y_pred)")

    def convert_targets(self, y_true):
        """The targets as tensors of this loss's dtype; overridden where integers must stay integers."""
        return map_tensors(lambda y: convert(y, dtype=self.dtype), y_true)

    def get_config(self):
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def standardize_reduction(reduction):
    """`reduction` itself if there is such a one, else a ValueError."""
    if reduction not in REDUCTIONS:
        raise ValueError(
            f"`reduction` must be one of {', '.join(map(repr, REDUCTIONS))}, received {reduction!r}"
        )
    return reduction


def map_tensors(function, structure):
    """`function` of each tensor (or array) in a structure; lists of nothing but numbers are arrays themselves."""
    if isinstance(structure, dict):
        return {key: map_tensors(function, value) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)) and not all(
        isinstance(x, numbers.Number) for x in nest.flatten(structure)
    ):
        return type(structure)(map_tensors(function, part) for part in structure)
    return function(structure)


def both_masks(a, b):
    """Where both masks (bool tensors or None) are true."""
    if a is None or b is None:
        return b if a is None else a
    return ops.logical_and(a, b)


def squeeze_or_expand_to_same_rank(x1, x2, expand_rank_1=True):
    """(x1, x2) with a last axis of size 1 dropped, or added to a vector, where their ranks differ by one."""
    rank1, rank2 = len(x1.shape), len(x2.shape)
    if rank1 == rank2 + 1 and x1.shape[-1] == 1:
        if rank2 == 1 and expand_rank_1:
            return x1, ops.expand_dims(x2, axis=-1)
        return ops.squeeze(x1, axis=-1), x2
    if rank2 == rank1 + 1 and x2.shape[-1] == 1:
        if rank1 == 1 and expand_rank_1:
            return ops.expand_dims(x1, axis=-1), x2
        return x1, ops.squeeze(x2, axis=-1)
    return x1, x2


def apply_mask(sample_weight, mask, dtype, reduction):
    """`sample_weight` (or None) with zero weight where `mask` is false.

    For the reductions that divide by the number of values, what is left weighs total/valid more, so that the result
    is the mean over what the mask keeps.
    """
    if mask is None:
        return sample_weight
    if reduction in ("mean", "sum_over_batch_size"):
        valid = ops.sum(ops.cast(mask, dtype))
        whole = convert(float(math.prod(mask.shape)), dtype=dtype)
        share = ops.divide_no_nan(whole, valid)  # 0 if none is valid
        weight = ops.where(ops.cast(mask, "bool"), share, convert(0.0, dtype=dtype))
    else:
        weight = ops.cast(mask, dtype)
    if sample_weight is None:
        return weight
    weight, sample_weight = squeeze_or_expand_to_same_rank(weight, convert(sample_weight, dtype=dtype))
    return sample_weight * weight


def reduce_values(values, sample_weight=None, reduction="sum_over_batch_size"):
    """The weighted `values` by `reduction`; scalars and empty vectors stay as they are."""
    if reduction in (None, "none") or tuple(values.shape) in ((), (0,)):
        return values
    if reduction == "sum":
        return ops.sum(values)
    if reduction == "mean_with_sample_weight" and sample_weight is not None:
        return ops.divide_no_nan(ops.sum(values), ops.sum(sample_weight))
    return ops.mean(values) if math.prod(values.shape) else ops.sum(values)  # a mean of none would be NaN


def reduce_weighted_values(
    values, sample_weight=None, mask=None, reduction="sum_over_batch_size", dtype=None
):
    """`values` times `sample_weight`, where `mask` is true, by `reduction`: a scalar, or all values for None.

    Raises:
        ValueError: the weights do not broadcast against the values.
    """
    reduction = standardize_reduction(reduction)
    values = convert(values, dtype=dtype)
    if sample_weight is not None:
        sample_weight = convert(sample_weight, dtype=values.dtype)
    sample_weight = apply_mask(sample_weight, mask, dtype=values.dtype, reduction=reduction)
    if sample_weight is not None:
        values, sample_weight = squeeze_or_expand_to_same_rank(values, sample_weight)
        check_broadcast("sample_weight", sample_weight.shape, "one loss value for each sample", values.shape)
        values = values * sample_weight
    return reduce_values(values, sample_weight, reduction)


def check_broadcast(what, shape, against, other):
    """A ValueError that names both unless shapes `shape` and `other` broadcast."""
    for m, n in zip(reversed(shape), reversed(other)):
        if m != n and 1 not in (m, n):
            raise ValueError(
                f"`{what}` has shape {tuple(shape)}, which does not fit {against}, shape {tuple(other)}; "
                f"give `{what}` a shape that broadcasts against it"
            )
