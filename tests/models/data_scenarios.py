"""Training runs for `scenarios.SCENARIOS`: data in every form that fit takes."""

import numpy as np
from scenarios import LOSSES, classifier, data, fixed, outcome, scenario, two_heads


@scenario
def fit_arrays(k):
    x, labels, _, _ = data()
    model = classifier(k)
    return outcome(
        model,
        model.fit(x, labels, batch_size=16, epochs=3, shuffle=False, verbose=0),
        x,
        labels,
        batch_size=16,
    )


@scenario
def fit_lists_of_numbers(k):
    x, labels, _, _ = data(12)
    model = classifier(k)
    return outcome(
        model,
        model.fit(np.asarray(x.tolist()), np.asarray(labels.tolist(), "uint8"), shuffle=False, verbose=0),
        x.astype("float64"),
        labels.astype("float32"),
    )


@scenario
def fit_with_generator(k):
    x, labels, _, _ = data()

    def batches():
        while True:
            for start in range(0, 40, 8):
                yield x[start : start + 8], labels[start : start + 8]

    model = classifier(k)
    history = model.fit(batches(), steps_per_epoch=3, epochs=2, verbose=0, validation_data=(x, labels))
    return {
        **outcome(model, history),
        "evaluated": model.evaluate(batches(), steps=4, verbose=0),
        "predicted": model.predict(((x[i : i + 4],) for i in range(0, 12, 4)), verbose=0, steps=3),
    }


@scenario
def fit_with_finite_generator(k):
    x, labels, _, weights = data()
    model = classifier(k, weighted_metrics=["accuracy"])
    history = model.fit(
        ((x[i : i + 9], labels[i : i + 9], weights[i : i + 9]) for i in range(0, 40, 9)), verbose=0
    )
    return outcome(model, history)


@scenario
def fit_with_pydataset(k):
    x, labels, _, _ = data()
    calls = []

    class Batches(k.utils.PyDataset):
        def __len__(self):
            return 5

        def __getitem__(self, index):
            calls.append(index)
            return x[index * 9 : index * 9 + 9], labels[index * 9 : index * 9 + 9]

        def on_epoch_end(self):
            calls.append("end")

        def on_epoch_begin(self):
            calls.append("begin")

    model = classifier(k)
    history = model.fit(Batches(), epochs=2, shuffle=False, verbose=0, class_weight={0: 0.5, 2: 3.0})
    ends = [call for call in calls if isinstance(call, str)]
    return {
        **outcome(model, history),
        "evaluated": model.evaluate(Batches(), verbose=0),
        "predicted": model.predict(Batches(), verbose=0),
        "ends": ends[-2:],
    }


@scenario
def two_inputs_in_every_form(k):
    x, _, target, _ = data()
    left, right = x[:, :2], x[:, 2:]
    found = {}
    forms = {"list": [left, right], "tuple": (left, right), "dict": {"a": left, "b": right}}
    for name, form in forms.items():
        a, b = k.Input((2,), name="a"), k.Input((4,), name="b")
        joined = k.layers.concatenate([k.layers.Dense(3, activation="relu")(a), b])
        model = fixed(k.Model([a, b], k.layers.Dense(1)(joined)))
        model.compile("sgd", "mse", metrics=["mae"])
        history = model.fit(
            form, target, epochs=2, batch_size=16, shuffle=False, verbose=0, validation_split=0.25
        )
        found[name] = {**outcome(model, history, form, target), "predicted": model.predict(form, verbose=0)}
    return found


@scenario
def outputs_in_every_form(k):
    x, labels, target, _ = data()
    found = {}
    for name, y in {
        "list": [labels, target],
        "tuple": (labels, target),
        "dict": {"reg": target, "cls": labels},
    }.items():
        for loss in (["sparse_categorical_crossentropy", "mse"], LOSSES):
            model = two_heads(
                k, loss=loss, metrics={"cls": ["accuracy"], "reg": ["mae"]}, loss_weights=[1.0, 0.5]
            )
            history = model.fit(x, y, epochs=2, batch_size=16, shuffle=False, verbose=0)
            found[f"{name} {type(loss).__name__}"] = outcome(model, history, x, y)
    return found


@scenario
def dict_outputs(k):
    x, labels, target, weights = data()
    inputs = k.Input((6,), name="x")
    hidden = k.layers.Dense(4, activation="tanh")(inputs)
    model = fixed(
        k.Model(
            {"x": inputs},
            {"one": k.layers.Dense(3, activation="softmax")(hidden), "two": k.layers.Dense(1)(hidden)},
        )
    )
    model.compile(
        "adam",
        {"one": "sparse_categorical_crossentropy", "two": "mse"},
        metrics={"one": "accuracy", "two": ["mae", "mse"]},
        loss_weights={"one": 2.0, "two": 0.5},
    )
    y = {"one": labels, "two": target}
    history = model.fit(
        {"x": x},
        y,
        epochs=2,
        shuffle=False,
        verbose=0,
        validation_data=({"x": x}, y),
        sample_weight={"one": weights, "two": weights[::-1].copy()},
    )
    predicted = model.predict({"x": x}, verbose=0)
    return {**outcome(model, history, {"x": x}, y), "predicted": predicted, "order": list(predicted)}
