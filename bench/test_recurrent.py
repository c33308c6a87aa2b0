"""LSTM and GRU beside PyTorch's, forward and training: pytest bench/test_recurrent.py -s

Both run in this process and take turns (A B A B), with as many threads as fastnn uses; the best of each
counts. Needs torch; times are printed, and nobody may be slower. BENCH_SECONDS (0.5): how long each pair
takes turns.
"""

import itertools
import math
import os
import time

import numpy as np
import pytest
from tables import titled

import fastnn
from fastnn.engine.tape import GradientTape
from fastnn.engine.tensor import Tensor
from fastnn.engine.threads import num_threads

torch = pytest.importorskip("torch")
SECONDS = float(os.environ.get("BENCH_SECONDS", "0.5"))
STEPS, UNITS, BATCHES = (20, 100, 500), (32, 128, 512), (1, 32, 256)


def compiled(layer, call, x):
    """(forward, training step) of a built fastnn layer that `call(x, training=...)` applies."""

    def train(x):
        with GradientTape() as tape:
            tape.watch(x)
            loss = fastnn.ops.sum(call(x, training=True))
        return tape.gradient(loss, [x, *layer.trainable_variables])

    forward, step, given = fastnn.function(lambda x: call(x)), fastnn.function(train), Tensor(x)
    return lambda: forward(given), lambda: step(given)


def ours(kind, x):
    layer = getattr(fastnn.layers, kind)(x.shape[2], return_sequences=True)
    layer.build((None, *x.shape[1:]))
    return compiled(layer, layer, x)


def theirs(kind, x):
    layer = getattr(torch.nn, kind)(x.shape[2], x.shape[2], batch_first=True)
    given = torch.from_numpy(x).requires_grad_(True)

    def forward():
        with torch.no_grad():
            layer(given)

    def step():
        layer.zero_grad()
        given.grad = None
        layer(given)[0].sum().backward()

    return forward, step


def turns(a, b):
    """Seconds of the best of each, taking turns."""
    best = [math.inf, math.inf]
    for call in (a, b):
        call()
    began, rounds = time.perf_counter(), 0
    while rounds < 3 or (time.perf_counter() - began < SECONDS and rounds < 500):
        for i, call in enumerate((a, b)):
            start = time.perf_counter()
            call()
            best[i] = min(best[i], time.perf_counter() - start)
        rounds += 1
    return best


def compare(title, cases):
    """Prints the table of `cases`, each (name, fastnn's pair, torch's pair), and asserts that none is slower.

    Returns the geometric mean of torch's time over fastnn's.
    """
    torch.set_num_threads(num_threads())
    ratios, rows = [], []
    for name, mine, other in cases:
        row = [name]
        for a, b in zip(mine, other, strict=True):
            ours_s, theirs_s = turns(a, b)
            ratios.append(theirs_s / ours_s)
            row += [f"{ours_s * 1e3:.3f}", f"{theirs_s * 1e3:.3f}", f"{ratios[-1]:.2f}"]
        rows.append(row)
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    title = f"{title}, {num_threads()} threads, ms: {mean:.2f} times as fast as torch in the geometric mean"
    print(
        titled(
            title,
            ["", *(f"{x} {what}" for what in ("forward", "training") for x in ("fastnn", "torch", "ratio"))],
            rows,
        )
    )
    slower = [row for row in rows if min(float(row[3]), float(row[6])) < 0.95]
    assert not slower, slower
    return mean


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_never_slower_than_torch(kind):
    def cases():
        for steps, units, batch in itertools.product(STEPS, UNITS, BATCHES):
            x = np.random.default_rng(0).standard_normal((batch, steps, units)).astype("float32")
            yield f"T {steps}, {units} units, batch {batch}", ours(kind, x), theirs(kind, x)

    assert compare(kind, cases()) >= 2
