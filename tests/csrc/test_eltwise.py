"""csrc/eltwise.c in every table: each step against float64, then sizes, broadcasting, types, memory reuse."""

import numpy as np
import pytest
from support import EPS32, ISAS, apply_record, check_kernel, on_isa, run_kernel

import fastnn.ops  # noqa: F401 - makes the records
from fastnn.engine import chain
from fastnn.engine.op import records

TINY = float(np.finfo(np.float32).smallest_subnormal)
SPECIAL = np.array(
    [
        0.0,
        -0.0,
        1,
        -1,
        0.5,
        -0.5,
        2,
        3,
        -3,
        6,
        1e-3,
        -1e-3,
        1e-9,
        -1e-9,
        1e-30,
        1e-40,
        -1e-40,
        10,
        -10,
        87,
        88.7,
        89,
        -87.5,
        -95,
        -103,
        -104,
        -110,
        1e4,
        -1e4,
        1e10,
        3e38,
        -3e38,
        np.inf,
        -np.inf,
        np.nan,
    ],
    np.float32,
)

# Where the answer is not the rounded one: the relative error allowed, in units of EPS32. Vector exp, log and
# kin carry one or two roundings more than their polynomial's error; compositions add those of their parts.
ULPS = {
    "exp": 2,
    "exp2": 2,
    "expm1": 3,
    "log": 2,
    "log1p": 3,
    "log2": 3,
    "log10": 3,
    "sin": 2,
    "cos": 2,
    "erf": 2,
    "sigmoid": 4,
    "tanh": 4,
    "softplus": 5,
    "log_sigmoid": 5,
    "logaddexp": 5,
    "silu": 5,
    "elu": 4,
    "celu": 5,
    "gelu_tanh": 6,
    "gelu_erf": 5,
    "silu_grad": 8,
    "gelu_tanh_grad": 8,
    "gelu_erf_grad": 8,
    "rsqrt": 1.5,
    "power": 1,
    "hard_sigmoid": 2,
    "hard_silu": 3,
    "leaky_relu": 1,
    "leaky_relu_grad": 1,
    "elu_grad": 2,
    "tanh_grad": 2,
    "sigmoid_grad": 2,
    "hard_sigmoid_grad": 1,
    "cosh": 2,
    "sinh": 2,
    "arcsinh": 2,
    "arccosh": 2,
    "arctanh": 2,
    "tan": 2,
    "erfc": 3,
    "arctan2": 2,
}
# Where terms cancel, or the argument's own rounding shows (x EPS32 for a factor x inside), an absolute error
# counts too.
ABSOLUTE = {
    "silu": 110 * TINY,
    "logaddexp": 2 * EPS32,
    "silu_grad": 2 * EPS32,
    "gelu_tanh": 4 * EPS32,
    "gelu_erf": 4 * EPS32,
    "gelu_tanh_grad": 8 * EPS32,
    "gelu_erf_grad": 8 * EPS32,
    "hard_sigmoid": EPS32,
    "hard_silu": 3 * EPS32,
    "elu_grad": 2 * EPS32,
    "tanh_grad": 8 * EPS32,
    "sigmoid_grad": EPS32,
    "cos": EPS32,
    "sin": EPS32,
}
ATTRS = {
    "clip": {"x_min": -0.7, "x_max": 1.5},
    "leaky_relu": {"negative_slope": 0.2},
    "leaky_relu_grad": {"negative_slope": 0.2},
    "elu": {"alpha": 1.3, "scale": 1.1},
    "elu_grad": {"alpha": 1.3, "scale": 1.1},
    "celu": {"alpha": 0.7},
}
ATTRS = {name: {k: float(np.float32(v)) for k, v in attrs.items()} for name, attrs in ATTRS.items()}
BINARY = set(
    "add subtract multiply divide maximum minimum equal not_equal less less_equal greater "
    "greater_equal logaddexp power mod fmod floor_divide arctan2 hypot".split()
)
LOGICAL = {"logical_and", "logical_or", "logical_xor"}
ON_RECORDS = [name for name in chain._F32_STEPS if name in records]


def values(rng, n=1500):
    x = np.concatenate([SPECIAL, rng.normal(0, 1, n), rng.normal(0, 30, n), rng.uniform(-1, 1, n)])
    return x.astype(np.float32)


