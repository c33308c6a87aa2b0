"""Kernels and their peers timed in turn: what test_gemm.py and test_conv.py share."""

import time

from fastnn.engine import threads

THREADS = sorted({1, threads.num_threads()})


def _seconds(run, steps):
    start = time.perf_counter()
    run(steps)
    return (time.perf_counter() - start) / steps


def in_turns(benchmark, systems, seconds, rounds):
    """{name: seconds a step of its best round}; a round times every system once, for about `seconds` each.

    systems: {name: run(steps)}, fastnn's first, whose rounds are what pytest-benchmark shows.
    """
    steps = {
        name: max(1, int(seconds / min(_seconds(run, 1) for _ in range(3)))) for name, run in systems.items()
    }
    taken = {name: [] for name in systems}
    first, *others = systems

    def beside():  # before each of fastnn's rounds, one of each peer's
        for name in others:
            taken[name].append(_seconds(systems[name], steps[name]))

    def ours():
        taken[first].append(_seconds(systems[first], steps[first]))

    benchmark.pedantic(ours, setup=beside, rounds=rounds, warmup_rounds=2)
    return {name: min(times) for name, times in taken.items()}
