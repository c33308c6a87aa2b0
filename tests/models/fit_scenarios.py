"""Training runs for `scenarios.SCENARIOS`: the arguments of compile, fit and their kin, and models of one's own."""

import numpy as np
from scenarios import LOSSES, classifier, data, fixed, outcome, scenario, two_heads


@scenario
def compile_forms(k):
    x, labels, target, _ = data()
    onehot = np.eye(3, dtype="float32")[labels]
    found = {}

    def half(y_true, y_pred):
        return k.ops.mean(k.ops.square(y_true - y_pred), axis=-1) / 2

    cases = {
        "strings": dict(optimizer="adam", loss="mse", metrics=["mae", "mse"]),
        "objects": dict(
            optimizer=k.optimizers.Adam(0.01),
            loss=k.losses.MeanAbsoluteError(name="mine"),
            metrics=[k.metrics.MeanSquaredError(name="m"), "mae"],
        ),
        "functions": dict(optimizer="sgd", loss=half, metrics=[half, k.losses.mean_absolute_error]),
        "default optimizer": dict(loss="mean_squared_error"),
        "loss in a list": dict(optimizer="sgd", loss=["mse"], metrics=[["mae"]]),
        "loss weight": dict(optimizer="sgd", loss=["mse"], loss_weights=[0.5]),
        "steps_per_execution": dict(optimizer="sgd", loss="huber", steps_per_execution=2),
        "no metrics, weighted": dict(optimizer="sgd", loss="mse", weighted_metrics=["mae"]),
        "both": dict(optimizer="sgd", loss="mse", metrics=["mae"], weighted_metrics=["mae", "mse"]),
        "jit": dict(optimizer="sgd", loss="log_cosh", jit_compile=True),
    }
    for name, options in cases.items():
        model = (
            classifier(k, metrics=None, **{"optimizer": "rmsprop", **options})
            if "metrics" not in options
            else classifier(k, **options)
        )
        if "optimizer" not in options:
            options = dict(options)
            model.compile(**options)
        history = model.fit(x, onehot, epochs=2, batch_size=16, shuffle=False, verbose=0)
        found[name] = {**outcome(model, history, x, onehot), "optimizer": type(model.optimizer).__name__}
    return found


@scenario
def accuracy_by_shape(k):
    """ "accuracy" and "crossentropy" mean what the shapes say."""
    x, labels, _, _ = data()
    found = {}
    cases = {
        "sparse": (3, "softmax", labels),
        "sparse column": (3, "softmax", labels[:, None]),
        "one-hot": (3, "softmax", np.eye(3)[labels]),
        "binary": (1, "sigmoid", (labels > 0)[:, None] * 1),
        "binary flat": (1, "sigmoid", (labels > 0) * 1.0),
    }
    for name, (units, activation, y) in cases.items():
        model = fixed(k.Sequential([k.Input((6,)), k.layers.Dense(units, activation=activation)]))
        model.compile("sgd", "crossentropy", metrics=["accuracy", "acc"])
        found[name] = outcome(model, model.fit(x, y, shuffle=False, verbose=0), x, y)
    return found


@scenario
def outputs_without_loss(k):
    x, labels, target, _ = data()
    found = {}
    cases = {
        "none in a list": (["sparse_categorical_crossentropy", None], [labels, target]),
        "none in a dict": ({"cls": "sparse_categorical_crossentropy", "reg": None}, [labels, target]),
    }
    for name, (loss, y) in cases.items():
        model = two_heads(k, loss=loss)
        found[name] = outcome(model, model.fit(x, y, shuffle=False, verbose=0), x, y)
    return found


@scenario
def several_losses(k):
    x, labels, target, weights = data()
    found = {}
    for name, options in {
        "names": dict(loss=LOSSES),
        "weights": dict(loss=LOSSES, loss_weights={"cls": 0.3, "reg": 2.0}),
        "metrics": dict(loss=LOSSES, metrics=[["accuracy"], ["mae", "mse"]]),
        "weighted": dict(
            loss=LOSSES, metrics={"reg": "mae"}, weighted_metrics={"reg": "mae", "cls": ["accuracy"]}
        ),
    }.items():
        model = two_heads(k, **options)
        y = [labels, target]
        history = model.fit(
            x,
            y,
            epochs=2,
            batch_size=15,
            shuffle=False,
            verbose=0,
            sample_weight=weights,
            validation_data=(x[:10], [labels[:10], target[:10]], [weights[:10], weights[10:20]]),
        )
        found[name] = outcome(model, history, x, y)
    return found


