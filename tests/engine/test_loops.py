"""Loops and choices in traces: the values and gradients of the same function run step by step, from one body."""

import numpy as np
import pytest

from fastnn import ops
from fastnn.engine import nest, threads
from fastnn.engine.function import function
from fastnn.engine.tape import GradientTape
from fastnn.engine.variable import Variable

EPS = np.finfo("float32").eps


@pytest.fixture
def data(rng):
    """xs (6, 3, 4), a state (3, 4), weights (4, 4)."""
    shapes = ((6, 3, 4), (3, 4), (4, 4))
    return [rng.normal(0, 0.5, shape).astype("float32") for shape in shapes]


def with_gradients(compute, order=1):
    """A function that gives compute(*args) and the gradients, up to this order, of the sum of its sines."""

    def run(*args):
        tapes = [GradientTape() for _ in range(order)]
        for tape in tapes:
            tape.__enter__()
        value = compute(*args)
        results, goal = [value], ops.sum(ops.sin(value))
        for tape in reversed(tapes):
            tape.__exit__()
            gradients = tape.gradient(goal, list(args))
            gradients = [ops.zeros_like(x) if g is None else g for x, g in zip(args, gradients)]
            results += gradients
            goal = sum(ops.sum(ops.square(g)) for g in gradients)
        return results

    return run


