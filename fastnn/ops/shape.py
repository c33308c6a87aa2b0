"""Other shapes of the same elements: reshape, transpose, broadcast, flip, roll, repeat, tile, pad."""

import math
import operator

import numpy as np

from ..engine import dtypes
from ..engine.allowance import check_passing
from ..engine.op import define_op
from ..engine.symbolic import KerasTensor, public
from ..engine.tensor import Spec, Tensor
from ..engine.variable import Variable, convert
from .axes import canonical_axis
from .pointwise import sum_to
from .strided import contiguous_strides, emit_copy


def as_tuple(value):
    """A shape, or anything that lists numbers, as a tuple; a single number becomes a tuple of one."""
    if isinstance(value, (Tensor, Variable, np.ndarray)):
        value = np.asarray(value).tolist()
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


# ---- reshape ----


def _reshape_shape(x, *, newshape):
    if math.prod(newshape) != math.prod(x.shape):
        raise ValueError(
            f"reshape: cannot make shape {newshape} ({math.prod(newshape)} elements) of an input of shape "
            f"{tuple(x.shape)} ({math.prod(x.shape)} elements); one extent may be -1"
        )
    return Spec(newshape, x.dtype)


reshape_op = define_op(
    "reshape",
    shape=_reshape_shape,
    view=True,
    reference=lambda x, *, newshape: x.reshape(newshape),
    grad=lambda call, dy: [reshape_op(dy, newshape=tuple(call.inputs[0].shape))],
)


def reshaped(x, newshape):
    """`x` in another shape of ints; `x` itself where it has that shape."""
    return x if tuple(x.shape) == tuple(newshape) else reshape_op(x, newshape=tuple(newshape))


@public
def reshape(x, newshape):
    """The elements of `x`, in order, in the shape `newshape`; one extent may be -1: whatever is left.

    An extent None keeps the input's at that place.
    """
    x = convert(x)
    wanted = [n if n is not None else x.shape[i] for i, n in enumerate(as_tuple(newshape))]
    wanted = [operator.index(n) for n in wanted]
    if wanted.count(-1) > 1 or any(n < -1 for n in wanted):
        raise ValueError(
            f"reshape: `newshape` may have one -1 and no other negative extent, received {newshape}"
        )
    if -1 in wanted:
        known = math.prod(n for n in wanted if n != -1)
        if known == 0 or x.size % known:
            raise ValueError(
                f"reshape: an input of shape {tuple(x.shape)} ({x.size} elements) does not divide into "
                f"`newshape` {newshape}; its known extents must divide the number of elements"
            )
        wanted[wanted.index(-1)] = x.size // known
    return reshaped(x, tuple(wanted))


@public
def ravel(x):
    """The elements of `x` along one axis."""
    x = convert(x)
    return reshaped(x, (x.size,))


@public
def squeeze(x, axis=None):
    """`x` without its axes of extent 1, or without those in `axis` (an int or several),
    which must have extent 1."""
    x = convert(x)
    rank = len(x.shape)
    if axis is None:
        gone = {i for i, n in enumerate(x.shape) if n == 1}
    else:
        gone = {canonical_axis("squeeze", a, rank) for a in as_tuple(axis)}
        wrong = [a for a in gone if x.shape[a] != 1]
        if wrong:
            raise ValueError(
                f"squeeze: `axis` {axis} must have extent 1, received an input of shape {tuple(x.shape)}"
            )
    return reshaped(x, tuple(n for i, n in enumerate(x.shape) if i not in gone))


@public
def expand_dims(x, axis):
    """`x` with new axes of extent 1 at `axis` (an int or several) of the result."""
    x = convert(x)
    places = as_tuple(axis)
    rank = len(x.shape) + len(places)
    places = {canonical_axis("expand_dims", a, rank) for a in places}
    if rank != len(x.shape) + len(places):
        raise ValueError(f"expand_dims: `axis` names an axis twice, received {axis}")
    old = iter(x.shape)
    return reshaped(x, tuple(1 if i in places else next(old) for i in range(rank)))


