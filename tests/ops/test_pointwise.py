"""Elementwise ops: gradients by finite differences, values at kinks, functions and operators beside Keras."""

import math

import numpy as np
import pytest
from keras import ops as kops
from support import EPS32, check_gradient

import fastnn.ops as ops
from fastnn.engine.graph import trace
from fastnn.engine.op import records
from fastnn.engine.tape import GradientTape
from fastnn.engine.tensor import Spec, Tensor
from fastnn.engine.variable import Variable, convert

# ---- gradients of records ----

# Where each record is smooth: the interval its inputs come from (else -2.2 .. 2.2), none near -1, 0 and 1.
SMOOTH = {
    "sqrt": (0.3, 4),
    "rsqrt": (0.3, 4),
    "log": (0.3, 4),
    "log1p": (-0.6, 3),
    "log2": (0.3, 4),
    "log10": (0.3, 4),
    "power": (0.3, 2),
    "arcsin": (-0.9, 0.9),
    "arccos": (-0.9, 0.9),
    "arctanh": (-0.9, 0.9),
    "arccosh": (1.2, 4),
    "erfinv": (-0.9, 0.9),
    "tan": (-1.2, 1.2),
    "cbrt": (0.3, 3),
}
ATTRS = {
    "clip": {"x_min": -1.0, "x_max": 1.0},
    "leaky_relu": {"negative_slope": 0.2},
    "leaky_relu_grad": {"negative_slope": 0.2},
    "elu": {"alpha": 1.3, "scale": 1.1},
    "elu_grad": {"alpha": 1.3, "scale": 1.1},
    "celu": {"alpha": 0.7},
    "cast": {"dtype": "float64"},
}
UNARY = (
    "negative absolute square sqrt rsqrt reciprocal cbrt clip exp exp2 expm1 log log1p log2 log10 sigmoid "
    "tanh sin cos tan arcsin arccos arctan sinh cosh arcsinh arccosh arctanh sinc erf erfc erfinv relu relu6 "
    "leaky_relu hard_sigmoid hard_silu elu celu softplus log_sigmoid silu gelu_tanh gelu_erf cast"
).split()
BINARY = (
    "add subtract multiply divide maximum minimum power mod fmod arctan2 hypot logaddexp sigmoid_grad "
    "tanh_grad silu_grad gelu_tanh_grad gelu_erf_grad elu_grad"
).split()


def draw(name, shape, rng):
    low, high = SMOOTH.get(name, (-2.2, 2.2))
    x = rng.uniform(low, high, shape)
    for kink in (-1.0, 0.0, 1.0):
        x = np.where(np.abs(x - kink) < 0.05, x + 0.1, x)
    return x


@pytest.mark.parametrize("name", UNARY)
def test_gradient(name, rng):
    check_gradient(records[name], [draw(name, (3, 4), rng)], rng=rng, **ATTRS.get(name, {}))


@pytest.mark.parametrize("name", BINARY)
def test_gradient_of_two(name, rng):
    shapes = [((3, 4), (3, 4))]
    if not name.endswith("_grad"):
        shapes += [((3, 4), (4,)), ((3, 1), (1, 4)), ((), (2, 2))]
    for left, right in shapes:
        a, b = draw(name, left, rng), draw(name, right, rng)
        if name in ("mod", "fmod"):  # an integer quotient is a jump
            b = np.abs(b) + 2.5
        check_gradient(records[name], [a, b], rng=rng, **ATTRS.get(name, {}))


@pytest.mark.parametrize("name", ["relu_grad", "relu6_grad", "leaky_relu_grad", "hard_sigmoid_grad"])
def test_gradient_of_gradient_of_straight_pieces(name, rng):
    y, dy = draw(name, (3, 4), rng), rng.standard_normal((3, 4))
    check_gradient(records[name], [y, dy], wrt=[1], rng=rng, **ATTRS.get(name, {}))


