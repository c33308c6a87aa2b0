"""Convolution: references by finite differences and adjoints, public functions against Keras, errors."""

import keras
import numpy as np
import pytest
from support import EPS32, apply_record, check_gradient

import fastnn
from fastnn import GradientTape, ops
from fastnn.engine.tensor import Tensor
from fastnn.ops import convolution

# input shape, kernel shape, strides, padding, dilation, groups
CASES = [
    ((2, 5, 6, 3), (3, 3, 3, 4), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    ((2, 6, 5, 4), (3, 2, 2, 6), (2, 1), ((1, 1), (0, 1)), (1, 1), 2),
    ((1, 7, 7, 3), (2, 3, 1, 6), (1, 2), ((0, 2), (2, 1)), (2, 2), 3),
    ((2, 9, 2), (3, 2, 3), (2,), ((2, 0),), (1,), 1),
    ((1, 4, 3, 5, 2), (2, 2, 3, 2, 3), (1, 2, 2), ((0, 1), (0, 0), (1, 1)), (1, 1, 1), 1),
    ((1, 6, 6, 2), (2, 2, 2, 3), (3, 3), ((0, -2), (0, -1)), (1, 1), 1),  # rows that no window touches
]


def _attributes(case):
    return dict(zip(("strides", "padding", "dilation", "groups"), case[2:], strict=True))


@pytest.mark.parametrize("case", CASES, ids=lambda case: "x".join(map(str, case[0])))
def test_gradients_by_finite_differences_and_adjoints(case, rng):
    x, kernel = rng.standard_normal(case[0]), rng.standard_normal(case[1])
    attributes = _attributes(case)
    y = apply_record(convolution.conv_op, [x, kernel], **attributes)[0]
    dy = rng.standard_normal(y.shape)
    check_gradient(convolution.conv_op, [x, kernel], rng=rng, **attributes)
    check_gradient(convolution.conv_input_grad_op, [dy, kernel], rng=rng, input_shape=x.shape, **attributes)
    check_gradient(convolution.conv_kernel_grad_op, [x, dy], rng=rng, kernel_shape=kernel.shape, **attributes)
    dx = apply_record(convolution.conv_input_grad_op, [dy, kernel], input_shape=x.shape, **attributes)[0]
    dkernel = apply_record(convolution.conv_kernel_grad_op, [x, dy], kernel_shape=kernel.shape, **attributes)[
        0
    ]
    np.testing.assert_allclose([np.vdot(dx, x), np.vdot(dkernel, kernel)], np.vdot(dy, y), rtol=1e-12)


@pytest.mark.parametrize(
    "activation, alpha",
    [(None, 0.0), ("relu", 0.0), ("leaky_relu", 0.3), ("sigmoid", 0.0), ("tanh", 0.0), ("elu", 0.5)],
)
def test_the_fused_record_is_its_parts(activation, alpha, rng):
    x, kernel, bias = (rng.standard_normal(shape) for shape in ((2, 4, 5, 2), (2, 3, 2, 3), (3,)))
    attributes = dict(strides=(1, 1), padding=((1, 0), (0, 1)), dilation=(1, 1), groups=1)
    fused = dict(activation=activation, alpha=alpha, **attributes)
    y = convolution.conv_bias_act_op(*map(convolution.convert, (x, kernel, bias)), **fused).numpy()
    plain = convolution.conv_op.reference(x, kernel, **attributes) + bias
    slope = np.where(plain > 0, plain, alpha * plain)
    want = {
        None: plain,
        "relu": np.maximum(plain, 0),
        "leaky_relu": slope,
        "sigmoid": 1 / (1 + np.exp(-plain)),
        "tanh": np.tanh(plain),
        "elu": np.where(plain > 0, plain, alpha * np.expm1(plain)),
    }[activation]
    np.testing.assert_allclose(y, want, rtol=1e-12)
    check_gradient(convolution.conv_bias_act_op, [x, kernel, bias], rng=rng, **fused)


def test_the_definition_by_loops(rng):
    x, kernel = rng.standard_normal((1, 4, 5, 4)), rng.standard_normal((2, 3, 2, 6))
    y = convolution.conv_op.reference(
        x, kernel, strides=(2, 1), padding=((1, 0), (0, 1)), dilation=(1, 1), groups=2
    )
    padded = np.pad(x, ((0, 0), (1, 0), (0, 1), (0, 0)))
    for i, j, o in np.ndindex(y.shape[1:]):
        block = slice(0, 2) if o < 3 else slice(2, 4)
        want = (padded[0, 2 * i : 2 * i + 2, j : j + 3, block] * kernel[..., o]).sum()
        np.testing.assert_allclose(y[0, i, j, o], want, rtol=1e-12)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(
    "shape, window, filters, groups, strides, padding, dilation",
    [
        ((2, 7, 8, 3), (3, 3), 5, 1, 1, "valid", 1),
        ((2, 7, 8, 3), (3, 2), 4, 1, (2, 3), "same", 1),
        ((1, 9, 8, 6), (2, 3), 4, 2, 1, "same", (2, 1)),
        ((2, 9, 4), (3,), 5, 1, 2, "same", 1),
        ((1, 4, 5, 6, 2), (2, 3, 2), 3, 1, (1, 2, 2), "same", 1),
        ((2, 6, 6, 4), (1, 1), 8, 1, 2, "valid", 1),
    ],
)
def test_conv_matches_keras(shape, window, filters, groups, strides, padding, dilation, data_format, rng):
    x = rng.standard_normal(shape).astype(np.float32)
    kernel = rng.standard_normal((*window, shape[-1] // groups, filters)).astype(np.float32)
    if data_format == "channels_first":
        x = np.moveaxis(x, -1, 1)
    arguments = dict(strides=strides, padding=padding, data_format=data_format, dilation_rate=dilation)
    got, want = convolution.conv(x, kernel, **arguments), keras.ops.conv(x, kernel, **arguments)
    assert got.dtype == "float32"
    np.testing.assert_allclose(got, want, rtol=0, atol=EPS32 * 8 * kernel[..., 0].size)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(
    "shape, multiplier, strides, padding, dilation",
    [
        ((2, 7, 8, 3), 1, 1, "valid", 1),
        ((2, 7, 8, 5), 3, 2, "same", 1),
        ((1, 7, 8, 2), 2, 1, "same", 2),
        ((2, 9, 4), 2, 2, "same", 1),
    ],
)
def test_depthwise_and_separable_match_keras(shape, multiplier, strides, padding, dilation, data_format, rng):
    rank = len(shape) - 2
    x = rng.standard_normal(shape).astype(np.float32)
    kernel = rng.standard_normal((3, 2)[:rank] + (shape[-1], multiplier)).astype(np.float32)
    pointwise = rng.standard_normal((1,) * rank + (shape[-1] * multiplier, 5)).astype(np.float32)
    if data_format == "channels_first":
        x = np.moveaxis(x, -1, 1)
    arguments = dict(strides=strides, padding=padding, data_format=data_format, dilation_rate=dilation)
    np.testing.assert_allclose(
        convolution.depthwise_conv(x, kernel, **arguments),
        keras.ops.depthwise_conv(x, kernel, **arguments),
        rtol=0,
        atol=EPS32 * 60,
    )
    np.testing.assert_allclose(
        convolution.separable_conv(x, kernel, pointwise, **arguments),
        keras.ops.separable_conv(x, kernel, pointwise, **arguments),
        rtol=0,
        atol=EPS32 * 600,
    )


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(
    "shape, window, strides, padding, output_padding, dilation",
    [
        ((2, 4, 5, 3), (3, 3), 1, "valid", None, 1),
        ((2, 4, 5, 3), (3, 2), 2, "same", None, 1),
        ((1, 4, 5, 3), (2, 2), 3, "valid", None, 1),  # stride beyond the window: columns of zeros
        ((1, 4, 5, 3), (2, 1), 3, "same", None, 1),
        ((1, 4, 5, 3), (3, 4), 2, "same", 1, 1),
        ((1, 4, 5, 3), (3, 3), 2, "valid", (1, 0), 1),
        ((1, 4, 5, 3), (3, 3), 1, "same", None, 2),
        ((2, 6, 4), (3,), 2, "same", None, 1),
    ],
)
def test_conv_transpose_matches_keras(
    shape, window, strides, padding, output_padding, dilation, data_format, rng
):
    x = rng.standard_normal(shape).astype(np.float32)
    kernel = rng.standard_normal((*window, 2, shape[-1])).astype(np.float32)
    if data_format == "channels_first":
        x = np.moveaxis(x, -1, 1)
    arguments = dict(
        strides=strides,
        padding=padding,
        output_padding=output_padding,
        data_format=data_format,
        dilation_rate=dilation,
    )
    np.testing.assert_allclose(
        convolution.conv_transpose(x, kernel, **arguments),
        keras.ops.conv_transpose(x, kernel, **arguments),
        rtol=0,
        atol=EPS32 * 100,
    )


def test_causal_padding_looks_back_only(rng):
    x, kernel = rng.standard_normal((1, 6, 2)), rng.standard_normal((3, 2, 4))
    y = convolution.conv(x, kernel, padding="causal", dilation_rate=2).numpy()
    assert y.shape == (1, 6, 4)
    later = convolution.conv(
        np.where(np.arange(6)[:, None] > 3, 9.0, x), kernel, padding="causal", dilation_rate=2
    )
    np.testing.assert_array_equal(later.numpy()[:, :4], y[:, :4])
    assert (later.numpy()[:, 4:] != y[:, 4:]).all()


def test_float16_is_added_up_in_float32():
    ones = np.ones((1, 65, 65, 1), np.float16)
    y = convolution.conv(ones, ones[0, ..., None])
    assert y.dtype == "float16" and float(y.numpy().ravel()[0]) == 65 * 65 - 1  # the nearest float16


@pytest.mark.parametrize(
    "change, message",
    [
        (
            dict(kernel=np.zeros((5, 3, 3, 2), np.float32)),
            "axis 0: the input has 4 cells.*the window 5 cells",
        ),
        (dict(dilation_rate=2), "the window 3 cells, spread over 5 cells by dilation 2,"),
        (
            dict(kernel=np.zeros((3, 3, 2, 2), np.float32)),
            "have 3 channels .the last axis., the kernel .* takes 2",
        ),
        (dict(kernel=np.zeros((3, 3, 2), np.float32)), "kernel with 4 axes, received shape .3, 3, 2."),
        (dict(kernel=np.zeros((3, 3, 1, 4), np.float32)), "multiple of the groups"),
        (dict(padding="full"), "'valid' or 'same', received 'full'"),
        (dict(strides=(1, 2, 3)), "`strides` must be an integer of at least 1, or 2"),
        (dict(inputs=np.zeros((28, 28), np.float32)), "without a channel axis need one"),
    ],
)
def test_errors_say_what_to_do(change, message):
    arguments = (
        dict(inputs=np.zeros((1, 4, 6, 3), np.float32), kernel=np.zeros((3, 3, 3, 2), np.float32)) | change
    )
    with pytest.raises(ValueError, match=message):
        convolution.conv(**arguments)


def test_output_padding_stays_below_the_stride():
    with pytest.raises(ValueError, match="`output_padding` must be smaller than `strides`"):
        convolution.conv_transpose(
            np.zeros((1, 4, 4, 2)), np.zeros((3, 3, 1, 2)), strides=2, output_padding=2
        )


@pytest.mark.parametrize("stride", [9, 2**31, 2**60])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_strides_beyond_the_input(stride, padding, rng):
    """One window; no kernel's work falls into 2**31 phases."""
    x, kernel = (rng.standard_normal(shape).astype("float32") for shape in ((2, 8, 7, 3), (3, 3, 3, 2)))
    x, kernel = Tensor(x), Tensor(kernel)
    with GradientTape() as tape:
        tape.watch(x)
        y = convolution.conv(x, kernel, strides=stride, padding=padding)
    want = convolution.conv(x, kernel, strides=8, padding=padding)
    np.testing.assert_array_equal(y, want)
    assert np.asarray(tape.gradient(y, x)).any()
    pooled = [ops.max_pool(x, 3, strides=s, padding=padding) for s in (8, stride)]
    np.testing.assert_array_equal(*pooled)


def test_outputs_beyond_all_memory():
    """Their size in bytes is 2**64 and more: it is not taken for what is left of it in 64 bits."""
    model = fastnn.Sequential([fastnn.Input((8, 8, 1)), fastnn.layers.UpSampling2D((2**30, 2**29))])
    with pytest.raises(MemoryError, match="an array of shape .* has 147573952589676412928 bytes"):
        model.predict(np.zeros((1, 8, 8, 1), "float32"), verbose=0)
