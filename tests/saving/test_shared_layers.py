"""A layer that stands in a model and in another inside it stays one layer."""

import numpy as np
import pytest

import fastnn
from fastnn import layers


def model():
    a, b = fastnn.Input((4,), name="a"), fastnn.Input((4,), name="b")
    both = layers.Dense(4, name="both")
    inner = fastnn.Sequential([fastnn.Input((4,)), both, layers.Dense(4, activation="relu")], name="inner")
    start = fastnn.Input((4,))
    block = fastnn.Model(start, layers.Add()([both(start), inner(start)]), name="block")
    x = layers.Dense(4)(b)
    return fastnn.Model([a, b], layers.Concatenate()([inner(a), both(x), both(a), block(x)]))


@pytest.mark.parametrize("form", [".keras", ".h5", ".weights.h5"])
def test_shared_by_models_inside(form, tmp_path, rng):
    made = model()
    made.compile("adam", loss="mse")
    x = [rng.standard_normal((3, 4)).astype("float32") for _ in "ab"]
    y = rng.standard_normal((3, 16)).astype("float32")
    made.fit(x, y, verbose=0)
    if form == ".weights.h5":
        made.save_weights(tmp_path / f"m{form}")
        loaded = model()
        loaded.compile("adam", loss="mse")
        loaded.optimizer.build(loaded.trainable_variables)
        loaded.load_weights(tmp_path / f"m{form}")
    else:
        made.save(tmp_path / f"m{form}")
        loaded = fastnn.models.load_model(tmp_path / f"m{form}")
    both = loaded.get_layer("both")
    assert loaded.get_layer("inner").get_layer("both") is both
    assert loaded.get_layer("block").get_layer("both") is both
    assert len(loaded.weights) == len(made.weights)
    for some in (made, loaded):
        some.fit(x, y, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(made.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_shared_in_json():
    made = model()
    again = fastnn.models.model_from_json(made.to_json())
    assert again.get_layer("inner").get_layer("both") is again.get_layer("both")
    assert [v.name for v in again.weights] == [v.name for v in made.weights]
