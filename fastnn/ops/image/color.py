"""Colours: grey, and hue, saturation, value."""

import numpy as np

from ...engine import dtypes
from ...engine.symbolic import public
from ...engine.variable import convert
from .. import reduction
from ..arithmetic import abs as absolute
from ..arithmetic import clip, maximum, minimum, mod
from ..casting import cast
from ..joining import stack
from ..logic import equal, greater, less, where
from .layout import data_format_of


def _planes(name, images, data_format):
    """(red, green, blue, their axis, dtype) of floating images of three channels."""
    x = convert(images)
    axis = -1 if data_format_of(name, data_format) == "channels_last" else -3
    if len(x.shape) not in (3, 4) or x.shape[axis] != 3:
        raise ValueError(
            f"{name}: `images` must have 3 or 4 axes and 3 channels, received shape {tuple(x.shape)}"
        )
    if not dtypes.is_float(x.dtype):
        raise ValueError(f"{name}: `images` must be floating point numbers in 0..1, received dtype {x.dtype}")
    rest = () if axis == -1 else (slice(None), slice(None))
    return (*(x[(Ellipsis, i, *rest)] for i in range(3)), axis)


@public
def rgb_to_grayscale(images, data_format=None):
    """One channel, 0.2989 red + 0.587 green + 0.114 blue; grey images as they are."""
    x = convert(images)
    axis = -1 if data_format_of("rgb_to_grayscale", data_format) == "channels_last" else -3
    if len(x.shape) not in (3, 4) or x.shape[axis] not in (1, 3):
        raise ValueError(
            "rgb_to_grayscale: `images` must have 3 or 4 axes and 1 or 3 channels, received shape "
            f"{tuple(x.shape)}"
        )
    if x.shape[axis] == 1:
        return x
    floats = x if dtypes.is_float(x.dtype) else cast(x, "float32")
    weights = np.array([0.2989, 0.5870, 0.1140], dtypes.NUMPY[floats.dtype])
    grey = reduction.sum(
        floats * convert(weights if axis == -1 else weights.reshape(3, 1, 1)), axis, keepdims=True
    )
    return cast(grey, x.dtype)


@public
def rgb_to_hsv(images, data_format=None):
    """Hue, saturation and value, all in 0..1, of images in 0..1."""
    r, g, b, axis = _planes("rgb_to_hsv", images, data_format)
    zero = convert(0.0, dtype=r.dtype)
    tiny = float(np.finfo(dtypes.NUMPY[r.dtype]).eps)
    r, g, b = (where(less(absolute(plane), tiny), zero, plane) for plane in (r, g, b))
    value = maximum(maximum(r, g), b)
    spread = value - minimum(minimum(r, g), b)
    one = convert(1.0, dtype=r.dtype)
    safe = where(greater(spread, 0.0), spread, one)
    saturation = where(greater(value, 0.0), spread / where(greater(value, 0.0), value, one), zero)
    hue = (
        where(
            equal(r, value),
            (g - b) / safe,
            where(equal(g, value), (b - r) / safe + 2.0, (r - g) / safe + 4.0),
        )
        / 6.0
    )
    hue = where(greater(spread, 0.0), hue, zero)
    hue = where(less(hue, 0.0), hue + 1.0, hue)
    return stack([hue, saturation, value], axis=axis)


@public
def hsv_to_rgb(images, data_format=None):
    """The inverse of `rgb_to_hsv`."""
    h, s, v, axis = _planes("hsv_to_rgb", images, data_format)
    turn = mod(h, 1.0) * 6.0
    red = clip(absolute(turn - 3.0) - 1.0, 0.0, 1.0)
    green = clip(2.0 - absolute(turn - 2.0), 0.0, 1.0)
    blue = clip(2.0 - absolute(turn - 4.0), 0.0, 1.0)
    return stack([v * (1.0 - s + s * part) for part in (red, green, blue)], axis=axis)