def check(compute, *args, order=2, steps=64):
    """Compiled equals eager, but for a few roundings of the largest value: the sums are in other orders."""
    run = with_gradients(compute, order)
    compiled = function(run)
    eager = run(*[ops.convert_to_tensor(x) for x in args])
    for a, b in zip(nest.flatten(eager), nest.flatten(compiled(*args)), strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_allclose(b, a, rtol=0, atol=steps * EPS * max(1.0, np.abs(a).max(initial=0.0)))
    (step,) = compiled.steps.values()
    return step.direct


def recurrence(h, x, w):
    return ops.tanh(ops.matmul(h, w) + x * h)


def scanned(xs, h, w, reverse=False):
    def step(h, x):
        h = recurrence(h, x, w)
        return h, {"y": ops.sigmoid(h) * x, "none": None}

    h, ys = ops.scan(step, h, xs, reverse=reverse)
    assert ys["none"] is None
    return ops.concatenate([h[None], ys["y"]], axis=0)


@pytest.mark.parametrize("reverse", [False, True])
def test_scan(data, reverse):
    plan = check(lambda *args: scanned(*args, reverse=reverse), *data)
    assert plan.python_nodes == 0


def test_a_body_is_traced_once_whatever_the_length(data):
    xs, h, w = data
    calls = []

    def compute(xs):
        def step(h, x):
            calls.append(1)
            return recurrence(h, x, ops.convert_to_tensor(w)), h

        return ops.scan(step, ops.convert_to_tensor(h), xs)[1]

    rows = []
    for length in (5, 300):
        compiled = function(with_gradients(compute))
        compiled(np.resize(xs, (length, *xs.shape[1:])))
        rows.append(len(next(iter(compiled.steps.values())).direct.rows))
    assert len(calls) == 2
    assert rows[0] == rows[1]


def test_scan_in_float64(data):
    plan = check(scanned, *[x.astype("float64") for x in data])
    assert plan.python_nodes > 0


def test_scan_with_a_step_that_has_no_kernel(data):
    def compute(xs, h, w):
        return ops.scan(lambda h, x: (recurrence(ops.sort(h, axis=-1), x, w), h), h, xs)[1]

    plan = check(compute, *data)
    assert plan.python_nodes > 0


def test_a_scan_inside_a_scan(data):
    def compute(xs, h, w):
        def outer(h, x):
            h, ys = ops.scan(lambda g, z: (recurrence(g, z * x, w), g * h), h, xs)
            return h, ops.sum(ys, axis=0)

        return sum(ops.scan(outer, h, xs)[1])

    check(compute, *data, steps=512)


def test_loops_further_in_than_a_plan_has_room_for(data):
    def deep(h, level):
        if level == 0:
            return ops.tanh(h * 0.9)
        return ops.fori_loop(0, 2, lambda i, g: deep(g, level - 1), h)

    check(lambda h: deep(h, 6), data[1], order=1)


@pytest.mark.parametrize("length", [0, 1])
def test_scans_of_no_and_of_one_step(data, length):
    xs, h, w = data
    check(scanned, xs[:length], h, w, order=1)


def test_carries_change_places(data):
    def compute(xs, h, w):
        (a, b), _ = ops.scan(lambda c, x: ((c[1], c[0] + x), None), (h, ops.matmul(h, w)), xs)
        return a - b

    check(compute, *data)


def test_a_carry_takes_the_form_that_the_body_leaves_it_in(data):
    h = data[1]

    def compute(h):
        total, _ = ops.scan(lambda c, x: (c + x, None), 0, ops.stack([h, h * 2]))
        return total

    np.testing.assert_allclose(np.asarray(function(compute)(h)), h * 3, rtol=4 * EPS)
    with pytest.raises(ValueError, match="scan: a carried value must keep its shape"):
        function(lambda h: ops.scan(lambda c, x: (c[:2], None), h, h)[0])(h)


def test_variables_that_a_body_assigns_to(data):
    xs = data[0]
    count, total = Variable(np.float32(0)), Variable(np.zeros((3, 4), "float32"))

    def step(c, x):
        count.assign_add(1.0)
        total.assign(total + x * count)
        return c + ops.sum(total), None

    def compute(xs):
        return ops.scan(step, 0.0, xs)[0]

    want = np.zeros((3, 4), "float64")
    carry = 0.0
    for i, x in enumerate(xs):
        want += x * np.float64(i + 1)
        carry += want.sum()
    compiled = function(compute)
    np.testing.assert_allclose(float(compiled(xs)), carry, rtol=100 * EPS, atol=100 * EPS)
    np.testing.assert_allclose(total.numpy(), want, rtol=0, atol=50 * EPS * np.abs(want).max())
    assert count.numpy() == 6


def test_while_loop(data):
    def compute(h, w):
        return ops.while_loop(
            lambda h: ops.sum(h * h) > 0.05,
            lambda h: ops.tanh(ops.matmul(h, w)) * 0.9,
            h,
            maximum_iterations=100,
        )

    _, h, w = data
    check(compute, h, w)
    check(lambda h, w: compute(h * 0.0, w), h, w)  # no step at all


def test_while_loop_stops_at_the_most_steps(data):
    def compute(h):
        return ops.while_loop(
            lambda i, h: i < 50, lambda i, h: (i + 1, h * 1.1), (0, h), maximum_iterations=7
        )[1]

    check(compute, data[1])
    np.testing.assert_allclose(np.asarray(function(compute)(data[1])), data[1] * 1.1**7, rtol=20 * EPS)


def test_while_loop_without_a_most_has_no_gradient(data):
    def compute(h):
        return ops.while_loop(lambda h: ops.sum(h * h) > 0.05, lambda h: h * 0.5, h)

    h = data[1]
    want = h
    while (want * want).sum() > 0.05:
        want = want * 0.5
    np.testing.assert_array_equal(np.asarray(function(compute)(h)), want)
    with pytest.raises(ValueError, match="maximum_iterations"):
        function(with_gradients(compute))(h)


def test_a_while_loop_with_a_step_that_has_no_kernel(data):
    def compute(h, w):
        i, h = ops.while_loop(
            lambda i, h: i < 5,
            lambda i, h: (i + 1, ops.sort(ops.matmul(h, w), axis=0)),
            (0, h),
            maximum_iterations=9,
        )
        return h * ops.cast(i, "float32")

    check(compute, *data[1:])


def test_fori_loop(data):
    def compute(h, w):
        return ops.fori_loop(2, 6, lambda i, h: ops.tanh(ops.matmul(h, w)) + ops.cast(i, "float32"), h)

    check(compute, *data[1:])


def test_fori_loop_up_to_a_traced_bound(data):
    def compute(h, n):
        return ops.fori_loop(0, n, lambda i, h: h + ops.cast(i, "float32"), h)

    for n in (0, 5):
        made = function(compute)(data[1], np.int32(n))
        np.testing.assert_allclose(np.asarray(made), data[1] + sum(range(n)), rtol=20 * EPS)


@pytest.mark.parametrize("sign", [1, -1])
def test_cond(data, sign):
    def compute(h, w):
        return ops.cond(
            ops.sum(h) * sign > 0, lambda: ops.tanh(ops.matmul(h, w)), lambda: ops.sin(h) * ops.sum(w)
        )

    check(compute, *data[1:])


def test_cond_runs_one_branch_alone(data):
    count = Variable(np.float32(0))

    def compute(h):
        return ops.cond(ops.sum(h) > 1e9, lambda: count.assign_add(1.0), lambda: ops.sum(h))

    function(compute)(data[1])
    assert count.numpy() == 0
    value, gradient = function(with_gradients(lambda x: ops.cond(x > 0, lambda: ops.log(x), lambda: x)))(
        np.float32(-1)
    )
    assert np.isfinite([float(value), float(gradient)]).all()  # no NaN comes over from the logarithm


@pytest.mark.parametrize("index", [-1, 0, 1, 2, 7])
def test_switch(data, index):
    def compute(h, w):
        at = ops.cast(ops.sum(h) * 0.0, "int32") + index
        return ops.switch(at, [lambda a: a * 2, lambda a: ops.matmul(a, w), lambda a: ops.exp(a)], h)

    check(compute, *data[1:])


def test_branches_that_do_not_agree(data):
    with pytest.raises(ValueError, match="cond: all branches must give results of the same shapes"):
        function(lambda h: ops.cond(ops.sum(h) > 0, lambda: h, lambda: h[:2]))(data[1])


def test_a_choice_inside_a_loop(data):
    def compute(xs, h, w):
        def step(h, x):
            h = ops.cond(ops.sum(x) > 0, lambda: recurrence(h, x, w), lambda: h * 0.5)
            return h, h

        return ops.scan(step, h, xs)[1]

    check(compute, *data)


def test_a_choice_with_a_branch_that_has_no_kernel(data):
    def compute(h, w):
        return ops.cond(ops.sum(h) > 0, lambda: ops.sort(h, axis=0), lambda: ops.matmul(h, w))

    check(compute, *data[1:])
    check(compute, -data[1], data[2])


def test_a_gradient_taken_inside_a_body(data):
    def compute(xs, h):
        def step(h, x):
            with GradientTape() as tape:
                y = ops.sum(ops.sin(h * x))
            return h - 0.1 * tape.gradient(y, h), y

        return ops.scan(step, h, xs)[0]

    check(compute, *data[:2])


def test_loops_on_several_threads_give_the_same_bits(rng):
    xs, h, w = (rng.normal(0, 0.1, n).astype("float32") for n in ((9, 96, 256), (96, 256), (256, 256)))
    compiled = function(with_gradients(scanned))
    before = threads.num_threads()
    results = []
    try:
        for count in (1, 2, 3):
            threads.set_num_threads(count)
            for _ in range(4):  # the plan tries out several numbers of threads
                results.append([np.asarray(x) for x in compiled(xs, h, w)])
    finally:
        threads.set_num_threads(before)
    (step,) = compiled.steps.values()
    assert any(row["threads"] > 1 for row in step.direct.core.info())
    for other in results[1:]:
        for a, b in zip(results[0], other):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 8])
