"""Training runs written once, for Keras and for fastnn: each takes the module, returns plain values to compare.

`tests/golden/make_training.py` runs them with Keras; `test_scenarios.py` runs them with fastnn. What all of them need
stands here; the runs are in the files that are called ..._scenarios.py.
"""

import json

import numpy as np

SCENARIOS = {}


def scenario(function):
    SCENARIOS[function.__name__] = function
    return function


def data(rows=40, seed=0):
    """x (rows, 6), class numbers (rows,), a target (rows, 1), weights (rows,)."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, 6)).astype("float32")
    labels = rng.integers(0, 3, rows)
    target = (x[:, :1] * 0.7 - x[:, 1:2] * 0.3 + 0.1).astype("float32")
    return x, labels, target, rng.uniform(0.2, 2, rows).astype("float32")


def fixed(model, seed=1):
    """The model with weights that do not depend on who made it."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.uniform(-0.4, 0.4, w.shape).astype("float32") for w in model.get_weights()])
    return model


def classifier(k, **compile_with):
    model = fixed(
        k.Sequential(
            [k.Input((6,)), k.layers.Dense(5, activation="tanh"), k.layers.Dense(3, activation="softmax")]
        )
    )
    options = dict(
        optimizer=k.optimizers.SGD(0.1), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    model.compile(**{**options, **compile_with})
    return model


def two_heads(k, names=("cls", "reg"), **compile_with):
    """One input, a classifying and a regressing output."""
    inputs = k.Input((6,), name="x")
    hidden = k.layers.Dense(5, activation="tanh", name="hidden")(inputs)
    outputs = [
        k.layers.Dense(3, activation="softmax", name=names[0])(hidden),
        k.layers.Dense(1, name=names[1])(hidden),
    ]
    model = fixed(k.Model(inputs, outputs))
    if compile_with:
        model.compile(**{"optimizer": k.optimizers.SGD(0.1), **compile_with})
    return model


LOSSES = {"cls": "sparse_categorical_crossentropy", "reg": "mse"}


def outcome(model, history=None, x=None, y=None, **evaluate):
    """What a run left: history in its order, evaluations in both forms, weights."""
    found = {"weights": model.get_weights()}
    if history is not None:
        found["history"] = dict(history.history)
        found["keys"] = list(history.history)
        found["epoch"] = list(history.epoch)
    if x is not None:
        found["evaluate"] = model.evaluate(x, y, verbose=0, **evaluate)
        found["by name"] = model.evaluate(x, y, verbose=0, return_dict=True, **evaluate)
    return found


def plain(found):
    """What a scenario found as JSON can hold it: arrays as lists of 7 digits, tuples as lists."""
    if isinstance(found, dict):
        return {str(key): plain(value) for key, value in found.items()}
    if isinstance(found, (list, tuple)):
        return [plain(value) for value in found]
    if found is None or isinstance(found, (bool, str, int)):
        return found
    values = np.asarray(found)
    if values.dtype.kind in "iu":
        return values.tolist()
    return json.loads(
        json.dumps(values.astype("float64").tolist()), parse_float=lambda text: float(f"{float(text):.7g}")
    )