def operands(name, rng):
    x = values(rng)
    if name in LOGICAL:
        return [x > 0, rng.permutation(x) > 0]
    if name == "logical_not":
        return [x > 0]
    if name == "where":
        return [x > 0, x, rng.permutation(x)]
    if name.endswith("_grad"):
        y = np.tanh(x) if name == "tanh_grad" else x
        return [y.astype(np.float32), rng.normal(0, 1, x.shape).astype(np.float32)]
    if name in BINARY:
        y = rng.permutation(x)
        if name in ("floor_divide", "mod"):  # a quotient rounded to an integer has two floors: take integers
            x, y = np.round(x).clip(-1e5, 1e5), np.round(y).clip(-1e4, 1e4)
        return [x, y]
    return [x]


@pytest.mark.parametrize("name", ON_RECORDS)
def test_step_matches_float64(name, rng):
    inputs = operands(name, rng)
    wide = [a.astype(np.float64) if a.dtype == np.float32 else a for a in inputs]
    attrs = ATTRS.get(name, {})
    with np.errstate(all="ignore"):
        want = np.asarray(records[name].reference(*wide, **attrs))
        want = want.astype(np.float32) if want.dtype == np.float64 else want
    for isa in ISAS:
        with on_isa(isa):
            (got,) = apply_record(records[name], inputs, **attrs)
        assert got.dtype == want.dtype
        np.testing.assert_allclose(
            got, want, rtol=ULPS.get(name, 1) * EPS32, atol=2 * TINY + ABSOLUTE.get(name, 0.0), err_msg=isa
        )


def test_every_step_is_a_record_or_tested_here():
    assert set(chain._F32_STEPS) - set(ON_RECORDS) == {"copy", "not_zero"}
    assert set(chain._I64_STEPS) - set(records) == {"copy", "wrap"}


@pytest.mark.parametrize("isa", ISAS)
def test_sign_of_zero_survives(isa):
    zero = np.array([0.0, -0.0], np.float32)
    with on_isa(isa):
        for name in ("expm1", "log1p", "tanh", "sin", "erf", "rint", "trunc", "sqrt", "negative"):
            (got,) = apply_record(records[name], [zero])
            np.testing.assert_array_equal(
                np.signbit(got), np.signbit(records[name].reference(zero)), err_msg=name
            )


@pytest.mark.parametrize("isa", ISAS)
def test_trigonometry_far_out(isa, rng):
    x = np.concatenate(
        [rng.uniform(-8192, 8192, 3000), rng.uniform(-1e7, 1e7, 1000), [8191.9, 8192, 3e38, np.inf]]
    )
    x = x.astype(np.float32)
    with on_isa(isa):
        for name in ("sin", "cos"):
            (got,) = apply_record(records[name], [x])
            with np.errstate(invalid="ignore"):
                want = records[name].reference(x.astype(np.float64))
            np.testing.assert_allclose(got, want, rtol=2 * EPS32, atol=EPS32 / 2)


# Lanes are 1, 8 and 16; a tile is 1024.
SIZES = [0, 1, 7, 8, 9, 15, 16, 17, 1000, 1023, 1024, 1025, 5000]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("name", ["add", "exp", "where", "less", "power"])
def test_sizes(isa, name, rng):
    for size in SIZES:
        inputs = [rng.uniform(0.1, 2, size).astype(np.float32) for _ in range(3 if name == "where" else 2)]
        if name == "where":
            inputs[0] = inputs[0] > 1
        check_kernel(records[name], inputs[:1] if name == "exp" else inputs, isa=isa, rtol=2 * EPS32)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(
    "shapes",
    [
        ((6, 5), (5,)),
        ((6, 5), (6, 1)),
        ((6, 5), ()),
        ((1, 5), (6, 1)),
        ((3, 1500), (1500,)),
        ((3, 1500), (3, 1)),
        ((2, 3, 4), (3, 1)),
        ((4, 9, 9, 3), (4, 1, 1, 3)),
        ((4, 1, 5, 1), (1, 3, 1, 2)),
        ((2, 1, 2, 1, 2, 1), (2, 1, 2, 1, 2)),
        ((2, 3, 1100), (2, 1, 1100)),
        ((300, 1), (1, 300)),
        ((0, 3), (3,)),
        ((3, 0), (3, 1)),
        ((1,), ()),
        ((), ()),
    ],
)
def test_broadcasting(isa, shapes, rng):
    a, b = (rng.standard_normal(shape).astype(np.float32) for shape in shapes)
    check_kernel(records["subtract"], [a, b], isa=isa, rtol=EPS32)
    check_kernel(records["subtract"], [b, a], isa=isa, rtol=EPS32)
    check_kernel(records["where"], [a > 0, b, a], isa=isa)


