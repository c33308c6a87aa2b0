"""What Keras 2.3 to 2.15 wrote, in the words of Keras 3.

`current_model`, `current_compile`, `current_training`; the optimizer's state: older_state.py.
"""

import re

from .object_registration import register_keras_serializable
from .older_state import SLOTS
from .tf_functions import with_ops

# Settings of old layers that say nothing any more; with the values that mean so (None: any value).
_GONE = {
    "batch_input_shape": None,
    "input_length": None,
    "implementation": None,
    "ragged": (False, None),
    "time_major": (False, None),
    "groups": (1,),
    "fused": None,
    "virtual_batch_size": (None,),
    "experimental_autocast": None,
    "input_dtype": None,
    "experimental_run_tf_function": None,
    "renorm": (False,),
    "adjustment": (None,),
    "sparse": (False, None),
    "stateful": (False,),
    "zero_output_for_mask": (False,),
    "use_legacy_config": None,
    "cropping_mode": None,
}
_KEEPS = {  # the classes that still have a setting of `_GONE`
    "groups": {
        "Conv1D",
        "Conv2D",
        "Conv3D",
        "GroupNormalization",
        "Convolution1D",
        "Convolution2D",
        "Convolution3D",
    },
    "sparse": {
        "InputLayer",
        "CategoryEncoding",
        "TextVectorization",
        "IntegerLookup",
        "StringLookup",
        "Hashing",
        "Discretization",
        "HashedCrossing",
    },
    "ragged": {"InputLayer", "TextVectorization"},
    "stateful": {
        "RNN",
        "LSTM",
        "GRU",
        "SimpleRNN",
        "ConvLSTM1D",
        "ConvLSTM2D",
        "ConvLSTM3D",
        "Bidirectional",
    },
    "zero_output_for_mask": {"RNN", "LSTM", "GRU", "SimpleRNN"},
}
_FOR_GPUS = {"CuDNNLSTM": "LSTM", "CuDNNGRU": "GRU"}
_FROM_SEPARABLE = {"kernel_initializer", "kernel_regularizer", "kernel_constraint"}
_DEPTHWISE = {
    "SeparableConv1D",
    "SeparableConv2D",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
}
_OPTIMIZER_GONE = {
    "decay",
    "lr",
    "is_legacy_optimizer",
    "jit_compile",
    "experimental_aggregate_gradients",
    "schedule_decay",
}
_MODELS = {"Model": "Functional", "Functional": "Functional", "Sequential": "Sequential"}
_CONSTANT = "_CONSTANT_VALUE"  # in the place of a layer's name: the third part is the value
_SHAPES_OF_ATTENTION = {"query_shape", "key_shape", "value_shape"}


# The function that Keras 3 calls hard_sigmoid has a slope of 1/6.
@register_keras_serializable(package="fastnn", name="hard_sigmoid_of_keras_2")
def hard_sigmoid(x):
    """0.2 x + 0.5, cut off at 0 and 1."""
    from .. import ops

    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)


_HARD_SIGMOID = {
    "module": "builtins",
    "class_name": "function",
    "config": "hard_sigmoid_of_keras_2",
    "registered_name": "fastnn>hard_sigmoid_of_keras_2",
}


def is_older(version):
    """Whether a file's version ("2.4.0", None where it has none) is of a Keras before 3."""
    return re.match(r"([3-9]|[1-9][0-9]+)(\.|$)", str(version), re.ASCII) is None


# ---- models


