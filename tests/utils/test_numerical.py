"""utils.normalize and utils.to_categorical: of arrays as in Keras, of tensors as ops, inside models too."""

import keras
import numpy as np
import pytest

import fastnn


@pytest.mark.parametrize("options", [{}, {"order": 1}, {"axis": 1, "order": 3}], ids=str)
def test_normalize(rng, options):
    x = rng.standard_normal((3, 4)).astype("float32")
    x[1] = 0
    want = keras.utils.normalize(x, **options)
    np.testing.assert_array_equal(fastnn.utils.normalize(x, **options), want)
    traced = fastnn.function(lambda t: fastnn.utils.normalize(t, **options))
    for got in (fastnn.utils.normalize(fastnn.ops.convert_to_tensor(x), **options), traced(x)):
        np.testing.assert_allclose(got, want, rtol=1e-6)


@pytest.mark.parametrize("shape", [(4,), (4, 1), (2, 2)])
def test_to_categorical(shape):
    labels = np.array([0, 2, 1, 2]).reshape(shape)
    want = keras.utils.to_categorical(labels, 3)
    for form in (labels, labels.tolist()):
        got = fastnn.utils.to_categorical(form, 3)
        assert got.dtype == np.float64 and got.shape == want.shape  # Keras's dtype but on its NumPy backend
        np.testing.assert_array_equal(got, want)
    traced = fastnn.function(lambda t: fastnn.utils.to_categorical(t, 3))
    for got in (fastnn.utils.to_categorical(fastnn.ops.convert_to_tensor(labels), 3), traced(labels)):
        assert tuple(got.shape) == want.shape
        np.testing.assert_array_equal(got, want)


def test_symbolic():
    assert fastnn.utils.normalize(fastnn.Input((3,))).shape == (None, 3)
    assert fastnn.utils.to_categorical(fastnn.Input((1,), dtype="int32"), 5).shape == (None, 5)
