"""Losses against Keras: values by weight and reduction, masks, configurations, names, errors, gradients."""

import keras
import numpy as np
import pytest

from fastnn import losses, ops
from fastnn.engine.function import function
from fastnn.engine.masks import set_mask
from fastnn.engine.tape import GradientTape
from fastnn.engine.tensor import Tensor

EPS32 = float(np.finfo(np.float32).eps)


def _numbers(rng):
    return rng.normal(0, 1, (6, 5)), rng.normal(0, 1, (6, 5))


def _positive(rng):
    return rng.uniform(0, 3, (6, 5)), rng.uniform(0.1, 3, (6, 5))


def _distributions(rng):
    a, b = rng.uniform(0.1, 1, (2, 6, 5))
    return a / a.sum(-1, keepdims=True), b / b.sum(-1, keepdims=True)


def _one_hot(rng):
    return np.eye(5)[rng.integers(0, 5, 6)], _distributions(rng)[1]


def _one_hot_logits(rng):
    return np.eye(5)[rng.integers(0, 5, 6)], rng.normal(0, 3, (6, 5))


def _classes(rng):
    return rng.integers(0, 5, 6), _distributions(rng)[1]


def _classes_logits(rng):
    return rng.integers(0, 5, (6, 1)), rng.normal(0, 3, (6, 5))


def _steps(rng):
    return rng.integers(0, 5, (6, 4)), rng.normal(0, 3, (6, 4, 5))


def _bits(rng):
    return rng.integers(0, 2, (6, 5)), rng.uniform(0.01, 0.99, (6, 5))


def _bits_logits(rng):
    return rng.integers(0, 2, (6, 5)), rng.normal(0, 3, (6, 5))


def _signs(rng):
    return rng.choice([-1, 1], (6, 5)), rng.normal(0, 1, (6, 5))


def _images(rng):
    return rng.integers(0, 2, (6, 4, 3, 1)), rng.uniform(0, 1, (6, 4, 3, 1))


def _embeddings(rng):
    x = rng.normal(0, 1, (6, 5))
    return np.array([0, 1, 1, 0, 2, 1]), x / np.linalg.norm(x, axis=-1, keepdims=True)


# class, arguments, inputs, relative tolerance in epsilons (terms of the longest sum, and the range of a logarithm)
CASES = [
    ("MeanSquaredError", {}, _numbers, 30),
    ("MeanAbsoluteError", {}, _numbers, 30),
    ("MeanAbsolutePercentageError", {}, _positive, 60),
    ("MeanSquaredLogarithmicError", {}, _positive, 100),
    ("CosineSimilarity", {}, _numbers, 200),
    ("Huber", {}, _numbers, 30),
    ("Huber", {"delta": 0.3}, _numbers, 30),
    ("LogCosh", {}, _numbers, 100),
    ("Hinge", {}, _signs, 30),
    ("Hinge", {}, _bits_logits, 30),
    ("SquaredHinge", {}, _bits_logits, 30),
    ("CategoricalHinge", {}, _one_hot_logits, 30),
    ("KLDivergence", {}, _distributions, 200),
    ("Poisson", {}, _positive, 100),
    ("BinaryCrossentropy", {}, _bits, 60),
    ("BinaryCrossentropy", {"from_logits": True}, _bits_logits, 60),
    ("BinaryCrossentropy", {"label_smoothing": 0.2}, _bits, 60),
    ("BinaryFocalCrossentropy", {}, _bits, 200),
    (
        "BinaryFocalCrossentropy",
        {"apply_class_balancing": True, "from_logits": True, "gamma": 1.5},
        _bits_logits,
        400,
    ),
    ("CategoricalCrossentropy", {}, _one_hot, 60),
    ("CategoricalCrossentropy", {}, _distributions, 60),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, _one_hot_logits, 60),
    ("CategoricalFocalCrossentropy", {}, _one_hot, 200),
    ("CategoricalFocalCrossentropy", {"from_logits": True, "alpha": 0.4}, _one_hot_logits, 400),
    ("SparseCategoricalCrossentropy", {}, _classes, 60),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, _classes_logits, 60),
    ("SparseCategoricalCrossentropy", {"from_logits": True, "ignore_class": 2}, _steps, 60),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.7}, _classes, 60),
    ("Dice", {}, _images, 100),
    ("Dice", {"axis": (1, 2, 3)}, _images, 100),
    ("Tversky", {"alpha": 0.3, "beta": 0.7, "axis": (1, 2, 3)}, _images, 100),
    ("Circle", {}, _embeddings, 2000),
]
IDS = [
    f"{name}-{'-'.join(map(str, arguments.values()))}-{inputs.__name__}"
    for name, arguments, inputs, _ in CASES
]


