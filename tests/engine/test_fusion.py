"""The passes that join calls: what becomes one call, what may not, and the same numbers as without them."""

import numpy as np
import pytest

from fastnn import losses, ops
from fastnn.engine import passes
from fastnn.engine.step import Step
from fastnn.engine.tape import GradientTape
from fastnn.engine.variable import Variable
from fastnn.ops.normalization import batch_norm_train_op
from fastnn.optimizers import SGD, Adam


def named(step):
    return [node.op.name for node in step.body.nodes]


def both_ways(make, *arrays):
    """What a step gives with and without the fusions, and the names of its calls with them."""
    step = make()
    got = step(*arrays)
    off = {
        "fuse_chains",
        "fuse_sums",
        "fuse_sweeps",
        "fuse_pairs",
        "fuse_normalised",
        "mask_before_unpooling",
    }
    passes.switched_off |= off
    try:
        want = make()(*arrays)
    finally:
        passes.switched_off -= off
    return got, want, named(step)


def test_groups_that_need_each_other_stay_apart():
    """Two chains, each with a call that reads a call of the other: as wholes neither could run first."""

    def function(x, y):
        a0 = x + 1.0
        c = y * 2.0
        a1 = ops.exp(a0)
        b1 = c + a1
        b2 = ops.negative(c)
        return [b1, a0 * b2 + a1, b2]

    x, y = np.full((200,), 0.3, np.float32), np.full((200,), 0.7, np.float32)
    step = Step(function, [((200,), "float32")] * 2)
    for got, want in zip(step(x, y), function(x, y), strict=True):
        np.testing.assert_array_equal(np.asarray(got), want)


def test_scalars_share_a_chain_though_they_share_no_input():
    step = Step(lambda x, y: [ops.exp(x), y * 2.0, ops.sin(y)], [((), "float32")] * 2)
    assert named(step) == ["chain"]


