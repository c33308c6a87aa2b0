"""Attention: the blocked kernel against the float64 reference, gradients, masks, and Keras's function."""

import keras
import numpy as np
import pytest
from support import EPS32, ISAS, apply_record, check_function, check_kernel

from fastnn import config, ops
from fastnn.engine.op import records
from fastnn.engine.tape import GradientTape
from fastnn.engine.tensor import Tensor

attention, attention_grad = records["attention"], records["attention_grad"]
PLAIN = {"scale": 0.4, "causal": False, "window": 0, "bias": False, "masks": 0, "rate": 0.0, "blank": False}

# batch, query tokens, key tokens, heads, key heads, features, value features
SHAPES = [
    (1, 1, 1, 1, 1, 1, 1),
    (2, 3, 5, 2, 2, 8, 8),
    (1, 64, 96, 2, 1, 16, 7),
    (1, 65, 97, 1, 1, 9, 17),
    (2, 70, 200, 4, 2, 32, 32),
    (1, 130, 130, 1, 1, 64, 64),
    (1, 17, 33, 2, 2, 129, 256),
    (3, 7, 3, 4, 1, 5, 12),
]
IDS = ["x".join(map(str, s)) for s in SHAPES]


def operands(shape, rng, **given):
    """q, k, v and what the attributes ask for, and the attributes."""
    batch, t, s, heads, kv, h, e = shape
    attrs = {**PLAIN, "scale": 1 / np.sqrt(h), **given}
    arrays = [
        rng.standard_normal(n).astype("float32")
        for n in ((batch, t, heads, h), (batch, s, kv, h), (batch, s, kv, e))
    ]
    forms = attrs.pop("forms", [])
    for form in forms:
        dims = [n if full == "x" else 1 for n, full in zip((batch, heads, t, s), form, strict=True)]
        if len(arrays) == 3 and attrs["bias"]:
            arrays.append(rng.standard_normal(dims).astype("float32"))
        else:
            arrays.append(rng.random(dims) < 0.7)
    attrs["masks"] = len(forms) - attrs["bias"]
    if attrs["rate"]:
        arrays.append(np.array([7, 11], np.uint32))
    return arrays, attrs


def with_results(arrays, attrs, rng):
    """The inputs of the gradient's record."""
    results = apply_record(attention, arrays, **attrs)
    return [*arrays, *results, rng.standard_normal(results[0].shape).astype("float32")]


def bound(shape):
    """Of sums of h products in the scores, which exp turns into relative errors, and of s values."""
    return EPS32 * (16 + 4 * np.sqrt(shape[5]) + np.sqrt(shape[2]))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("shape", SHAPES, ids=IDS)
def test_kernels_match_float64(isa, shape, rng):
    arrays, attrs = operands(shape, rng)
    near = bound(shape) * 4
    check_kernel(attention, arrays, isa=isa, rtol=near, atol=near, **attrs)
    check_kernel(
        attention_grad,
        with_results(arrays, attrs, rng),
        isa=isa,
        rtol=near,
        atol=8 * near * np.sqrt(max(shape[1:3])),
        **attrs,
    )


VARIANTS = {
    "causal": {"causal": True},
    "window": {"window": 5},
    "causal window": {"causal": True, "window": 40},
    "bias": {"bias": True, "forms": ["xxxx"]},
    "bias a head": {"bias": True, "forms": [".xxx"]},
    "bias a key": {"bias": True, "forms": ["x..x"]},
    "bias a query": {"bias": True, "forms": ["..x."]},
    "mask": {"forms": ["xxxx"]},
    "mask of keys": {"forms": ["x..x"]},
    "mask of queries": {"forms": ["x.x."]},
    "two masks, causal": {"forms": ["x..x", "x.x."], "causal": True},
    "mask of all": {"forms": ["..xx"]},
    "three masks": {"forms": ["x..x", ".x..", "..xx"]},
    "dropout": {"rate": 0.3},
    "blank": {"forms": ["x..x", "..x."], "blank": True, "window": 3},
    "all": {"bias": True, "forms": ["x.xx", "x..x"], "causal": True, "window": 60, "rate": 0.25},
}


