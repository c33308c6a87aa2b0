"""Activation functions, element by element. Softmax and its kin, which look at whole rows, are in softmax.py.

Where a gradient can be told from the output, the rule uses the output: the input's memory is then free.
"""

import math

import numpy as np

from ..engine.symbolic import public
from ..engine.variable import convert
from .arithmetic import absolute_op, clip_op, sqrt_op, square_op
from .axes import canonical_axis
from .elementary import erf_reference, exp_op, sigmoid_op, sigmoid_reference, tanh_op
from .joining import parted
from .logic import select, where_op
from .pointwise import constant, define_pointwise, float_operands, operands

SELU_ALPHA = 1.6732632423543772848170429916717  # Klambauer et al., Self-Normalizing Neural Networks, 2017
SELU_SCALE = 1.0507009873554804934193349852946


def _numbers(x, *values):
    """The values in x's dtype, so that a float32 array stays one."""
    return [x.dtype.type(value) for value in values]


def _define_by_output(name, reference, gradient_reference, second=None):
    """An activation whose gradient is a function of its output y: the records `name` and `name`_grad(y, dy).

    second(call, d): the gradient of name_grad for y, where it is not zero.
    """

    def gradient_of_gradient(call, d):
        y = call.inputs[0]
        return [None if second is None else second(call, d), gradient(y, d, **call.attrs)]

    gradient = define_pointwise(f"{name}_grad", gradient_reference, gradient_of_gradient, inplace=(0, 1))
    return define_pointwise(name, reference, lambda call, dy: [gradient(call.output, dy, **call.attrs)])


# ---- functions of straight pieces: at a corner the gradient is that of the flatter side ----

relu_op = _define_by_output(
    "relu", lambda x: np.maximum(x, x.dtype.type(0)), lambda y, dy: np.where(y > 0, dy, dy.dtype.type(0))
)
relu6_op = _define_by_output(
    "relu6",
    lambda x: np.minimum(np.maximum(x, x.dtype.type(0)), x.dtype.type(6)),
    lambda y, dy: np.where((y > 0) & (y < 6), dy, dy.dtype.type(0)),
)
_leaky_relu_op = _define_by_output(
    "leaky_relu",
    lambda x, negative_slope: np.where(x > 0, x, x * x.dtype.type(negative_slope)),
    lambda y, dy, negative_slope: np.where(y > 0, dy, dy * dy.dtype.type(negative_slope)),
)


def _hard_sigmoid_reference(x):
    zero, one, half, sixth = _numbers(x, 0, 1, 0.5, 1 / 6)
    return np.minimum(np.maximum(x * sixth + half, zero), one)


hard_sigmoid_op = _define_by_output(
    "hard_sigmoid",
    _hard_sigmoid_reference,
    lambda y, dy: np.where((y > 0) & (y < 1), dy * dy.dtype.type(1 / 6), dy.dtype.type(0)),
)


def _hard_silu_grad(call, dy):
    (x,) = call.inputs
    slope = select(x <= -3.0, 0.0, select(x >= 3.0, 1.0, x * (1 / 3) + 0.5))
    return [dy * slope]


hard_silu_op = define_pointwise("hard_silu", lambda x: x * _hard_sigmoid_reference(x), _hard_silu_grad)


# ---- exponential pieces ----


def _elu_reference(x, alpha, scale):
    alpha, scale = _numbers(x, alpha, scale)
    return scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, x.dtype.type(0))))


def _elu_grad_reference(y, dy, alpha, scale):
    bottom, scale = _numbers(y, alpha * scale, scale)
    return dy * np.where(y < 0, y + bottom, scale)


# scale * (x if x > 0 else alpha * (exp(x) - 1)): elu, and selu with its two constants.
_elu_op = _define_by_output(
    "elu",
    _elu_reference,
    _elu_grad_reference,
    second=lambda call, d: select(call.inputs[0] < 0.0, d * call.inputs[1], 0.0),
)


def _celu_reference(x, alpha):
    (alpha,) = _numbers(x, alpha)
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, x.dtype.type(0)) / alpha))


celu_op = define_pointwise(
    "celu",
    _celu_reference,
    lambda call, dy: [dy * select(call.inputs[0] > 0.0, 1.0, exp_op(call.inputs[0] * (1 / call.alpha)))],
)


def _softplus_reference(x):  # NaN stays: both terms are NaN
    return np.maximum(x, x.dtype.type(0)) + np.log1p(np.exp(-np.abs(x)))


softplus_op = define_pointwise(
    "softplus", _softplus_reference, lambda call, dy: [dy * sigmoid_op(call.inputs[0])]
)
log_sigmoid_op = define_pointwise(
    "log_sigmoid", lambda x: -_softplus_reference(-x), lambda call, dy: [dy * sigmoid_op(-call.inputs[0])]
)

