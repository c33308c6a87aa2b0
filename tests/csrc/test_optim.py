"""csrc/optim.c in every table, against the records' NumPy forms in float64."""

import numpy as np
import pytest
from support import EPS32, ISAS, apply_record, check_kernel, on_isa

from fastnn import _core
from fastnn.ops import optimizer_updates as updates

ADAM = dict(beta_1=0.9, beta_2=0.99, epsilon=1e-7)
CASES = (
    ("sgd_update", 0, {}),
    ("momentum_update", 1, dict(momentum=0.9, nesterov=False)),
    ("momentum_update", 1, dict(momentum=0.9, nesterov=True)),
    ("rmsprop_update", 1, dict(rho=0.9, momentum=0.0, epsilon=1e-7, centered=False)),
    ("rmsprop_update", 2, dict(rho=0.9, momentum=0.5, epsilon=1e-7, centered=False)),
    ("rmsprop_update", 2, dict(rho=0.9, momentum=0.0, epsilon=1e-7, centered=True)),
    ("rmsprop_update", 3, dict(rho=0.9, momentum=0.5, epsilon=1e-7, centered=True)),
    ("adam_update", 2, ADAM),
    ("adam_update", 3, ADAM),
)


def operands(rng, count, slots):
    """Variable, gradient, rate, decay and slots; a centered variance stays well above 0:
    v >= 1, |a| <= 0.3."""
    w, g, small = rng.standard_normal(count), rng.uniform(-1, 1, count), rng.uniform(-0.3, 0.3, (3, count))
    kinds = {1: [small[0] + 2], 2: [small[0], small[1] + 2], 3: [small[0], small[1] + 2, small[2] + 2]}
    values = [w, g, np.float32(0.1), np.float32(0.01), *kinds.get(slots, [])]
    return [np.asarray(v, np.float32) for v in values]


def arranged(name, attrs, arrays):
    """RMSprop's slots come v, [p], [a]."""
    if name == "rmsprop_update":
        large, small = (
            [s for s in arrays[4:] if s.min(initial=2) > 1],
            [s for s in arrays[4:] if s.max(initial=0) < 1],
        )
        return [*arrays[:4], *large[:1], *small, *[s * 0.1 for s in large[1:]]]
    return arrays


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("decays", [False, True])
@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}-{c[1]}")
def test_updates(isa, decays, case, rng):
    name, slots, attrs = case
    for count in (1, 7, 8, 9, 16, 17, 5000):
        arrays = arranged(name, attrs, operands(rng, count, slots))
        # a dozen roundings of numbers below 8; the attributes (0.1, 1e-7) count in float32 too
        check_kernel(
            getattr(updates, name), arrays, isa=isa, rtol=16 * EPS32, atol=64 * EPS32, decays=decays, **attrs
        )


@pytest.mark.parametrize("isa", ISAS)
def test_in_place_and_nan(isa, rng):
    arrays = operands(rng, 100, 2)
    arrays[1][50] = np.nan
    with on_isa(isa):
        want = apply_record(updates.adam_update, arrays, decays=False, **ADAM)
    assert all(np.isnan(w[50]) and np.isnan(w).sum() == 1 for w in want)
    sizes = [a.nbytes for a in arrays]
    places = [(i, 1, 0, sizes[i]) for i in range(6)] + [(i, 2, 0, sizes[i]) for i in (0, 4, 5)]
    plan = _core.Plan(_core.Kernels(isa), [("adam_update_f32", places, [100], [0.9, 0.99, 1e-7, 0])], 6, 1)
    for i, array in enumerate(arrays):
        plan.bind(i, array)
    plan.run()
    for got, w in zip((arrays[0], arrays[4], arrays[5]), want, strict=True):
        np.testing.assert_array_equal(got, w)


@pytest.mark.parametrize("isa", ISAS)
def test_scalars(isa):
    with on_isa(isa):
        for step in (0, 1, 9, 1000, 2**31 - 1):
            inputs = [np.array(0.001, np.float32), np.array(step, np.int32)]
            got = apply_record(updates.adam_rate, inputs, beta_1=0.9, beta_2=0.999)[0]
            want = updates.adam_rate.reference(*inputs, beta_1=0.9, beta_2=0.999)
            np.testing.assert_allclose(got, want, rtol=4 * EPS32)
        assert apply_record(updates.count_up, [np.array(41, np.int32)])[0] == 42


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("case", CASES[1:], ids=lambda c: f"{c[0]}-{c[1]}")
def test_slots_of_weights_without_gradient_become_zero(isa, case):
    """Left alone they would stay at a few times 1e-45, where arithmetic is slow."""
    name, slots, attrs = case
    count = 11
    arrays = [np.ones(count, np.float32), np.zeros(count, np.float32), np.float32(0.1), np.float32(0)]
    state = [np.full(count, 2e-38, np.float32) for _ in range(slots)]
    if name == "adam_update":
        attrs = {**attrs, "beta_2": 0.9}
    with on_isa(isa):
        for _ in range(20):
            _, *state = apply_record(getattr(updates, name), [*arrays, *state], decays=False, **attrs)
    kept = state[:2] if slots == 3 and name == "adam_update" else state  # AMSGrad's largest stays what it was
    assert all((slot == 0).all() for slot in kept)
