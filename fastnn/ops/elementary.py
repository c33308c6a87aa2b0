"""Exponentials, logarithms, angles, rounding and the error function, element by element."""

import functools
import math

import numpy as np

from ..engine import dtypes
from ..engine.op import define_op, records, same_shape
from ..engine.symbolic import public
from ..engine.tensor import Spec
from ..engine.variable import convert
from .arithmetic import absolute_op, multiply_op, reciprocal_op, rsqrt_op, square_op
from .logic import equal_op, isfinite_op, isinf_op, isnan_op, less_equal_op, select, where_op
from .pointwise import (
    STEPS,
    broadcasting,
    constant,
    define_binary,
    define_pointwise,
    float_operands,
    operands,
    quiet,
    sum_to,
)


def _at_input(function):
    """A gradient rule from function (dy, x) -> dx."""
    return lambda call, dy: [function(dy, call.inputs[0])]


def _at_output(function):
    """A gradient rule from function (dy, y) -> dx."""
    return lambda call, dy: [function(dy, call.output)]


# ---- exponentials and logarithms ----

exp_op = define_pointwise("exp", np.exp, _at_output(lambda dy, y: dy * y))
exp2_op = define_pointwise("exp2", np.exp2, _at_output(lambda dy, y: dy * (y * math.log(2))))
expm1_op = define_pointwise("expm1", np.expm1, _at_output(lambda dy, y: dy * (y + 1.0)))
log_op = define_pointwise("log", np.log, _at_input(lambda dy, x: dy / x))
log1p_op = define_pointwise("log1p", np.log1p, _at_input(lambda dy, x: dy / (x + 1.0)))
log2_op = define_pointwise("log2", np.log2, _at_input(lambda dy, x: dy / (x * math.log(2))))
log10_op = define_pointwise("log10", np.log10, _at_input(lambda dy, x: dy / (x * math.log(10))))


def sigmoid_reference(x):
    if x.dtype.kind == "c":
        return 1 / (1 + np.exp(-x))
    e = np.exp(-np.abs(x))  # never overflows
    return (np.where(x >= 0, 1, e) / (1 + e)).astype(x.dtype)


sigmoid_op = define_pointwise(
    "sigmoid", sigmoid_reference, lambda call, dy: [sigmoid_grad_op(call.output, dy)]
)
sigmoid_grad_op = define_pointwise(
    "sigmoid_grad",
    lambda y, dy: dy * y * (1 - y),
    lambda call, d: [d * call.inputs[1] * (1.0 - call.inputs[0] * 2.0), sigmoid_grad_op(call.inputs[0], d)],
    inplace=(0, 1),
)
tanh_op = define_pointwise("tanh", np.tanh, lambda call, dy: [tanh_grad_op(call.output, dy)])
tanh_grad_op = define_pointwise(
    "tanh_grad",
    lambda y, dy: dy * (1 - y * y),
    lambda call, d: [d * call.inputs[1] * call.inputs[0] * -2.0, tanh_grad_op(call.inputs[0], d)],
    inplace=(0, 1),
)


def _softmax_pair(call, dy):  # d log(e^a + e^b) = sigmoid(a - b) da + sigmoid(b - a) db
    a, b = call.inputs
    share = sigmoid_op(a - b)
    return [sum_to(dy * share, a.shape), sum_to(dy * (1.0 - share), b.shape)]


logaddexp_op = define_binary("logaddexp", np.logaddexp, _softmax_pair)

# ---- angles ----