@scenario
def validation_arguments(k):
    x, labels, _, weights = data()
    found = {}
    cases = {
        "split": dict(validation_split=0.3),
        "data": dict(validation_data=(x[:12], labels[:12])),
        "weights": dict(validation_data=(x[:12], labels[:12], weights[:12])),
        "list": dict(validation_data=[x[:12], labels[:12]]),
        "steps": dict(validation_data=(x, labels), validation_steps=2, validation_batch_size=4),
        "freq": dict(validation_data=(x[:12], labels[:12]), validation_freq=2),
        "freq list": dict(validation_data=(x[:12], labels[:12]), validation_freq=[1, 3]),
    }
    for name, options in cases.items():
        model = classifier(k)
        found[name] = outcome(
            model, model.fit(x, labels, batch_size=16, epochs=3, shuffle=False, verbose=0, **options)
        )
    return found


@scenario
def steps_and_epochs(k):
    x, labels, _, _ = data()
    found = {}
    cases = {
        "initial": dict(epochs=4, initial_epoch=2),
        "none": dict(epochs=2, initial_epoch=2),
        "whole": dict(epochs=2, batch_size=40),
        "large": dict(epochs=1, batch_size=100),
        "steps": dict(epochs=4, batch_size=8, steps_per_epoch=2),
    }
    for name, options in cases.items():
        model = classifier(k)
        found[name] = outcome(
            model,
            model.fit(x, labels, shuffle=False, verbose=0, **options),
            x,
            labels,
            steps=2,
            batch_size=10,
        )
    return found


@scenario
def weights_of_samples(k):
    x, labels, target, weights = data()
    found = {}
    cases = {
        "sample": dict(sample_weight=weights),
        "class": dict(class_weight={0: 0.2, 1: 3.0, 2: 1.0}),
        "partial": dict(class_weight={1: 2.0}),
    }
    for name, options in cases.items():
        model = classifier(k, weighted_metrics=["accuracy"])
        found[name] = outcome(
            model,
            model.fit(x, labels, epochs=2, batch_size=12, shuffle=False, verbose=0, **options),
            x,
            labels,
        )
    model = classifier(k, weighted_metrics=["accuracy"])
    found["evaluate"] = outcome(model, None, x, labels, sample_weight=weights)
    model = classifier(k, loss="categorical_crossentropy")
    onehot = np.eye(3, dtype="float32")[labels]
    found["class, one-hot"] = outcome(
        model, model.fit(x, onehot, shuffle=False, verbose=0, class_weight={0: 0.2, 1: 3.0})
    )
    return found


@scenario
def weights_of_steps(k):
    """A weight for each time step."""
    rng = np.random.default_rng(3)
    x, y = (
        rng.standard_normal((10, 4, 3)).astype("float32"),
        rng.standard_normal((10, 4, 1)).astype("float32"),
    )
    model = fixed(k.Sequential([k.Input((4, 3)), k.layers.Dense(1)]))
    model.compile("sgd", "mse", weighted_metrics=["mae"])
    history = model.fit(
        x,
        y,
        sample_weight=rng.uniform(0, 1, (10, 4)).astype("float32"),
        shuffle=False,
        verbose=0,
        batch_size=4,
    )
    return outcome(model, history, x, y)


@scenario
def single_batches(k):
    x, labels, _, weights = data(16)
    model = classifier(k)
    found = [
        model.train_on_batch(x, labels),
        model.train_on_batch(x, labels, return_dict=True),
        model.train_on_batch(x, labels, sample_weight=weights),
        model.train_on_batch(x, labels, class_weight={0: 4.0}),
        model.test_on_batch(x, labels),
        model.test_on_batch(x[:5], labels[:5], return_dict=True),
        model.test_on_batch(x, labels, sample_weight=weights),
        model.predict_on_batch(x),
    ]
    alone = classifier(k, metrics=None)
    found += [alone.train_on_batch(x, labels), alone.test_on_batch(x, labels)]
    return [model.get_weights(), *found, type(found[-1]).__name__]


