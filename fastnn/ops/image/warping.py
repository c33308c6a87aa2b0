"""Images read at other places: map_coordinates, affine and perspective transforms, elastic deformation."""

import itertools

import numpy as np

from ...engine import dtypes
from ...engine.symbolic import public
from ...engine.variable import convert
from ..arithmetic import abs as absolute
from ..arithmetic import clip, mod
from ..casting import cast
from ..creation import zeros_like
from ..elementary import floor
from ..elementary import round as nearest_whole
from ..joining import concatenate, stack
from ..linear_algebra import solve
from ..logic import greater_equal, less, logical_and, where
from ..shape import broadcast_to, expand_dims, reshaped
from ..taking import take
from .layout import Images

FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")
ORDERS = {"nearest": 0, "bilinear": 1}


def _inside(place, size, mode):
    """Whole numbers (floats) brought into 0..size - 1."""
    if mode == "wrap":
        return mod(place, float(size))
    if mode == "mirror":
        turn = float(max(2 * (size - 1), 1))
        return float(size - 1) - absolute(mod(place, turn) - float(size - 1)) if size > 1 else place * 0.0
    if mode == "reflect":
        at = mod(place, 2.0 * size)
        return where(less(at, float(size)), at, 2.0 * size - 1.0 - at)
    return clip(place, 0.0, float(size - 1))


def _corners(place, order):
    """[(whole place, weight or None)] that a coordinate is made from."""
    if order == 0:
        return [(nearest_whole(place), None)]
    low = floor(place)
    part = place - low
    return [(low, 1.0 - part), (low + 1.0, part)]


def _read(rows, sizes, places, lead, order, mode, value):
    """Pixels at fractional places.

    Args:
        rows: (pixels, channels), the pixels of images flattened.
        sizes: the extents that places run over, the last fastest.
        places: a float tensor for each of them, all of one shape.
        lead: the number, in pixels, where each place's image begins; a float tensor or 0.0.
    """
    total = None
    for corner in itertools.product(*[_corners(place, order) for place in places]):
        index, weight, known = lead, None, None
        stride = 1
        for (at, part), size in reversed(list(zip(corner, sizes, strict=True))):
            index = index + _inside(at, size, mode) * float(stride)
            stride *= size
            weight = part if weight is None else weight if part is None else weight * part
            if mode == "constant":
                here = logical_and(greater_equal(at, 0.0), less(at, float(size)))
                known = here if known is None else logical_and(known, here)
        pixels = take(rows, cast(index, "int32"), axis=0)
        if known is not None:
            pixels = where(expand_dims(known, -1), pixels, convert(value, dtype=rows.dtype))
        pixels = pixels if weight is None else pixels * expand_dims(weight, -1)
        total = pixels if total is None else total + pixels
    return total


@public
def map_coordinates(inputs, coordinates, order, fill_mode="constant", fill_value=0):
    """The elements of a tensor of n axes at `coordinates` (n, ...), by the nearest (order 0) or linearly (order 1)."""
    x, at = convert(inputs), convert(coordinates)
    if at.shape[0] != len(x.shape):
        raise ValueError(
            f"map_coordinates: `coordinates` must hold one row for each of the {len(x.shape)} axes of `inputs`, "
            f"received shape {tuple(at.shape)}"
        )
    if order not in (0, 1) or fill_mode not in FILL_MODES:
        raise ValueError(
            f"map_coordinates: `order` must be 0 or 1 and `fill_mode` one of {', '.join(FILL_MODES)}, received "
            f"order={order!r}, fill_mode={fill_mode!r}"
        )
    floats = x if dtypes.is_float(x.dtype) else cast(x, "float32")
    at = at if dtypes.is_float(at.dtype) else cast(at, "float32")
    places = [at[i] for i in range(len(x.shape))]
    found = _read(reshaped(floats, (floats.size, 1)), x.shape, places, 0.0, order, fill_mode, fill_value)[
        ..., 0
    ]
    return cast(found if dtypes.is_float(x.dtype) else nearest_whole(found), x.dtype)


def _order(name, interpolation):
    if interpolation not in ORDERS:
        raise ValueError(
            f"{name}: `interpolation` must be 'nearest' or 'bilinear', received {interpolation!r}"
        )
    return ORDERS[interpolation]


def _grid(x):
    """(rows, columns) of the pixels of a batch, each (1, height * width)."""
    rows, columns = np.meshgrid(np.arange(x.shape[1]), np.arange(x.shape[2]), indexing="ij")
    return (convert(part.reshape(1, -1).astype(dtypes.NUMPY[x.dtype])) for part in (rows, columns))


def _warped(x, rows, columns, order, mode, value):
    """A batch read at rows and columns (batch, height * width)."""
    n, h, w, c = x.shape
    lead = convert((np.arange(n) * h * w).reshape(-1, 1).astype(dtypes.NUMPY[x.dtype]))
    found = _read(reshaped(x, (n * h * w, c)), (h, w), (rows, columns), lead, order, mode, value)
    return reshaped(found, x.shape)


