"""Elements picked by index: take, gather, scatter, slices, `x[...]`, one-hot codes."""

import math
import operator

import numpy as np

from ..engine import dtypes, row_gradients
from ..engine.op import define_op, no_gradient, records
from ..engine.symbolic import public
from ..engine.tensor import Spec, Tensor, Traced
from ..engine.variable import Variable, convert
from .axes import canonical_axis
from .creation import ones_like, zeros_like
from .shape import as_tuple, broadcast, reshaped, sliced

builtin_slice = slice  # this file's own `slice` is Keras's
_INTEGERS = "`indices` must be integers, received dtype "


def index_tensor(indices, name):
    """`indices` as an int32 or int64 tensor; a ValueError where they are no integers."""
    indices = convert(indices)
    if indices.dtype in ("int32", "int64"):
        return indices
    if not dtypes.is_integer(indices.dtype):
        raise ValueError(f"{name}: {_INTEGERS}{indices.dtype}; cast them with ops.cast(indices, 'int32')")
    return records["cast"](indices, dtype="int64" if indices.dtype in ("uint32", "uint64") else "int32")


def outside_value(dtype):
    """What stands for an element that an index out of range asked for: NaN, or the dtype's extreme."""
    if dtype.kind in "fc":
        return np.nan
    if dtype.kind == "b":
        return True
    return np.iinfo(dtype).min if dtype.kind == "i" else np.iinfo(dtype).max


def _located(indices, extent):
    """(indices from the front, where they lie outside); those outside become 0."""
    index = np.where(indices < 0, indices.astype(np.int64) + extent, indices)
    outside = (index < 0) | (index >= extent)
    return np.where(outside, 0, index), outside


# ---- take and its gradient ----


def _take_shape(x, indices, *, axis):
    return Spec((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), x.dtype)


def _take_reference(x, indices, *, axis):
    index, outside = _located(indices, x.shape[axis])
    if x.shape[axis] == 0:
        return np.full(
            (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), outside_value(x.dtype), x.dtype
        )
    y = np.take(x, index, axis)
    y[(builtin_slice(None),) * axis + (outside,)] = outside_value(x.dtype)
    return y


def _fill_bits(dtype):
    return np.asarray(outside_value(dtypes.NUMPY[dtype]), dtypes.NUMPY[dtype]).reshape(1).view(np.uint32)[0]


def _index_name(buffer):
    return {"int32": "i32", "int64": "i64"}[buffer.dtype]


def _take_kernel(call):
    x, indices = call.inputs
    if x.dtype not in ("float32", "int32", "uint32"):
        return False
    shape = x.shape
    call.emit(
        "gather_rows_b32_" + _index_name(indices),
        reads=[x, indices],
        writes=call.outputs,
        sizes=[
            math.prod(shape[: call.axis]),
            shape[call.axis],
            indices.size,
            math.prod(shape[call.axis + 1 :]),
        ],
        attrs=[_fill_bits(x.dtype)],
    )


take_op = define_op(
    "take",
    shape=_take_shape,
    reference=_take_reference,
    kernel=_take_kernel,
    grad=lambda call, dy: [_take_gradient(call, dy), None],
)


def _take_gradient(call, dy):
    indices = call.inputs[1]
    dx = take_grad_op(dy, indices, axis=call.axis, extent=call.inputs[0].shape[call.axis])
    return row_gradients.note(dx, [(indices, dy)]) if call.axis == 0 else dx


def _take_grad_shape(dy, indices, *, axis, extent):
    return Spec((*dy.shape[:axis], extent, *dy.shape[axis + len(indices.shape) :]), dy.dtype)


def _take_grad_reference(dy, indices, *, axis, extent):
    index, outside = _located(indices, extent)
    before, after = dy.shape[:axis], dy.shape[axis + indices.ndim :]
    dx = np.zeros((*before, extent, *after), dy.dtype)
    rows = dy.reshape(*before, indices.size, *after)
    kept = ~outside.reshape(-1)
    here = (builtin_slice(None),) * axis
    np.add.at(dx, (*here, index.reshape(-1)[kept]), rows[(*here, kept)])
    return dx