def _cast(y_true, y_pred):
    y_true = y_true.astype("int32" if y_true.dtype.kind == "i" else "float32")
    return y_true, y_pred.astype("float32")


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_matches_keras(case, rng):
    name, arguments, inputs, epsilons = case
    y_true, y_pred = _cast(*inputs(rng))
    values = np.asarray(getattr(losses, name)(reduction=None, **arguments)(y_true, y_pred))
    weights = [None, rng.uniform(0, 2, values.shape).astype("float32")]
    if values.ndim and "ignore_class" not in arguments:  # Keras's masks need weights of the values' shape
        weights.append(rng.uniform(0, 2, (len(values), 1)).astype("float32"))
    for reduction in ("sum_over_batch_size", "sum", "mean_with_sample_weight", None):
        ours = getattr(losses, name)(reduction=reduction, **arguments)
        theirs = getattr(keras.losses, name)(reduction=reduction, **arguments)
        for weight in weights:
            got = np.asarray(ours(y_true, y_pred, weight))
            want = np.asarray(theirs(y_true, y_pred, weight))
            scale = np.abs(values).max() * (1 if reduction != "sum" else values.size)
            np.testing.assert_allclose(got, want, rtol=EPS32 * epsilons, atol=EPS32 * epsilons * scale)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_configuration(case):
    name, arguments, _, _ = case
    loss = getattr(losses, name)(name="mine", reduction="sum", **arguments)
    config = loss.get_config()
    theirs = getattr(keras.losses, name)(name="mine", reduction="sum", **arguments).get_config()
    assert {key: config[key] for key in theirs} == theirs
    again = losses.deserialize(losses.serialize(loss))
    assert type(again) is type(loss) and again.get_config() == config
    if name != "CategoricalGeneralizedCrossEntropy":  # Keras 3.15 cannot find its own
        back = keras.losses.deserialize(losses.serialize(loss))
        assert type(back) is getattr(keras.losses, name) and back.get_config() == theirs
        assert losses.deserialize(keras.losses.serialize(back)).get_config().items() >= theirs.items()


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_gradients(case, rng):
    """d loss / d y_pred on a tape in float64, against central differences along one direction."""
    name, arguments, inputs, _ = case
    y_true, y_pred = inputs(rng)
    loss = getattr(losses, name)(dtype="float64", **arguments)
    x = Tensor(y_pred)
    with GradientTape() as tape:
        value = ops.sum(loss(y_true, x))
    gradient = tape.gradient(value, x)
    v, h = rng.standard_normal(y_pred.shape), 1e-6
    numeric = float(ops.sum(loss(y_true, y_pred + h * v)) - ops.sum(loss(y_true, y_pred - h * v))) / (2 * h)
    np.testing.assert_allclose(np.vdot(np.asarray(gradient), v), numeric, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_traced_as_eager(case, rng):
    name, arguments, inputs, epsilons = case
    y_true, y_pred = _cast(*inputs(rng))
    loss = getattr(losses, name)(**arguments)
    np.testing.assert_allclose(function(loss)(y_true, y_pred), loss(y_true, y_pred), rtol=EPS32 * epsilons)


def test_masks_of_predictions_as_in_keras(rng):
    y_true, y_pred = _cast(*_steps(rng))
    mask = rng.integers(0, 2, (6, 4)).astype(bool)
    for reduction in ("sum_over_batch_size", "sum", "mean_with_sample_weight", None):
        for weight in (None, rng.uniform(0, 2, (6, 4)).astype("float32")):
            ours, theirs = Tensor(y_pred), y_pred.view(_Masked)
            set_mask(ours, Tensor(mask))
            theirs._keras_mask = mask
            arguments = {"from_logits": True, "reduction": reduction, "ignore_class": 1}
            got = losses.SparseCategoricalCrossentropy(**arguments)(y_true, ours, weight)
            want = _keras_masked(arguments, y_true, y_pred, mask, weight)
            np.testing.assert_allclose(got, want, rtol=EPS32 * 60)


class _Masked(np.ndarray):
    """An array that can hold Keras's mask."""


def _keras_masked(arguments, y_true, y_pred, mask, weight):
    from keras.src.losses.loss import reduce_weighted_values

    values = np.asarray(
        keras.losses.SparseCategoricalCrossentropy(**arguments | {"reduction": None})(y_true, y_pred)
    )
    # reduction=None leaves ignored samples 0; the masks themselves are joined here, as Keras's Loss does
    return np.asarray(
        reduce_weighted_values(
            values,
            sample_weight=weight,
            mask=mask & (y_true != 1),
            reduction=arguments["reduction"],
            dtype="float32",
        )
    )


def test_a_mask_without_a_true_element_gives_zero(rng):
    y = Tensor(rng.normal(0, 1, (3, 2)).astype("float32"))
    set_mask(y, Tensor(np.zeros(3, bool)))
    assert float(losses.MeanSquaredError()(np.zeros((3, 2), "float32"), y)) == 0.0


@pytest.mark.parametrize("shapes", [((6,), (6, 1)), ((6, 1), (6,)), ((6, 3, 1), (6, 3))])
def test_a_last_axis_of_one_is_squeezed_or_added(shapes, rng):
    y_true, y_pred = (rng.uniform(0.1, 1, shape).astype("float32") for shape in shapes)
    for name in ("MeanSquaredError", "BinaryCrossentropy", "Huber"):
        np.testing.assert_allclose(
            getattr(losses, name)()(y_true, y_pred),
            np.asarray(getattr(keras.losses, name)()(y_true, y_pred)),
            rtol=EPS32 * 30,
        )


def test_names_and_functions():
    from keras.src.losses import ALL_OBJECTS_DICT

    for name, theirs in ALL_OBJECTS_DICT.items():
        if name == "Loss" or name == "LossFunctionWrapper":
            continue
        ours = losses.get(name)
        assert (
            ours if callable(theirs) and not isinstance(theirs, type) else type(ours)
        ).__name__ == theirs.__name__
    assert losses.get(None) is None
    assert losses.get({"class_name": "Huber", "config": {"delta": 2.0}}).delta == 2.0


def test_an_unknown_name_gives_the_nearest():
    with pytest.raises(ValueError, match="'mean_squared_error'"):
        losses.get("mean_sqared_error")
    with pytest.raises(ValueError, match="no loss"):
        losses.get(3)


def test_a_function_as_a_loss():
    loss = losses.LossFunctionWrapper(
        lambda t, p, scale: scale * ops.mean(ops.abs(t - p), axis=-1), scale=2.0
    )
    assert float(loss([[1.0, 2.0]], [[2.0, 4.0]])) == 3.0
    saved = losses.LossFunctionWrapper(losses.huber, name="h", delta=0.5)
    again = losses.LossFunctionWrapper.from_config(saved.get_config())
    assert again.fn is losses.huber and again._fn_kwargs == {"delta": 0.5} and again.name == "h"


def test_targets_and_predictions_may_be_structures():
    def distance(y_true, y_pred):
        return ops.mean(ops.square(y_true["a"] - y_pred["a"]), axis=-1) + ops.sum(y_pred["b"] * 0.0, axis=-1)

    value = losses.LossFunctionWrapper(distance)(
        {"a": [[1.0], [2.0]], "b": [[0.0], [0.0]]}, {"a": [[3.0], [2.0]], "b": [[1.0], [1.0]]}
    )
    assert float(value) == 2.0


def test_empty_batches():
    assert losses.MeanSquaredError()(np.zeros((0, 3), "float32"), np.zeros((0, 3), "float32")).shape == (0,)


@pytest.mark.parametrize(
    "loss, true, pred, message",
    [
        ("sparse_categorical_crossentropy", (8, 10), (8, 10), "look one-hot: use categorical_crossentropy"),
        ("sparse_categorical_crossentropy", (8, 3), (8, 10), "one class number for each prediction"),
        ("categorical_crossentropy", (8,), (8, 10), "use sparse_categorical_crossentropy"),
        ("categorical_crossentropy", (8, 1), (8, 10), "use sparse_categorical_crossentropy"),
        ("categorical_crossentropy", (8, 7), (8, 10), r"\(8, 7\)"),
        ("categorical_focal_crossentropy", (8,), (8, 10), "use sparse_categorical_crossentropy"),
        ("binary_crossentropy", (8, 2), (8, 1), "must be equal"),
        ("mean_squared_error", (10,), (10, 10), r"\(10,\)"),
        ("mean_squared_error", (8, 3), (8, 4), "y_true"),
    ],
)
def test_shapes_that_do_not_fit(loss, true, pred, message):
    with pytest.raises(ValueError, match=message):
        losses.get(loss)(np.zeros(true, "float32"), np.full(pred, 0.5, "float32"))


def test_other_errors():
    with pytest.raises(ValueError, match="`reduction` must be one of"):
        losses.MeanSquaredError(reduction="average")
    with pytest.raises(ValueError, match="`sample_weight` has shape"):
        losses.MeanSquaredError()(np.zeros((4, 2)), np.zeros((4, 2)), sample_weight=np.ones(3))
    with pytest.raises(ValueError, match="`q`"):
        losses.CategoricalGeneralizedCrossEntropy(q=1.5)
    with pytest.warns(SyntaxWarning, match="one class"):
        losses.categorical_crossentropy(np.ones((2, 1), "float32"), np.ones((2, 1), "float32"))
