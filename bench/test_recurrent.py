"""LSTM and GRU beside PyTorch's, forward and training: pytest bench/test_recurrent.py -s

Both run in this process and take turns (A B A B), with as many threads as fastnn uses; the best of each
counts. Needs torch; times are printed, and nobody may be slower. BENCH_SECONDS (0.5): how long each pair
takes turns.
"""

import math
import os
import time

import numpy as np
import pytest

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


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_never_slower_than_torch(kind):
    torch.set_num_threads(num_threads())
    ratios, slower = [], []
    print(f"\n{kind}, {num_threads()} threads: ms of fastnn / torch")
    for steps in STEPS:
        for units in UNITS:
            for batch in BATCHES:
                x = np.random.default_rng(0).standard_normal((batch, steps, units)).astype("float32")
                line = f"T {steps:4} units {units:4} batch {batch:4}"
                for what, a, b in zip(("forward", "training"), ours(kind, x), theirs(kind, x), strict=False):
                    mine, other = turns(a, b)
                    ratios.append(other / mine)
                    line += f"   {what} {mine * 1e3:9.3f} / {other * 1e3:9.3f} = {other / mine:5.2f}x"
                    if mine > 1.05 * other:
                        slower.append(f"{line.split('   ')[0]} {what}")
                print(line, flush=True)
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    print(f"geometric mean {mean:.2f}x")
    assert not slower and mean >= 2
