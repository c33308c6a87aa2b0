"""The names of losses and metrics in logs."""

import numpy as np

import fastnn

X = np.linspace(-1, 1, 24).reshape(8, 3).astype("float32")
Y = X[:, :1]


def test_metrics_names_say_what_evaluate_returns():
    inputs = fastnn.Input((3,))
    outputs = [fastnn.layers.Dense(1, name=name)(inputs) for name in ("b", "a")]
    model = fastnn.Model(inputs, outputs)
    model.compile("sgd", ["mse", "mae"], metrics=[["mae"], ["mse"]], weighted_metrics=[["mae"], []])
    assert model.metrics_names == ["loss"]
    model.fit(X, [Y, Y], verbose=0)
    assert model.metrics_names == ["loss", "b_loss", "a_loss", "a_mse", "b_mae", "b_weighted_mae"]
    logs = model.evaluate(X, [Y, Y], verbose=0, return_dict=True)
    assert model.evaluate(X, [Y, Y], verbose=0) == [logs[name] for name in model.metrics_names]


def test_functions_by_their_names():
    def meanError(y_true, y_pred):  # noqa: N802 - told as mean_error
        return fastnn.ops.mean(fastnn.ops.abs(y_true - y_pred))

    model = fastnn.Sequential([fastnn.Input((3,)), fastnn.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=[meanError, lambda y, p: p])
    assert list(model.fit(X, Y, verbose=0).history) == ["lambda", "loss", "mean_error"]


def test_eager_steps_are_never_traced():
    class Looking(fastnn.Model):
        def __init__(self):
            super().__init__()
            self.top = fastnn.layers.Dense(1)
            self.seen = []

        def call(self, x):
            self.seen.append(float(fastnn.ops.sum(x)))  # reads a value
            return self.top(x)

    model = Looking()
    model.compile("sgd", "mse", metrics=["mae"], run_eagerly=True)
    model.fit(X, Y, batch_size=4, shuffle=False, verbose=0)
    parts = [float(X[:4].sum()), float(X[4:].sum())]
    np.testing.assert_allclose(model.seen, [parts[0], *parts], atol=1e-5)  # once to build it


def test_losses_are_listed_as_their_dict_has_them():
    inputs = fastnn.Input((3,))
    model = fastnn.Model(inputs, {name: fastnn.layers.Dense(1, name=name)(inputs) for name in "zab"})
    labels = dict.fromkeys("zab", Y)
    for loss, names in (
        ({"b": "mse", "z": "mae", "a": "mse"}, "bza"),
        ("mse", "abz"),
        ({"z": "mse", "b": "mse"}, "zb"),
    ):
        model.compile("sgd", loss, metrics={"z": ["mae"], "a": ["mse"]})
        listed = model.evaluate(X, labels, verbose=0)
        assert model.metrics_names == ["loss", *[f"{name}_loss" for name in names], "a_mse", "z_mae"]
        logs = model.evaluate(X, labels, verbose=0, return_dict=True)
        assert listed == [logs[name] for name in model.metrics_names] == model.test_on_batch(X, labels)
