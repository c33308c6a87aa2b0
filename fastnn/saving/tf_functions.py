"""TensorFlow functions that stand in Keras 2's functional models by themselves (`x + 1`, `tf.reshape(x, ...)`), as
the ops of Keras 3.

Keras 2 wrote them as layers of class TFOpLambda, with the function's name and its arguments. The names are those of
the tables below; nothing is looked up in TensorFlow.
"""

# Functions of one tensor: the class of Keras 3's op.
_OF_ONE = {
    **{
        f"math.{name}": name.capitalize()
        for name in "exp floor log negative round sign sin cos sqrt square".split()
    },
    **{f"math.{name}": name.capitalize() for name in "tan tanh sigmoid softplus erf ceil rsqrt".split()},
    **{
        f"nn.{name}": name.capitalize()
        for name in "relu relu6 elu selu silu softsign softplus tanh sigmoid".split()
    },
    "abs": "Absolute",
    "math.abs": "Absolute",
    "math.is_nan": "Isnan",
    "math.log1p": "Log1p",
    "math.expm1": "Expm1",
    "math.log_sigmoid": "LogSigmoid",
    "math.reciprocal": "Reciprocal",
    "math.logical_not": "LogicalNot",
    "nn.swish": "Silu",
    "zeros_like": "ZerosLike",
    "ones_like": "OnesLike",
    "compat.v1.zeros_like": "ZerosLike",
    "compat.v1.ones_like": "OnesLike",
    "identity": "Copy",
    "convert_to_tensor": "Copy",
}
# Functions of two.
_OF_TWO = {
    "__operators__.add": "Add",
    "math.add": "Add",
    "math.subtract": "Subtract",
    "math.multiply": "Multiply",
    "math.truediv": "TrueDivide",
    "math.divide": "TrueDivide",
    "math.divide_no_nan": "DivideNoNan",
    "math.floordiv": "FloorDivide",
    "compat.v1.floor_div": "FloorDivide",
    "math.floormod": "Mod",
    "math.pow": "Power",
    "math.maximum": "Maximum",
    "math.minimum": "Minimum",
    "math.greater": "Greater",
    "math.greater_equal": "GreaterEqual",
    "math.less": "Less",
    "math.less_equal": "LessEqual",
    "math.equal": "Equal",
    "math.not_equal": "NotEqual",
    "math.logical_and": "LogicalAnd",
    "math.logical_or": "LogicalOr",
    "math.logical_xor": "LogicalXor",
    "math.atan2": "Arctan2",
}
_OVER_AXES = {
    "math.reduce_mean": "Mean",
    "math.reduce_sum": "Sum",
    "math.reduce_max": "Max",
    "math.reduce_min": "Min",
    "math.reduce_prod": "Prod",
    "math.reduce_std": "Std",
    "math.reduce_variance": "Var",
    "math.reduce_any": "Any",
    "math.reduce_all": "All",
    "math.reduce_logsumexp": "Logsumexp",
}
# Others: (class, {argument of TensorFlow's: argument of the op, which the first tensor is given under "": ...}, more).
_OTHERS = {
    "reshape": ("Reshape", {"": "x", "shape": "newshape"}, {}),
    "concat": ("Concatenate", {"": "xs", "axis": "axis"}, {}),
    "stack": ("Stack", {"": "x", "axis": "axis"}, {}),
    "unstack": ("Unstack", {"": "x", "num": "num", "axis": "axis"}, {}),
    "split": ("Split", {"": "x", "num_or_size_splits": "indices_or_sections", "axis": "axis"}, {"axis": 0}),
    "transpose": ("Transpose", {"": "x", "perm": "axes"}, {}),
    "expand_dims": ("ExpandDims", {"": "x", "axis": "axis"}, {}),
    "squeeze": ("Squeeze", {"": "x", "axis": "axis"}, {}),
    "tile": ("Tile", {"": "x", "multiples": "repeats"}, {}),
    "pad": (
        "Pad",
        {"": "x", "paddings": "pad_width", "mode": "mode", "constant_values": "constant_values"},
        {},
    ),
    "cast": ("Cast", {"": "x", "dtype": "dtype"}, {}),
    "where": ("Where", {"": "condition", "x": "x1", "y": "x2"}, {}),
    "gather": ("Take", {"": "x", "indices": "indices", "axis": "axis"}, {"axis": 0}),
    "one_hot": (
        "OneHot",
        {"": "x", "depth": "num_classes", "axis": "axis", "dtype": "dtype"},
        {"dtype": "float32"},
    ),
    "reverse": ("Flip", {"": "x", "axis": "axis"}, {}),
    "roll": ("Roll", {"": "x", "shift": "shift", "axis": "axis"}, {}),
    "clip_by_value": ("Clip", {"": "x", "clip_value_min": "x_min", "clip_value_max": "x_max"}, {}),
    "stop_gradient": ("StopGradient", {"": "variable"}, {}),
    "norm": ("Norm", {"": "x", "ord": "ord", "axis": "axis", "keepdims": "keepdims"}, {}),
    "math.argmax": ("Argmax", {"": "x", "axis": "axis"}, {"axis": 0}),
    "math.argmin": ("Argmin", {"": "x", "axis": "axis"}, {"axis": 0}),
    "math.cumsum": ("Cumsum", {"": "x", "axis": "axis"}, {"axis": 0}),
    "math.top_k": ("TopK", {"": "x", "k": "k"}, {"k": 1}),
    "math.l2_normalize": ("Normalize", {"": "x", "axis": "axis", "epsilon": "epsilon"}, {"order": 2}),
    "linalg.matmul": ("Matmul", {"": "x1", "b": "x2"}, {}),
    "nn.softmax": ("Softmax", {"": "x", "axis": "axis"}, {}),
    "nn.log_softmax": ("LogSoftmax", {"": "x", "axis": "axis"}, {}),
    "nn.gelu": ("Gelu", {"": "x", "approximate": "approximate"}, {"approximate": False}),
    "nn.leaky_relu": ("LeakyRelu", {"": "x", "alpha": "negative_slope"}, {}),
    "nn.max_pool2d": (
        "MaxPool",
        {"": "inputs", "ksize": "pool_size", "strides": "strides", "padding": "padding"},
        {},
    ),
    "nn.avg_pool2d": (
        "AveragePool",
        {"": "inputs", "ksize": "pool_size", "strides": "strides", "padding": "padding"},
        {},
    ),
    "image.resize": ("Resize", {"": "images", "size": "size", "method": "interpolation"}, {}),
}
_MOVED = {"linalg.norm": "norm", "image.resize_v2": "image.resize", "math.softmax": "nn.softmax"}
_IGNORED = {"name", "validate_indices", "num_or_size_splits", "out_type", "num"}
_UNCHANGED = (None, False, 0, "euclidean")  # values of arguments that say what is so anyway
_CLASSES = ("TFOpLambda", "SlicingOpLambda")
_SHAPES = ("shape", "compat.v1.shape")