def _take_grad_kernel(call):
    dy, indices = call.inputs
    if dy.dtype != "float32":
        return False
    shape = call.output.shape
    call.emit(
        "scatter_add_rows_f32_" + _index_name(indices),
        reads=[dy, indices],
        writes=call.outputs,
        sizes=[math.prod(shape[: call.axis]), call.extent, indices.size, math.prod(shape[call.axis + 1 :])],
    )


take_grad_op = define_op(
    "take_grad",
    shape=_take_grad_shape,
    reference=_take_grad_reference,
    kernel=_take_grad_kernel,
    grad=lambda call, ddx: [take_op(ddx, call.inputs[1], axis=call.axis), None],
)


@public
def take(x, indices, axis=None):
    """The slices of `x` along `axis` (flat by default) that the integers `indices` name.

    Negative indices count from the end. An index out of range gives NaN (in integer
    tensors the dtype's extreme), as in JAX, and passes no gradient on.
    """
    x = convert(x)
    indices = index_tensor(indices, "take")
    if axis is None:
        x, axis = reshaped(x, (x.size,)), 0
    return take_op(x, indices, axis=canonical_axis("take", axis, len(x.shape)))


# ---- take_along_axis and its gradient ----


def _along_shape(x, indices, *, axis):
    return Spec(tuple(indices.shape), x.dtype)


def _along_reference(x, indices, *, axis):
    index, outside = _located(indices, x.shape[axis])
    if x.shape[axis] == 0:
        return np.full(indices.shape, outside_value(x.dtype), x.dtype)
    y = np.take_along_axis(x, index, axis)
    y[outside] = outside_value(x.dtype)
    return y


def _along_kernel(call):
    x, indices = call.inputs
    if x.dtype not in ("float32", "int32", "uint32"):
        return False
    shape = x.shape
    call.emit(
        "take_along_b32_" + _index_name(indices),
        reads=[x, indices],
        writes=call.outputs,
        sizes=[
            math.prod(shape[: call.axis]),
            shape[call.axis],
            indices.shape[call.axis],
            math.prod(shape[call.axis + 1 :]),
        ],
        attrs=[_fill_bits(x.dtype)],
    )


along_op = define_op(
    "take_along_axis",
    shape=_along_shape,
    reference=_along_reference,
    kernel=_along_kernel,
    grad=lambda call, dy: [
        along_grad_op(dy, call.inputs[1], axis=call.axis, extent=call.inputs[0].shape[call.axis]),
        None,
    ],
)


def _along_grad_shape(dy, indices, *, axis, extent):
    return Spec((*dy.shape[:axis], extent, *dy.shape[axis + 1 :]), dy.dtype)


def _along_grad_reference(dy, indices, *, axis, extent):
    index, outside = _located(indices, extent)
    dx = np.zeros((*dy.shape[:axis], extent, *dy.shape[axis + 1 :]), dy.dtype)
    grid = list(np.indices(dy.shape, sparse=True))
    grid[axis] = index
    np.add.at(dx, tuple(grid), np.where(outside, 0, dy)) if extent else None
    return dx


def _along_grad_kernel(call):
    dy, indices = call.inputs
    if dy.dtype != "float32":
        return False
    shape = dy.shape
    call.emit(
        "take_along_grad_f32_" + _index_name(indices),
        reads=[dy, indices],
        writes=call.outputs,
        sizes=[
            math.prod(shape[: call.axis]),
            call.extent,
            shape[call.axis],
            math.prod(shape[call.axis + 1 :]),
        ],
    )


along_grad_op = define_op(
    "take_along_axis_grad",
    shape=_along_grad_shape,
    reference=_along_grad_reference,
    kernel=_along_grad_kernel,
    grad=lambda call, ddx: [along_op(ddx, call.inputs[1], axis=call.axis), None],
)