# ---- smooth gates ----


def _silu_grad_reference(x, dy):
    s = sigmoid_reference(x)
    return dy * (s + x * s * (1 - s))


def _silu_second(call, d):
    x, dy = call.inputs
    s = sigmoid_op(x)
    bend = s * (1.0 - s)
    return [d * dy * bend * (2.0 + x * (1.0 - s * 2.0)), silu_grad_op(x, d)]


silu_op = define_pointwise(
    "silu", lambda x: x * sigmoid_reference(x), lambda call, dy: [silu_grad_op(call.inputs[0], dy)]
)
silu_grad_op = define_pointwise("silu_grad", _silu_grad_reference, _silu_second, inplace=(0, 1))

_GELU_SCALE, _GELU_CUBE = math.sqrt(2 / math.pi), 0.044715  # Hendrycks and Gimpel, 2016
_ROOT_HALF, _DENSITY = math.sqrt(0.5), 1 / math.sqrt(2 * math.pi)


def _gelu_tanh_reference(x):
    half, one, scale, cube = _numbers(x, 0.5, 1, _GELU_SCALE, _GELU_CUBE)
    return half * x * (one + np.tanh(scale * (x + cube * x * x * x)))


def _gelu_tanh_grad_reference(x, dy):
    half, one, scale, cube, three = _numbers(x, 0.5, 1, _GELU_SCALE, _GELU_CUBE, 3)
    t = np.tanh(scale * (x + cube * x * x * x))
    # 1 - t*t is 0 where t is 1 to the last bit, and x may then be so large that its square is infinite
    bend = np.where(np.abs(x) > 10, x.dtype.type(0), x * (one - t * t) * scale * (one + three * cube * x * x))
    return dy * half * (one + t + bend)


def _gelu_tanh_second(call, d):
    x, dy = call.inputs
    squared = square_op(x)
    t = tanh_op((x + squared * x * _GELU_CUBE) * _GELU_SCALE)
    slope = (squared * (3 * _GELU_CUBE) + 1.0) * _GELU_SCALE
    tail = squared * (3 * _GELU_CUBE * _GELU_SCALE)
    bend = (1.0 - square_op(t)) * (slope - x * t * square_op(slope) + tail)
    return [d * dy * bend, gelu_tanh_grad_op(x, d)]


gelu_tanh_op = define_pointwise(
    "gelu_tanh", _gelu_tanh_reference, lambda call, dy: [gelu_tanh_grad_op(call.inputs[0], dy)]
)
gelu_tanh_grad_op = define_pointwise(
    "gelu_tanh_grad", _gelu_tanh_grad_reference, _gelu_tanh_second, inplace=(0, 1)
)


def _gelu_erf_reference(x):
    half, one, root = _numbers(x, 0.5, 1, _ROOT_HALF)
    return half * x * (one + erf_reference(x * root))


def _gelu_erf_grad_reference(x, dy):
    half, one, root, density = _numbers(x, 0.5, 1, _ROOT_HALF, _DENSITY)
    bell = np.exp(-half * x * x)
    return dy * (half * (one + erf_reference(x * root)) + np.where(bell > 0, x * bell, bell) * density)


def _gelu_erf_second(call, d):
    x, dy = call.inputs
    bell = exp_op(square_op(x) * -0.5) * _DENSITY
    return [d * dy * bell * (2.0 - square_op(x)), gelu_erf_grad_op(x, d)]


gelu_erf_op = define_pointwise(
    "gelu_erf", _gelu_erf_reference, lambda call, dy: [gelu_erf_grad_op(call.inputs[0], dy)]
)
gelu_erf_grad_op = define_pointwise(
    "gelu_erf_grad", _gelu_erf_grad_reference, _gelu_erf_second, inplace=(0, 1)
)


# ---- the public functions ----


@public
def relu(x):
    """max(x, 0); the gradient at 0 is 0."""
    return relu_op(convert(x))


@public
def relu6(x):
    """min(max(x, 0), 6)."""
    return relu6_op(convert(x))


@public
def leaky_relu(x, negative_slope=0.2):
    """x where x > 0, else negative_slope * x."""
    (x,) = float_operands(x)
    if negative_slope < 0:  # the output's sign no longer tells the input's
        return select(x > 0.0, x, x * float(negative_slope))
    return _leaky_relu_op(x, negative_slope=float(negative_slope))


@public
def sigmoid(x):
    """1 / (1 + exp(-x)) without overflow."""
    return sigmoid_op(*float_operands(x))


