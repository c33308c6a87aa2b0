"""A loop's gradients, which become a plan after some turns: the same as op by op, whatever changes on the way."""

import numpy as np
import pytest

from fastnn import GradientTape, Variable, ops, optimizers, utils
from fastnn.engine import tape_plan
from fastnn.engine.row_gradients import parts_of

TURNS = 8  # more than tape_plan asks for


@pytest.fixture(autouse=True)
def nothing_seen():
    tape_plan.forget()
    yield
    tape_plan.forget()


def _plans():
    return sum(kept.step is not None for kept in tape_plan._kept.values())


def test_the_same_gradients_as_op_by_op(rng):
    w, b = Variable(rng.normal(size=(5, 3)).astype("f4")), Variable(rng.normal(size=3).astype("f4"))
    unused = Variable(np.ones(2, "f4"))
    for _ in range(TURNS):
        x = rng.normal(size=(4, 5)).astype("f4")
        w.assign(rng.normal(size=(5, 3)).astype("f4"))
        with GradientTape() as tape:
            z = ops.matmul(x, w) + b + ops.sum(w * w)  # w is read twice
            loss = ops.mean(ops.square(z))
        found = tape.gradient(loss, {"w": w, "b": b, "z": z, "unused": unused})
        dz = 2 / 12 * np.asarray(z)
        np.testing.assert_allclose(found["z"], dz, rtol=1e-5)
        np.testing.assert_allclose(found["b"], dz.sum(0), rtol=2e-5, atol=1e-6)
        np.testing.assert_allclose(found["w"], x.T @ dz + 2 * w.numpy() * dz.sum(), rtol=2e-4, atol=2e-5)
        assert found["unused"] is None
    assert _plans() == 1


def test_seeds_and_several_targets(rng):
    x = ops.convert_to_tensor(rng.normal(size=4).astype("f4"))
    for turn in range(TURNS):
        seed = np.full(4, turn, "f4")
        with GradientTape(persistent=True) as tape:
            y, z = 3.0 * x, x * x
        np.testing.assert_allclose(
            tape.gradient([y, z], x, [seed, None]), 3 * seed + 2 * np.asarray(x), rtol=1e-6
        )
        np.testing.assert_allclose(
            tape.gradient([y, z], x, [None, seed]), 3 + 2 * seed * np.asarray(x), rtol=1e-6
        )
        np.testing.assert_allclose(tape.gradient(x, x), np.ones(4))  # a target that is no op's result
    assert _plans() == 3


def test_other_shapes_and_attributes_are_other_tapes(rng):
    for turn in range(3 * TURNS):
        x = ops.convert_to_tensor(rng.normal(size=(2 + turn % 3, 4)).astype("f4"))
        axis = turn % 2
        with GradientTape() as tape:
            y = ops.sum(ops.max(x, axis=axis) * np.float32(turn))
        want = turn * (np.asarray(x) == np.asarray(x).max(axis, keepdims=True))
        np.testing.assert_allclose(tape.gradient(y, x), want)


def test_second_derivatives_stay_exact(rng):
    for turn in range(TURNS):
        x = ops.convert_to_tensor(np.float32(turn + 1))
        with GradientTape() as outer:
            with GradientTape() as inner:
                y = x * x * x
            slope = inner.gradient(y, x)
        np.testing.assert_allclose(slope, 3 * (turn + 1) ** 2)
        np.testing.assert_allclose(outer.gradient(slope, x), 6 * (turn + 1))


def test_a_users_gradient_rule_runs_as_python_every_time():
    for turn in range(TURNS):

        @ops.custom_gradient
        def scaled(x, turn=turn):
            return x * 1.0, lambda upstream: upstream * float(turn)

        x = ops.convert_to_tensor(np.ones(3, "f4"))
        with GradientTape() as tape:
            y = ops.sum(scaled(x))
        np.testing.assert_array_equal(tape.gradient(y, x), np.full(3, turn))
    assert _plans() == 0


def test_gradients_of_tables_keep_their_rows(rng):
    table = Variable(rng.normal(size=(50, 4)).astype("f4"))
    optimizer = optimizers.SGD(1.0)
    for turn in range(TURNS):
        with GradientTape() as tape:
            loss = ops.sum(ops.take(table, np.array([turn, 49]), axis=0))
        grad = tape.gradient(loss, table)
        assert parts_of(grad) is not None
        before = table.numpy()
        optimizer.apply([grad], [table])
        changed = np.flatnonzero((before != table.numpy()).any(1))
        np.testing.assert_array_equal(changed, [turn, 49])
    assert _plans() == 0


def test_clear_session_forgets():
    x = ops.convert_to_tensor(np.ones(3, "f4"))
    for _ in range(TURNS):
        with GradientTape() as tape:
            y = ops.sum(x * x)
        tape.gradient(y, x)
    assert _plans() == 1
    utils.clear_session()
    assert _plans() == 0