TYPES = ["float32", "int32", "int64", "uint8", "bool", "int8", "uint32"]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("source", TYPES)
def test_casts(isa, source, rng):
    x = rng.integers(0, 100, (5, 211)) + rng.uniform(0, 1, (5, 211)) * (source == "float32")
    x = np.where(x < 20, 0, x) if source == "bool" else x
    x = x.astype(source)
    for dtype in TYPES:
        check_kernel(records["cast"], [x], isa=isa, rtol=EPS32, dtype=dtype)
    if source in ("float32", "int32", "int64", "int8"):
        for dtype in ("float32", "int32", "int64", "bool", "int8"):
            check_kernel(records["cast"], [(x - 50).astype(source)], isa=isa, rtol=EPS32, dtype=dtype)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "bool", "int8", "uint32"])
def test_integers(isa, dtype, rng):
    low, high = (0, 2) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    a = rng.integers(low, high, (37, 61), dtype=dtype if dtype != "bool" else "uint8").astype(dtype)
    b = rng.permutation(a.ravel()).reshape(a.shape)
    b[0, :4] = a[0, :4]
    small = (b % 7).astype(dtype) if dtype != "bool" else b
    names = [
        "equal",
        "not_equal",
        "less",
        "less_equal",
        "greater",
        "greater_equal",
        "maximum",
        "minimum",
        "multiply",
        "add",
        "bitwise_and",
        "bitwise_or",
        "bitwise_xor",
        "bitwise_not",
    ]
    names += (
        ["logical_and", "logical_or", "logical_xor", "logical_not"]
        if dtype == "bool"
        else [
            "subtract",
            "square",
            "floor_divide",
            "mod",
            "left_shift",
            "right_shift",
            "absolute",
            "negative",
        ]
    )
    names += ["sign"] if dtype not in ("bool",) else []
    for name in names:
        unary = name in ("bitwise_not", "logical_not", "square", "absolute", "negative", "sign")
        second = small if name in ("left_shift", "right_shift", "floor_divide", "mod") else b
        inputs = [a] if unary else [a, second]
        with on_isa(isa), np.errstate(all="ignore"):
            (got,) = apply_record(records[name], inputs)
            np.testing.assert_array_equal(got, records[name].reference(*inputs), err_msg=f"{name} {dtype}")
    check_kernel(records["where"], [a > b, a, b], isa=isa)


def _program(n_inputs, *steps):
    return tuple((name, tuple(operands), tuple(attrs.items())) for name, operands, attrs in steps)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("rows", [1, 3, 700])
def test_chain_with_several_outputs(isa, rows, rng):
    """Values used twice, a scalar, a row, a column, a test, and outputs that later steps still read."""
    x, row = rng.standard_normal((rows, 40)).astype(np.float32), rng.standard_normal(40).astype(np.float32)
    column, scalar = rng.standard_normal((rows, 1)).astype(np.float32), np.float32(0.3)
    steps = _program(
        4,
        ("add", (0, 1), {}),
        ("multiply", (4, 2), {}),
        ("leaky_relu", (5,), {"negative_slope": 0.25}),
        ("less", (6, 0), {}),
        ("where", (7, 4, 3), {}),
        ("tanh", (8,), {}),
        ("cast", (9,), {"dtype": "int32"}),
        ("clip", (9,), {"x_min": -0.5, "x_max": 0.5}),
    )
    check_kernel(
        chain.chain_op,
        [x, row, column, scalar],
        isa=isa,
        rtol=8 * EPS32,
        atol=4 * EPS32,
        steps=steps,
        results=(4, 7, 8, 9, 10, 11),
    )