# ---- transpose ----


def _transpose_shape(x, *, axes):
    if sorted(axes) != list(range(len(x.shape))):
        raise ValueError(
            f"transpose: `axes` must name each of the {len(x.shape)} axes of an input of shape "
            f"{tuple(x.shape)} once, received {axes}"
        )
    return Spec(tuple(x.shape[a] for a in axes), x.dtype)


def _transpose_kernel(call):
    source = contiguous_strides(call.inputs[0].shape)
    return emit_copy(
        call,
        call.inputs[0],
        call.output,
        call.output.shape,
        [source[a] for a in call.axes],
        contiguous_strides(call.output.shape),
    )


transpose_op = define_op(
    "transpose",
    shape=_transpose_shape,
    kernel=_transpose_kernel,
    reference=lambda x, *, axes: np.ascontiguousarray(x.transpose(axes)).reshape([x.shape[a] for a in axes]),
    grad=lambda call, dy: [transpose_op(dy, axes=tuple(np.argsort(call.axes).tolist()))],
)


def transposed(x, axes):
    """`x` with its axes in the order `axes`, a tuple of ints from 0; a view where only extents of 1 move."""
    if axes == tuple(range(len(axes))):
        return x
    if [a for a in axes if x.shape[a] != 1] == [a for a in range(len(axes)) if x.shape[a] != 1]:
        return reshaped(x, tuple(x.shape[a] for a in axes))
    return transpose_op(x, axes=axes)


@public
def transpose(x, axes=None):
    """`x` with its axes in the order `axes`; reversed by default."""
    x = convert(x)
    rank = len(x.shape)
    axes = (
        tuple(range(rank))[::-1]
        if axes is None
        else tuple(canonical_axis("transpose", a, rank) for a in as_tuple(axes))
    )
    _transpose_shape(x, axes=axes)
    return transposed(x, axes)


@public
def swapaxes(x, axis1, axis2):
    """`x` with two axes interchanged."""
    x = convert(x)
    axes = list(range(len(x.shape)))
    a, b = canonical_axis("swapaxes", axis1, len(axes)), canonical_axis("swapaxes", axis2, len(axes))
    axes[a], axes[b] = axes[b], axes[a]
    return transposed(x, tuple(axes))


@public
def moveaxis(x, source, destination):
    """`x` with the axes `source` (an int or several) moved to the places `destination`."""
    x = convert(x)
    rank = len(x.shape)
    source = [canonical_axis("moveaxis", a, rank) for a in as_tuple(source)]
    destination = [canonical_axis("moveaxis", a, rank) for a in as_tuple(destination)]
    if (
        len(set(source)) != len(source)
        or len(set(destination)) != len(source)
        or len(source) != len(destination)
    ):
        raise ValueError(
            "moveaxis: `source` and `destination` must name as many different axes, received "
            f"{source} and {destination}"
        )
    axes = [a for a in range(rank) if a not in source]
    for place, axis in sorted(zip(destination, source, strict=False)):
        axes.insert(place, axis)
    return transposed(x, tuple(axes))


@public
def rot90(array, k=1, axes=(0, 1)):
    """`array` turned k quarters from the first of `axes` towards the second."""
    x = convert(array)
    a, b = (canonical_axis("rot90", axis, len(x.shape)) for axis in axes)
    if a == b:
        raise ValueError(f"rot90: `axes` must be two different axes, received {axes}")
    if k % 4 == 0:
        return x
    if k % 4 == 2:
        return flip(x, (a, b))
    if k % 4 == 1:
        return swapaxes(flip(x, b), a, b)
    return flip(swapaxes(x, a, b), b)


# ---- broadcast_to and its gradient ----


def _broadcast_shape(x, *, shape):
    lead = len(shape) - len(x.shape)
    if lead < 0 or any(m not in (1, n) for m, n in zip(x.shape, shape[lead:], strict=False)):
        raise ValueError(
            f"broadcast_to: an input of shape {tuple(x.shape)} does not broadcast to {shape}; extents "
            "must agree from the last axis on, or be 1 in the input"
        )
    return Spec(shape, x.dtype)


