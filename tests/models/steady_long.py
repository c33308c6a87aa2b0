"""Memory over 100,000 predictions of one row and 1,000 fits: `pytest tests/models/steady_long.py`, some minutes."""

import pytest
import steadiness
from steadiness import growth


@pytest.mark.parametrize(
    ("make", "calls"), [(steadiness.predictor, 100_000), (steadiness.fitter, 1_000)], ids=["predict", "fit"]
)
def test_memory_is_flat(make, calls):
    held, pages = growth(make(), calls, warm_up=calls // 20)
    assert held <= 4_000, f"{held} bytes stay"
    assert pages <= 1_000_000, f"the process grew by {pages} bytes"
