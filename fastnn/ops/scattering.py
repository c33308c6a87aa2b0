"""gather_nd and scatter, each the other's gradient, and scatter_update: elements by their coordinates."""

import operator

import numpy as np

from ..engine.op import define_op, records
from ..engine.symbolic import public
from ..engine.tensor import Spec
from ..engine.variable import convert
from .creation import ones_like, zeros_like
from .indices import index_tensor, located, outside_value
from .shape import broadcast


def _points(indices, shape):
    """(places, outside): one index array an axis that `indices` (..., depth) names, those outside at 0."""
    found = [located(indices[..., i], shape[i]) for i in range(indices.shape[-1])]
    outside = np.zeros(indices.shape[:-1], bool)
    for _, wrong in found:
        outside |= wrong
    return tuple(np.where(outside, 0, index) for index, _ in found), outside


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
