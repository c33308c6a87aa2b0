"""Products and convolutions of bfloat16 operands in every table, against float64 sums of operands rounded first."""

import numpy as np
import pytest
from support import (
    EPS32,
    ISAS_BF16,
    activated,
    check_convolution,
    check_kernel,
    rounded_to_bf16,
    run_kernel,
    run_maker,
)

from fastnn.ops import convolution

# On both sides of: a tile's rows and columns, a word and a pair, the depths where k is cut, more rows than columns.
SIZES = [
    (1, 1, 1),
    (5, 7, 3),
    (6, 16, 8),
    (7, 17, 9),
    (8, 48, 16),
    (9, 15, 385),
    (13, 33, 512),
    (33, 49, 513),
    (70, 130, 1029),
    (1, 100, 50),
    (100, 2, 784),
    (300, 10, 31),
    (257, 49, 2),
    (3, 5, 0),
    (0, 5, 3),
    (64, 430, 96),
    (55, 1, 7),
    (31, 97, 33),
]


def _operands(rng, *shapes):
    return [rng.standard_normal(shape).astype("float32") for shape in shapes]


def _wide(x):
    return rounded_to_bf16(x).astype("float64")


@pytest.mark.parametrize("isa", ISAS_BF16)
@pytest.mark.parametrize("m, n, k", SIZES)
@pytest.mark.parametrize("ta", [False, True])
@pytest.mark.parametrize("tb", [False, True])
def test_product(isa, m, n, k, ta, tb, rng):
    a, b = _operands(rng, (k, m) if ta else (m, k), (n, k) if tb else (k, n))
    c = np.full((m, n), np.nan, "float32")
    run_kernel(isa, f"gemm_{'nt'[ta]}{'nt'[tb]}_bf16", [a, b], [c], [m, n, k, 0, 0], [0.0], threads=2)
    a64, b64 = _wide(a.T if ta else a), _wide(b.T if tb else b)
    atol = EPS32 * np.sqrt(k + 1) * 8 * (np.abs(a64).max(initial=0) * np.abs(b64).max(initial=0))
    np.testing.assert_allclose(c, a64 @ b64, rtol=0, atol=atol)


@pytest.mark.parametrize("isa", ISAS_BF16)
@pytest.mark.parametrize("m, n, k", [(200, 64, 40), (40, 900, 700), (4, 300, 200)])
def test_same_bits_on_any_number_of_threads(isa, m, n, k, rng):
    a, b = _operands(rng, (m, k), (n, k))
    results = []
    for threads in (1, 2, 3):
        c = np.full((m, n), np.nan, "float32")
        run_kernel(isa, "gemm_nt_bf16", [a, b], [c], [m, n, k, 0, 0], [0.0], threads=threads)
        results.append(c)
    assert (results[0] == results[1]).all() and (results[0] == results[2]).all()


@pytest.mark.parametrize("isa", ISAS_BF16)
@pytest.mark.parametrize("activation", range(6))
@pytest.mark.parametrize("m, n, k", [(9, 35, 21), (60, 20, 600), (4, 6, 0)])
def test_epilogue(isa, activation, m, n, k, rng):
    a, b = (x / np.float32(np.sqrt(k + 1)) for x in _operands(rng, (m, k), (k, n)))
    bias = rng.standard_normal(n).astype("float32")
    c = np.full((m, n), np.nan, "float32")
    run_kernel(isa, "gemm_nn_bf16", [a, b, bias], [c], [m, n, k, 1, activation], [0.25])
    z = _wide(a) @ _wide(b) + bias
    want = activated(z, activation, 0.25)
    np.testing.assert_allclose(c, want, rtol=0, atol=EPS32 * (8 + 8 * np.sqrt(k)))


@pytest.mark.parametrize("isa", ISAS_BF16)
def test_batches_and_repeated_operands(isa, rng):
    a, b = _operands(rng, (3, 4, 7, 21), (4, 21, 18))
    c = np.full((3, 4, 7, 18), np.nan, "float32")
    sizes = [7, 18, 21, 0, 0, 3, 4 * 7 * 21, 0, 4, 7 * 21, 21 * 18]
    run_kernel(isa, "gemm_nn_bf16", [a, b], [c], sizes, [0.0], threads=2)
    np.testing.assert_allclose(c, _wide(a) @ _wide(b), rtol=0, atol=EPS32 * 100)


@pytest.mark.parametrize("isa", ISAS_BF16)
def test_rounding_is_to_nearest_even_and_keeps_what_is_not_finite(isa):
    ulp = 2.0**-7  # of bfloat16 at 1
    a = np.array(
        [
            1,
            1 + ulp / 2,
            1 + 3 * ulp / 2,
            1 + ulp / 2 + 2**-20,
            -1 - ulp / 2,
            3.4e38,
            -3.4e38,
            np.inf,
            np.nan,
        ],
        "float32",
    )
    want = np.array([1, 1, 1 + 2 * ulp, 1 + ulp, -1, np.inf, -np.inf, np.inf, np.nan], "float32")
    c = np.empty((9, 1), "float32")
    run_kernel(isa, "gemm_nn_bf16", [a, np.ones(1, "float32")], [c], [9, 1, 1, 0, 0], [0.0])
    np.testing.assert_array_equal(c[:, 0], want)
    np.testing.assert_array_equal(rounded_to_bf16(a), want)
    a = np.full((3, 4), 1, "float32")  # a NaN whose bits below bfloat16's are its only ones
    a[1, 3:] = np.array([0x7F800001], "uint32").view("float32")
    run_kernel(isa, "gemm_nn_bf16", [a, np.ones(4, "float32")], [c], [3, 1, 4, 0, 0], [0.0])
    np.testing.assert_array_equal(c[:3, 0], [4, np.nan, 4])