def test_gradient_of_where_and_ldexp(rng):
    condition = rng.standard_normal((3, 1)) > 0
    check_gradient(
        records["where"],
        [condition, rng.standard_normal(4), rng.standard_normal((3, 4))],
        wrt=[1, 2],
        rng=rng,
    )
    check_gradient(
        records["ldexp"], [rng.standard_normal((3, 4)), np.arange(4, dtype=np.int32)], wrt=[0], rng=rng
    )


def gradient(function, *inputs):
    tensors = [convert(x) for x in inputs]
    with GradientTape() as tape:
        y = function(*tensors)
    return [None if g is None else g.numpy() for g in tape.gradient(y, tensors)]


def f32(*values):
    return np.array(values, np.float32)


@pytest.mark.parametrize(
    "function, at, want",
    [
        (ops.relu, f32(-0.0, 0.0, np.nan), [0, 0, 0]),
        (ops.relu6, f32(0, 6), [0, 0]),
        (ops.leaky_relu, f32(0), [0.2]),
        (ops.elu, f32(0), [1]),
        (ops.selu, f32(0), [1.0507009873554805]),
        (ops.hard_sigmoid, f32(-3, 3), [0, 0]),
        (ops.hard_silu, f32(-3, 3), [0, 1]),
        (ops.abs, f32(0), [0]),
        (ops.hard_tanh, f32(-1, 1), [1, 1]),
        (lambda x: ops.clip(x, 0.0, 2.0), f32(0, 2, 3), [1, 1, 0]),
        (lambda x: ops.power(x, 2), f32(0), [0]),
        (lambda x: ops.power(x, 0.0), f32(0), [0]),
        (lambda x: ops.elu(x, alpha=0.0), f32(-1, 2), [0, 1]),
        (lambda x: ops.leaky_relu(x, -0.5), f32(-1, 2), [-0.5, 1]),
        (lambda x: ops.divide_no_nan(x, f32(0, 2)), f32(1, 1), [0, 0.5]),
        (ops.gelu, f32(-3e38, 3e38), [0, 1]),
        (ops.silu, f32(-200, 200), [0, 1]),
        (ops.softplus, f32(-200, 200), [0, 1]),
        (ops.tanh, f32(-50, 50), [0, 0]),
        (ops.sinc, f32(0), [0]),
    ],
)
def test_gradient_at_kinks_and_far_out(function, at, want):
    np.testing.assert_allclose(gradient(function, at)[0], want, rtol=2 * EPS32)


def test_ties_go_to_the_first():
    assert [g.tolist() for g in gradient(ops.maximum, f32(1, 2), f32(1, 3))] == [[1, 0], [0, 1]]
    assert [g.tolist() for g in gradient(ops.minimum, f32(1, 2), f32(1, 1))] == [[1, 0], [0, 1]]


def test_second_derivatives(rng):
    """Gradients are ops: differentiated again they agree with differences of the first."""
    for function in (
        ops.tanh,
        ops.sigmoid,
        ops.silu,
        ops.gelu,
        lambda x: ops.gelu(x, approximate=False),
        ops.elu,
        ops.softplus,
        lambda x: x**3 / (x * x + 2.0),
    ):
        x = rng.uniform(0.2, 1.5, 5)

        def slope(value, f=function):
            t = Tensor(np.asarray(value))
            with GradientTape() as tape:
                y = f(t)
            return tape.gradient(y, t)

        t = Tensor(x)
        with GradientTape() as outer:
            with GradientTape() as inner:
                y = function(t)
            first = inner.gradient(y, t)
        second = outer.gradient(first, t).numpy()
        h = 1e-5
        np.testing.assert_allclose(
            second, (slope(x + h).numpy() - slope(x - h).numpy()) / (2 * h), rtol=1e-7, atol=1e-8
        )


def test_stop_gradient_and_casts():
    assert gradient(lambda x: ops.stop_gradient(x) * x, f32(3))[0].tolist() == [3]
    assert gradient(lambda x: ops.cast(ops.cast(x, "float64"), "float32") * 2, f32(3))[0].tolist() == [2]
    assert gradient(lambda x: ops.cast(ops.cast(x, "int32"), "float32"), f32(3.5))[0] is None
    assert gradient(ops.round, f32(3.5))[0] is None