@public
def hard_sigmoid(x):
    """x / 6 + 1/2, cut to [0, 1]."""
    return hard_sigmoid_op(*float_operands(x))


@public
def sparse_sigmoid(x):
    """(x + 1) / 2, cut to [0, 1]."""
    (x,) = float_operands(x)
    return select(x <= -1.0, 0.0, select(x >= 1.0, 1.0, (x + 1.0) * 0.5))


@public
def silu(x):
    """x * sigmoid(x), also called swish."""
    return silu_op(*float_operands(x))


@public
def swish(x):
    """The same as `silu`."""
    return silu.eager(x)


@public
def hard_silu(x):
    """x * hard_sigmoid(x)."""
    return hard_silu_op(*float_operands(x))


@public
def hard_swish(x):
    """The same as `hard_silu`."""
    return hard_silu.eager(x)


def _elu_any(x, alpha, scale):
    (x,) = float_operands(x)
    if alpha > 0:
        return _elu_op(x, alpha=float(alpha), scale=scale)
    # The output does not tell x's sign, so this is written with ops that look at x.
    falling = (exp_op(select(x > 0.0, 0.0, x)) - 1.0) * (float(alpha) * scale)
    return where_op(x > 0.0, x * scale, falling)


@public
def elu(x, alpha=1.0):
    """x where x > 0, else alpha * (exp(x) - 1)."""
    return _elu_any(x, alpha, 1.0)


@public
def selu(x):
    """The scaled elu of self-normalising networks."""
    return _elu_any(x, SELU_ALPHA, SELU_SCALE)


@public
def celu(x, alpha=1.0):
    """max(x, 0) + alpha * (exp(min(x, 0) / alpha) - 1); `alpha` is not 0."""
    if alpha == 0:
        raise ValueError("celu: `alpha` must not be 0: it divides; relu is what celu tends to as alpha does")
    return celu_op(*float_operands(x), alpha=float(alpha))


@public
def gelu(x, approximate=True):
    """x * P(X <= x) for a standard normal X; `approximate` takes the tanh formula in place of erf."""
    (x,) = float_operands(x)
    return gelu_tanh_op(x) if approximate else gelu_erf_op(x)


@public
def softplus(x):
    """log(1 + exp(x)) without overflow."""
    return softplus_op(*float_operands(x))


@public
def log_sigmoid(x):
    """log(sigmoid(x)) without overflow."""
    return log_sigmoid_op(*float_operands(x))


@public
def softsign(x):
    """x / (1 + |x|)."""
    (x,) = float_operands(x)
    return x / (absolute_op(x) + 1.0)


@public
def mish(x):
    """x * tanh(softplus(x))."""
    (x,) = float_operands(x)
    return x * tanh_op(softplus_op(x))


@public
def hard_tanh(x):
    """x cut to [-1, 1]."""
    return clip_op(*float_operands(x), x_min=-1.0, x_max=1.0)


@public
def tanh_shrink(x):
    """x - tanh(x)."""
    (x,) = float_operands(x)
    return x - tanh_op(x)


@public
def soft_shrink(x, threshold=0.5):
    """x moved towards 0 by `threshold`, and 0 where |x| is not above it."""
    (x,) = float_operands(x)
    return select(x > threshold, x - threshold, select(x < -threshold, x + threshold, 0.0))


@public
def hard_shrink(x, threshold=0.5):
    """x where |x| > threshold, else 0."""
    (x,) = float_operands(x)
    return select(absolute_op(x) > threshold, x, 0.0)


@public
def threshold(x, threshold, default_value):
    """x where x > threshold, else default_value."""
    x = convert(x)
    return where_op(x > threshold, *operands(x, default_value))


@public
def squareplus(x, b=4):
    """(x + sqrt(x^2 + b)) / 2."""
    (x,) = float_operands(x)
    return (x + sqrt_op(square_op(x) + constant(b, x.dtype))) * 0.5


@public
def sparse_plus(x):
    """0 below -1, (x + 1)^2 / 4 up to 1, x above."""
    (x,) = float_operands(x)
    return select(x <= -1.0, 0.0, select(x < 1.0, square_op(x + 1.0) * 0.25, x))


@public
def glu(x, axis=-1):
    """a * sigmoid(b), a and b the two halves of x along `axis`. Dauphin et al., ICML 2017.

    Raises:
        ValueError: an odd extent along `axis`.
    """
    (x,) = float_operands(x)
    axis = canonical_axis("glu", axis, len(x.shape))
    half, odd = divmod(x.shape[axis], 2)
    if odd:
        raise ValueError(
            f"glu: the extent along `axis` must be even, received shape {tuple(x.shape)}, axis {axis}"
        )
    a, b = parted(x, (half, half), axis)
    return a * sigmoid_op(b)
