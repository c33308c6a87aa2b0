"""TerminateOnNaN: the right step, the right layer, the state that a step-by-step run leaves."""

import numpy as np
import pytest

import fastnn as keras
from fastnn import ops


def network(middle=None):
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(5, activation="relu", name="first"),
            *([middle] if middle else []),
            keras.layers.Dense(3, name="last"),
        ]
    )


def rows(rng, count=400):
    return rng.standard_normal((count, 4)).astype("float32"), rng.standard_normal((count, 3)).astype(
        "float32"
    )


class RootOfLess(keras.layers.Layer):
    """The root of x + 1: not a number where x is below -1."""

    def call(self, x):
        return ops.sqrt(x + 1.0)


def test_names_the_layer(rng, capsys):
    x, y = rows(rng)
    model = keras.Sequential([keras.Input((4,)), RootOfLess(name="root"), keras.layers.Dense(3, name="last")])
    model.compile("sgd", "mse")
    x = np.abs(x)
    x[333, 2] = -5
    model.fit(x, y, batch_size=4, shuffle=False, verbose=0, callbacks=[keras.callbacks.TerminateOnNaN()])
    printed = capsys.readouterr().out
    assert "Batch 83: Invalid loss, terminating training: layer 'root' (RootOfLess) first made NaN" in printed
    assert model.optimizer.iterations.numpy() == 84


def test_inputs_labels_and_weights(rng):
    x, y = rows(rng)
    spoilt = x.copy()
    spoilt[77, 1] = np.inf
    keras.utils.set_random_seed(0)  # with weights that are all negative there, relu would make 0 of infinity
    model = network()
    model.compile("sgd", "mse")
    stop = keras.callbacks.TerminateOnNaN(raise_error=True)
    with pytest.raises(RuntimeError, match="batch 9: the inputs of this batch hold NaN or infinity"):
        model.fit(spoilt, y, batch_size=8, shuffle=False, verbose=0, callbacks=[stop])
    model = network()
    model.compile(keras.optimizers.SGD(1e25), "mse")
    with pytest.raises(
        RuntimeError, match="batch [12]: (layer 'last'|the update of the step before|the outputs)"
    ):
        model.fit(x, y, batch_size=8, shuffle=False, verbose=0, callbacks=[stop])


def test_the_loss_itself(rng):
    x, _ = rows(rng, 16)
    model = network()
    model.compile("sgd", lambda y, p: ops.log(ops.sum(p * 0.0, axis=-1)))
    with pytest.raises(RuntimeError, match="the outputs of all layers are finite: the loss made it"):
        model.fit(
            x, np.zeros((16, 3)), verbose=0, callbacks=[keras.callbacks.TerminateOnNaN(raise_error=True)]
        )


@pytest.mark.parametrize("dropout", [False, True])
def test_leaves_what_single_steps_leave(rng, dropout):
    x, y = rows(rng)
    x[301] = np.nan

    class Single(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if not np.isfinite(logs["loss"]):
                self.model.stop_training = True

    left = []
    for callback in (keras.callbacks.TerminateOnNaN(), Single()):
        keras.utils.set_random_seed(3)
        model = network(keras.layers.Dropout(0.5) if dropout else None)
        model.compile("adam", "mse")
        history = model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0, callbacks=[callback])
        left.append(
            [*model.get_weights(), *(v.numpy() for v in model.optimizer.variables), len(history.epoch)]
        )
    for a, b in zip(*left, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_source_of_batches(rng, capsys):
    x, y = rows(rng, 40)
    x[13] = np.nan
    model = network()
    model.compile("sgd", "mse")
    batches = ((x[i : i + 4], y[i : i + 4]) for i in range(0, 40, 4))
    model.fit(batches, verbose=0, callbacks=[keras.callbacks.TerminateOnNaN()])
    assert "Batch 3: Invalid loss" in capsys.readouterr().out


def test_healthy_training_is_left_alone(rng):
    x, y = rows(rng)
    weights = []
    for callbacks in ([], [keras.callbacks.TerminateOnNaN()]):
        keras.utils.set_random_seed(3)
        model = network()
        model.compile("adam", "mse")
        model.fit(x, y, epochs=2, verbose=0, callbacks=callbacks)
        weights.append(model.get_weights()[0])
    np.testing.assert_array_equal(*weights)
