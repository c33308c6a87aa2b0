"""Files of Keras before 3: the same outputs, and the same learning from there on. See older/make_files.py."""

from pathlib import Path

import numpy as np
import pytest

import fastnn
from fastnn.saving import deserialize_keras_object
from fastnn.saving.older_keras import current_model

OLDER = Path(__file__).parent / "older"


def parts(numbers, stem):
    found = [numbers[name] for name in sorted(numbers.files) if name.startswith(stem + "_")]
    return found[0] if len(found) == 1 else found


def assert_outputs(model, x, want):
    got = model.predict(x, verbose=0)
    for g, w in zip(
        got if isinstance(got, list) else [got], want if isinstance(want, list) else [want], strict=True
    ):
        np.testing.assert_allclose(g, w, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", [".h5", ".keras"])
@pytest.mark.parametrize(
    "name", ["convolutions", "two_ends", "recurrent", "deferred", "attention", "functions"]
)
def test_older_model_predicts_and_learns_on(name, form):
    numbers = np.load(OLDER / f"{name}.npz")
    model = fastnn.models.load_model(OLDER / (name + form))
    x, y = parts(numbers, "x"), parts(numbers, "y")
    assert_outputs(model, x, parts(numbers, "before"))
    if form == ".keras" and name in ("convolutions", "deferred"):
        return  # Keras 2 left the state of its "legacy" optimizers out of .keras files
    for _ in range(3):
        model.train_on_batch(x, y)
    assert_outputs(model, x, parts(numbers, "after"))


@pytest.mark.parametrize(
    "function, kwargs, match",
    [
        ("io.read_file", {}, r"tf\.io\.read_file \(layer 'f'\); it has no counterpart"),
        ("__class__", {}, "has no counterpart"),
        ("reshape", {"shape": [["x", 0, 0], 2]}, "takes its shape from another tensor"),
        ("math.cumsum", {"axis": 1, "reverse": True}, "called with reverse=True"),
    ],
)
def test_functions_without_a_counterpart(function, kwargs, match):
    entry = {
        "class_name": "TFOpLambda",
        "name": "f",
        "config": {"name": "f", "function": function},
        "inbound_nodes": [["x", 0, 0, kwargs]],
    }
    inputs = {
        "class_name": "InputLayer",
        "name": "x",
        "config": {"batch_input_shape": [None, 4], "name": "x"},
    }
    ends = {"input_layers": [["x", 0, 0]], "output_layers": [["f", 0, 0]]}
    config = {"class_name": "Functional", "config": {"name": "m", "layers": [inputs, entry], **ends}}
    with pytest.raises(ValueError, match=match):
        current_model(config)


def test_words_that_changed_their_meaning():
    """Keras 3's hard_sigmoid is another function than Keras 2's, and ThresholdedReLU is a ReLU."""
    entries = [
        ("LSTM", {"units": 2, "name": "a", "recurrent_activation": "hard_sigmoid"}),
        ("ThresholdedReLU", {"name": "b", "theta": 0.5}),
    ]
    recurrent, relu = [
        deserialize_keras_object(current_model({"class_name": name, "config": config}))
        for name, config in entries
    ]
    np.testing.assert_allclose(recurrent.cell.recurrent_activation(np.array([-3.0, 0.5, 3.0])), [0, 0.6, 1])
    again = type(recurrent).from_config(recurrent.get_config())
    assert again.cell.recurrent_activation is recurrent.cell.recurrent_activation
    np.testing.assert_array_equal(relu(np.array([0.25, 0.75], "float32")), np.array([0, 0.75], "float32"))