@public
def affine_transform(
    images, transform, interpolation="bilinear", fill_mode="constant", fill_value=0, data_format=None
):
    """Images whose pixel (x, y) shows (a0 x + a1 y + a2, b0 x + b1 y + b2) of the given ones.

    Args:
        transform: (a0, a1, a2, b0, b1, b2, 0, 0) for all images, or a row for each.
        fill_mode: what lies outside: "constant" (`fill_value`), "nearest", "wrap", "mirror" or "reflect".
    """
    order = _order("affine_transform", interpolation)
    if fill_mode not in FILL_MODES:
        raise ValueError(
            f"affine_transform: `fill_mode` must be one of {', '.join(FILL_MODES)}, received {fill_mode!r}"
        )
    given = Images("affine_transform", images, data_format)
    x = given.batch
    t = convert(transform, dtype=x.dtype)
    t = expand_dims(t, 0) if len(t.shape) == 1 else t
    if len(t.shape) != 2 or t.shape[1] != 8 or t.shape[0] not in (1, x.shape[0]):
        raise ValueError(
            "affine_transform: `transform` must hold 8 numbers, or as many for each image, received shape "
            f"{tuple(t.shape)}"
        )
    rows, columns = _grid(x)
    part = [t[:, i : i + 1] for i in range(6)]
    shape = (x.shape[0], x.shape[1] * x.shape[2])
    across = broadcast_to(part[0] * columns + part[1] * rows + part[2], shape)
    down = broadcast_to(part[3] * columns + part[4] * rows + part[5], shape)
    return given.back(_warped(x, down, across, order, fill_mode, fill_value))


def homography(start, end):
    """(batch, 8) numbers that take the end points to the start points."""
    u, v = start[..., 0], start[..., 1]
    x, y = end[..., 0], end[..., 1]
    one, none = x * 0.0 + 1.0, zeros_like(x)
    first = stack([x, y, one, none, none, none, -(u * x), -(u * y)], axis=-1)
    second = stack([none, none, none, x, y, one, -(v * x), -(v * y)], axis=-1)
    return solve(concatenate([first, second], axis=-2), expand_dims(concatenate([u, v], axis=-1), -1))[..., 0]


@public
def perspective_transform(
    images, start_points, end_points, interpolation="bilinear", fill_value=0, data_format=None
):
    """Images in which the corners `start_points` (4, 2), as (x, y), come to lie at `end_points`; or (batch, 4, 2)."""
    order = _order("perspective_transform", interpolation)
    given = Images("perspective_transform", images, data_format)
    x = given.batch
    start, end = (convert(points, dtype=x.dtype) for points in (start_points, end_points))
    if start.shape != end.shape or tuple(start.shape[-2:]) != (4, 2) or len(start.shape) not in (2, 3):
        raise ValueError(
            "perspective_transform: `start_points` and `end_points` must have shape (4, 2) or (batch, 4, 2), "
            f"received {tuple(start.shape)} and {tuple(end.shape)}"
        )
    if len(start.shape) == 2:
        start, end = expand_dims(start, 0), expand_dims(end, 0)
    a = homography(start, end)
    part = [a[:, i : i + 1] for i in range(8)]
    rows, columns = _grid(x)
    below = part[6] * columns + part[7] * rows + 1.0
    shape = (x.shape[0], x.shape[1] * x.shape[2])
    across = broadcast_to((part[0] * columns + part[1] * rows + part[2]) / below, shape)
    down = broadcast_to((part[3] * columns + part[4] * rows + part[5]) / below, shape)
    return given.back(_warped(x, down, across, order, "constant", fill_value))


@public
def elastic_transform(
    images,
    alpha=20.0,
    sigma=5.0,
    interpolation="bilinear",
    fill_mode="reflect",
    fill_value=0.0,
    seed=None,
    data_format=None,
):
    """Images deformed by random displacements of about `alpha` pixels, smooth over `sigma` pixels."""
    from ... import random

    order = _order("elastic_transform", interpolation)
    given = Images("elastic_transform", images, data_format)
    x = given.batch
    noise = random.uniform((*x.shape[:3], 2), minval=-1.0, maxval=1.0, dtype=x.dtype, seed=seed)
    return given.back(deformed(x, noise, alpha, sigma, int(6 * sigma) | 1, order, fill_mode, fill_value))


def deformed(x, noise, alpha, sigma, size, order, fill_mode, fill_value):
    """A batch, channels last, deformed as by `elastic_transform`.

    noise: (batch, height, width, 2), in -1..1. alpha, sigma: numbers or scalar tensors. size: pixels of the
    Gaussian's window, 6 sigma or so.
    """
    from .filters import blurred

    n, h, w, _ = x.shape
    shift = blurred(noise, (size, size), (sigma, sigma)) * alpha
    rows, columns = _grid(x)
    down = rows + reshaped(shift[..., 0], (n, h * w))
    across = columns + reshaped(shift[..., 1], (n, h * w))
    return _warped(x, down, across, order, fill_mode, fill_value)
