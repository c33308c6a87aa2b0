"""Maxima and means over sliding windows: Keras's max_pool and average_pool, and their gradients' ops."""

import math

import numpy as np

from ..engine.op import define_op
from ..engine.symbolic import public
from ..engine.tensor import Spec
from ..engine.variable import convert
from . import windows
from .shape import transpose_op


def _counts(x, pool_size, strides, padding, caller):
    ones = (1,) * len(pool_size)
    return windows.output_extents(x.shape[1:-1], pool_size, strides, padding, ones, caller)


def _pooled_shape(caller):
    def shape(x, *others, pool_size, strides, padding):
        counts = _counts(x, pool_size, strides, padding, caller)
        return Spec((x.shape[0], *counts, x.shape[-1]), x.dtype)

    return shape


def _sizes(x_shape, y_shape, call):
    """The sizes every kernel of csrc/pool.c takes; see the comment there."""
    return [
        x_shape[0],
        x_shape[-1],
        *windows.volume(x_shape[1:-1]),
        *windows.volume(y_shape[1:-1]),
        *windows.volume(call.pool_size),
        *windows.volume(call.strides),
        *windows.origin(call.padding),
    ]


def _kernel(name):
    """Lower to kernel `name`; input 0 or the output, whichever has more cells, is the image."""

    def kernel(call):
        if any(b.dtype != "float32" for b in (*call.inputs, *call.outputs)):
            return False
        if name == "average_pool_grad_f32":
            image, pooled = call.output.shape, call.inputs[0].shape
        elif name == "max_pool_grad_f32":
            image, pooled = call.inputs[0].shape, call.inputs[1].shape
        else:
            image, pooled = call.inputs[0].shape, call.output.shape
        call.emit(name, reads=call.inputs, writes=call.outputs, sizes=_sizes(image, pooled, call))

    return kernel


def _lowest(dtype):
    if dtype.kind == "f":
        return -np.inf
    return False if dtype.kind == "b" else np.iinfo(dtype).min


def _max_windows(x, pool_size, strides, padding):
    """x's windows with their cells on one axis: (batch, *counts, cells, channels)."""
    counts = _counts(x, pool_size, strides, padding, "max_pool")
    padded = windows.pad(x, padding, _lowest(x.dtype))
    view = windows.windows(padded, pool_size, strides, counts, (1,) * len(pool_size))
    return view.reshape(x.shape[0], *counts, math.prod(pool_size), x.shape[-1])


def _max_pool_reference(x, *, pool_size, strides, padding):
    return _max_windows(x, pool_size, strides, padding).max(-2)


def _winner(x, padding, pool_size, strides):
    """Which tap of each window wins: (batch, *counts, channels); the first of equal ones."""
    view = _max_windows(x, pool_size, strides, padding)
    return np.argmax(view, -2)


def _max_pool_grad_reference(x, y, dy, *, pool_size, strides, padding):
    winner = _winner(x, padding, pool_size, strides)
    counts = y.shape[1:-1]
    dx = np.zeros_like(windows.pad(x, padding), dtype=dy.dtype)
    for i, tap in enumerate(windows.taps(pool_size)):
        where = windows.tap_slices(tap, strides, counts, (1,) * len(counts))
        dx[(slice(None), *where)] += np.where(winner == i, dy, 0)
    return windows.pad(dx, [(-before, -after) for before, after in padding])


def _max_pool_pick_reference(x, y, g, *, pool_size, strides, padding):
    winner = _winner(x, padding, pool_size, strides)
    counts = y.shape[1:-1]
    padded = windows.pad(g, padding)
    view = windows.windows(padded, pool_size, strides, counts, (1,) * len(counts))
    view = view.reshape(*y.shape[:-1], math.prod(pool_size), y.shape[-1])
    return np.take_along_axis(view, np.expand_dims(winner, -2), -2).squeeze(-2)


def _valid_cells(extents, pool_size, strides, padding, counts, dtype):
    """How many cells of each window lie on the input: (*counts, 1)."""
    shape = (1, *extents, 1)
    ones = windows.pad(np.ones(shape, dtype), padding)
    view = windows.windows(ones, pool_size, strides, counts, (1,) * len(counts))
    axes = tuple(range(1 + len(counts), 1 + 2 * len(counts)))
    return np.maximum(view.sum(axes)[0], 1)


def _average_pool_reference(x, *, pool_size, strides, padding):
    counts = _counts(x, pool_size, strides, padding, "average_pool")
    view = windows.windows(windows.pad(x, padding), pool_size, strides, counts, (1,) * len(counts))
    axes = tuple(range(1 + len(counts), 1 + 2 * len(counts)))
    return view.sum(axes) / _valid_cells(x.shape[1:-1], pool_size, strides, padding, counts, x.dtype)


