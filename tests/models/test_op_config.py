"""Ops in a layer graph: written as Keras's classes of them, and read back from those."""

import importlib
import inspect

import keras
import numpy as np
import pytest
from keras.src.ops.operation import Operation

import fastnn
from fastnn import ops
from fastnn.models import op_config

CLASSES = {}
for part in ("nn", "core", "math", "linalg", "numpy", "image"):
    module = importlib.import_module(f"keras.src.ops.{part}")
    CLASSES.update(
        {
            name: thing
            for name, thing in vars(module).items()
            if isinstance(thing, type)
            and issubclass(thing, Operation)
            and thing.__module__ == module.__name__
        }
    )
FUNCTIONS = {
    name: function
    for found in (ops, ops.image)
    for name, function in vars(found).items()
    if inspect.isfunction(function) and not name.startswith("_")
}
# Made with functions, which files do not hold; the others have arguments that Keras's class has not, or lack its own.
APART = {"cond", "switch", "map", "scan", "fori_loop", "while_loop", "associative_scan"} | {
    "einsum",
    "nanprod",
    "amax",
    "amin",
    "layer_normalization",
}
NO_CLASS = set(FUNCTIONS) - {name for name in FUNCTIONS if op_config._class_name(name) in CLASSES}


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - NO_CLASS - APART))
def test_arguments_are_parted_as_keras_parts_them(name):
    theirs = CLASSES[op_config._class_name(name)]
    assert op_config._module(name) == theirs.__module__
    made = set(inspect.signature(theirs.__init__).parameters) - {"self", "name"}
    called = list(inspect.signature(theirs.call).parameters)[1:]
    parameters = list(inspect.signature(FUNCTIONS[name]).parameters)
    own = [parameter for parameter in parameters if op_config._is_called_with(FUNCTIONS[name], parameter)]
    if made or own:  # an op over any number of tensors has neither
        assert own == called[: len(own)] and set(parameters) - set(own) == made


WHOLE = {
    "einsum": lambda k, x: k.ops.einsum("bij,bkj->bik", x, x),
    "average": lambda k, x: k.ops.average(x, axis=-1, weights=np.arange(4.0, dtype="float32")),
    "full_like": lambda k, x: k.ops.full_like(x, 2.5) + x,
    "layer_normalization": lambda k, x: k.ops.layer_normalization(x, np.full(4, 2.0, "float32")),
    "logic": lambda k, x: k.ops.cast(~((x > 0) | (x < -1)), "float32"),
    "fft": lambda k, x: k.ops.rfft(x)[0],
    "image": lambda k, x: k.ops.image.resize(x, (2, 2)),
    "activation": lambda k, x: k.activations.relu(x, negative_slope=0.1, max_value=2.0, threshold=0.1),
}


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("writer, reader", [(keras, fastnn), (fastnn, keras), (fastnn, fastnn)])
@pytest.mark.parametrize("name", WHOLE)
def test_through_a_file(name, writer, reader, rng, tmp_path):
    inputs = writer.Input((4, 4, 1) if name == "image" else (3, 4), batch_size=2)
    model = writer.Model(inputs, WHOLE[name](writer, inputs))
    model.save(tmp_path / "m.keras")
    x = rng.normal(size=inputs.shape).astype("float32")
    got = np.asarray(reader.models.load_model(tmp_path / "m.keras")(x))
    np.testing.assert_allclose(got, np.asarray(model(x)), rtol=1e-5, atol=1e-5)


def test_what_an_op_lacks_is_told():
    entry = {
        "module": "keras.src.ops.nn",
        "class_name": "LayerNorm",
        "config": {"rms_scaling": True},
        "name": "n",
    }
    with pytest.raises(ValueError, match="settings in the file that fastnn lacks.*rms_scaling"):
        op_config.op_from_config(entry)