@public
def take_along_axis(x, indices, axis=None):
    """x[..., indices[..., i, ...], ...]: along `axis`, each line of `x` by its own line of `indices`.

    The other axes broadcast. With `axis` None both count as flat. Indices out of range: as in `take`.
    """
    x, indices = convert(x), index_tensor(indices, "take_along_axis")
    if axis is None:
        x, indices, axis = reshaped(x, (x.size,)), reshaped(indices, (indices.size,)), 0
    rank = len(x.shape)
    axis = canonical_axis("take_along_axis", axis, rank)
    if len(indices.shape) != rank:
        raise ValueError(
            f"take_along_axis: `indices` must have as many axes as `x`, received shapes "
            f"{tuple(indices.shape)} and {tuple(x.shape)}"
        )
    others = np.broadcast_shapes(
        *[(*s[:axis], 1, *s[axis + 1 :]) for s in (tuple(x.shape), tuple(indices.shape))]
    )
    x = broadcast(x, (*others[:axis], x.shape[axis], *others[axis + 1 :]))
    indices = broadcast(indices, (*others[:axis], indices.shape[axis], *others[axis + 1 :]))
    return along_op(x, indices, axis=axis)


# ---- gather_nd and scatter: each is the other's gradient ----


def _points(indices, shape):
    """(places, outside): one index array an axis that `indices` (..., depth) names, those outside at 0."""
    located = [_located(indices[..., i], shape[i]) for i in range(indices.shape[-1])]
    outside = np.zeros(indices.shape[:-1], bool)
    for _, wrong in located:
        outside |= wrong
    return tuple(np.where(outside, 0, index) for index, _ in located), outside


def _gather_nd_reference(x, indices):
    places, outside = _points(indices, x.shape)
    y = np.array(x[places])
    y[outside] = outside_value(x.dtype)
    return y


def _gather_nd_shape(x, indices):
    depth = indices.shape[-1]
    if depth > len(x.shape):
        raise ValueError(
            f"gather_nd: the last axis of `indices` names {depth} axes of an input of shape {tuple(x.shape)}"
        )
    return Spec((*indices.shape[:-1], *x.shape[depth:]), x.dtype)


gather_nd_op = define_op(
    "gather_nd",
    shape=_gather_nd_shape,
    reference=_gather_nd_reference,
    grad=lambda call, dy: [scatter_op(call.inputs[1], dy, shape=tuple(call.inputs[0].shape)), None],
)


def _scatter_check(name, indices, updates, shape):
    depth = indices.shape[-1] if indices.shape else 0
    want = (*indices.shape[:-1], *shape[depth:])
    if not indices.shape or depth > len(shape) or tuple(updates.shape) != want:
        raise ValueError(
            f"{name}: `indices` of shape {tuple(indices.shape)} into shape {tuple(shape)} need values of "
            f"shape {want}, received {tuple(updates.shape)}"
        )


def _scatter_shape(indices, values, *, shape):
    _scatter_check("scatter", indices, values, shape)
    return Spec(shape, values.dtype)


def _scatter_reference(indices, values, *, shape):
    places, outside = _points(indices, shape)
    y = np.zeros(shape, values.dtype)
    np.add.at(y, tuple(p[~outside] for p in places), values[~outside])
    return y


scatter_op = define_op(
    "scatter",
    shape=_scatter_shape,
    reference=_scatter_reference,
    grad=lambda call, dy: [None, gather_nd_op(dy, call.inputs[0])],
)


@public
def gather_nd(x, indices):
    """x[i, j, ...] for each line (i, j, ...) of `indices`' last axis, which names the first axes of `x`."""
    return gather_nd_op(convert(x), index_tensor(indices, "gather_nd"))


@public
def scatter(indices, values, shape):
    """Zeros of `shape` with `values` added at `indices`, whose last axis names the first axes of `shape`."""
    return scatter_op(
        index_tensor(indices, "scatter"), convert(values), shape=tuple(map(operator.index, shape))
    )


_REDUCTIONS = {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}


