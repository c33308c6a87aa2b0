"""Convolution: a record and two of its gradients, each the others' derivative, and Keras's functions.

Activations are (batch, *spatial, channels), kernels (*window, channels / groups, filters). With A the linear
map of x that `conv` is for a fixed kernel, `conv_input_grad` is its transpose, and `conv_kernel_grad` the
transpose of the map of the kernel for a fixed x. All three share the attributes

    strides, dilation: an int a spatial axis.
    padding: a (before, after) pair a spatial axis.
    groups: input channels and filters fall into this many blocks; filters see their own block only.
    precision: "bfloat16" where operands are rounded (precision.py); not for filters of a channel by itself.
"""

import math

import numpy as np

from ..engine import dtypes
from ..engine.op import define_op, records
from ..engine.symbolic import public
from ..engine.tensor import Spec
from ..engine.variable import convert
from . import windows
from .conv_lowering import all_float32, emit_conv, emit_input_grad, emit_kernel_grad
from .epilogue import activated, before_activation, check_activation, kernel_code
from .precision import layer_precision, precision_of, rounded
from .shape import reshape_op, transpose_op


def _attributes(call):
    return {
        "strides": call.strides,
        "padding": call.padding,
        "dilation": call.dilation,
        "groups": call.groups,
        **precision_of(call),
    }


def _counts(x_shape, window, strides, padding, dilation):
    return windows.output_extents(x_shape[1:-1], window, strides, padding, dilation, "conv")


def _conv_shape(x, kernel, *, strides, padding, dilation, groups, precision=None):
    if len(kernel.shape) != len(x.shape):
        raise ValueError(
            f"conv: an input of shape {tuple(x.shape)} needs a kernel with {len(x.shape)} axes (window, "
            f"input channels / groups, filters), received shape {tuple(kernel.shape)}"
        )
    if kernel.shape[-2] * groups != x.shape[-1] or kernel.shape[-1] % groups:
        raise ValueError(
            f"conv: the input has {x.shape[-1]} channels (shape {tuple(x.shape)}), the kernel of shape "
            f"{tuple(kernel.shape)} in {groups} group(s) takes {kernel.shape[-2] * groups} and makes "
            f"{kernel.shape[-1]}; both must be divisible by the groups"
        )
    counts = _counts(x.shape, kernel.shape[:-2], strides, padding, dilation)
    return Spec((x.shape[0], *counts, kernel.shape[-1]), dtypes.promote(x.dtype, kernel.dtype))


# ---- references ----


def _wide(*arrays):
    """float16 is too narrow to add in: its references compute in float32, and the caller casts back."""
    return [a.astype(np.float32) if a.dtype == np.float16 else a for a in arrays]


def _patches(x, window, counts, strides, padding, dilation, groups):
    """x's windows as matrices: (groups, batch * prod(counts), prod(window) * channels / groups)."""
    view = windows.windows(windows.pad(x, padding), window, strides, counts, dilation)
    rows, taps, depth = x.shape[0] * math.prod(counts), math.prod(window), x.shape[-1] // groups
    view = view.reshape(rows, taps, groups, depth)
    return np.moveaxis(view, 2, 0).reshape(groups, rows, taps * depth)