sin_op = define_pointwise("sin", np.sin, _at_input(lambda dy, x: dy * cos_op(x)))
cos_op = define_pointwise("cos", np.cos, _at_input(lambda dy, x: -(dy * sin_op(x))))
tan_op = define_pointwise("tan", np.tan, _at_output(lambda dy, y: dy * (square_op(y) + 1.0)))
arcsin_op = define_pointwise("arcsin", np.arcsin, _at_input(lambda dy, x: dy * rsqrt_op(1.0 - square_op(x))))
arccos_op = define_pointwise(
    "arccos", np.arccos, _at_input(lambda dy, x: -(dy * rsqrt_op(1.0 - square_op(x))))
)
arctan_op = define_pointwise("arctan", np.arctan, _at_input(lambda dy, x: dy / (square_op(x) + 1.0)))
sinh_op = define_pointwise("sinh", np.sinh, _at_input(lambda dy, x: dy * cosh_op(x)))
cosh_op = define_pointwise("cosh", np.cosh, _at_input(lambda dy, x: dy * sinh_op(x)))
arcsinh_op = define_pointwise(
    "arcsinh", np.arcsinh, _at_input(lambda dy, x: dy * rsqrt_op(square_op(x) + 1.0))
)
arccosh_op = define_pointwise(
    "arccosh", np.arccosh, _at_input(lambda dy, x: dy * rsqrt_op((x - 1.0) * (x + 1.0)))
)
arctanh_op = define_pointwise("arctanh", np.arctanh, _at_input(lambda dy, x: dy / (1.0 - square_op(x))))


def _arctan2_grad(call, dy):
    y, x = call.inputs
    scaled = dy * reciprocal_op(square_op(x) + square_op(y))
    return [sum_to(scaled * x, y.shape), sum_to(-(scaled * y), x.shape)]


arctan2_op = define_binary("arctan2", np.arctan2, _arctan2_grad)
hypot_op = define_binary(
    "hypot",
    np.hypot,
    lambda call, dy: [
        sum_to(dy * select(equal_op(call.output, constant(0.0, x.dtype)), 0.0, x / call.output), x.shape)
        for x in call.inputs
    ],
)


def _sinc_grad(call, dy):  # (cos(pi x) - sinc(x)) / x, and 0 at 0
    (x,) = call.inputs
    zero = equal_op(x, constant(0.0, x.dtype))
    slope = (cos_op(x * math.pi) - call.output) / select(zero, 1.0, x)
    return [dy * select(zero, 0.0, slope)]


sinc_op = define_op("sinc", shape=same_shape, reference=quiet(np.sinc), grad=_sinc_grad)

# ---- the error function ----

_erf = np.frompyfunc(math.erf, 1, 1)
_erfc = np.frompyfunc(math.erfc, 1, 1)
_TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)


def erf_reference(x):
    return np.asarray(_erf(x)).astype(x.dtype)


_ERFINV_NEAR = (  # powers of w - 2.5, highest first, for w < 5
    2.81022636e-08,
    3.43273939e-07,
    -3.5233877e-06,
    -4.39150654e-06,
    0.00021858087,
    -0.00125372503,
    -0.00417768164,
    0.246640727,
    1.50140941,
)
_ERFINV_FAR = (  # powers of sqrt(w) - 3, for the others
    -0.000200214257,
    0.000100950558,
    0.00134934322,
    -0.00367342844,
    0.00573950773,
    -0.0076224613,
    0.00943887047,
    1.00167406,
    2.83297682,
)


def _erfinv_reference(y):
    """Giles's approximation (GPU Computing Gems 2, 2011, chapter 10), in float64 good to 1.05 roundings of float32;
    for float64 results, Newton steps on erf from there."""
    wide = np.asarray(y, np.float64)
    w = -np.log((1 - wide) * (1 + wide))
    x = np.polyval(_ERFINV_NEAR, w - 2.5)
    far = w >= 5
    if far.any():
        x = np.where(far, np.polyval(_ERFINV_FAR, np.sqrt(np.maximum(w, 0)) - 3), x)
    x *= wide
    inside = np.abs(wide) < 1
    if y.dtype == np.float64:
        for _ in range(2):
            # error is erf(x) - y, taken from the nearer end so that no digits cancel
            error = np.where(
                x > 0, (1 - wide) - _erfc(x).astype(np.float64), _erfc(-x).astype(np.float64) - (1 + wide)
            )
            step = error / (_TWO_OVER_ROOT_PI * np.exp(-x * x))
            x = np.where(inside, x - step / (1 + x * step), x)
    x = np.where(np.abs(wide) == 1, np.copysign(np.inf, wide), np.where(inside, x, np.nan))
    return x.astype(y.dtype)


