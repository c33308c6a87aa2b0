"""Order: sort, argsort, the largest few, where values belong, what occurs and how often."""

import math
import operator

import numpy as np

from ..engine import dtypes
from ..engine.op import define_op, no_gradient
from ..engine.symbolic import public
from ..engine.tensor import Spec, Tensor, Traced, TraceError
from ..engine.variable import convert
from .axes import canonical_axis
from .shape import reshaped
from .taking import along_op


def _to_int32(x, *others, **attrs):
    return Spec(x.shape, "int32")


argsort_op = define_op(
    "argsort",
    shape=_to_int32,
    grad=no_gradient("integer output"),
    reference=lambda x, *, axis: np.argsort(x, axis, kind="stable").astype(np.int32),
)


@public
def argsort(x, axis=-1):
    """The int32 places, along `axis` (None: flat), of the elements in rising order; equal
    ones in their order."""
    x = convert(x)
    if axis is None:
        x, axis = reshaped(x, (x.size,)), 0
    if not x.shape:
        return Tensor(np.zeros((), np.int32))
    return argsort_op(x, axis=canonical_axis("argsort", axis, len(x.shape)))


@public
def sort(x, axis=-1):
    """The elements of `x` in rising order along `axis` (None: flat)."""
    x = convert(x)
    if axis is None:
        x, axis = reshaped(x, (x.size,)), 0
    axis = canonical_axis("sort", axis, len(x.shape))
    return along_op(x, argsort_op(x, axis=axis), axis=axis)


def _top_reference(x, *, k):
    flipped = x[..., ::-1]  # so that of equal elements the first comes first when the order is turned round
    order = x.shape[-1] - 1 - np.argsort(flipped, -1, kind="stable")[..., ::-1]
    return order[..., :k].astype(np.int32)


def _top_shape(x, *, k):
    if not x.shape or not 0 <= k <= x.shape[-1]:
        raise ValueError(
            f"top_k: `k` must lie in 0..the last extent of an input of shape {tuple(x.shape)}, received {k}"
        )
    return Spec((*x.shape[:-1], k), "int32")


_MOST_RANKED = 128  # the kernel's time grows with k for each element: sorting is faster from some hundreds on


