"""csrc/softmax.c and csrc/crossentropy.c in every table against float64."""

import numpy as np
import pytest
from support import EPS32, ISAS, apply_record, check_kernel, on_isa

import fastnn.ops  # noqa: F401 - makes the records
from fastnn.engine.op import records

COLS = [1, 7, 8, 9, 10, 15, 16, 17, 31, 1000]


def _tolerance(x):
    """exp(x - peak) loses as many units as x - peak has, then the sum loses a few."""
    return EPS32 * (16 + np.ptp(x[np.isfinite(x)]) + np.sqrt(x.shape[-1]))


def _logits(rng, cols, rows=5):
    x = rng.normal(0, 5, (rows, cols)).astype("float32")
    x[1] += 1000  # the peak is taken off first
    return x


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("cols", COLS)
def test_softmax(isa, cols, rng):
    x = _logits(rng, cols)
    for row in x:
        row = row[None]
        check_kernel(records["softmax"], [row], isa=isa, rtol=_tolerance(row), axis=1)
        check_kernel(
            records["log_softmax"], [row], isa=isa, rtol=EPS32 * 8, atol=EPS32 * (8 + np.ptp(row)), axis=1
        )
        check_kernel(
            records["logsumexp"], [row], isa=isa, rtol=EPS32 * 8, atol=EPS32 * 8, axis=(1,), keepdims=False
        )
    y = records["softmax"].reference(x - 1, axis=1)
    dy = rng.normal(0, 1, y.shape).astype("float32")
    size = EPS32 * (8 + np.sqrt(cols)) * np.abs(dy).max()
    check_kernel(records["softmax_grad"], [y, dy], isa=isa, atol=size, axis=1)
    y = np.log(y + np.float32(1e-6))
    check_kernel(
        records["log_softmax_grad"], [y, dy], isa=isa, rtol=EPS32 * 32, atol=size * (1 + cols / 8), axis=1
    )


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
def test_rows_that_are_not_finite(isa, name):
    op = records[name]
    attrs = {"axis": (1,), "keepdims": True} if name == "logsumexp" else {"axis": 1}
    for cols in (3, 8, 21):
        for values in (
            {0: np.nan},
            {cols - 1: np.nan},
            {0: np.inf},
            {cols - 1: -np.inf},
            {i: -np.inf for i in range(cols)},
            {0: np.nan, 1: np.inf},
        ):
            x = np.linspace(-1, 1, cols, dtype="float32")[None].copy()
            for i, value in values.items():
                x[0, i] = value
            check_kernel(op, [x], isa=isa, rtol=EPS32 * 16, atol=EPS32 * 8, **attrs)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("cols", COLS)
def test_cross_entropy(isa, cols, rng):
    x = _logits(rng, cols)
    labels = rng.integers(0, cols, len(x)).astype("int32")
    labels[3] = x[3].argmax()
    labels[4] = (-1, cols, 2**31 - 1)[cols % 3]  # no class: NaN, and nothing read
    spread = np.ptp(x, axis=1).max()
    close = {"rtol": EPS32 * 16, "atol": EPS32 * (8 + spread) * 2}
    dy = rng.normal(0, 1, len(x)).astype("float32")
    check_kernel(records["sparse_softmax_cross_entropy"], [x, labels], isa=isa, **close)
    log_sum = records["logsumexp"].reference(x, axis=(1,), keepdims=False)
    check_kernel(
        records["sparse_softmax_cross_entropy_grad"],
        [x, labels, log_sum, dy],
        isa=isa,
        # 1000: where row 1 lies, in units of its log-sum
        rtol=EPS32 * (32 + 1000 + spread),
        atol=EPS32,
    )
    targets = rng.dirichlet(np.ones(cols), len(x)).astype("float32")
    check_kernel(records["softmax_cross_entropy"], [x, targets], isa=isa, **close)
    check_kernel(
        records["softmax_cross_entropy_grad"],
        [x, targets, log_sum, dy],
        isa=isa,
        rtol=EPS32 * (32 + spread),
        atol=EPS32 * (8 + 1000) * np.abs(dy).max(),
    )


@pytest.mark.parametrize("isa", ISAS)
def test_a_small_loss_keeps_its_digits_under_large_logits(isa):
    x = np.array([[10000.0, 9990.0, 9985.0]], "float32")  # log(sum) - x[label] would be 0 or 1e-3
    with on_isa(isa):
        loss, _ = apply_record(records["sparse_softmax_cross_entropy"], [x, np.array([0], "int32")])
    np.testing.assert_allclose(loss, np.log1p(np.exp(-10.0) + np.exp(-15.0)), rtol=1e-2)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("size", [1, 7, 8, 9, 17, 1023, 1024, 1025, 3000])
def test_sigmoid_cross_entropy(isa, size, rng):
    x, t = rng.normal(0, 10, size).astype("float32"), rng.integers(0, 2, size).astype("float32")
    check_kernel(records["sigmoid_cross_entropy"], [x, t], isa=isa, rtol=EPS32 * 16, atol=EPS32 * 16)
    odd = np.array([np.nan, 0.0, -200.0, 200.0], "float32")
    check_kernel(
        records["sigmoid_cross_entropy"], [odd, np.zeros(4, "float32")], isa=isa, rtol=EPS32 * 4, atol=1e-44
    )


@pytest.mark.parametrize("isa", ISAS)
def test_rows_of_no_length(isa):
    with on_isa(isa):
        for shape in ((3, 0), (0, 3), (0, 0)):
            x = np.zeros(shape, "float32")
            assert apply_record(records["softmax"], [x], axis=1)[0].shape == shape
            loss, _ = apply_record(records["sparse_softmax_cross_entropy"], [x, np.zeros(shape[0], "int32")])
            assert loss.shape == shape[:1] and np.isnan(loss).all()
            (total,) = apply_record(records["logsumexp"], [x], axis=(1,), keepdims=False)
            assert (total == -np.inf).all()


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("cols", COLS)
def test_cross_entropy_and_gradient_at_once(isa, cols, rng):
    x = _logits(rng, cols, rows=19)
    labels = rng.integers(0, cols, len(x)).astype("int32")
    labels[3] = x[3].argmax()
    x[4, labels[4]] += 100  # a loss and a slope near 0
    labels[5], labels[6] = -1, cols
    dy = rng.normal(0, 1, len(x)).astype("float32")
    targets = rng.random((len(x), cols), dtype="float32")
    targets[2] = np.eye(cols)[0]
    for name, target in (
        ("sparse_softmax_cross_entropy_both", labels),
        ("softmax_cross_entropy_both", targets),
    ):
        for row in range(len(x)):
            part = [a[row : row + 1] for a in (x, target, dy)]
            # terms of the size of the row's spread, one a column, cancel in the loss
            size = np.ptp(x[row]) + np.log(cols) + 1
            check_kernel(
                records[name], part, isa=isa, rtol=_tolerance(x[row]), atol=EPS32 * size * (4 + cols)
            )
        with on_isa(isa):
            whole = apply_record(records[name], [x, target, dy])
            parts = [
                apply_record(records[name], [a[r : r + 1] for a in (x, target, dy)]) for r in range(len(x))
            ]
        for i, array in enumerate(whole):  # a row's bits do not depend on its neighbours
            np.testing.assert_array_equal(array, np.concatenate([p[i] for p in parts]))