def _broadcast_kernel(call):
    source, shape = call.inputs[0], call.output.shape
    lead = len(shape) - len(source.shape)
    steps = [0] * lead + [
        0 if n == 1 else s for n, s in zip(source.shape, contiguous_strides(source.shape), strict=False)
    ]
    return emit_copy(call, source, call.output, shape, steps, contiguous_strides(shape))


broadcast_to_op = define_op(
    "broadcast_to",
    shape=_broadcast_shape,
    kernel=_broadcast_kernel,
    reference=lambda x, *, shape: np.ascontiguousarray(np.broadcast_to(x, shape)),
    grad=lambda call, dy: [sum_to(dy, tuple(call.inputs[0].shape))],
)


def broadcast(x, shape):
    """`x` broadcast to a tuple of ints; `x` itself where it has that shape, a view where
    no element is repeated."""
    if tuple(x.shape) == shape:
        return x
    if math.prod(shape) == math.prod(x.shape):
        _broadcast_shape(x, shape=shape)
        return reshaped(x, shape)
    return broadcast_to_op(x, shape=shape)


@public
def broadcast_to(x, shape):
    """`x` with its extents of 1 (and missing leading axes) repeated to `shape`."""
    return broadcast(convert(x), tuple(operator.index(n) for n in as_tuple(shape)))


# ---- slices with steps, and their placement among a filling: each is the other's gradient ----


def _slice_shape(x, *, starts, sizes, steps):
    return Spec(sizes, x.dtype)


def _window(starts, sizes, steps):
    """The Python slices that pick `sizes` elements from `starts` in strides of `steps`
    (which may be negative)."""
    slices = []
    for start, size, step in zip(starts, sizes, steps, strict=False):
        stop = start + size * step
        slices.append(slice(start, stop if stop >= 0 else None, step) if size else slice(0, 0))
    return tuple(slices)


def _slice_kernel(call):
    source = contiguous_strides(call.inputs[0].shape)
    start = sum(a * s for a, s in zip(call.starts, source, strict=False))
    return emit_copy(
        call,
        call.inputs[0],
        call.output,
        call.sizes,
        [a * s for a, s in zip(call.steps, source, strict=False)],
        contiguous_strides(call.sizes),
        source_start=start if call.output.size else 0,
    )


slice_op = define_op(
    "strided_slice",
    shape=_slice_shape,
    kernel=_slice_kernel,
    reference=lambda x, *, starts, sizes, steps: np.ascontiguousarray(
        x[_window(starts, sizes, steps)]
    ).reshape(sizes),
    grad=lambda call, dy: [
        place_op(dy, shape=tuple(call.inputs[0].shape), starts=call.starts, steps=call.steps, value=0)
    ],
)


def _place_shape(x, *, shape, starts, steps, value):
    return Spec(shape, x.dtype)


def _place_reference(x, *, shape, starts, steps, value):
    y = np.full(shape, value, x.dtype)
    y[_window(starts, x.shape, steps)] = x
    return y


