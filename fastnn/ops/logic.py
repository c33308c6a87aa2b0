"""Comparison, choice, logic and bits, element by element."""

import numpy as np

from ..engine import dtypes
from ..engine.symbolic import public
from ..engine.tensor import Spec
from ..engine.variable import convert
from .pointwise import (
    STEPS,
    broadcast_shape,
    define_binary,
    define_pointwise,
    float_operands,
    no_bool,
    one_dtype,
    operands,
    sum_to,
    to_bool,
)

equal_op = define_binary("equal", np.equal, STEPS, "bool")
not_equal_op = define_binary("not_equal", np.not_equal, STEPS, "bool")
less_op = define_binary("less", np.less, STEPS, "bool")
less_equal_op = define_binary("less_equal", np.less_equal, STEPS, "bool")
greater_op = define_binary("greater", np.greater, STEPS, "bool")
greater_equal_op = define_binary("greater_equal", np.greater_equal, STEPS, "bool")
logical_and_op = define_binary("logical_and", np.logical_and, STEPS, "bool")
logical_or_op = define_binary("logical_or", np.logical_or, STEPS, "bool")
logical_xor_op = define_binary("logical_xor", np.logical_xor, STEPS, "bool")
logical_not_op = define_pointwise("logical_not", np.logical_not, STEPS, shape=to_bool, inplace=())
isnan_op = define_pointwise("isnan", np.isnan, STEPS, shape=to_bool, inplace=())
isinf_op = define_pointwise("isinf", np.isinf, STEPS, shape=to_bool, inplace=())
isfinite_op = define_pointwise("isfinite", np.isfinite, STEPS, shape=to_bool, inplace=())
bitwise_and_op = define_binary("bitwise_and", np.bitwise_and, STEPS)
bitwise_or_op = define_binary("bitwise_or", np.bitwise_or, STEPS)
bitwise_xor_op = define_binary("bitwise_xor", np.bitwise_xor, STEPS)
bitwise_not_op = define_pointwise("bitwise_not", np.bitwise_not, STEPS)
left_shift_op = define_binary("left_shift", np.left_shift, STEPS)
right_shift_op = define_binary("right_shift", np.right_shift, STEPS)


def _where_shape(condition, x1, x2):
    if condition.dtype != "bool":
        raise ValueError(
            f"where: `condition` must be bool, received {condition.dtype}; cast it with ops.cast"
        )
    return Spec(broadcast_shape("where", (condition, x1, x2)), one_dtype("where", (x1, x2)))


def _where_grad(call, dy):
    condition, a, b = call.inputs
    needs = call.needs or (False, True, True)
    return [
        None,
        sum_to(select(condition, dy, 0.0), a.shape) if needs[1] else None,
        sum_to(select(condition, 0.0, dy), b.shape) if needs[2] else None,
    ]


where_op = define_pointwise("where", np.where, _where_grad, shape=_where_shape, inplace=(1, 2))


def select(condition, a, b):
    """`where` for gradient rules: a bool tensor, a tensor and a number (in either order), or two tensors."""
    return where_op(condition, *operands(a, b))


@public
def equal(x1, x2):
    """Where x1 == x2, broadcast."""
    return equal_op(*operands(x1, x2))


@public
def not_equal(x1, x2):
    """Where x1 != x2, broadcast; NaN differs from everything."""
    return not_equal_op(*operands(x1, x2))


@public
def less(x1, x2):
    """Where x1 < x2, broadcast."""
    return less_op(*operands(x1, x2))


@public
def less_equal(x1, x2):
    """Where x1 <= x2, broadcast."""
    return less_equal_op(*operands(x1, x2))


@public
def greater(x1, x2):
    """Where x1 > x2, broadcast."""
    return greater_op(*operands(x1, x2))


@public
def greater_equal(x1, x2):
    """Where x1 >= x2, broadcast."""
    return greater_equal_op(*operands(x1, x2))


def truths(*values):
    """The values as bool tensors: what is not zero is true."""
    return [convert(convert(x), dtype="bool") for x in values]


@public
def logical_and(x1, x2):
    """Where both are true (not zero), broadcast."""
    return logical_and_op(*truths(x1, x2))


@public
def logical_or(x1, x2):
    """Where one or both are true (not zero), broadcast."""
    return logical_or_op(*truths(x1, x2))


@public
def logical_xor(x1, x2):
    """Where exactly one is true (not zero), broadcast."""
    return logical_xor_op(*truths(x1, x2))


@public
def logical_not(x):
    """Where x is zero or False."""
    return logical_not_op(*truths(x))


@public
def isnan(x):
    """Where x is NaN."""
    return isnan_op(*float_operands(x))


@public
def isinf(x):
    """Where x is plus or minus infinity."""
    return isinf_op(*float_operands(x))


@public
def isfinite(x):
    """Where x is neither infinite nor NaN."""
    return isfinite_op(*float_operands(x))


def _bits(name, *values):
    tensors = operands(*values)
    if not (dtypes.is_integer(tensors[0].dtype) or tensors[0].dtype == "bool"):
        raise TypeError(
            f"{name}: the operands must be integers or bools, received {tensors[0].dtype}; cast "
            "them with ops.cast"
        )
    return tensors


@public
def bitwise_and(x, y):
    """The bits set in both; integers or bools."""
    return bitwise_and_op(*_bits("bitwise_and", x, y))


@public
def bitwise_or(x, y):
    """The bits set in one or both; integers or bools."""
    return bitwise_or_op(*_bits("bitwise_or", x, y))


@public
def bitwise_xor(x, y):
    """The bits set in exactly one; integers or bools."""
    return bitwise_xor_op(*_bits("bitwise_xor", x, y))


@public
def bitwise_not(x):
    """Every bit inverted; integers or bools."""
    return bitwise_not_op(*_bits("bitwise_not", x))


@public
def bitwise_invert(x):
    """The same as `bitwise_not`."""
    return bitwise_not_op(*_bits("bitwise_invert", x))


@public
def left_shift(x, y):
    """The bits of x moved y places up; integers."""
    return left_shift_op(*_bits("left_shift", *no_bool(x, y)))


@public
def bitwise_left_shift(x, y):
    """The same as `left_shift`."""
    return left_shift.eager(x, y)


@public
def right_shift(x, y):
    """The bits of x moved y places down; integers, the sign is kept."""
    return right_shift_op(*_bits("right_shift", *no_bool(x, y)))


@public
def bitwise_right_shift(x, y):
    """The same as `right_shift`."""
    return right_shift.eager(x, y)


@public
def where(condition, x1=None, x2=None):
    """x1 where condition is true (not zero), else x2, all broadcast; with the condition alone, `nonzero`.

    Raises:
        ValueError: only one of x1 and x2 is given.
    """
    if x1 is None and x2 is None:
        from .indexing import nonzero  # which needs this file

        return nonzero(condition)
    if x1 is None or x2 is None:
        raise ValueError("where: give both `x1` and `x2`, or neither")
    return where_op(*truths(condition), *operands(x1, x2))