def _scatter_update_shape(x, indices, updates, *, reduction):
    _scatter_check("scatter_update", indices, updates, x.shape)
    return Spec(x.shape, x.dtype)


def _scatter_update_reference(x, indices, updates, *, reduction):
    places, outside = _points(indices, x.shape)
    places = tuple(p[~outside] for p in places)
    y = x.copy()
    if reduction is None:
        y[places] = updates[~outside]
    else:
        _REDUCTIONS[reduction].at(y, places, updates[~outside])
    return y


def _scatter_update_grad(call, dy):
    x, indices, updates = call.inputs
    picked = gather_nd_op(dy, indices)
    if call.reduction == "add":
        return [dy, None, picked]
    if call.reduction is None:
        return [scatter_update_op(dy, indices, zeros_like(updates), reduction=None), None, picked]
    if call.reduction == "mul":  # exact where no place is named twice
        factors = scatter_update_op(ones_like(x), indices, updates, reduction="mul")
        return [dy * factors, None, picked * gather_nd_op(x, indices)]
    zero = convert(0.0, dtype=dy.dtype)
    where, equal = records["where"], records["equal"]
    chosen = equal(gather_nd_op(call.output, indices), updates)
    return [
        where(equal(call.output, x), dy, broadcast(zero, tuple(dy.shape))),
        None,
        where(chosen, picked, broadcast(zero, tuple(picked.shape))),
    ]


scatter_update_op = define_op(
    "scatter_update",
    shape=_scatter_update_shape,
    reference=_scatter_update_reference,
    grad=_scatter_update_grad,
)


@public
def scatter_update(inputs, indices, updates, reduction=None):
    """`inputs` with `updates` at `indices`, whose last axis names the first axes of `inputs`.

    reduction: None (replace; of places named twice the last counts), "add", "mul", "max" or "min".
    """
    if reduction is not None and reduction not in _REDUCTIONS:
        raise ValueError(
            f"scatter_update: `reduction` must be None, 'add', 'mul', 'max' or 'min', received {reduction!r}"
        )
    inputs = convert(inputs)
    return scatter_update_op(
        inputs,
        index_tensor(indices, "scatter_update"),
        convert(updates, dtype=inputs.dtype),
        reduction=reduction,
    )


# ---- windows whose place is a tensor ----


def _clamped(starts, sizes, shape):
    return tuple(
        builtin_slice(a, a + n)
        for a, n in ((min(max(int(a), 0), m - n), n) for a, n, m in zip(starts, sizes, shape, strict=False))
    )


def _window_shape(x, starts, *, sizes):
    _check_window("slice", x, starts, sizes)
    return Spec(sizes, x.dtype)


def _check_window(name, x, starts, sizes):
    if (
        len(sizes) != len(x.shape)
        or tuple(starts.shape) != (len(sizes),)
        or any(not 0 <= n <= m for n, m in zip(sizes, x.shape, strict=False))
    ):
        raise ValueError(
            f"{name}: a window of shape {tuple(sizes)} with {tuple(starts.shape)} start indices does not "
            f"fit into an input of shape {tuple(x.shape)}"
        )


window_op = define_op(
    "dynamic_slice",
    shape=_window_shape,
    reference=lambda x, starts, *, sizes: x[_clamped(starts, sizes, x.shape)].copy(),
    grad=lambda call, dy: [window_update_op(zeros_like(call.inputs[0]), dy, call.inputs[1]), None],
)


def _window_update_shape(x, updates, starts):
    _check_window("slice_update", x, starts, tuple(updates.shape))
    return Spec(x.shape, x.dtype)


def _window_update_reference(x, updates, starts):
    y = x.copy()
    y[_clamped(starts, updates.shape, x.shape)] = updates
    return y


window_update_op = define_op(
    "dynamic_slice_update",
    shape=_window_update_shape,
    reference=_window_update_reference,
    grad=lambda call, dy: [
        window_update_op(dy, zeros_like(call.inputs[1]), call.inputs[2]),
        window_op(dy, call.inputs[2], sizes=tuple(call.inputs[1].shape)),
        None,
    ],
)


