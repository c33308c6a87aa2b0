"""Ten steps of training end where Keras ends, for every layer, loss, optimizer, schedule and penalty."""

import json
from pathlib import Path

import golden_cases as cases
import numpy as np
import pytest

import fastnn

HERE = Path(__file__).parent
GOLDEN = json.loads((HERE / "golden.json").read_text())["cases"]
WEIGHTS = np.load(HERE / "golden.npy")


def test_every_case_has_its_numbers():
    assert set(GOLDEN) == set(cases.CASES), "run tests/golden/make_golden.py again"
    assert all(np.isfinite(entry["logs"]["loss"]).all() for entry in GOLDEN.values())
    assert np.isfinite(WEIGHTS).all()


@pytest.mark.parametrize("name", cases.CASES)
def test_the_same_weights_after_ten_steps(name):
    golden = GOLDEN[name]
    logs, weights = cases.run(fastnn, name)
    assert [list(w.shape) for w in weights] == golden["shapes"]
    at = golden["at"]
    for i, got in enumerate(weights):
        want = WEIGHTS[at : at + got.size].reshape(got.shape)
        at += got.size
        np.testing.assert_allclose(
            got, want, rtol=1e-5, atol=1e-5 * np.abs(want).max(initial=0), err_msg=f"weight {i}"
        )
    assert set(logs) == set(golden["logs"])
    for key, values in golden["logs"].items():
        np.testing.assert_allclose(logs[key], values, rtol=1e-5, atol=1e-6, err_msg=key)
