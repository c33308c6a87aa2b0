"""csrc/norm.c in every table against float64."""

import numpy as np
import pytest
from support import EPS32, ISAS, apply_record, check_kernel, on_isa

import fastnn.ops  # noqa: F401 - makes the records
from fastnn.engine import eager, threads
from fastnn.engine.op import records

COLS = [1, 3, 7, 8, 9, 15, 16, 17, 33, 64, 65, 1000]


def _normal(rng, *shapes):
    return [rng.normal(0.5, 2, shape).astype("float32") for shape in shapes]


def _moments(x):
    rows = x.reshape(-1, x.shape[-1]).astype("float64")
    return rows.mean(0).astype("float32"), rows.var(0).astype("float32")


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("activation", [None, "relu"])
@pytest.mark.parametrize("cols", COLS)
def test_batch_norm(isa, activation, cols, rng):
    attrs = {"epsilon": 1e-3, "activation": activation}
    for rows in (1, 2, 65, 700):
        x, gamma, beta, dy = _normal(rng, (rows, cols), cols, cols, (rows, cols))
        size = np.abs(x).max() * np.abs(gamma).max() * 10 + np.abs(beta).max()
        # 1 / sqrt(epsilon), about 32, enlarges what is lost in x - mean where the rows are (nearly) one
        check_kernel(
            records["batch_norm_train"],
            [x, gamma, beta],
            isa=isa,
            rtol=EPS32 * 64,
            atol=EPS32 * size * (40 if rows < 3 else 8),
            **attrs,
        )
        check_kernel(
            records["batch_norm_train_add"],
            [x, gamma, beta, dy],
            isa=isa,
            rtol=EPS32 * 64,
            atol=EPS32 * (size + np.abs(dy).max()) * (40 if rows < 3 else 8),
            **attrs,
        )
        mean, variance = _moments(x)
        # away from the kink, where rounding may open the relu in one and close it in the other
        if activation:
            z = (x - mean) / np.sqrt(variance + np.float32(1e-3)) * gamma + beta
            x = np.where(np.abs(z) < 1e-3, x + np.float32(0.1), x)
        size = np.abs(dy).sum(0).max() * np.abs(gamma).max() * (40 if rows < 3 else 8)
        check_kernel(
            records["batch_norm_train_grad"],
            [x, gamma, beta, mean, variance, dy],
            isa=isa,
            rtol=EPS32 * 64,
            atol=EPS32 * size * 4,
            **attrs,
        )


@pytest.mark.parametrize("isa", ISAS)
def test_batch_norm_over_several_axes_and_pieces(isa, rng):
    for shape in ((3, 20, 33, 16), (70000, 3), (40, 5000)):
        x, gamma, beta = _normal(rng, shape, shape[-1], shape[-1])
        check_kernel(
            records["batch_norm_train"],
            [x, gamma, beta],
            isa=isa,
            rtol=EPS32 * 64,
            atol=EPS32 * 400,
            epsilon=1e-3,
            activation=None,
        )