def current_model(entry):
    """A model's (or layer's) entry {"class_name", "config", ...} as Keras 3 would have written it."""
    if not (isinstance(entry, dict) and isinstance(entry.get("class_name"), str)):
        return entry
    config = entry.get("config")
    if entry["class_name"] in _MODELS and isinstance(config, list):  # Sequential before 2.2.3
        config = {"layers": config}
    if entry["class_name"] == "function" or not isinstance(config, dict):
        return entry
    entry = dict(entry)
    if str(entry.get("module", "keras")).startswith(("keras", "tensorflow", "tf_keras")):
        # Modules were laid out otherwise, or not written; the class's name says enough.
        entry["module"] = "keras" if entry["class_name"] in _MODELS else "keras.layers"
        if entry.get("registered_name") in (None, entry["class_name"]):
            entry.pop("registered_name", None)
    if entry["class_name"] in _MODELS and "layers" in config:
        entry.pop("build_config", None)
        return {**entry, **_model(config)}
    if entry["class_name"] == "ThresholdedReLU":
        entry["class_name"] = "ReLU"
        config = {"threshold": config.get("theta", 1.0), **{k: v for k, v in config.items() if k != "theta"}}
    entry["class_name"] = _FOR_GPUS.get(entry["class_name"], entry["class_name"])
    if entry["class_name"] == "MultiHeadAttention":
        entry.pop("build_config", None)  # it has one shape of what are two inputs or three: calls build it
    return {**entry, "config": _layer_config(entry["class_name"], config)}


def _model(config):
    layers = [current_model(layer) for layer in config["layers"]]
    layers = [_named(layer) for layer in layers]
    config = {**config, "layers": layers}
    functional = "input_layers" in config
    if functional:
        starts = _first_calls(config)
        for layer in layers:
            layer["inbound_nodes"] = [_call(call, starts) for call in layer.get("inbound_nodes") or ()]
        layers = config["layers"] = with_ops(layers)
        for ends in ("input_layers", "output_layers"):
            # The same count as in a call's arguments; what reads Keras 3's configurations takes 1 off a
            # Functional's.
            config[ends] = _bare(_map_places(lambda place: _end(place, starts, layers), config[ends]))
        config.pop("dtype", None)
    elif layers:
        shape = config.get("build_input_shape") or layers[0]["config"].pop("first_input_shape", None)
        if shape and layers[0]["class_name"] != "InputLayer":
            dtype = "int32" if layers[0]["class_name"] == "Embedding" else "float32"
            layers.insert(
                0,
                {
                    "class_name": "InputLayer",
                    "config": {
                        "batch_shape": shape,
                        "dtype": dtype,
                        "name": f"{layers[0]['config'].get('name', 'layer')}_input",
                    },
                },
            )
        config.pop("build_input_shape", None)
    for layer in layers:
        layer["config"].pop("first_input_shape", None)
    return {"class_name": "Functional" if functional else "Sequential", "config": config}


def _named(layer):
    return {**layer, "name": layer.get("name", layer["config"].get("name"))}


def _first_calls(config):
    """{name: 1} of inner models whose calls are counted from 1: making them from an Input counted as a
    call."""
    least = {}

    def note(place):
        if isinstance(place[1], int) and place[1] >= 0:
            least[place[0]] = min(least.get(place[0], place[1]), place[1])
        return place

    for layer in config["layers"]:
        for call in layer.get("inbound_nodes") or ():
            _map_places(note, call)
    _map_places(note, config["output_layers"])
    inner = {layer["name"] for layer in map(_named, config["layers"]) if layer["class_name"] in _MODELS}
    return {name: 1 for name, first in least.items() if name in inner and first >= 1}


def _map_places(function, structure):
    """function(place) in the place of each [name, call, output, ...]."""
    if isinstance(structure, dict):
        return {key: _map_places(function, part) for key, part in structure.items()}
    if isinstance(structure, (list, tuple)):
        if _is_place(structure):
            return function(structure)
        return [_map_places(function, part) for part in structure]
    return structure


def _is_place(part):
    return (
        isinstance(part, (list, tuple))
        and 3 <= len(part) <= 4
        and isinstance(part[0], str)
        and (part[0] == _CONSTANT or all(isinstance(n, int) for n in part[1:3]))
        and (len(part) == 3 or isinstance(part[3], dict))
    )


def _end(place, starts, layers):
    name, call, output = place[:3]
    made_functional = any(layer["name"] == name and layer["class_name"] == "Functional" for layer in layers)
    return [name, call - starts.get(name, 0) + made_functional, output]


