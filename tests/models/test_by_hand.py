"""Loops written by hand: the same as fit, eager and compiled, and how fast they are."""

import numpy as np
import pytest

import fastnn as keras
from fastnn import GradientTape, function, ops


def build():
    model = keras.Sequential(
        [keras.Input((784,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(10)]
    )
    rng = np.random.default_rng(0)
    model.set_weights([(0.05 * rng.standard_normal(w.shape)).astype("float32") for w in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def digits():
    (x, y), _ = keras.datasets.mnist_5k.load_data()
    return (x[:640].reshape(-1, 784) / 255).astype("float32"), y[:640].astype("int32")


LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def make_step(model, optimizer, form=list):
    def step(x, y):
        with GradientTape(persistent=True) as tape:
            loss = LOSS(y, model(x, training=True))
        weights = model.trainable_weights
        if form is dict:
            gradients = tape.gradient(loss, {str(i): w for i, w in enumerate(weights)})
            optimizer.apply([gradients[str(i)] for i in range(len(weights))], weights)
        else:
            optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
        return loss

    return step


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("form", [list, dict])
def test_equals_fit(compiled, form, digits):
    x, y = digits
    fitted = build()
    fitted.compile(keras.optimizers.Adam(), LOSS)
    fitted.fit(x, y, batch_size=32, shuffle=False, verbose=0)
    model, optimizer = build(), keras.optimizers.Adam()
    optimizer.build(model.trainable_weights)
    step = make_step(model, optimizer, form)
    step = function(step) if compiled else step
    losses = [float(step(x[i : i + 32], y[i : i + 32])) for i in range(0, 640, 32)]
    assert losses[-1] < losses[0]
    # Adam divides by the root of small squares: 20 steps of it amplify roundings some hundred times.
    for a, b in zip(model.get_weights(), fitted.get_weights()):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def test_second_derivatives():
    x = ops.convert_to_tensor(np.array([0.5, -1.0], "float32"))
    with GradientTape() as outer:
        outer.watch(x)
        with GradientTape() as inner:
            inner.watch(x)
            y = ops.sum(x * x * x)
        first = inner.gradient(y, x)
    np.testing.assert_allclose(first, [0.75, 3.0], rtol=1e-6)
    np.testing.assert_allclose(outer.gradient(first, x), [3.0, -6.0], rtol=1e-6)


def test_variables_and_wrong_use():
    variable = keras.Variable(np.ones(2, "float32"))
    variable.assign_add([1.0, 2.0])
    variable.assign_sub([0.5, 0.5])
    np.testing.assert_array_equal(variable, [1.5, 2.5])
    with GradientTape() as tape:
        y = ops.sum(variable * 2.0)
    tape.gradient(y, [variable])
    with pytest.raises(RuntimeError, match="persistent=True"):
        tape.gradient(y, variable)
    model = build()
    with pytest.raises(ValueError, match="compile"):
        model.train_on_batch(np.ones((2, 784)), np.ones(2))