erf_op = define_pointwise(
    "erf", erf_reference, _at_input(lambda dy, x: dy * (exp_op(-square_op(x)) * _TWO_OVER_ROOT_PI))
)
erfc_op = define_pointwise(
    "erfc",
    lambda x: np.asarray(_erfc(x)).astype(x.dtype),
    _at_input(lambda dy, x: dy * (exp_op(-square_op(x)) * -_TWO_OVER_ROOT_PI)),
)
erfinv_op = define_op(
    "erfinv",
    shape=same_shape,
    reference=quiet(_erfinv_reference),
    grad=_at_output(lambda dy, y: dy * (exp_op(square_op(y)) * (1 / _TWO_OVER_ROOT_PI))),
)


def _i1_reference(x):
    """I1(x) = 2/pi times the integral of sinh(x cos t) cos t over 0 < t < pi/2, by midpoints: the error falls with
    exp(-points^2 8 / |x|), so that these many are exact up to where I1 overflows. Source: DLMF 10.32.3."""
    wide, points = np.asarray(x, np.float64), 64
    total = np.zeros_like(wide)
    for cosine in np.cos((np.arange(points) + 0.5) * (np.pi / 2 / points)):
        total += np.sinh(wide * cosine) * cosine
    return (total / points).astype(x.dtype)


def _i1_grad(call, dy):  # i0 - i1 / x, and 1/2 at 0
    (x,) = call.inputs
    zero = equal_op(x, constant(0.0, x.dtype))
    return [dy * (i0_op(x) - select(zero, 0.5, call.output / select(zero, 1.0, x)))]


i1_op = define_op("i1", shape=same_shape, reference=quiet(_i1_reference), grad=_i1_grad)
i0_op = define_op("i0", shape=same_shape, reference=quiet(np.i0), grad=_at_input(lambda dy, x: dy * i1_op(x)))

# ---- rounding and pieces of floats ----

floor_op = define_pointwise("floor", np.floor, STEPS)
ceil_op = define_pointwise("ceil", np.ceil, STEPS)
rint_op = define_pointwise("rint", np.rint, STEPS)
trunc_op = define_pointwise("trunc", np.trunc, STEPS)
round_op = define_op(
    "round", shape=same_shape, reference=lambda x, decimals: np.round(x, decimals), grad=STEPS
)
signbit_op = define_op("signbit", shape=lambda x: Spec(x.shape, "bool"), reference=np.signbit, grad=STEPS)
nextafter_op = define_op(
    "nextafter",
    shape=broadcasting("nextafter"),
    reference=quiet(np.nextafter),
    grad=lambda call, dy: [sum_to(dy, call.inputs[0].shape), None],
)
gcd_op = define_op("gcd", shape=broadcasting("gcd"), reference=np.gcd, grad=STEPS)
lcm_op = define_op("lcm", shape=broadcasting("lcm"), reference=np.lcm, grad=STEPS)
ldexp_op = define_op(
    "ldexp",
    shape=lambda x, e: Spec(np.broadcast_shapes(x.shape, e.shape), x.dtype),
    reference=quiet(np.ldexp),
    grad=lambda call, dy: [sum_to(ldexp_op(dy, call.inputs[1]), call.inputs[0].shape), None],
)
heaviside_op = define_op("heaviside", shape=broadcasting("heaviside"), reference=np.heaviside, grad=STEPS)


# ---- complex numbers ----
#
# The gradient dz of a complex z is what the real result changes by: its real part for a step of z along the real axis,
# minus its imaginary part for one along the imaginary axis; a change d of z changes the result by Re(dz d). So the
# rules of holomorphic functions (products, exp, ...) are those of real ones, without conjugates. JAX's way.


def _part_shape(x):
    return Spec(x.shape, {"complex64": "float32", "complex128": "float64"}.get(x.dtype, x.dtype))


real_op = define_op(
    "real",
    shape=_part_shape,
    reference=lambda x: np.array(np.real(x)),
    grad=lambda call, dy: [convert(dy, dtype=call.inputs[0].dtype)],
)


def _turned_back(dy):
    """-i dy"""
    return records["complex"](dy * 0.0, -dy)


def _of_complex(rule):
    """The gradient rule of a function that is constant where its input is real."""
    return lambda call, dy: [rule(dy, call.inputs[0]) if call.inputs[0].dtype.startswith("complex") else None]


