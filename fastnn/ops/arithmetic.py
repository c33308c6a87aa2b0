"""Arithmetic, element by element: sums to powers, extremes, roots, clipping."""

import numbers

import numpy as np

from ..engine import dtypes
from ..engine.op import records
from ..engine.symbolic import public
from ..engine.tensor import Spec
from ..engine.variable import convert
from .logic import equal_op, greater_equal_op, isnan_op, less_equal_op, logical_and_op, select, where_op
from .pointwise import (
    STEPS,
    constant,
    define_binary,
    define_pointwise,
    each_operand,
    float_operands,
    no_bool,
    operands,
)

add_op = define_binary("add", np.add, each_operand(lambda dy, a, b, y: dy, lambda dy, a, b, y: dy))
subtract_op = define_binary(
    "subtract", np.subtract, each_operand(lambda dy, a, b, y: dy, lambda dy, a, b, y: -dy)
)
multiply_op = define_binary(
    "multiply", np.multiply, each_operand(lambda dy, a, b, y: dy * b, lambda dy, a, b, y: dy * a)
)
divide_op = define_binary(
    "divide", np.true_divide, each_operand(lambda dy, a, b, y: dy / b, lambda dy, a, b, y: -(dy * y) / b)
)


# A tie goes to the first operand, as in TensorFlow.
maximum_op = define_binary(
    "maximum",
    np.maximum,
    each_operand(lambda dy, a, b, y: select(a >= b, dy, 0.0), lambda dy, a, b, y: select(a >= b, 0.0, dy)),
)


minimum_op = define_binary(
    "minimum",
    np.minimum,
    each_operand(lambda dy, a, b, y: select(a <= b, dy, 0.0), lambda dy, a, b, y: select(a <= b, 0.0, dy)),
)


def _power_base(dy, a, b, y):  # b * a^(b-1), which for b = 0 is 0 and not 0 * 0^-1
    return dy * b * power(a, select(equal_op(b, constant(0.0, b.dtype)), 1.0, b - 1.0))


def _power_exponent(dy, a, b, y):  # y * log(a), taken as 0 where log has no value
    positive = a > 0.0
    return dy * select(positive, y * records["log"](select(positive, a, 1.0)), 0.0)


power_op = define_binary("power", np.power, each_operand(_power_base, _power_exponent))
mod_op = define_binary(
    "mod", np.mod, each_operand(lambda dy, a, b, y: dy, lambda dy, a, b, y: -(dy * floor_divide(a, b)))
)
fmod_op = define_binary(
    "fmod", np.fmod, each_operand(lambda dy, a, b, y: dy, lambda dy, a, b, y: -(dy * records["trunc"](a / b)))
)
floor_divide_op = define_binary("floor_divide", np.floor_divide, STEPS)


def _real_shape(x):
    return Spec(x.shape, {"complex64": "float32", "complex128": "float64"}.get(x.dtype, x.dtype))


negative_op = define_pointwise("negative", np.negative, lambda call, dy: [-dy])


def _absolute_grad(call, dy):
    slope = sign_op(call.inputs[0])
    return [dy * (records["conjugate"](slope) if slope.dtype.startswith("complex") else slope)]


absolute_op = define_pointwise("absolute", np.abs, _absolute_grad, shape=_real_shape)
sign_op = define_pointwise("sign", np.sign, STEPS)
square_op = define_pointwise("square", np.square, lambda call, dy: [dy * (call.inputs[0] * 2.0)])
sqrt_op = define_pointwise("sqrt", np.sqrt, lambda call, dy: [dy * 0.5 / call.output])
rsqrt_op = define_pointwise(
    "rsqrt", lambda x: 1 / np.sqrt(x), lambda call, dy: [dy * -0.5 * (call.output * square_op(call.output))]
)
reciprocal_op = define_pointwise(
    "reciprocal", lambda x: 1 / x, lambda call, dy: [-(dy * square_op(call.output))]
)
cbrt_op = define_pointwise("cbrt", np.cbrt, lambda call, dy: [dy / (square_op(call.output) * 3.0)])


def _clip_grad(call, dy):  # at a bound the gradient passes, as in TensorFlow
    (x,) = call.inputs
    inside = logical_and_op(
        greater_equal_op(x, constant(call.x_min, x.dtype)), less_equal_op(x, constant(call.x_max, x.dtype))
    )
    return [select(inside, dy, 0.0)]


# Bounds are numbers; clip() with tensors as bounds is a minimum and a maximum.
clip_op = define_pointwise(
    "clip",
    lambda x, x_min, x_max: np.minimum(np.maximum(x, x.dtype.type(x_min)), x.dtype.type(x_max)),
    _clip_grad,
)


