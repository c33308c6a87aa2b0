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
        (lambda: layers.IntegerLookup(vocabulary=[1])(layers.Input((3,))), "not inside a model"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()
