"""Single batches again and again: the same results as the long way, nothing made anew, and mistakes still seen."""

import numpy as np
import pytest

from fastnn import Input, Model, Sequential, layers, metrics, ops, utils

FORMS = ("one", "list", "tuple", "dict", "nested")


def _pack(form, parts):
    a, b = parts
    return {
        "one": a,
        "list": [a, b],
        "tuple": (a, b),
        "dict": {"b": b, "a": a},
        "nested": {"a": [a], "b": (b,)},
    }[form]


def _model(form):
    a, b = Input((4,), name="a"), Input((3,), name="b")
    inner = layers.Dense(5, activation="tanh")(a if form == "one" else layers.Concatenate()([a, b]))
    outs = layers.Dense(2, name="p")(inner), layers.Dense(3, activation="softmax", name="q")(inner)
    model = Model(_pack(form, (a, b)), list(outs))
    model.compile("sgd", ["mse", "sparse_categorical_crossentropy"], metrics=[["mae"], ["accuracy"]])
    return model


def _batch(form, rows, rng):
    x = _pack(form, (rng.normal(size=(rows, 4)).astype("f4"), rng.normal(size=(rows, 3)).astype("f4")))
    return x, [rng.normal(size=(rows, 2)).astype("f4"), rng.integers(0, 3, rows)]


@pytest.mark.parametrize("form", FORMS)
def test_the_second_time_is_quick_and_the_same(form, rng, monkeypatch):
    model = _model(form)
    x, y = _batch(form, 6, rng)
    w = [np.ones(6, "f4"), np.arange(6, dtype="f4")]
    first = model.predict(x, verbose=0), model.predict_on_batch(x), model(x), model(x, training=False)
    evaluated = model.test_on_batch(x, y), model.test_on_batch(x, y, w)
    model.train_on_batch(x, y)
    model.train_on_batch(x, y, w)
    for layer in model.layers[-2:]:
        layer.set_weights([2 * value for value in layer.get_weights()])

    def refuse(*args, **kwargs):
        raise AssertionError("something was made anew")

    monkeypatch.setattr(type(model), "program_for", refuse)
    monkeypatch.setattr(type(model), "_compile_call", refuse)
    again = model.predict(x, verbose=0), model.predict_on_batch(x), model(x), model(x, training=False)
    for results in zip(*again):
        for result in results:
            np.testing.assert_array_equal(result, results[0])
    for old, new in zip(first[0], again[0]):
        assert np.abs(old - new).max() > 1e-3  # the weights are others now
    losses = model.test_on_batch(x, y), model.test_on_batch(x, y, w)
    assert losses[0] != evaluated[0] and losses[0][0] != losses[1][0]
    np.testing.assert_allclose(model.train_on_batch(x, y), losses[0], rtol=1e-6)
    assert model.train_on_batch(x, y, w)[0] < losses[1][0]  # it had just learnt


def test_other_shapes_dtypes_and_structures_are_seen(rng):
    model = _model("dict")
    x, y = _batch("dict", 6, rng)
    whole = model.predict(x, verbose=0)
    want = [part[:2] for part in whole]
    for way in (lambda x: model.predict(x, verbose=0), model.predict_on_batch, model):
        for change in (
            lambda v: v[:2],
            lambda v: v[:2].astype("float64"),
            lambda v: np.asfortranarray(v[:2]),
            lambda v: ops.convert_to_tensor(v[:2]),
        ):
            changed = {name: change(part) for name, part in x.items()}
            for result in (way(changed), way(changed), way({name: changed[name] for name in ("a", "b")})):
                for got, wanted in zip(result, want):
                    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-6)
        for result in (way([x["a"][:2], x["b"][:2]]), way((x["a"][:2], x["b"][:2]))):
            np.testing.assert_allclose(result[0], want[0], rtol=0, atol=1e-6)
        with pytest.raises(ValueError, match="must have shape"):
            way({"a": x["a"], "b": x["b"][:, :2]})
        with pytest.raises(ValueError, match=r"\['b'\] are missing"):
            way({"a": x["a"]})
        for got, wanted in zip(way({"c": np.ones((6, 1), "int32"), **x}), whole):  # a key that is no input
            np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(model.predict(x, verbose=0, batch_size=4)[0].shape, (6, 2))


def test_keys_that_are_no_inputs_are_left_alone(rng):
    x, y = rng.random((6, 3), "float32"), rng.random((6, 1), "float32")
    wanted = []
    for given in (x, {"id": np.arange(6), "a": x, "b": x.astype(str)}, {"b": np.ones((6, 9), bool), "a": x}):
        utils.set_random_seed(1)
        model = Sequential([Input((3,), name="a"), layers.Dense(1)])
        model.compile("sgd", "mse")
        losses = model.fit(given, y, batch_size=4, shuffle=False, verbose=0).history["loss"]
        losses += [
            model.evaluate(given, y, verbose=0),
            model.train_on_batch(given, y),
            *model.predict(given, verbose=0),
        ]
        wanted = wanted or losses
        np.testing.assert_allclose(np.hstack(losses), np.hstack(wanted), rtol=1e-6)