def _bare(places):
    return places[0] if len(places) == 1 and _is_place(places[0]) else places


def _call(call, starts):
    """An old call, [[layer, call, output, kwargs], ...], as {"args", "kwargs"}."""
    if isinstance(call, dict) and "args" in call:
        return call
    places = [call] if _is_place(call) else call

    def tensor(place):
        if place[0] == _CONSTANT:
            return place[2]
        return {
            "class_name": "__keras_tensor__",
            "config": {
                "shape": [],
                "dtype": "float32",
                "keras_history": [place[0], place[1] - starts.get(place[0], 0), place[2]],
            },
        }

    kwargs = {}
    for place in places if isinstance(places, list) else ():
        if _is_place(place) and len(place) > 3:
            kwargs = {**place[3], **kwargs}
    first = _map_places(tensor, places)
    if isinstance(first, list) and len(first) == 1:
        first = first[0]
    return {"args": [first], "kwargs": {key: _map_places(tensor, part) for key, part in kwargs.items()}}


# ---- layers


def _layer_config(class_name, config):
    config = {key: _inner(value) for key, value in config.items()}
    shape = config.get("batch_input_shape")
    if class_name == "InputLayer":
        if shape is not None:
            config["batch_shape"] = shape
    elif shape is not None:
        config["first_input_shape"] = shape
    for key in ("activation", "recurrent_activation"):
        if config.get(key) == "hard_sigmoid":
            config[key] = dict(_HARD_SIGMOID)
    if class_name == "Discretization":
        config.pop("trainable", None)
    if class_name == "LeakyReLU" and "alpha" in config:
        config["negative_slope"] = config.pop("alpha")
    if class_name == "BatchNormalization" and isinstance(config.get("axis"), list):
        config["axis"] = config["axis"][0]
    if class_name in _DEPTHWISE:
        for key in _FROM_SEPARABLE:
            config.pop(key, None)
        if class_name.startswith("Depthwise"):
            config.pop("filters", None)
    if class_name.startswith("SpatialDropout"):
        config.pop("trainable", None)
        config.pop("noise_shape", None)
    if class_name == "MultiHeadAttention":
        for key in _SHAPES_OF_ATTENTION:
            config.pop(key, None)
    if class_name == "Lambda":
        config = _lambda(config)
    if "dtype" in config:
        config["dtype"] = _dtype(config["dtype"])
    for key, meaningless in _GONE.items():
        if (
            key in config
            and class_name not in _KEEPS.get(key, ())
            and (meaningless is None or config[key] in meaningless)
        ):
            del config[key]
    return config


def _inner(value):
    """Layers, initializers and their like inside a layer's configuration."""
    if isinstance(value, list):
        return [_inner(part) for part in value]
    if not isinstance(value, dict):
        return value
    if "class_name" not in value or not isinstance(value.get("config"), dict):
        return {key: _inner(part) for key, part in value.items()}
    if value["class_name"] in ("Policy", "PolicyV1"):
        return value["config"].get("name", "float32")
    config = value["config"]
    if "layer" in config or "cell" in config or "name" in config:
        value = current_model(value)
        value["config"].pop("first_input_shape", None)
        return value
    if "VarianceScaling" == value["class_name"] and config.get("distribution") == "normal":
        config = {**config, "distribution": "truncated_normal"}
    return {**value, "config": {key: part for key, part in config.items() if key != "dtype"}}


def _dtype(dtype):
    if isinstance(dtype, dict):
        return dtype.get("config", {}).get("name", "float32")
    return dtype


def _lambda(config):
    """Code, defaults and closure in the form in which Keras 3 marks them as code; names stay names."""
    function = config.get("function")
    if isinstance(function, list):
        config["function"] = {"class_name": "__lambda__", "config": {"value": function}}
    elif isinstance(function, str):
        config["function"] = {
            "module": "builtins",
            "class_name": "function",
            "config": function,
            "registered_name": function,
        }
    return {
        key: value
        for key, value in config.items()
        if key not in ("function_type", "module", "output_shape_type", "output_shape_module")
        and not (key in ("output_shape", "mask") and value is None)
    }


