"""Compiled steps against the same Python run eagerly: random programs, variables, views, feeding, threads, forks."""

import gc
import os
import threading
import weakref

import numpy as np
import pytest

from fastnn import ops
from fastnn.engine import passes, threads
from fastnn.engine.function import function
from fastnn.engine.step import Step
from fastnn.engine.tape import GradientTape
from fastnn.engine.tensor import TraceError
from fastnn.engine.variable import Variable, convert

SHAPE = (6, 4)


def random_program(rng, variables):
    """A function of two tensors that reads and assigns variables; the same calls each time it is run."""
    plan = [
        (int(rng.integers(0, 9)), rng.integers(0, 10_000, 3).tolist())
        for _ in range(int(rng.integers(3, 25)))
    ]
    results = rng.integers(0, 10_000, 3).tolist()

    def program(x, y):
        values = [x, y, convert(np.full(SHAPE, 0.5, np.float32))]
        for kind, (i, j, k) in plan:
            a, b = values[i % len(values)], values[j % len(values)]
            variable = variables[k % len(variables)]
            if kind == 0:
                values.append(a + b)
            elif kind == 1:
                values.append(ops.tanh(a * b))
            elif kind == 2:
                values.append(ops.relu(a) - b)
            elif kind == 3:
                values.append(variable.read())
            elif kind == 4:
                variable.assign(ops.tanh(a + b))
            elif kind == 5:
                variable.assign_add(0.1 * ops.sigmoid(a))
            elif kind == 6:
                values.append(ops.reshape(ops.reshape(a, (4, 6)), SHAPE))
            elif kind == 7:
                values.append(ops.matmul(a, ops.transpose(b)) @ a * 0.01)
            else:
                variable.assign(a)
        return [values[r % len(values)] for r in results]

    return program


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("fed", [False, True])
def test_random_programs(seed, fed):
    rng = np.random.default_rng(seed)
    starts = [rng.standard_normal(SHAPE).astype("float32") for _ in range(3)]
    eager, compiled = ([Variable(start) for start in starts] for _ in range(2))
    state = rng.bit_generator.state
    program = random_program(rng, eager)
    rng.bit_generator.state = state
    step = Step(random_program(rng, compiled), [(SHAPE, "float32")] * 2)
    rows = [rng.standard_normal((18, 4)).astype("float32") for _ in range(2)]
    order = rng.permutation(18)
    if fed:
        step.feed(rows, order)
    for s in range(3):
        batch = [source[order[s * 6 : s * 6 + 6]] for source in rows]
        want = program(*[convert(array) for array in batch])
        if fed:
            step.run(s, 1)
            got = step.results()
        else:
            got = step(*batch)
        for g, w in zip(got, want, strict=True):
            np.testing.assert_allclose(g, w, rtol=2e-5, atol=2e-6)
        for one, other in zip(compiled, eager, strict=True):
            np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", list(passes.PASSES))
def test_results_do_not_depend_on_a_pass(name, monkeypatch, rng):
    starts = [rng.standard_normal(SHAPE).astype("float32") for _ in range(2)]
    x, y = (rng.standard_normal(SHAPE).astype("float32") for _ in range(2))
    results = []
    for off in (set(), {name}):
        monkeypatch.setattr(passes, "switched_off", off)
        variables = [Variable(start) for start in starts]
        step = Step(random_program(np.random.default_rng(7), variables), [(SHAPE, "float32")] * 2)
        results.append([*step(x, y), *variables])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)


def training_step(rng, batch=64):
    """A step big enough that threads share it: its Step, variables and data."""
    w1 = Variable(rng.standard_normal((300, 200)).astype("float32") * 0.05, name="w1")
    w2 = Variable(rng.standard_normal((200, 10)).astype("float32") * 0.05, name="w2")

    def train(x, y):
        with GradientTape() as tape:
            error = ops.matmul(ops.relu(ops.matmul(x, w1)), w2) - y
            loss = ops.mean(error * error)
        for w, g in zip((w1, w2), tape.gradient(loss, [w1, w2]), strict=True):
            w.assign_sub(0.05 * g)
        return loss

    data = rng.standard_normal((512, 300)).astype("float32"), rng.standard_normal((512, 10)).astype("float32")
    return Step(train, [((batch, 300), "float32"), ((batch, 10), "float32")]), (w1, w2), data


def test_same_bits_on_any_number_of_threads(monkeypatch):
    monkeypatch.setattr(threads, "_chosen", threads.explain())
    results = []
    for count in (1, 2, 3):
        threads.set_num_threads(count)
        step, variables, data = training_step(np.random.default_rng(3))
        step.feed(data, np.arange(512))
        for _ in range(5):
            step.run(0, 8)
        results.append([v.numpy() for v in variables] + [step.results().numpy()])
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            assert a.tobytes() == b.tobytes()


