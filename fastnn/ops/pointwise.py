"""Arithmetic, element by element, and what elementwise ops share: promotion, broadcasting, its gradient.

A record of two operands broadcasts as NumPy does and wants one dtype; the public function brings the operands
there (`operands`). Plain numbers are weak: they take the tensor's dtype, unless that cannot hold them.
"""

import functools
import numbers

import numpy as np

from ..engine import dtypes
from ..engine.chain import pointwise_kernel
from ..engine.op import define_op, no_gradient, records, same_shape
from ..engine.symbolic import public
from ..engine.tensor import Spec, Tensor
from ..engine.variable import convert

# ---- promotion ----


@functools.lru_cache(maxsize=512)
def _known_constant(value, kind, dtype):
    return Tensor(np.asarray(value, dtypes.NUMPY[dtype]))


def constant(value, dtype):
    """The number `value` as a tensor without axes; one tensor a value, so that a graph holds it once."""
    if value == 0 or value != value:  # -0.0 equals 0.0, and a NaN nothing
        return Tensor(np.asarray(value, dtypes.NUMPY[dtype]))
    return _known_constant(value, type(value), dtype)


def weak_dtype(dtype, number):
    """The dtype of a result of a tensor of `dtype` and a plain number."""
    if isinstance(number, numbers.Real):
        if isinstance(number, (bool, np.bool_)) or dtypes.is_float(dtype) or dtype.startswith("complex"):
            return dtype
        if isinstance(number, numbers.Integral):
            return "int32" if dtype == "bool" else dtype
        return dtypes.standardize(None)
    return dtype if dtype.startswith("complex") else "complex128" if dtype == "float64" else "complex64"


def operands(*values):
    """The values as tensors of one dtype."""
    first = values[0]
    if isinstance(first, Tensor):
        dtype = first.dtype
        for x in values:
            if not isinstance(x, Tensor) or x.dtype != dtype:
                break
        else:
            return values
    tensors = [x if isinstance(x, numbers.Number) else convert(x) for x in values]
    strong = [x.dtype for x in tensors if isinstance(x, Tensor)]
    if not strong:
        tensors = [convert(x) for x in tensors]
        strong = [x.dtype for x in tensors]
    dtype = dtypes.promote(*strong)
    for x in tensors:
        if not isinstance(x, Tensor):
            dtype = weak_dtype(dtype, x)
    return [convert(x, dtype=dtype) if isinstance(x, Tensor) else constant(x, dtype) for x in tensors]


def float_operands(*values):
    """The values as tensors of one float (or complex) dtype: integers become `floatx`."""
    tensors = operands(*values)
    dtype = tensors[0].dtype
    if dtypes.is_float(dtype) or dtype.startswith("complex"):
        return tensors
    return [convert(x, dtype=dtypes.standardize(None)) for x in tensors]


# ---- shapes ----


def one_dtype(name, inputs):
    dtype = inputs[0].dtype
    for x in inputs:
        if x.dtype != dtype:
            kinds = ", ".join(i.dtype for i in inputs)
            raise ValueError(
                f"{name}: the operands' dtypes must be equal, received {kinds}; cast one of "
                "them with ops.cast"
            )
    return dtype


def broadcast_shape(name, inputs):
    first = tuple(inputs[0].shape)
    if all(tuple(x.shape) == first for x in inputs):
        return first
    try:
        return np.broadcast_shapes(*[tuple(x.shape) for x in inputs])
    except ValueError:
        shapes = " and ".join(str(tuple(x.shape)) for x in inputs)
        raise ValueError(
            f"{name}: the shapes {shapes} do not fit together: counted from the last axis, extents must be "
            "equal or 1. Reshape one operand, for instance with ops.expand_dims"
        ) from None


def broadcasting(name, result=None):
    """The shape rule of an op of several operands of one dtype; `result` is its dtype where that differs."""

    def shape(*inputs, **attrs):
        dtype = one_dtype(name, inputs)
        return Spec(broadcast_shape(name, inputs), result or dtype)

    return shape


def to_bool(x, **attrs):
    """The shape rule of a test of each element."""
    return Spec(x.shape, "bool")


def sum_to(dy, shape):
    """The gradient of an operand of `shape` that was broadcast to dy's: dy summed over what was repeated."""
    shape = tuple(shape)
    if tuple(dy.shape) == shape:
        return dy
    lead = len(dy.shape) - len(shape)
    axes = tuple(i for i, extent in enumerate(dy.shape) if i < lead or shape[i - lead] != extent)
    if axes:
        dy = records["sum"](dy, axis=axes, keepdims=False)
    return dy if tuple(dy.shape) == shape else records["reshape"](dy, newshape=shape)


# ---- records ----


def quiet(reference):
    """The reference without NumPy's warnings: an infinity or a NaN is an answer here, not an accident."""

    @functools.wraps(reference)
    def call(*arrays, **attrs):
        with np.errstate(all="ignore"):
            return reference(*arrays, **attrs)

    return call


def define_pointwise(name, reference, grad, *, shape=same_shape, inplace=(0,)):
    """The record of an elementwise op whose opcode in csrc/eltwise.c has the record's name."""
    return define_op(
        name,
        shape=shape,
        reference=quiet(reference),
        grad=grad,
        kernel=pointwise_kernel,
        inplace=inplace,
        pointwise=name,
    )


def define_binary(name, reference, grad, result=None):
    """The record of a broadcasting op of two operands."""
    return define_pointwise(
        name, reference, grad, shape=broadcasting(name, result), inplace=() if result else (0, 1)
    )