@scenario
def predictions(k):
    x, _, _, _ = data(11)
    model, two = classifier(k), two_heads(k)
    return [
        model.predict(x, verbose=0, batch_size=4),
        model.predict(x, verbose=0, batch_size=4, steps=2),
        two.predict(x, verbose=0, batch_size=4),
        model.predict(x[:1], verbose=0),
        model(x),
    ]


@scenario
def subclassed(k):
    class Block(k.layers.Layer):
        def __init__(self, units):
            super().__init__()
            self.units = units

        def build(self, shape):
            self.w = self.add_weight(shape=(shape[-1], self.units), name="w", regularizer="l2")
            self.b = self.add_weight(shape=(self.units,), initializer="zeros", name="b")
            self.steps = self.add_weight(shape=(), initializer="zeros", trainable=False, name="steps")

        def call(self, inputs, training=None):
            self.add_loss(0.1 * k.ops.mean(k.ops.abs(inputs)))
            self.steps.assign_add(1.0)
            return k.ops.matmul(inputs, self.w) + self.b

    class Net(k.Model):
        def __init__(self):
            super().__init__()
            self.blocks = [Block(5), Block(4)]
            self.drop = k.layers.Dropout(0.0)
            self.head = {"out": k.layers.Dense(3, activation="softmax")}

        def call(self, inputs, training=False, mask=None):
            x = inputs
            for block in self.blocks:
                x = k.ops.relu(block(x))
            return self.head["out"](self.drop(x, training=training))

    x, labels, _, _ = data()
    model = Net()
    model(x[:1])
    fixed(model)
    for block in model.blocks:
        block.steps.assign(0.0)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, labels, epochs=2, batch_size=16, shuffle=False, verbose=0)
    found = outcome(model, history, x, labels)
    found["steps"] = (
        [float(block.steps.numpy()) for block in model.blocks]
        if hasattr(model.blocks[0].steps, "numpy")
        else [float(np.asarray(block.steps.value)) for block in model.blocks]
    )
    found["counts"] = [len(model.trainable_weights), len(model.non_trainable_weights), len(model.losses) > 0]
    return found


@scenario
def own_steps(k):
    class Counting(k.Model):
        def __init__(self):
            super().__init__()
            self.dense = k.layers.Dense(3, activation="softmax")
            self.calls = k.metrics.Sum(name="calls")

        def call(self, inputs):
            return self.dense(inputs)

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            self.calls.update_state(1.0)
            return super().compute_loss(x, y, y_pred, sample_weight) + 0.01 * k.ops.sum(
                k.ops.square(self.dense.kernel)
            )

        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            logs = super().compute_metrics(x, y, y_pred, sample_weight)
            logs["double"] = 2 * logs["accuracy"]
            return logs

    x, labels, _, _ = data()
    model = Counting()
    model(x[:1])
    fixed(model)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, labels, epochs=2, batch_size=16, shuffle=False, verbose=0, validation_split=0.2)
    return outcome(model, history, x, labels)


@scenario
def penalties(k):
    x, labels, _, _ = data()
    inputs = k.Input((6,))
    hidden = k.layers.Dense(5, activation="relu", kernel_regularizer="l2", activity_regularizer="l1")(inputs)
    model = fixed(
        k.Model(
            inputs, k.layers.Dense(3, activation="softmax", bias_regularizer=k.regularizers.L1(0.3))(hidden)
        )
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    history = model.fit(x, labels, epochs=2, batch_size=16, shuffle=False, verbose=0, validation_split=0.25)
    return {**outcome(model, history, x, labels), "losses": len(model.losses)}


@scenario
def frozen(k):
    x, labels, _, _ = data()
    inner = k.Sequential(
        [k.Input((6,)), k.layers.Dense(4, activation="relu"), k.layers.BatchNormalization()], name="inner"
    )
    model = fixed(k.Sequential([k.Input((6,)), inner, k.layers.Dense(3, activation="softmax")]))
    inner.layers[1].set_weights([np.ones(4), np.zeros(4), np.zeros(4), np.ones(4)])
    inner.trainable = False
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    found = {"frozen": outcome(model, model.fit(x, labels, epochs=2, shuffle=False, verbose=0), x, labels)}
    inner.trainable = True
    inner.layers[0].trainable = False
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    found["partly"] = outcome(model, model.fit(x, labels, epochs=2, shuffle=False, verbose=0), x, labels)
    found["counts"] = [len(model.trainable_weights), len(model.non_trainable_weights)]
    return found
