"""Reductions against NumPy and Keras."""

import numpy as np
import pytest

from fastnn import ops


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "prod", "any", "all", "count_nonzero"])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (1,), ()])
def test_matches_numpy(name, axis, rng):
    x = rng.standard_normal((3, 4, 5)).astype("float32")
    got = getattr(ops, name)(x, axis=axis)
    np.testing.assert_allclose(got.numpy(), getattr(np, name)(x, axis=axis), rtol=1e-5, atol=1e-6)