def _starts(start_indices, name):
    """Start indices as a tuple of ints where all are known, else as an int32 tensor."""
    if isinstance(start_indices, (Tensor, Variable)):
        return convert(start_indices, dtype="int32")
    if any(isinstance(a, (Tensor, Variable)) for a in start_indices):
        from .joining import stack

        return stack([reshaped(convert(a, dtype="int32"), ()) for a in start_indices])
    return tuple(map(operator.index, as_tuple(start_indices)))


@public
def slice(inputs, start_indices, shape):  # noqa: A001 - Keras's name
    """The window of `inputs` of this `shape` from `start_indices` (ints or an integer tensor).

    Tensor indices are moved inside, as in JAX, where the window would not fit. An extent
    -1 in `shape` means: to the end, for start indices that are ints.
    """
    x = convert(inputs)
    starts = _starts(start_indices, "slice")
    sizes = tuple(map(operator.index, as_tuple(shape)))
    if isinstance(starts, tuple):
        if len(starts) != len(x.shape) or len(sizes) != len(x.shape):
            raise ValueError(
                f"slice: `start_indices` and `shape` must have {len(x.shape)} entries for an input of shape "
                f"{tuple(x.shape)}, received {starts} and {sizes}"
            )
        sizes = tuple(m - a if n == -1 else n for n, a, m in zip(sizes, starts, x.shape, strict=False))
        if any(a < 0 or n < 0 or a + n > m for a, n, m in zip(starts, sizes, x.shape, strict=False)):
            raise ValueError(
                f"slice: a window of shape {sizes} from {starts} leaves an input of shape {tuple(x.shape)}"
            )
        return sliced(x, starts, sizes)
    return window_op(x, starts, sizes=sizes)


@public
def slice_update(inputs, start_indices, updates):
    """`inputs` with `updates` written over the window from `start_indices`, moved inside
    where it would not fit."""
    x = convert(inputs)
    return window_update_op(
        x, convert(updates, dtype=x.dtype), convert(_starts(start_indices, "slice_update"), dtype="int32")
    )


# ---- x[...] ----


def _index_key(template, arrays):
    arrays = iter(arrays)
    return tuple(
        next(arrays) if part == "array" else builtin_slice(None) if part == ":" else part for part in template
    )


def _index_shape(x, *arrays, template):
    extents = iter(x.shape)
    kept = [
        1 if part is None else n for part in template for n in [part and next(extents)] if part != "array"
    ]
    at = _array_axes(template)
    return Spec((*kept[:at], *np.broadcast_shapes(*[tuple(a.shape) for a in arrays]), *kept[at:]), x.dtype)


def _index_places(shape, arrays, template):
    """(key with every index inside, where one was outside, over the arrays' common shape)."""
    axes = [i for i, part in enumerate(q for q in template if q is not None) if part == "array"]
    located = [_located(a, shape[axis]) for a, axis in zip(arrays, axes, strict=False)]
    outside = np.zeros(np.broadcast_shapes(*[a.shape for a in arrays]), bool)
    for _, wrong in located:
        outside = outside | wrong
    return _index_key(template, [index for index, _ in located]), outside


def _index_reference(x, *arrays, template):
    key, outside = _index_places(x.shape, arrays, template)
    if x.size == 0:
        return np.full(_index_shape(x, *arrays, template=template).shape, outside_value(x.dtype), x.dtype)
    y = np.array(x[key])
    y[(builtin_slice(None),) * _array_axes(template) + (outside,)] = outside_value(x.dtype)
    return y


def _array_axes(template):
    """Where the arrays' axes start in the result: in place if they are neighbours, else first."""
    places = [i for i, part in enumerate(template) if part == "array"]
    together = places[-1] - places[0] + 1 == len(places)
    return places[0] if together else 0


def _index_grad_shape(dy, *arrays, template, shape):
    return Spec(shape, dy.dtype)


