"""Whole training runs against what Keras gave for the same weights and data (tests/golden/training.json)."""

import json
from pathlib import Path

import callback_scenarios  # noqa: F401 - these add to SCENARIOS
import data_scenarios  # noqa: F401
import fit_scenarios  # noqa: F401
import numpy as np
import pytest
from scenarios import SCENARIOS, plain

import fastnn

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "training.json").read_text())
# A few steps of float32, each of sums of some ten products: 100 roundings of 6e-8 of values up to 1.
RTOL, ATOL = 1e-5, 6e-6


def compare(got, want, where=""):
    """Equal, structure and all; floats within RTOL and ATOL."""
    if isinstance(want, dict):
        assert isinstance(got, dict) and sorted(got) == sorted(want), f"{where}: {got} in place of {want}"
        for key in want:
            compare(got[key], want[key], f"{where}/{key}")
    elif isinstance(want, list) and not all(isinstance(w, float) for w in want):
        assert isinstance(got, list) and len(got) == len(want), f"{where}: {got} in place of {want}"
        for i, (g, w) in enumerate(zip(got, want)):
            compare(g, w, f"{where}[{i}]")
    elif isinstance(want, (list, float)):
        np.testing.assert_allclose(got, want, rtol=RTOL, atol=ATOL, err_msg=where)
    else:
        assert got == want, f"{where}: {got!r} in place of {want!r}"


@pytest.mark.filterwarnings(
    "ignore:no gradient reaches", "ignore:the data ran out"
)  # Keras warns of both too
@pytest.mark.parametrize("name", SCENARIOS)
def test_as_in_keras(name):
    fastnn.utils.set_random_seed(0)
    compare(plain(SCENARIOS[name](fastnn)), GOLDEN[name], name)
