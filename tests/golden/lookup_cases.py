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
