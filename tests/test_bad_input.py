"""Mistakes of users: each an immediate error that names the layer or argument, what came, what was expected, a cure."""

import numpy as np
import pytest

import fastnn as k

L = k.layers
X = np.linspace(-1, 1, 32).reshape(8, 4).astype("float32")
CLASSES = np.arange(8) % 3
ONE_HOT = np.eye(3, dtype="float32")[CLASSES]
IMAGES = np.zeros((8, 6, 6, 1), "float32")
SPARSE, DENSE = "sparse_categorical_crossentropy", "categorical_crossentropy"


def net(loss=SPARSE, units=3, activation="softmax", **compiled):
    model = k.Sequential([L.Input((4,)), L.Dense(units, activation=activation, name="top")], name="net")
    model.compile("sgd", loss, **compiled)
    return model


def image_net(shape=(6, 6, 1)):
    model = k.Sequential([L.Input(shape), L.Conv2D(2, 3, name="conv"), L.Flatten(), L.Dense(3)], name="net")
    model.compile("sgd", "mse")
    return model


def fit(model, x=X, y=CLASSES, **more):
    return model.fit(x, y, verbose=0, **more)


def fits_batches(*batches):
    return net().fit(iter(batches), verbose=0)


def second_batch():
    model = net()
    model.train_on_batch(X, CLASSES)
    model.train_on_batch(X, CLASSES + 1)


def two_inputs(x):
    a, b = L.Input((2,), name="a"), L.Input((3,), name="b")
    return k.Model([a, b], L.Dense(1)(L.Concatenate()([a, b])), name="two").predict(x, verbose=0)


def two_outputs():
    a = L.Input((4,), name="a")
    model = k.Model(a, [L.Dense(1, name="p")(a), L.Dense(1, name="q")(a)])
    model.compile("sgd", "mse")
    return model


def half_connected():
    return k.Model(L.Input((2,), name="a"), L.Dense(2)(L.Input((2,), name="b")))


def embed(indices):
    return k.Sequential([L.Input((3,)), L.Embedding(5, 2, name="words")]).predict(indices, verbose=0)