# ---- the public functions beside Keras's ----

X = np.array([[-2.5, -1.5, -1.0, -0.5, -0.2, 0.0], [0.1, 0.5, 0.9, 1.0, 2.5, 7.0]], np.float32)
UNIT = np.array([-0.9, -0.3, 0.0, 0.5, 0.99], np.float32)
POSITIVE = np.array([0.1, 0.5, 1.0, 3.0, 100.0], np.float32)
INTEGERS = np.array([[-3, -1, 0], [1, 2, 7]], np.int32)
ON = {
    "arcsin": UNIT,
    "arccos": UNIT,
    "arctanh": UNIT,
    "erfinv": UNIT,
    "sqrt": POSITIVE,
    "rsqrt": POSITIVE,
    "log": POSITIVE,
    "log2": POSITIVE,
    "log10": POSITIVE,
    "log1p": POSITIVE,
    "arccosh": POSITIVE + 1,
    "reciprocal": POSITIVE,
    "sinh": UNIT,
    "cosh": UNIT,
}
OF_ONE = (
    "abs absolute angle arccos arccosh arcsin arcsinh arctan arctanh cbrt ceil celu conj conjugate cos "
    "cosh deg2rad elu erf erfc erfinv exp exp2 expm1 fabs floor gelu hard_shrink hard_sigmoid "
    "hard_silu hard_tanh i0 imag isfinite isinf isnan isneginf isposinf isreal leaky_relu log log10 "
    "log1p log2 log_sigmoid logical_not nan_to_num negative rad2deg real reciprocal relu relu6 round "
    "rsqrt selu sigmoid sign signbit silu sin sinc sinh soft_shrink softplus softsign sparse_plus "
    "sparse_sigmoid sqrt square squareplus tan tanh tanh_shrink trunc"
).split()
OF_TWO = (
    "add arctan2 divide divide_no_nan equal floor_divide fmax fmin fmod greater greater_equal "
    "heaviside hypot isclose less less_equal logaddexp logaddexp2 logical_and logical_or logical_xor "
    "maximum minimum mod multiply nextafter not_equal subtract true_divide"
).split()
OF_INTEGERS = (
    "add bitwise_and bitwise_or bitwise_xor equal floor_divide gcd greater lcm less maximum "
    "minimum mod multiply subtract"
).split()
# Of floats alone in Keras's NumPy backend, or with another integer dtype there than on TensorFlow.
FLOATS_ONLY = set(
    "erf rsqrt sinc i0 hard_sigmoid selu elu celu gelu nan_to_num angle soft_shrink sparse_plus squareplus "
    "hard_tanh hard_shrink leaky_relu log_sigmoid softplus sigmoid silu softsign tanh_shrink sparse_sigmoid "
    "hard_silu reciprocal signbit imag erfc erfinv fabs".split()
)


def same(got, want, rtol=8 * EPS32, atol=2 * EPS32, dtype=True):
    want = np.asarray(want)
    assert got.shape == want.shape
    assert not dtype or got.dtype == want.dtype.name, (got.dtype, want.dtype)
    np.testing.assert_allclose(got.numpy(), want, rtol=rtol, atol=atol)


@pytest.mark.parametrize("name", OF_ONE)
def test_one_operand_as_keras(name):
    x = ON.get(name, X)
    with np.errstate(all="ignore"):
        same(getattr(ops, name)(x), getattr(kops, name)(x))
        if name not in FLOATS_ONLY and name not in ON:
            same(getattr(ops, name)(INTEGERS), getattr(kops, name)(INTEGERS))


@pytest.mark.parametrize("name", OF_TWO)
def test_two_operands_as_keras(name, rng):
    a, b = X, rng.permutation(X.ravel()).reshape(X.shape) + np.float32(0.25)
    for left, right in ((a, b), (a, b[0]), (a[:, :1], b), (a, 2.0)):
        same(getattr(ops, name)(left, right), getattr(kops, name)(left, right), rtol=4 * EPS32)


