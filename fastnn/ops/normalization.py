"""Batch, layer and root-mean-square normalisation as fused records, moments, and what Keras offers of them.

The fused records normalise rows (layer, rms: over the axes from `axis` on) or columns (batch: over all axes
but the last); the public functions bring other axes there. Statistics that a forward record gives out beside
y are for its gradient record and for moving averages: they carry no gradient of their own.
"""

import math

import numpy as np

from ..engine import dtypes, settings
from ..engine.op import define_op, no_gradient, records
from ..engine.symbolic import public
from ..engine.tensor import Spec, Tensor
from ..engine.variable import convert
from .axes import canonical_axes, canonical_axis
from .composed import gradient_of
from .reduction import as_float, mean_op, sum_op, variance


def _check_parameter(name, what, parameter, shape, dtype):
    if tuple(parameter.shape) != tuple(shape) or parameter.dtype != dtype:
        raise ValueError(
            f"{name}: `{what}` must have shape {tuple(shape)} and dtype {dtype}, as the normalised axes "
            f"have; received shape {tuple(parameter.shape)}, dtype {parameter.dtype}"
        )


# ---- batch normalisation ----


def _batch_shape(x, gamma, beta, *, epsilon, activation):
    if len(x.shape) < 1:
        raise ValueError("batch_norm_train: the input needs an axis of channels, received a scalar")
    if activation not in (None, "relu"):
        raise ValueError(f"batch_norm_train: `activation` must be None or 'relu', received {activation!r}")
    channels = x.shape[-1:]
    _check_parameter("batch_norm_train", "gamma", gamma, channels, x.dtype)
    _check_parameter("batch_norm_train", "beta", beta, channels, x.dtype)
    return Spec(x.shape, x.dtype), Spec(channels, x.dtype), Spec(channels, x.dtype)


def _column_statistics(x):
    rows = x.reshape(-1, x.shape[-1])
    count = np.asarray(max(1, rows.shape[0]), x.dtype)
    mean = rows.sum(axis=0) / count
    return mean, np.square(rows - mean).sum(axis=0) / count


def _batch_reference(x, gamma, beta, *, epsilon, activation):
    with np.errstate(all="ignore"):
        mean, var = _column_statistics(x)
        y = (x - mean) / np.sqrt(var + x.dtype.type(epsilon)) * gamma + beta
        return np.maximum(y, 0) if activation else y, mean, var


def _batch_add_shape(x, gamma, beta, added, **attrs):
    _check_parameter("batch_norm_train_add", "added", added, x.shape, x.dtype)
    return _batch_shape(x, gamma, beta, **attrs)


def _batch_add_reference(x, gamma, beta, added, *, epsilon, activation):
    y, mean, var = _batch_reference(x, gamma, beta, epsilon=epsilon, activation=None)
    return np.maximum(y + added, 0) if activation else y + added, mean, var


def _batch_grad_reference(x, gamma, beta, mean, var, dy, *, epsilon, activation):
    with np.errstate(all="ignore"):
        inv = 1 / np.sqrt(var + x.dtype.type(epsilon))
        hat = (x - mean) * inv
        if activation:
            dy = np.where(hat * gamma + beta > 0, dy, dy.dtype.type(0))
        axes = tuple(range(x.ndim - 1))
        count = np.asarray(max(1, math.prod(x.shape[:-1])), x.dtype)
        dbeta = dy.sum(axis=axes)
        dgamma = (dy * hat).sum(axis=axes)
        return (dy - dbeta / count - hat * (dgamma / count)) * (inv * gamma), dgamma, dbeta


def _batch_grad_composed(x, gamma, beta, mean, var, dy, *, epsilon, activation):
    axes = tuple(range(len(x.shape) - 1))
    away = x - mean_op(x, axis=axes, keepdims=False)
    inv = records["rsqrt"](mean_op(records["square"](away), axis=axes, keepdims=False) + epsilon)
    hat = away * inv
    if activation:
        dy = dy * convert(hat * gamma + beta > 0.0, dtype=dy.dtype)
    dgamma, dbeta = sum_op(dy * hat, axis=axes, keepdims=False), sum_op(dy, axis=axes, keepdims=False)
    share = 1.0 / max(1, math.prod(x.shape[:-1]))
    return (dy - dbeta * share - hat * (dgamma * share)) * (inv * gamma), dgamma, dbeta


def _batch_grad_shape(x, gamma, beta, mean, var, dy, **attrs):
    return Spec(x.shape, x.dtype), Spec(gamma.shape, x.dtype), Spec(gamma.shape, x.dtype)


