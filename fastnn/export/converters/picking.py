"""Elements picked or placed by index, and codes made of integers."""

import numpy as np

from ..onnx_graph import Unsayable
from ..sizes import Varying
from .table import converts


@converts("take")
def _take(g, call, x, indices):
    return g.node("Gather", [x, indices], axis=call.axis)


@converts("take_along_axis")
def _take_along_axis(g, call, x, indices):
    return g.node("GatherElements", [x, indices], axis=call.axis)


@converts("gather_nd")
def _gather_nd(g, call, x, indices):
    return g.node("GatherND", [x, g.cast(indices, "int64")])


@converts("scatter")
def _scatter(g, call, indices, values):
    zeros = g.expand(g.number(0, call.output.dtype), call.shape)
    return g.node("ScatterND", [zeros, g.cast(indices, "int64"), values], reduction="add")


@converts("scatter_update")
def _scatter_update(g, call, x, indices, updates):
    return g.node("ScatterND", [x, g.cast(indices, "int64"), updates], reduction=call.reduction)


@converts("dynamic_slice")
def _dynamic_slice(g, call, x, starts):
    sizes = g.shape(call.sizes)
    most = g.node("Sub", [g.shape(call.inputs[0].shape), sizes])
    starts = g.node("Max", [g.cast(starts, "int64"), g.number(0, "int64")])
    starts = g.node("Min", [starts, most])
    return g.node("Slice", [x, starts, g.node("Add", [starts, sizes])])


@converts("index")
def _index(g, call, x, *arrays):
    """x[:, i, :, j] as a GatherND on the axes that arrays pick from, brought to the front."""
    if None in call.template:
        raise Unsayable("x[...] with new axes beside integer tensors")
    picked = [axis for axis, part in enumerate(call.template) if part == "array"]
    others = [axis for axis in range(len(call.template)) if axis not in picked]
    x = g.transpose(x, [*picked, *others])
    at = picked[0] if picked[-1] - picked[0] + 1 == len(picked) else 0
    width = len(call.output.shape) - len(others)
    common = call.output.shape[at : at + width]
    parts = [g.unsqueeze(g.expand(g.cast(a, "int64"), common), [width]) for a in arrays]
    y = g.node("GatherND", [x, g.node("Concat", parts, axis=width)])
    # y has the common axes first; they belong at `at`
    order = [*range(width, width + at), *range(width), *range(width + at, width + len(others))]
    return g.transpose(y, order)


def _hits(g, x, axis, classes, rank):
    """Where x, with a new axis, equals 0, 1, ... `classes` - 1 along it."""
    column = np.arange(classes, dtype=np.int64).reshape([-1] + [1] * (rank - axis))
    return g.node("Equal", [g.unsqueeze(g.cast(x, "int64"), [axis]), g.constant(column)])


@converts("one_hot")
def _one_hot(g, call, x):
    rank = len(call.inputs[0].shape)
    return g.cast(_hits(g, x, call.axis, call.num_classes, rank), call.output.dtype)


@converts("multi_hot")
def _multi_hot(g, call, x):
    rank = len(call.inputs[0].shape)
    hits = g.cast(_hits(g, x, call.axis % (rank + 1), call.num_classes, rank), "int32")
    y = g.node("ReduceMax", [hits, g.ints([1 if rank > 1 else 0])], keepdims=0)
    return g.cast(y, call.output.dtype)


@converts("bincount")
def _bincount(g, call, x, weights=None):
    rank = len(call.inputs[0].shape)
    hits = g.cast(_hits(g, x, rank, call.size, rank), call.output.dtype)
    if weights is not None:
        hits = g.node("Mul", [hits, g.unsqueeze(weights, [rank])])
    return g.node("ReduceSum", [hits, g.ints([rank - 1])], keepdims=0)


# ---- order


@converts("argsort")
def _argsort(g, call, x):
    extent = g.size(call.inputs[0].shape[call.axis])
    return g.cast(g.node("TopK", [x, extent], 2, axis=call.axis, largest=0)[1], "int32")


@converts("top_k")
def _top_k(g, call, x):
    return g.cast(g.node("TopK", [x, g.size(call.k)], 2, axis=-1)[1], "int32")


@converts("searchsorted")
def _searchsorted(g, call, ordered, values):
    rank = len(call.inputs[1].shape)
    test = "Less" if call.side == "left" else "LessOrEqual"
    return _counted(g, test, ordered, values, rank)


@converts("digitize")
def _digitize(g, call, x, bins):
    array = g.array_of(bins)
    if array is None or isinstance(array.shape, Varying) or np.any(np.diff(array) < 0):
        raise Unsayable("digitize with bounds that do not rise, or are not known")
    if call.inputs[1].dtype != call.inputs[0].dtype:
        x, bins = g.cast(x, "float32"), g.constant(array.astype(np.float32))
    return _counted(g, "LessOrEqual", bins, x, len(call.inputs[0].shape))


def _counted(g, test, bounds, values, rank):
    """How many of the vector `bounds` are below each of `values`."""
    below = g.node(test, [bounds, g.unsqueeze(values, [rank])])
    return g.node("ReduceSum", [g.cast(below, "int32"), g.ints([rank])], keepdims=0)
