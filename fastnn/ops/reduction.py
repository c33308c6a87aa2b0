"""Reductions: sums, means, extremes, products, truth, positions of extremes, variances.

The records take `axis`, a sorted tuple of non-negative ints or None for all axes, and `keepdims`.
"""

import builtins
import math

import numpy as np

from ..engine import dtypes, settings
from ..engine.chain import ELEMENT
from ..engine.op import define_op, no_gradient, records
from ..engine.symbolic import public
from ..engine.tensor import Spec
from ..engine.variable import convert
from .axes import canonical_axes, canonical_axis, without_axes

# ---- kernels ----

_STRIP = 1024  # columns that one unit of csrc/reduce.c takes
_LONGEST = 4096  # rows that one running total takes in, in trees of 8 or more: bounds its rounding error
_LEAST_SHARE = 8192  # elements; one thread sums them in a microsecond
_SHARES = 16  # what a sum is cut into where its shape offers fewer independent units


def _merge(groups):
    """Neighbouring (extent, reduced) pairs of one kind as one pair, extents of 1 left out."""
    merged = []
    for n, reduced in groups:
        if n == 1:
            continue
        if merged and merged[-1][1] == reduced:
            merged[-1] = (merged[-1][0] * n, reduced)
        else:
            merged.append((n, reduced))
    return merged


