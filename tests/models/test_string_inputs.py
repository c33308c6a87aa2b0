"""Models that read strings: the same as a model that is given what their first layers make of them."""

import numpy as np
import pytest

import fastnn
from fastnn import layers

TEXTS = np.array(["the cat sat on the mat", "the dog ate it", "a cat and a dog", "Hello, cat!"])
LABELS = np.array([0.0, 1.0, 1.0, 0.0])


def reader(**options):
    return layers.TextVectorization(
        vocabulary=["the", "cat", "dog", "a", "mat"], **{"output_sequence_length": 5, **options}
    )


def body():
    return [layers.Embedding(8, 4), layers.GlobalAveragePooling1D(), layers.Dense(1, activation="sigmoid")]


def functional():
    x = inputs = layers.Input((1,), dtype="string")
    for layer in (reader(), *body()):
        x = layer(x)
    return fastnn.Model(inputs, x)


class Subclassed(fastnn.Model):
    def __init__(self):
        super().__init__()
        self.parts = [reader(), *body()]

    def call(self, x):
        for part in self.parts:
            x = part(x)
        return x


WAYS = {
    "functional": functional,
    "sequential": lambda: fastnn.Sequential([layers.Input((), dtype="string"), reader(), *body()]),
    "sequential, built late": lambda: fastnn.Sequential([reader(), *body()]),
    "subclassed": Subclassed,
}


def trained(model, x, weights):
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    if not model.built:
        model(x)
    model.set_weights(weights)
    history = model.fit(x, LABELS, epochs=2, batch_size=3, shuffle=False, validation_split=0.25, verbose=0)
    return history.history, model.evaluate(x, LABELS, verbose=0), model.predict(x, verbose=0)


@pytest.mark.parametrize("way", WAYS)
def test_as_on_numbers(way, rng):
    plain = fastnn.Sequential([layers.Input((5,)), *body()])
    weights = [rng.normal(size=w.shape).astype("float32") for w in plain.weights]
    want = trained(plain, np.asarray(reader()(TEXTS)), weights)
    x = TEXTS[:, None] if way == "functional" else TEXTS
    model = WAYS[way]()
    got = trained(model, x, weights)
    for name, values in want[0].items():
        np.testing.assert_allclose(got[0][name], values, rtol=1e-6)
    np.testing.assert_allclose(got[1], want[1], rtol=1e-6)
    np.testing.assert_allclose(got[2], want[2], rtol=1e-6)
    one = model(x)
    np.testing.assert_allclose(one, want[2], rtol=1e-6)
    np.testing.assert_allclose(model(fastnn.ops.convert_to_tensor(x.tolist())), one)
    np.testing.assert_allclose(model.predict_on_batch(x), one)
    np.testing.assert_allclose(model.predict(x.astype(object), verbose=0), one)


def test_texts_of_any_length_and_files(tmp_path):
    model = fastnn.Sequential(
        [
            layers.Input((), dtype="string"),
            reader(output_sequence_length=None),
            layers.Embedding(8, 3, mask_zero=True),
            layers.GRU(2),
            layers.Dense(1),
        ]
    )
    model.compile("adam", "mse")
    texts = fastnn.data.Dataset.from_tensor_slices((TEXTS, LABELS)).batch(2)
    assert np.isfinite(model.fit(texts, epochs=2, verbose=0).history["loss"]).all()
    model.save(tmp_path / "m.keras")
    again = fastnn.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(TEXTS, verbose=0), model.predict(TEXTS, verbose=0))


def test_columns_of_strings_and_numbers(rng):
    city, size = layers.Input((1,), dtype="string", name="city"), layers.Input((2,), name="size")
    hot = layers.StringLookup(vocabulary=["Rome", "Oslo"], output_mode="one_hot")(city)
    crossing = layers.HashedCrossing(4, output_mode="one_hot")([city, city])
    model = fastnn.Model([city, size], layers.Dense(1)(layers.Concatenate()([hot, crossing, size])))
    assert hot.shape == (None, 3) and layers.Hashing(3)(city).dtype == "int64"
    model.compile("sgd", "mse")
    x = {"city": np.array([["Rome"], ["Oslo"], ["Bonn"]]), "size": rng.normal(size=(3, 2))}
    before = model.predict(x, verbose=0)
    assert model.train_on_batch(x, np.zeros(3)) > model.train_on_batch(x, np.zeros(3))
    assert (model.predict(x, verbose=0) != before).all()


def test_wrong_use():
    text = layers.Input((1,), dtype="string", name="text")
    with pytest.raises(TypeError, match="strings cannot be computed with.*TextVectorization"):
        layers.Dense(2)(text)
    with pytest.raises(TypeError, match="add: strings cannot be computed with"):
        fastnn.ops.add(fastnn.ops.convert_to_tensor(["a"]), "b")
    with pytest.raises(ValueError, match="'text' is of dtype 'string', received 'float32'.*takes strings"):
        fastnn.Model(text, reader()(text)).predict(np.zeros((2, 1), "float32"), verbose=0)
    numbers = fastnn.Sequential([layers.Input((1,), name="numbers"), layers.Dense(1)])
    with pytest.raises(
        ValueError, match="'numbers' is of dtype 'float32', received 'strings'.*dtype='string'"
    ):
        numbers.predict(TEXTS[:, None], verbose=0)