def _index_grad_reference(dy, *arrays, template, shape):
    key, outside = _index_places(shape, arrays, template)
    dx = np.zeros(shape, dy.dtype)
    if dx.size:
        dy = dy.copy()
        dy[(builtin_slice(None),) * _array_axes(template) + (outside,)] = 0
        np.add.at(dx, key, dy)
    return dx


index_op = define_op(
    "index",
    shape=_index_shape,
    reference=_index_reference,
    grad=lambda call, dy: [
        index_grad_op(dy, *call.inputs[1:], template=call.template, shape=tuple(call.inputs[0].shape)),
        *[None] * (len(call.inputs) - 1),
    ],
)
index_grad_op = define_op(
    "index_grad",
    shape=_index_grad_shape,
    reference=_index_grad_reference,
    grad=lambda call, ddx: [
        index_op(ddx, *call.inputs[1:], template=call.template),
        *[None] * (len(call.inputs) - 1),
    ],
)


def _expanded(key, rank):
    """`key` as a list with an entry for each axis (None adds one); masks become index arrays."""
    parts = []
    for part in key if isinstance(key, tuple) else (key,):
        if isinstance(part, (list, np.ndarray)) or (isinstance(part, (Tensor, Variable)) and part.shape):
            part = convert(part) if not isinstance(part, list) or part else convert(np.zeros(0, np.int32))
            if part.dtype == "bool":
                parts += [Tensor(a.astype(np.int32)) for a in np.nonzero(np.asarray(part.array))]
                continue
            part = index_tensor(part, "x[...]")
        elif isinstance(part, (Tensor, Variable)):
            part = (
                index_tensor(part, "x[...]")
                if type(part) is Traced
                else operator.index(np.asarray(part).item())
            )
        elif isinstance(part, (bool, np.bool_)):
            raise IndexError(
                "x[...]: True and False are no indices; use ops.where, or a boolean mask of an axis' shape"
            )
        parts.append(part)
    used = sum(part is not None and part is not Ellipsis for part in parts)
    if used > rank or sum(part is Ellipsis for part in parts) > 1:
        raise IndexError(
            f"x[...]: {used} indices for a tensor of {rank} axes; at most one of them may be '...'"
        )
    if not any(part is Ellipsis for part in parts):
        parts.append(Ellipsis)
    at = next(i for i, part in enumerate(parts) if part is Ellipsis)
    return parts[:at] + [builtin_slice(None)] * (rank - used) + parts[at + 1 :]


@public
def get_item(x, key):
    """x[key]: ints, slices, None, `...`, integer tensors and (at hand, not traced)
    boolean masks, as in NumPy."""
    x = convert(x)
    parts = _expanded(key, len(x.shape))
    starts, sizes, steps, axes = [], [], [], []  # what static parts keep; axes: the template for what follows
    arrays = []
    axis = 0
    for part in parts:
        if part is None:
            axes.append(None)
            continue
        extent = x.shape[axis]
        if isinstance(part, Tensor):
            start, size, step = 0, extent, 1
            arrays.append(part)
            axes.append("array")
        elif isinstance(part, builtin_slice):
            start, stop, step = part.indices(extent)
            size = len(range(start, stop, step))
            start = start if size else 0
            axes.append(":")
        else:
            try:
                start = operator.index(part)
            except TypeError:
                raise TypeError(
                    f"x[...]: an index must be an int, a slice, None, '...' or integers, received {part!r}"
                ) from None
            if not -extent <= start < extent:
                raise IndexError(f"x[...]: index {start} is out of range for axis {axis} of extent {extent}")
            start, size, step = start % extent, 1, 1
            axes.append("int")
        starts.append(start)
        sizes.append(size)
        steps.append(step)
        axis += 1
    x = sliced(x, tuple(starts), tuple(sizes), tuple(steps))
    if not arrays:
        extents = iter(sizes)
        return reshaped(
            x, tuple(1 if a is None else n for a in axes for n in [a and next(extents)] if a != "int")
        )
    if len(arrays) == 1 and _together(axes):
        extents = iter(sizes)
        kept = [(a, 1 if a is None else n) for a in axes for n in [a and next(extents)] if a != "int"]
        place = [a for a, _ in kept].index("array")
        return take_op(reshaped(x, tuple(n for _, n in kept)), arrays[0], axis=place)
    given = iter(arrays)
    arrays = [
        next(given) if a == "array" else Tensor(np.zeros((), np.int32)) for a in axes if a in ("array", "int")
    ]
    return index_op(x, *arrays, template=tuple("array" if a == "int" else a for a in axes))


