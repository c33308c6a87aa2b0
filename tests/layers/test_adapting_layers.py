"""Layers that learn from data before training, against Keras's."""

import keras
import numpy as np
import pytest
from support import EPS32

import fastnn
from fastnn import layers, saving

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def both(name, **arguments):
    return getattr(layers, name)(**arguments), getattr(keras.layers, name)(**arguments)


@pytest.mark.parametrize(
    ("arguments", "shape"),
    [
        ({}, (20, 5)),
        ({"axis": None}, (20, 5)),
        ({"axis": (1, -1)}, (20, 3, 4)),
        ({"axis": 1, "invert": True}, (20, 3, 4)),
        ({"mean": 2.0, "variance": 4.0}, (20, 5)),
        ({"mean": [1.0, 2.0], "variance": [4.0, 9.0]}, (20, 3, 2)),
        ({"axis": (1, 2), "mean": [1.0, 2.0], "variance": [4.0, 9.0]}, (20, 3, 2)),
    ],
)
def test_normalization(arguments, shape, rng):
    ours, theirs = both("Normalization", **arguments)
    x = rng.normal(3, 5, shape).astype("float32")
    for layer in (ours, theirs):
        if "mean" not in arguments:
            layer.adapt(x)
    np.testing.assert_allclose(ours(x), theirs(x), rtol=60 * EPS32, atol=60 * EPS32 * 20)
    again = layers.Normalization.from_config(ours.get_config()) if "mean" in arguments else ours
    np.testing.assert_allclose(again(x), ours(x))
    for mine, other in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(mine.numpy(), np.asarray(other), rtol=20 * EPS32)


def test_normalization_of_batches_is_that_of_all(rng):
    x = rng.normal(3, 5, (50, 4)).astype("float32")
    whole, parts = layers.Normalization(), layers.Normalization()
    whole.adapt(x)
    parts.adapt(iter([x[:7], x[7:30], x[30:]]))
    np.testing.assert_allclose(parts(x), whole(x), atol=1e-6)
    np.testing.assert_allclose(np.asarray(whole(x)).mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(np.asarray(whole(x)).std(0), 1, atol=1e-6)


def test_normalization_in_a_model_survives_saving(rng, tmp_path):
    x = rng.normal(3, 5, (50, 4)).astype("float32")
    layer = layers.Normalization()
    layer.adapt(x)
    model = fastnn.Sequential([layers.Input((4,)), layer, layers.Dense(2)])
    want = model.predict(x, verbose=0)
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(saving.load_model(tmp_path / "model.keras").predict(x, verbose=0), want)
    theirs = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(theirs.predict(x, verbose=0), want, rtol=1e-5, atol=1e-5)


INDICES = {"vector": (6,), "column": (6, 1), "bags": (6, 4), "deep": (3, 2, 4)}


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
@pytest.mark.parametrize("shape", INDICES.values(), ids=INDICES)
def test_category_encoding(mode, shape, rng):
    ours, theirs = both("CategoryEncoding", num_tokens=5, output_mode=mode)
    indices = rng.integers(0, 5, shape)
    got, want = np.asarray(ours(indices)), np.asarray(theirs(indices))
    assert got.shape == want.shape and got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)
    if mode == "count":
        weights = rng.uniform(0, 2, shape).astype("float32")
        np.testing.assert_allclose(
            ours(indices, count_weights=weights), theirs(indices, count_weights=weights), rtol=8 * EPS32
        )


def test_category_encoding_of_a_list():
    np.testing.assert_array_equal(layers.CategoryEncoding(4, "one_hot")([3, 2, 0]), np.eye(4)[[3, 2, 0]])


@pytest.mark.parametrize("mode", ["int", "one_hot", "multi_hot", "count"])
@pytest.mark.parametrize("shape", [(6, 1), (6, 4)])
def test_discretization(mode, shape, rng):
    ours, theirs = both("Discretization", bin_boundaries=[-1.0, 0.0, 2.5], output_mode=mode)
    x = np.append(rng.normal(0, 2, shape)[1:], np.full((1, shape[1]), 2.5), axis=0).astype("float32")
    got, want = np.asarray(ours(x)), np.asarray(theirs(x))
    assert got.shape == want.shape and got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("cuts", [[], [150, 390]], ids=["whole", "batches"])
@pytest.mark.parametrize("bins", [3, 10])
def test_discretization_adapts(bins, cuts, rng):
    ours, theirs = both("Discretization", num_bins=bins)
    x = rng.normal(0, 2, (400, 3)).astype("float32")
    batches = np.split(x, cuts)
    ours.adapt(batches if cuts else x)
    for batch in batches:  # what Keras's adapt() does, which itself asks TensorFlow what a data set is
        theirs.update_state(batch)
    theirs.finalize_state()
    np.testing.assert_allclose(ours.bin_boundaries, theirs.bin_boundaries, rtol=4 * EPS32)
    np.testing.assert_array_equal(layers.Discretization.from_config(ours.get_config())(x), theirs(x))
    shares = np.bincount(np.asarray(ours(x)).ravel()) / x.size
    np.testing.assert_allclose(shares, 1 / bins, atol=0.02)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Normalization(mean=1.0), "both `mean` and `variance`"),
        (lambda: layers.Normalization(axis=3)(np.ones((2, 3))), r"`axis` \(3,\).*\(2, 3\)"),
        (lambda: layers.Normalization().adapt(iter([])), "no batch"),
        (lambda: layers.CategoryEncoding(), "`num_tokens`.*IntegerLookup"),
        (lambda: layers.CategoryEncoding(3, "int"), "`output_mode` must be one of 'one_hot'"),
        (
            lambda: layers.CategoryEncoding(3)(np.ones((2, 2)), count_weights=np.ones((2, 2))),
            "goes with output_mode='count'",
        ),
        (lambda: layers.Discretization(), "`bin_boundaries`, or `num_bins`"),
        (lambda: layers.Discretization(num_bins=3)(np.ones((2, 2))), r"adapt\(data\)"),
        (lambda: layers.Discretization([1.0], output_mode="onehot"), "'onehot'"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()
