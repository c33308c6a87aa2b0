"""csrc/gemm_update.h in every table: the same bits as the product and then the update, in whatever pieces it is run."""

import numpy as np
import pytest
from support import ISAS, apply_record, on_isa, run_kernel
from test_optim import CASES, arranged, operands

from fastnn import _core
from fastnn.engine.lower import Buffer, lower
from fastnn.engine.op import records

SHAPES = [(200, 70, 20), (90, 200, 32), (131, 33, 7), (50, 17, 1), (60, 500, 48), (784, 300, 32)]
FAR = [(560, 470, 7), (2100, 131, 32), (270, 1000, 20)]  # with slots
NAME = "{}_by_product"


def fused(name, attrs, arrays):
    """The record's instructions for these arrays."""
    op, outputs = records[NAME.format(name)], [arrays[2], *arrays[5:]]
    memory = [[Buffer(x.shape, "float32") for x in list_of] for list_of in (arrays, outputs)]
    return lower(op, *memory, attrs).instructions


def made(name, slots, m, n, k, rng):
    """a, b, then the update's operands without its gradient."""
    w, _, rate, decay, *rest = arranged(name, {}, operands(rng, m * n, slots))
    a, b = rng.standard_normal((k, m)), rng.standard_normal((k, n))
    a, b = a.astype("float32"), b.astype("float32")
    return [a, b, *(x.reshape(m, n) if x.shape else x for x in (w, rate, decay, *rest))]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}-{c[1]}")
def test_same_bits_as_product_and_update(isa, case, rng):
    name, slots, attrs = case
    attrs = {**attrs, "decays": True}
    for m, n, k in FAR if slots else SHAPES:
        arrays = made(name, slots, m, n, k, rng)
        with on_isa(isa):
            (instruction,) = fused(name, attrs, arrays)
            (gradient,) = apply_record(records["matmul"], arrays[:2], transpose_a=True, transpose_b=False)
            want = apply_record(records[name], [arrays[2], gradient, *arrays[3:]], **attrs)
        for threads in (1, 2, 3):
            got = [np.full((m, n), np.nan, "float32") for _ in want]
            run_kernel(isa, instruction.kernel, arrays, got, [m, n, k], instruction.attrs, threads)
            for g, w in zip(got, want, strict=True):
                np.testing.assert_array_equal(g, w)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("m, n, k", [(300, 40, 300), (20, 300, 10), (400, 5, 20), (9, 9, 0)])
def test_elsewhere_it_is_two_calls(isa, m, n, k, rng):
    arrays = made("adam_update", 2, m, n, k, rng)
    attrs = dict(beta_1=0.9, beta_2=0.99, epsilon=1e-7, decays=False)
    with on_isa(isa):
        assert [i.kernel for i in fused("adam_update", attrs, arrays)] == ["gemm_tn_f32", "adam_update_f32"]
        got = apply_record(records[NAME.format("adam_update")], arrays, **attrs)
        gradient = arrays[0].astype("float64").T @ arrays[1]
        want = apply_record(
            records["adam_update"], [arrays[2], gradient.astype("float32"), *arrays[3:]], **attrs
        )
    for g, w in zip(got, want, strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-5, atol=1e-5)


def test_a_variable_is_written_where_it_lies(rng):
    m, n, k = 300, 70, 16
    arrays = made("sgd_update", 0, m, n, k, rng)
    want = arrays[2] - (arrays[0].T @ arrays[1]) * arrays[3]
    sizes = [x.nbytes for x in arrays]
    places = [(i, _core.READ, 0, size) for i, size in enumerate(sizes)] + [(2, _core.WRITE, 0, sizes[2])]
    plan = _core.Plan(_core.Kernels("base"), [("gemm_tn_sgd_update_f32", places, [m, n, k], [0.0])], 5, 2)
    for slot, array in enumerate(arrays):
        plan.bind(slot, array)
    plan.run()
    np.testing.assert_allclose(arrays[2], want, rtol=1e-5, atol=1e-5)
