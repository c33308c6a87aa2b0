"""A few models drawn at random, in files between fastnn and Keras (long_random_models.py draws hundreds)."""

import keras
import numpy as np
import pytest
from random_models import build, data_for, disturb

import fastnn

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),  # of Keras finding shapes
    pytest.mark.filterwarnings("ignore:.*(does not know masks|with a mask attached):UserWarning"),
]


def flat(outputs):
    """Arrays or tensors in order; of a dict, in the order of its sorted names."""
    if isinstance(outputs, dict):
        return [outputs[name] for name in sorted(outputs)]
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def check_files(seed, folder):
    """What either library writes of the seed's model the other loads, with equal predictions."""
    for writer, reader in ((keras, fastnn), (fastnn, keras)):
        model, path = build(writer, seed), folder / f"{seed}.keras"
        disturb(model, seed)
        model.save(path)
        loaded = reader.models.load_model(path)
        x = data_for(model, seed)
        want, got = flat(model.predict(x, verbose=0)), flat(loaded.predict(x, verbose=0))
        # not their paths: Keras itself names the weights inside a Bidirectional otherwise once loaded
        assert [tuple(v.shape) for v in model.weights] == [tuple(v.shape) for v in loaded.weights]
        for a, b in zip(want, got, strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-5 * (1 + np.abs(a).max()))


@pytest.mark.parametrize("seed", range(8))
def test_files_of_a_random_model(seed, tmp_path):
    check_files(seed, tmp_path)
