"""Tensors and variables as arguments of NumPy's functions."""

import numpy as np
import pytest

import fastnn

VALUES = np.array([0.5, 1.0, 2.0], np.float32)


@pytest.mark.parametrize("make", [fastnn.ops.convert_to_tensor, fastnn.Variable])
def test_functions_get_the_values(make):
    x = make(VALUES)
    for function in (np.log, np.isnan, np.sum, np.mean, np.add.reduce, np.linalg.norm):
        got = function(x)
        assert isinstance(got, (np.ndarray, np.generic))
        np.testing.assert_array_equal(got, function(VALUES))
    np.testing.assert_array_equal(np.maximum(x, 1), np.maximum(VALUES, 1))
    total = np.ones(3)
    total += x
    np.testing.assert_array_equal(total, 1 + VALUES)


@pytest.mark.parametrize("make", [fastnn.ops.convert_to_tensor, fastnn.Variable])
def test_operators_make_tensors(make):
    x = make(VALUES)
    for got, want in (
        (np.ones(3, np.float32) - x, 1 - VALUES),
        (np.float32(3) / x, 3 / VALUES),
        (np.array(2, np.float32) ** x, 2**VALUES),
        (np.ones((2, 3), np.float32) @ x, np.ones((2, 3)) @ VALUES),
        (np.ones(3, np.float32) < x, VALUES > 1),
        (VALUES == x, [True] * 3),
    ):
        assert isinstance(got, fastnn.Tensor)
        np.testing.assert_allclose(got, want, rtol=1e-6)


def test_symbolic_ones():
    x = fastnn.Input((3,))
    assert (np.ones(3, np.float32) * x).shape == (None, 3)
    with pytest.raises(ValueError, match="Use fastnn.ops in place of NumPy"):
        np.log(x)
    with pytest.raises(TypeError, match="ops in place of NumPy's functions"):
        fastnn.function(lambda t: np.exp(t))(VALUES)
