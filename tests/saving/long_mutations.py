"""10,000 mutations of good files, in processes of their own: never a crash, a hang or a wrong load.

pytest tests/saving/long_mutations.py
"""

import os
import signal
import traceback

import pytest
from test_hostile_files import load_mutations

BATCH = 25  # mutations a process, of each of the three forms
SECONDS = 60  # of computing; ten times as many by the clock, for a machine that others use too


@pytest.mark.parametrize("tenth", range(10))
def test_mutations(tenth, tmp_path):
    total = 10_000 // 3 // 10 + 1
    for first in range(1000 + tenth * total, 1000 + (tenth + 1) * total, BATCH):
        child = os.fork()
        if child == 0:
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            signal.alarm(10 * SECONDS)
            try:
                load_mutations(BATCH, first, tmp_path)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        how = (
            "hung"
            if os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGALRM, signal.SIGPROF)
            else f"ended with {status}"
        )
        assert status == 0, f"the mutations from seed {first} on {how}"