def check_both_ways(isa, variant, shape, rng):
    arrays, attrs = operands(shape, rng, **VARIANTS[variant])
    near = bound(shape) * 8
    check_kernel(attention, arrays, isa=isa, rtol=near, atol=near, **attrs)
    check_kernel(
        attention_grad,
        with_results(arrays, attrs, rng),
        isa=isa,
        rtol=near,
        atol=near * np.sqrt(max(shape[1:3])),
        **attrs,
    )


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("shape", [(2, 70, 131, 4, 2, 16, 8), (1, 131, 70, 2, 2, 8, 8)], ids=["wide", "high"])
def test_what_hides(isa, variant, shape, rng):
    check_both_ways(isa, variant, shape, rng)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("variant", ["causal", "window", "causal window", "mask", "all"])
@pytest.mark.parametrize(
    "shape", [(8, 330, 100, 8, 4, 5, 6), (1, 100, 1700, 2, 1, 8, 9)], ids=["queries", "keys"]
)
def test_groups_of_blocks(isa, variant, shape, rng):
    """Several blocks of queries pass the keys together, several of keys the queries; some see none of the others."""
    check_both_ways(isa, variant, shape, rng)


@pytest.mark.parametrize("variant", ["causal", "bias a head", "two masks, causal", "dropout", "all"])
def test_gradients_by_differences(variant, rng):
    arrays, attrs = operands((2, 5, 4, 4, 2, 3, 2), rng, **VARIANTS[variant])
    wrt = range(3 + attrs["bias"])

    def first(*floats):
        return attention(*floats, *[Tensor(a) for a in arrays[len(wrt) :]], **attrs)[0]

    check_function(first, arrays[: len(wrt)], rng=rng)


@pytest.mark.parametrize("variant", ["causal", "mask", "dropout", "blank"])
def test_gradients_of_gradients(variant, rng):
    arrays, attrs = operands((1, 3, 4, 2, 1, 3, 2), rng, **VARIANTS[variant])
    dy = rng.standard_normal((1, 3, 2, 2))

    def slope(q, k, v):
        with GradientTape(persistent=True) as tape:
            y = attention(q, k, v, *[Tensor(a) for a in arrays[3:]], **attrs)[0]
            total = ops.sum(y * Tensor(dy))
        dq, dk, dv = tape.gradient(total, [q, k, v])
        return ops.sum(dq * dq) + ops.sum(dk * k) + ops.sum(dv * v * v)

    check_function(slope, arrays[:3], rng=rng)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("blank", [False, True])
def test_a_query_that_sees_nothing(isa, blank, rng):
    """It sees all alike, as a softmax over equal scores has it, or gets 0; its scores pass no gradient on."""
    arrays, attrs = operands((1, 100, 120, 1, 1, 4, 4), rng, causal=True, blank=blank)
    mask = np.ones((1, 1, 100, 1), bool)
    mask[0, 0, [3, 70]] = False
    attrs["masks"] = 1
    check_kernel(attention, [*arrays, mask], isa=isa, rtol=1e-5, atol=1e-6, **attrs)
    y = apply_record(attention, [*arrays, mask], **attrs)[0]
    want = 0 if blank else arrays[2].mean((0, 1, 2))
    np.testing.assert_allclose(y[0, 3, 0], want, rtol=1e-5, atol=1e-6)
    inputs = with_results([*arrays, mask], attrs, rng)
    check_kernel(attention_grad, inputs, isa=isa, rtol=1e-4, atol=1e-5, **attrs)
    assert (apply_record(attention_grad, inputs, **attrs)[0][0, 3] == 0).all()


@pytest.mark.parametrize("isa", ISAS)
def test_large_scores_infinities_and_nans(isa, rng):
    arrays, attrs = operands((1, 40, 200, 1, 1, 8, 8), rng)
    arrays[0] *= 40  # peaks far apart, and far from 0
    check_kernel(attention, arrays, isa=isa, rtol=2e-3, atol=1e-4, **attrs)  # scores of some 100s, rounded
    bias = np.zeros((1, 1, 40, 200), np.float32)
    bias[..., 5, :150] = -np.inf
    bias[..., 6, :] = -np.inf
    attrs["bias"] = True
    check_kernel(attention, [arrays[0] / 40, *arrays[1:], bias], isa=isa, rtol=1e-5, atol=1e-6, **attrs)
    arrays[0][0, 9] = np.nan
    y = apply_record(attention, [arrays[0], *arrays[1:], bias], **attrs)[0]
    np.testing.assert_array_equal(np.isnan(y).any((0, 2, 3)), np.isin(np.arange(40), [6, 9]))