@pytest.mark.parametrize("name", OF_INTEGERS)
def test_integers_as_keras(name):
    same(getattr(ops, name)(INTEGERS, 3), getattr(kops, name)(INTEGERS, 3))
    same(
        getattr(ops, name)(INTEGERS, INTEGERS[::-1] * 2 + 1),
        getattr(kops, name)(INTEGERS, INTEGERS[::-1] * 2 + 1),
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda o: o.leaky_relu(X, negative_slope=0.3),
        lambda o: o.elu(X, alpha=0.4),
        lambda o: o.celu(X, alpha=2.0),
        lambda o: o.gelu(X, approximate=False),
        lambda o: o.soft_shrink(X, threshold=1.0),
        lambda o: o.squareplus(X, b=1),
        lambda o: o.hard_shrink(X, threshold=1.2),
        lambda o: o.threshold(X, 0.3, -7.0),
        lambda o: o.clip(X, -1, 1.5),
        lambda o: o.clip(INTEGERS, -1, 2),
        lambda o: o.clip(X, X - 1, X),
        lambda o: o.round(X * 1.2345, decimals=2),
        lambda o: o.power(np.abs(X), 1.7),
        lambda o: o.power(X, 2),
        lambda o: o.power(X, 3),
        lambda o: o.power(INTEGERS, 2),
        lambda o: o.power(2, X),
        lambda o: o.where(X > 0, X, 0.0),
        lambda o: o.where(INTEGERS, 1, 2),
        lambda o: o.where(X > 0, X[0], INTEGERS[0, 0]),
        lambda o: o.cast(X, "int32"),
        lambda o: o.cast(INTEGERS, "bool"),
        lambda o: o.saturate_cast(X * 100, "uint8"),
        lambda o: o.saturate_cast(INTEGERS, "uint8"),
        lambda o: o.left_shift(INTEGERS, 2),
        lambda o: o.right_shift(INTEGERS, 1),
        lambda o: o.bitwise_not(INTEGERS),
        lambda o: o.ldexp(X, INTEGERS[1, :1]),
        lambda o: o.divide(INTEGERS, 2),
        lambda o: o.add(INTEGERS, 0.5),
        lambda o: o.multiply(INTEGERS, X[:, :3]),
        lambda o: o.add(X > 0, 1),
        lambda o: o.add(X > 0, X < 1),
        lambda o: o.nan_to_num(np.float32([np.nan, np.inf, -np.inf]), nan=1.0, posinf=2.0),
        lambda o: o.isclose(
            np.float32([1, np.nan, np.inf]), np.float32([1 + 1e-6, np.nan, np.inf]), equal_nan=True
        ),
    ],
)
def test_arguments_as_keras(call):
    same(call(ops), call(kops), rtol=4 * EPS32, dtype=False)


def test_mish_and_swish():
    np.testing.assert_allclose(
        ops.mish(X).numpy(), X * np.tanh(np.log1p(np.exp(X))), rtol=8 * EPS32, atol=EPS32
    )
    np.testing.assert_array_equal(ops.swish(X).numpy(), ops.silu(X).numpy())
    np.testing.assert_array_equal(ops.hard_swish(X).numpy(), ops.hard_silu(X).numpy())


def test_dtypes_of_mixed_operands():
    i, f, b = convert(INTEGERS), convert(X[:, :3]), convert(INTEGERS > 0)
    assert (i + f).dtype == "float32" and (i / 2).dtype == "float32" and (i * 2).dtype == "int32"
    assert (f * np.float64(2)).dtype == "float32" and (b + 1).dtype == "int32"
    assert (b * 1.5).dtype == "float32" and (i > 0).dtype == "bool" and ops.sqrt(i).dtype == "float32"
    assert (Tensor(np.ones(2)) * 2).dtype == "float64"
    assert ops.exp(Tensor(np.ones(2, np.float16))).dtype == "float16"


# ---- operators ----


