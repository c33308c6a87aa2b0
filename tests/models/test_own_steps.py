"""Steps and losses that a user wrote: labels are theirs to read, whatever compile() was given."""

import numpy as np
import pytest

import fastnn

ops = fastnn.ops
X = np.linspace(-1, 1, 64).reshape(16, 4).astype("float32")


class Unlabelled(fastnn.Model):
    """Draws its outputs towards 1, by the loss that compile() was given, and reads no labels."""

    def __init__(self):
        super().__init__()
        self.top = fastnn.layers.Dense(3, kernel_initializer="ones")
        self.seen = fastnn.metrics.Mean(name="seen")

    def call(self, x):
        return self.top(x)

    def train_step(self, data):
        x = data[0] if isinstance(data, tuple) else data
        with fastnn.GradientTape() as tape:
            outputs = self.top(x)
            loss = fastnn.losses.get(self.loss)(ops.ones_like(outputs), outputs)
        self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
        self.seen.update_state(loss)
        return {"seen": self.seen.result()}

    def test_step(self, data):
        return {"seen": self.seen.result()}

    @property
    def metrics(self):
        return [self.seen]


@pytest.mark.parametrize(
    ("labels", "loss"),
    [
        (None, fastnn.losses.MeanSquaredError()),
        (np.arange(16), fastnn.losses.MeanSquaredError()),
        (np.full(16, np.nan), fastnn.losses.MeanSquaredError()),
        ({"any": X}, fastnn.losses.MeanSquaredError()),
        (X[:, :1], "mae"),
    ],
)
def test_labels_are_the_steps_own(labels, loss):
    model = Unlabelled()
    model.compile(fastnn.optimizers.SGD(0.1), loss, metrics=["mae"])
    history = model.fit(X, labels, epochs=2, batch_size=6, verbose=0, validation_data=(X, labels)).history
    assert list(history) == ["seen", "val_seen"] and history["seen"][1] < history["seen"][0]
    assert isinstance(model.train_on_batch(X, labels), float)


def test_labels_out_of_range_of_the_compiled_loss():
    model = Unlabelled()
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.loss = "mse"
    model.fit(X, np.arange(16), batch_size=4, verbose=0)
    model.fit(((X[i : i + 4], np.arange(i, i + 4)) for i in (0, 4, 8)), verbose=0)


def test_own_compute_loss_needs_no_labels():
    class Towards(fastnn.Model):
        def __init__(self):
            super().__init__()
            self.top = fastnn.layers.Dense(3)

        def call(self, x):
            return self.top(x)

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return ops.mean(ops.square(y_pred - 1))

    model = Towards()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=[], weighted_metrics=[])
    assert list(model.fit(X, verbose=0).history) == ["loss"]
    assert list(model.fit(X, np.arange(16) - 4, verbose=0).history) == ["loss"]


def test_plain_steps_still_ask_for_labels():
    model = fastnn.Sequential([fastnn.Input((4,)), fastnn.layers.Dense(3)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="`y` is None"):
        model.fit(X, verbose=0)


def test_an_activation_may_be_taken_away():
    layers = fastnn.layers
    model = fastnn.Sequential(
        [
            fastnn.Input((6, 6, 1)),
            layers.Conv2D(3, 2, activation="relu"),
            layers.SeparableConv2D(3, 2, activation="relu"),
            layers.DepthwiseConv2D(2, activation="relu"),
            layers.Conv2DTranspose(3, 2, activation="relu"),
            layers.EinsumDense("abcd,de->abce", (None, None, 3), activation="relu"),
            layers.Dense(2, activation="relu"),
        ]
    )
    x = np.ones((1, 6, 6, 1), "float32")
    for layer in model.layers:
        layer.activation = None
    linear = model(x)
    for layer in model.layers:
        assert layer.get_config()["activation"] is None
        layer.activation = fastnn.activations.linear
    np.testing.assert_array_equal(linear, model(x))
