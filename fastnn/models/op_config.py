"""Ops that stand in a layer graph by themselves (`x + y`, `ops.relu(x)`), in the form of Keras 3's files.

Keras writes ops.expand_dims(x, axis=1) as an object of class ExpandDims with the configuration {"axis": 1},
called on x.
"""

import inspect

from ..engine import nest
from ..engine.symbolic import KerasTensor, OpOperation
from ..saving.serialization import deserialize_keras_object, serialize_keras_object

_NN = {
    "relu",
    "relu6",
    "sigmoid",
    "softplus",
    "softsign",
    "silu",
    "log_sigmoid",
    "leaky_relu",
    "hard_sigmoid",
    "hard_silu",
    "elu",
    "selu",
    "gelu",
    "celu",
    "glu",
    "softmax",
    "log_softmax",
    "sparsemax",
    "max_pool",
    "average_pool",
    "conv",
    "depthwise_conv",
    "separable_conv",
    "conv_transpose",
    "one_hot",
    "multi_hot",
    "binary_crossentropy",
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
    "moments",
    "batch_normalization",
    "hard_tanh",
    "hard_shrink",
    "soft_shrink",
    "tanh_shrink",
    "threshold",
    "squareplus",
    "normalize",
    "layer_normalization",
    "rms_normalization",
    "dot_product_attention",
    "sparse_plus",
}
_CORE = {
    "cast",
    "scatter",
    "scatter_update",
    "slice",
    "slice_update",
    "shape",
    "stop_gradient",
    "unstack",
    "saturate_cast",
}
_MATH = {
    "logsumexp",
    "top_k",
    "in_top_k",
    "segment_sum",
    "segment_max",
    "erf",
    "erfinv",
    "rsqrt",
    "extract_sequences",
    "fft",
    "fft2",
    "rfft",
    "irfft",
    "stft",
    "istft",
    "qr",
    "logdet",
}
_LINALG = {
    "cholesky",
    "det",
    "eig",
    "eigh",
    "inv",
    "lstsq",
    "lu_factor",
    "norm",
    "solve",
    "solve_triangular",
    "svd",
}
_IRREGULAR = {"getitem": "GetItem", "get_item": "GetItem"}
_CALLED_WITH = {
    "x",
    "x1",
    "x2",
    "y",
    "inputs",
    "xs",
    "a",
    "b",
    "v",
    "arrays",
    "condition",
    "indices",
    "target",
    "output",
    "start_indices",
    "updates",
    "values",
    "key",
    "logits",
}


def _module(name):
    for part, names in (("nn", _NN), ("core", _CORE), ("math", _MATH), ("linalg", _LINALG)):
        if name in names:
            return f"keras.src.ops.{part}"
    return "keras.src.ops.numpy"


def _class_name(name):
    return _IRREGULAR.get(name) or "".join(part.capitalize() for part in name.split("_"))


def _split(node):
    """A call's arguments: those that Keras's class is called with, and those it is made with."""
    parameters = inspect.signature(node.operation.function).parameters
    bound = inspect.signature(node.operation.function).bind(*node.args, **node.kwargs).arguments
    called, made = {}, {}
    for name, value in bound.items():
        if parameters[name].kind is inspect.Parameter.VAR_POSITIONAL:
            called[name] = value
        elif name in _CALLED_WITH or any(isinstance(leaf, KerasTensor) for leaf in nest.flatten(value)):
            called[name] = value
        else:
            made[name] = value
    return called, made


def op_config(operation, graph):
    """The entry of an op among a configuration's layers."""
    name = operation.function.__name__
    _, made = _split(operation.inbound_nodes[graph.node_indices(operation)[0]])
    return {
        "module": _module(name),
        "class_name": _class_name(name),
        "registered_name": _class_name(name),
        "config": {
            "name": operation.name,
            **{key: serialize_keras_object(value) for key, value in made.items()},
        },
    }


def call_arguments(node):
    """(args, kwargs) that Keras's class is called with."""
    parameters = inspect.signature(node.operation.function).parameters
    args = []
    for name, value in _split(node)[0].items():
        if parameters[name].kind is inspect.Parameter.VAR_POSITIONAL:
            args += value
        else:
            args.append(value)
    return tuple(args), {}


def is_op_config(entry):
    """Whether an entry among a configuration's layers is an op.

    Keras's .h5 files leave the module out; then it shows by the settings that every layer has and no op.
    """
    if "module" in entry:
        return str(entry["module"]).startswith("keras.src.ops")
    config = entry.get("config")
    return (
        isinstance(config, dict)
        and not {"dtype", "trainable", "layers"} & set(config)
        and _find_op(entry.get("class_name")) is not None
    )


def _key_from_json(key):
    """An index that JSON made a list of, as the tuple it was; a list of numbers picks elements, and stays
    one."""
    if isinstance(key, list) and any(
        part is None or part is Ellipsis or isinstance(part, slice) for part in key
    ):
        return tuple(key)
    return key


class SavedOp(OpOperation):
    """An op from a file: `made`, the arguments Keras's class is made with, become part of each call's
    arguments."""

    def __init__(self, function, name, made):
        super().__init__(function)
        self.name = name
        self.made = made

    def __call__(self, *args, **kwargs):
        kwargs = {**self.made, **kwargs}
        if _class_name(self.function.__name__) == "GetItem":
            args = tuple(map(_key_from_json, args))
        if any(isinstance(leaf, KerasTensor) for leaf in nest.flatten((args, kwargs))):
            return self.symbolic_call(*args, **kwargs)
        return self.run(*args, **kwargs)


def _find_op(class_name):
    """(name, function) of the op that Keras's class of this name computes, or None."""
    from .. import ops

    for name, function in vars(ops).items():
        if callable(function) and not name.startswith("_") and _class_name(name) == class_name:
            return name, function
    return None


def op_from_config(entry):
    """The op that a configuration's entry names.

    Raises:
        ValueError: fastnn has no such op.
    """
    found = _find_op(entry["class_name"])
    if found is None:
        raise ValueError(
            f"the configuration holds the op {entry['class_name']!r} of {entry.get('module')}, which fastnn "
            "does not have"
        )
    name, function = found
    config = dict(entry["config"])
    own_name = config.pop("name", name)
    parameters = inspect.signature(function).parameters
    made = {key: deserialize_keras_object(value) for key, value in config.items() if key in parameters}
    return SavedOp(function, entry.get("name", own_name), made)
