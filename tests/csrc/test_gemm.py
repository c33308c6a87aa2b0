"""The matrix-product kernels in every table against float64: four orientations, epilogues, batches."""

import numpy as np
import pytest
from support import EPS32, ISAS, activated, run_kernel

from fastnn import _core

# On both sides of: a tile's rows (4, 6, 8) and columns (8, 16, 48), a word, the depth where k is cut
# (384), the limits of the narrow ways (12 columns; 24 and 48 rows; k = 48 for dot products), and beyond what
# panels stay near, and are packed at a time.
SIZES = [
    (1, 1, 1),
    (5, 7, 3),
    (6, 16, 8),
    (7, 17, 9),
    (8, 48, 16),
    (9, 15, 385),
    (13, 33, 400),
    (1, 100, 50),
    (100, 2, 784),
    (300, 10, 31),
    (257, 49, 12),
    (3, 5, 0),
    (0, 5, 3),
    (5, 0, 3),
    (64, 130, 1000),
    (24, 65, 48),
    (25, 63, 47),
    (48, 25, 49),
    (49, 24, 33),
    (31, 12, 64),
    (33, 13, 64),
    (2, 3000, 17),
    (3000, 3, 50),
    (50, 47, 384),
    (64, 1000, 70),
    (65, 70, 70),
    (12, 90, 64),
    (13, 90, 300),
    (55, 1, 7),
    (1, 1, 5000),
    (60, 31, 2),
    (115, 5003, 300),
    (203, 700, 590),
]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("m, n, k", SIZES)
@pytest.mark.parametrize("ta", [False, True])
@pytest.mark.parametrize("tb", [False, True])
def test_product_matches_float64(isa, m, n, k, ta, tb, rng):
    a = rng.standard_normal((k, m) if ta else (m, k)).astype("float32")
    b = rng.standard_normal((n, k) if tb else (k, n)).astype("float32")
    c = np.full((m, n), np.nan, "float32")
    run_kernel(isa, f"gemm_{'nt'[ta]}{'nt'[tb]}_f32", [a, b], [c], [m, n, k, 0, 0], [0.0], threads=2)
    a64, b64 = (a.T if ta else a).astype("float64"), (b.T if tb else b).astype("float64")
    atol = EPS32 * np.sqrt(k + 1) * 8 * (np.abs(a64).max(initial=0) * np.abs(b64).max(initial=0))
    np.testing.assert_allclose(c, a64 @ b64, rtol=0, atol=atol)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(
    "m, n, k",
    [(2000, 64, 40), (40, 900, 500), (4, 3000, 200), (3000, 5, 100), (128, 784, 512), (100, 1168, 330)]
    + [(230, 700, 600)],
)
def test_same_bits_on_any_number_of_threads(isa, m, n, k, rng):
    a, b = (rng.standard_normal(s).astype("float32") for s in ((m, k), (n, k)))
    results = []
    for threads in (1, 2, 3):
        c = np.full((m, n), np.nan, "float32")
        run_kernel(isa, "gemm_nt_f32", [a, b], [c], [m, n, k, 0, 0], [0.0], threads=threads)
        results.append(c)
    assert (results[0] == results[1]).all() and (results[0] == results[2]).all()


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("activation", range(6))
@pytest.mark.parametrize("m, n, k", [(9, 35, 20), (60, 20, 500), (40, 10, 50), (120, 650, 330), (4, 6, 0)])
def test_epilogue(isa, bias, activation, m, n, k, rng):
    a, b = (rng.standard_normal(s).astype("float32") / np.float32(np.sqrt(k + 1)) for s in ((m, k), (k, n)))
    bias = rng.standard_normal(n).astype("float32") if bias else None
    c = np.full((m, n), np.nan, "float32")
    reads, sizes = [a, b] if bias is None else [a, b, bias], [m, n, k, int(bias is not None), activation]
    run_kernel(isa, "gemm_nn_f32", reads, [c], sizes, [0.25])
    z = a.astype("float64") @ b + (0 if bias is None else bias)
    want = activated(z, activation, 0.25)
    np.testing.assert_allclose(c, want, rtol=0, atol=EPS32 * (8 + 8 * np.sqrt(k)))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(
    "turns, m, n, k",
    [
        ("nn", 8, 130, 256),
        ("nn", 32, 300, 784),
        ("nn", 48, 97, 513),
        ("nn", 31, 1000, 300),
        ("tn", 128, 128, 2048),
        ("tn", 17, 33, 515),
        ("tn", 3, 70, 1029),
        ("tn", 300, 5, 777),
    ],
)
def test_parts_of_k(isa, turns, m, n, k, rng):
    a, b = (rng.standard_normal(s).astype("float32") / np.float32(np.sqrt(k)) for s in ((m, k), (k, n)))
    bias = rng.standard_normal(n).astype("float32")
    sizes, name = [m, n, k, 1, 4], f"gemm_{turns}_parts_f32"
    size = _core.Kernels(isa).work(name, sizes)["workspace"]
    stored = np.ascontiguousarray(a.T) if turns == "tn" else a
    assert size % (4 * m * n) == 0 and size >= 2 * 4 * m * n
    results = []
    for threads in (1, 2, 3):
        sums = np.full((size // (4 * m * n), m, n), np.nan, "float32")
        c = np.full((m, n), np.nan, "float32")
        run_kernel(isa, name, [stored, b], [sums], sizes, threads=threads)
        run_kernel(isa, "gemm_join_f32", [sums, bias], [c], [m, n, len(sums), 1, 4], [0.0], threads=threads)
        results.append(c)
    assert (results[0] == results[1]).all() and (results[0] == results[2]).all()
    want = np.tanh(a.astype("float64") @ b + bias)
    np.testing.assert_allclose(c, want, rtol=0, atol=EPS32 * (8 + 8 * np.sqrt(k)))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(
    "turns, m, n, k",
    [
        ("nn", 7, 300, 784),
        ("nn", 49, 300, 784),
        ("nn", 32, 20, 784),
        ("nn", 32, 300, 200),
        ("nn", 0, 300, 784),
        ("tn", 784, 300, 32),
        ("tn", 512, 512, 2048),
        ("tn", 0, 30, 2048),
    ],
)
def test_no_parts_where_they_do_not_pay(isa, turns, m, n, k):
    assert _core.Kernels(isa).work(f"gemm_{turns}_parts_f32", [m, n, k, 0, 0])["workspace"] == 0


@pytest.mark.parametrize("isa", ISAS)
def test_batches_and_repeated_operands(isa, rng):
    a = rng.standard_normal((3, 4, 7, 20)).astype("float32")
    b = rng.standard_normal((4, 20, 18)).astype("float32")
    c = np.full((3, 4, 7, 18), np.nan, "float32")
    sizes = [7, 18, 20, 0, 0, 3, 4 * 7 * 20, 0, 4, 7 * 20, 20 * 18]
    run_kernel(isa, "gemm_nn_f32", [a, b], [c], sizes, [0.0], threads=2)
    np.testing.assert_allclose(c, a.astype("float64") @ b, rtol=0, atol=EPS32 * 100)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("batch, m, n, k", [(8, 60, 256, 200), (5, 20, 100, 300)])
def test_a_repeated_operand_is_packed_again_after_a_part_of_it(isa, batch, m, n, k, rng):
    """Ranges of columns that are whole matrices, and others, share a thread's scratch memory."""
    a, b = (rng.standard_normal(s).astype("float32") for s in ((batch, m, k), (k, n)))
    want = a.astype("float64") @ b
    for threads in (1, 2, 3, 5) * 3:
        c = np.full(want.shape, np.nan, "float32")
        run_kernel(isa, "gemm_nn_f32", [a, b], [c], [m, n, k, 0, 0, batch, m * k, 0], [0.0], threads=threads)
        np.testing.assert_allclose(c, want, rtol=0, atol=EPS32 * 10 * k)


@pytest.mark.parametrize("isa", ISAS)
def test_nan_and_infinity_come_through(isa):
    a, b = np.ones((7, 5), "float32"), np.ones((5, 20), "float32")
    a[2, 3], a[4, 0] = np.nan, np.inf
    c = np.empty((7, 20), "float32")
    run_kernel(isa, "gemm_nn_f32", [a, b], [c], [7, 20, 5, 0, 1], [0.0])
    assert np.isnan(c[2]).all() and np.isinf(c[4]).all() and np.isfinite(np.delete(c, (2, 4), 0)).all()