# ---- training


def current_training(config):
    """An .h5 file's `training_config`, with an optimizer, losses and metrics as Keras 3 names them."""
    config = {**config, "optimizer": config.get("optimizer_config")}
    config = current_compile(config)
    return {**config, "optimizer_config": config.pop("optimizer")}


def current_compile(config):
    """A .keras file's `compile_config`, likewise."""
    config = {
        key: value
        for key, value in config.items()
        if not (value is None and key in ("run_eagerly", "steps_per_execution", "jit_compile"))
    }
    if isinstance(config.get("optimizer"), dict):
        config["optimizer"] = _optimizer(config["optimizer"])
    config["loss"] = _loss(config.get("loss"))
    for key in ("metrics", "weighted_metrics"):
        config[key] = _metrics(config.get(key))
    return config


def _entry(module, class_name, config):
    return {"module": f"keras.{module}", "class_name": class_name, "config": config, "registered_name": None}


def _optimizer(entry):
    name = re.sub(r"^.*[.>]", "", str(entry.get("class_name", "")))  # "Custom>Adam" from 2.11 on
    old = dict(entry.get("config") or {})
    rate = _inner(old.get("lr", old.get("learning_rate", 0.001)))
    if old.get("decay") and not isinstance(rate, dict):
        rate = _entry(
            "optimizers.schedules",
            "InverseTimeDecay",
            {"initial_learning_rate": rate, "decay_steps": 1, "decay_rate": old["decay"]},
        )
    elif isinstance(rate, dict):
        rate = _entry("optimizers.schedules", rate["class_name"], rate["config"])
    config = {
        key: value
        for key, value in old.items()
        if key not in _OPTIMIZER_GONE
        and not (value is None and key in ("epsilon", "ema_overwrite_frequency"))
    }
    if not config.get("use_ema"):
        config.pop("ema_overwrite_frequency", None)
    config["learning_rate"] = rate
    if name in SLOTS:
        return _entry("optimizers", name, config)
    return {**entry, "config": config}


def _loss(loss):
    if isinstance(loss, list):
        return [_loss(part) for part in loss]
    if not isinstance(loss, dict):
        return loss
    if "class_name" not in loss:
        return {key: _loss(part) for key, part in loss.items()}
    if loss["class_name"] == "function" or not isinstance(loss.get("config"), dict):
        return loss.get("config", loss)
    config = {key: value for key, value in loss["config"].items() if key != "fn"}
    if config.get("reduction") in ("auto", "sum_over_batch_size", None):
        config["reduction"] = "sum_over_batch_size"
    if loss["class_name"] == "LossFunctionWrapper":
        return _function_name(loss["config"].get("fn"))
    return loss if _is_custom(loss) else _entry("losses", loss["class_name"], config)


def _is_custom(entry):
    return not str(entry.get("module", "keras")).startswith("keras") or ">" in str(
        entry.get("registered_name")
    )


def _metrics(metrics):
    if isinstance(metrics, list):
        return [_metrics(part) for part in metrics]
    if not isinstance(metrics, dict):
        return metrics
    if "class_name" not in metrics:
        return {key: _metrics(part) for key, part in metrics.items()}
    config = metrics.get("config")
    if metrics["class_name"] == "function" or not isinstance(config, dict):
        return metrics.get("config", metrics)
    if metrics["class_name"] == "MeanMetricWrapper":
        name = _function_name(config.get("fn"))
        if isinstance(name, str):
            class_name = (
                name if name[:1].isupper() else "".join(part.capitalize() for part in name.split("_"))
            )
            return _entry("metrics", class_name, {"name": config.get("name", name)})
    config = {key: _dtype(value) if key == "dtype" else value for key, value in config.items() if key != "fn"}
    return metrics if _is_custom(metrics) else _entry("metrics", metrics["class_name"], config)


def _function_name(function):
    return function.get("config") if isinstance(function, dict) else function
