"""csrc/pool.c against float64, in every table: odd windows, overlaps, gaps, padding, every lane count."""

import numpy as np
import pytest
from support import EPS32, ISAS, check_kernel, on_isa, run_kernel

from fastnn.ops import pooling

# input shape, window, strides, padding
CASES = [
    ((2, 4, 6, 1), (2, 2), (2, 2), ((0, 0), (0, 0))),
    ((1, 5, 7, 3), (2, 2), (2, 2), ((0, 0), (0, 0))),  # cells in no window
    ((2, 5, 5, 17), (2, 2), (2, 2), ((0, 1), (0, 1))),
    ((2, 6, 5, 33), (3, 3), (2, 2), ((1, 0), (0, 1))),  # windows overlap
    ((1, 7, 6, 8), (3, 2), (1, 1), ((1, 1), (0, 1))),
    ((1, 7, 9, 70), (2, 1), (3, 2), ((0, 0), (0, 0))),  # gaps; two blocks of channels
    ((3, 9, 5), (3,), (2,), ((1, 1),)),  # one spatial axis
    ((1, 4, 5, 6, 5), (2, 3, 2), (2, 1, 2), ((0, 0), (1, 1), (0, 0))),
    ((0, 4, 4, 5), (2, 2), (2, 2), ((0, 0), (0, 0))),
    ((2, 4, 4, 0), (2, 2), (2, 2), ((0, 0), (0, 0))),
]


def _window(case):
    return dict(zip(("pool_size", "strides", "padding"), case[1:], strict=True))


def _distinct(rng, shape):
    """Values that all differ by much more than a rounding, so that winners are certain."""
    return (rng.permutation(int(np.prod(shape))).reshape(shape) / 8 - 5).astype(np.float32)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: "x".join(map(str, case[0])))
def test_pooling_matches_float64(isa, case, rng):
    x, window = _distinct(rng, case[0]), _window(case)
    cells = np.prod(window["pool_size"])
    check_kernel(pooling.max_pool_op, [x], isa=isa, **window)
    check_kernel(
        pooling.average_pool_op,
        [x],
        isa=isa,
        rtol=EPS32 * cells,
        atol=EPS32 * cells * np.ptp(x) if x.size else 0,
        **window,
    )
    y = pooling.max_pool_op.reference(x, **window)
    dy = rng.standard_normal(y.shape).astype(np.float32)
    check_kernel(
        pooling.max_pool_grad_op, [x, y, dy], isa=isa, rtol=EPS32 * cells, atol=EPS32 * cells * 4, **window
    )
    check_kernel(
        pooling.average_pool_grad_op,
        [dy],
        isa=isa,
        rtol=EPS32 * cells,
        atol=EPS32 * cells * 4,
        input_shape=case[0],
        **window,
    )


@pytest.mark.parametrize("isa", ISAS)
def test_nan_makes_its_windows_nan_and_minus_infinity_is_a_value(isa):
    x = np.zeros((1, 4, 8, 9), np.float32)
    x[0, 0, 0, :] = np.nan  # first cell of its window
    x[0, 1, 3, :] = np.nan  # last cell
    x[0, :2, 4:6, :] = -np.inf
    window = dict(pool_size=(2, 2), strides=(2, 2), padding=((0, 0), (0, 0)))
    with on_isa(isa):
        y = pooling.max_pool_op(pooling.convert(x), **window).numpy()
        np.testing.assert_array_equal(y[0, 0, :, 0], [np.nan, np.nan, -np.inf, 0])
        assert np.array_equal(y, pooling.max_pool_op.reference(x, **window), equal_nan=True)
        dx = pooling.max_pool_grad_op(*map(pooling.convert, (x, y, np.ones_like(y))), **window).numpy()
    assert dx.sum() == y.size  # each gradient lands somewhere, once
    assert dx[0, 0, 4, 0] == 1 and dx[0, 0, 0, 0] == 1


@pytest.mark.parametrize("isa", ISAS)
def test_nothing_is_written_outside_the_output(isa, rng):
    sizes = [2, 5, 1, 5, 7, 1, 2, 3, 1, 2, 2, 1, 2, 2, 0, 0, 0]
    x = rng.standard_normal((2, 5, 7, 5)).astype(np.float32)
    y = np.full((2, 2, 3, 5), np.nan, np.float32)
    run_kernel(isa, "max_pool_f32", [x], [y], sizes)
    dx = np.full(x.shape, np.nan, np.float32)
    run_kernel(isa, "max_pool_grad_f32", [x, y, np.ones_like(y)], [dx], sizes)
    assert dx.sum() == y.size and not dx[:, 4].any() and not dx[:, :, 6].any()
    means = np.full_like(y, np.nan)
    run_kernel(isa, "average_pool_f32", [x], [means], sizes, threads=2)
    assert np.isfinite(means).all()
