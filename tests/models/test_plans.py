"""A model's compiled plans, looked at."""

import numpy as np
import pytest

import fastnn as keras


def test_the_plans_of_each_stage_are_at_hand(rng):
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3, activation="relu"), keras.layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="has compiled nothing for 'train' yet; call fit"):
        model.plan()
    x, y = rng.random((32, 4), "float32"), rng.random((32, 1), "float32")
    model.fit(x, y, batch_size=8, verbose=0)
    text = model.plan().describe()
    assert "sgd_update" in text and "0 in NumPy" in text
    before = model.get_weights()
    rows = model.plan().profile(steps=3)
    assert rows and all(row["us"] >= 0.0 for row in rows)
    for weight, same in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, same)  # profiling trains nothing
    model.predict(x, verbose=0)
    assert "sgd_update" not in model.plan("predict").describe()
