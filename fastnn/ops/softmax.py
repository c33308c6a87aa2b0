"""Softmax, its logarithm, log-sum-exp and sparsemax, each along one axis."""

import math

import numpy as np

from ..engine.op import define_op, records, same_shape
from ..engine.symbolic import public
from ..engine.tensor import Spec
from ..engine.variable import convert
from .axes import canonical_axes, canonical_axis, without_axes
from .reduction import as_float, spread, sum_op

# The records take `axis` as an int in 0..ndim-1.


def _rows_kernel(name):
    """The lowering of a function of whole rows: the last axis, or one with only ones behind it."""

    def kernel(call):
        shape = call.output.shape
        cols = shape[call.axis]
        if (
            any(b.dtype != "float32" for b in (*call.inputs, call.output))
            or math.prod(shape[call.axis + 1 :]) != 1
        ):
            return False
        call.emit(name, reads=call.inputs, writes=call.outputs, sizes=[math.prod(shape[: call.axis]), cols])

    return kernel


def _softmax_reference(x, *, axis):
    with np.errstate(all="ignore"):
        e = np.exp(x - np.max(x, axis=axis, keepdims=True, initial=-np.inf))
        return e / np.sum(e, axis=axis, keepdims=True)


def _log_softmax_reference(x, *, axis):
    with np.errstate(all="ignore"):
        away = x - np.max(x, axis=axis, keepdims=True, initial=-np.inf)
        return away - np.log(np.sum(np.exp(away), axis=axis, keepdims=True))


def _softmax_grad_reference(y, dy, *, axis):
    with np.errstate(all="ignore"):
        return y * (dy - np.sum(y * dy, axis=axis, keepdims=True))


def _softmax_grad_grad(call, g):
    """dx = y * (dy - s), s = sum(y * dy): with t = sum(y * g), d/ddy = y * (g - t), d/dy
    = g * (dy - s) - t * dy."""
    y, dy = call.inputs
    s = sum_op(y * dy, axis=(call.axis,), keepdims=True)
    t = sum_op(y * g, axis=(call.axis,), keepdims=True)
    return [g * (dy - s) - t * dy, softmax_grad_op(y, g, axis=call.axis)]


def _log_softmax_grad_reference(y, dy, *, axis):
    with np.errstate(all="ignore"):
        return dy - np.exp(y) * np.sum(dy, axis=axis, keepdims=True)


def _log_softmax_grad_grad(call, g):
    """dx = dy - exp(y) * sum(dy)."""
    y, dy = call.inputs
    p = records["exp"](y)
    total = sum_op(dy, axis=(call.axis,), keepdims=True)
    return [-(g * p * total), g - sum_op(g * p, axis=(call.axis,), keepdims=True)]


softmax_grad_op = define_op(
    "softmax_grad",
    shape=same_shape,
    reference=_softmax_grad_reference,
    inplace=(0, 1),
    grad=_softmax_grad_grad,
    kernel=_rows_kernel("softmax_grad_f32"),
)
softmax_op = define_op(
    "softmax",
    shape=same_shape,
    reference=_softmax_reference,
    inplace=(0,),
    kernel=_rows_kernel("softmax_f32"),
    grad=lambda call, dy: [softmax_grad_op(call.output, dy, axis=call.axis)],
)
log_softmax_grad_op = define_op(
    "log_softmax_grad",
    shape=same_shape,
    reference=_log_softmax_grad_reference,
    inplace=(0, 1),
    grad=_log_softmax_grad_grad,
    kernel=_rows_kernel("log_softmax_grad_f32"),
)
log_softmax_op = define_op(
    "log_softmax",
    shape=same_shape,
    reference=_log_softmax_reference,
    inplace=(0,),
    kernel=_rows_kernel("log_softmax_f32"),
    grad=lambda call, dy: [log_softmax_grad_op(call.output, dy, axis=call.axis)],
)


def logsumexp_reference(x, *, axis, keepdims):
    with np.errstate(all="ignore"):
        peak = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
        peak = np.where(np.isfinite(peak), peak, x.dtype.type(0))  # inf - inf would be NaN
        result = np.log(np.sum(np.exp(x - peak), axis=axis, keepdims=True)) + peak
    return result if keepdims else result.reshape(without_axes(x.shape, axis, False))