def _top_kernel(call):
    x, y = call.inputs[0], call.output
    if x.dtype != "float32" or not 0 < call.k <= _MOST_RANKED:
        return False
    call.emit(
        "top_k_f32", reads=call.inputs, writes=call.outputs, sizes=[y.size // call.k, x.shape[-1], call.k]
    )


top_op = define_op(
    "top_k",
    shape=_top_shape,
    reference=_top_reference,
    kernel=_top_kernel,
    grad=no_gradient("integer output"),
)


@public
def top_k(x, k, sorted=True):
    """(values, int32 indices) of the `k` largest elements along the last axis, the largest first."""
    x = convert(x)
    places = top_op(x, k=int(k))
    return along_op(x, places, axis=len(x.shape) - 1), places


def _in_top_reference(targets, predictions, *, k):
    classes = predictions.shape[-1]
    valid = (targets >= 0) & (targets < classes)
    picked = np.take_along_axis(predictions, np.where(valid, targets, 0)[..., None], -1)
    return valid & np.isfinite(picked[..., 0]) & ((predictions > picked).sum(-1) < k)


def _in_top_kernel(call):
    targets, predictions = call.inputs
    if targets.dtype != "int32" or predictions.dtype != "float32":
        return False
    call.emit(
        "in_top_k_f32",
        reads=call.inputs,
        writes=call.outputs,
        sizes=[targets.size, predictions.shape[-1], call.k],
    )


in_top_op = define_op(
    "in_top_k",
    shape=lambda t, p, *, k: Spec(t.shape, "bool"),
    reference=_in_top_reference,
    kernel=_in_top_kernel,
    grad=no_gradient("truth values"),
)


@public
def in_top_k(targets, predictions, k):
    """Whether each target class (batch,) is among the `k` largest of its row of predictions (batch, classes).

    Classes that tie with the k-th count; a target out of range, or with no finite prediction, does not.
    """
    return in_top_op(convert(targets), convert(predictions), k=int(k))


searchsorted_op = define_op(
    "searchsorted",
    shape=lambda s, v, *, side: Spec(v.shape, "int32"),
    reference=lambda s, v, *, side: np.searchsorted(s, v, side).astype(np.int32),
    grad=no_gradient("integer output"),
)


@public
def searchsorted(sorted_sequence, values, side="left"):
    """The int32 places at which `values` would keep a sorted vector sorted; before or
    behind equal elements."""
    sequence = convert(sorted_sequence)
    if len(sequence.shape) != 1 or side not in ("left", "right"):
        raise ValueError(
            f"searchsorted: `sorted_sequence` must be a vector and `side` 'left' or 'right', received "
            f"shape {tuple(sequence.shape)} and {side!r}"
        )
    return searchsorted_op(sequence, convert(values), side=side)


digitize_op = define_op(
    "digitize",
    shape=lambda x, bins: Spec(x.shape, "int32"),
    grad=no_gradient("integer output"),
    reference=lambda x, bins: np.digitize(x, bins).astype(np.int32),
)


@public
def digitize(x, bins):
    """The int32 number of the interval between neighbours of the sorted vector `bins`
    that each element lies in."""
    return digitize_op(convert(x), convert(bins))


def _unique_reference(x, *, axis, size, fill_value):
    """The different slices along `axis`, sorted, where each first occurs, which of them each is, how often each occurs;
    cut or filled up to `size` of them."""
    values, first, which, counts = np.unique(x, True, True, True, axis=axis)
    if size is not None:
        along = 0 if axis is None else axis
        missing = max(size - values.shape[along], 0)
        values = np.moveaxis(values, along, 0)[:size]
        if missing:
            fill = fill_value if fill_value is not None else values.min() if values.size else 0
            values = np.concatenate([values, np.full((missing, *values.shape[1:]), fill, values.dtype)])
        values = np.moveaxis(values, 0, along)
        first = np.concatenate([first[:size], np.full(missing, first[0] if len(first) else 0)])
        counts = np.concatenate([counts[:size], np.zeros(missing, int)])
    return np.ascontiguousarray(values), *(found.astype(np.int32) for found in (first, which, counts))


def _unique_shape(x, *, axis, size, fill_value):
    shape = (size,) if axis is None else (*x.shape[:axis], size, *x.shape[axis + 1 :])
    which = x.shape if axis is None else (x.shape[axis],)
    return Spec(shape, x.dtype), Spec((size,), "int32"), Spec(which, "int32"), Spec((size,), "int32")


unique_op = define_op(
    "unique", shape=_unique_shape, reference=_unique_reference, grad=no_gradient("sorted and cut by values")
)


@public
def unique(
    x,
    sorted=True,
    return_index=False,
    return_inverse=False,
    return_counts=False,
    axis=None,
    size=None,
    fill_value=None,
):
    """The different elements of `x` (or slices along `axis`), sorted. How many there are is known from the values
    alone, so in traces and on symbolic tensors `size` is needed.

    Args:
        return_index, return_inverse, return_counts: also give (int32) where each first
            occurs, which of them each element is, how often each occurs.
        size: cut the result, or fill it up with `fill_value` (the smallest by default), to this many.
    """
    x = convert(x)
    attrs = {
        "axis": None if axis is None else canonical_axis("unique", axis, len(x.shape)),
        "fill_value": fill_value,
    }
    if size is not None:
        results = unique_op(x, size=operator.index(size), **attrs)
    elif type(x) is Traced:
        raise TraceError(
            "unique: how many different elements there are is not known while a function is being traced; give `size`"
        )
    else:
        results = [Tensor(found) for found in _unique_reference(x.array, size=None, **attrs)]
    wanted = [True, return_index, return_inverse, return_counts]
    kept = [found for found, want in zip(results, wanted, strict=True) if want]
    return kept[0] if len(kept) == 1 else tuple(kept)


def _bincount_reference(x, *weights, size):
    rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
    heavy = weights[0].reshape(rows.shape) if weights else np.ones(rows.shape, np.int32)
    out = np.zeros((rows.shape[0], size), heavy.dtype)
    r, c = np.nonzero((rows >= 0) & (rows < size))
    np.add.at(out, (r, rows[r, c]), heavy[r, c])
    return out.reshape(*x.shape[:-1], size)


def _bincount_kernel(call):
    kinds = {x.dtype for x in (*call.inputs[1:], call.output)}
    x = call.inputs[0]
    if x.dtype != "int32" or kinds not in ({"int32"}, {"float32"}) or not x.shape:
        return False
    call.emit(
        "bincount_i32" if kinds == {"int32"} else "bincount_f32",
        reads=call.inputs,
        writes=call.outputs,
        sizes=[math.prod(x.shape[:-1]), x.shape[-1], call.size],
    )


bincount_op = define_op(
    "bincount",
    reference=_bincount_reference,
    kernel=_bincount_kernel,
    shape=lambda x, *weights, size: Spec((*x.shape[:-1], size), weights[0].dtype if weights else "int32"),
    grad=no_gradient("counts"),
)


@public
def bincount(x, weights=None, minlength=0, sparse=False):
    """How often each integer from 0 occurs along the last axis, or the sum of its weights.

    The result is as long as the largest integer asks for, and at least `minlength`; in a
    trace, where values are not known, exactly `minlength`, which must then be given.
    """
    if sparse:
        raise ValueError("bincount: `sparse=True` is not supported; leave it False")
    x = convert(x)
    if not dtypes.is_integer(x.dtype):
        raise ValueError(f"bincount: `x` must be integers, received dtype {x.dtype}")
    if type(x) is Tensor:
        minlength = max(minlength, int(x.array.max(initial=-1)) + 1)
    elif not minlength:
        raise ValueError("bincount: in a trace `minlength` must be given; it is the length of the result")
    return bincount_op(x, *(() if weights is None else (convert(weights),)), size=int(minlength))