def with_ops(layers):
    """A functional model's layers, calls as {"args", "kwargs"}, with ops in the place of TensorFlow's functions.

    Raises:
        ValueError: a function, or a use of one, that the tables do not know.
    """
    shapes = {layer["name"] for layer in layers if _function(layer) in _SHAPES}
    extents = {}  # name of `tf.shape(x)[i]`: i
    for layer in layers:
        if layer["class_name"] == "SlicingOpLambda" and _source(layer) in shapes:
            extents[layer["name"]] = layer["inbound_nodes"][0]["kwargs"].get("slice_spec")
    found = []
    for layer in layers:
        if layer["class_name"] not in _CLASSES:
            found.append(layer)
        elif layer["name"] not in shapes and layer["name"] not in extents:
            found += _ops(layer, shapes, extents)
    return found


def _function(layer):
    return layer["config"].get("function") if layer["class_name"] in _CLASSES else None


def _source(layer):
    """The name of the layer whose output a function is called on."""
    calls = layer.get("inbound_nodes") or [{"args": [None]}]
    return _history(calls[0]["args"][0])


def _history(part):
    """The layer's name where `part` is a tensor of a call's arguments, else None."""
    if isinstance(part, dict) and part.get("class_name") == "__keras_tensor__":
        return part["config"]["keras_history"][0]
    return None


