"""csrc/reduce.c in every table against float64: sums, products, extremes and their positions."""

import numpy as np
import pytest
from support import EPS32, ISAS, check_kernel, run_kernel

import fastnn.ops  # noqa: F401 - makes the records
from fastnn import _core
from fastnn.engine.op import records

COLS = [1, 7, 8, 9, 15, 16, 17, 33, 63, 64, 65, 1000]  # both sides of each vector width, and of a wide row


def _sum_error(x, axis):
    """How far a float32 sum may be off: chains of at most 4096 / 8 and a tree, on the sum of magnitudes."""
    return (np.abs(x.astype("float64")).sum(axis).max() if x.size else 0.0) * EPS32 * 64


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("cols", COLS)
def test_sums(isa, cols, rng):
    for rows in (1, 2, 9, 40, 700):
        x = rng.normal(0, 1, (rows, cols)).astype("float32")
        for axis in ((0,), (1,), None):
            check_kernel(records["sum"], [x], isa=isa, atol=_sum_error(x, axis), axis=axis, keepdims=False)
        check_kernel(records["mean"], [x], isa=isa, atol=_sum_error(x, (0,)) / rows, axis=(0,), keepdims=True)
        near_one = rng.uniform(0.9, 1.1, (rows, cols)).astype("float32")
        for axis, length in (((0,), rows), ((1,), cols)):
            check_kernel(
                records["prod"], [near_one], isa=isa, rtol=EPS32 * (2 + length), axis=axis, keepdims=False
            )


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("cols", COLS)
def test_extremes(isa, cols, rng):
    for rows in (1, 2, 9, 40):
        x = rng.integers(-5, 5, (rows, cols)).astype("float32")  # many ties: the first one counts
        x[rows // 2, cols // 2] = np.inf
        x[rows - 1, 0] = -np.inf
        for name in ("max", "min", "argmax", "argmin"):
            for axis in ((0,), (1,), None):
                check_kernel(records[name], [x], isa=isa, axis=axis, keepdims=False)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "argmax", "argmin"])
def test_a_nan_shows_wherever_it_stands(isa, name, rng):
    for rows, cols in ((3, 5), (40, 9), (3, 150)):
        for place in (0, 1, cols // 2, cols - 1):
            x = rng.normal(0, 1, (rows, cols)).astype("float32")
            x[1, place] = np.nan
            for axis in ((0,), (1,)):
                check_kernel(records[name], [x], isa=isa, rtol=1e-4, atol=1e-5, axis=axis, keepdims=False)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(
    "shape, axis",
    [
        ((3, 49, 5), (1,)),
        ((2, 3, 4, 5), (0, 2)),
        ((2, 3, 4, 5), (1, 3)),
        ((4, 1, 6), (1,)),
        ((3, 50, 1100), (1,)),
        ((6,), ()),
        ((1, 1), None),
    ],
)
def test_any_axes(isa, shape, axis, rng):
    x = rng.normal(0, 1, shape).astype("float32")
    check_kernel(records["sum"], [x], isa=isa, atol=_sum_error(x, axis), axis=axis, keepdims=False)
    check_kernel(records["max"], [x], isa=isa, axis=axis, keepdims=True)


@pytest.mark.parametrize("isa", ISAS)
def test_long_sums_keep_their_digits(isa):
    # one running total would be off by 1e-2: EPS32 * 1e5
    for shape, axis in (((1 << 20, 3), (0,)), ((1 << 21,), None)):
        x = np.full(shape, 0.1, "float32")
        # equal terms round alike: a chain of n is off by n / 4 units or so, and none is longer than 1024
        check_kernel(records["sum"], [x], isa=isa, rtol=EPS32 * 256, axis=axis, keepdims=False)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("sizes", [(1, 9000, 10, 13), (3, 5000, 1, 7), (2, 300, 2100, 3)])
def test_pieces_do_not_depend_on_threads(isa, sizes, rng):
    outer, rows, inner, pieces = sizes
    x = rng.normal(0, 1, (outer, rows, inner)).astype("float32")
    results = []
    for threads in (1, 2, 3):
        y = np.full((outer, pieces, inner), np.nan, "float32")
        run_kernel(isa, "sum_f32", [x], [y], sizes, [0.5], threads=threads)
        results.append(y)
    ends = [rows * p // pieces for p in range(pieces + 1)]
    want = np.stack([x[:, a:b].astype("float64").sum(1) for a, b in zip(ends, ends[1:], strict=False)], 1) / 2
    np.testing.assert_allclose(results[0], want, atol=EPS32 * rows)
    assert all((y == results[0]).all() for y in results)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("cols", [1, 8, 10, 1000])
def test_in_top_k(isa, cols, rng):
    x = rng.integers(0, 6, (20, cols)).astype("float32")
    x[3, 0], x[4, cols - 1] = np.nan, np.inf
    targets = rng.integers(-1, cols + 1, 20).astype("int32")
    for k in (1, 3, cols):
        check_kernel(records["in_top_k"], [targets, x], isa=isa, k=k)


def test_every_table_has_the_same_kernels():
    tables = [set(_core.Kernels(isa).names()) for isa in ISAS]
    assert all(names == tables[0] for names in tables)
