"""Which instructions a convolution and its gradients become: chosen by shape, for every table alike.

A 1 x 1 convolution of stride 1 is a matrix product. So are the gradients of windows that do not overlap, and the output
of few pixels that see a large kernel, of a matrix of what each output pixel sees. 3 x 3 windows of stride 1 take
Winograd's form where that saves more than its transforms cost (csrc/winograd.c). Filters of a channel by itself are
depthwise (csrc/depthwise.c). All others are summed as they stand (csrc/conv.c, csrc/conv_grad.c). Operands rounded to
bfloat16 make the sum as it stands faster where the table has instructions for them, Winograd's form never.
"""

import itertools
import math

from ..engine import settings
from . import windows
from .matmul import emit_gemm
from .precision import kernel_name
from .strided import contiguous_strides, emit_copy

_MOST_SPLITS = 16  # partial sums of a kernel's gradient
_SPLIT_PIXELS = 256  # a partial sum is over at least so many output pixels: a block of csrc/conv_grad.c
_SMALL_KERNEL = 1 << 14  # floats: two sums of it cost little, and give two threads something to do
_PARTIAL_FLOATS = 1 << 23
_FEW_PIXELS = 64
_LARGE_KERNEL = 1 << 18  # floats
_FEW_FILTERS = 16  # no more of a group lie so close that they need not be packed


def all_float32(call):
    return all(b.dtype == "float32" for b in (*call.inputs, *call.outputs))


def _sizes(call, x_shape, kernel_shape, y_shape):
    """The sizes that csrc/conv.c and its neighbours take; see the comment there."""
    return [
        x_shape[0],
        *windows.volume(x_shape[1:-1]),
        x_shape[-1],
        *windows.volume(y_shape[1:-1]),
        y_shape[-1],
        *windows.volume(kernel_shape[:-2]),
        *windows.volume(call.strides),
        *windows.origin(call.padding),
        *windows.volume(call.dilation),
        call.groups,
    ]


def _is_product(call, kernel_shape):
    """Whether each output pixel is one input pixel times a matrix, and every pixel has one."""
    ones = (*kernel_shape[:-2], *call.strides)
    return call.groups == 1 and all(n == 1 for n in ones) and not any(map(any, call.padding))


def _is_apart(call, kernel_shape):
    """Whether no two output pixels see the same cell, nor padding: a matrix of what they see is no larger than x."""
    window = kernel_shape[:-2]
    apart = all(n <= stride for n, stride in zip(window, call.strides, strict=True))
    whole = all(n == 1 or step == 1 for n, step in zip(window, call.dilation, strict=True))
    few_axes = len(window) <= 2 or all(n == 1 for n in window)  # for a copy
    return call.groups == 1 and apart and whole and few_axes and not any(map(any, call.padding))


def _is_depthwise(call, kernel_shape, x_shape):
    """Whether each channel has filters of its own."""
    return call.groups > 1 and call.groups == x_shape[-1]


# ---- Winograd's form ----

# Cycles of an AVX2 core for a channel of a tile: the transforms to and from the 36 points.
_TRANSFORM_CYCLES = 12.0
_FEW_CHANNELS = 8  # products of fewer fill too little of the register tile


def _tiles(batch, pixels):
    return batch * math.prod(math.ceil(n / 4) for n in pixels)


def _kernel_cycles(pairs):
    """Of the kernel's transform, once a call: its points are written, and read again, from ever farther away."""
    return pairs * (12.0 if pairs < 1 << 13 else 35.0 if pairs < 1 << 17 else 80.0)


def _winograd_pays(planes, pixels, channels, filters, taps=1, speed=1.0):
    """Whether tiles of 4 x 4 make `filters` filters at (planes, *pixels) faster. taps: planes of the kernel; speed: of
    the direct sum, float32's being 1."""
    if min(channels, filters) < _FEW_CHANNELS:
        return False
    tiles = _tiles(planes, pixels)
    direct = planes * math.prod(pixels) * 9 * taps * channels * filters / 16 / 0.8 / speed
    products = tiles * 36 * taps * channels * filters / 16 / 0.75
    transforms = tiles * _TRANSFORM_CYCLES * (taps * channels + filters) + _kernel_cycles(
        taps * channels * filters
    )
    return products + transforms < 0.9 * direct


