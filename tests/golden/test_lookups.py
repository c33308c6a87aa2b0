"""IntegerLookup and StringLookup against Keras's, whose answers stand in lookups.json."""

import json

import lookup_cases
import numpy as np
import pytest

import fastnn
from fastnn import layers

GOLDEN = json.loads(lookup_cases.FILE.read_text())


@pytest.fixture(scope="module")
def got():
    return lookup_cases.results(fastnn)


@pytest.mark.parametrize("name", GOLDEN)
def test_as_keras(name, got):
    want = GOLDEN[name]
    if want and isinstance(want[0], str):
        assert got[name] == want
    else:
        np.testing.assert_allclose(got[name], want, rtol=1e-5, atol=1e-6)


def test_there_and_back(tmp_path):
    there = lookup_cases.adapted(layers.StringLookup(), lookup_cases.WORDS)
    back = layers.StringLookup(vocabulary=there.get_vocabulary(), invert=True)
    assert back(there(lookup_cases.WORDS)).tolist() == lookup_cases.WORDS.tolist()
    there.save_assets(tmp_path)
    again = layers.StringLookup.from_config(there.get_config())
    again.load_assets(tmp_path)
    assert again.get_vocabulary() == there.get_vocabulary()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.StringLookup()(["a"]), "no vocabulary yet: call adapt"),
        (lambda: layers.StringLookup(vocabulary=["a", "a"]), r"holds \['a'\] more than once"),
        (
            lambda: layers.StringLookup(vocabulary=["a", "b", "c"], max_tokens=3),
            "4 tokens is more than `max_tokens` 3",
        ),
        (
            lambda: layers.StringLookup(vocabulary=["a"], num_oov_indices=0)(["b"]),
            r"\['b'\] are not in the vocabulary",
        ),
        (lambda: layers.StringLookup(vocabulary=["a"]).adapt(["b"]), "cannot adapt"),
        (lambda: layers.IntegerLookup(vocabulary=[1], invert=True, output_mode="count"), "`invert`"),
        (lambda: layers.IntegerLookup(output_mode="onehot"), "'onehot'"),
        (lambda: layers.StringLookup(vocabulary=["a"])(layers.Input((3,))), "takes strings.*dtype='string'"),
        (
            lambda: layers.TextVectorization(vocabulary=["a"])(layers.Input((3,))),
            "takes strings.*dtype='string'",
        ),
        (lambda: layers.TextVectorization()(["a"]), "no vocabulary yet"),
        (lambda: layers.TextVectorization(split="comma"), "`split` must be"),
        (lambda: layers.TextVectorization(output_mode="count", output_sequence_length=3), "goes with"),
        (lambda: layers.TextVectorization(ngrams="2"), "`ngrams` must be"),
        (lambda: layers.TextVectorization(vocabulary=["a"])([["a", "b"]]), "(batch, 1)"),
        (lambda: layers.TextVectorization.from_config({"vocabulary": "/etc/passwd"}), "not read"),
        (lambda: layers.StringLookup(vocabulary="/no/such/file"), "no vocabulary file"),
        (lambda: layers.IntegerLookup(salt=3), "oov_method='farmhash'"),
        (lambda: layers.StringLookup(salt="x"), "an integer or two"),
        (lambda: layers.Hashing(0), "`num_bins`"),
        (lambda: layers.Hashing(3, dtype="float32"), "`dtype` must be"),
        (lambda: layers.HashedCrossing(3)(["a"]), "two inputs or more"),
        (lambda: layers.HashedCrossing(3)([np.ones(2), np.ones(2)]), "whole numbers"),
        (lambda: layers.HashedCrossing(3)([np.ones(2, int), np.ones(3, int)]), "one shape"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_texts_with_functions_of_ones_own():
    layer = layers.TextVectorization(
        standardize=lambda texts: np.char.upper(texts),
        split=lambda texts: [text.split("-") for text in texts],
    )
    layer.adapt(iter([["a-b", "b-c"], np.array([["b"]])]), steps=2)
    assert layer.get_vocabulary() == ["", "[UNK]", "B", "C", "A"]
    assert np.asarray(layer([b"a-x-b", b"c"])).tolist() == [[4, 1, 2], [3, 0, 0]]


def test_a_vocabulary_in_a_file(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("cat\ndog\n")
    layer = layers.TextVectorization(vocabulary=str(path))
    assert layer.get_vocabulary() == ["", "[UNK]", "cat", "dog"]
    numbers = tmp_path / "numbers.txt"
    numbers.write_text("7\n5")
    assert np.asarray(layers.IntegerLookup(vocabulary=str(numbers))([5, 7, 9])).tolist() == [2, 1, 0]
    layer.save_assets(tmp_path)
    again = layers.TextVectorization.from_config({**layer.get_config(), "vocabulary": None})
    again.load_assets(tmp_path)
    assert again.get_vocabulary() == layer.get_vocabulary()


def test_whole_numbers_inside_a_model(tmp_path):
    inputs = layers.Input((2,), dtype="int64")
    looked = layers.IntegerLookup(vocabulary=[10, 20, 30], num_oov_indices=2, mask_token=0)(inputs)
    hot = layers.IntegerLookup(vocabulary=[10, 20], output_mode="multi_hot")(inputs)
    hashed = layers.Hashing(6, salt=3)(inputs)
    crossing = layers.HashedCrossing(9)([inputs[:, :1], inputs[:, 1:]])
    model = fastnn.Model(inputs, [looked, hot, hashed, crossing])
    asked = np.array([[10, 31], [0, 20], [-4, 7]])
    want = [
        layers.IntegerLookup(vocabulary=[10, 20, 30], num_oov_indices=2, mask_token=0)(asked),
        layers.IntegerLookup(vocabulary=[10, 20], output_mode="multi_hot")(asked),
        layers.Hashing(6, salt=3)(asked),
        layers.HashedCrossing(9)([asked[:, :1], asked[:, 1:]]),
    ]
    model.save(tmp_path / "m.keras")
    for one in (model, fastnn.saving.load_model(tmp_path / "m.keras")):
        for got, wanted in zip(one.predict(asked, verbose=0), want, strict=True):
            np.testing.assert_array_equal(got, wanted)
    strict = fastnn.Sequential([layers.Input((1,)), layers.IntegerLookup(vocabulary=[1], num_oov_indices=0)])
    with pytest.raises(ValueError, match="not in the vocabulary"):
        strict.predict(np.array([[5]]), verbose=0)
