"""Along an axis, one after the other: running sums and products, differences, the trapezoidal rule."""

import numpy as np

from ..engine import dtypes
from ..engine.op import define_op
from ..engine.symbolic import public
from ..engine.tensor import Spec
from ..engine.variable import convert
from .arithmetic import multiply
from .axes import canonical_axis
from .casting import cast
from .indexing import get_item
from .reduction import sum as total
from .shape import reshaped


def _running_dtype(x, dtype):
    if dtype is not None:
        return dtypes.standardize(dtype)
    return "int32" if x.dtype in ("bool", "int8", "int16") else x.dtype


def _running(name, x, axis, dtype):
    x = convert(x)
    x = cast(x, _running_dtype(x, dtype))
    if axis is None:
        x, axis = reshaped(x, (x.size,)), 0
    return x, canonical_axis(name, axis, len(x.shape))


def _cumsum_reference(x, *, axis, reverse):
    if reverse:
        return np.flip(np.cumsum(np.flip(x, axis), axis, dtype=x.dtype), axis)
    return np.cumsum(x, axis, dtype=x.dtype)


cumsum_op = define_op(
    "cumsum",
    shape=lambda x, *, axis, reverse: Spec(x.shape, x.dtype),
    reference=_cumsum_reference,
    grad=lambda call, dy: [cumsum_op(dy, axis=call.axis, reverse=not call.reverse)],
)


@public
def cumsum(x, axis=None, dtype=None):
    """The sums of the elements up to each, along `axis` (None: of the flat tensor)."""
    x, axis = _running("cumsum", x, axis, dtype)
    return cumsum_op(x, axis=axis, reverse=False)


@public
def cumprod(x, axis=None, dtype=None):
    """The products of the elements up to each, along `axis` (None: of the flat tensor)."""
    from .control import associative_scan

    x, axis = _running("cumprod", x, axis, dtype)
    return associative_scan(multiply, x, axis=axis)  # so that its gradient is right where an element is zero


def _between(x, axis, start, stop):
    """x[start:stop] along one axis."""
    return get_item(x, (slice(None),) * axis + (slice(start, stop),))


@public
def diff(a, n=1, axis=-1):
    """The differences of neighbours along `axis`, taken `n` times: its extent shrinks by n."""
    a = convert(a)
    axis = canonical_axis("diff", axis, len(a.shape))
    if not isinstance(n, int) or n < 0:
        raise ValueError(f"diff: `n` must be an integer of at least 0, received {n!r}")
    for _ in range(min(n, a.shape[axis])):
        a = _between(a, axis, 1, None) - _between(a, axis, None, -1)
    return a


@public
def trapezoid(y, x=None, dx=1.0, axis=-1):
    """The integral of `y` along `axis` by the trapezoidal rule, at places `x` or at distances `dx`."""
    y = convert(y)
    if not dtypes.is_float(y.dtype):
        y = cast(y, "float32")
    axis = canonical_axis("trapezoid", axis, len(y.shape))
    if x is not None:
        x = convert(x, dtype=y.dtype)
        if len(x.shape) == 1:
            x = reshaped(x, (1,) * axis + (x.size,) + (1,) * (len(y.shape) - axis - 1))
        dx = diff(x, axis=axis)
    return total((_between(y, axis, 1, None) + _between(y, axis, None, -1)) * (0.5 * dx), axis)