@public
def add(x1, x2):
    """x1 + x2, broadcast; bools add as `or`."""
    return add_op(*operands(x1, x2))


@public
def subtract(x1, x2):
    """x1 - x2, broadcast."""
    return subtract_op(*operands(x1, x2))


@public
def multiply(x1, x2):
    """x1 * x2, broadcast; bools multiply as `and`."""
    return multiply_op(*operands(x1, x2))


@public
def divide(x1, x2):
    """x1 / x2, broadcast; integers give `floatx`, division by zero an infinity or NaN."""
    return divide_op(*float_operands(x1, x2))


@public
def true_divide(x1, x2):
    """The same as `divide`."""
    return divide_op(*float_operands(x1, x2))


@public
def divide_no_nan(x1, x2):
    """x1 / x2, and 0 where x2 is 0."""
    x1, x2 = float_operands(x1, x2)
    zero = equal_op(x2, constant(0.0, x2.dtype))
    return select(zero, 0.0, divide_op(x1, select(zero, 1.0, x2)))


@public
def floor_divide(x1, x2):
    """floor(x1 / x2), broadcast, in the operands' dtype."""
    return floor_divide_op(*no_bool(x1, x2))


@public
def mod(x1, x2):
    """The remainder of floor division: it has the sign of x2."""
    return mod_op(*no_bool(x1, x2))


@public
def fmod(x1, x2):
    """The remainder of division rounded towards zero: it has the sign of x1."""
    return fmod_op(*no_bool(x1, x2))


@public
def power(x1, x2):
    """x1 to the power x2, broadcast."""
    tensors = operands(x1, x2)
    if type(x2) in (int, float) and x2 == 2:
        return square_op(tensors[0])
    return power_op(*tensors)


@public
def maximum(x1, x2):
    """The greater of the two, broadcast; a NaN in either gives NaN."""
    return maximum_op(*operands(x1, x2))


@public
def minimum(x1, x2):
    """The smaller of the two, broadcast; a NaN in either gives NaN."""
    return minimum_op(*operands(x1, x2))


@public
def fmax(x1, x2):
    """The greater of the two, broadcast; a NaN counts only where both are."""
    x1, x2 = operands(x1, x2)
    if not dtypes.is_float(x1.dtype):
        return maximum_op(x1, x2)
    return where_op(isnan_op(x1), x2, where_op(isnan_op(x2), x1, maximum_op(x1, x2)))


@public
def fmin(x1, x2):
    """The smaller of the two, broadcast; a NaN counts only where both are."""
    x1, x2 = operands(x1, x2)
    if not dtypes.is_float(x1.dtype):
        return minimum_op(x1, x2)
    return where_op(isnan_op(x1), x2, where_op(isnan_op(x2), x1, minimum_op(x1, x2)))


@public
def negative(x):
    """-x."""
    return negative_op(convert(x))


@public
def absolute(x):
    """|x|; for complex x its modulus."""
    x = convert(x)
    return x if x.dtype == "bool" else absolute_op(x)


@public
def abs(x):  # noqa: A001 - Keras's name
    """The same as `absolute`."""
    return absolute.eager(x)


@public
def fabs(x):
    """|x| as a float."""
    return absolute_op(*float_operands(x))


@public
def sign(x):
    """-1, 0 or 1 by the sign of x; NaN for NaN."""
    return sign_op(convert(x))


@public
def square(x):
    """x * x; bools become int32."""
    return square_op(*no_bool(x))


@public
def sqrt(x):
    """The square root; NaN below zero."""
    return sqrt_op(*float_operands(x))


@public
def rsqrt(x):
    """1 / sqrt(x)."""
    return rsqrt_op(*float_operands(x))


@public
def reciprocal(x):
    """1 / x."""
    return reciprocal_op(*float_operands(x))


@public
def cbrt(x):
    """The real cube root."""
    return cbrt_op(*float_operands(x))


@public
def clip(x, x_min, x_max):
    """x, but at least x_min and at most x_max; bounds are numbers, or tensors that broadcast with x."""
    x = convert(x)
    if x.dtype == "bool":
        x = convert(x, dtype="int32")
    if isinstance(x_min, numbers.Real) and isinstance(x_max, numbers.Real) and dtypes.is_float(x.dtype):
        return clip_op(x, x_min=float(x_min), x_max=float(x_max))
    if x_min is not None:
        x = convert(maximum.eager(x, x_min), dtype=x.dtype)
    return x if x_max is None else convert(minimum.eager(x, x_max), dtype=x.dtype)