# input shape, kernel shape, strides, padding, dilation, groups: odd channels and images, edges, phases, few filters.
CONVOLUTIONS = [
    ((2, 9, 9, 1), (3, 3, 1, 16), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    ((3, 9, 8, 3), (3, 3, 3, 17), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    ((3, 13, 7, 33), (3, 3, 33, 5), (2, 1), ((1, 1), (1, 1)), (1, 1), 1),
    ((1, 4, 4, 70), (3, 3, 70, 49), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    ((1, 3, 3, 661), (2, 2, 661, 20), (1, 1), ((1, 0), (0, 1)), (1, 1), 1),  # parts of a tap
    ((1, 9, 10, 4), (3, 3, 4, 6), (2, 3), ((2, 1), (1, 2)), (2, 3), 1),
    ((2, 6, 6, 6), (3, 2, 2, 9), (1, 2), ((1, 1), (0, 1)), (1, 1), 3),
    ((2, 5, 6, 12), (1, 1, 12, 20), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),  # a plain product
    ((2, 5, 6, 12), (1, 1, 12, 20), (2, 2), ((0, 0), (0, 0)), (1, 1), 1),
    ((2, 7, 7, 4), (2, 2, 4, 3), (3, 3), ((0, -2), (-1, 0)), (1, 1), 1),
    ((2, 700, 2), (4, 2, 3), (1,), ((3, 0),), (1,), 1),
    (
        (2, 6, 7, 6),
        (3, 3, 3, 42),
        (1, 1),
        ((1, 1), (1, 1)),
        (1, 1),
        2,
    ),  # an odd number of channels in a group
    ((41, 4, 4, 2), (3, 3, 2, 3), (2, 2), ((0, 1), (0, 1)), (1, 1), 1),
    ((3, 4, 5, 6, 3), (2, 3, 2, 3, 5), (1, 2, 2), ((0, 1), (1, 1), (0, 0)), (1, 1, 1), 1),
    ((0, 5, 5, 3), (3, 3, 3, 4), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    ((5, 15, 17, 49), (3, 3, 49, 20), (2, 2), ((0, 1), (1, 0)), (1, 1), 1),
    ((1, 14, 14, 131), (3, 2, 131, 6), (1, 2), ((1, 1), (0, 1)), (2, 3), 1),
    ((5, 8, 8, 32), (3, 3, 32, 64), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    ((1, 19, 20, 1), (19, 20, 1, 2), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    ((3, 6, 7, 9, 42), (2, 3, 3, 42, 3), (2, 1, 2), ((0, 1), (1, 1), (1, 0)), (1, 2, 1), 1),
]


@pytest.mark.parametrize("isa", ISAS_BF16)
@pytest.mark.parametrize("case", CONVOLUTIONS, ids=lambda case: f"{'x'.join(map(str, case[0]))}-{case[5]}")
def test_convolution_and_both_gradients(isa, case, rng):
    attributes = dict(zip(("strides", "padding", "dilation", "groups"), case[2:], strict=True))
    x, kernel = (rng.uniform(-1, 1, shape).astype(np.float32) for shape in case[:2])
    counts = convolution.conv_op.shape(x, kernel, **attributes).shape
    dy = rng.uniform(-1, 1, counts).astype(np.float32)
    check_convolution(x, kernel, dy, isa=isa, precision="bfloat16", **attributes)


@pytest.mark.parametrize("isa", ISAS_BF16)
def test_convolution_with_bias_and_activation(isa, rng):
    shapes = (3, 6, 7, 5), (3, 3, 5, 19), (19,)
    x, kernel, bias = (rng.uniform(-1, 1, shape).astype(np.float32) for shape in shapes)
    attributes = dict(strides=(1, 1), padding=((0, 0), (1, 0)), dilation=(1, 1), groups=1)
    for activation in ("relu", "tanh"):
        check_kernel(
            convolution.conv_bias_act_op,
            [x, kernel, bias],
            isa=isa,
            atol=EPS32 * 45,
            activation=activation,
            precision="bfloat16",
            **attributes,
        )


@pytest.mark.parametrize("isa", ISAS_BF16)
@pytest.mark.parametrize("channels, filters", [(24, 40), (57, 3), (3, 24)])
def test_bits_of_convolutions_do_not_depend_on_threads(isa, channels, filters, rng):
    x, kernel, dy = _operands(rng, (7, 15, 15, channels), (3, 3, channels, filters), (7, 7, 7, filters))
    sizes = [7, 1, 15, 15, channels, 1, *dy.shape[1:], 1, 3, 3, 1, 2, 2, 0, 0, 0, 1, 1, 1, 1]
    results = []
    for threads in (1, 2, 3):
        y, dx, partial = (
            np.full(shape, np.nan, np.float32) for shape in (dy.shape, x.shape, (4, *kernel.shape))
        )
        packed = run_maker(isa, "conv_pack_bf16", kernel, sizes, threads)
        run_kernel(isa, "conv_bf16", [x, packed], [y], [*sizes, 1, 0, 0], [0.0], threads)
        flipped = run_maker(isa, "conv_flip_bf16", kernel, [*sizes, 1], threads)
        run_kernel(isa, "conv_input_grad_bf16", [dy, flipped], [dx], sizes, threads=threads)
        run_kernel(isa, "conv_kernel_grad_bf16", [x, dy], [partial], [*sizes, 4], threads=threads)
        results.append((y, dx, partial))
    for other in results[1:]:
        for got, want in zip(other, results[0], strict=True):
            np.testing.assert_array_equal(got, want)