def _together(axes):
    """Whether arrays and ints are neighbours: then an int may be dropped before the array picks."""
    places = [i for i, a in enumerate(axes) if a in ("array", "int")]
    return places[-1] - places[0] + 1 == len(places)


def nonzero(x):
    """A tuple of int32 tensors, one an axis: where `x` is not 0. Its length needs the
    values: not for traces."""
    return tuple([Tensor(places.astype(np.int32)) for places in np.nonzero(convert(x).array)])


# ---- one-hot codes ----


def _one_hot_shape(x, *, num_classes, axis, dtype):
    return Spec((*x.shape[:axis], num_classes, *x.shape[axis:]), dtype)


def _one_hot_reference(x, *, num_classes, axis, dtype):
    classes = np.arange(num_classes).reshape([-1] + [1] * (x.ndim - axis))
    return (np.expand_dims(x, axis) == classes).astype(dtype)


def _one_hot_kernel(call):
    x = call.inputs[0]
    if x.dtype not in ("int32", "int64") or call.dtype != "float32":
        return False
    call.emit(
        "one_hot_f32_" + _index_name(x),
        reads=[x],
        writes=call.outputs,
        sizes=[math.prod(x.shape[: call.axis]), call.num_classes, math.prod(x.shape[call.axis :])],
    )


one_hot_op = define_op(
    "one_hot",
    shape=_one_hot_shape,
    reference=_one_hot_reference,
    kernel=_one_hot_kernel,
    grad=no_gradient("integer input"),
)


@public
def one_hot(x, num_classes, axis=-1, dtype=None, sparse=False):
    """1 at each integer's class along a new axis of extent `num_classes`, else 0; none
    for one out of range."""
    if sparse:
        raise ValueError("one_hot: `sparse=True` is not supported; leave it False")
    x = index_tensor(x, "one_hot")
    return one_hot_op(
        x,
        num_classes=operator.index(num_classes),
        axis=canonical_axis("one_hot", axis, len(x.shape) + 1),
        dtype=dtypes.standardize(dtype),
    )


def _multi_hot_reference(x, *, num_classes, axis, dtype):
    codes = _one_hot_reference(x, num_classes=num_classes, axis=axis % (x.ndim + 1), dtype=dtype)
    return codes.max(1 if x.ndim > 1 else 0, initial=0)


def _multi_hot_shape(x, *, num_classes, axis, dtype):
    shape = list(x.shape)
    shape.insert(axis % (len(shape) + 1), num_classes)
    del shape[1 if len(x.shape) > 1 else 0]
    return Spec(tuple(shape), dtype)


multi_hot_op = define_op(
    "multi_hot", shape=_multi_hot_shape, reference=_multi_hot_reference, grad=no_gradient("integer input")
)


@public
def multi_hot(inputs, num_classes=None, axis=-1, dtype=None, sparse=False, **kwargs):
    """1 for each class that occurs among a row of integers: (classes) of (k,), (batch,
    classes) of (batch, k)."""
    num_classes = kwargs.pop("num_tokens", num_classes)
    if sparse or kwargs or num_classes is None:
        raise ValueError(
            "multi_hot: `num_classes` is needed and `sparse=True` not supported, received num_classes="
            f"{num_classes}, sparse={sparse}, {kwargs}"
        )
    x = index_tensor(inputs, "multi_hot")
    return multi_hot_op(
        x, num_classes=operator.index(num_classes), axis=axis, dtype=dtypes.standardize(dtype)
    )