@pytest.mark.parametrize("loss", ["sparse", "dense"])
def test_cross_entropy_and_its_gradient_are_one_call(loss, rng):
    labels = rng.integers(0, 5, 20).astype("int32")
    target = labels if loss == "sparse" else np.eye(5, dtype="float32")[labels]
    function = (
        losses.SparseCategoricalCrossentropy(True)
        if loss == "sparse"
        else losses.CategoricalCrossentropy(True)
    )

    def make():
        def run(x, t):
            with GradientTape() as tape:
                tape.watch(x)
                value = function(t, x)
            return [value, tape.gradient(value, x)]

        return Step(run, [((20, 5), "float32"), (target.shape, target.dtype.name)])

    got, want, names = both_ways(make, rng.normal(0, 3, (20, 5)).astype("float32"), target)
    assert [name for name in names if "entropy" in name] == [
        "sparse_softmax_cross_entropy_both" if loss == "sparse" else "softmax_cross_entropy_both"
    ]
    for g, w in zip(got, want, strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("shape", [(8, 1), (7, 3), (300, 40)])
def test_a_mean_of_means_joins_the_chain_before_it(shape, rng):
    def make():
        def run(x, y):
            with GradientTape() as tape:
                tape.watch(x)
                value = losses.MeanSquaredError()(y, x)
            return [value, tape.gradient(value, x)]

        return Step(run, [(shape, "float32")] * 2)

    got, want, names = both_ways(make, *rng.normal(0, 1, (2, *shape)).astype("float32"))
    assert "chain_sum" in names and not {"mean", "sum"} & set(names)
    for g, w in zip(got, want, strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-5, atol=1e-7)


def test_a_sum_that_others_read_stays():
    step = Step(
        lambda x: [ops.sum(ops.exp(x), axis=1), ops.sum(ops.sum(ops.exp(x), axis=1))], [((4, 5), "float32")]
    )
    assert "sum" in named(step)
    x = np.arange(20, dtype="float32").reshape(4, 5) / 10
    rows, total = step(x)
    np.testing.assert_allclose(rows, np.exp(x).sum(1), rtol=1e-6)
    np.testing.assert_allclose(total, np.exp(x).sum(), rtol=1e-6)


@pytest.mark.parametrize(
    "make_optimizer",
    [
        lambda: SGD(0.1),
        lambda: SGD(0.1, momentum=0.9, nesterov=True),
        lambda: Adam(0.1),
        lambda: Adam(0.1, amsgrad=True),
        lambda: SGD(0.1, weight_decay=0.01),
    ],
    ids=["sgd", "nesterov", "adam", "amsgrad", "decay"],
)
def test_small_updates_are_one_call(make_optimizer, rng):
    start = [rng.normal(0, 1, (n,)).astype("float32") for n in (3, 17, 5000, 20_000, 1)] * 7
    results = []

    def make():
        variables = [Variable(array) for array in start]
        results.append(variables)
        optimizer = make_optimizer()
        optimizer.build(variables)

        def run(x):
            optimizer.apply([v * x for v in variables], variables)

        return Step(run, [((), "float32")])

    _, _, names = both_ways(make, np.float32(0.5))
    # 28 small variables: more than one instruction has room for
    assert sum("sweep" in name for name in names) >= 2
    assert sum(name.endswith("_update") for name in names) == 7  # the large ones, each on its own
    for got, want in zip(*results, strict=True):
        np.testing.assert_array_equal(got, want)


def test_a_variable_updated_twice_is_updated_in_turn():
    variable, optimizer = Variable(np.ones(4, np.float32)), SGD(0.5)
    optimizer.build([variable])

    def run(x):
        optimizer.apply([x * 1.0], [variable])
        optimizer.apply([variable * x], [variable])

    Step(run, [((4,), "float32")])(np.full(4, 0.5, np.float32))
    np.testing.assert_allclose(variable, 0.75 - 0.5 * 0.75 * 0.5)


@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize("channels", [3, 16])
def test_batch_normalisation_takes_the_relu(adds, channels, rng):
    """Forward and backward of relu(batch_norm(x) [+ r]), a tie at 0 included."""
    shape = (20, 5, channels)

    def make():
        def run(x, r, gamma, beta):
            with GradientTape() as tape:
                for t in (x, r, gamma, beta):
                    tape.watch(t)
                y, mean, variance = batch_norm_train_op(x, gamma, beta, epsilon=1e-3, activation=None)
                y = ops.relu(y + r) if adds else ops.relu(y)
                value = ops.sum(y * r * r)
            return [y, mean, variance, *tape.gradient(value, [x, gamma, beta] + [r] * adds)]

        return Step(run, [(shape, "float32")] * 2 + [((channels,), "float32")] * 2)

    x, r = rng.normal(0, 1, (2, *shape)).astype("float32")
    gamma, beta = rng.normal(0, 1, (2, channels)).astype("float32")
    gamma[0] = beta[0] = 0
    got, want, names = both_ways(make, x, r, gamma, beta)
    assert "relu" not in names and ("batch_norm_train_add" if adds else "batch_norm_train") in names
    assert adds or "relu_grad" not in names
    for g, w in zip(got, want, strict=True):
        np.testing.assert_allclose(g, w, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("window, strides", [(2, 2), (3, 2), (3, 1)])
def test_a_relu_before_pooling_is_masked_behind_it(window, strides, rng):
    x, kernel, bias = (
        rng.normal(0, 1, shape).astype("float32") for shape in ((2, 9, 8, 3), (3, 3, 3, 5), (5,))
    )

    def make():
        def run(*arrays):
            with GradientTape() as tape:
                for array in arrays:
                    tape.watch(array)
                made = ops.relu(ops.conv(arrays[0], arrays[1], padding="same") + arrays[2])
                value = ops.sum(ops.square(ops.max_pool(made, window, strides)))
            return [value, *tape.gradient(value, list(arrays))]

        return Step(run, [(a.shape, "float32") for a in (x, kernel, bias)])

    got, want, names = both_ways(make, x, kernel, bias)
    assert names.index("max_pool_grad") > max(i for i, name in enumerate(names) if "chain" in name)
    for g, w in zip(got, want, strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-4, atol=1e-4)


def test_a_pooled_value_that_others_read_keeps_its_own_gradient(rng):
    """The gradient behind the relu is wanted itself: nothing is exchanged, and the numbers are the same."""
    x = rng.normal(0, 1, (2, 8, 8, 5)).astype("float32")

    def make():
        def run(array):
            with GradientTape() as tape:
                tape.watch(array)
                made = ops.relu(array)
                tape.watch(made)
                value = ops.sum(ops.square(ops.max_pool(made, 2)))
            return list(tape.gradient(value, [array, made]))

        return Step(run, [(x.shape, "float32")])

    got, want, _ = both_ways(make, x)
    for g, w in zip(got, want, strict=True):
        np.testing.assert_array_equal(g, w)


def weights_step(rng, batch=8, clip=None, penalty=False):
    """A step of a dense layer's gradient and its update."""
    weights = Variable(rng.standard_normal((200, 100)).astype("float32"))
    optimizer = SGD(0.1, clipvalue=clip)
    optimizer.build([weights])

    def run(x):
        with GradientTape() as tape:
            loss = ops.sum(ops.square(ops.matmul(x, weights)))
            if penalty:
                loss = loss + ops.sum(ops.square(weights))
        optimizer.apply([tape.gradient(loss, weights)], [weights])
        return loss

    return Step(run, [((batch, 200), "float32")]), weights


def test_an_update_takes_its_gradient_from_the_product(rng):
    x = rng.standard_normal((8, 200)).astype("float32")
    step, weights = weights_step(np.random.default_rng(3))
    passes.switched_off.add("fuse_updates")
    try:
        plain, expected = weights_step(np.random.default_rng(3))
    finally:
        passes.switched_off.discard("fuse_updates")
    assert "sgd_update_by_product" in named(step) and "sgd_update" in named(plain)
    for _ in range(3):
        step(x), plain(x)
    np.testing.assert_array_equal(weights.numpy(), expected.numpy())


@pytest.mark.parametrize("changed", [{"clip": 0.5}, {"penalty": True}, {"batch": 500}])
def test_a_gradient_that_others_read_too_is_no_part_of_an_update(changed, rng):
    step, _ = weights_step(rng, **changed)
    assert "sgd_update_by_product" not in named(step)