def _grouped_kernel(kernel, groups):
    """(groups, prod(window) * channels / groups, filters / groups)."""
    depth, filters = kernel.shape[-2:]
    return np.moveaxis(kernel.reshape(-1, groups, filters // groups), 1, 0)


def _grouped(y, groups):
    """(batch, *spatial, channels) as (groups, pixels, channels / groups)."""
    pixels = math.prod(y.shape[:-1])
    return np.moveaxis(y.reshape(pixels, groups, y.shape[-1] // groups), 1, 0)


def _conv_reference(x, kernel, *, strides, padding, dilation, groups, precision=None):
    x, kernel = _wide(*rounded(precision, x, kernel))
    window = kernel.shape[:-2]
    counts = _counts(x.shape, window, strides, padding, dilation)
    products = _patches(x, window, counts, strides, padding, dilation, groups) @ _grouped_kernel(
        kernel, groups
    )
    return np.moveaxis(products, 0, 1).reshape(x.shape[0], *counts, kernel.shape[-1])


def _conv_input_grad_reference(
    dy, kernel, *, input_shape, strides, padding, dilation, groups, precision=None
):
    dy, kernel = _wide(*rounded(precision, dy, kernel))
    window, counts = kernel.shape[:-2], dy.shape[1:-1]
    depth = kernel.shape[-2]
    dpatches = _grouped(dy, groups) @ np.swapaxes(_grouped_kernel(kernel, groups), 1, 2)
    dpatches = np.moveaxis(dpatches.reshape(groups, *dy.shape[:-1], math.prod(window), depth), 0, -2)
    dpatches = dpatches.reshape(*dy.shape[:-1], math.prod(window), groups * depth)
    dx = windows.pad(np.zeros(input_shape, dpatches.dtype), padding)
    for i, tap in enumerate(windows.taps(window)):
        dx[(slice(None), *windows.tap_slices(tap, strides, counts, dilation))] += dpatches[..., i, :]
    return windows.pad(dx, [(-before, -after) for before, after in padding])


def _conv_kernel_grad_reference(x, dy, *, kernel_shape, strides, padding, dilation, groups, precision=None):
    x, dy = _wide(*rounded(precision, x, dy))
    patches = _patches(x, kernel_shape[:-2], dy.shape[1:-1], strides, padding, dilation, groups)
    return np.moveaxis(np.swapaxes(patches, 1, 2) @ _grouped(dy, groups), 0, 1).reshape(kernel_shape)


# ---- kernels ----


def _conv_kernel(call):
    return emit_conv(call) if all_float32(call) else False


def _input_grad_kernel(call):
    return emit_input_grad(call) if all_float32(call) else False


def _kernel_grad_kernel(call):
    return emit_kernel_grad(call) if all_float32(call) else False


# ---- the records ----


def _input_grad_shape(dy, kernel, *, input_shape, strides, padding, dilation, groups, precision=None):
    counts = _counts(input_shape, kernel.shape[:-2], strides, padding, dilation)
    if (input_shape[0], *counts, kernel.shape[-1]) != tuple(dy.shape) or input_shape[-1] != kernel.shape[
        -2
    ] * groups:
        raise ValueError(
            f"conv_input_grad: a kernel of shape {tuple(kernel.shape)} in {groups} group(s) makes "
            f"{(input_shape[0], *counts, kernel.shape[-1])} of an input of shape {tuple(input_shape)}, "
            f"received a gradient of shape {tuple(dy.shape)}"
        )
    return Spec(tuple(input_shape), dtypes.promote(dy.dtype, kernel.dtype))


def _kernel_grad_shape(x, dy, *, kernel_shape, strides, padding, dilation, groups, precision=None):
    counts = _counts(x.shape, kernel_shape[:-2], strides, padding, dilation)
    if (x.shape[0], *counts, kernel_shape[-1]) != tuple(dy.shape) or x.shape[-1] != kernel_shape[-2] * groups:
        raise ValueError(
            f"conv_kernel_grad: a kernel of shape {tuple(kernel_shape)} in {groups} group(s) makes "
            f"{(x.shape[0], *counts, kernel_shape[-1])} of an input of shape {tuple(x.shape)}, received a "
            f"gradient of shape {tuple(dy.shape)}"
        )
    return Spec(tuple(kernel_shape), dtypes.promote(x.dtype, dy.dtype))


def _conv_gradients(call, dy):
    """Gradients for the input and the kernel of `conv` (call.inputs[:2]), where they are wanted."""
    x, kernel = call.inputs[:2]
    attributes = _attributes(call)
    return [
        conv_input_grad_op(dy, kernel, input_shape=tuple(x.shape), **attributes) if call.needs[0] else None,
        conv_kernel_grad_op(x, dy, kernel_shape=tuple(kernel.shape), **attributes) if call.needs[1] else None,
    ]


def _input_grad_gradients(call, g):
    dy, kernel = call.inputs
    attributes = _attributes(call)
    return [
        conv_op(g, kernel, **attributes) if call.needs[0] else None,
        conv_kernel_grad_op(g, dy, kernel_shape=tuple(kernel.shape), **attributes) if call.needs[1] else None,
    ]


def _kernel_grad_gradients(call, g):
    x, dy = call.inputs
    attributes = _attributes(call)
    return [
        conv_input_grad_op(dy, g, input_shape=tuple(x.shape), **attributes) if call.needs[0] else None,
        conv_op(x, g, **attributes) if call.needs[1] else None,
    ]


conv_op = define_op(
    "conv", shape=_conv_shape, reference=_conv_reference, kernel=_conv_kernel, grad=_conv_gradients
)


def _fused_shape(x, kernel, *bias, activation=None, alpha=0.0, **attributes):
    check_activation(activation, "conv_bias_act")
    if bias and tuple(bias[0].shape) != (kernel.shape[-1],):
        raise ValueError(
            f"conv_bias_act: `bias` must have shape ({kernel.shape[-1]},), received {tuple(bias[0].shape)}"
        )
    return _conv_shape(x, kernel, **attributes)


def _fused_reference(x, kernel, *bias, activation=None, alpha=0.0, **attributes):
    y = _conv_reference(x, kernel, **attributes)
    return activated(y + bias[0] if bias else y, activation, alpha)


def _fused_kernel(call):
    if not all_float32(call):
        return False
    return emit_conv(call, kernel_code(call.attrs.get("activation")), call.attrs.get("alpha", 0.0))


def _fused_gradients(call, dy):
    dy = before_activation(call.output, dy, call.attrs.get("activation"), call.attrs.get("alpha", 0.0))
    gradients = _conv_gradients(call, dy)
    if len(call.inputs) > 2:
        axes = tuple(range(len(dy.shape) - 1))
        gradients.append(records["sum"](dy, axis=axes, keepdims=False) if call.needs[2] else None)
    return gradients


# x, kernel, [bias (filters,)] -> activation(conv + bias); attributes activation and alpha as in `dense`.
conv_bias_act_op = define_op(
    "conv_bias_act",
    shape=_fused_shape,
    reference=_fused_reference,
    kernel=_fused_kernel,
    grad=_fused_gradients,
)

# dy, kernel -> dx; attribute input_shape.
conv_input_grad_op = define_op(
    "conv_input_grad",
    shape=_input_grad_shape,
    reference=_conv_input_grad_reference,
    kernel=_input_grad_kernel,
    grad=_input_grad_gradients,
)

# x, dy -> dkernel; attribute kernel_shape.
conv_kernel_grad_op = define_op(
    "conv_kernel_grad",
    shape=_kernel_grad_shape,
    reference=_conv_kernel_grad_reference,
    kernel=_kernel_grad_kernel,
    grad=_kernel_grad_gradients,
)


# ---- the public functions ----


def _channels_last(x, first):
    """`x` with its channel axis moved to the end, if it is in front."""
    return transpose_op(x, axes=(0, *range(2, len(x.shape)), 1)) if first else x


def _restored(y, first):
    rank = len(y.shape) - 2
    return transpose_op(y, axes=(0, rank + 1, *range(1, rank + 1))) if first else y


class _Arguments:
    """A public function's arguments, checked: `x` with channels last, `kernel`, and per-axis numbers."""

    def __init__(self, caller, inputs, kernel, strides, data_format, dilation_rate):
        x, kernel = convert(inputs), convert(kernel)
        self.rank = rank = windows.spatial_rank(x, "inputs", caller)
        if len(kernel.shape) != rank + 2:
            raise ValueError(
                f"{caller}: inputs of shape {tuple(x.shape)} need a kernel with {rank + 2} axes, received "
                f"shape {tuple(kernel.shape)}"
            )
        dtype = dtypes.promote(x.dtype, kernel.dtype)
        self.caller = caller
        self.first = windows.standard_format(data_format, caller) == "channels_first"
        self.x = _channels_last(convert(x, dtype), self.first)
        self.kernel = convert(kernel, dtype)
        self.channels = self.x.shape[-1]
        self.strides = windows.per_axis(strides, rank, "strides", caller)
        self.dilation = windows.per_axis(dilation_rate, rank, "dilation_rate", caller)

    def convolve(self, kernel, padding, groups):
        pairs = windows.resolve_padding(
            padding, self.x.shape[1:-1], kernel.shape[:-2], self.strides, self.dilation, self.caller
        )
        y = conv_op(
            self.x,
            kernel,
            strides=windows.bounded_strides(self.strides, self.x.shape[1:-1], pairs),
            padding=pairs,
            dilation=self.dilation,
            groups=groups,
            **({} if 1 < groups == self.channels else layer_precision()),  # depthwise: memory is what limits
        )
        return _restored(y, self.first)


@public
def conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """Convolution over 1 to 3 spatial axes (cross-correlation: the kernel is not flipped).

    Args:
        inputs: (batch, *spatial, channels), or (batch, channels, *spatial) with "channels_first".
        kernel: (*window, channels / groups, filters); with fewer channels than `inputs` has, a grouped one.
        strides: the step between windows, an int or one a spatial axis.
        padding: "valid", "same" (ceil(extent / stride) windows), or "causal" with one spatial axis.
        data_format: "channels_last" or "channels_first"; the configured one by default.
        dilation_rate: the distance between a window's taps, an int or one a spatial axis.
    Returns:
        (batch, *windows, filters), in the layout of `inputs`.
    Raises:
        ValueError: channels do not fit, no window fits, or an argument is none of the above.
    Source: Keras 3 `ops.conv`.
    """
    a = _Arguments("conv", inputs, kernel, strides, data_format, dilation_rate)
    depth, filters = a.kernel.shape[-2:]
    if depth < 1 or a.channels % depth or filters % max(a.channels // depth, 1):
        raise ValueError(
            f"conv: inputs of shape {tuple(inputs.shape)} have {a.channels} channels "
            f"({'axis 1' if a.first else 'the last axis'}), the kernel of shape {tuple(a.kernel.shape)} "
            f"takes {depth} in a group and makes {filters}: the channels must be a multiple of {depth}, and "
            "the filters a multiple of the groups that makes. Check the input's channel axis and data_format"
        )
    return a.convolve(a.kernel, padding, a.channels // depth)


@public
def depthwise_conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """Convolution of each channel by itself with `multiplier` filters.

    Args:
        inputs: (batch, *spatial, channels), or (batch, channels, *spatial) with "channels_first".
        kernel: (*window, channels, multiplier).
        strides, padding, data_format, dilation_rate: as in `conv`.
    Returns:
        (batch, *windows, channels * multiplier): the outputs of channel 0, then those of channel 1, ...
    Raises:
        ValueError: as `conv`.
    Source: Keras 3 `ops.depthwise_conv`.
    """
    return _depthwise(
        _Arguments("depthwise_conv", inputs, kernel, strides, data_format, dilation_rate), padding
    )


def _depthwise(a, padding):
    channels, multiplier = a.kernel.shape[-2:]
    if channels != a.channels:
        raise ValueError(
            f"{a.caller}: the inputs have {a.channels} channels "
            f"({'axis 1' if a.first else 'the last axis'}), the kernel of shape {tuple(a.kernel.shape)} "
            f"{channels}; check the input's channel axis and data_format"
        )
    flat = reshape_op(a.kernel, newshape=(*a.kernel.shape[:-2], 1, channels * multiplier))
    return a.convolve(flat, padding, channels)


@public
def separable_conv(
    inputs, depthwise_kernel, pointwise_kernel, strides=1, padding="valid", data_format=None, dilation_rate=1
):
    """A depthwise convolution, then a 1x1 convolution of its outputs.

    Args:
        inputs: (batch, *spatial, channels), or (batch, channels, *spatial) with "channels_first".
        depthwise_kernel: (*window, channels, multiplier).
        pointwise_kernel: (1, ..., 1, channels * multiplier, filters).
        strides, padding, data_format, dilation_rate: of the first one, as in `conv`.
    Returns:
        (batch, *windows, filters), in the layout of `inputs`.
    Raises:
        ValueError: as `conv`.
    Source: Keras 3 `ops.separable_conv`.
    """
    a = _Arguments("separable_conv", inputs, depthwise_kernel, strides, data_format, dilation_rate)
    return conv(
        _depthwise(a, padding), pointwise_kernel, data_format="channels_first" if a.first else "channels_last"
    )


def _transposed_axis(extent, size, stride, gap, padding, extra):
    """(output extent, padding before, after) of the convolution conv_transpose transposes, along one axis.

    With r = reach(size, gap) and e = `extra` (output_padding):
        valid: (extent - 1) * stride + r + e outputs; e is max(r, stride) - r by default.
        same:  (extent - 1) * stride + r % 2 + e outputs, or extent * stride by default.
    """
    reach = windows.reach(size, gap)
    if padding == "valid":
        extra = max(reach, stride) - reach if extra is None else extra
        return (extent - 1) * stride + reach + extra, 0, -extra
    spread = stride + reach - 2 if extra is None else reach + reach % 2 - 2 + extra
    left = min(spread // 2 + spread % 2, reach - 1)
    return (extent - 1) * stride + 2 + spread - reach, reach - 1 - left, reach - 1 - (spread - left)


@public
def conv_transpose(
    inputs, kernel, strides=1, padding="valid", output_padding=None, data_format=None, dilation_rate=1
):
    """The transpose of `conv` as a linear map: each input pixel adds a scaled kernel to the output.

    Args:
        inputs: (batch, *spatial, channels), or (batch, channels, *spatial) with "channels_first".
        kernel: (*window, filters, channels).
        strides: the step between the windows' places in the output, an int or one a spatial axis.
        padding: "valid", or "same" (extent * stride outputs unless `output_padding` says otherwise).
        output_padding: cells added after the output, an int or one a spatial axis; None: as `padding` says.
        data_format, dilation_rate: as in `conv`.
    Returns:
        (batch, *outputs, filters), in the layout of `inputs`.
    Raises:
        ValueError: channels do not fit, or an argument is none of the above.
    Source: Keras 3 `ops.conv_transpose`.
    """
    a = _Arguments("conv_transpose", inputs, kernel, strides, data_format, dilation_rate)
    if a.kernel.shape[-1] != a.channels:
        raise ValueError(
            f"conv_transpose: the inputs have {a.channels} channels, the kernel of shape "
            f"{tuple(a.kernel.shape)} takes {a.kernel.shape[-1]}; a transposed kernel is (window, filters, "
            "input channels)"
        )
    name = padding.lower() if isinstance(padding, str) else padding
    if name not in ("valid", "same"):
        raise ValueError(f"conv_transpose: `padding` must be 'valid' or 'same', received {padding!r}")
    extras = (
        (None,) * a.rank
        if output_padding is None
        else windows.per_axis(output_padding, a.rank, "output_padding", "conv_transpose", least=0)
    )
    for extra, stride in zip(extras, a.strides, strict=True):
        if extra is not None and extra >= stride:
            raise ValueError(
                f"conv_transpose: `output_padding` must be smaller than `strides` along each axis, received "
                f"{output_padding!r} with strides {a.strides}"
            )
    axes = [
        _transposed_axis(extent, size, stride, gap, name, extra)
        for extent, size, stride, gap, extra in zip(
            a.x.shape[1:-1], a.kernel.shape[:-2], a.strides, a.dilation, extras, strict=True
        )
    ]
    shape = (a.x.shape[0], *[outputs for outputs, _, _ in axes], a.kernel.shape[-2])
    y = conv_input_grad_op(
        a.x,
        a.kernel,
        input_shape=shape,
        strides=a.strides,
        dilation=a.dilation,
        groups=1,
        padding=tuple([(before, after) for _, before, after in axes]),
        **layer_precision(),
    )
    return _restored(y, a.first)