def _logsumexp_grad(call, dy):
    x = call.inputs[0]
    share = records["exp"](x - spread(call.output, x.shape, call.axis))
    return [share * spread(dy, x.shape, call.axis)]


def _logsumexp_kernel(call):
    shape = call.inputs[0].shape
    axes = range(len(shape)) if call.axis is None else call.axis
    first = min(axes, default=len(shape))
    if any(n != 1 and i not in axes for i, n in enumerate(shape) if i >= first):
        return False
    call.emit(
        "logsumexp_f32",
        reads=call.inputs,
        writes=call.outputs,
        sizes=[math.prod(shape[:first]), math.prod(shape[first:])],
    )


logsumexp_op = define_op(
    "logsumexp",
    reference=logsumexp_reference,
    grad=_logsumexp_grad,
    kernel=_logsumexp_kernel,
    shape=lambda x, *, axis, keepdims: Spec(without_axes(x.shape, axis, keepdims), x.dtype),
)


def _sparsemax_reference(x, *, axis):
    z = np.moveaxis(x, axis, -1)
    ordered = -np.sort(-z, axis=-1)
    total = np.cumsum(ordered, axis=-1)
    count = np.arange(1, z.shape[-1] + 1, dtype=x.dtype)
    support = np.sum(ordered * count > total - 1, axis=-1, keepdims=True)
    threshold = (np.take_along_axis(total, np.maximum(support, 1) - 1, axis=-1) - 1) / support.astype(x.dtype)
    return np.ascontiguousarray(np.moveaxis(np.maximum(z - threshold, 0), -1, axis))


def _sparsemax_grad(call, dy):
    """On the support (y > 0): dy less its mean over the support."""
    inside = convert(call.output > 0.0, dtype=dy.dtype)
    kept = dy * inside
    share = sum_op(kept, axis=(call.axis,), keepdims=True) / sum_op(inside, axis=(call.axis,), keepdims=True)
    return [kept - inside * share]


sparsemax_op = define_op("sparsemax", shape=same_shape, reference=_sparsemax_reference, grad=_sparsemax_grad)


# ---- public functions ----


def _along(op, x, axis):
    """op(x) along `axis`, an int or a tuple of ints that count as one axis together."""
    x = as_float(x)
    if len(x.shape) == 0:
        raise ValueError(
            f"{op.name}: needs a tensor with at least one axis, received a scalar of dtype {x.dtype}"
        )
    if not isinstance(axis, (tuple, list)):
        return op(x, axis=canonical_axis(op.name, axis, len(x.shape)))
    axes = canonical_axes(op.name, axis, len(x.shape))
    order = (*[i for i in range(len(x.shape)) if i not in axes], *axes)
    moved = records["transpose"](x, axes=order)
    lead = len(order) - len(axes)
    rows = records["reshape"](moved, newshape=(*moved.shape[:lead], math.prod(moved.shape[lead:])))
    y = records["reshape"](op(rows, axis=lead), newshape=tuple(moved.shape))
    return records["transpose"](y, axes=tuple(order.index(i) for i in range(len(order))))


@public
def softmax(x, axis=-1):
    """exp(x) / sum(exp(x)) along `axis`, an int or a tuple of ints; computed with the
    largest element taken off.

    Source: Keras 3 `ops.softmax`.
    """
    return _along(softmax_op, x, axis)


@public
def log_softmax(x, axis=-1):
    """x - log(sum(exp(x))) along `axis`, an int or a tuple of ints."""
    return _along(log_softmax_op, x, axis)


@public
def sparsemax(x, axis=-1):
    """The nearest point to `x` on the probability simplex, along `axis`: a softmax with exact zeros.

    Source: Martins and Astudillo, "From Softmax to Sparsemax", ICML 2016.
    """
    return _along(sparsemax_op, x, axis)


@public
def logsumexp(x, axis=None, keepdims=False):
    """log(sum(exp(x))) over `axis` (int, tuple or None: all), without overflow."""
    x = as_float(x)
    return logsumexp_op(x, axis=canonical_axes("logsumexp", axis, len(x.shape)), keepdims=bool(keepdims))