@pytest.mark.parametrize("isa", ISAS)
def test_integer_chain_keeps_each_steps_type(isa, rng):
    a = rng.integers(0, 256, (9, 130)).astype(np.uint8)
    b = rng.integers(0, 256, 130).astype(np.uint8)
    steps = _program(
        2,
        ("add", (0, 1), {}),
        ("right_shift", (2, 1), {}),
        ("less", (2, 0), {}),
        ("add", (4, 4), {}),
        ("equal", (5, 4), {}),
        ("bitwise_not", (6,), {}),
        ("cast", (3,), {"dtype": "int64"}),
    )
    check_kernel(chain.chain_op, [a, b % 8], isa=isa, steps=steps, results=(2, 3, 6, 7, 8))


@pytest.mark.parametrize("isa", ISAS)
def test_outputs_may_lie_on_inputs(isa, rng):
    """Outputs in the memory of inputs, as the memory plan may choose: later steps still see the inputs."""
    a, b, c = (rng.standard_normal((3, 1500)).astype(np.float32) for _ in range(3))
    steps = _program(
        3, ("multiply", (0, 1), {}), ("add", (0, 3), {}), ("subtract", (4, 1), {}), ("exp", (2,), {})
    )
    specs = [chain.Spec(a.shape, "float32")] * 7
    kernel, sizes, attrs = chain._Compiler(specs[:3], steps, specs[3:], [3, 5, 6]).run()
    from fastnn import _core

    plan = _core.Plan(
        _core.Kernels(isa),
        [(kernel, [(slot, 3, 0, a.nbytes) for slot in (0, 1, 2, 1, 2, 0)], sizes, attrs)],
        3,
        1,
    )
    memory = [a.copy(), b.copy(), c.copy()]
    for slot, array in enumerate(memory):
        plan.bind(slot, array)
    plan.run()
    want = a * b
    np.testing.assert_array_equal(memory[1], want)
    np.testing.assert_array_equal(memory[2], a + want - b)
    np.testing.assert_allclose(memory[0], np.exp(c.astype(np.float64)), rtol=2 * EPS32)


@pytest.mark.parametrize("isa", ISAS)
def test_bounds_and_threads(isa, rng):
    """Nothing is written past an end, and three threads give the bits of one."""
    x, row = rng.standard_normal((70, 600)).astype(np.float32), rng.standard_normal(600).astype(np.float32)
    specs = [
        chain.Spec(x.shape, "float32"),
        chain.Spec(row.shape, "float32"),
        chain.Spec(x.shape, "float32"),
        chain.Spec(x.shape, "bool"),
    ]
    steps = _program(2, ("logaddexp", (0, 1), {}), ("less", (2, 0), {}))
    kernel, sizes, attrs = chain._Compiler(specs[:2], steps, specs[2:], [2, 3]).run()
    got = []
    for threads in (1, 3):
        y, less = np.full_like(x, np.nan), np.full(x.shape, 7, np.uint8)
        run_kernel(isa, kernel, [x, row], [y, less], sizes, attrs, threads=threads)
        got.append((y, less))
    np.testing.assert_array_equal(got[0][0], got[1][0])
    np.testing.assert_array_equal(got[0][1], got[1][1])
    assert not got[0][1].any() and not np.isnan(got[0][0]).any()


def test_what_does_not_fit_is_refused():
    spec = chain.Spec((4,), "float32")
    add = ("add", (0, 1), ())
    assert not chain.fits(
        [chain.Spec((4,), "int32"), spec],
        [("add", (0, 0), ()), ("add", (1, 1), ())],
        [chain.Spec((4,), "int32"), spec],
        [2, 3],
    )  # integers and floats in one chain
    assert chain.fits([spec] * 2, [add], [spec], [2])
    assert not chain.fits([spec] * 17, [add], [spec], [17])
    assert not chain.fits([spec] * 2, [("add", (i, i + 1), ()) for i in range(22)], [spec] * 22, [23])
    rounding = [("cast", (0,), (("dtype", "int32"),)), ("cast", (1,), (("dtype", "float32"),))]
    assert not chain.fits([spec], rounding, [chain.Spec((4,), "int32"), spec], [2])
