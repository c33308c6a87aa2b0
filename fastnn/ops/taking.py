"""take and take_along_axis: lines of a tensor by their indices."""

import math

import numpy as np

from ..engine import dtypes, row_gradients
from ..engine.op import define_op
from ..engine.symbolic import public
from ..engine.tensor import Spec
from ..engine.variable import convert
from .axes import canonical_axis
from .indices import index_name, index_tensor, located, outside_value
from .shape import broadcast, reshaped

# ---- take and its gradient ----


def _take_shape(x, indices, *, axis):
    return Spec((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), x.dtype)


def _take_reference(x, indices, *, axis):
    index, outside = located(indices, x.shape[axis])
    if x.shape[axis] == 0:
        return np.full(
            (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), outside_value(x.dtype), x.dtype
        )
    y = np.take(x, index, axis)
    y[(slice(None),) * axis + (outside,)] = outside_value(x.dtype)
    return y


def _fill_bits(dtype):
    return np.asarray(outside_value(dtypes.NUMPY[dtype]), dtypes.NUMPY[dtype]).reshape(1).view(np.uint32)[0]


def _pick(call, kernel, picked):
    """Lower to `kernel`, which picks elements of 4 bytes, `picked` along the axis."""
    x, indices = call.inputs
    if x.dtype not in ("float32", "int32", "uint32"):
        return False
    before, after = math.prod(x.shape[: call.axis]), math.prod(x.shape[call.axis + 1 :])
    call.emit(
        kernel + index_name(indices),
        reads=[x, indices],
        writes=call.outputs,
        sizes=[before, x.shape[call.axis], picked, after],
        attrs=[_fill_bits(x.dtype)],
    )


def _add_back(call, kernel, picked):
    """Lower to `kernel`, the gradient of what `_pick` does."""
    dy, indices = call.inputs
    if dy.dtype != "float32":
        return False
    shape = call.output.shape
    before, after = math.prod(shape[: call.axis]), math.prod(shape[call.axis + 1 :])
    call.emit(
        kernel + index_name(indices),
        reads=[dy, indices],
        writes=call.outputs,
        sizes=[before, call.extent, picked, after],
    )


take_op = define_op(
    "take",
    shape=_take_shape,
    reference=_take_reference,
    kernel=lambda call: _pick(call, "gather_rows_b32_", call.inputs[1].size),
    grad=lambda call, dy: [_take_gradient(call, dy), None],
)


def _take_gradient(call, dy):
    indices = call.inputs[1]
    dx = take_grad_op(dy, indices, axis=call.axis, extent=call.inputs[0].shape[call.axis])
    return row_gradients.note(dx, [(indices, dy)]) if call.axis == 0 else dx


def _take_grad_shape(dy, indices, *, axis, extent):
    return Spec((*dy.shape[:axis], extent, *dy.shape[axis + len(indices.shape) :]), dy.dtype)


def _take_grad_reference(dy, indices, *, axis, extent):
    index, outside = located(indices, extent)
    before, after = dy.shape[:axis], dy.shape[axis + indices.ndim :]
    dx = np.zeros((*before, extent, *after), dy.dtype)
    rows = dy.reshape(*before, indices.size, *after)
    kept = ~outside.reshape(-1)
    here = (slice(None),) * axis
    np.add.at(dx, (*here, index.reshape(-1)[kept]), rows[(*here, kept)])
    return dx


take_grad_op = define_op(
    "take_grad",
    shape=_take_grad_shape,
    reference=_take_grad_reference,
    kernel=lambda call: _add_back(call, "scatter_add_rows_f32_", call.inputs[1].size),
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
    index, outside = located(indices, x.shape[axis])
    if x.shape[axis] == 0:
        return np.full(indices.shape, outside_value(x.dtype), x.dtype)
    y = np.take_along_axis(x, index, axis)
    y[outside] = outside_value(x.dtype)
    return y


along_op = define_op(
    "take_along_axis",
    shape=_along_shape,
    reference=_along_reference,
    kernel=lambda call: _pick(call, "take_along_b32_", call.inputs[1].shape[call.axis]),
    grad=lambda call, dy: [
        along_grad_op(dy, call.inputs[1], axis=call.axis, extent=call.inputs[0].shape[call.axis]),
        None,
    ],
)


def _along_grad_shape(dy, indices, *, axis, extent):
    return Spec((*dy.shape[:axis], extent, *dy.shape[axis + 1 :]), dy.dtype)


def _along_grad_reference(dy, indices, *, axis, extent):
    index, outside = located(indices, extent)
    dx = np.zeros((*dy.shape[:axis], extent, *dy.shape[axis + 1 :]), dy.dtype)
    grid = list(np.indices(dy.shape, sparse=True))
    grid[axis] = index
    np.add.at(dx, tuple(grid), np.where(outside, 0, dy)) if extent else None
    return dx


along_grad_op = define_op(
    "take_along_axis_grad",
    shape=_along_grad_shape,
    reference=_along_grad_reference,
    kernel=lambda call: _add_back(call, "take_along_grad_f32_", call.inputs[1].shape[call.axis]),
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
