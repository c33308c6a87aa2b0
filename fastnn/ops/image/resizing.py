"""Resizing: along each axis a product with a matrix of interpolation weights, so gradients come with it.

Weights after JAX's `image.scale_and_translate`: pixel centres at half, the kernel widened when an image shrinks with
`antialias`, the weights of each pixel adding up to 1.
"""

import numpy as np

from ...engine import dtypes
from ...engine.symbolic import public
from ...engine.variable import convert
from .. import reduction
from ..arithmetic import clip
from ..casting import cast
from ..elementary import round as nearest_whole
from ..matmul import matmul
from ..shape import moveaxis, pad
from ..taking import take
from .layout import Images


def _triangle(x):
    return np.maximum(0.0, 1.0 - x)


def _keys(x):
    near, far = ((1.5 * x - 2.5) * x) * x + 1.0, ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return np.where(x >= 2.0, 0.0, np.where(x >= 1.0, far, near))


def _lanczos(radius):
    def kernel(x):
        safe = np.where(x > 1e-3, x, 1.0)
        y = radius * np.sin(np.pi * safe) * np.sin(np.pi * safe / radius) / (np.pi * safe) ** 2
        return np.where(x > radius, 0.0, np.where(x > 1e-3, y, 1.0))

    return kernel


KERNELS = {
    "linear": _triangle,
    "bilinear": _triangle,
    "trilinear": _triangle,
    "cubic": _keys,
    "bicubic": _keys,
    "tricubic": _keys,
    "lanczos3": _lanczos(3.0),
    "lanczos5": _lanczos(5.0),
}


def _weights(have, want, scale, translation, method, antialias):
    """(want, have) weights of the old pixels in each new one."""
    at = (np.arange(want) + 0.5 - translation) / scale - 0.5
    wide = max(1.0 / scale, 1.0) if antialias else 1.0
    found = KERNELS[method](np.abs(at[:, None] - np.arange(have)[None, :]) / wide)
    total = found.sum(1, keepdims=True)
    found = np.where(
        np.abs(total) > 1000.0 * np.finfo(np.float32).eps, found / np.where(total == 0.0, 1.0, total), 0.0
    )
    return np.where(((at >= -0.5) & (at <= have - 0.5))[:, None], found, 0.0)


def _along(x, axis, weights):
    moved = moveaxis(x, axis, -1)
    return moveaxis(matmul(moved, convert(weights.T.astype(dtypes.NUMPY[x.dtype]))), -1, axis)


def _method(name, argument, given, extra=()):
    if given not in KERNELS and given not in extra:
        raise ValueError(
            f"{name}: `{argument}` must be one of {', '.join((*KERNELS, *extra))}, received {given!r}"
        )


def _rounded(x, like):
    """Floats back to the integers that came in, never beyond them."""
    low, high = reduction.min(like), reduction.max(like)
    return clip(nearest_whole(x), cast(low, x.dtype), cast(high, x.dtype))


def window(rows, columns, size, cut, fill):
    """(top, left, rows, columns) of what is resized to `size`: the middle of the image that has its aspect ratio
    (`cut`), the image with the borders that give it that (`fill`; top and left are not positive then), or all of it."""
    across, down = int(rows * size[1] / size[0]), int(columns * size[0] / size[1])
    if cut:
        h, w = max(min(rows, down), 1), max(min(columns, across), 1)
        return int((rows - h) / 2), int((columns - w) / 2), h, w
    if fill:
        top, left = int((max(rows, down) - rows) / 2), int((max(columns, across) - columns) / 2)
        return -top, -left, rows + 2 * top, columns + 2 * left
    return 0, 0, rows, columns


@public
def resize(
    images,
    size,
    interpolation="bilinear",
    antialias=False,
    crop_to_aspect_ratio=False,
    pad_to_aspect_ratio=False,
    fill_mode="constant",
    fill_value=0.0,
    data_format=None,
):
    """Images of another size.

    Args:
        images: (height, width, channels) or a batch; integers stay integers, rounded.
        size: (height, width).
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".
        antialias: widen the kernel where an image shrinks.
        crop_to_aspect_ratio, pad_to_aspect_ratio: cut, or fill with `fill_value`, to the new aspect ratio first.
    """
    _method("resize", "interpolation", interpolation, ("nearest",))
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError("resize: only one of `crop_to_aspect_ratio` and `pad_to_aspect_ratio` can be True")
    if fill_mode != "constant":
        raise ValueError(f"resize: `fill_mode` must be 'constant', received {fill_mode!r}")
    if len(tuple(size)) != 2 or min(size) < 1:
        raise ValueError(f"resize: `size` must be (height, width), both at least 1, received {size!r}")
    given = Images("resize", images, data_format)
    x = given.batch
    top, left, tall, wide = window(*x.shape[1:3], size, crop_to_aspect_ratio, pad_to_aspect_ratio)
    if crop_to_aspect_ratio:
        x = x[:, top : top + tall, left : left + wide, :]
    elif top or left:
        x = pad(x, [(0, 0), (-top, -top), (-left, -left), (0, 0)], constant_values=fill_value)
    for axis, want in ((1, size[0]), (2, size[1])):
        have = x.shape[axis]
        if have == want:
            continue
        if interpolation == "nearest":
            x = take(
                x,
                np.floor((np.arange(want, dtype=np.float32) + 0.5) * have / want).astype("int32"),
                axis=axis,
            )
        else:
            x = _along(x, axis, _weights(have, want, want / have, 0.0, interpolation, antialias))
    if not dtypes.is_float(given.dtype) and interpolation != "nearest":
        x = _rounded(x, given.batch)
    return given.back(x)


@public
def scale_and_translate(images, output_shape, scale, translation, spatial_dims, method, antialias=True):
    """Images scaled and moved along `spatial_dims`: output pixel o shows input (o - translation) / scale.

    Args:
        output_shape: the shape of the result, its other axes those of `images`.
        scale, translation: a number for each of `spatial_dims`.
    """
    _method("scale_and_translate", "method", method)
    images = convert(images)
    x = images if dtypes.is_float(images.dtype) else cast(images, "float32")
    scale, translation = (
        np.asarray(convert(part).numpy() if hasattr(part, "numpy") else part, "float64").reshape(-1)
        for part in (scale, translation)
    )
    for s, t, axis in zip(scale, translation, spatial_dims, strict=True):
        axis = axis % len(x.shape)
        x = _along(
            x, axis, _weights(x.shape[axis], output_shape[axis], float(s), float(t), method, antialias)
        )
    return x if dtypes.is_float(images.dtype) else cast(_rounded(x, cast(images, x.dtype)), images.dtype)
