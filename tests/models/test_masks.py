"""Masks from Masking and Embedding through models: layers, outputs, losses and metrics, as in Keras."""

import keras
import numpy as np
import pytest

from fastnn import layers, losses, metrics, models
from fastnn.engine import masks

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


class Face:
    """The names of fastnn under Keras's."""

    layers, losses, metrics = layers, losses, metrics
    Sequential, Model = models.Sequential, models.Model


FACES = [Face, keras]


def series(rng, batch=4, steps=6, width=3):
    """A batch of series of several lengths, zeros after their end, and targets a step."""
    x = rng.normal(1, 1, (batch, steps, width)).astype("float32")
    for i, length in enumerate(rng.integers(1, steps, batch)):
        x[i, length:] = 0
    return x, rng.standard_normal((batch, steps, 2)).astype("float32")


def test_masking(rng):
    x, _ = series(rng)
    ours, theirs = layers.Masking(), keras.layers.Masking()
    y = ours(x)
    np.testing.assert_array_equal(y, np.asarray(theirs(x)))
    np.testing.assert_array_equal(masks.get_mask(y), np.asarray(theirs.compute_mask(x)))
    other = np.where(x == 0, -1, x).astype("float32")
    np.testing.assert_array_equal(layers.Masking(-1.0).compute_mask(other), (x != 0).any(-1))


@pytest.mark.parametrize("made", ["sequential", "functional"])
def test_losses_and_metrics_honour_masks(made, rng):
    x, y = series(rng)
    weights = rng.random((4, 6)).astype("float32")  # one a step, as the mask
    results = []
    for face in FACES:
        stack = [
            face.layers.Masking(),
            face.layers.Dense(5, activation="tanh"),
            face.layers.Dropout(0.5),
            face.layers.LayerNormalization(),
            face.layers.Dense(2),
        ]
        if made == "sequential":
            model = face.Sequential([face.layers.Input((6, 3)), *stack])
        else:
            made_input = face.layers.Input((6, 3))
            out = made_input
            for layer in stack:
                out = layer(out)
            model = face.Model(made_input, out)
        model.set_weights([np.linspace(-1, 1, w.size).reshape(w.shape) for w in model.get_weights()])
        model.compile(
            loss="mse", metrics=["mae"], weighted_metrics=["mse"], run_eagerly=face is keras or None
        )
        made_of = [
            model.evaluate(x, y, sample_weight=w, verbose=0, return_dict=True) for w in (None, weights)
        ]
        results.append(made_of)
    for got, want in zip(*results, strict=True):
        assert got.keys() == want.keys()
        for key in got:
            np.testing.assert_allclose(got[key], want[key], rtol=1e-5, err_msg=key)
    assert results[0][0]["loss"] != results[0][1]["loss"]


def test_padding_changes_nothing(rng):
    """Steps that a mask leaves out, whatever they hold, change neither the loss nor the training."""
    ids = rng.integers(1, 9, (8, 5))
    y = rng.integers(0, 2, (8, 1)).astype("float32")
    longer = np.concatenate([ids, np.zeros((8, 4), int)], 1)
    histories = []
    for x in (ids, longer):
        model = models.Sequential(
            [
                layers.Embedding(9, 4, mask_zero=True),
                layers.GlobalAveragePooling1D(),
                layers.Dense(1, activation="sigmoid"),
            ]
        )
        model.build((None, x.shape[1]))
        model.set_weights([np.sin(np.arange(w.size) + 1).reshape(w.shape) for w in model.get_weights()])
        model.compile("sgd", "binary_crossentropy")
        histories.append(model.fit(x, y, epochs=3, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(*histories, rtol=1e-5)
    assert histories[0][0] != histories[0][-1]


def test_attention_honours_padding(rng):
    """A transformer's result for a sentence does not depend on how far it is padded."""

    def build(tokens):
        ids = layers.Input((tokens,), dtype="int32")
        x = layers.Embedding(20, 8, mask_zero=True)(ids)
        x = layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(2, 4)(x, x)]))
        return models.Model(ids, layers.Dense(3)(layers.GlobalAveragePooling1D()(x)))

    short, long = build(6), build(11)
    long.set_weights(short.get_weights())
    ids = rng.integers(1, 20, (3, 6))
    ids[0, 4:] = 0
    padded = np.concatenate([ids, np.zeros((3, 5), int)], 1)
    got, want = long.predict(padded, verbose=0), short.predict(ids, verbose=0)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-6)


def test_a_mask_that_is_all_false(rng):
    """An empty sample contributes nothing, and no NaN either where Keras has none."""
    x, y = series(rng)
    x[1] = 0
    results = []
    for face in FACES:
        model = face.Sequential([face.layers.Input((6, 3)), face.layers.Masking(), face.layers.Dense(2)])
        model.set_weights([np.linspace(-1, 1, w.size).reshape(w.shape) for w in model.get_weights()])
        model.compile(loss="mse")
        results.append(model.evaluate(x, y, verbose=0))
    np.testing.assert_allclose(results[0], results[1], rtol=1e-5)


def test_a_layer_that_knows_no_masks_says_so(rng):
    x, _ = series(rng)
    masked = layers.Masking()(x)
    with pytest.warns(UserWarning, match="does not know masks"):
        layers.Conv1D(2, 2)(masked)