def test_same_bits_on_any_number_of_threads(rng):
    arrays, attrs = operands((1, 200, 500, 2, 1, 32, 32), rng, causal=True, rate=0.1)
    before, seen = config.num_threads() if hasattr(config, "num_threads") else None, []
    try:
        for threads in (1, 2, 3):
            config.set_num_threads(threads)
            inputs = with_results(arrays, attrs, np.random.default_rng(0))
            seen.append([*inputs[-4:-1], *apply_record(attention_grad, inputs, **attrs)])
    finally:
        config.set_num_threads(before)
    for other in seen[1:]:
        for a, b in zip(seen[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_dropout_keeps_its_share():
    ones = np.ones((1, 300, 1, 1), np.float32)
    attrs = {**PLAIN, "scale": 1.0, "rate": 0.4}
    y = apply_record(attention, [ones, ones, ones, np.array([3, 5], np.uint32)], **attrs)[0]
    assert abs(y.mean() - 1) < 5 * np.sqrt(0.4 / 0.6) / 300  # five deviations of the mean of 300 x 300 draws
    assert y.std() > 0.01


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"is_causal": True},
        {"scale": 0.2},
        {"bias": (1, 4, 6, 5)},
        {"mask": (2, 1, 6, 5)},
        {"mask": (2, 1, 1, 5)},
        {"mask": (6, 5), "bias": (2, 1, 1, 5), "is_causal": True},
    ],
    ids=str,
)
def test_dot_product_attention_beside_keras(arguments, rng):
    q, k, v = [rng.standard_normal((2, n, 4, 8)).astype("float32") for n in (6, 5, 5)]
    made = {}
    for name, value in arguments.items():
        if isinstance(value, tuple):
            value = rng.standard_normal(value).astype("float32")
            value = value > -0.5 if name == "mask" else value
        made[name] = value
    want = keras.ops.dot_product_attention(q, k, v, **made)
    np.testing.assert_allclose(ops.dot_product_attention(q, k, v, **made), want, rtol=1e-5, atol=1e-6)


def test_wrong_arguments_are_named():
    x = np.zeros((2, 3, 4, 5), np.float32)
    with pytest.raises(ValueError, match="the heads of `query`, 4, must be a multiple of those of `key`, 3"):
        ops.dot_product_attention(x, x[:, :, :3], x[:, :, :3])
    with pytest.raises(ValueError, match=r"`query` must have the axes .* received shape \(3, 4, 5\)"):
        ops.dot_product_attention(x[0], x, x)
    with pytest.raises(
        ValueError,
        match=r"`mask` must broadcast to .*\(2, 4, 3, 3\), received shape \(1, "
        r"1, 2, 3\)",
    ):
        ops.dot_product_attention(x, x, x, mask=np.ones((2, 3), bool))
    with pytest.raises(ValueError, match="attn_logits_soft_cap"):
        ops.dot_product_attention(x, x, x, attn_logits_soft_cap=3.0)


def test_no_tokens():
    x, none = np.ones((2, 3, 1, 4), np.float32), np.ones((2, 0, 1, 4), np.float32)
    assert ops.dot_product_attention(none, x, x).shape == (2, 0, 1, 4)
    np.testing.assert_array_equal(ops.dot_product_attention(x, none, none), np.zeros((2, 3, 1, 4)))


def test_half_precision_and_double(rng):
    q = rng.standard_normal((1, 5, 2, 4))
    want = ops.dot_product_attention(q, q, q)
    assert want.dtype == "float64"
    got = ops.dot_product_attention(*[q.astype("float16")] * 3)
    assert got.dtype == "float16"
    np.testing.assert_allclose(got, want, atol=4e-3)