def test_operators():
    x, y = convert(X), convert(X[0] + 0.5)
    v = Variable(X, name="v")
    for left, right, a, b in ((x, y, X, X[0] + 0.5), (x, 3.0, X, 3.0), (v, y, X, X[0] + 0.5)):
        np.testing.assert_array_equal((left + right).numpy(), a + b)
        np.testing.assert_array_equal((left - right).numpy(), a - b)
        np.testing.assert_array_equal((left * right).numpy(), a * b)
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal((left / right).numpy(), a / b)
            np.testing.assert_array_equal((left // right).numpy(), a // b)
            np.testing.assert_allclose((left % right).numpy(), a % b, rtol=EPS32)
        for got, want in (
            ((left < right), a < b),
            ((left <= right), a <= b),
            ((left > right), a > b),
            ((left >= right), a >= b),
            ((left == right), a == b),
            ((left != right), a != b),
        ):
            np.testing.assert_array_equal(got.numpy(), want)
    np.testing.assert_array_equal((1.0 - x).numpy(), 1 - X)
    np.testing.assert_array_equal((X * x).numpy(), X * X)  # ndarray on the left is the tensor's business
    np.testing.assert_allclose((2.0**x).numpy(), 2.0**X, rtol=2 * EPS32)
    np.testing.assert_array_equal((-x).numpy(), -X)
    np.testing.assert_array_equal(abs(x).numpy(), abs(X))
    np.testing.assert_array_equal(
        (~(x > 0) & (x < 2) | (x == 7.0) ^ (x > 1)).numpy(), ~(X > 0) & (X < 2) | (X == 7.0) ^ (X > 1)
    )
    i = convert(INTEGERS)
    np.testing.assert_array_equal(
        (i & 3 | i << 2 ^ i >> 1).numpy(), INTEGERS & 3 | INTEGERS << 2 ^ INTEGERS >> 1
    )
    assert (x == None) is False and x != "text"  # noqa: E711
    np.testing.assert_allclose(
        (x @ ops.cast(INTEGERS.reshape(6, 1), "float32")).numpy(), X @ INTEGERS.reshape(6, 1)
    )


def test_everything_traces():
    def both(x, y):
        total = x
        for name in OF_ONE:
            z = getattr(ops, name)(x)
            total = total + ops.cast(z, "float32")
        for name in OF_TWO:
            total = total + ops.cast(getattr(ops, name)(x, y), "float32")
        return total

    _, result = trace(both, [((2, 3), "float32"), ((3,), "float32")])
    assert result.shape == (2, 3) and result.dtype == "float32"


def test_a_nan_stays():
    x = f32(np.nan)
    for name in (
        "relu",
        "relu6",
        "leaky_relu",
        "elu",
        "selu",
        "gelu",
        "silu",
        "softplus",
        "tanh",
        "sigmoid",
        "hard_tanh",
        "hard_sigmoid",
        "softsign",
        "log_sigmoid",
        "mish",
        "sign",
        "abs",
        "exp",
        "log",
        "sqrt",
        "floor",
    ):
        assert math.isnan(getattr(ops, name)(x).item()), name
    assert np.isnan(ops.maximum(f32(np.nan, 1), f32(1, np.nan)).numpy()).all()
    assert np.isnan(ops.minimum(f32(np.nan, 1), f32(1, np.nan)).numpy()).all()
    assert ops.fmax(f32(np.nan, 1), f32(1, np.nan)).tolist() == [1, 1]


def test_errors_name_the_op_and_the_cure():
    with pytest.raises(ValueError, match=r"add: the shapes \(2, 3\) and \(4,\) do not fit.*expand_dims"):
        ops.add(np.ones((2, 3), np.float32), np.ones(4, np.float32))
    with pytest.raises(ValueError, match="where: give both"):
        ops.where(X > 0, X)
    with pytest.raises(TypeError, match="bitwise_and.*float32.*ops.cast"):
        ops.bitwise_and(X, 1)
    with pytest.raises(TypeError, match="ldexp.*float32"):
        ops.ldexp(X, X)
    with pytest.raises(ValueError, match="celu: `alpha` must not be 0"):
        ops.celu(X, alpha=0)
    with pytest.raises(ValueError, match="multiply: the operands' dtypes must be equal, received float32"):
        records["multiply"].shape(Spec((1,), "float32"), Spec((1,), "int32"))