imag_op = define_op(
    "imag",
    shape=_part_shape,
    reference=lambda x: np.array(np.imag(x)),
    grad=_of_complex(lambda dy, x: _turned_back(dy)),
)
angle_op = define_op(
    "angle", shape=_part_shape, reference=np.angle, grad=_of_complex(lambda dy, x: _turned_back(dy) / x)
)
conjugate_op = define_op(
    "conjugate", shape=same_shape, reference=np.conjugate, grad=lambda call, dy: [conjugate_op(dy)]
)

# ---- the public functions ----


def _of_floats(record, name, doc):
    """The public function of a record of one float operand; integers become `floatx`."""

    @functools.wraps(record.reference)
    def call(x):
        return record(*float_operands(x))

    call.__name__ = call.__qualname__ = name
    call.__module__ = __name__
    call.__doc__ = doc
    call.__dict__.pop("__wrapped__", None)
    return public(call)


exp = _of_floats(exp_op, "exp", "e to the power x.")
exp2 = _of_floats(exp2_op, "exp2", "2 to the power x.")
expm1 = _of_floats(expm1_op, "expm1", "exp(x) - 1, accurate near 0.")
log = _of_floats(log_op, "log", "The natural logarithm; -inf at 0, NaN below.")
log1p = _of_floats(log1p_op, "log1p", "log(1 + x), accurate near 0.")
log2 = _of_floats(log2_op, "log2", "The logarithm to base 2.")
log10 = _of_floats(log10_op, "log10", "The logarithm to base 10.")
sin = _of_floats(sin_op, "sin", "The sine of x radians.")
cos = _of_floats(cos_op, "cos", "The cosine of x radians.")
tan = _of_floats(tan_op, "tan", "The tangent of x radians.")
arcsin = _of_floats(arcsin_op, "arcsin", "The angle in [-pi/2, pi/2] whose sine is x.")
arccos = _of_floats(arccos_op, "arccos", "The angle in [0, pi] whose cosine is x.")
arctan = _of_floats(arctan_op, "arctan", "The angle in [-pi/2, pi/2] whose tangent is x.")
sinh = _of_floats(sinh_op, "sinh", "The hyperbolic sine.")
cosh = _of_floats(cosh_op, "cosh", "The hyperbolic cosine.")
tanh = _of_floats(tanh_op, "tanh", "The hyperbolic tangent.")
arcsinh = _of_floats(arcsinh_op, "arcsinh", "The inverse of sinh.")
arccosh = _of_floats(arccosh_op, "arccosh", "The inverse of cosh, at least 0; NaN below 1.")
arctanh = _of_floats(arctanh_op, "arctanh", "The inverse of tanh; NaN outside [-1, 1].")
sinc = _of_floats(sinc_op, "sinc", "sin(pi x) / (pi x), and 1 at 0.")
erf = _of_floats(erf_op, "erf", "The error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x.")
erfc = _of_floats(erfc_op, "erfc", "1 - erf(x), accurate for large x.")
erfinv = _of_floats(erfinv_op, "erfinv", "The inverse of erf; infinite at -1 and 1, NaN outside.")
i0 = _of_floats(i0_op, "i0", "The modified Bessel function of the first kind and order 0.")
floor = _of_floats(floor_op, "floor", "The greatest integer not above x, as a float.")
ceil = _of_floats(ceil_op, "ceil", "The smallest integer not below x, as a float.")


@public
def trunc(x):
    """x with its fraction cut off, in x's dtype."""
    x = convert(x)
    return trunc_op(x) if dtypes.is_float(x.dtype) else x


@public
def round(x, decimals=0):  # noqa: A001 - Keras's name
    """x rounded to `decimals` places, halves to even, in x's dtype."""
    x = convert(x)
    if decimals == 0:
        return rint_op(x) if dtypes.is_float(x.dtype) else x
    return round_op(x, decimals=int(decimals))


@public
def arctan2(x1, x2):
    """The angle in [-pi, pi] of the point (x2, x1), in radians."""
    return arctan2_op(*float_operands(x1, x2))