def test_many_steps_in_one_run_equal_single_ones(rng):
    seed = np.random.default_rng(5)
    once, variables, data = training_step(seed)
    seed = np.random.default_rng(5)
    singly, others, _ = training_step(seed)
    order = rng.permutation(512)
    once.feed(data, order)
    singly.feed(data, order)
    once.run(0, 8)
    for s in range(8):
        singly.run(s, 1)
    for a, b in zip(variables, others, strict=True):
        assert a.numpy().tobytes() == b.numpy().tobytes()


def test_from_several_python_threads_at_once(rng):
    step, _, data = training_step(rng)
    predict = Step(lambda x: ops.tanh(ops.matmul(x, ops.transpose(x))), [((300, 300), "float32")])
    x = rng.standard_normal((300, 300)).astype("float32")
    want = predict(x).numpy().tobytes()
    wrong = []

    def work():
        for _ in range(20):
            if predict(x).numpy().tobytes() != want:
                wrong.append(1)

    step.feed(data, np.arange(512))
    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for _ in range(5):
        step.run(0, 8)
    for worker in workers:
        worker.join(60)
        assert not worker.is_alive()
    assert not wrong


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:os.fork")  # of other libraries' threads, where other tests loaded them
def test_right_after_fork():
    step, variables, data = training_step(np.random.default_rng(3))
    step.feed(data, np.arange(512))
    step.run(0, 8)
    child = os.fork()
    if child == 0:  # no pytest in here: leave by _exit whatever happens
        try:
            step.run(0, 8)
            os._exit(0 if np.isfinite(variables[0].numpy()).all() else 1)
        finally:
            os._exit(2)
    step.run(0, 8)
    for _ in range(600):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        threading.Event().wait(0.1)
    else:
        os.kill(child, 9)
        pytest.fail("the forked child hung")
    assert os.waitstatus_to_exitcode(status) == 0


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int32", "int64", "bool", "float16"])
def test_feeding_converts(dtype, rng):
    rows = (rng.random((10, 3)) * 100).astype(dtype)
    step = Step(lambda x: x * 2.0, [((4, 3), "float32")])
    step.feed([rows], np.array([9, 0, 3, 3, 1, 2, 4, 5]))
    step.run(1, 1)
    np.testing.assert_array_equal(step.results(), rows[[1, 2, 4, 5]].astype("float32") * 2)


def test_feeding_wrong_rows_is_refused(rng):
    step = Step(lambda x: x * 2.0, [((4, 3), "float32")])
    with pytest.raises(IndexError, match="the sources have 10 rows"):
        step.feed([np.zeros((10, 3))], np.array([0, 1, 2, 10]))
    with pytest.raises(ValueError, match=r"rows of shape \(2,\)"):
        step.feed([np.zeros((10, 2))], np.arange(4))
    step.feed([np.zeros((10, 3))], np.arange(4))
    with pytest.raises(IndexError, match="steps 0..2 of the 1 that were fed"):
        step.run(0, 2)
    assert step.plan.profile(steps=100)  # times the one that there is


def test_looking_at_a_value_while_tracing_says_what_to_do():
    with pytest.raises(TraceError, match="run_eagerly=True"):
        Step(lambda x: x if ops.sum(x) > 0 else -x, [((2,), "float32")])


def test_function_traces_once_a_signature(rng):
    calls = []

    @function
    def double(x, factor=2.0):
        calls.append(x.shape)
        return {"y": x * factor}

    x = rng.standard_normal((3,)).astype("float32")
    for _ in range(3):
        np.testing.assert_allclose(double(x)["y"], 2 * x)
    np.testing.assert_allclose(double(convert(x), factor=3.0)["y"], 3 * x)
    double(np.zeros(4, "float32"))
    assert calls == [(3,), (3,), (4,)]


def test_describe_and_profile(rng):
    step, variables, data = training_step(rng)
    step.feed(data, np.arange(512))
    step.run(0, 8)
    before = [v.numpy() for v in variables]
    rows = step.plan.profile(steps=3)
    assert sum(row["us"] for row in rows) > 0 and {"name", "op", "us", "share", "threads"} <= set(rows[0])
    for v, values in zip(variables, before, strict=True):
        np.testing.assert_array_equal(v.numpy(), values)
    assert "matmul" in step.plan.describe() or "dense" in step.plan.describe()


def test_methods_keep_traces_of_each_object_while_it_lives():
    class Counter:
        def __init__(self, start):
            self.count, self.traced = Variable(np.float32(start)), 0

        @function
        def up(self, by):
            self.traced += 1
            return self.count.assign_add(by)

    a, b = Counter(0), Counter(10)
    by = np.float32(2).reshape(())
    assert [float(a.up(by)), float(a.up(by)), float(b.up(by))] == [2, 4, 12]
    assert (a.traced, b.traced) == (1, 1)
    reference = weakref.ref(a)
    del a
    gc.collect()
    assert reference() is None
    assert float(b.up(by)) == 14 and b.traced == 1