# what is done wrong, the parts that the message must have, in any order
CASES = {
    "classes by name": (
        lambda: k.utils.to_categorical(["cat", "dog"]),
        ["to_categorical", "'cat'", "np.unique"],
    ),
    "rows of unequal lengths": (
        lambda: L.Dense(2, name="top")([[1.0, 2.0], [3.0]]),
        ["'top'", "unequal", "pad"],
    ),
    "nothing to take off": (lambda: k.Sequential(name="net").pop(), ["'net'", "no layer"]),
    "a loss for no output": (
        lambda: fit(net(loss={"tops": "mse"}), y=ONE_HOT),
        ["`loss`", "'tops'", "'top'"],
    ),
    "labels from 1": (lambda: fit(net(), y=CLASSES + 1), ["`y`", "1..3", "3 classes", "0..2", "y - 1"]),
    "labels too large": (lambda: fit(net(), y=CLASSES * 3), ["`y`", "0..6", "0..2", "7 units"]),
    "negative labels": (lambda: fit(net(), y=CLASSES - 1), ["`y`", "-1..1", "0..2"]),
    "labels to evaluate": (lambda: net().evaluate(X, CLASSES + 1, verbose=0), ["`y`", "1..3", "0..2"]),
    "labels to validate": (
        lambda: fit(net(), validation_data=(X, CLASSES + 2)),
        ["validation_data", "2..4", "0..2"],
    ),
    "labels of a batch": (lambda: net().train_on_batch(X, CLASSES + 1), ["`y`", "1..3"]),
    "labels of a later batch": (second_batch, ["`y`", "1..3"]),
    "labels of a generator's later batch": (
        lambda: fits_batches((X, CLASSES), (X, CLASSES), (X, CLASSES + 5)),
        ["`y`", "5..7", "0..2"],
    ),
    "three classes, a binary loss": (
        lambda: fit(net("binary_crossentropy", 1, "sigmoid"), y=CLASSES),
        ["`y`", "0..2", "0 and 1", SPARSE],
    ),
    "-1 and 1, a binary loss": (
        lambda: fit(net("binary_crossentropy", 1, "sigmoid"), y=np.sign(X[:, :1])),
        ["-1..1", "(y + 1) / 2"],
    ),
    "one-hot, a sparse loss": (
        lambda: fit(net(), y=ONE_HOT),
        ["`y`", "(8, 3)", "one-hot", f"loss='{DENSE}'", "argmax"],
    ),
    "class numbers, a dense loss": (
        lambda: fit(net(DENSE)),
        ["`y`", "(8,)", "class number", f"loss='{SPARSE}'", "to_categorical"],
    ),
    "labels of another shape": (lambda: fit(net("mse"), y=ONE_HOT[:, :2]), ["y_true", "(8, 2)", "(8, 3)"]),
    "labels without an axis": (lambda: fit(net("mse")), ["y_true", "(8,)", "(8, 3)"]),
    "fewer labels than rows": (lambda: fit(net(), y=CLASSES[:5]), ["x: 8", "y: 5", "number of samples"]),
    "fewer weights than rows": (lambda: fit(net(), sample_weight=np.ones(3)), ["sample_weight: 3", "x: 8"]),
    "fewer rows in one of two inputs": (lambda: two_inputs([X[:, :2], X[:5, :3]]), ["x[0]: 8", "x[1]: 5"]),
    "no labels": (lambda: fit(net(), y=None), ["`y` is None", SPARSE, "fit(x, y)"]),
    "no rows": (lambda: fit(net(), X[:0], CLASSES[:0]), ["no samples", "x, y"]),
    "features missing": (lambda: fit(net(), X[:, :3]), ["'net'", "(None, 4)", "(None, 3)", "3", "column"]),
    "features missing in predict": (
        lambda: net().predict(X[:, :3], verbose=0),
        ["'net'", "(None, 4)", "(None, 3)"],
    ),
    "features missing in a call": (lambda: net()(X[:, :3]), ["'net'", "(None, 4)", "(8, 3)"]),
    "one sample": (lambda: net().predict(X[0], verbose=0), ["'net'", "(None, 4)", "(4,)", "x[None, ...]"]),
    "images for a flat model": (
        lambda: net().predict(IMAGES, verbose=0),
        ["'net'", "(None, 6, 6, 1)", "Flatten"],
    ),
    "no channel axis at building": (
        lambda: k.Sequential([L.Input((6, 6)), L.Conv2D(2, 3, name="conv")]),
        ["Conv2D 'conv'", "4 axes", "3", "(None, 6, 6)", "Reshape((6, 6, 1))"],
    ),
    "no channel axis at fit": (
        lambda: fit(image_net((6, 6, 3)), np.zeros((8, 6, 6)), ONE_HOT),
        ["'net'", "(None, 6, 6, 3)", "channel axis"],
    ),
    "channels first": (
        lambda: fit(image_net((6, 6, 3)), np.zeros((8, 3, 6, 6)), ONE_HOT),
        ["(None, 3, 6, 6)", "np.moveaxis(x, 1, -1)"],
    ),
    "images of another size": (
        lambda: image_net().predict(np.zeros((2, 9, 9, 1)), verbose=0),
        ["(None, 6, 6, 1)", "(None, 9, 9, 1)", "Resize"],
    ),
    "an image smaller than its window": (
        lambda: k.Sequential([L.Input((4, 4, 1)), L.Conv2D(2, 5, name="conv")]),
        ["Conv2D 'conv'", "(5, 5)", "(None, 4, 4, 1)", "padding='same'"],
    ),
    "objects": (
        lambda: fit(net(), np.array([[1, None, 2, 3]] * 8)),
        ["`x`", "objects", "(8, 4)", "np.asarray"],
    ),
    "strings": (lambda: fit(net(), np.array([["a"] * 4] * 8)), ["`x`", "strings", "(8, 4)", "np.asarray"]),
    "strings for labels": (lambda: fit(net(), y=["cat", "dog"] * 4), ["`y`", "'cat'", "return_inverse"]),
    "rows of unequal length": (
        lambda: fit(net(), [[1, 2], [3]]),
        ["`x`", "unequal lengths", "pad_sequences"],
    ),
    "NaN in labels": (
        lambda: fit(net("mse"), y=np.where(ONE_HOT[::-1] == 1, np.nan, 0)),
        ["`y`", "NaN", "8 of 8", "isnan"],
    ),
    "NaN in a batch's labels": (lambda: net("mse").train_on_batch(X, ONE_HOT * np.nan), ["`y`", "NaN"]),
    "indices outside an Embedding": (
        lambda: embed(np.full((2, 3), 7)),
        ["Embedding 'words'", "7", "0..4", "input_dim=8"],
    ),
    "negative indices": (lambda: embed(np.full((2, 3), -1)), ["Embedding 'words'", "-1", "0..4"]),
    "one input of two": (lambda: two_inputs(X[:, :2]), ["'two'", "2 input(s)", "received 1", "[a, b]"]),
    "an input missing by name": (
        lambda: two_inputs({"a": X[:, :2]}),
        ["'two'", "['b']", "missing", "['a', 'b']"],
    ),
    "an Input left out": (half_connected, ["'b'", "`inputs`", "['a']"]),
    "arrays for symbolic tensors": (lambda: k.Model(X, X), ["`inputs`", "(8, 4)", "Input(shape)"]),
    "shapes that do not add": (
        lambda: L.Add(name="sum")([L.Input((3,)), L.Input((4,))]),
        ["Add 'sum'", "3", "4"],
    ),
    "not compiled": (
        lambda: fit(k.Sequential([L.Input((4,)), L.Dense(3)], name="net")),
        ["'net'", "compile()", "fit"],
    ),
    "no layers": (lambda: k.Sequential(name="net").predict(X, verbose=0), ["'net'", "no layers", "add"]),
    "not built: count_params": (
        lambda: k.Sequential([L.Dense(3)], name="net").count_params(),
        ["'net'", "not built", "build(input_shape)"],
    ),
    "not built: set_weights": (
        lambda: k.Sequential([L.Dense(3)], name="net").set_weights([X]),
        ["'net'", "not built", "received 1"],
    ),
    "not built: a weight": (lambda: L.Dense(3, name="top").kernel, ["Dense 'top'", "'kernel'", "not built"]),
    "not built: the output": (lambda: k.Sequential([L.Dense(3)], name="net").output, ["'net'", "not built"]),
    "weights of another model": (
        lambda: net().set_weights([X]),
        ["'net'", "takes 2", "received 1", "kernel"],
    ),
    "a misspelt loss": (
        lambda: net("mean_square_error"),
        ["loss", "'mean_square_error'", "'mean_squared_error'"],
    ),
    "a misspelt loss class": (lambda: net("meanSquarederror"), ["'meanSquarederror'", "'MeanSquaredError'"]),
    "a number for a loss": (lambda: net(3), ["`loss`", "received 3", "name"]),
    "a misspelt metric": (lambda: net(metrics=["acuracy"]), ["metric", "'acuracy'", "'accuracy'"]),
    "a bare metric": (lambda: net(metrics="accuracy"), ["`metrics`", "metrics=['accuracy']"]),
    "a misspelt optimizer": (lambda: k.optimizers.get("SDG"), ["optimizer", "'SDG'", "'sgd'"]),
    "an optimizer's argument": (lambda: k.optimizers.SGD(rate=0.1), ["SGD", "'rate'", "learning_rate"]),
    "a string for a rate": (lambda: k.optimizers.Adam("0.1"), ["Adam", "`learning_rate`", "'0.1'"]),
    "a misspelt activation": (
        lambda: L.Dense(3, activation="sigmod"),
        ["activation", "'sigmod'", "'sigmoid'"],
    ),
    "a misspelt initializer": (
        lambda: L.Dense(3, kernel_initializer="glorot_unifrm"),
        ["initializer", "'glorot_uniform'"],
    ),
    "a misspelt regularizer": (
        lambda: L.Dense(3, kernel_regularizer="L22"),
        ["regularizer", "'L22'", "'l2'"],
    ),
    "a misspelt constraint": (lambda: L.Dense(3, kernel_constraint="maxnorm"), ["constraint", "'MaxNorm'"]),
    "a misspelt argument": (
        lambda: L.Dense(3, activations="relu"),
        ["Dense", "'activations'", "'activation'"],
    ),
    "units as a string": (lambda: L.Dense("3"), ["Dense", "`units`", "'3'", "integer"]),
    "steps of none": (lambda: fit(net(), steps_per_epoch=0), ["`steps_per_epoch`", "0", "integer"]),
    "steps and a half": (lambda: fit(net(), steps_per_epoch=2.5), ["`steps_per_epoch`", "2.5", "//"]),
    "validated after no epoch": (
        lambda: fit(net(), validation_data=(X, CLASSES), validation_freq=0),
        ["`validation_freq`", "0"],
    ),
    "names of classes in weights": (
        lambda: fit(net(), class_weight={"cat": 2.0}),
        ["`class_weight`", "'cat'", "numbers"],
    ),
    "labels of unknown outputs": (
        lambda: fit(two_outputs(), y={"p": X[:, :1], "r": X[:, :1]}),
        ["`y`", "'r'", "'p', 'q'"],
    ),
    "a loss without a value": (lambda: fit(net(lambda y, p: None)), ["<lambda>", "None", "tensor"]),
    "a layer without a value": (
        lambda: k.Sequential([L.Input((4,)), L.Lambda(lambda x: None, name="nothing")]),
        ["nothing", "returned None"],
    ),
    "NumPy inside a layer": (
        lambda: k.Sequential([L.Input((4,)), L.Lambda(lambda x: np.log(x), name="logs")]),
        ["logs", "ops in place of NumPy"],
    ),
    "a dict for a tensor": (
        lambda: L.Dense(2, name="top")({"a": X}),
        ["top", "one tensor", "dict", "(8, 4)"],
    ),
    "a missing argument": (
        lambda: L.MultiHeadAttention(2, 2, name="heads")(X[None]),
        ["heads", "'value' is missing"],
    ),
    "a layer for a list of them": (lambda: k.Sequential(L.Dense(2)), ["list", "Sequential([...])"]),
    "a shape as a string": (lambda: L.Input("28"), ["`shape`", "tuple", "'28'"]),
    "a generator that was not called": (lambda: net().fit(fits_batches), ["function", "call it"]),
    "words beyond the vocabulary, built late": (
        lambda: k.Sequential([L.Embedding(5, 2, name="words"), L.Flatten()]).predict(X * 0 + 9, verbose=0),
        ["words", "9"],
    ),
    "a number for a schedule": (
        lambda: k.callbacks.LearningRateScheduler(0.1),
        ["LearningRateScheduler", "`schedule`", "0.1"],
    ),
    "half an epoch": (lambda: fit(net(), epochs=1.5), ["`epochs`", "1.5", "integer"]),
    "batches of none": (lambda: fit(net(), batch_size=0), ["`batch_size`", "positive", "0"]),
    "a split over 1": (lambda: fit(net(), validation_split=1.5), ["`validation_split`", "1.5"]),
    "weights of classes as a list": (
        lambda: fit(net(), class_weight=[1, 2, 3]),
        ["`class_weight`", "dict(enumerate"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_is_told_at_once(name):
    mistake, parts = CASES[name]
    with pytest.raises((ValueError, TypeError, AttributeError)) as caught:
        mistake()
    message = str(caught.value)
    missing = [part for part in parts if part not in message]
    assert not missing, f"{missing} not in: {message}"
    assert len(message) < 500 and "\n\n" not in message, message


def test_a_callback_class_is_told():
    with pytest.raises(TypeError, match=r"EarlyStopping\(\.\.\.\)"):
        fit(net(), callbacks=[k.callbacks.EarlyStopping])


def test_wrong_labels_leave_the_weights_alone():
    model = net()
    before = model.get_weights()
    for call in (lambda: fit(model, y=CLASSES + 1), lambda: model.train_on_batch(X, CLASSES + 1)):
        with pytest.raises(ValueError, match="0..2"):
            call()
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_what_is_right_passes():
    fit(net(), y=CLASSES[:, None])
    fit(net(), y=CLASSES.astype("float32"))
    fit(net(DENSE), y=ONE_HOT * 0.8 + 0.1)
    fit(net("binary_crossentropy", 1, "sigmoid"), y=np.clip(X[:, :1], 0, 1))
    fit(net(k.losses.SparseCategoricalCrossentropy(ignore_class=-1)), y=np.where(CLASSES == 1, -1, CLASSES))
    fit(image_net(), IMAGES[..., 0], ONE_HOT)  # Keras adds a last axis of 1 as well
    embed(np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("kind", "call"),
    [
        (TypeError, lambda: L.deserialize({"class_name": "Nope", "config": {}})),
        (ValueError, lambda: k.models.load_model("nowhere.keras")),
        (FileNotFoundError, lambda: k.models.load_model("nowhere.keras")),
        (ValueError, lambda: np.array(L.Input((3,)))),
        (ValueError, lambda: float(L.Input((3,)))),
        (TypeError, lambda: bool(L.Input((3,)))),
        (NotImplementedError, lambda: list(L.Input((3,)))),
        (ValueError, lambda: L.Bidirectional(L.Dense(2))),
    ],
)
def test_kinds_of_errors_that_scripts_catch_are_keras_own(kind, call):
    with pytest.raises(kind):
        call()
