"""Optimizers around others, of one's own, and without state, applied to the same gradients as Keras's on NumPy."""

import keras
import numpy as np
import pytest

import fastnn

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def by_path(k):
    chosen = k.optimizers.OptimizerMap(k.optimizers.SGD(0.1, momentum=0.9))
    chosen["b"] = k.optimizers.Adam(0.01)
    return k.optimizers.MultiOptimizer(chosen)


def by_function(k):
    return k.optimizers.MultiOptimizer(
        lambda v: k.optimizers.SGD(0.1) if "b" in v.path else k.optimizers.RMSprop(0.01)
    )


def scaled(k):
    return k.optimizers.LossScaleOptimizer(k.optimizers.Adam(0.1), initial_scale=8.0, dynamic_growth_steps=2)


def spared(k):
    optimizer = k.optimizers.AdamW(0.1, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_names=["a"])
    return optimizer


def of_ones_own(k):
    class Halving(k.optimizers.Optimizer):
        def update_step(self, gradient, variable, learning_rate):
            self.assign_sub(variable, k.ops.multiply(gradient, learning_rate / 2))

    return Halving(learning_rate=0.1)


MAKERS = [by_path, by_function, scaled, spared, of_ones_own]


def applied(k, optimizer):
    rng = np.random.default_rng(3)
    a = k.Variable(rng.normal(size=3).astype("float32"), name="a")
    b = k.Variable(rng.normal(size=(2, 2)).astype("float32"), name="b")
    optimizer.build([a, b])
    for _ in range(3):
        optimizer.apply([rng.normal(size=v.shape).astype("float32") for v in (a, b)], [a, b])
    return [v.numpy() for v in (a, b)]


@pytest.mark.parametrize("make", MAKERS)
def test_the_same_steps(make):
    theirs, ours = make(keras), make(fastnn)
    for got, want in zip(applied(fastnn, ours), applied(keras, theirs), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    assert len(ours.variables) == len(theirs.variables) and int(ours.iterations) == int(theirs.iterations)


@pytest.mark.parametrize("make", [by_path, scaled])
def test_made_again_from_its_configuration(make):
    again = fastnn.optimizers.deserialize(fastnn.optimizers.serialize(make(fastnn)))
    for got, want in zip(applied(fastnn, again), applied(fastnn, make(fastnn)), strict=True):
        np.testing.assert_array_equal(got, want)


def test_what_is_around_others_is_asked():
    scale = scaled(fastnn)
    assert float(scale.learning_rate) == pytest.approx(0.1)
    scale.learning_rate = 0.5
    assert float(scale.inner_optimizer.learning_rate) == 0.5 and float(scale.scale_loss(2.0)) == 16
    several = by_path(fastnn)
    applied(fastnn, several)
    assert [type(one).__name__ for one in several.optimizers] == [
        type(one).__name__ for one in _applied(by_path(keras)).optimizers
    ]
    for k, one in ((fastnn, several), (keras, _applied(by_path(keras)))):
        with pytest.raises((ValueError, AttributeError, TypeError)):
            float(one.learning_rate)
        chosen = one.optimizer_map if hasattr(one, "optimizer_map") else None
        assert chosen is None or (len(chosen) == 1 and list(chosen) == ["b"])
        assert k is not None


def _applied(optimizer):
    applied(keras, optimizer)
    return optimizer


@pytest.mark.parametrize(
    "name", ["Adafactor", "Ftrl", "Lion", "Muon", "ScheduleFreeAdamW", "Adamax", "Nadam", "Lamb"]
)
def test_configurations(name):
    ours, theirs = (getattr(k.optimizers, name)(name="mine") for k in (fastnn, keras))
    config = ours.get_config()
    assert config == theirs.get_config()
    assert type(ours).from_config(config).get_config() == config


def test_without_state():
    rng = np.random.default_rng(3)
    value, gradient = rng.normal(size=(2, 4, 2)).astype("float32")
    found = []
    for k in (keras, fastnn):
        optimizer, v = k.optimizers.Adam(0.1), k.Variable(value, name="v")
        optimizer.build([v])
        state = [s.value for s in optimizer.variables]
        found.append(optimizer.stateless_apply(state, [k.ops.convert_to_tensor(gradient)], [v.value]))
        np.testing.assert_array_equal(v.numpy(), value)
    (want, want_state), (got, state) = found
    np.testing.assert_allclose(got[0], want[0], rtol=1e-5)
    for mine, other in zip(state, want_state, strict=True):
        np.testing.assert_allclose(
            np.asarray(mine, "float64"), np.asarray(other, "float64"), rtol=1e-5, atol=1e-7
        )


def test_variables_that_take_their_gradient():
    for k in (keras, fastnn):
        a, b = (k.Variable(np.ones(2, "float32"), name=name) for name in "ab")
        b.overwrite_with_gradient = True
        optimizer = k.optimizers.SGD(0.1)
        optimizer.build([a, b])
        optimizer.apply([np.full(2, 2.0, "float32"), np.full(2, 3.0, "float32")])
        np.testing.assert_allclose(a.numpy(), 0.8)
        np.testing.assert_allclose(b.numpy(), 3)
