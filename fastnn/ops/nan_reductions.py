"""Reductions that leave NaN out, as NumPy's of these names."""

from ..engine.symbolic import public
from ..engine.variable import convert
from . import accumulation, reduction
from .arithmetic import divide, sqrt, square
from .casting import cast
from .logic import isnan, logical_not, where


def _filled(x, value):
    """(x with `value` where it is NaN, where it is not)."""
    x = reduction.as_float(convert(x))
    missing = isnan(x)
    return where(missing, convert(value, dtype=x.dtype), x), logical_not(missing)


def _count(present, axis, dtype, keepdims):
    return reduction.sum(cast(present, dtype), axis, keepdims)


def _extreme(function, fill, x, axis, keepdims):
    x, present = _filled(x, fill)
    found = function(x, axis, keepdims)
    return where(reduction.any(present, axis, keepdims), found, convert(float("nan"), dtype=x.dtype))


@public
def nanmax(x, axis=None, keepdims=False):
    """The largest elements that are not NaN; NaN where all are."""
    return _extreme(reduction.max, float("-inf"), x, axis, keepdims)


@public
def nanmin(x, axis=None, keepdims=False):
    """The smallest elements that are not NaN; NaN where all are."""
    return _extreme(reduction.min, float("inf"), x, axis, keepdims)


@public
def nansum(x, axis=None, keepdims=False):
    """Sums, NaN counted as 0."""
    return reduction.sum(_filled(x, 0.0)[0], axis, keepdims)


@public
def nanprod(x, axis=None, keepdims=False, dtype=None):
    """Products, NaN counted as 1."""
    return reduction.prod(_filled(x, 1.0)[0], axis, keepdims, dtype)


@public
def nanmean(x, axis=None, keepdims=False):
    """Means of the elements that are not NaN; NaN where all are."""
    x, present = _filled(x, 0.0)
    return divide(reduction.sum(x, axis, keepdims), _count(present, axis, x.dtype, keepdims))


@public
def nanvar(x, axis=None, keepdims=False):
    """Variances of the elements that are not NaN."""
    x, present = _filled(x, 0.0)
    center = divide(reduction.sum(x, axis, True), _count(present, axis, x.dtype, True))
    far = where(present, square(x - center), convert(0.0, dtype=x.dtype))
    return divide(reduction.sum(far, axis, keepdims), _count(present, axis, x.dtype, keepdims))


@public
def nanstd(x, axis=None, keepdims=False):
    """Standard deviations of the elements that are not NaN."""
    return sqrt(nanvar(x, axis, keepdims))


def _position(function, fill, x, axis, keepdims):
    x, present = _filled(x, fill)
    found = function(x, axis, keepdims)
    some = reduction.any(present, axis, keepdims) if axis is not None else reduction.any(present)
    return where(some, found, convert(-1, dtype=found.dtype))


@public
def nanargmax(x, axis=None, keepdims=False):
    """The int32 places of the largest elements that are not NaN; -1 where all are."""
    return _position(reduction.argmax, float("-inf"), x, axis, keepdims)


@public
def nanargmin(x, axis=None, keepdims=False):
    """The int32 places of the smallest elements that are not NaN; -1 where all are."""
    return _position(reduction.argmin, float("inf"), x, axis, keepdims)


@public
def nancumsum(x, axis=None, dtype=None):
    """Running sums, NaN counted as 0."""
    return accumulation.cumsum(_filled(x, 0.0)[0], axis, dtype)


@public
def nancumprod(x, axis=None, dtype=None):
    """Running products, NaN counted as 1."""
    return accumulation.cumprod(_filled(x, 1.0)[0], axis, dtype)