@public
def hypot(x1, x2):
    """sqrt(x1^2 + x2^2) without overflow on the way."""
    return hypot_op(*float_operands(x1, x2))


@public
def logaddexp(x1, x2):
    """log(exp(x1) + exp(x2)) without overflow."""
    return logaddexp_op(*float_operands(x1, x2))


@public
def logaddexp2(x1, x2):
    """log2(2^x1 + 2^x2) without overflow."""
    x1, x2 = float_operands(x1, x2)
    return logaddexp_op(x1 * math.log(2), x2 * math.log(2)) * (1 / math.log(2))


@public
def deg2rad(x):
    """Degrees to radians."""
    return multiply_op(*operands(*float_operands(x), math.pi / 180))


@public
def rad2deg(x):
    """Radians to degrees."""
    return multiply_op(*operands(*float_operands(x), 180 / math.pi))


@public
def signbit(x):
    """Where the sign bit is set: below zero, -0.0 among them."""
    x = convert(x)
    return signbit_op(convert(x, dtype="int32") if x.dtype == "bool" else x)


@public
def nextafter(x1, x2):
    """The next float after x1 in the direction of x2."""
    return nextafter_op(*float_operands(x1, x2))


@public
def gcd(x1, x2):
    """The greatest common divisor of integers."""
    return gcd_op(*operands(x1, x2))


@public
def lcm(x1, x2):
    """The least common multiple of integers."""
    return lcm_op(*operands(x1, x2))


@public
def ldexp(x1, x2):
    """x1 * 2^x2; x2 are integers.

    Raises:
        TypeError: x2 are no integers.
    """
    (x1,), x2 = float_operands(x1), convert(x2)
    if not dtypes.is_integer(x2.dtype):
        raise TypeError(
            f"ldexp: the exponents `x2` must be integers, received {x2.dtype}; cast them with ops.cast"
        )
    return ldexp_op(x1, convert(x2, dtype="int32"))


@public
def heaviside(x1, x2):
    """0 below zero, 1 above, x2 at zero."""
    return heaviside_op(*float_operands(x1, x2))


@public
def isposinf(x):
    """Where x is plus infinity."""
    (x,) = float_operands(x)
    return equal_op(x, constant(math.inf, x.dtype))


@public
def isneginf(x):
    """Where x is minus infinity."""
    (x,) = float_operands(x)
    return equal_op(x, constant(-math.inf, x.dtype))


@public
def isclose(x1, x2, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Where |x1 - x2| <= atol + rtol * |x2|; infinities of one sign are close, NaNs if `equal_nan`."""
    a, b = float_operands(x1, x2)
    near = less_equal_op(absolute_op(a - b), absolute_op(b) * rtol + atol) & isfinite_op(b)
    close = near | equal_op(a, b)
    return close | (isnan_op(a) & isnan_op(b)) if equal_nan else close


@public
def nan_to_num(x, nan=0.0, posinf=None, neginf=None):
    """x with NaNs replaced by `nan` and infinities by `posinf`, `neginf`, by default the largest floats."""
    x = convert(x)
    if not dtypes.is_float(x.dtype):
        return x
    most = float(np.finfo(dtypes.NUMPY[x.dtype]).max)
    x = where_op(isnan_op(x), *operands(nan, x))
    infinite = isinf_op(x)
    x = where_op(infinite & (x > 0.0), *operands(most if posinf is None else posinf, x))
    return where_op(infinite & (x < 0.0), *operands(-most if neginf is None else neginf, x))


@public
def real(x):
    """The real part."""
    return real_op(convert(x))


@public
def imag(x):
    """The imaginary part; 0 for real x."""
    return imag_op(convert(x))


@public
def angle(x):
    """The angle of complex x in radians; 0 or pi for real x."""
    x = convert(x)
    return angle_op(x if x.dtype.startswith("complex") else float_operands(x)[0])


@public
def conjugate(x):
    """The complex conjugate."""
    return conjugate_op(convert(x))


@public
def conj(x):
    """The same as `conjugate`."""
    return conjugate.eager(x)


@public
def isreal(x):
    """Where the imaginary part is 0."""
    x = convert(x)
    part = imag_op(x)
    return equal_op(part, constant(0, part.dtype))
