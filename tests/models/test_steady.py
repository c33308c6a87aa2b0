"""Memory stays flat over many calls, and the progress bar costs next to nothing."""

import sys
import time

import numpy as np
import pytest
import steadiness
from steadiness import X, Y, growth, network

from fastnn.engine import threads


# The interpreter's own caches (of attributes, of free objects) fill up meanwhile; what a call of `fit` or a model
# would leave behind, an array or a plan, is far more than these bytes.
@pytest.mark.parametrize(
    ("make", "calls", "bytes_a_call"),
    [
        (steadiness.predictor, 3000, 1),
        (steadiness.direct_caller, 2000, 1),
        (steadiness.batch_trainer, 2000, 1),
        (steadiness.fitter, 60, 100),
        (lambda: steadiness.new_models, 15, 3000),
    ],
    ids=["predict", "call", "train_on_batch", "fit", "new models"],
)
def test_memory_is_flat(make, calls, bytes_a_call):
    held, pages = growth(make(), calls, warm_up=max(5, calls // 20))
    assert held <= calls * bytes_a_call, f"{held / calls:.1f} bytes a call stay"
    assert pages <= 400_000, f"the process grew by {pages} bytes"


class Terminal:
    """Shows nothing, keeps the last line."""

    def isatty(self):
        return True

    def write(self, text):
        self.last = text

    def flush(self):
        pass


def test_the_progress_bar_is_cheap(monkeypatch):
    """At most a tenth of the time of an epoch of a few milliseconds; the least of many is what it costs."""
    monkeypatch.setattr(threads, "_chosen", (1, "test"))  # idle threads spin, and count as time
    model = network()
    terminal = Terminal()
    x, y = np.tile(X, (60, 1)), np.tile(Y, 60)

    def seconds(verbose):
        monkeypatch.setattr(sys, "stdout", terminal)
        start = time.thread_time()
        model.fit(x, y, batch_size=4, epochs=8, verbose=verbose)
        return time.thread_time() - start

    for verbose in (0, 1):
        seconds(verbose)
    quiet = shown = float("inf")
    for attempt in range(
        60
    ):  # few are enough on a quiet machine; on a busy one, caches are cold most of the time
        quiet, shown = min(quiet, seconds(0)), min(shown, seconds(1))
        if attempt >= 5 and shown <= 1.1 * quiet:
            break
    assert "━" in terminal.last and "accuracy" in terminal.last and terminal.last.endswith("\n")
    assert shown <= 1.1 * quiet, f"{quiet * 1e3:.2f} ms silent, {shown * 1e3:.2f} ms with the bar"
