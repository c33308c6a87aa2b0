"""Pooling: references by finite differences and adjoints, public functions against Keras."""

import keras
import numpy as np
import pytest
from support import EPS32, apply_record, check_gradient

from fastnn.ops import pooling

WINDOWS = [
    ((2, 5, 6, 3), (2, 2), (2, 2), ((0, 0), (0, 0))),
    ((2, 5, 6, 2), (3, 2), (2, 1), ((1, 1), (0, 1))),
    ((2, 7, 3), (3,), (2,), ((1, 1),)),
    ((1, 3, 4, 4, 2), (2, 2, 3), (1, 2, 2), ((0, 1), (0, 0), (1, 1))),
]


def _distinct(rng, shape):
    return rng.permutation(int(np.prod(shape))).reshape(shape) / 7.0 - 3


@pytest.mark.parametrize("shape, pool_size, strides, padding", WINDOWS)
def test_gradients_by_finite_differences(shape, pool_size, strides, padding, rng):
    window = dict(pool_size=pool_size, strides=strides, padding=padding)
    x = _distinct(rng, shape)
    y = apply_record(pooling.max_pool_op, [x], **window)[0]
    check_gradient(pooling.max_pool_op, [x], rng=rng, **window)
    check_gradient(pooling.average_pool_op, [x], rng=rng, **window)
    dy = rng.standard_normal(y.shape)
    check_gradient(pooling.max_pool_grad_op, [x, y, dy], wrt=[2], rng=rng, **window)
    check_gradient(pooling.max_pool_pick_op, [x, y, rng.standard_normal(shape)], wrt=[2], rng=rng, **window)
    check_gradient(pooling.average_pool_grad_op, [dy], rng=rng, input_shape=shape, **window)


def test_the_first_of_equal_maxima_gets_the_gradient():
    x = np.array([3, 7, 7, 7], np.float64).reshape(1, 2, 2, 1)
    window = dict(pool_size=(2, 2), strides=(2, 2), padding=((0, 0), (0, 0)))
    for dtype in ("float64", "float32"):
        x, y = x.astype(dtype), np.full((1, 1, 1, 1), 7, dtype)
        dx = apply_record(pooling.max_pool_grad_op, [x, y, np.ones_like(y)], **window)[0]
        np.testing.assert_array_equal(dx.ravel(), [0, 1, 0, 0])


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(
    "shape, pool_size, strides, padding",
    [
        ((2, 7, 6, 3), 2, None, "valid"),
        ((2, 7, 6, 3), (3, 2), 2, "same"),
        ((1, 5, 5, 4), 3, 1, "SAME"),
        ((2, 9, 3), 4, 3, "same"),
        ((1, 5, 6, 7, 2), (2, 3, 2), (2, 1, 3), "same"),
        ((1, 2, 2, 3), 5, 2, "same"),
    ],
)
def test_matches_keras(shape, pool_size, strides, padding, data_format, rng):
    x = rng.standard_normal(shape).astype(np.float32)
    if data_format == "channels_first":
        x = np.moveaxis(x, -1, 1)
    arguments = dict(strides=strides or pool_size, padding=padding, data_format=data_format)
    want = keras.ops.max_pool(x, pool_size, **arguments)
    got = pooling.max_pool(x, pool_size, **arguments | dict(strides=strides))
    np.testing.assert_array_equal(got, want)
    arguments["padding"] = padding.lower()
    np.testing.assert_allclose(
        pooling.average_pool(x, pool_size, **arguments),
        keras.ops.average_pool(x, pool_size, **arguments),
        rtol=0,
        atol=EPS32 * 40,
    )


def test_integers_have_maxima():
    x = np.arange(16, dtype=np.int32).reshape(1, 4, 4, 1)
    y = pooling.max_pool(x, 2, padding="same")
    assert y.dtype == "int32"
    np.testing.assert_array_equal(y.numpy().ravel(), [5, 7, 13, 15])


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(pool_size=5), "3 cells.*window 5 cells.*padding='same'"),
        (dict(pool_size=(2, 2, 2)), "`pool_size` must be an integer of at least 1, or 2"),
        (dict(strides=0), "`strides`.*received 0"),
        (dict(padding="causal"), "'valid' or 'same', received 'causal'"),
        (dict(data_format="first"), "`data_format`"),
        (dict(inputs=np.zeros((4, 4), np.float32)), "channel axis.*received shape .4, 4."),
    ],
)
def test_errors_say_what_to_do(change, message):
    arguments = dict(inputs=np.zeros((1, 3, 4, 2), np.float32), pool_size=2) | change
    with pytest.raises(ValueError, match=message):
        pooling.max_pool(**arguments)


def test_a_mean_of_integers_is_refused():
    with pytest.raises(ValueError, match="must be floats, received int32"):
        pooling.average_pool(np.zeros((1, 4, 4, 1), np.int32), 2)