def _each(*functions):
    """A gradient rule from one function (dy, a, b, y) -> gradient before summing, for each operand."""

    def grad(call, dy):
        return [
            sum_to(f(dy, *call.inputs, call.output), x.shape) if wanted else None
            for f, x, wanted in zip(functions, call.inputs, call.needs or (True, True), strict=True)
        ]

    return grad


STEPS = no_gradient("constant almost everywhere")

add_op = define_binary("add", np.add, _each(lambda dy, a, b, y: dy, lambda dy, a, b, y: dy))
subtract_op = define_binary("subtract", np.subtract, _each(lambda dy, a, b, y: dy, lambda dy, a, b, y: -dy))
multiply_op = define_binary(
    "multiply", np.multiply, _each(lambda dy, a, b, y: dy * b, lambda dy, a, b, y: dy * a)
)
divide_op = define_binary(
    "divide", np.true_divide, _each(lambda dy, a, b, y: dy / b, lambda dy, a, b, y: -(dy * y) / b)
)
# A tie goes to the first operand, as in TensorFlow.
maximum_op = define_binary(
    "maximum",
    np.maximum,
    _each(lambda dy, a, b, y: select(a >= b, dy, 0.0), lambda dy, a, b, y: select(a >= b, 0.0, dy)),
)
minimum_op = define_binary(
    "minimum",
    np.minimum,
    _each(lambda dy, a, b, y: select(a <= b, dy, 0.0), lambda dy, a, b, y: select(a <= b, 0.0, dy)),
)


def _power_base(dy, a, b, y):  # b * a^(b-1), which for b = 0 is 0 and not 0 * 0^-1
    return dy * b * power(a, select(equal_op(b, constant(0.0, b.dtype)), 1.0, b - 1.0))


def _power_exponent(dy, a, b, y):  # y * log(a), taken as 0 where log has no value
    positive = a > 0.0
    return dy * select(positive, y * records["log"](select(positive, a, 1.0)), 0.0)


power_op = define_binary("power", np.power, _each(_power_base, _power_exponent))
mod_op = define_binary(
    "mod", np.mod, _each(lambda dy, a, b, y: dy, lambda dy, a, b, y: -(dy * floor_divide(a, b)))
)
fmod_op = define_binary(
    "fmod", np.fmod, _each(lambda dy, a, b, y: dy, lambda dy, a, b, y: -(dy * records["trunc"](a / b)))
)
floor_divide_op = define_binary("floor_divide", np.floor_divide, STEPS)


def _real_shape(x):
    return Spec(x.shape, {"complex64": "float32", "complex128": "float64"}.get(x.dtype, x.dtype))


negative_op = define_pointwise("negative", np.negative, lambda call, dy: [-dy])
absolute_op = define_pointwise(
    "absolute", np.abs, lambda call, dy: [dy * sign_op(call.inputs[0])], shape=_real_shape
)
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

# ---- comparison, choice, logic, bits ----

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


def _cast_reference(x, dtype):
    return x.astype(dtypes.NUMPY[dtype])


def _cast_grad(call, dy):
    source = call.inputs[0].dtype
    if not dtypes.is_float(source) or not dtypes.is_float(call.dtype):
        return [None]
    return [convert(dy, dtype=source)]


cast_op = define_pointwise(
    "cast", _cast_reference, _cast_grad, shape=lambda x, dtype: Spec(x.shape, dtype), inplace=()
)
stop_gradient_op = define_op(
    "stop_gradient",
    shape=same_shape,
    reference=lambda x: x,
    view=True,
    grad=no_gradient("that is what it is for"),
)


# ---- the public functions ----


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


def _no_bool(*values):
    tensors = operands(*values)
    return [convert(x, dtype="int32") for x in tensors] if tensors[0].dtype == "bool" else tensors


@public
def floor_divide(x1, x2):
    """floor(x1 / x2), broadcast, in the operands' dtype."""
    return floor_divide_op(*_no_bool(x1, x2))


@public
def mod(x1, x2):
    """The remainder of floor division: it has the sign of x2."""
    return mod_op(*_no_bool(x1, x2))


@public
def fmod(x1, x2):
    """The remainder of division rounded towards zero: it has the sign of x1."""
    return fmod_op(*_no_bool(x1, x2))


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
    return square_op(*_no_bool(x))


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
    return left_shift_op(*_bits("left_shift", *_no_bool(x, y)))


@public
def bitwise_left_shift(x, y):
    """The same as `left_shift`."""
    return left_shift.eager(x, y)


@public
def right_shift(x, y):
    """The bits of x moved y places down; integers, the sign is kept."""
    return right_shift_op(*_bits("right_shift", *_no_bool(x, y)))


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


@public
def cast(x, dtype):
    """x in another dtype; floats become integers by cutting the fraction off, and bools by `!= 0`."""
    return convert(convert(x), dtype=dtypes.standardize(dtype))


@public
def saturate_cast(x, dtype):
    """x in another dtype, each value first brought into the range that `dtype` can hold."""
    x, dtype = convert(x), dtypes.standardize(dtype)
    if dtypes.is_integer(dtype) and x.dtype != dtype and x.dtype != "bool":
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        if dtypes.is_integer(x.dtype):
            low, high = max(low, np.iinfo(x.dtype).min), min(high, np.iinfo(x.dtype).max)
            x = minimum_op(maximum_op(x, constant(int(low), x.dtype)), constant(int(high), x.dtype))
        else:  # the bound itself may round up to a float outside: take the next one in
            kind = dtypes.NUMPY[x.dtype].type
            top = kind(high) if int(kind(high)) <= high else np.nextafter(kind(high), kind(0))
            x = clip_op(x, x_min=float(kind(low)), x_max=float(top))
    return convert(x, dtype=dtype)


@public
def stop_gradient(variable):
    """The same values; gradients end here."""
    return stop_gradient_op(convert(variable))