def _average_pool_grad_reference(dy, *, input_shape, pool_size, strides, padding):
    counts = dy.shape[1:-1]
    share = dy / _valid_cells(input_shape[1:-1], pool_size, strides, padding, counts, dy.dtype)
    dx = windows.pad(np.zeros(input_shape, dy.dtype), padding)
    for tap in windows.taps(pool_size):
        dx[(slice(None), *windows.tap_slices(tap, strides, counts, (1,) * len(counts)))] += share
    return windows.pad(dx, [(-before, -after) for before, after in padding])


def _average_shape(x, *, pool_size, strides, padding):
    if x.dtype not in ("float16", "float32", "float64"):
        raise ValueError(f"average_pool: `inputs` must be floats, received {x.dtype}; ops.cast it first")
    return _pooled_shape("average_pool")(x, pool_size=pool_size, strides=strides, padding=padding)


def _window(call):
    return {"pool_size": call.pool_size, "strides": call.strides, "padding": call.padding}


# A maximum belongs to one cell, the first of equal ones in row-major order, and so does its gradient.
max_pool_op = define_op(
    "max_pool",
    shape=_pooled_shape("max_pool"),
    reference=_max_pool_reference,
    kernel=_kernel("max_pool_f32"),
    grad=lambda call, dy: [max_pool_grad_op(call.inputs[0], call.output, dy, **_window(call))],
)

# x, y = max_pool(x), dy -> dx. Linear in dy; a small change of x moves no winner, so x and y get no gradient.
max_pool_grad_op = define_op(
    "max_pool_grad",
    shape=lambda x, y, dy, **window: Spec(x.shape, dy.dtype),
    reference=_max_pool_grad_reference,
    kernel=_kernel("max_pool_grad_f32"),
    grad=lambda call, g: [None, None, max_pool_pick_op(*call.inputs[:2], g, **_window(call))],
)

# x, y = max_pool(x), g like x -> g at each window's winner.
max_pool_pick_op = define_op(
    "max_pool_pick",
    shape=lambda x, y, g, **window: Spec(y.shape, g.dtype),
    reference=_max_pool_pick_reference,
    grad=lambda call, dy: [None, None, max_pool_grad_op(*call.inputs[:2], dy, **_window(call))],
)

average_pool_op = define_op(
    "average_pool",
    shape=_average_shape,
    reference=_average_pool_reference,
    kernel=_kernel("average_pool_f32"),
    grad=lambda call, dy: [
        average_pool_grad_op(dy, input_shape=tuple(call.inputs[0].shape), **_window(call))
    ],
)

average_pool_grad_op = define_op(
    "average_pool_grad",
    shape=lambda dy, *, input_shape, **window: Spec(input_shape, dy.dtype),
    reference=_average_pool_grad_reference,
    kernel=_kernel("average_pool_grad_f32"),
    grad=lambda call, g: [average_pool_op(g, **_window(call))],
)


def _pool(op, inputs, pool_size, strides, padding, data_format, caller):
    x = convert(inputs)
    rank = windows.spatial_rank(x, "inputs", caller)
    pool_size = windows.per_axis(pool_size, rank, "pool_size", caller)
    strides = pool_size if strides is None else windows.per_axis(strides, rank, "strides", caller)
    first = windows.standard_format(data_format, caller) == "channels_first"
    if first:
        x = transpose_op(x, axes=(0, *range(2, rank + 2), 1))
    if isinstance(padding, str) and padding.lower() == "causal":
        raise ValueError(f"{caller}: `padding` must be 'valid' or 'same', received {padding!r}")
    pairs = windows.resolve_padding(padding, x.shape[1:-1], pool_size, strides, (1,) * rank, caller)
    strides = windows.bounded_strides(strides, x.shape[1:-1], pairs)
    y = op(x, pool_size=pool_size, strides=strides, padding=pairs)
    return transpose_op(y, axes=(0, rank + 1, *range(1, rank + 1))) if first else y


@public
def max_pool(inputs, pool_size, strides=None, padding="valid", data_format=None):
    """The maximum of each window, channel by channel; padding never wins.

    Args:
        inputs: (batch, *spatial, channels), or (batch, channels, *spatial) with "channels_first"; with 1 to
            3 spatial axes.
        pool_size: the window's extent, an int or one a spatial axis.
        strides: the step between windows; `pool_size` by default.
        padding: "valid", or "same" for ceil(extent / stride) windows.
        data_format: "channels_last" or "channels_first"; the configured one by default.
    Returns:
        (batch, *windows, channels), `inputs`'s dtype and layout. A NaN makes its windows NaN.
    Raises:
        ValueError: no window fits, or an argument is none of the above.
    Source: Keras 3 `ops.max_pool`. The gradient goes to the first of equal maxima.
    """
    return _pool(max_pool_op, inputs, pool_size, strides, padding, data_format, "max_pool")


@public
def average_pool(inputs, pool_size, strides=None, padding="valid", data_format=None):
    """The mean of each window, channel by channel; cells of the padding are not counted.

    Args, Returns, Raises: as `max_pool`; `inputs` must be floats.
    Source: Keras 3 `ops.average_pool`.
    """
    return _pool(average_pool_op, inputs, pool_size, strides, padding, data_format, "average_pool")
