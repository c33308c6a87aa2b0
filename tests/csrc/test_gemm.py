"""The matrix-product kernels in every table against float64: four orientations, epilogues, batches."""

import numpy as np
import pytest
from support import EPS32, ISAS, run_kernel

SIZES = [(1, 1, 1), (5, 7, 3), (6, 16, 8), (7, 17, 9), (8, 48, 16), (13, 33, 400), (1, 100, 50),
         (100, 2, 784), (300, 10, 31), (257, 49, 12), (3, 5, 0), (0, 5, 3), (5, 0, 3), (64, 130, 1000)]


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
@pytest.mark.parametrize("activation", [0, 1, 2])
@pytest.mark.parametrize("m, n, k", [(9, 35, 20), (40, 10, 500), (4, 6, 0)])
def test_epilogue(isa, activation, m, n, k, rng):
    a, b = (rng.standard_normal(s).astype("float32") for s in ((m, k), (k, n)))
    bias = rng.standard_normal(n).astype("float32")
    c = np.full((m, n), np.nan, "float32")
    run_kernel(isa, "gemm_nn_f32", [a, b, bias], [c], [m, n, k, 1, activation], [0.25])
    z = a.astype("float64") @ b + bias
    want = [z, np.maximum(z, 0), np.where(z < 0, 0.25 * z, z)][activation]
    np.testing.assert_allclose(c, want, rtol=0, atol=EPS32 * np.sqrt(k + 1) * 40)


@pytest.mark.parametrize("isa", ISAS)
def test_batches_and_repeated_operands(isa, rng):
    a = rng.standard_normal((3, 4, 7, 20)).astype("float32")
    b = rng.standard_normal((4, 20, 18)).astype("float32")
    c = np.full((3, 4, 7, 18), np.nan, "float32")
    sizes = [7, 18, 20, 0, 0, 3, 4 * 7 * 20, 0, 4, 7 * 20, 20 * 18]
    run_kernel(isa, "gemm_nn_f32", [a, b], [c], sizes, [0.0], threads=2)
    np.testing.assert_allclose(c, a.astype("float64") @ b, rtol=0, atol=EPS32 * 100)


@pytest.mark.parametrize("isa", ISAS)
def test_nan_and_infinity_come_through(isa):
    a, b = np.ones((7, 5), "float32"), np.ones((5, 20), "float32")
    a[2, 3], a[4, 0] = np.nan, np.inf
    c = np.empty((7, 20), "float32")
    run_kernel(isa, "gemm_nn_f32", [a, b], [c], [7, 20, 5, 0, 1], [0.0])
    assert np.isnan(c[2]).all() and np.isinf(c[4]).all() and np.isfinite(np.delete(c, (2, 4), 0)).all()
