"""Other shapes of the same elements, pieces and joins of tensors, bands and diagonals of matrices."""

import numpy as np

from ..onnx_graph import Unsayable
from ..sizes import Varying, combined
from .table import converts

_LAST, _FIRST = 2**63 - 1, -(2**63)  # how Slice says "from the last element" and "past the first one"


@converts("reshape")
def _reshape(g, call, x):
    return g.reshape(x, call.inputs[0].shape, call.output.shape)


@converts("transpose")
def _transpose(g, call, x):
    return g.transpose(x, call.axes)


@converts("broadcast_to")
def _broadcast_to(g, call, x):
    return g.expand(x, call.output.shape)


@converts("concatenate")
def _concatenate(g, call, *xs):
    return g.node("Concat", list(xs), axis=call.axis)


@converts("stack")
def _stack(g, call, *xs):
    return g.node("Concat", [g.unsqueeze(x, [call.axis]) for x in xs], axis=call.axis)


@converts("split")
def _split(g, call, x):
    made = g.node("Split", [x, g.shape(call.sizes)], outputs=len(call.outputs), axis=call.axis)
    return made if isinstance(made, list) else [made]


@converts("custom_gradient")
def _custom_gradient(g, call, *xs):
    return list(xs[: call.count])


@converts("strided_slice")
def _strided_slice(g, call, x):
    starts, ends, steps, axes = [], [], [], []
    for axis, extent in enumerate(call.inputs[0].shape):
        start, size, step = call.starts[axis], call.sizes[axis], call.steps[axis]
        if start == 0 and size == extent and step == 1:
            continue
        stop = combined(lambda a, n, s: a + n * s, start, size, step)
        last = combined(lambda a, n: a - n, start, extent) == -1
        axes.append(axis)
        starts.append(_LAST if last and step < 0 else start)
        past = combined(lambda e: int(e < 0), stop)
        if isinstance(past, Varying):
            raise Unsayable("a slice whose end follows from an unknown extent")
        ends.append(_FIRST if past else _LAST if stop == extent else stop)
        steps.append(step)
    if not axes:
        return x
    return g.node("Slice", [x, g.shape(starts), g.shape(ends), g.ints(axes), g.ints(steps)])


@converts("strided_place")
def _strided_place(g, call, x):
    """Along an axis of step 1 by padding; else each element of the result picks its own, or the filling."""
    rank = len(call.shape)
    value = g.number(call.value, call.output.dtype)
    before, after = [0] * rank, [0] * rank
    for axis in range(rank):
        size, extent = call.inputs[0].shape[axis], call.shape[axis]
        start, step = call.starts[axis], call.steps[axis]
        if step == 1 or size == 1:
            before[axis] = start
            after[axis] = combined(lambda m, n, a: m - n - a, extent, size, start)
            continue
        if isinstance(size, Varying) or isinstance(extent, Varying):
            raise Unsayable("a placement with steps along an unknown extent")
        places = np.full(extent, size, np.int64)
        places[start + step * np.arange(size)] = np.arange(size)
        one_more = [0] * rank
        one_more[axis] = 1
        x = g.node("Gather", [_padded(g, x, [0] * rank, one_more, value), g.ints(places)], axis=axis)
    return _padded(g, x, before, after, value)


def _padded(g, x, before, after, value):
    if not any(before) and not any(after):
        return x
    return g.node("Pad", [x, g.shape([*before, *after]), value])


# ---- bands and diagonals


@converts("keep_band")
def _keep_band(g, call, x):
    if call.low is not None:
        x = g.node("Trilu", [x, g.number(call.low, "int64")], upper=1)
    if call.high is not None:
        x = g.node("Trilu", [x, g.number(call.high, "int64")], upper=0)
    return x


@converts("diagonal")
def _diagonal(g, call, x):
    *lead, rows, cols = call.inputs[0].shape
    if isinstance(rows, Varying) or isinstance(cols, Varying):
        raise Unsayable("a diagonal of a matrix of unknown extents")
    i = np.arange(call.output.shape[-1])
    places = (i - min(call.offset, 0)) * cols + i + max(call.offset, 0)
    flat = g.reshape(x, call.inputs[0].shape, (*lead, rows * cols))
    return g.node("Gather", [flat, g.ints(places)], axis=len(lead))


@converts("from_diagonal")
def _from_diagonal(g, call, x):
    rows, cols = call.shape
    *lead, count = call.inputs[0].shape
    i = np.arange(count)
    places = np.full((rows, cols), count, np.int64)  # one behind the last: the zero that is put there
    places[i - min(call.offset, 0), i + max(call.offset, 0)] = i
    zero = g.number(0, call.output.dtype)
    longer = _padded(g, x, [0] * (len(lead) + 1), [*[0] * len(lead), 1], zero)
    return g.node("Gather", [longer, g.ints(places)], axis=len(lead))
