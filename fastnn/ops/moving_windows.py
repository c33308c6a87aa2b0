"""slice and slice_update: windows whose place may be a tensor."""

import operator

from ..engine.op import define_op
from ..engine.symbolic import public
from ..engine.tensor import Spec, Tensor
from ..engine.variable import Variable, convert
from .creation import zeros_like
from .shape import as_tuple, reshaped, sliced

builtin_slice = slice  # this file's own `slice` is Keras's


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
