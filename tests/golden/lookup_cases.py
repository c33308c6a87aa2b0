"""Vocabularies and what they make of words and integers, asked of whichever library `k` is.

KERAS_BACKEND=tensorflow python tests/golden/lookup_cases.py    writes lookups.json (these layers of Keras's need it)
"""

import json
from pathlib import Path

import numpy as np

WORDS = np.array([["the", "cat", "sat"], ["the", "dog", "ran"], ["a", "cat", "ran"]])
ASKED = np.array([["the", "cow"], ["ran", "a"], ["", "cat"]])
NUMBERS = np.array([[3, 3, 1], [7, 1, 3], [9, 2, 2]])
STRANGE = np.array([[3, 44], [0, 7], [2, -5]])
MANY = np.array(["", "a", "cat", "über", "a rather long string", "0123456789abcdef", "x" * 40, "yz" * 60])
TEXTS = np.array(
    ["The cat sat. The DOG ran!", "the cat's dog", "ÉTÉ; a\tcat  sat\non Été", "", "it's 5 o'clock"]
)
NEW_TEXTS = np.array(["A cat, a Dog and a cow: the cat sat", "", "été ÉTÉ", "5 o'clock the"])
MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
FILE = Path(__file__).parent / "lookups.json"


def adapted(layer, data):
    layer.adapt(data)
    return layer


def results(k):
    """{what was asked: nested lists of numbers, or words in a row}."""
    string, integer, found = k.layers.StringLookup, k.layers.IntegerLookup, {}
    for mode in MODES:
        for mask in (None, ""):
            for most in (None, 5):
                layer = adapted(
                    string(output_mode=mode, mask_token=mask, max_tokens=most, pad_to_max_tokens=bool(most)),
                    WORDS,
                )
                found[f"words {mode} {mask!r} {most}"] = layer(ASKED[:, :1] if mode == "one_hot" else ASKED)
        for places in (1, 3):
            for mask in (None, 0):
                layer = adapted(integer(output_mode=mode, num_oov_indices=places, mask_token=mask), NUMBERS)
                found[f"numbers {mode} {places} {mask}"] = layer(
                    STRANGE[:, :1] if mode == "one_hot" else STRANGE
                )
    found["vocabulary"] = adapted(string(mask_token=""), WORDS).get_vocabulary()
    found["words again"] = string(vocabulary=["a", "b"], invert=True, mask_token="")(
        np.array([[0, 1, 2, 3, 9]])
    )
    found["numbers again"] = integer(vocabulary=[5, 6, 7], invert=True)(np.array([0, 1, 2, 3, 4]))
    found["given"] = integer(vocabulary=[5, 6, 7])(np.array([7, 5, 1]))
    found["nothing unknown"] = integer(vocabulary=[5, 6, 7], num_oov_indices=0)(np.array([7, 5]))
    weighted = string(vocabulary=["a", "b"], idf_weights=[0.5, 0.25], output_mode="tf_idf")
    found["weighted"] = weighted(np.array([["a", "b", "c"], ["a", "a", "z"]]))
    for salt in (None, 7, (133, 137)):
        found[f"three places {salt}"] = string(vocabulary=["a"], num_oov_indices=3, salt=salt)(MANY)
        found[f"three places for numbers {salt}"] = integer(
            vocabulary=[5], num_oov_indices=3, oov_method="farmhash", salt=salt
        )(STRANGE)
        for mask in (None, "", "a"):
            found[f"hashed {salt} {mask!r}"] = k.layers.Hashing(1000, salt=salt, mask_value=mask)(MANY)
        found[f"hashed numbers {salt}"] = k.layers.Hashing(7, salt=salt, mask_value=0)(STRANGE)
    for mode in MODES[1:4]:
        found[f"hashed {mode}"] = k.layers.Hashing(5, output_mode=mode)(
            STRANGE[:, :1] if mode == "one_hot" else STRANGE
        )
    for mode in MODES[:2]:
        cross = k.layers.HashedCrossing(50, output_mode=mode)
        found[f"crossed {mode}"] = cross([MANY[:4], MANY[4:8]])
        found[f"crossed with numbers {mode}"] = cross([ASKED[:, :1], STRANGE[:, :1], STRANGE[:, 1:]])
    texts = k.layers.TextVectorization
    for mode in ("int", "multi_hot", "count", "tf_idf"):
        for arguments in (
            {},
            {"max_tokens": 6, "pad_to_max_tokens": mode != "int"},
            {"standardize": "lower", "ngrams": 2},
            {"standardize": None, "split": "character"},
            {"standardize": "strip_punctuation", "ngrams": (2, 3)},
            {"split": None},
        ):
            layer = adapted(texts(output_mode=mode, **arguments), TEXTS)
            found[f"texts {mode} {arguments} words"] = layer.get_vocabulary()
            found[f"texts {mode} {arguments}"] = layer(NEW_TEXTS)
    for length in (2, 9):
        layer = adapted(texts(output_sequence_length=length), TEXTS)
        found[f"texts of {length}"] = layer(NEW_TEXTS[:, None])
        found[f"one text of {length}"] = layer("the cat")
    found["texts, words given"] = texts(vocabulary=["cat", "dog"], output_mode="count")(NEW_TEXTS)
    return {name: plain(value) for name, value in found.items()}


def plain(value):
    array = np.asarray(value)
    if array.dtype.kind in "OSU":
        return [word.decode() if isinstance(word, bytes) else str(word) for word in array.ravel()]
    return np.round(array.astype("float64"), 6).tolist()


if __name__ == "__main__":
    import keras

    rows = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in results(keras).items())
    FILE.write_text(f"{{\n{rows}\n}}\n")
