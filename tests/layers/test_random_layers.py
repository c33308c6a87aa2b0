"""Dropout and noise: what they do to values, on average and exactly; seeds; nothing outside training."""

import numpy as np
import pytest

from fastnn import layers
from fastnn.engine.function import function

N = 40_000
X = np.ones((N // 100, 100), "float32")
LAYERS = [
    layers.Dropout(0.3),
    layers.GaussianDropout(0.3),
    layers.GaussianNoise(0.3),
    layers.AlphaDropout(0.3),
    layers.SpatialDropout1D(0.3),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_inference_passes_on(layer):
    x = X[:, None] if isinstance(layer, layers.SpatialDropout1D) else X
    np.testing.assert_array_equal(layer(x), x)
    np.testing.assert_array_equal(layer(x, training=False), x)
    first, second = layer(x, training=True).numpy(), layer(x, training=True).numpy()
    assert (first != second).mean() > 0.1  # the seed moves on


def test_dropout_scales_what_it_keeps():
    y = layers.Dropout(0.3)(X, training=True).numpy()
    kept = np.float32(1 / 0.7)
    assert set(np.unique(y)) <= {0.0, kept, np.nextafter(kept, 0), np.nextafter(kept, 2)}
    assert abs((y == 0).mean() - 0.3) < 5 * np.sqrt(0.21 / N)  # five standard deviations


def test_rates_at_the_ends():
    np.testing.assert_array_equal(layers.Dropout(0)(X, training=True), X)
    np.testing.assert_array_equal(layers.Dropout(1)(X, training=True), 0 * X)
    assert layers.Dropout(0).variables == []


def test_noise_shape_shares():
    y = layers.Dropout(0.5, noise_shape=(None, 1))(X, training=True).numpy()
    assert (y == y[:, :1]).all() and 0 < (y[:, 0] == 0).mean() < 1
    y = layers.SpatialDropout2D(0.5)(np.ones((20, 3, 4, 30), "float32"), training=True).numpy()
    assert (y == y[:, :1, :1]).all() and 0 < (y[:, 0, 0] == 0).mean() < 1


def test_moments():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((N // 100, 100)).astype("float32")
    y = layers.AlphaDropout(0.2)(x, training=True).numpy()
    assert abs(y.mean()) < 0.05 and abs(y.std() - 1) < 0.05
    y = layers.GaussianNoise(0.5)(X, training=True).numpy()
    assert abs(y.mean() - 1) < 5 * 0.5 / np.sqrt(N) and abs(y.std() - 0.5) < 0.02
    y = layers.GaussianDropout(0.5)(X, training=True).numpy()
    assert abs(y.mean() - 1) < 5 / np.sqrt(N) and abs(y.std() - 1) < 0.03


def test_a_seed_gives_the_same_choice_everywhere():
    def run():
        layer = layers.Dropout(0.5, seed=7)
        return [layer(X, training=True).numpy() for _ in range(2)]

    a, b = run(), run()
    np.testing.assert_array_equal(a, b)
    layer = layers.Dropout(0.5, seed=7)
    step = function(lambda x: layer(x, training=True))
    np.testing.assert_array_equal([step(X).numpy(), step(X).numpy()], a)  # compiled as well
