"""csrc/depthwise.c against float64, in every table: odd channels, strides, padding, dilation."""

import math

import numpy as np
import pytest
from support import EPS32, ISAS, check_convolution, check_kernel, run_kernel

from fastnn.engine.lower import Buffer, lower
from fastnn.ops import convolution

# input shape, window, strides, padding, dilation, [filters a channel]
CASES = [
    ((2, 9, 8, 16), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1)),
    ((2, 13, 30, 19), (3, 3), (2, 2), ((0, 1), (1, 0)), (1, 1)),
    ((1, 9, 11, 5), (5, 4), (2, 3), ((2, 1), (1, 2)), (2, 3)),  # strides share dilation's factor
    ((1, 3, 2, 9), (5, 5), (1, 1), ((2, 2), (2, 2)), (1, 1)),  # a window larger than the image
    ((1, 4, 4, 8), (1, 1), (2, 2), ((0, 0), (0, 0)), (1, 1)),  # cells of dx that no window sees
    ((1, 6, 7, 33), (2, 2), (3, 3), ((0, -2), (-1, 0)), (1, 1)),
    ((2, 50, 7), (4,), (1,), ((3, 0),), (2,)),
    ((1, 4, 5, 6, 3), (2, 3, 2), (1, 2, 2), ((0, 1), (1, 1), (0, 0)), (1, 1, 1)),
    ((0, 5, 5, 4), (3, 3), (1, 1), ((0, 0), (0, 0)), (1, 1)),
    ((1, 5, 300, 17), (3, 3), (1, 2), ((1, 1), (1, 0)), (1, 1)),  # lines in several runs
    ((1, 40, 20, 70), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1)),  # an image in bands
    ((1, 9, 40, 512), (5, 3), (2, 1), ((2, 2), (1, 1)), (1, 1)),  # blocks of channels
    ((1, 7, 45, 48), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1)),  # most of a line read in place
    ((2, 9, 70, 32), (3, 5), (1, 2), ((0, 2), (2, 1)), (2, 1)),
    ((1, 5, 300, 16), (1, 3), (1, 1), ((0, 0), (1, -2)), (1, 1)),
    ((2, 9, 8, 5), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 2),
    ((1, 9, 11, 7), (3, 2), (2, 3), ((1, 0), (1, 1)), (2, 1), 3),
    (
        (1, 6, 120, 100),
        (7, 7),
        (1, 1),
        ((3, 3), (3, 3)),
        (1, 1),
        5,
    ),  # blocks that keep a channel's filters together
]


def _case(case, rng):
    shape, window, strides, padding, dilation, *multiplier = case
    filters = shape[-1] * math.prod(multiplier)
    attributes = dict(strides=strides, padding=padding, dilation=dilation, groups=shape[-1])
    x, kernel = (rng.uniform(-1, 1, s).astype(np.float32) for s in (shape, (*window, 1, filters)))
    counts = convolution.conv_op.shape(x, kernel, **attributes).shape
    return x, kernel, rng.uniform(-1, 1, counts).astype(np.float32), attributes


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: "x".join(map(str, (*case[0], *case[5:]))))
def test_depthwise_convolution_matches_float64(isa, case, rng):
    x, kernel, dy, attributes = _case(case, rng)
    check_convolution(x, kernel, dy, isa=isa, **attributes)


def test_the_kernels_of_their_own_are_taken(rng):
    x, kernel, dy, attributes = _case(CASES[0], rng)
    input_grad, kernel_grad = convolution.conv_input_grad_op, convolution.conv_kernel_grad_op
    for op, inputs, output, name, extra in (
        (convolution.conv_op, (x, kernel), dy, "depthwise_f32", {}),
        (input_grad, (dy, kernel), x, "depthwise_input_grad_f32", {"input_shape": x.shape}),
        (kernel_grad, (x, dy), kernel, "depthwise_kernel_grad_f32", {"kernel_shape": kernel.shape}),
    ):
        buffers = [Buffer(a.shape, "float32") for a in inputs]
        low = lower(op, buffers, [Buffer(output.shape, "float32")], {**attributes, **extra})
        assert name in [step.kernel for step in low.instructions]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("activation", [None, "relu", "leaky_relu", "sigmoid"])
def test_bias_and_activation_match_float64(isa, activation, rng):
    x, kernel, _, attributes = _case(CASES[1], rng)
    bias = rng.uniform(-1, 1, 19).astype(np.float32)
    for inputs in ([x, kernel, bias], [x, kernel]):
        check_kernel(
            convolution.conv_bias_act_op,
            inputs,
            isa=isa,
            atol=EPS32 * 10,
            activation=activation,
            alpha=0.25,
            **attributes,
        )


@pytest.mark.parametrize("isa", ISAS)
def test_nan_and_infinity_reach_the_outputs_that_see_them(isa):
    x = np.zeros((1, 4, 4, 9), np.float32)
    x[0, 0, 0, 0], x[0, 3, 3, 8] = np.nan, np.inf
    y = np.full((1, 3, 3, 9), 7, np.float32)
    sizes = [1, 1, 4, 4, 9, 1, 3, 3, 9, 1, 2, 2, 1, 1, 1, 0, 0, 0, 1, 1, 1, 9]
    run_kernel(isa, "depthwise_f32", [x, np.ones((2, 2, 1, 9), np.float32)], [y], [*sizes, 0, 1], [0.0])
    assert np.isnan(y[0, 0, 0, 0]) and np.isinf(y[0, 2, 2, 8]) and np.isfinite(y).sum() == 81 - 2


@pytest.mark.parametrize("isa", ISAS)
def test_the_bits_do_not_depend_on_threads(isa, rng):
    x, kernel, dy, _ = _case(((6, 19, 21, 24), (3, 3), (2, 2), ((0, 1), (1, 1)), (1, 1)), rng)
    sizes = [6, 1, 19, 21, 24, 1, *dy.shape[1:], 1, 3, 3, 1, 2, 2, 0, 0, 1, 1, 1, 1, 24]
    results = []
    for threads in (1, 2, 3):
        y, dx, partial = (np.full(s, np.nan, np.float32) for s in (dy.shape, x.shape, (4, *kernel.shape)))
        run_kernel(isa, "depthwise_f32", [x, kernel], [y], [*sizes, 0, 0], [0.0], threads)
        run_kernel(isa, "depthwise_input_grad_f32", [dy, kernel], [dx], sizes, threads=threads)
        run_kernel(isa, "depthwise_kernel_grad_f32", [x, dy], [partial], [*sizes, 4], threads=threads)
        results.append((y, dx, partial))
    for other in results[1:]:
        for got, want in zip(other, results[0], strict=True):
            np.testing.assert_array_equal(got, want)
