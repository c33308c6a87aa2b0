"""csrc/random.c in every table: the bits of the NumPy form, which has the published test
vectors of Philox."""

import numpy as np
import pytest
from support import EPS32, ISAS, apply_record, on_isa, run_kernel

from fastnn.ops import random_draws as draws

SEED = np.array([123456789, 4_000_000_000], np.uint32)
COUNTS = (0, 1, 15, 16, 17, 63, 64, 65, 1000, 5000)


def test_philox_known_answers():
    """From the authors' Random123 distribution, kat_vectors: philox4x32 10."""
    for counter, key, want in (
        ([0] * 4, (0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ([0xFFFFFFFF] * 4, (0xFFFFFFFF,) * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            (0xA4093822, 0x299F31D0),
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ):
        assert " ".join(f"{int(word):08x}" for word in draws.philox(counter, key)) == want


@pytest.mark.parametrize("isa", ISAS)
def test_uniform_is_the_reference_exactly(isa):
    with on_isa(isa):
        for count in COUNTS:
            attrs = dict(shape=(count,), minval=-0.3, maxval=0.7, dtype="float32")
            got = apply_record(draws.uniform_op, [SEED], **attrs)[0]
            np.testing.assert_array_equal(got, draws.uniform_op.reference(SEED, **attrs))


@pytest.mark.parametrize("isa", ISAS)
def test_normal(isa):
    # |z| <= sqrt(-2 log 2^-24) < 5.8. The angle, up to 2 pi, is rounded once: an error of
    # 2 pi eps in sine and cosine.
    atol = 5.8 * (2 * np.pi + 4) * EPS32
    with on_isa(isa):
        for count in COUNTS:
            attrs = dict(shape=(count,), mean=0.5, stddev=1.0)
            got = apply_record(draws.normal_op, [SEED], dtype="float32", **attrs)[0]
            want = draws.normal_op.reference(SEED, dtype="float64", **attrs)
            np.testing.assert_allclose(got, want, rtol=0, atol=atol)


@pytest.mark.parametrize("isa", ISAS)
def test_integers(isa):
    with on_isa(isa):
        for low, high in ((0, 2), (-7, 1000), (-(2**31), 2**31 - 1)):
            attrs = dict(shape=(1000,), minval=low, maxval=high, dtype="int32")
            got = apply_record(draws.integers_op, [SEED], **attrs)[0]
            np.testing.assert_array_equal(got, draws.integers_op.reference(SEED, **attrs))
            assert got.min() >= low and got.max() < high


@pytest.mark.parametrize("isa", ISAS)
def test_dropout(isa, rng):
    with on_isa(isa):
        for count in COUNTS:
            x = rng.standard_normal(count).astype(np.float32)
            got = apply_record(draws.dropout_op, [x, SEED], rate=0.3)[0]
            np.testing.assert_array_equal(got, draws.dropout_op.reference(x, SEED, rate=0.3))


@pytest.mark.parametrize("isa", ISAS)
def test_same_bits_on_any_number_of_threads(isa, rng):
    x = rng.standard_normal(70_001).astype(np.float32)
    for name, reads, attrs in (
        ("dropout_f32", [x, SEED], [0.5]),
        ("random_normal_f32", [SEED], [0, 1]),
        ("random_uniform_f32", [SEED], [0, 1]),
    ):
        results = []
        for threads in (1, 2, 3):
            y = np.full(x.shape, np.nan, np.float32)
            run_kernel(isa, name, reads, [y], [x.size], attrs, threads=threads)
            results.append(y.tobytes())
        assert results[0] == results[1] == results[2] and b"\xff\xff\xc0\x7f" not in results[0]


@pytest.mark.parametrize("isa", ISAS)
def test_dropout_in_place(isa, rng):
    from fastnn import _core

    x = rng.standard_normal(1000).astype(np.float32)
    want = draws.dropout_op.reference(x, SEED, rate=0.25)
    row = ("dropout_f32", [(0, 1, 0, x.nbytes), (1, 1, 0, 8), (0, 2, 0, x.nbytes)], [1000], [0.25])
    plan = _core.Plan(_core.Kernels(isa), [row], 2, 1)
    plan.bind(0, x)
    plan.bind(1, SEED)
    plan.run()
    np.testing.assert_array_equal(x, want)


@pytest.mark.parametrize("isa", ISAS)
def test_advance_wraps_around(isa):
    with on_isa(isa):
        got = apply_record(draws.advance_op, [np.array([7, 0xFFFFFFFF], np.uint32)])[0]
    assert got.tolist() == [7, 0]
