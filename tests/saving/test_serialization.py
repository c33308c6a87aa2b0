"""Configurations: Keras's form for every kind of value, a closed registry, scopes and sharing."""

import json
import sys

import keras
import numpy as np
import pytest

from fastnn import (
    Input,
    Model,
    activations,
    constraints,
    layers,
    models,
    ops,
    optimizers,
    regularizers,
    saving,
)
from fastnn.saving import serialization

VALUES = [
    None,
    3,
    2.5,
    "text",
    True,
    [1, [2.0]],
    {"a": 1, "b": {"c": None}},
    slice(1, None, 2),
    Ellipsis,
    b"bytes",
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values(value):
    config = saving.serialize_keras_object(value)
    assert config == keras.saving.serialize_keras_object(value)
    back = saving.deserialize_keras_object(json.loads(json.dumps(config)))
    np.testing.assert_equal(back, value)


def test_arrays():
    assert saving.serialize_keras_object(np.float32(1.5)) == 1.5
    config = saving.serialize_keras_object(np.arange(3))
    assert config == {"class_name": "__numpy__", "config": {"value": [0, 1, 2], "dtype": "int64"}}
    np.testing.assert_array_equal(saving.deserialize_keras_object(config), np.arange(3))


def test_tensors():
    config = saving.serialize_keras_object(ops.convert_to_tensor([1.0, 2.0]))
    assert config == {"class_name": "__tensor__", "config": {"value": [1.0, 2.0], "dtype": "float32"}}
    np.testing.assert_array_equal(saving.deserialize_keras_object(config), [1, 2])


def test_symbolic_tensors():
    x = layers.Input((3,), name="x")
    config = saving.serialize_keras_object(layers.Dense(2, name="d")(x))
    assert config == {
        "class_name": "__keras_tensor__",
        "config": {"shape": (None, 2), "dtype": "float32", "keras_history": ["d", 0, 0]},
    }
    assert saving.deserialize_keras_object(config).shape == (None, 2)


@pytest.mark.parametrize("module", ["activations", "constraints", "regularizers", "initializers"])
def test_every_object_of_a_module(module):
    import fastnn.initializers

    ours = {
        "activations": activations,
        "constraints": constraints,
        "regularizers": regularizers,
        "initializers": fastnn.initializers,
    }[module]
    theirs = getattr(keras, module)
    known = {
        "activations": ["relu", "softmax", "swish", "gelu", "hard_swish", "linear", "log_softmax"],
        "constraints": ["max_norm", "MaxNorm", "non_neg", "unit_norm", "min_max_norm"],
        "regularizers": ["l2", "L2", "l1l2", "orthogonal_regularizer"],
        "initializers": ["glorot_uniform", "HeNormal", "zeros", "ones", "orthogonal"],
    }[module]
    for name in known:
        config = ours.serialize(ours.get(name))
        assert config == json.loads(json.dumps(theirs.serialize(theirs.get(name)))) or "Orthogonal" in str(
            config
        )
        again = ours.get(config)
        assert ours.serialize(again) == config


def double(x):
    return x * 2.0


def test_functions_of_the_user():
    layer = layers.Activation(double, name="a")
    config = layers.serialize(layer)
    assert config["config"]["activation"]["config"] == "double"
    with pytest.raises(ValueError, match=r"'double'.*custom_objects"):
        layers.deserialize(config)
    assert layers.deserialize(config, custom_objects={"double": double}).activation is double
    with saving.custom_object_scope({"double": double}):
        assert layers.deserialize(config).activation is double


def test_classes_of_the_user():
    @saving.register_keras_serializable("mine")
    class Scaled(layers.Layer):
        def __init__(self, by, **kwargs):
            super().__init__(**kwargs)
            self.by = by

        def call(self, x):
            return x * self.by

        def get_config(self):
            return {**super().get_config(), "by": self.by}

    assert saving.get_registered_name(Scaled) == "mine>Scaled"
    assert saving.get_registered_object("mine>Scaled") is Scaled
    config = layers.serialize(Scaled(3.0, name="s"))
    assert config["registered_name"] == "mine>Scaled" and config["module"] == __name__
    assert layers.deserialize(config).by == 3.0
    saving.get_custom_objects().pop("mine>Scaled")
    with pytest.raises(ValueError, match="neither part of fastnn nor known here"):
        layers.deserialize(config)
    assert layers.deserialize(config, custom_objects={"Scaled": Scaled}).by == 3.0


def test_a_class_without_get_config_is_refused():
    with pytest.raises(ValueError, match="no get_config"):
        saving.register_keras_serializable()(type("Bare", (), {}))


@pytest.mark.parametrize(
    "config",
    [
        {"module": "os", "class_name": "system", "config": {}, "registered_name": "system"},
        {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"},
        {"module": "subprocess", "class_name": "Popen", "config": {"args": "true"}, "registered_name": None},
        {"module": "keras.layers", "class_name": "deserialize", "config": {}, "registered_name": None},
        {"module": "keras.layers.layer", "class_name": "importlib", "config": {}, "registered_name": None},
        {
            "module": "fastnn.saving.serialization",
            "class_name": "marshal",
            "config": {},
            "registered_name": None,
        },
        {"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "eval"},
        {
            "module": "keras.utils",
            "class_name": "function",
            "config": "get_file",
            "registered_name": "get_file",
        },
        {"module": "antigravity", "class_name": "Dense", "config": {}, "registered_name": None},
    ],
)
def test_a_file_names_nothing_outside(config):
    before = set(sys.modules)
    with pytest.raises(ValueError, match="neither part of fastnn nor known here"):
        saving.deserialize_keras_object(config)
    assert "antigravity" not in set(sys.modules) - before


def test_no_code_from_a_file_unless_asked_for():
    factor = 3
    with pytest.warns(UserWarning, match="lambda"):
        config = saving.serialize_keras_object(lambda x, more=1: factor * x + more)
    for what in (config, [config], {"inside": config}):
        with pytest.raises(ValueError, match="pass safe_mode=False"):
            saving.deserialize_keras_object(what)
    function = saving.deserialize_keras_object([config], safe_mode=False)[0]
    assert function(2) == 7
    with pytest.raises(ValueError, match="pass safe_mode=False"):
        saving.deserialize_keras_object(config)  # the permission ended with the call


def test_modules_of_older_files():
    for module in (
        "keras.src.layers.core.dense",
        "keras.layers.core.dense",
        "fastnn.layers.dense",
        "keras.layers",
    ):
        layer = saving.deserialize_keras_object(
            {"module": module, "class_name": "Dense", "config": {"units": 3}, "registered_name": "Dense"}
        )
        assert isinstance(layer, layers.Dense)


def test_shared_objects_are_made_once():
    layer = layers.Dense(2)
    with serialization.sharing_objects():
        config = saving.serialize_keras_object([layer, layer])
    assert config[0]["shared_object_id"] == config[1]["shared_object_id"]
    with serialization.sharing_objects():
        a, b = saving.deserialize_keras_object(config)
    assert a is b


def test_what_is_no_configuration():
    with pytest.raises(TypeError, match="must be a dict"):
        saving.deserialize_keras_object({1, 2})
    with pytest.raises(TypeError, match="no get_config"):
        saving.serialize_keras_object(object())
    with pytest.raises(ValueError, match="is no layer"):
        layers.deserialize(regularizers.serialize(regularizers.L2(0.1)))


def test_words_of_keras_on_other_backends():
    """On PyTorch its optimizers lie in a module of their own; dtypes may be 16 bits long, and widen."""
    entry = {
        "module": "keras.src.backend.torch.optimizers.torch_adam",
        "class_name": "Adam",
        "config": {"learning_rate": 0.5},
        "registered_name": "Adam",
    }
    assert float(optimizers.deserialize(entry).learning_rate) == 0.5
    with pytest.raises(ValueError, match="neither part"):
        optimizers.deserialize({**entry, "class_name": "torch"})
    inputs = Input((3,))
    half = layers.Dense(2)(inputs)
    model = Model(inputs, ops.cast(half, "float32") + 1.0)
    config = json.loads(model.to_json())
    inputs, *others = config["config"]["layers"]
    others = json.loads(json.dumps(others).replace('"dtype": "float32"', '"dtype": "bfloat16"'))
    config["config"]["layers"] = [inputs, *others]
    again = models.model_from_json(json.dumps(config))
    again.set_weights(model.get_weights())
    x = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(again(x), model(x))
