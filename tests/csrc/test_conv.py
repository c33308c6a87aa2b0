"""csrc/conv.c and conv_grad.c against float64, in every table: odd channels, strides, padding, dilation."""

import numpy as np
import pytest
from support import EPS32, ISAS, check_convolution, check_kernel, run_kernel, run_maker

from fastnn.ops import convolution

# input shape, kernel shape, strides, padding, dilation, groups
CASES = [
    ((2, 9, 9, 1), (3, 3, 1, 16), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    ((2, 9, 8, 3), (3, 3, 3, 17), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    ((3, 8, 9, 16), (3, 3, 16, 16), (2, 2), ((0, 1), (0, 1)), (1, 1), 1),
    ((3, 13, 7, 33), (3, 3, 33, 5), (2, 1), ((1, 1), (1, 1)), (1, 1), 1),
    ((1, 4, 4, 70), (3, 3, 70, 49), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),  # depth in several parts
    ((1, 3, 3, 330), (2, 2, 330, 4), (1, 1), ((1, 0), (0, 1)), (1, 1), 1),  # parts of a tap
    ((2, 7, 9, 5), (2, 3, 5, 8), (3, 2), ((1, 3), (2, 0)), (2, 3), 1),
    ((1, 9, 10, 4), (3, 3, 4, 6), (2, 3), ((2, 1), (1, 2)), (2, 3), 1),  # strides share dilation's factor
    ((2, 6, 6, 6), (3, 2, 2, 9), (1, 2), ((1, 1), (0, 1)), (1, 1), 3),
    ((2, 5, 6, 8), (1, 1, 4, 8), (2, 2), ((0, 0), (0, 0)), (1, 1), 2),
    ((2, 5, 6, 12), (1, 1, 12, 20), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),  # a plain product
    ((2, 5, 6, 12), (1, 1, 12, 20), (2, 2), ((0, 0), (0, 0)), (1, 1), 1),
    ((1, 2, 2, 3), (5, 5, 3, 4), (1, 1), ((2, 2), (2, 2)), (1, 1), 1),  # a window larger than the image
    ((1, 3, 3, 2), (2, 2, 2, 3), (1, 1), ((2, 2), (3, 2)), (1, 1), 1),  # windows of padding alone
    ((2, 7, 7, 4), (2, 2, 4, 3), (3, 3), ((0, -2), (-1, 0)), (1, 1), 1),
    ((2, 700, 2), (4, 2, 3), (1,), ((3, 0),), (1,), 1),  # one axis, lines cut into pieces
    ((2, 3, 500, 2), (2, 3, 2, 5), (1, 2), ((1, 0), (1, 1)), (1, 1), 1),
    ((2, 6, 7, 8), (3, 3, 4, 42), (1, 1), ((1, 1), (1, 1)), (1, 1), 2),  # packed filters of groups
    ((40, 4, 4, 2), (3, 3, 2, 3), (2, 2), ((0, 1), (0, 1)), (1, 1), 1),  # several images in a block
    ((1, 4, 5, 6, 3), (2, 3, 2, 3, 5), (1, 2, 2), ((0, 1), (1, 1), (0, 0)), (1, 1, 1), 1),
    ((0, 5, 5, 3), (3, 3, 3, 4), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    # few pixels that see a large kernel: a product of what they see
    ((1, 5, 4, 300), (3, 3, 300, 100), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    ((2, 9, 8, 130), (3, 2, 130, 340), (2, 3), ((2, 0), (1, 2)), (2, 1), 1),
    ((1, 2, 3, 4, 110), (2, 3, 3, 110, 140), (1, 2, 1), ((1, -1), (0, 3), (1, 0)), (1, 1, 2), 1),
    ((1, 2, 2, 600), (3, 3, 600, 50), (2, 2), ((2, 4), (3, 2)), (1, 1), 1),  # pixels that see padding alone
    # windows that do not overlap
    ((2, 9, 7, 6), (2, 3, 6, 9), (2, 3), ((0, 0), (0, 0)), (1, 1), 1),
    ((3, 8, 11, 4), (1, 2, 4, 5), (2, 3), ((0, 0), (0, 0)), (1, 1), 1),
    ((2, 5, 4, 6, 7), (1, 1, 1, 7, 9), (2, 1, 3), ((0, 0), (0, 0), (0, 0)), (1, 1, 1), 1),
    ((2, 4, 6, 6, 3), (2, 2, 2, 3, 4), (2, 2, 2), ((0, 0), (0, 0), (0, 0)), (1, 1, 1), 1),
    ((2, 40, 3), (4, 3, 8), (5,), ((0, 0),), (1,), 1),
    # by planes: few filters, forward or backward, and the kernel's gradient with many channels or few filters
    ((2, 13, 30, 9), (3, 3, 9, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    ((1, 40, 41, 3), (5, 4, 3, 40), (2, 3), ((2, 1), (1, 2)), (1, 1), 1),  # few channels, in phases
    ((2, 15, 17, 48), (3, 3, 48, 20), (2, 2), ((0, 1), (1, 0)), (1, 1), 1),
    ((3, 8, 8, 50), (1, 1, 50, 70), (2, 3), ((0, 0), (0, 0)), (1, 1), 1),  # lines and cells that no tap reads
    ((1, 14, 14, 130), (3, 2, 130, 6), (1, 2), ((1, 1), (0, 1)), (2, 3), 1),  # channels in parts and in cuts
    ((2, 12, 13, 24), (3, 3, 8, 15), (2, 1), ((1, 1), (1, 1)), (1, 2), 3),
    ((1, 6, 7, 9, 10), (2, 3, 3, 10, 2), (2, 1, 2), ((0, 1), (1, 1), (1, 0)), (1, 2, 1), 1),
    (
        (1, 19, 20, 1),
        (19, 20, 1, 2),
        (1, 1),
        ((0, 0), (0, 0)),
        (1, 1),
        1,
    ),  # more taps than are listed at once
]


def _attributes(case):
    return dict(zip(("strides", "padding", "dilation", "groups"), case[2:], strict=True))


def _arrays(case, rng):
    x, kernel = (rng.uniform(-1, 1, shape).astype(np.float32) for shape in case[:2])
    counts = convolution.conv_op.shape(x, kernel, **_attributes(case)).shape
    return x, kernel, rng.uniform(-1, 1, counts).astype(np.float32)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{'x'.join(map(str, case[0]))}-{case[5]}")
def test_convolution_matches_float64(isa, case, rng):
    x, kernel, dy = _arrays(case, rng)
    check_convolution(x, kernel, dy, isa=isa, **_attributes(case))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("kernel_shape", [(3, 3, 3, 19), (1, 1, 3, 19), (3, 3, 3, 2)])
def test_bias_and_activation_match_float64(isa, kernel_shape, rng):
    shapes = (2, 6, 7, 3), kernel_shape, kernel_shape[-1:]
    x, kernel, bias = (rng.uniform(-1, 1, shape).astype(np.float32) for shape in shapes)
    attributes = dict(strides=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1)
    for activation, alpha in ((None, 0.0), ("relu", 0.0), ("leaky_relu", 0.25)):
        check_kernel(
            convolution.conv_bias_act_op,
            [x, kernel, bias],
            isa=isa,
            atol=EPS32 * 30,
            activation=activation,
            alpha=alpha,
            **attributes,
        )
    check_kernel(
        convolution.conv_bias_act_op, [x, kernel], isa=isa, atol=EPS32 * 30, activation="relu", **attributes
    )


@pytest.mark.parametrize("isa", ISAS)
def test_nan_and_infinity_reach_the_outputs_that_see_them(isa):
    x = np.zeros((1, 4, 4, 3), np.float32)
    x[0, 0, 0, 0], x[0, 3, 3, 2] = np.nan, np.inf
    kernel = np.ones((2, 2, 3, 5), np.float32)
    y = np.full((1, 3, 3, 5), 7, np.float32)
    sizes = [1, 1, 4, 4, 3, 1, 3, 3, 5, 1, 2, 2, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1]
    run_kernel(isa, "conv_f32", [x, kernel], [y], [*sizes, 0, 0, 1], [0.0])
    assert np.isnan(y[0, 0, 0]).all() and np.isinf(y[0, 2, 2]).all() and np.isfinite(y).sum() == 7 * 5


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("channels, filters", [(24, 40), (56, 3), (3, 24), (96, 32)])
def test_the_bits_do_not_depend_on_threads(isa, channels, filters, rng):
    case = ((6, 19, 19, channels), (3, 3, channels, filters), (2, 2), ((0, 1), (1, 1)), (1, 1), 1)
    x, kernel, dy = _arrays(case, rng)
    sizes = [6, 1, 19, 19, channels, 1, *dy.shape[1:], 1, 3, 3, 1, 2, 2, 0, 0, 1, 1, 1, 1, 1]
    results = []
    for threads in (1, 2, 3):
        y, dx, partial = (
            np.full(shape, np.nan, np.float32) for shape in (dy.shape, x.shape, (4, *kernel.shape))
        )
        run_kernel(isa, "conv_f32", [x, kernel], [y], [*sizes, 0, 0, 0], [0.0], threads)
        flipped = run_maker(isa, "conv_flip_f32", kernel, [*sizes, 1], threads)
        run_kernel(isa, "conv_input_grad_f32", [dy, flipped], [dx], sizes, threads=threads)
        run_kernel(isa, "conv_kernel_grad_f32", [x, dy], [partial], [*sizes, 4], threads=threads)
        total = np.full_like(kernel, np.nan)
        run_kernel(isa, "conv_kernel_sum_f32", [partial], [total], [4, kernel.size], threads=threads)
        results.append((y, dx, total))
    for other in results[1:]:
        for got, want in zip(other, results[0], strict=True):
            np.testing.assert_array_equal(got, want)
    want = convolution.conv_op.reference(x.astype(float), kernel.astype(float), **_attributes(case))
    np.testing.assert_allclose(results[0][0], want, atol=EPS32 * 9 * channels, rtol=0)
