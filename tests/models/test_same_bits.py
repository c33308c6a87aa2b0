"""One model with every common layer ends with the same bits however many threads train it."""

import numpy as np
import pytest

import fastnn as k
from fastnn import config
from fastnn.engine import threads


@pytest.fixture(autouse=True)
def threads_as_before(monkeypatch):
    monkeypatch.setattr(threads, "_chosen", threads.explain())
    yield
    threads.version += 1


def everything():
    """Images and a row of numbers in, two outputs; wide enough that each kernel has work to share."""
    L = k.layers
    images, numbers = L.Input((20, 20, 3), name="images"), L.Input((24,), name="numbers")
    x = L.Rescaling(1 / 2, offset=-0.1)(images)
    x = L.ZeroPadding2D(1)(x)
    x = L.Conv2D(16, 3, activation="relu", kernel_regularizer="l2")(x)
    x = L.BatchNormalization()(x)
    x = L.Conv2D(24, 3, strides=2, padding="same", use_bias=False)(x)
    x = L.LeakyReLU()(x)
    x = L.Dropout(0.2)(x)
    wide = L.UpSampling2D()(L.MaxPooling2D()(x))
    x = L.Add()([x, wide])
    x = L.Conv2D(24, 3, padding="same", dilation_rate=2, groups=2, activation="elu")(x)
    x = L.Concatenate()([L.AveragePooling2D(2)(x), L.MaxPooling2D()(x)])
    x = L.Conv2D(32, 1, activation="gelu")(x)
    x = L.PReLU(shared_axes=[1, 2])(x)
    pooled = L.Multiply()([L.GlobalAveragePooling2D()(x), L.GlobalMaxPooling2D()(x)])
    x = L.Permute((2, 1))(L.Reshape((25, 32))(x))
    x = L.Flatten()(L.Softmax()(x))
    x = L.Dense(96, activation="selu", kernel_constraint="max_norm")(x)
    other = L.Dense(96, activation="swish")(numbers)
    x = L.Average()([L.Maximum()([x, other]), L.Minimum()([x, other]), L.Subtract()([x, other])])
    x = L.Activation("softplus")(L.LayerNormalization()(x))
    x = L.Lambda(lambda t: t * 2 - 1)(L.ELU()(L.ReLU(negative_slope=0.1)(x)))
    near = L.Dot(1)([L.Dense(32, activation="sigmoid")(x), L.Activation("tanh")(pooled)])
    classes = L.Dense(10, activation="softmax", name="classes")(L.Concatenate()([x, pooled]))
    return k.Model([images, numbers], [classes, L.Dense(1, name="near")(near)])


def trained(optimizer, count):
    """The bytes of all weights, losses and predictions after two epochs of nine steps, the last one smaller."""
    config.set_num_threads(count)
    k.utils.clear_session()
    k.utils.set_random_seed(7)
    rng = np.random.default_rng(1)
    model = everything()
    model.compile(optimizer, ["sparse_categorical_crossentropy", "mse"], metrics=[["accuracy"], ["mae"]])
    x = [
        rng.integers(0, 255, (133, 20, 20, 3)).astype("uint8"),
        rng.standard_normal((133, 24)).astype("float32"),
    ]
    y = [rng.integers(0, 10, 133), rng.standard_normal((133, 1)).astype("float32")]
    history = model.fit(x, y, batch_size=16, epochs=2, verbose=0, validation_split=0.1)
    used = max(int(line.split()[-1]) for line in _plan_of(model).describe().splitlines()[2:] if line.strip())
    states = [w.numpy() for w in model.weights + model.optimizer.variables]
    logs = np.array([history.history[key] for key in sorted(history.history)])
    assert all(np.isfinite(state).all() for state in states) and np.isfinite(logs).all()
    return [a.tobytes() for a in (*states, logs, *model.predict(x, verbose=0))], used


def _plan_of(model):
    return next(program for key, program in model._programs._kept.items() if key[0] == "train").step.plan


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_one_two_and_three_threads_give_the_same_bits(optimizer):
    one, used = trained(optimizer, 1)
    assert used == 1
    for count in (2, 3):
        several, used = trained(optimizer, count)
        assert used == count, "no instruction was shared: the test shows nothing"
        assert several == one
