"""Matrix products in the shapes that models make, beside NumPy and PyTorch.

    pytest bench/test_gemm.py [-k 512]

A round times every system once, in turn. The table at the end gives each system's GFLOP/s in its best round,
and fastnn's share of its bound: multiply-adds at the rate of bench/peak.py, or operands that no cache holds
read once at the rate of memory, whichever takes longer.
"""

import numpy as np
import pytest
from tables import titled
from turns import THREADS, in_turns

from fastnn import _core
from fastnn.engine import settings

try:
    import torch
except ImportError:
    torch = None
try:
    from threadpoolctl import threadpool_limits
except ImportError:  # then NumPy takes as many threads as it likes
    threadpool_limits = None

# Forward products m x k x n. A layer of them has two more: x^T dy (k x m x n) and dy w^T (m x n x k).
LAYERS = [
    (32, 784, 300),
    (32, 300, 100),
    (32, 100, 10),
    (128, 784, 512),
    (512, 512, 512),
    (2048, 2048, 2048),
    (25088, 144, 64),
    (8, 4096, 4096),
    (10, 784, 2),
    (128, 1600, 10),
    (1024, 16, 784),
    (256, 30, 1),
]
FORWARD = [(1, 784, 300), (1, 300, 100), (4, 784, 300)]
CASES = [("nn", m, n, k) for m, k, n in LAYERS + FORWARD]
CASES += [case for m, k, n in LAYERS for case in (("tn", k, n, m), ("nt", m, k, n))]
ROUND = 0.002  # seconds a system computes for in a round
ROUNDS = 15


def _operands(form, m, n, k):
    rng = np.random.default_rng(0)
    a = rng.standard_normal((k, m) if form[0] == "t" else (m, k), "float32")
    b = rng.standard_normal((n, k) if form[1] == "t" else (k, n), "float32")
    return a, b, np.empty((m, n), "float32")


def _plan(form, m, n, k, a, b, c, team):
    operands = [(0, _core.READ, 0, a.nbytes), (1, _core.READ, 0, b.nbytes), (2, _core.WRITE, 0, c.nbytes)]
    plan = _core.Plan(settings.kernels(), [(f"gemm_{form}_f32", operands, [m, n, k, 0, 0], [0.0])], 3, team)
    for slot, array in enumerate((a, b, c)):
        plan.bind(slot, array)
    return plan


def _systems(form, m, n, k, team):
    """{name: f(steps)}, which computes the product so many times; the first is fastnn."""
    a, b, c = _operands(form, m, n, k)
    plan = _plan(form, m, n, k, a, b, c, team)
    plan.run(20)
    left, right = a.T if form[0] == "t" else a, b.T if form[1] == "t" else b
    np.testing.assert_allclose(c, left @ right, atol=1e-5 * k)

    def numpy(steps):
        for _ in range(steps):
            np.matmul(left, right, out=c)

    found = {"fastnn": plan.run, "numpy": numpy}
    if torch:
        torch.set_num_threads(team)
        left_t, right_t, c_t = (torch.from_numpy(x) for x in (left, right, c))

        def pytorch(steps):
            for _ in range(steps):
                torch.mm(left_t, right_t, out=c_t)

        found["torch"] = pytorch
    return found


@pytest.fixture(scope="module")
def report():
    rows = []
    yield rows
    if not rows:
        return
    cells = [
        [
            f"{shape}, {form}",
            str(team),
            *(f"{rate:.1f}" for rate in rates.values()),
            f"{gbs:.1f}",
            f"{share:.0%}",
        ]
        for team, form, shape, rates, gbs, share in rows
    ]
    head = ["m x k x n, op(A) op(B)", "threads", *rows[0][3], "GB/s", "of bound"]
    print(titled("Matrix products, GFLOP/s", head, cells))


@pytest.mark.parametrize("team", THREADS)
@pytest.mark.parametrize("form, m, n, k", CASES, ids=[f"{f}-{m}x{k}x{n}" for f, m, n, k in CASES])
def test_product(benchmark, report, bound, form, m, n, k, team):
    limits = threadpool_limits(team) if threadpool_limits else None
    systems = _systems(form, m, n, k, team)
    best = in_turns(benchmark, systems, ROUND, ROUNDS)
    if limits:
        limits.restore_original_limits()
    flops, moved = 2.0 * m * n * k, 4.0 * (m * k + k * n + m * n)
    rates = {name: flops / seconds / 1e9 for name, seconds in best.items()}
    share = bound(team, flops, moved) / best["fastnn"]
    benchmark.extra_info.update({f"{name} GFLOP/s": rate for name, rate in rates.items()}, of_bound=share)
    report.append((team, f"{form}", f"{m} x {k} x {n}", rates, moved / best["fastnn"] / 1e9, share))
