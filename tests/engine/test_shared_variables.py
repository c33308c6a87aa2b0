"""Gradients of variables that a function reads several times."""

import numpy as np
import pytest

import fastnn
from fastnn import layers, ops


def test_a_variable_read_in_turn_with_its_uses_gets_each_gradient_once(rng):
    x, w0 = rng.standard_normal((4, 3)), rng.standard_normal((3, 3))
    w = fastnn.Variable(w0, dtype="float64")
    with fastnn.GradientTape() as tape:
        h = ops.matmul(ops.matmul(x, w), w)
        loss = ops.sum(ops.matmul(h, w))
    ones = np.ones((4, 3))
    want = (x @ w0 @ w0).T @ ones + (x @ w0).T @ ones @ w0.T + x.T @ ones @ w0.T @ w0.T
    np.testing.assert_allclose(tape.gradient(loss, w).numpy(), want, rtol=1e-12)


@pytest.mark.parametrize("run_eagerly", [True, False])
def test_a_shared_and_penalised_layer_learns_by_its_whole_gradient(run_eagerly, rng):
    x, y = (rng.standard_normal((8, 5)).astype("float32") for _ in range(2))
    layer = layers.Dense(5, use_bias=False, kernel_regularizer=fastnn.regularizers.L2(0.1))
    inputs = fastnn.Input((5,))
    model = fastnn.Model(inputs, layer(layer(inputs)))
    w = model.get_weights()[0].astype("float64")
    model.compile(fastnn.optimizers.SGD(0.5), loss="mse", run_eagerly=run_eagerly)
    model.train_on_batch(x, y)
    h = x @ w
    dp = 2 * (h @ w - y) / y.size
    gradient = h.T @ dp + x.T @ (dp @ w.T) + 0.2 * w
    np.testing.assert_allclose(model.get_weights()[0], w - 0.5 * gradient, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("traced", [True, False])
def test_what_was_assigned_leads_back_to_the_variable_alone(traced):
    w = fastnn.Variable(np.full(3, 2.0, "float32"))

    def gradient():
        with fastnn.GradientTape() as tape:
            first = ops.sum(5.0 * w)
            w.assign(w * w)
            loss = first + ops.sum(w * w)
        return tape.gradient(loss, w)

    got = (fastnn.function(gradient) if traced else gradient)()
    np.testing.assert_allclose(got, np.full(3, 5.0 + 2.0 * 4.0))
    np.testing.assert_allclose(w, np.full(3, 4.0))
