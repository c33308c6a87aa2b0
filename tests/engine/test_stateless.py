"""Keras's stateless calls: values in, values out, and no variable changes."""

import keras
import numpy as np
import pytest

import fastnn as k

L = k.layers
# Keras on NumPy
pytestmark = pytest.mark.filterwarnings("ignore:(.|\n)*__array__ implementation:DeprecationWarning")


def net(module):
    layers = module.layers
    return module.Sequential(
        [module.Input((4,)), layers.Dense(3), layers.BatchNormalization(), layers.Dense(1)]
    )


@pytest.fixture
def both(rng):
    models = net(k), net(keras)
    for model in models:
        model.compile("sgd", "mse", metrics=["mae"])
    models[1].set_weights(models[0].get_weights())
    return models


def values_of(variables):
    return [np.asarray(v.value) for v in variables]


def test_a_call_and_the_loss_as_keras(both, rng):
    x = rng.standard_normal((8, 4)).astype("float32")
    results = []
    for model in both:
        model.build((None, 4))
        weights, state = values_of(model.trainable_variables), values_of(model.non_trainable_variables)
        before = model.get_weights()
        outputs, after, losses = model.stateless_call(
            [w * 2 for w in weights], state, x, training=True, return_losses=True
        )
        assert losses == []
        assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
        results.append([np.asarray(outputs), *map(np.asarray, after)])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    model = both[0]
    state = values_of(model.non_trainable_variables), values_of(model.metrics_variables)
    weights = values_of(model.trainable_variables)
    loss, after = model.stateless_compute_loss(weights, *state, x, x[:, :1], outputs)
    np.testing.assert_allclose(loss, np.mean((np.asarray(outputs) - x[:, :1]) ** 2), rtol=1e-5)
    assert [len(part) for part in after] == [6, 2, 2]


def test_gradients_of_given_values(both, rng):
    model, x = both[0], rng.standard_normal((8, 4)).astype("float32")
    given = [k.ops.convert_to_tensor(v) for v in values_of(model.trainable_variables)]
    state = values_of(model.non_trainable_variables)
    with k.GradientTape() as tape:
        tape.watch(given)
        loss = k.ops.mean(k.ops.square(model.stateless_call(given, state, x)[0]))
    gradients = tape.gradient(loss, given)
    with k.GradientTape() as usual:
        same = k.ops.mean(k.ops.square(model(x)))
    for a, b in zip(gradients, usual.gradient(same, model.trainable_variables), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    model.optimizer.build(model.trainable_variables)
    new, _ = model.optimizer.stateless_apply(values_of(model.optimizer.variables), gradients, given)
    np.testing.assert_allclose(new[0], given[0] - 0.01 * gradients[0], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_an_optimizer_of_rows_steps_within_the_scope(name):
    table = L.Embedding(9, 4)
    table.build()
    optimizer = getattr(k.optimizers, name)()
    optimizer.build(table.trainable_variables)
    with k.GradientTape() as tape:
        loss = k.ops.sum(k.ops.square(table(np.array([1, 3, 1]))))
    gradients = tape.gradient(loss, table.trainable_variables)
    before = table.embeddings.numpy().copy()
    new, state = optimizer.stateless_apply(values_of(optimizer.variables), gradients, [before])
    np.testing.assert_array_equal(table.embeddings, before)
    assert int(optimizer.iterations) == 0
    optimizer.apply(gradients)
    np.testing.assert_array_equal(new[0], table.embeddings)
    for after, variable in zip(state, optimizer.variables, strict=True):
        np.testing.assert_array_equal(after, variable)


def test_metrics():
    metric = k.metrics.MeanSquaredError()
    state = metric.stateless_reset_state()
    state = metric.stateless_update_state(state, [[1.0], [2.0]], [[1.0], [4.0]])
    assert float(metric.stateless_result(state)) == 2.0
    assert float(metric.result()) == 0.0


def test_scope():
    v = k.Variable(np.ones(2, "float32"))
    with k.StatelessScope([(v, [3.0, 4.0])]) as scope:
        v.assign_add([1.0, 1.0])
        np.testing.assert_array_equal(v.value, [4, 5])
    np.testing.assert_array_equal(scope.get_current_value(v), [4, 5])
    np.testing.assert_array_equal(v.value, [1, 1])
    with pytest.raises(ValueError, match=r"shape \(2,\).*\(3,\)"):
        k.StatelessScope([(v, np.ones(3))])
    layer = L.Dense(2, name="top")
    layer.build((None, 3))
    with pytest.raises(ValueError, match="'top'.*trainable_variables.*2 variables.*received 1"):
        layer.stateless_call([np.ones((3, 2))], [], np.ones((1, 3)))


def test_policies_by_path():
    for module in (k, keras):
        policies = module.dtype_policies.DTypePolicyMap(
            "float32", {"encoder/.*": module.DTypePolicy("float64")}
        )
        policies["head"] = "float64" if module is k else module.DTypePolicy("float64")
        assert [policies[path].name for path in ("encoder/a", "head", "head/b")] == [
            "float64",
            "float64",
            "float32",
        ]
        again = module.dtype_policies.deserialize(module.dtype_policies.serialize(policies))
        assert (again["encoder/x"].name, len(again), again.name) == ("float64", 2, "map_float32")
        with pytest.raises(ValueError, match="head"):
            policies["head"] = module.DTypePolicy("float32")


def test_frozen_before_there_are_weights(tmp_path):
    """trainable=False said to the constructor freezes the weights that `build` makes."""
    model = k.Sequential([L.Input((3,)), L.Dense(2, trainable=False, name="frozen"), L.Dense(1)])
    frozen = model.get_layer("frozen")
    assert (len(model.trainable_weights), len(model.non_trainable_weights)) == (2, 2)
    before = frozen.get_weights()
    model.compile("adam", "mse")
    model.fit(np.ones((8, 3)), np.ones((8, 1)), verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, frozen.get_weights(), strict=True))
    model.save(tmp_path / "frozen.keras")
    loaded = k.models.load_model(tmp_path / "frozen.keras")  # a warning would be an error
    assert len(loaded.optimizer.variables) == len(model.optimizer.variables) == 2 + 2 * 2
    frozen.trainable = True
    assert len(model.trainable_weights) == 4
