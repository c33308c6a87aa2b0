"""Medians, quantiles and percentiles, of all elements or of those that are not NaN."""

import numpy as np

from ..engine.symbolic import public
from ..engine.variable import convert
from . import reduction
from .axes import canonical_axis
from .casting import cast
from .elementary import ceil, floor
from .elementary import round as nearest
from .joining import stack
from .logic import isnan, logical_not, where
from .shape import expand_dims, reshaped, transpose
from .sorting import sort
from .taking import take_along_axis

METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


def _lined_up(name, x, axis):
    """(x with the reduced axes joined into a last one, the axes)."""
    x = reduction.as_float(convert(x))
    rank = len(x.shape)
    axes = range(rank) if axis is None else (axis,) if isinstance(axis, int) else axis
    axes = sorted(canonical_axis(name, a, rank) for a in axes)
    kept = [a for a in range(rank) if a not in axes]
    turned = transpose(x, (*kept, *axes)) if (*kept, *axes) != tuple(range(rank)) else x
    return reshaped(turned, (*(x.shape[a] for a in kept), int(np.prod([x.shape[a] for a in axes])))), axes


def _one(ordered, last, q, method):
    """The quantile of rows in rising order; last: each row's last place that counts, a float tensor (..., 1)."""
    place = last * q
    low, high = floor(place), ceil(place)
    if method == "lower":
        high = low
    elif method == "higher":
        low = high
    elif method == "nearest":
        low = high = nearest(place)
    a = take_along_axis(ordered, cast(low, "int32"), axis=-1)
    if method in ("lower", "higher", "nearest"):
        return a
    b = take_along_axis(ordered, cast(high, "int32"), axis=-1)
    part = convert(0.5, dtype=ordered.dtype) if method == "midpoint" else place - low
    return where(low == high, a, a + (b - a) * part)


def _quantile(name, x, q, axis, method, keepdims, skip_nan):
    if method not in METHODS:
        raise ValueError(f"{name}: `method` must be one of {', '.join(METHODS)}, received {method!r}")
    q = np.asarray(convert(q).numpy() if hasattr(q, "numpy") else q, dtype="float64")
    if q.ndim > 1 or (q.size and (q.min() < 0.0 or q.max() > 1.0)):
        raise ValueError(
            f"{name}: `q` must be a number or a vector of numbers in 0..1 (0..100 for percentiles), "
            f"received {q.tolist()}"
        )
    rank = len(convert(x).shape)
    rows, axes = _lined_up(name, x, axis)
    missing = isnan(rows)
    ordered = sort(rows, axis=-1)  # NaN come last
    if skip_nan:
        last = reduction.sum(cast(logical_not(missing), rows.dtype), -1, True) - 1.0
        void = last < 0.0
        last = where(void, convert(0.0, dtype=rows.dtype), last)
    else:
        last = convert(np.full((*rows.shape[:-1], 1), rows.shape[-1] - 1), dtype=rows.dtype)
        void = reduction.any(missing, -1, True)
    found = [
        where(
            void,
            convert(float("nan"), dtype=rows.dtype),
            _one(ordered, last, convert(float(one), dtype=rows.dtype), method),
        )[..., 0]
        for one in q.reshape(-1)
    ]
    if keepdims:
        for axis_ in range(rank):
            if axis_ in axes:
                found = [expand_dims(one, axis_) for one in found]
    return found[0] if q.ndim == 0 else stack(found, axis=0)


@public
def quantile(x, q, axis=None, method="linear", keepdims=False):
    """The `q`-quantiles (0..1) along `axis` (an integer, a tuple, None for all); a vector `q` adds a first axis."""
    return _quantile("quantile", x, q, axis, method, keepdims, False)


@public
def nanquantile(x, q, axis=None, method="linear", keepdims=False):
    """`quantile` of the elements that are not NaN."""
    return _quantile("nanquantile", x, q, axis, method, keepdims, True)


@public
def percentile(x, q, axis=None, method="linear", keepdims=False):
    """`quantile` with `q` in 0..100."""
    return _quantile("percentile", x, np.asarray(q, "float64") / 100.0, axis, method, keepdims, False)


@public
def nanpercentile(x, q, axis=None, method="linear", keepdims=False):
    """`percentile` of the elements that are not NaN."""
    return _quantile("nanpercentile", x, np.asarray(q, "float64") / 100.0, axis, method, keepdims, True)


@public
def median(x, axis=None, keepdims=False):
    """The middle elements along `axis`; between two, their mean."""
    return _quantile("median", x, 0.5, axis, "linear", keepdims, False)


@public
def nanmedian(x, axis=None, keepdims=False):
    """`median` of the elements that are not NaN."""
    return _quantile("nanmedian", x, 0.5, axis, "linear", keepdims, True)
