"""x[...], and where a tensor is not 0."""

import operator

import numpy as np

from ..engine.op import define_op
from ..engine.symbolic import public
from ..engine.tensor import Spec, Tensor, Traced
from ..engine.variable import Variable, convert
from .indices import index_tensor, located, outside_value
from .shape import reshaped, sliced
from .taking import take_op


def _index_key(template, arrays):
    arrays = iter(arrays)
    return tuple(
        next(arrays) if part == "array" else slice(None) if part == ":" else part for part in template
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
    found = [located(a, shape[axis]) for a, axis in zip(arrays, axes, strict=False)]
    outside = np.zeros(np.broadcast_shapes(*[a.shape for a in arrays]), bool)
    for _, wrong in found:
        outside = outside | wrong
    return _index_key(template, [index for index, _ in found]), outside


def _index_reference(x, *arrays, template):
    key, outside = _index_places(x.shape, arrays, template)
    if x.size == 0:
        return np.full(_index_shape(x, *arrays, template=template).shape, outside_value(x.dtype), x.dtype)
    y = np.array(x[key])
    y[(slice(None),) * _array_axes(template) + (outside,)] = outside_value(x.dtype)
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
        dy[(slice(None),) * _array_axes(template) + (outside,)] = 0
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
    return parts[:at] + [slice(None)] * (rank - used) + parts[at + 1 :]


@public
def get_item(x, key):
    """x[key]: ints, slices, None, `...`, integer tensors and (at hand, not traced)
    boolean masks, as in NumPy."""
    x = convert(x)
    static = _static(tuple(x.shape), key)
    if static is not None:
        starts, sizes, steps, kept = static
        return reshaped(sliced(x, starts, sizes, steps), kept)
    starts, sizes, steps, axes, arrays = _window(x.shape, _expanded(key, len(x.shape)))
    x = sliced(x, starts, sizes, steps)
    if not arrays:
        return reshaped(x, _kept(axes, sizes))
    if len(arrays) == 1 and _together(axes):
        place = [a for a in axes if a != "int"].index("array")
        return take_op(reshaped(x, _kept(axes, sizes)), arrays[0], axis=place)
    given = iter(arrays)
    arrays = [
        next(given) if a == "array" else Tensor(np.zeros((), np.int32)) for a in axes if a in ("array", "int")
    ]
    return index_op(x, *arrays, template=tuple("array" if a == "int" else a for a in axes))


def item_now(x, key):
    """`get_item` of a tensor at hand that no tape looks at, where NumPy alone says what it is; else None."""
    for part in key if type(key) is tuple else (key,):
        if type(part) not in _STATIC:
            return None
    try:
        return Tensor(np.array(x.array[key], order="C"))  # a copy: a view would keep all of x in memory
    except IndexError:
        return None  # `get_item` says what is wrong


_STATIC = (int, np.int64, np.int32, slice, type(None), type(Ellipsis))
_MOST_KEPT = 4096
_kept_windows = {}  # (shape, key) -> what `_static` found


def _static(shape, key):
    """(starts, sizes, steps, shape of the result) of a key of ints, slices of ints, None and `...`; None for others."""
    said = [shape]
    for part in key if type(key) is tuple else (key,):
        if type(part) is slice:
            part = (part.start, part.stop, part.step)
            if any(n is not None and type(n) is not int for n in part):
                return None
        elif type(part) not in _STATIC:
            return None
        said.append(part)
    said = tuple(said)
    found = _kept_windows.get(said)
    if found is None:
        starts, sizes, steps, axes, _ = _window(shape, _expanded(key, len(shape)))
        if len(_kept_windows) >= _MOST_KEPT:
            _kept_windows.clear()
        found = _kept_windows[said] = starts, sizes, steps, _kept(axes, sizes)
    return found


def _window(shape, parts):
    """(starts, sizes, steps, axes, arrays): what parts that are no arrays keep of each axis, and the rest.

    axes: None for a new axis, else "int", ":" or "array", for each part.
    """
    starts, sizes, steps, axes, arrays = [], [], [], [], []
    for part in parts:
        if part is None:
            axes.append(None)
            continue
        axis = len(starts)
        extent = shape[axis]
        if isinstance(part, Tensor):
            start, size, step = 0, extent, 1
            arrays.append(part)
            axes.append("array")
        elif isinstance(part, slice):
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
    return tuple(starts), tuple(sizes), tuple(steps), axes, arrays


def _kept(axes, sizes):
    """The shape with new axes, and without those that an int picks from."""
    extents = iter(sizes)
    return tuple(1 if a is None else n for a in axes for n in [a and next(extents)] if a != "int")


def _together(axes):
    """Whether arrays and ints are neighbours: then an int may be dropped before the array picks."""
    places = [i for i, a in enumerate(axes) if a in ("array", "int")]
    return places[-1] - places[0] + 1 == len(places)


def nonzero(x):
    """A tuple of int32 tensors, one an axis: where `x` is not 0. Its length needs the
    values: not for traces."""
    return tuple([Tensor(places.astype(np.int32)) for places in np.nonzero(convert(x).array)])