def test_integers_to_a_float_model(rng):
    model = _model("list")
    x = [rng.integers(0, 9, (3, 4)), rng.integers(0, 2, (3, 3)).astype(bool)]
    want = model.predict([part.astype("f4") for part in x], verbose=0)
    for _ in range(2):
        np.testing.assert_array_equal(model.predict(x, verbose=0)[0], want[0])
        np.testing.assert_array_equal(model(x)[0], want[0])


def test_labels_of_any_output_are_looked_at_every_time(rng):
    model = _model("list")
    x, y = _batch("list", 6, rng)
    model.train_on_batch(x, y)
    before = model.get_weights()
    for wrong in (3, -1):
        bad = [y[0], np.array([0, 1, 2, wrong, 1, 0])]
        for labels in (bad, [y[0], ops.convert_to_tensor(bad[1])]):
            with pytest.raises(ValueError, match="class numbers"):
                model.train_on_batch(x, labels)
    with pytest.raises(ValueError, match="class numbers"):
        model.fit(iter([(x, y), (x, bad)]), verbose=0, steps_per_epoch=2)
    model = _model("list")
    model.set_weights(before)
    model.train_on_batch(x, y)


def test_row_numbers_are_looked_at_every_time():
    words, other = Input((2,), dtype="int32", name="words"), Input((1,), name="other")
    looked = layers.Flatten()(layers.Embedding(5, 2)(words))
    model = Model([other, words], layers.Dense(1)(layers.Concatenate()([looked, other])))
    model.compile("sgd", "mse")
    good, bad = [np.ones((1, 1), "f4"), np.array([[1, 4]])], [np.ones((1, 1), "f4"), np.array([[1, 5]])]
    y = np.ones((1, 1), "f4")
    for _ in range(2):
        model.predict(good, verbose=0)
        model.predict_on_batch(good)
        model.train_on_batch(good, y)
        for way in (
            lambda x: model.predict(x, verbose=0),
            model.predict_on_batch,
            lambda x: model.train_on_batch(x, y),
            lambda x: model.test_on_batch(x, y),
        ):
            with pytest.raises(ValueError, match="holds numbers 1..5"):
                way(bad)


def test_a_tape_or_training_around_the_call_still_counts(rng):
    from fastnn import GradientTape

    a, b = Input((4,), name="a"), Input((4,), name="b")
    model = Model([a, b], layers.Dropout(0.5)(layers.Add()([a, b])))
    x = [np.ones((200, 4), "f4"), np.ones((200, 4), "f4")]
    for _ in range(2):
        np.testing.assert_array_equal(model(x), 2)
        assert 0.3 < np.mean(np.asarray(model(x, training=True)) == 0) < 0.7
    dense = Model([a, b], layers.Dense(1)(layers.Add()([a, b])))
    dense(x)
    with GradientTape() as tape:
        loss = ops.sum(dense(x))
    kernel, bias = tape.gradient(loss, dense.trainable_weights)
    np.testing.assert_allclose(kernel, np.full((4, 1), 400), rtol=1e-6)
    np.testing.assert_allclose(bias, [200])


@pytest.mark.parametrize("dtype", ["int64", "float64", "float16", "int8", "uint16", "uint32", "bool"])
def test_inputs_of_any_dtype_are_fed_as_they_are(dtype, rng):
    x = rng.integers(0, 2, (50, 3)).astype(dtype)
    if dtype in ("int64", "float64"):
        x[0, 0] = 2**40
    model = Model(
        inputs := Input((3,), dtype=dtype), layers.Lambda(lambda x: ops.cast(x * 2, "float64"))(inputs)
    )
    want = (x * x.dtype.type(2) if dtype != "bool" else x * 2).astype("float64")
    np.testing.assert_array_equal(model.predict(x, batch_size=8, verbose=0), want)
    np.testing.assert_array_equal(model.predict(x, batch_size=50, verbose=0), want)
    np.testing.assert_array_equal(model(x), want)


def test_metrics_that_make_their_state_late_are_of_one_batch_too(rng):
    model = Sequential([Input((3,)), layers.Dense(2)])
    model.compile("sgd", "mse", metrics=[metrics.R2Score()])
    batches = [(rng.normal(size=(6, 3)).astype("f4"), rng.normal(size=(6, 2)).astype("f4")) for _ in range(3)]
    for x, y in batches:
        score = metrics.R2Score()
        score.update_state(y, model(x))
        np.testing.assert_allclose(model.train_on_batch(x, y)[1], float(score.result()), rtol=1e-4)
