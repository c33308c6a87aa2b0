"""Ten steps of Adam on recurrent models against what Keras gave (tests/golden/recurrent.json)."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import fastnn

GOLDEN = Path(__file__).parents[1] / "golden"
sys.path.insert(0, str(GOLDEN))

from recurrent_runs import RUNS  # noqa: E402

KNOWN = json.loads((GOLDEN / "recurrent.json").read_text())


def test_every_run_is_known():
    assert set(RUNS) == set(KNOWN)


@pytest.mark.parametrize("name", RUNS)
def test_as_in_keras(name):
    got = RUNS[name](fastnn)
    for key, want in KNOWN[name].items():
        # Adam divides by the gradient's size: its steps of 0.02 carry the relative error of small gradients,
        # 1e-4 at most
        np.testing.assert_allclose(got[key], want, rtol=1e-4, atol=2e-5, err_msg=key)
