"""Ten steps of training on attention and on masks end where Keras on JAX ends."""

from pathlib import Path

import golden_cases
import numpy as np
import pytest
from attention_cases import CASES

import fastnn

KEY_BIAS = slice(
    184, 192
)  # after the table (48), the queries' kernel (64) and bias (8), the keys' kernel (64)
GOLDEN = np.load(Path(__file__).with_name("attention.npz"))


def test_every_case_has_its_numbers():
    made = {key.split("/")[0] for key in GOLDEN.files}
    assert made == set(CASES), "run tests/golden/make_attention.py again"
    assert all(np.isfinite(GOLDEN[key]).all() for key in GOLDEN.files)


@pytest.mark.parametrize("name", CASES)
def test_the_same_weights_after_ten_steps(name):
    logs, weights = golden_cases.run(fastnn, name, CASES)
    np.testing.assert_allclose(logs["loss"], GOLDEN[f"{name}/loss"], rtol=1e-5)
    got, want = np.concatenate([w.ravel() for w in weights]), GOLDEN[f"{name}/weights"]
    near = 1e-5 * np.abs(want).max()
    if name == "transformer":
        # The keys' bias adds the same to all scores of a query, so its gradient is 0 but for rounding, which
        # Adam divides by its own size: ten steps of up to the learning rate each.
        assert np.abs(got - want)[KEY_BIAS].max() <= 10 * 0.001
        got[KEY_BIAS] = want[KEY_BIAS]
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=near)