def _ops(layer, shapes, extents):
    """The entries of the ops, the last one under the layer's own name."""
    name, function = layer["name"], _function(layer)
    if len(layer["inbound_nodes"]) != 1:
        raise ValueError(f"the TensorFlow function {function!r} (layer {name!r}) is called several times")
    call = layer["inbound_nodes"][0]
    first, kwargs = call["args"][0], dict(call["kwargs"])
    if layer["class_name"] == "SlicingOpLambda":
        return [_op("GetItem", name, [first, _key(kwargs["slice_spec"])], {})]
    function = _MOVED.get(function, function)
    if function.startswith("compat.v1.") and function not in {**_OF_ONE, **_OF_TWO}:
        function = function.removeprefix("compat.v1.")
    if function in _OF_ONE:
        return [_op(_OF_ONE[function], name, [first], _checked(kwargs, {}, layer))]
    if function in _OF_TWO:
        return [_op(_OF_TWO[function], name, [first, kwargs.pop("y", None)], _checked(kwargs, {}, layer))]
    if function in _OVER_AXES:
        given = _checked(kwargs, {"axis": "axis", "keepdims": "keepdims"}, layer)
        return [_op(_OVER_AXES[function], name, [first], given)]
    if function == "math.squared_difference":
        between = _op("Subtract", f"{name}_difference", [first, kwargs.pop("y", None)], {})
        return [between, _op("Square", name, [_output(between)], _checked(kwargs, {}, layer))]
    if function == "math.add_n":
        return _sum(name, first)
    if function not in _OTHERS:
        raise _unknown(layer, "has no counterpart among fastnn's ops")
    class_name, names, defaults = _OTHERS[function]
    before = []
    if function == "linalg.matmul":
        first, kwargs["b"] = (
            _turned(tensor, kwargs.pop(flag, False), f"{name}_{flag}", before)
            for tensor, flag in ((first, "transpose_a"), (kwargs.get("b"), "transpose_b"))
        )
    elif function == "reshape":
        kwargs["shape"] = _without_extents(kwargs.get("shape"), shapes, extents, layer)
    elif function == "split" and isinstance(kwargs.get("num_or_size_splits"), list):
        sizes = kwargs["num_or_size_splits"]
        kwargs["num_or_size_splits"] = [sum(sizes[: i + 1]) for i in range(len(sizes) - 1)]
    elif "padding" in kwargs:
        kwargs["padding"] = str(kwargs["padding"]).lower()
    elif function == "pad":
        kwargs["mode"] = str(kwargs.get("mode", "constant")).lower()
        if kwargs["mode"] != "constant":
            kwargs.pop("constant_values", None)
    given = {**defaults, **_checked(kwargs, names, layer), names[""]: first}
    return [*before, _op(class_name, name, [], given)]


def _op(class_name, name, args, kwargs):
    return {
        "module": "keras.src.ops",
        "class_name": class_name,
        "config": {"name": name},
        "name": name,
        "inbound_nodes": [{"args": args, "kwargs": kwargs}],
    }


def _output(entry):
    history = [entry["name"], 0, 0]
    config = {"shape": [], "dtype": "float32", "keras_history": history}
    return {"class_name": "__keras_tensor__", "config": config}


def _checked(kwargs, names, layer):
    """The arguments under the op's names; those that change nothing left out.

    Raises:
        ValueError: an argument that the op has not.
    """
    found = {}
    for key, value in kwargs.items():
        if key in names and value is not None and not (isinstance(value, str) and value == "euclidean"):
            found[names[key]] = value
        elif key not in names and key not in _IGNORED and not any(value is same for same in _UNCHANGED):
            raise _unknown(layer, f"is called with {key}={value!r}, which fastnn's op does not take")
        if _history(value) is not None and key not in names:
            raise _unknown(layer, f"is called with a tensor for {key!r}")
    return found


def _unknown(layer, what):
    return ValueError(
        f"the model calls the TensorFlow function tf.{_function(layer)} (layer {layer['name']!r}); it {what}. "
        "Write it as a layer, or with keras.ops in Keras 3, and save the model again"
    )


def _key(spec):
    """An index: [{"start", "stop", "step"}, int, None, ...] in the form of Keras 3's files."""
    return [_key_part(part) for part in (spec if isinstance(spec, list) else [spec])]


def _key_part(part):
    if isinstance(part, dict) and "start" in part:
        return {"class_name": "__slice__", "config": {key: part[key] for key in ("start", "stop", "step")}}
    if isinstance(part, dict) and part.get("class_name") == "__ellipsis__":
        return {"class_name": "__ellipsis__", "config": {}}
    return part


def _sum(name, tensors):
    """a + b + c: an op for each sign."""
    found, total = [], tensors[0]
    for i, tensor in enumerate(tensors[1:]):
        last = i == len(tensors) - 2
        found.append(_op("Add", name if last else f"{name}_{i}", [total, tensor], {}))
        total = _output(found[-1])
    return found


def _turned(tensor, is_turned, name, before):
    """`tensor`, or its transpose over the last two axes by an op that is put into `before`."""
    if not is_turned:
        return tensor
    before.append(_op("Swapaxes", name, [], {"x": tensor, "axis1": -2, "axis2": -1}))
    return _output(before[-1])


def _without_extents(shape, shapes, extents, layer):
    """A shape whose first extent is `tf.shape(x)[0]`, with -1 in its place."""
    if _history(shape) in shapes:
        raise _unknown(layer, "takes its shape from another tensor")
    if not isinstance(shape, list):
        return shape
    found = [-1 if extents.get(_history(part), None) == 0 else part for part in shape]
    if found.count(-1) > 1 or any(_history(part) is not None for part in found):
        raise _unknown(layer, "takes its shape from another tensor")
    return found
