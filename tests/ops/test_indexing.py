"""x[...]: at hand, on a tape and in a trace the same as NumPy; errors that say which axis."""

import numpy as np
import pytest

import fastnn
from fastnn import ops
from fastnn.ops import indexing

X = np.arange(60, dtype="float32").reshape(3, 4, 5)
KEYS = [
    0,
    -1,
    np.int64(2),
    (1, 2, 3),
    slice(None),
    slice(1, None),
    slice(None, None, -2),
    slice(5, 9),
    (..., 0),
    (0, ..., slice(1, 4, 2)),
    (None, 1, slice(None, None, -1)),
    (slice(0, 2), None, 3, ...),
    (slice(np.int64(1), None), 1),
    ([0, 2], 1),
    (slice(None), [1, 1, 0]),
    ((X[:, 0, 0] > 10),),
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_the_same_as_numpy_everywhere(key):
    want = X[key]
    x = ops.convert_to_tensor(X)
    at_hand = x[key]
    assert at_hand.array.flags.c_contiguous and not np.shares_memory(at_hand.array, x.array)
    with fastnn.GradientTape() as tape:
        tape.watch(x)
        taped = x[key]
        loss = ops.sum(taped * taped)
    gradient = np.zeros_like(X)
    np.add.at(gradient, key, 2 * want)
    np.testing.assert_array_equal(tape.gradient(loss, x), gradient)
    traced = fastnn.function(lambda x: x[key])(x)
    for got in (at_hand, taped, traced):
        assert tuple(got.shape) == want.shape and got.dtype == "float32"
        np.testing.assert_array_equal(got, want)


def test_wrong_indices():
    x = ops.convert_to_tensor(X)
    for _ in range(2):  # what is wrong is not kept
        with pytest.raises(IndexError, match="index 4 is out of range for axis 1 of extent 4"):
            x[0, 4]
        with pytest.raises(IndexError, match="4 indices for a tensor of 3 axes"):
            x[0, 0, 0, 0]
    with pytest.raises(IndexError, match="True and False"):
        x[True]
    with pytest.raises(TypeError, match="an index must be"):
        x["a"]


def test_what_is_kept_of_keys_is_bounded(monkeypatch):
    monkeypatch.setattr(indexing, "_MOST_KEPT", 8)
    indexing._kept_windows.clear()
    variable = fastnn.Variable(X)
    for i in range(30):
        np.testing.assert_array_equal(variable[i % 3, : i % 5], X[i % 3, : i % 5])
        assert len(indexing._kept_windows) <= 8