@pytest.mark.parametrize("isa", ISAS)
def test_batch_norm_far_from_zero(isa, rng):
    """A mean of 1e4 deviations: E[x^2] - E[x]^2 would give noise, x * scale + shift an error of 1e-3."""
    x = (10000 + rng.normal(0, 1, (3000, 5))).astype("float32")
    ones, zeros = np.ones(5, "float32"), np.zeros(5, "float32")
    with on_isa(isa):
        y, mean, variance = apply_record(
            records["batch_norm_train"], [x, ones, zeros], epsilon=0.0, activation=None
        )
    wide = x.astype("float64")
    np.testing.assert_allclose(mean, wide.mean(0), rtol=EPS32 * 2)
    np.testing.assert_allclose(variance, wide.var(0), rtol=1e-5)
    # the mean itself is rounded to 5e-4 (half a unit at 1e4); nothing more may be lost
    np.testing.assert_allclose(y, (wide - mean) / wide.std(0), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("isa", ISAS)
def test_a_nan_stays_in_its_column(isa, rng):
    for activation in (None, "relu"):
        x, gamma, beta = _normal(rng, (50, 9), 9, 9)
        x[17, 4] = np.nan
        with on_isa(isa):
            y, mean, variance = apply_record(
                records["batch_norm_train"], [x, gamma, beta], epsilon=1e-3, activation=activation
            )
        for got in (y.all(0) | True, mean, variance):  # noqa: B007
            assert got.shape == (9,)
        assert np.isnan(y[:, 4]).all() and np.isnan(mean[4]) and np.isnan(variance[4])
        assert np.isfinite(np.delete(y, 4, 1)).all()


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("cols", COLS)
def test_layer_and_rms_norm(isa, cols, rng):
    attrs = {"axis": 1, "epsilon": 1e-3}
    for rows in (1, 5, 70):
        x, gamma, beta, dy = _normal(rng, (rows, cols), cols, cols, (rows, cols))
        wide = x.astype("float64")
        mean = wide.mean(1)
        inv = 1 / np.sqrt(wide.var(1) + 1e-3)
        size = EPS32 * 32 * max(1, inv.max()) * np.abs(x).max() * np.abs(gamma).max()
        check_kernel(records["layer_norm"], [x, gamma, beta], isa=isa, rtol=EPS32 * 32, atol=size, **attrs)
        check_kernel(records["rms_norm"], [x, gamma], isa=isa, rtol=EPS32 * 32, atol=size, **attrs)
        size = size * np.abs(dy).max() * max(1, inv.max()) ** 2 * (8 + rows)
        check_kernel(
            records["layer_norm_grad"],
            [x, gamma, mean.astype("float32"), inv.astype("float32"), dy],
            isa=isa,
            rtol=EPS32 * 64,
            atol=size,
            **attrs,
        )
        rms = (1 / np.sqrt(np.square(wide).mean(1) + 1e-3)).astype("float32")
        check_kernel(
            records["rms_norm_grad"], [x, gamma, rms, dy], isa=isa, rtol=EPS32 * 64, atol=size, **attrs
        )


@pytest.mark.parametrize("isa", ISAS)
def test_layer_norm_over_several_axes_and_pieces(isa, rng):
    x, gamma, beta, dy = _normal(rng, (3000, 4, 5), (4, 5), (4, 5), (3000, 4, 5))
    attrs = {"axis": 1, "epsilon": 1e-3}
    check_kernel(records["layer_norm"], [x, gamma, beta], isa=isa, rtol=EPS32 * 32, atol=EPS32 * 400, **attrs)
    mean, inv = (
        s.astype("float32")
        for s in records["layer_norm"].reference(x.astype("float64"), gamma, beta, **attrs)[1:]
    )
    check_kernel(
        records["layer_norm_grad"],
        [x, gamma, mean, inv, dy],
        isa=isa,
        rtol=EPS32 * 64,
        atol=EPS32 * np.abs(dy).sum(0).max(),
        **attrs,
    )


def test_the_same_bits_on_any_number_of_threads(rng):
    x, gamma, beta, dy = _normal(rng, (9000, 17), 17, 17, (9000, 17))
    mean, variance = _moments(x)
    attrs = {"epsilon": 1e-3, "activation": "relu"}
    saved, results = threads.num_threads(), []
    try:
        for count in (1, 2, 3):
            threads.set_num_threads(count)
            eager._cache.clear()
            results.append(
                apply_record(records["batch_norm_train"], [x, gamma, beta], **attrs)
                + apply_record(
                    records["batch_norm_train_grad"], [x, gamma, beta, mean, variance, dy], **attrs
                )
            )
    finally:
        threads.set_num_threads(saved)
        eager._cache.clear()
    for other in results[1:]:
        assert all((a == b).all() for a, b in zip(results[0], other, strict=True))