def test_associative_scan(rng, count):
    xs = rng.normal(0, 1, (count, 3)).astype("float32")
    calls = []

    def f(a, b):
        calls.append(1)
        return [a[0] * b[0], a[1] * b[0] + b[1]]

    def compute(x):
        a, b = ops.associative_scan(f, [x, x * 2])
        return ops.concatenate([a, b, *ops.associative_scan(f, [x, x], reverse=True)], axis=0)

    check(compute, xs)
    want, carry = [], (1.0, 0.0)
    for x in xs.astype("float64"):
        carry = (carry[0] * x, carry[1] * x + 2 * x)
        want.append(carry)
    made = [np.asarray(x) for x in ops.associative_scan(f, [xs, xs * 2])]
    np.testing.assert_allclose(made, np.stack(want, 1), rtol=count * 8 * EPS, atol=count * 8 * EPS)
    calls.clear()
    ops.associative_scan(f, [np.zeros((256, 1), "float32")] * 2)
    assert len(calls) == 15  # 8 times in pairs, 7 times between them


def test_map(data):
    check(lambda xs, w: ops.map(lambda x: ops.matmul(x, w) * ops.sum(x), xs), data[0], data[2])


def test_loops_in_the_layer_graph(data):
    import fastnn

    x = fastnn.Input((6, 4))
    y = fastnn.ops.scan(lambda c, row: (c + row, c * 2), ops.zeros((4,)), fastnn.ops.transpose(x, (1, 0, 2)))[
        1
    ]
    assert y.shape == (6, None, 4)


def test_a_graph_without_loops_lays_them_out(data):
    from fastnn.engine.graph import Graph

    class Flat(Graph):
        loops = False

    graph = Flat()
    with graph:
        xs, h, w = (graph.input(x.shape, "float32") for x in data)
        scanned(xs, h, w)
        ops.fori_loop(0, 3, lambda i, h: h * 2, h)
        ops.switch(ops.cast(ops.sum(h), "int32"), [lambda: h, lambda: h * 2, lambda: h * 3])
    assert {"scan", "choice"}.isdisjoint(node.op.name for node in graph.nodes)
