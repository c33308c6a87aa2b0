"""Pooling to a given number of windows, whose extents follow: Keras's adaptive_average_pool and
adaptive_max_pool.
"""

import functools
import math

import numpy as np

from ..engine.allowance import check_passing
from ..engine.op import records
from ..engine.symbolic import public
from ..engine.tensor import Tensor
from ..engine.variable import convert
from . import windows
from .reduction import as_float


def _bounds(extent, count):
    """(first cell, one past the last) of each of `count` windows: they cover the axis evenly and may
    overlap.
    """
    check_passing(32 * count, "adaptive pooling", f"a list of {count} windows")
    at = np.arange(count)
    return at * extent // count, -(-(at + 1) * extent // count)


@functools.lru_cache(maxsize=256)
def _averaging(extent, count, dtype):
    """(count, extent): how much each cell counts for each window's mean."""
    check_passing(16 * extent * count, "adaptive pooling", f"a matrix of shape {(count, extent)}")
    first, last = _bounds(extent, count)
    cells = np.arange(extent)
    inside = (cells >= first[:, None]) & (cells < last[:, None])
    return Tensor((inside / inside.sum(1, keepdims=True)).astype(dtype))


@functools.lru_cache(maxsize=256)
def _cells(extent, count):
    """(count, widest): the cells of each window; a narrow one names its last cell again."""
    first, last = _bounds(extent, count)
    widest = (last - first).max()
    check_passing(16 * int(widest) * count, "adaptive pooling", f"a table of shape {(count, widest)}")
    offsets = np.arange(widest)
    return Tensor(np.minimum(first[:, None] + offsets, last[:, None] - 1).astype(np.int32))


def _average(x, axis, count):
    shape = tuple(x.shape)
    rows = records["reshape"](
        x, newshape=(math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :]))
    )
    y = records["matmul"](_averaging(shape[axis], count, x.dtype), rows, transpose_a=False, transpose_b=False)
    return records["reshape"](y, newshape=(*shape[:axis], count, *shape[axis + 1 :]))


def _maximum(x, axis, count):
    picked = records["take"](x, _cells(x.shape[axis], count), axis=axis)
    return records["max"](picked, axis=(axis + 1,), keepdims=False)


def _pool(inputs, output_size, data_format, along, caller):
    x = convert(inputs)
    rank = windows.spatial_rank(x, "inputs", caller)
    counts = windows.per_axis(output_size, rank, "output_size", caller)
    first = 1 if windows.standard_format(data_format, caller) == "channels_last" else 2
    if 0 in tuple(x.shape[first : first + rank]):
        raise ValueError(f"{caller}: an input of shape {tuple(x.shape)} has no cells to pool")
    for axis, count in enumerate(counts, first):
        x = along(x, axis, count)
    return x


@public
def adaptive_average_pool(inputs, output_size, data_format=None):
    """The means of `output_size` windows along each spatial axis.

    Window i of n covers cells floor(i extent / n) to ceil((i + 1) extent / n).

    Args:
        inputs: (batch, *spatial, channels), or (batch, channels, *spatial) with "channels_first"; floats.
        output_size: how many windows, an int or one a spatial axis.
        data_format: "channels_last" or "channels_first"; the configured one by default.
    Source: Keras 3 `ops.adaptive_average_pool`.
    """
    return _pool(as_float(convert(inputs)), output_size, data_format, _average, "adaptive_average_pool")


@public
def adaptive_max_pool(inputs, output_size, data_format=None):
    """The maxima of `output_size` windows along each spatial axis; windows as in `adaptive_average_pool`.

    Source: Keras 3 `ops.adaptive_max_pool`.
    """
    return _pool(inputs, output_size, data_format, _maximum, "adaptive_max_pool")