def _place_kernel(call):
    source, target = call.inputs[0], call.output
    width = dtypes.NUMPY[source.dtype].itemsize
    if width not in (1, 4, 8) or (width == 8 and call.value != 0):
        return False
    if source.size < target.size:
        bits = np.zeros(4, np.uint8)
        bits[:width] = np.asarray(call.value, dtypes.NUMPY[source.dtype]).reshape(1).view(np.uint8)[:4]
        if width == 1:
            call.emit("fill_b8", reads=[], writes=[target], sizes=[target.size], attrs=[bits[0]])
        else:
            call.emit(
                "fill_b32",
                reads=[],
                writes=[target],
                sizes=[target.size * width // 4],
                attrs=[bits.view(np.uint32)[0]],
            )
    strides = contiguous_strides(call.shape)
    start = sum(a * s for a, s in zip(call.starts, strides, strict=False))
    return emit_copy(
        call,
        source,
        target,
        source.shape,
        contiguous_strides(source.shape),
        [a * s for a, s in zip(call.steps, strides, strict=False)],
        target_start=start if source.size else 0,
    )


place_op = define_op(
    "strided_place",
    shape=_place_shape,
    reference=_place_reference,
    kernel=_place_kernel,
    grad=lambda call, dy: [
        slice_op(dy, starts=call.starts, sizes=tuple(call.inputs[0].shape), steps=call.steps)
    ],
)


def sliced(x, starts, sizes, steps=None):
    """x[start : ... : step] of the given sizes, all tuples of ints that lie inside `x`."""
    steps = (1,) * len(sizes) if steps is None else steps
    if tuple(sizes) == tuple(x.shape) and all(s == 1 or n <= 1 for s, n in zip(steps, sizes, strict=False)):
        return x
    return slice_op(x, starts=tuple(starts), sizes=tuple(sizes), steps=tuple(steps))


@public
def flip(x, axis=None):
    """`x` with the order of its elements reversed along `axis` (an int or several; all by default)."""
    x = convert(x)
    rank = len(x.shape)
    axes = set(range(rank)) if axis is None else {canonical_axis("flip", a, rank) for a in as_tuple(axis)}
    return sliced(
        x,
        tuple(max(n - 1, 0) if i in axes else 0 for i, n in enumerate(x.shape)),
        tuple(x.shape),
        tuple(-1 if i in axes else 1 for i in range(rank)),
    )


@public
def roll(x, shift, axis=None):
    """`x` with its elements moved on by `shift` along `axis`, the last ones coming first
    again; flat by default."""
    from .joining import joined

    x = convert(x)
    if axis is None:
        return reshaped(roll(reshaped(x, (x.size,)), int(np.sum(as_tuple(shift))), 0), tuple(x.shape))
    shifts, axes = as_tuple(shift), as_tuple(axis)
    if len(shifts) == 1:
        shifts = shifts * len(axes)
    if len(axes) == 1:
        axes = axes * len(shifts)
    if len(shifts) != len(axes):
        raise ValueError(f"roll: `shift` and `axis` must be as many, received {shift} and {axis}")
    for by, place in zip(shifts, axes, strict=False):
        place = canonical_axis("roll", place, len(x.shape))
        extent = x.shape[place]
        by = by % extent if extent else 0
        if by:
            head, tail = _along(x, place, extent - by, by), _along(x, place, 0, extent - by)
            x = joined([head, tail], place)
    return x


def _along(x, axis, start, size):
    starts, sizes = [0] * len(x.shape), list(x.shape)
    starts[axis], sizes[axis] = start, size
    return sliced(x, tuple(starts), tuple(sizes))


@public
def repeat(x, repeats, axis=None):
    """Each element along `axis` (flat by default) `repeats` times in a row; `repeats`: an
    int, or one an element."""
    x = convert(x)
    if axis is None:
        x, axis = reshaped(x, (x.size,)), 0
    axis = canonical_axis("repeat", axis, len(x.shape))
    counts = as_tuple(repeats)
    if any(n < 0 for n in counts):
        raise ValueError(f"repeat: `repeats` must not be negative, received {repeats}")
    before, after = tuple(x.shape[:axis]), tuple(x.shape[axis + 1 :])
    extent = x.shape[axis]
    if len(counts) == 1:
        n = operator.index(counts[0])
        y = broadcast(reshaped(x, (*before, extent, 1, *after)), (*before, extent, n, *after))
        return reshaped(y, (*before, extent * n, *after))
    if len(counts) != extent:
        raise ValueError(
            f"repeat: `repeats` must be one number, or one for each of the {extent} elements along axis "
            f"{axis}, received {len(counts)}"
        )
    from .taking import take

    check_passing(4 * sum(counts), "repeat", f"a list of {sum(counts)} places")
    return take(x, Tensor(np.repeat(np.arange(extent, dtype=np.int32), counts)), axis=axis)


@public
def tile(x, repeats):
    """`x` laid side by side `repeats` times along each axis; missing entries count as 1."""
    x = convert(x)
    counts = [operator.index(n) for n in as_tuple(repeats)]
    if any(n < 0 for n in counts):
        raise ValueError(f"tile: `repeats` must not be negative, received {repeats}")
    shape = list(x.shape)
    rank = max(len(shape), len(counts))
    shape, counts = [1] * (rank - len(shape)) + shape, [1] * (rank - len(counts)) + counts
    apart = tuple(n for extent in shape for n in (1, extent))
    full = tuple(n for count, extent in zip(counts, shape, strict=False) for n in (count, extent))
    return reshaped(
        broadcast(reshaped(x, apart), full), tuple(c * n for c, n in zip(counts, shape, strict=False))
    )


# ---- pad ----


@public
def pad(x, pad_width, mode="constant", constant_values=None):
    """`x` with elements added before and after along its axes.

    Args:
        pad_width: a pair (before, after) for each axis; one pair or one number serves all axes.
        mode: "constant", "reflect" (mirrored, the edge not repeated), "symmetric" (the
            edge repeated), "edge", "wrap".
        constant_values: the number added in mode "constant"; 0 by default.
    """
    x = convert(x)
    rank = len(x.shape)
    widths = _pad_pairs(pad_width, rank)
    if mode == "constant":
        value = 0 if constant_values is None else constant_values
        if isinstance(value, (Tensor, Variable)):
            value = np.asarray(value).item()
        if not any(map(any, widths)):
            return x
        shape = tuple(n + before + after for n, (before, after) in zip(x.shape, widths, strict=False))
        return place_op(
            x,
            shape=shape,
            starts=tuple(before for before, _ in widths),
            steps=(1,) * rank,
            value=dtypes.NUMPY[x.dtype].type(value).item(),
        )
    if constant_values is not None:
        raise ValueError(f"pad: `constant_values` belongs to mode 'constant', received mode {mode!r}")
    if mode not in ("reflect", "symmetric", "edge", "wrap"):
        raise ValueError(
            f"pad: `mode` must be 'constant', 'reflect', 'symmetric', 'edge' or 'wrap', received {mode!r}"
        )
    from .taking import take

    for axis, width in enumerate(widths):
        if any(width):
            if not x.shape[axis]:
                raise ValueError(
                    f"pad: mode {mode!r} needs elements to repeat, received an input of shape "
                    f"{tuple(x.shape)}"
                )
            check_passing(16 * (x.shape[axis] + sum(width)), "pad", f"an axis widened by {width}")
            rows = np.pad(np.arange(x.shape[axis], dtype=np.int32), width, mode=mode)
            x = take(x, Tensor(rows), axis=axis)
    return x


def _pad_pairs(pad_width, rank):
    widths = np.asarray(pad_width)
    if (
        widths.dtype.kind not in "iu"
        or widths.min(initial=0) < 0
        or widths.shape not in ((), (1,), (2,), (1, 2), (rank, 2), (rank, 1))
    ):
        raise ValueError(
            f"pad: `pad_width` must be a pair of non-negative integers for each of the {rank} axes, or "
            f"one pair or number for all, received {pad_width}"
        )
    return [tuple(pair) for pair in np.broadcast_to(widths, (rank, 2)).tolist()]


# ---- what a shape is ----


def shape(x):
    """The shape of `x` as a tuple; unknown extents of a symbolic tensor are None."""
    return tuple(x.shape) if isinstance(x, (KerasTensor, Tensor, Variable)) else tuple(np.shape(x))


def ndim(x):
    """How many axes `x` has."""
    return len(shape(x))


def size(x):
    """How many elements `x` has; None where an extent is unknown."""
    extents = shape(x)
    return None if None in extents else math.prod(extents)