def _winograd_sizes(call, kernel_shape, x_shape, y_shape):
    """csrc/winograd.c's sizes; None unless windows are 3 x 3, or any number of planes of that, and stride 1."""
    window, origin = windows.volume(kernel_shape[:-2]), windows.origin(call.padding)
    steps = (*windows.volume(call.strides), *windows.volume(call.dilation), call.groups)
    if tuple(window[1:]) != (3, 3) or any(n != 1 for n in steps):
        return None
    batch, (deep, *x), (made, *y) = x_shape[0], windows.volume(x_shape[1:-1]), windows.volume(y_shape[1:-1])
    if window[0] == 1:
        if deep != made or origin[0] != 0:
            return None
        batch, deep, made = batch * deep, 1, 1  # planes are images
    planes = [window[0], deep, made, origin[0], call.attrs.get("precision") is not None]
    return [batch, *x, x_shape[-1], *y, y_shape[-1], *origin[1:], *planes]


def _tiled(call, kernel_shape, x_shape, y_shape):
    """`_winograd_sizes`, or None where they are no gain."""
    speed = settings.bfloat16_speed() if call.attrs.get("precision") == "bfloat16" else 1.0
    sizes = _winograd_sizes(call, kernel_shape, x_shape, y_shape)
    if sizes is None:
        return None
    n, c, oh, ow, oc, taps, made = (sizes[i] for i in (0, 3, 4, 5, 6, 9, 11))
    return sizes if _winograd_pays(n * made, (oh, ow), c, oc, taps, speed) else None


def _winograd(call, source, kernel, kernel_shape, sizes, extra, alpha=0.0):
    """Emits the convolution of `source` with planes of 3 x 3 kernels, which are transformed first."""
    channels, filters = kernel_shape[-2:]
    taps, rounded = sizes[9], sizes[13]
    points = call.reordered("winograd_kernel_f32", kernel, [channels, filters, taps, rounded])
    reads = [source, points, *call.inputs[2:]]
    call.emit("winograd_f32", reads=reads, writes=call.outputs, sizes=[*sizes, *extra], attrs=[alpha])


def _copy_windows(call, x, matrix, window, counts, into_x=False):
    """Copies what each output pixel sees of x to the rows of a matrix, or back into x, where `_is_apart` holds."""
    n, *axes, c = contiguous_strides(x.shape)
    steps = [n, *(step * stride for step, stride in zip(axes, call.strides, strict=True)), *axes, c]
    shape = (x.shape[0], *counts, *window, x.shape[-1])
    rows = contiguous_strides(shape)
    if into_x:
        emit_copy(call, matrix, x, shape, rows, steps)
    else:
        emit_copy(call, x, matrix, shape, steps, rows)


def _is_seldom_seen(call, kernel_shape, y_shape):
    """Whether so few pixels see so large a kernel that the product of all they see reads it fastest, where it lies."""
    return (
        call.groups == 1
        and math.prod(y_shape[:-1]) <= _FEW_PIXELS
        and math.prod(kernel_shape) >= _LARGE_KERNEL
    )


