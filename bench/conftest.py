"""The bound that this machine sets, for every benchmark of a kernel."""

import peak
import pytest
from turns import THREADS

MEMORY = 1 << 25  # bytes of operands above which no cache is counted on


@pytest.fixture(scope="module")
def bound():
    """bound(team, operations, bytes of operands) -> the seconds that this machine takes at least."""
    rates = {team: (peak.gflops(team) * 1e9, peak.gbytes(team) * 1e9) for team in THREADS}

    def seconds(team, operations, moved):
        return max(operations / rates[team][0], moved / rates[team][1] if moved > MEMORY else 0.0)

    return seconds
