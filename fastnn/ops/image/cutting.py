"""Parts of images: crops, borders, patches."""

import numpy as np

from ...engine.symbolic import public
from ...engine.variable import convert
from ..convolution import conv
from ..shape import expand_dims, pad, squeeze, transpose
from .layout import Images, data_format_of


def _ends(name, extent, before, after, target, sign, words):
    """(before, after) along one axis, one of three given numbers following from the two others."""
    given = [before, after, target]
    if sum(value is not None for value in given) != 2:
        raise ValueError(
            f"{name}: exactly two of {words} must be given, received {before}, {after}, {target}"
        )
    if before is None:
        before = sign * (target - extent) - after
    elif after is None:
        after = sign * (target - extent) - before
    if before < 0 or after < 0 or (sign < 0 and before + after >= extent):
        raise ValueError(f"{name}: {words} = {given} do not fit an image of {extent}")
    return before, after


@public
def crop_images(
    images,
    top_cropping=None,
    left_cropping=None,
    bottom_cropping=None,
    right_cropping=None,
    target_height=None,
    target_width=None,
    data_format=None,
):
    """Images without some rows and columns; of top, bottom and target_height two are given, likewise of the width's."""
    given = Images("crop_images", images, data_format)
    _, h, w, _ = given.batch.shape
    top, bottom = _ends(
        "crop_images",
        h,
        top_cropping,
        bottom_cropping,
        target_height,
        -1,
        "top_cropping, bottom_cropping, target_height",
    )
    left, right = _ends(
        "crop_images",
        w,
        left_cropping,
        right_cropping,
        target_width,
        -1,
        "left_cropping, right_cropping, target_width",
    )
    return given.back(given.batch[:, top : h - bottom, left : w - right, :])


@public
def pad_images(
    images,
    top_padding=None,
    left_padding=None,
    bottom_padding=None,
    right_padding=None,
    target_height=None,
    target_width=None,
    data_format=None,
):
    """Images with borders of zeros; of top, bottom and target_height two are given, likewise of the width's."""
    given = Images("pad_images", images, data_format)
    _, h, w, _ = given.batch.shape
    rows = _ends(
        "pad_images",
        h,
        top_padding,
        bottom_padding,
        target_height,
        1,
        "top_padding, bottom_padding, target_height",
    )
    columns = _ends(
        "pad_images",
        w,
        left_padding,
        right_padding,
        target_width,
        1,
        "left_padding, right_padding, target_width",
    )
    return given.back(pad(given.batch, [(0, 0), rows, columns, (0, 0)]))


def _patches(name, x, size, strides, dilation_rate, padding, axes, first):
    """By a convolution with a kernel of ones and zeros that copies each cell of a window into a channel of its own."""
    size = (size,) * axes if isinstance(size, int) else tuple(size)
    if len(size) != axes:
        raise ValueError(f"{name}: `size` must be an integer or {axes} of them, received {size}")
    x = convert(x)
    single = len(x.shape) == axes + 1
    if not single and len(x.shape) != axes + 2:
        raise ValueError(
            f"{name}: the input must have {axes + 1} or {axes + 2} axes, received shape {tuple(x.shape)}"
        )
    x = expand_dims(x, 0) if single else x
    last = (0, *range(2, axes + 2), 1)
    x = transpose(x, last) if first else x
    channels = x.shape[-1]
    count = int(np.prod(size)) * channels
    kernel = np.eye(count, dtype=np.float32).reshape(*size, channels, count)
    y = conv(
        x,
        convert(kernel, dtype=x.dtype),
        strides=size if strides is None else strides,
        padding=padding,
        data_format="channels_last",
        dilation_rate=dilation_rate,
    )
    y = transpose(y, (0, axes + 1, *range(1, axes + 1))) if first else y
    return squeeze(y, 0) if single else y


@public
def extract_patches(images, size, strides=None, dilation_rate=1, padding="valid", data_format=None):
    """Windows of images as channels: (batch, rows, columns, height * width * channels); `strides`: else `size`."""
    first = data_format_of("extract_patches", data_format) == "channels_first"
    return _patches("extract_patches", images, size, strides, dilation_rate, padding, 2, first)


@public
def extract_patches_3d(volumes, size, strides=None, dilation_rate=1, padding="valid", data_format=None):
    """`extract_patches` of volumes (batch, depth, height, width, channels)."""
    first = data_format_of("extract_patches_3d", data_format) == "channels_first"
    return _patches("extract_patches_3d", volumes, size, strides, dilation_rate, padding, 3, first)