_PIECE = 16384  # elements: what the second-level cache keeps between two readings


def _sizes(shape, axis):
    """Rows and columns of a tensor whose columns begin at `axis`, and the pieces its rows are cut into."""
    rows, cols = math.prod(shape[:axis]), math.prod(shape[axis:])
    return rows, cols, math.ceil(rows / max(32, _PIECE // max(1, cols)))


def _fits(call):
    return all(b.dtype == "float32" for b in (*call.inputs, *call.outputs)) and 0 not in call.inputs[0].shape


def _batch_kernel(call):
    if not _fits(call):
        return False
    x, gamma, beta, *added = call.inputs
    y, mean, var = call.outputs
    rows, cols, pieces = _sizes(x.shape, len(x.shape) - 1)
    partial, scale = call.workspace(8 * pieces * cols), call.workspace(4 * cols)
    call.emit("batch_norm_pieces_f32", reads=[x], writes=[partial], sizes=[rows, cols, pieces])
    call.emit(
        "batch_norm_combine_f32",
        reads=[partial, gamma],
        writes=[mean, var, scale],
        sizes=[rows, cols, pieces],
        attrs=[call.epsilon],
    )
    call.emit(
        "batch_norm_apply_f32",
        reads=[x, mean, scale, beta, *added],
        writes=[y],
        sizes=[rows, cols, call.activation == "relu", len(added)],
    )


def _batch_grad_kernel(call):
    if not _fits(call):
        return False
    x, gamma, beta, mean, var, dy = call.inputs
    dx, dgamma, dbeta = call.outputs
    relu = call.activation == "relu"
    rows, cols, pieces = _sizes(x.shape, len(x.shape) - 1)
    partial, scale, shares = (call.workspace(4 * n * cols) for n in (2 * pieces, 1, 2))
    call.emit("batch_norm_scale_f32", reads=[gamma, var], writes=[scale], sizes=[cols], attrs=[call.epsilon])
    call.emit(
        "batch_norm_grad_pieces_f32",
        reads=[x, mean, scale, beta, dy],
        writes=[partial],
        sizes=[rows, cols, pieces, relu],
    )
    call.emit(
        "batch_norm_grad_combine_f32",
        reads=[partial, var],
        writes=[dgamma, dbeta, shares],
        sizes=[rows, cols, pieces],
        attrs=[call.epsilon],
    )
    call.emit(
        "batch_norm_grad_apply_f32",
        reads=[x, mean, scale, beta, dy, shares],
        writes=[dx],
        sizes=[rows, cols, relu],
    )


# Outputs: y, and the mean and population variance of each channel over all other axes.
batch_norm_train_op = define_op(
    "batch_norm_train",
    shape=_batch_shape,
    reference=_batch_reference,
    kernel=_batch_kernel,
    inplace=(0,),
    grad=lambda call, dy, *_: list(
        batch_norm_train_grad_op(*call.inputs, *call.outputs[1:], dy, **call.attrs)
    ),
)
# The same with another tensor added before the activation, as at the end of a residual
# block: passes/normalised.py.
define_op(
    "batch_norm_train_add",
    shape=_batch_add_shape,
    reference=_batch_add_reference,
    kernel=_batch_kernel,
    inplace=(0, 3),
    grad=no_gradient("fusion runs after differentiation"),
)
batch_norm_train_grad_op = define_op(
    "batch_norm_train_grad",
    shape=_batch_grad_shape,
    reference=_batch_grad_reference,
    kernel=_batch_grad_kernel,
    inplace=(0, 5),
    grad=gradient_of(_batch_grad_composed),
)


# ---- layer normalisation ----


def _layer_shape(x, gamma, beta, *, axis, epsilon):
    _check_parameter("layer_norm", "gamma", gamma, x.shape[axis:], x.dtype)
    _check_parameter("layer_norm", "beta", beta, x.shape[axis:], x.dtype)
    rows = Spec(x.shape[:axis], x.dtype)
    return Spec(x.shape, x.dtype), rows, rows


def _trailing(x, axis):
    return tuple(range(axis, len(x.shape)))


def _row_statistics(x, axis, epsilon):
    axes = _trailing(x, axis)
    count = np.asarray(max(1, math.prod(x.shape[axis:])), x.dtype)
    mean = x.sum(axis=axes, keepdims=True) / count
    var = np.square(x - mean).sum(axis=axes, keepdims=True) / count
    return mean, 1 / np.sqrt(var + x.dtype.type(epsilon))


def _layer_reference(x, gamma, beta, *, axis, epsilon):
    with np.errstate(all="ignore"):
        mean, inv = _row_statistics(x, axis, epsilon)
        return (x - mean) * inv * gamma + beta, mean.reshape(x.shape[:axis]), inv.reshape(x.shape[:axis])


def _layer_grad_reference(x, gamma, mean, inv, dy, *, axis, epsilon):
    with np.errstate(all="ignore"):
        axes, lead = _trailing(x, axis), tuple(range(axis))
        rows = (*x.shape[:axis], *[1] * len(axes))
        inv = inv.reshape(rows)
        hat = (x - mean.reshape(rows)) * inv
        count = np.asarray(max(1, math.prod(x.shape[axis:])), x.dtype)
        g = dy * gamma
        dx = (
            g
            - g.sum(axis=axes, keepdims=True) / count
            - hat * ((g * hat).sum(axis=axes, keepdims=True) / count)
        )
        return dx * inv, (dy * hat).sum(axis=lead), dy.sum(axis=lead)


def _layer_grad_composed(x, gamma, mean, inv, dy, *, axis, epsilon):
    axes, lead = _trailing(x, axis), tuple(range(axis))
    away = x - mean_op(x, axis=axes, keepdims=True)
    inv = records["rsqrt"](mean_op(records["square"](away), axis=axes, keepdims=True) + epsilon)
    hat = away * inv
    g = dy * gamma
    dx = g - mean_op(g, axis=axes, keepdims=True) - hat * mean_op(g * hat, axis=axes, keepdims=True)
    return dx * inv, sum_op(dy * hat, axis=lead, keepdims=False), sum_op(dy, axis=lead, keepdims=False)


def _layer_grad_shape(x, gamma, mean, inv, dy, **attrs):
    return Spec(x.shape, x.dtype), Spec(gamma.shape, x.dtype), Spec(gamma.shape, x.dtype)


def _row_kernel(name):
    def kernel(call):
        if not _fits(call):
            return False
        rows, cols, _ = _sizes(call.inputs[0].shape, call.axis)
        call.emit(name, reads=call.inputs, writes=call.outputs, sizes=[rows, cols], attrs=[call.epsilon])

    return kernel


def _row_grad_kernel(name):
    """dx row by row; the parameters' gradients as sums over pieces of rows, then over the pieces."""

    def kernel(call):
        if not _fits(call):
            return False
        dx, *sums = call.outputs
        rows, cols, pieces = _sizes(call.inputs[0].shape, call.axis)
        partial = sums if pieces == 1 else [call.workspace(4 * pieces * cols) for _ in sums]
        call.emit(name, reads=call.inputs, writes=[dx, *partial], sizes=[rows, cols, pieces])
        if pieces > 1:
            for piece, total in zip(partial, sums, strict=True):
                call.emit("sum_f32", reads=[piece], writes=[total], sizes=[1, pieces, cols, 1], attrs=[1.0])

    return kernel


# Normalises over the axes from `axis` on. Outputs: y, and each row's mean and 1 / sqrt(variance + epsilon).
layer_norm_op = define_op(
    "layer_norm",
    shape=_layer_shape,
    reference=_layer_reference,
    kernel=_row_kernel("layer_norm_f32"),
    inplace=(0,),
    grad=lambda call, dy, *_: list(layer_norm_grad_op(*call.inputs[:2], *call.outputs[1:], dy, **call.attrs)),
)
layer_norm_grad_op = define_op(
    "layer_norm_grad",
    shape=_layer_grad_shape,
    reference=_layer_grad_reference,
    kernel=_row_grad_kernel("layer_norm_grad_f32"),
    inplace=(0, 4),
    grad=gradient_of(_layer_grad_composed),
)


# ---- root mean square normalisation ----


def _rms_shape(x, scale, *, axis, epsilon):
    _check_parameter("rms_norm", "scale", scale, x.shape[axis:], x.dtype)
    return Spec(x.shape, x.dtype), Spec(x.shape[:axis], x.dtype)


def _rms_reference(x, scale, *, axis, epsilon):
    with np.errstate(all="ignore"):
        count = np.asarray(max(1, math.prod(x.shape[axis:])), x.dtype)
        square = np.square(x).sum(axis=_trailing(x, axis), keepdims=True) / count
        inv = 1 / np.sqrt(square + x.dtype.type(epsilon))
        return x * inv * scale, inv.reshape(x.shape[:axis])


def _rms_grad_reference(x, scale, inv, dy, *, axis, epsilon):
    with np.errstate(all="ignore"):
        axes = _trailing(x, axis)
        inv = inv.reshape(*x.shape[:axis], *[1] * len(axes))
        hat = x * inv
        g = dy * scale
        count = np.asarray(max(1, math.prod(x.shape[axis:])), x.dtype)
        dx = (g - hat * ((g * hat).sum(axis=axes, keepdims=True) / count)) * inv
        return dx, (dy * hat).sum(axis=tuple(range(axis)))


def _rms_grad_composed(x, scale, inv, dy, *, axis, epsilon):
    axes = _trailing(x, axis)
    inv = records["rsqrt"](mean_op(records["square"](x), axis=axes, keepdims=True) + epsilon)
    hat = x * inv
    g = dy * scale
    dx = (g - hat * mean_op(g * hat, axis=axes, keepdims=True)) * inv
    return dx, sum_op(dy * hat, axis=tuple(range(axis)), keepdims=False)


# Normalises over the axes from `axis` on. Outputs: y, and each row's 1 / sqrt(mean square + epsilon).
rms_norm_op = define_op(
    "rms_norm",
    shape=_rms_shape,
    reference=_rms_reference,
    kernel=_row_kernel("rms_norm_f32"),
    inplace=(0,),
    grad=lambda call, dy, _: list(rms_norm_grad_op(*call.inputs, call.outputs[1], dy, **call.attrs)),
)
rms_norm_grad_op = define_op(
    "rms_norm_grad",
    reference=_rms_grad_reference,
    grad=gradient_of(_rms_grad_composed),
    kernel=_row_grad_kernel("rms_norm_grad_f32"),
    inplace=(0, 3),
    shape=lambda x, scale, inv, dy, **attrs: (Spec(x.shape, x.dtype), Spec(scale.shape, x.dtype)),
)


# ---- public functions ----


def filled(value, shape, dtype):
    """A tensor of one value: gamma or beta where a layer has none."""
    return Tensor(np.full(shape, value, dtypes.NUMPY[dtype]))


def _wide(x):
    """`x` as floats of 32 bits or more: statistics need the range."""
    x = as_float(x)
    return convert(x, dtype="float32") if x.dtype == "float16" else x


def _epsilon(epsilon):
    return settings.epsilon() if epsilon is None else float(epsilon)


def _trailing_start(axes, ndim):
    """Where `axes`, sorted, begin if they are the last axes; else None."""
    return axes[0] if axes and axes == tuple(range(axes[0], ndim)) else None


def _parameter(name, what, value, x, axes, default):
    """gamma, beta or scale as a tensor of the normalised axes' shape."""
    shape = tuple(x.shape[a] for a in axes)
    if value is None:
        return filled(default, shape, x.dtype)
    value = convert(value, dtype=x.dtype)
    if tuple(value.shape) == shape:
        return value
    if len(value.shape) == len(x.shape) and math.prod(value.shape) == math.prod(shape):
        return records["reshape"](value, newshape=shape)  # given with ones in place of the other axes
    try:
        np.broadcast_shapes(tuple(value.shape), shape)
    except ValueError:
        raise ValueError(
            f"{name}: `{what}` must have the shape {shape} of the normalised axes, received "
            f"{tuple(value.shape)} for an input of shape {tuple(x.shape)}"
        ) from None
    return records["broadcast_to"](value, shape=shape)


def _over_rows(op, x, parameters, axes, epsilon):
    """y of layer_norm or rms_norm over `axes`, brought to the end if they are not there."""
    ndim = len(x.shape)
    start = _trailing_start(axes, ndim)
    if start is not None:
        return op(x, *parameters, axis=start, epsilon=epsilon)[0]
    order = (*[i for i in range(ndim) if i not in axes], *axes)
    y = op(records["transpose"](x, axes=order), *parameters, axis=ndim - len(axes), epsilon=epsilon)[0]
    return records["transpose"](y, axes=tuple(order.index(i) for i in range(ndim)))


@public
def layer_normalization(x, gamma=None, beta=None, axis=-1, epsilon=None):
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta, with the moments taken over `axis`.

    Args:
        gamma, beta: of the normalised axes' shape, or None for ones and zeros.
        axis: an int or a sequence of ints.
        epsilon: `epsilon()` if None.
    Source: Keras 3 `ops.layer_normalization`; Ba, Kiros and Hinton, arXiv 1607.06450.
    """
    given = convert(x).dtype
    x = _wide(x)
    axes = canonical_axes("layer_normalization", axis, len(x.shape))
    parameters = [
        _parameter("layer_normalization", "gamma", gamma, x, axes, 1.0),
        _parameter("layer_normalization", "beta", beta, x, axes, 0.0),
    ]
    return convert(_over_rows(layer_norm_op, x, parameters, axes, _epsilon(epsilon)), dtype=given)


@public
def rms_normalization(x, scale=None, axis=-1, epsilon=None):
    """x / sqrt(mean(x * x) + epsilon) * scale, with the mean taken over `axis`.

    Source: Keras 3 `ops.rms_normalization`; Zhang and Sennrich, arXiv 1910.07467.
    """
    given = convert(x).dtype
    x = _wide(x)
    if len(x.shape) == 0:
        x = records["reshape"](x, newshape=(1,))
    axes = canonical_axes("rms_normalization", axis, len(x.shape))
    parameters = [_parameter("rms_normalization", "scale", scale, x, axes, 1.0)]
    return convert(_over_rows(rms_norm_op, x, parameters, axes, _epsilon(epsilon)), dtype=given)


@public
def batch_normalization(x, mean, variance, axis, offset=None, scale=None, epsilon=1e-3):
    """(x - mean) / sqrt(variance + epsilon) * scale + offset, with one number of each a
    position along `axis`.

    Source: Keras 3 `ops.batch_normalization`; Ioffe and Szegedy, arXiv 1502.03167.
    """
    x = as_float(x)
    at = canonical_axis("batch_normalization", axis, len(x.shape))
    channels = (x.shape[at],)

    def channel(what, value):
        value = convert(value, dtype=x.dtype)
        if tuple(value.shape) != channels:
            raise ValueError(
                f"batch_normalization: `{what}` must have shape {channels}, the extent of axis {axis} of an "
                f"input of shape {tuple(x.shape)}; received {tuple(value.shape)}"
            )
        return value

    mean = channel("mean", mean)
    factor = records["rsqrt"](channel("variance", variance) + float(epsilon))
    if scale is not None:
        factor = factor * channel("scale", scale)
    shift = -(mean * factor)
    if offset is not None:
        shift = shift + channel("offset", offset)
    if at != len(x.shape) - 1:
        shape = tuple(n if i == at else 1 for i, n in enumerate(x.shape))
        factor, shift = records["reshape"](factor, newshape=shape), records["reshape"](shift, newshape=shape)
    return x * factor + shift


@public
def moments(x, axes, keepdims=False, synchronized=False):
    """The mean and population variance of `x` over `axes`.

    Raises:
        NotImplementedError: `synchronized` asks for statistics over several machines.
    Source: Keras 3 `ops.moments`.
    """
    if synchronized:
        raise NotImplementedError("moments: `synchronized=True` is for several machines; fastnn runs on one")
    given = as_float(x).dtype
    x = _wide(x)
    axes = canonical_axes("moments", axes, len(x.shape))
    results = mean_op(x, axis=axes, keepdims=bool(keepdims)), variance(x, axes, bool(keepdims))
    if given != x.dtype:
        limit = float(np.finfo(given).max)
        results = [convert(records["clip"](r, x_min=-limit, x_max=limit), dtype=given) for r in results]
    return tuple(results)


@public
def normalize(x, axis=-1, order=2, epsilon=None):
    """x / max(norm(x), epsilon) with the `order`-norm over `axis`.

    Raises:
        ValueError: `order` is no int of 1 or more.
    Source: Keras 3 `ops.normalize`.
    """
    if not isinstance(order, int) or order < 1:
        raise ValueError(f"normalize: `order` must be an int of 1 or more, received {order!r}")
    x = as_float(x)
    if len(x.shape) == 0:
        x = records["reshape"](x, newshape=(1,))
    axes = canonical_axes("normalize", axis, len(x.shape))
    least = _epsilon(epsilon)
    if order == 2:
        inverse = records["rsqrt"](sum_op(records["square"](x), axis=axes, keepdims=True))
        return x * records["minimum"](inverse, convert(1.0 / least, dtype=x.dtype))
    size = records["absolute"](x)
    if order > 1:
        powered = sum_op(size ** float(order), axis=axes, keepdims=True)
        total = powered ** (1.0 / order)
    else:
        total = sum_op(size, axis=axes, keepdims=True)
    return x / records["maximum"](total, convert(least, dtype=x.dtype))