def _seen(call, kernel_shape, y_shape):
    """A matrix of what each output pixel sees of x: (output pixels, taps * channels)."""
    x, taps = call.inputs[0], kernel_shape[:-2]
    row = math.prod(kernel_shape[:-1])
    matrix = call.workspace(math.prod(y_shape[:-1]) * row, "float32")
    call.emit("fill_b32", reads=[], writes=[matrix], sizes=[matrix.size], attrs=[0])
    x_steps = contiguous_strides(x.shape)
    y_steps = [step * row for step in contiguous_strides(y_shape[:-1])]
    for number, tap in enumerate(itertools.product(*map(range, taps))):
        extents, strides, start, target = [y_shape[0]], [x_steps[0]], 0, number * x.shape[-1]
        for axis, stride in enumerate(call.strides):
            offset = tap[axis] * call.dilation[axis] - call.padding[axis][0]
            first = max(0, -(offset // stride))
            end = min(y_shape[axis + 1], (x.shape[axis + 1] - 1 - offset) // stride + 1)
            extents.append(max(0, end - first))
            strides.append(stride * x_steps[axis + 1])
            start += (first * stride + offset) * x_steps[axis + 1]
            target += first * y_steps[axis + 1]
        if all(extents):
            extents, strides = [*extents, x.shape[-1]], [*strides, 1]
            emit_copy(call, x, matrix, extents, strides, [*y_steps, 1], start, target)
    return matrix


# ---- the rules ----


def emit_conv(call, activation=0, alpha=0.0):
    """inputs: x, kernel, [bias]. activation: its number in csrc/tile.h."""
    x, kernel, y = call.inputs[0].shape, call.inputs[1].shape, call.output.shape
    epilogue = [len(call.inputs) - 2, activation]
    if _is_product(call, kernel):
        sizes = [math.prod(x[:-1]), y[-1], x[-1], *epilogue]
        emit_gemm(call, "nn", sizes, alpha)
        return
    tiled = _tiled(call, kernel, x, y)
    if tiled:
        _winograd(call, *call.inputs[:2], kernel, tiled, epilogue, alpha)
        return
    if _is_seldom_seen(call, kernel, y):
        sizes = [math.prod(y[:-1]), y[-1], math.prod(kernel[:-1]), *epilogue]
        emit_gemm(call, "nn", sizes, alpha, [_seen(call, kernel, y), *call.inputs[1:]])
        return
    sizes, reads = _sizes(call, x, kernel, y), list(call.inputs)
    if _is_depthwise(call, kernel, x):
        call.emit("depthwise_f32", reads=reads, writes=call.outputs, attrs=[alpha], sizes=[*sizes, *epilogue])
        return
    name = kernel_name(call, "conv")
    packed = y[-1] // call.groups > _FEW_FILTERS or name != "conv_f32"
    if packed:
        reads[1] = call.reordered(kernel_name(call, "conv_pack"), call.inputs[1], sizes)
    call.emit(name, reads=reads, writes=call.outputs, attrs=[alpha], sizes=[*sizes, packed, *epilogue])


def emit_input_grad(call):
    """inputs: dy, kernel. Not the product's forms: a kernel that is flipped and transposed first."""
    dy, kernel = call.inputs
    x = call.input_shape
    if _is_product(call, kernel.shape):
        sizes = [math.prod(x[:-1]), x[-1], dy.shape[-1], 0, 0]
        emit_gemm(call, "nt", sizes)
        return
    if _is_apart(call, kernel.shape):
        row, pixels = math.prod(kernel.shape[:-1]), math.prod(dy.shape[:-1])
        seen = call.workspace(pixels * row, "float32")
        emit_gemm(call, "nt", [pixels, row, dy.shape[-1], 0, 0], output=seen)
        if pixels * row < call.output.size:
            call.emit("fill_b32", reads=[], writes=call.outputs, sizes=[call.output.size], attrs=[0])
        _copy_windows(call, call.output, seen, kernel.shape[:-2], dy.shape[1:-1], into_x=True)
        return
    sizes = _sizes(call, x, kernel.shape, dy.shape)
    if _is_depthwise(call, kernel.shape, x):
        call.emit("depthwise_input_grad_f32", reads=[dy, kernel], writes=call.outputs, sizes=sizes)
        return
    tiled = _tiled(call, kernel.shape, dy.shape, x)
    if tiled:
        top, left, taps, deep, made, front = tiled[7:13]
        tiled[7:13] = [2 - top, 2 - left, taps, deep, made, taps - 1 - front]
        flipped = call.reordered(kernel_name(call, "conv_flip"), kernel, [*sizes, 0])
        turned = (*kernel.shape[:-2], kernel.shape[-1], kernel.shape[-2])
        _winograd(call, dy, flipped, turned, tiled, [0, 0])
        return
    flipped = call.reordered(kernel_name(call, "conv_flip"), kernel, [*sizes, 1])
    call.emit(kernel_name(call, "conv_input_grad"), reads=[dy, flipped], writes=call.outputs, sizes=sizes)


def emit_kernel_grad(call):
    """inputs: x, dy. Partial sums over pixels, as many as the shape says, then their sum."""
    x, dy = call.inputs
    kernel = call.kernel_shape
    if _is_product(call, kernel) or _is_apart(call, kernel):
        row, pixels = math.prod(kernel[:-1]), math.prod(dy.shape[:-1])
        seen = x
        if not _is_product(call, kernel):
            seen = call.workspace(pixels * row, "float32")
            _copy_windows(call, x, seen, kernel[:-2], dy.shape[1:-1])
        emit_gemm(call, "tn", [row, dy.shape[-1], pixels, 0, 0], operands=[seen, dy])
        return
    size, name = math.prod(kernel), kernel_name(call, "conv_kernel_grad")
    sizes = _sizes(call, x.shape, kernel, dy.shape)
    work = max(1 + (size < _SMALL_KERNEL), math.prod(dy.shape[:-1]) // _SPLIT_PIXELS)
    tiled = _tiled(call, kernel, x.shape, dy.shape)
    if tiled and tiled[9] == 1:  # not for kernels of several planes
        name, sizes = "winograd_kernel_grad_f32", tiled
        work = _tiles(tiled[0], tiled[4:6]) // 64
    elif _is_depthwise(call, kernel, x.shape):
        name = "depthwise_kernel_grad_f32"
    splits = max(1, min(_MOST_SPLITS, work, _PARTIAL_FLOATS // max(size, 1)))
    if splits == 1:
        call.emit(name, reads=call.inputs, writes=call.outputs, sizes=[*sizes, 1])
        return
    partial = call.workspace(splits * call.output.nbytes)
    call.emit(name, reads=call.inputs, writes=[partial], sizes=[*sizes, splits])
    call.emit("conv_kernel_sum_f32", reads=[partial], writes=call.outputs, sizes=[splits, size])
