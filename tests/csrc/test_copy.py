"""csrc/copy.c in every table: against NumPy, exactly, with guards around what is written."""

import itertools

import numpy as np
import pytest
import support
from support import ISAS, run_kernel

from fastnn.engine.op import records
from fastnn.ops.shape import _window

DTYPES = ("float32", "int32", "int64", "bool", "uint8")
SHAPES = ((3, 5), (17, 33), (16, 8), (2, 3, 4, 5), (40, 9, 50), (2, 1, 3, 2, 3, 2), (0, 3), (130, 70))


def run_in_c(name, isa, arrays, **attrs):
    results = support.run_in_c(records[name], arrays, isa, **attrs)
    return results[0] if len(results) == 1 else results


def numbers(rng, dtype, extents):
    return rng.integers(-100 if dtype in ("float32", "int32", "int64") else 0, 100, extents).astype(dtype)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_transposes(isa, dtype, rng):
    for extents in SHAPES:
        x = numbers(rng, dtype, extents)
        for axes in itertools.islice(itertools.permutations(range(x.ndim)), 24):
            got = run_in_c("transpose", isa, [x], axes=axes)
            np.testing.assert_array_equal(got, x.transpose(axes))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("cols", [1, 7, 8, 9, 15, 16, 17, 33])  # both sides of each vector width
def test_transpose_at_every_edge(isa, cols, rng):
    for rows in (1, 7, 8, 9, 16, 17):
        x = numbers(rng, "float32", (3, rows, cols))
        y = np.full((3, cols, rows), np.nan, np.float32)
        run_kernel(
            isa,
            "strided_copy_b32",
            [x],
            [y],
            [3, 0, 0, 3, rows * cols, rows * cols, cols, 1, rows, rows, cols, 1],
        )
        np.testing.assert_array_equal(y, x.transpose(0, 2, 1))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_slices_and_their_placement(isa, dtype, rng):
    x = numbers(rng, dtype, (9, 5, 13))
    for starts, sizes, steps in (
        ((8, 0, 12), (9, 5, 13), (-1, 1, -1)),
        ((1, 4, 2), (4, 2, 5), (2, -3, 2)),
        ((0, 2, 3), (9, 1, 10), (1, 1, 1)),
        ((0, 0, 0), (9, 0, 13), (1, 1, 1)),
    ):
        key = _window(starts, sizes, steps)
        got = run_in_c("strided_slice", isa, [x], starts=starts, sizes=sizes, steps=steps)
        np.testing.assert_array_equal(got, x[key])
        want = np.zeros_like(x)
        want[key] = got
        placed = run_in_c("strided_place", isa, [got], shape=x.shape, starts=starts, steps=steps, value=0)
        np.testing.assert_array_equal(placed, want)


@pytest.mark.parametrize("isa", ISAS)
def test_broadcast(isa, rng):
    for dtype in DTYPES:
        for source, target in (((5,), (7, 5)), ((7, 1), (7, 19)), ((3, 1, 4, 1), (3, 2, 4, 9)), ((), (33,))):
            x = numbers(rng, dtype, source)
            got = run_in_c("broadcast_to", isa, [x], shape=target)
            np.testing.assert_array_equal(got, np.broadcast_to(x, target))


@pytest.mark.parametrize("isa", ISAS)
def test_place_keeps_nan_and_infinite_fillings(isa):
    x = np.array([1.5, np.nan, -0.0], np.float32)
    got = run_in_c("strided_place", isa, [x], shape=(6,), starts=(1,), steps=(2,), value=float("-inf"))
    np.testing.assert_array_equal(got, np.array([-np.inf, 1.5, -np.inf, np.nan, -np.inf, -0.0], np.float32))
    assert np.signbit(got[5])


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_concatenate_and_split(isa, dtype, rng):
    for extents, axis in (((3, 4), 0), ((3, 4), 1), ((2, 3, 70), 2), ((5, 1), 1), ((0, 4), 1)):
        sizes = [extents[axis], 1, 0, 3, *[2] * 15]  # more parts than one instruction takes
        parts = [numbers(rng, dtype, (*extents[:axis], n, *extents[axis + 1 :])) for n in sizes]
        whole = run_in_c("concatenate", isa, parts, axis=axis)
        np.testing.assert_array_equal(whole, np.concatenate(parts, axis))
        for got, want in zip(
            run_in_c("split", isa, [whole], sizes=tuple(sizes), axis=axis), parts, strict=True
        ):
            np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("isa", ISAS)