def _cuts(outer, rows, inner):
    """How many pieces a sum over `rows` is cut into. A function of the shape alone: see csrc/reduce.c."""
    longest = _LONGEST if inner > 1 else 2 * _LONGEST  # a row runs in 8 chains or more
    units = outer * math.ceil(inner / _STRIP)
    # A sixteenth of the rows at most: the sum over the pieces, which comes next, must be a small one.
    shares = builtins.min(math.ceil(_SHARES / units), outer * rows * inner // _LEAST_SHARE)
    return builtins.max(1, math.ceil(rows / longest), builtins.min(shares, rows // 16))


def _reduce_kernel(name, scale=None):
    """The lowering of a reduction by the kernel `name`: group by group, the last first,
    long sums in pieces."""

    def kernel(call):
        x, y = call.inputs[0], call.output
        if x.dtype != "float32" and scale is None:
            return _integer_kernel(name.removesuffix("_f32") + "_int")(call)
        if x.dtype != "float32" or y.dtype != "float32" or 0 in x.shape:
            return False
        groups = _merge([(n, call.axis is None or i in call.axis) for i, n in enumerate(x.shape)])
        steps = []  # (outer, rows, inner, pieces)
        while groups and (groups[-1][1] or len(groups) > 1):
            at = len(groups) - (1 if groups[-1][1] else 2)  # the last reduced group
            outer = math.prod(n for n, _ in groups[:at])
            rows = groups[at][0]
            inner = math.prod(n for n, _ in groups[at + 1 :])
            pieces = _cuts(outer, rows, inner)
            steps.append((outer, rows, inner, pieces))
            groups[at] = (pieces, True)
            groups = _merge(groups)
        if not steps:
            steps = [(x.size, 1, 1, 1)]
        factor = 1.0 if scale is None else scale(x.size // builtins.max(1, y.size))
        for i, (outer, rows, inner, pieces) in enumerate(steps):
            last = i == len(steps) - 1
            out = y if last else call.workspace(4 * outer * pieces * inner)
            call.emit(
                name,
                reads=[x],
                writes=[out],
                sizes=[outer, rows, inner, pieces],
                attrs=[factor if last else 1.0],
            )
            x = out

    return kernel


def _integer_kernel(name):
    """The lowering of a reduction of integers or truth values over neighbouring axes."""

    def kernel(call):
        x, y = call.inputs[0], call.output
        if x.dtype not in ELEMENT or y.dtype not in ELEMENT or 0 in x.shape:
            return False
        axes = [i for i, n in enumerate(x.shape) if n > 1 and (call.axis is None or i in call.axis)]
        first, end = (axes[0], axes[-1] + 1) if axes else (len(x.shape), len(x.shape))
        if axes != list(range(first, end)):
            return False
        call.emit(
            name,
            reads=[x],
            writes=[y],
            sizes=[
                math.prod(x.shape[:first]),
                math.prod(x.shape[first:end]),
                math.prod(x.shape[end:]),
                ELEMENT[x.dtype],
                ELEMENT[y.dtype],
            ],
        )

    return kernel


def _argument_kernel(name):
    """The lowering of argmax and argmin over one axis (or all)."""

    def kernel(call):
        x = call.inputs[0]
        if x.dtype != "float32" or 0 in x.shape:
            return False
        if call.axis is None:
            outer, rows, inner = 1, x.size, 1
        else:
            at = call.axis[0]
            outer, rows, inner = math.prod(x.shape[:at]), x.shape[at], math.prod(x.shape[at + 1 :])
        if rows >= 2**31:
            return False
        call.emit(name, reads=[x], writes=[call.output], sizes=[outer, rows, inner])

    return kernel


# ---- records ----


def _same_dtype(x, *, axis, keepdims):
    return Spec(without_axes(x.shape, axis, keepdims), x.dtype)


def _sum_dtype(name):
    if name in ("bool", "int8", "int16"):
        return "int32"
    return "uint32" if name in ("uint8", "uint16") else name


def _sum_shape(x, *, axis, keepdims):
    return Spec(without_axes(x.shape, axis, keepdims), _sum_dtype(x.dtype))


def _to_bool(x, *, axis, keepdims):
    return Spec(without_axes(x.shape, axis, keepdims), "bool")


def _to_int(x, *, axis, keepdims):
    return Spec(without_axes(x.shape, axis, keepdims), "int32")


def _extreme_shape(name):
    def shape(x, *, axis, keepdims):
        if 0 in (x.shape if axis is None else [x.shape[a] for a in axis]):
            raise ValueError(
                f"{name}: nothing to choose from: the tensor has shape {tuple(x.shape)} and `axis` is "
                f"{axis}; a reduced axis must have at least one element"
            )
        return Spec(without_axes(x.shape, axis, keepdims), x.dtype)

    return shape


def _position_shape(name):
    extreme = _extreme_shape(name)

    def shape(x, *, axis, keepdims):
        return Spec(extreme(x, axis=axis, keepdims=keepdims).shape, "int32")

    return shape


def spread(y, x_shape, axis):
    """`y`, a result of reducing `axis` away with or without keepdims, broadcast over `x_shape` again."""
    kept = without_axes(x_shape, axis, True)
    if tuple(y.shape) != kept:
        y = records["reshape"](y, newshape=kept)
    return y if kept == tuple(x_shape) else records["broadcast_to"](y, shape=tuple(x_shape))


def _count(x, axis):
    return math.prod(x.shape if axis is None else [x.shape[a] for a in axis])


def _sum_reference(x, *, axis, keepdims):
    return np.sum(x, axis=axis, keepdims=keepdims, dtype=_sum_dtype(x.dtype.name))


def _mean_reference(x, *, axis, keepdims):
    total = np.sum(x, axis=axis, keepdims=keepdims, dtype=np.float32 if x.dtype == np.float16 else None)
    with np.errstate(invalid="ignore"):
        return total / np.asarray(_count(x, axis), total.dtype)


def _mean_grad(call, dy):
    x = call.inputs[0]
    return [spread(dy * (1.0 / builtins.max(1, _count(x, call.axis))), x.shape, call.axis)]


def _extreme_grad(call, dy):
    """The gradient goes to the extreme element; tied ones share it evenly (as in JAX and TensorFlow)."""
    x = call.inputs[0]
    hit = convert(records["equal"](x, spread(call.output, x.shape, call.axis)), dtype=dy.dtype)
    return [hit * spread(dy / sum_op(hit, axis=call.axis, keepdims=call.keepdims), x.shape, call.axis)]


def _prod_grad(call, dy):
    """dy times the product of all others: what stands before times what stands behind, so
    zeros do no harm."""
    from .arithmetic import multiply
    from .control import associative_scan
    from .creation import ones_like
    from .joining import concatenate

    x = call.inputs[0]
    if not x.size:
        return [spread(dy, x.shape, call.axis)]
    axes = tuple(range(len(x.shape))) if call.axis is None else call.axis
    kept = tuple(i for i in range(len(x.shape)) if i not in axes)
    order = (*kept, *axes)
    rows = records["reshape"](
        records["transpose"](x, axes=order), newshape=(*[x.shape[i] for i in kept], _count(x, call.axis))
    )
    at, one = len(kept), ones_like(rows)
    first, last = (*[slice(None)] * at, slice(0, 1)), (*[slice(None)] * at, slice(-1, None))
    but_first, but_last = (*[slice(None)] * at, slice(1, None)), (*[slice(None)] * at, slice(0, -1))
    before = associative_scan(multiply, concatenate([one[first], rows[but_last]], at), axis=at)
    behind = associative_scan(multiply, concatenate([rows[but_first], one[last]], at), reverse=True, axis=at)
    others = records["reshape"](before * behind, newshape=tuple(x.shape[i] for i in order))
    others = records["transpose"](others, axes=tuple(order.index(i) for i in range(len(order))))
    return [others * spread(dy, x.shape, call.axis)]


def _position_reference(function):
    def reference(x, *, axis, keepdims):
        found = function(x, axis=None if axis is None else axis[0], keepdims=keepdims)
        return np.asarray(found, np.int32)

    return reference


sum_op = define_op(
    "sum",
    shape=_sum_shape,
    reference=_sum_reference,
    kernel=_reduce_kernel("sum_f32"),
    grad=lambda call, dy: [spread(dy, call.inputs[0].shape, call.axis)],
)
mean_op = define_op(
    "mean",
    shape=_same_dtype,
    reference=_mean_reference,
    grad=_mean_grad,
    kernel=_reduce_kernel("sum_f32", scale=lambda count: 1.0 / count),
)
max_op = define_op(
    "max",
    shape=_extreme_shape("max"),
    reference=lambda x, **k: np.max(x, **k),
    grad=_extreme_grad,
    kernel=_reduce_kernel("max_f32"),
)
min_op = define_op(
    "min",
    shape=_extreme_shape("min"),
    reference=lambda x, **k: np.min(x, **k),
    grad=_extreme_grad,
    kernel=_reduce_kernel("min_f32"),
)
prod_op = define_op(
    "prod",
    shape=_sum_shape,
    grad=_prod_grad,
    kernel=_reduce_kernel("prod_f32"),
    reference=lambda x, **k: np.prod(x, dtype=_sum_dtype(x.dtype.name), **k),
)
any_op = define_op(
    "any",
    shape=_to_bool,
    reference=lambda x, **k: np.any(x, **k),
    grad=no_gradient("truth values"),
    kernel=_integer_kernel("any_int"),
)
all_op = define_op(
    "all",
    shape=_to_bool,
    reference=lambda x, **k: np.all(x, **k),
    grad=no_gradient("truth values"),
    kernel=_integer_kernel("all_int"),
)
argmax_op = define_op(
    "argmax",
    shape=_position_shape("argmax"),
    reference=_position_reference(np.argmax),
    grad=no_gradient("integer output"),
    kernel=_argument_kernel("argmax_f32"),
)
argmin_op = define_op(
    "argmin",
    shape=_position_shape("argmin"),
    reference=_position_reference(np.argmin),
    grad=no_gradient("integer output"),
    kernel=_argument_kernel("argmin_f32"),
)
count_nonzero_op = define_op(
    "count_nonzero",
    shape=_to_int,
    grad=no_gradient("integer output"),
    kernel=_integer_kernel("nonzero_int"),
    reference=lambda x, **k: np.count_nonzero(x, **k),
)


# ---- public functions ----


def as_float(x):
    """`x` as a tensor of floats: integers and truth values become `floatx`."""
    x = convert(x)
    if dtypes.is_float(x.dtype) or x.dtype.startswith("complex"):
        return x
    return convert(x, dtype=settings.float_dtype())


@public
def sum(x, axis=None, keepdims=False):  # noqa: A001
    """The sum over `axis` (int, tuple or None: all). Integers stay integers, at least 32 bits wide.

    Source: Keras 3 `ops.sum`.
    >>> float(sum([1.0, 2.0, 3.0]))
    6.0
    """
    x = convert(x)
    return sum_op(x, axis=canonical_axes("sum", axis, len(x.shape)), keepdims=bool(keepdims))


@public
def mean(x, axis=None, keepdims=False):
    """The arithmetic mean over `axis` (int, tuple or None: all); integers give `floatx`.
    Over nothing it is NaN."""
    x = as_float(x)
    return mean_op(x, axis=canonical_axes("mean", axis, len(x.shape)), keepdims=bool(keepdims))


def _extreme(op, pick, x, axis, keepdims, initial):
    x = convert(x)
    axes = canonical_axes(op.name, axis, len(x.shape))
    if initial is None:
        return op(x, axis=axes, keepdims=bool(keepdims))
    initial = convert(initial, dtype=x.dtype)
    if _count(x, axes) == 0:
        return records["broadcast_to"](initial, shape=without_axes(x.shape, axes, keepdims))
    return records[pick](op(x, axis=axes, keepdims=bool(keepdims)), initial)


@public
def max(x, axis=None, keepdims=False, initial=None):  # noqa: A001
    """The largest element over `axis`, at least `initial` if given. A NaN among the elements is the result.

    Raises:
        ValueError: there is no element to choose and no `initial`.
    """
    return _extreme(max_op, "maximum", x, axis, keepdims, initial)


@public
def min(x, axis=None, keepdims=False, initial=None):  # noqa: A001
    """The smallest element over `axis`, at most `initial` if given. A NaN among the
    elements is the result."""
    return _extreme(min_op, "minimum", x, axis, keepdims, initial)


@public
def prod(x, axis=None, keepdims=False, dtype=None):
    """The product over `axis`; computed in `dtype` if given."""
    x = convert(x, dtype=dtype)
    result = prod_op(x, axis=canonical_axes("prod", axis, len(x.shape)), keepdims=bool(keepdims))
    return result if dtype is None else convert(result, dtype=dtype)


@public
def any(x, axis=None, keepdims=False):  # noqa: A001
    """Whether any element over `axis` is not zero."""
    x = convert(x)
    return any_op(x, axis=canonical_axes("any", axis, len(x.shape)), keepdims=bool(keepdims))


@public
def all(x, axis=None, keepdims=False):  # noqa: A001
    """Whether every element over `axis` is not zero."""
    x = convert(x)
    return all_op(x, axis=canonical_axes("all", axis, len(x.shape)), keepdims=bool(keepdims))


def _position(op, x, axis, keepdims):
    x = convert(x)
    axes = None if axis is None else (canonical_axis(op.name, axis, len(x.shape)),)
    return op(x, axis=axes, keepdims=bool(keepdims))


@public
def argmax(x, axis=None, keepdims=False):
    """The int32 position of the largest element along `axis` (None: in the flattened
    tensor); the first if tied."""
    return _position(argmax_op, x, axis, keepdims)


@public
def argmin(x, axis=None, keepdims=False):
    """The int32 position of the smallest element along `axis` (None: in the flattened
    tensor); the first if tied."""
    return _position(argmin_op, x, axis, keepdims)


@public
def count_nonzero(x, axis=None):
    """How many elements over `axis` are not zero, int32."""
    x = convert(x)
    return count_nonzero_op(x, axis=canonical_axes("count_nonzero", axis, len(x.shape)), keepdims=False)


def variance(x, axes, keepdims):
    """The population variance of the float tensor `x` over canonical `axes`, about the mean: two passes."""
    return mean_op(records["square"](x - mean_op(x, axis=axes, keepdims=True)), axis=axes, keepdims=keepdims)


@public
def var(x, axis=None, keepdims=False):
    """The population variance over `axis`; integers give `floatx`."""
    x = as_float(x)
    return variance(x, canonical_axes("var", axis, len(x.shape)), bool(keepdims))


@public
def std(x, axis=None, keepdims=False):
    """The population standard deviation over `axis`; integers give `floatx`."""
    x = as_float(x)
    return records["sqrt"](variance(x, canonical_axes("std", axis, len(x.shape)), bool(keepdims)))


@public
def ptp(x, axis=None, keepdims=False):
    """Largest minus smallest element over `axis`."""
    x = convert(x)
    axes = canonical_axes("ptp", axis, len(x.shape))
    return max_op(x, axis=axes, keepdims=bool(keepdims)) - min_op(x, axis=axes, keepdims=bool(keepdims))


@public
def average(x, axis=None, weights=None):
    """The mean over `axis`, weighted by `weights` (the shape of `x`, or one weight a position along `axis`).

    Raises:
        ValueError: `weights` has neither shape.
    """
    x = as_float(x)
    axes = canonical_axes("average", axis, len(x.shape))
    if weights is None:
        return mean_op(x, axis=axes, keepdims=False)
    weights = as_float(weights)
    dtype = dtypes.promote(x.dtype, weights.dtype)
    x, weights = convert(x, dtype=dtype), convert(weights, dtype=dtype)
    if tuple(weights.shape) != tuple(x.shape):
        if axes is None or len(axes) != 1 or tuple(weights.shape) != (x.shape[axes[0]],):
            raise ValueError(
                f"average: `weights` must have the shape of `x`, {tuple(x.shape)}, or one weight for each "
                f"position along a single `axis`; received shape {tuple(weights.shape)}, axis={axis}"
            )
        weights = spread(weights, x.shape, tuple(i for i in range(len(x.shape)) if i != axes[0]))
    return sum_op(x * weights, axis=axes, keepdims=False) / sum_op(weights, axis=axes, keepdims=False)
