"""csrc/winograd.c against float64, in every table.

Held to twice epsilon times the sum's length n, for numbers in -1..1: the largest of many errors comes to
about half of that. A direct sum in any order is only bounded by n u sum |x k|, about n / 16 times more.
"""

import numpy as np
import pytest
from support import EPS32, ISAS, check_kernel, on_isa, run_kernel, run_maker

from fastnn.engine.lower import Buffer, lower
from fastnn.ops import convolution

# input shape, filters, padding, [planes of the kernel]
CASES = [
    ((2, 16, 16, 16), 16, ((1, 1), (1, 1))),
    ((1, 33, 30, 17), 24, ((0, 0), (0, 0))),  # part words; tiles over the lower and right edge
    ((3, 15, 22, 33), 49, ((2, 1), (0, 2))),  # both paddings uneven; several strips
    ((1, 24, 24, 40), 8, ((0, -1), (-2, 0))),  # the image's rim unused
    ((2, 20, 20, 70), 130, ((1, 1), (1, 1))),  # more filters than a panel, and than a range of them
    ((1, 16, 16, 330), 32, ((1, 1), (1, 1))),  # channels summed in parts
    ((1, 2, 12, 12, 16), 16, ((0, 0), (1, 1), (1, 1))),  # an axis that is not convolved
    ((2, 5, 16, 13, 17), 24, ((1, 1), (1, 1), (1, 1)), 3),
    ((1, 6, 12, 12, 40), 33, ((2, 0), (0, 1), (1, 1)), 2),  # uneven planes in front and behind
]

FLAT = [1, 1, 1, 0, 0]  # one plane of kernel and image, nothing rounded


def _case(case, rng):
    shape, filters, padding, *planes = case
    window = (*planes, 3, 3) if planes else (1,) * (len(shape) - 4) + (3, 3)
    rank = len(window)
    x, kernel = (rng.uniform(-1, 1, s).astype(np.float32) for s in (shape, (*window, shape[-1], filters)))
    attributes = dict(strides=(1,) * rank, padding=padding, dilation=(1,) * rank, groups=1)
    counts = convolution.conv_op.shape(x, kernel, **attributes).shape
    return x, kernel, rng.uniform(-1, 1, counts).astype(np.float32), attributes


def _kernels(op, arrays, shape, **attributes):
    buffers = [Buffer(a.shape, "float32") for a in arrays]
    return [step.kernel for step in lower(op, buffers, [Buffer(shape, "float32")], attributes).instructions]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: "x".join(map(str, (*case[0], case[1]))))
def test_convolution_by_tiles_matches_float64(isa, case, rng):
    _check_by_tiles(isa, *_case(case, rng))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("case", [*CASES[2:4], CASES[-1]], ids=lambda case: "x".join(map(str, case[0])))
def test_convolution_by_tiles_of_operands_rounded_to_bfloat16(isa, case, rng):
    x, kernel, dy, attributes = _case(case, rng)
    with on_isa(isa):  # where bfloat16 has instructions of its own, the direct form may be faster
        _check_by_tiles(isa, x, kernel, dy, {**attributes, "precision": "bfloat16"})


def _check_by_tiles(isa, x, kernel, dy, attributes):
    conv, input_grad, kernel_grad = (
        convolution.conv_op,
        convolution.conv_input_grad_op,
        convolution.conv_kernel_grad_op,
    )
    assert "winograd_f32" in _kernels(conv, [x, kernel], dy.shape, **attributes)
    check_kernel(conv, [x, kernel], isa=isa, atol=2 * EPS32 * kernel[..., 0].size, **attributes)
    attributes["input_shape"] = x.shape
    assert "winograd_f32" in _kernels(input_grad, [dy, kernel], x.shape, **attributes)
    check_kernel(input_grad, [dy, kernel], isa=isa, atol=2 * EPS32 * kernel[..., 0, :].size, **attributes)
    del attributes["input_shape"]
    attributes["kernel_shape"] = kernel.shape
    form = "winograd_kernel_grad_f32"
    if len(attributes["strides"]) == 3 and kernel.shape[0] > 1:
        form = f"conv_kernel_grad_{'bf16' if 'precision' in attributes else 'f32'}"
    assert form in _kernels(kernel_grad, [x, dy], kernel.shape, **attributes)
    check_kernel(kernel_grad, [x, dy], isa=isa, atol=2 * EPS32 * dy[..., 0].size, **attributes)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("activation", [None, "relu", "leaky_relu", "tanh"])
def test_bias_and_activation_match_float64(isa, activation, rng):
    x, kernel, _, attributes = _case(((2, 14, 13, 16), 19, ((1, 1), (1, 1))), rng)
    bias = rng.uniform(-1, 1, 19).astype(np.float32)
    for inputs in ([x, kernel, bias], [x, kernel]):
        check_kernel(
            convolution.conv_bias_act_op,
            inputs,
            isa=isa,
            atol=2 * EPS32 * 150,
            alpha=0.25,
            activation=activation,
            **attributes,
        )


@pytest.mark.parametrize("isa", ISAS)
def test_a_nan_reaches_every_output_that_sees_it(isa, rng):
    x, kernel, _, attributes = _case(((1, 16, 16, 16), 16, ((1, 1), (1, 1))), rng)
    x[0, 5, 6, 3] = np.nan
    y = np.zeros((1, 16, 16, 16), np.float32)
    points = run_maker(isa, "winograd_kernel_f32", kernel, [16, 16, 1, 0])
    run_kernel(isa, "winograd_f32", [x, points], [y], [1, 16, 16, 16, 16, 16, 16, 1, 1, *FLAT, 0, 1], [0.0])
    assert np.isnan(y[0, 4:7, 5:8]).all()
    assert np.isfinite(y[0, 8:]).all() and np.isfinite(y[0, :, 12:]).all()


@pytest.mark.parametrize("isa", ISAS)
def test_the_bits_do_not_depend_on_threads(isa, rng):
    x, kernel, dy, _ = _case(((5, 21, 18, 24), 40, ((1, 1), (1, 1))), rng)
    sizes, results = [5, 21, 18, 24, 21, 18, 40, 1, 1, *FLAT], []
    for threads in (1, 2, 3):
        y, partial = (np.full(shape, np.nan, np.float32) for shape in (dy.shape, (3, *kernel.shape)))
        points = run_maker(isa, "winograd_kernel_f32", kernel, [24, 40, 1, 0], threads)
        run_kernel(isa, "winograd_f32", [x, points], [y], [*sizes, 0, 0], [0.0], threads)
        run_kernel(isa, "winograd_kernel_grad_f32", [x, dy], [partial], [*sizes, 3], threads=threads)
        results.append((y, partial))
    for other in results[1:]:
        for got, want in zip(other, results[0], strict=True):
            np.testing.assert_array_equal(got, want)