def test_joining_writes_only_its_rows(isa, rng):
    a, b = numbers(rng, "float32", (4, 3)), numbers(rng, "float32", (4, 5))
    y = np.full((4, 8), np.nan, np.float32)
    run_kernel(isa, "concat_bytes", [a, b], [y], [4, 32, 0, 2, 12, 20])
    np.testing.assert_array_equal(y, np.concatenate([a, b], 1))
    c, d = np.full_like(a, np.nan), np.full_like(b, np.nan)
    run_kernel(isa, "split_bytes", [y], [c, d], [4, 32, 0, 2, 12, 20])
    np.testing.assert_array_equal(c, a)
    np.testing.assert_array_equal(d, b)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("index", ["int32", "int64"])
@pytest.mark.parametrize("inner", [1, 7, 8, 9, 17, 100])
def test_rows_by_index(isa, index, inner, rng):
    x = rng.standard_normal((2, 11, inner)).astype(np.float32)
    at = rng.integers(-11, 11, (3, 5)).astype(index)
    at[1, 2], at[0, 0] = 11, -12  # out of range
    y = run_in_c("take", isa, [x, at], axis=1)
    np.testing.assert_array_equal(y, records["take"].reference(x, at, axis=1))
    assert np.isnan(y[:, 1, 2]).all() and np.isnan(y[:, 0, 0]).all() and np.isnan(y).sum() == 4 * inner
    dy = rng.standard_normal((2, 3, 5, inner)).astype(np.float32)
    dx = run_in_c("take_grad", isa, [dy, at], axis=1, extent=11)
    want = records["take_grad"].reference(dy, at, axis=1, extent=11)  # adds in the same order
    np.testing.assert_array_equal(dx, want)


@pytest.mark.parametrize("isa", ISAS)
def test_scatter_add_in_blocks(isa, rng):
    dy = rng.standard_normal((300, 64)).astype(np.float32)
    at = rng.integers(0, 1000, 300).astype(np.int32)
    results = []
    for threads in (1, 2, 3):
        dx = np.full((1000, 64), np.nan, np.float32)
        run_kernel(isa, "scatter_add_rows_f32_i32", [dy, at], [dx], [1, 1000, 300, 64], threads=threads)
        results.append(dx)
    np.testing.assert_array_equal(results[0], records["take_grad"].reference(dy, at, axis=0, extent=1000))
    assert results[0].tobytes() == results[1].tobytes() == results[2].tobytes()


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_take_along_axis(isa, axis, rng):
    x = rng.standard_normal((4, 5, 6)).astype(np.float32)
    extents = [4, 5, 6]
    extents[axis] = 7
    at = rng.integers(-x.shape[axis], x.shape[axis], extents)
    at.reshape(-1)[3] = 99
    y = run_in_c("take_along_axis", isa, [x, at], axis=axis)
    np.testing.assert_array_equal(y, records["take_along_axis"].reference(x, at, axis=axis))
    dy = rng.standard_normal(extents).astype(np.float32)
    dx = run_in_c("take_along_axis_grad", isa, [dy, at.astype(np.int32)], axis=axis, extent=x.shape[axis])
    want = records["take_along_axis_grad"].reference(dy, at, axis=axis, extent=x.shape[axis])
    np.testing.assert_array_equal(dx, want)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("index", ["int32", "int64"])
def test_one_hot(isa, index, rng):
    x = rng.integers(-2, 9, (6, 5)).astype(index)
    for axis in (0, 1, 2):
        got = run_in_c("one_hot", isa, [x], num_classes=7, axis=axis, dtype="float32")
        want = records["one_hot"].reference(x, num_classes=7, axis=axis, dtype="float32")
        np.testing.assert_array_equal(got, want)
        assert got.sum() == ((x >= 0) & (x < 7)).sum()
