"""gather_nd, scatter, scatter_update and x[arrays]: elements by their coordinates, as Keras and NumPy pick and place
them; gradients against finite differences."""

import keras
import numpy as np
import pytest
from support import check_function

import fastnn
from fastnn import ops

PLACES = np.array([[1, 0], [3, 2], [1, 0]], np.int32)


@pytest.mark.parametrize("reduction", [None, "add", "mul", "max", "min"])
def test_scatter_update(reduction, rng):
    x, updates = rng.standard_normal((4, 3)).astype("float32"), np.float32([2.0, -3.0, 2.0])
    got = ops.scatter_update(x, PLACES, updates, reduction=reduction)
    want = x.copy()
    if reduction is None:
        want[tuple(PLACES.T)] = updates
    else:
        rule = {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}[reduction]
        rule.at(want, tuple(PLACES.T), updates)
    np.testing.assert_array_equal(got, want)


def test_scatter_and_gather(rng):
    values = rng.standard_normal((3, 2)).astype("float32")
    rows = np.array([[3], [0], [3]], np.int32)
    np.testing.assert_allclose(ops.scatter(rows, values, (4, 2)), keras.ops.scatter(rows, values, (4, 2)))
    x = rng.standard_normal((4, 3)).astype("float32")
    np.testing.assert_array_equal(ops.gather_nd(x, PLACES), x[tuple(PLACES.T)])
    check_function(lambda v: ops.scatter(rows, v, (4, 2)), (values,), rng=rng)
    check_function(lambda v: ops.gather_nd(v, PLACES), (x,), rng=rng)


@pytest.mark.parametrize("traced", [False, True])
def test_indexing_by_arrays(traced, rng):
    x = rng.standard_normal((4, 3, 5)).astype("float32")
    rows, columns = PLACES.T
    for pick in (
        lambda t, i, j: t[i, j],
        lambda t, i, j: t[:, j],
        lambda t, i, j: t[i, :, j],
        lambda t, i, j: t[..., None, j],
        lambda t, i, j: t[i - 4, 1:],
    ):
        run = fastnn.function(pick) if traced else pick
        got = run(ops.convert_to_tensor(x), ops.convert_to_tensor(rows), ops.convert_to_tensor(columns))
        np.testing.assert_array_equal(got, pick(x, rows, columns))
