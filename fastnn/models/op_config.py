"""Ops that stand in a layer graph by themselves (`x + y`, `ops.relu(x)`), in the form of Keras 3's files.

Keras writes ops.expand_dims(x, axis=1) as an object of class ExpandDims with the configuration {"axis": 1},
called on x.
"""

import inspect

from ..engine import nest
from ..engine.symbolic import KerasTensor, OpOperation
from ..saving.serialization import deserialize_keras_object, serialize_keras_object

# Keras's submodule of keras.src.ops for each op that is not in `numpy`.
_MODULES = {
    "nn": """relu relu6 sigmoid sparse_sigmoid softplus softsign silu log_sigmoid leaky_relu hard_sigmoid hard_silu elu
        selu gelu celu glu softmax log_softmax sparsemax max_pool average_pool adaptive_max_pool adaptive_average_pool
        conv depthwise_conv separable_conv conv_transpose one_hot multi_hot binary_crossentropy
        categorical_crossentropy sparse_categorical_crossentropy moments batch_normalization hard_tanh hard_shrink
        soft_shrink tanh_shrink threshold squareplus normalize layer_normalization rms_normalization
        dot_product_attention sparse_plus ctc_loss ctc_decode psnr polar unfold fold depth_to_space space_to_depth""",
    "core": """cast scatter scatter_update slice slice_update stop_gradient unstack saturate_cast convert_to_tensor
        associative_scan cond switch map scan fori_loop while_loop vectorized_map""",
    "math": """logsumexp top_k in_top_k segment_sum segment_max segment_min segment_prod erf erfc erfinv rsqrt
        extract_sequences cdist fft fft2 ifft2 rfft irfft stft istft logdet view_as_complex view_as_real""",
    "linalg": """cholesky cholesky_inverse det eig eigh inv lstsq lu_factor matrix_rank norm pinv qr solve
        solve_triangular svd""",
    "image": """rgb_to_grayscale rgb_to_hsv hsv_to_rgb resize affine_transform extract_patches map_coordinates
        pad_images crop_images perspective_transform gaussian_blur elastic_transform scale_and_translate
        sobel_edges ssim""",
}
_MODULE_OF = {name: part for part, names in _MODULES.items() for name in names.split()}
_IRREGULAR = {
    "getitem": "GetItem",
    "get_item": "GetItem",
    "batch_normalization": "BatchNorm",
    "layer_normalization": "LayerNorm",
    "rms_normalization": "RMSNorm",
    "ctc_loss": "CTCLoss",
    "ctc_decode": "CTCDecode",
    "psnr": "PSNR",
    "ssim": "SSIM",
    "cdist": "CDist",
    "fft": "FFT",
    "fft2": "FFT2",
    "ifft2": "IFFT2",
    "rfft": "RFFT",
    "irfft": "IRFFT",
    "stft": "STFT",
    "istft": "ISTFT",
    "svd": "SVD",
    "allclose": "AllClose",
    "isin": "IsIn",
    "searchsorted": "SearchSorted",
    "rgb_to_grayscale": "RGBToGrayscale",
    "rgb_to_hsv": "RGBToHSV",
    "hsv_to_rgb": "HSVToRGB",
}
# The parameters that Keras's classes are called with; the others they are made with.
_CALLED_WITH = set(
    """x x1 x2 y inputs xs a b v arrays condition indices target output start_indices updates values key logits kernel
    depthwise_kernel pointwise_kernel weights bins query value bias mask scale data segment_ids targets predictions
    q constant_values rtol atol start stop step abs_ angle array variable condlist choicelist default elements
    sorted_sequence images image1 image2 transform coordinates start_points end_points mean variance offset gamma
    beta sequences translation output_shape target_length output_length sequence_lengths""".split()
)
_ALSO_CALLED_WITH = {"full": {"fill_value"}, "full_like": {"fill_value"}}
_MADE_WITH = {  # in spite of their names
    "squareplus": {"b"},
    "trapezoid": {"x"},
    "allclose": {"rtol", "atol"},
    "bincount": {"weights"},
    "histogram": {"bins"},
    "diagonal": {"offset"},
    "trace": {"offset"},
}


_ACTIVATIONS = "keras.src.activations.activations"
_OF_ACTIVATIONS = {
    "relu": "ReLU",
    "mish": "Mish",
}  # classes that Keras has there, beside or instead of its ops


def _module(name):
    return f"keras.src.ops.{_MODULE_OF.get(name, 'numpy')}"


def _class_name(name):
    return _IRREGULAR.get(name) or "".join(part.capitalize() for part in name.split("_"))


def _keras_class(function):
    """(module, class) of Keras's that compute what `function` does."""
    name = function.__name__
    if name == "mish" or (name == "relu" and "threshold" in inspect.signature(function).parameters):
        return _ACTIVATIONS, _OF_ACTIVATIONS[name]
    return _module(name), _class_name(name)


def _is_called_with(function, parameter):
    name = function.__name__
    if parameter in _ALSO_CALLED_WITH.get(name, ()):
        return True
    return parameter in _CALLED_WITH and parameter not in _MADE_WITH.get(name, ())


def _split(node):
    """A call's arguments: those that Keras's class is called with, and those it is made with."""
    parameters = inspect.signature(node.operation.function).parameters
    bound = inspect.signature(node.operation.function).bind(*node.args, **node.kwargs).arguments
    called, made = {}, {}
    for name, value in bound.items():
        if (
            parameters[name].kind is inspect.Parameter.VAR_POSITIONAL
            or _is_called_with(node.operation.function, name)
            or any(isinstance(leaf, KerasTensor) for leaf in nest.flatten(value))
        ):
            called[name] = value
        else:
            made[name] = value
    return called, made


def op_config(operation, graph):
    """The entry of an op among a configuration's layers."""
    module, class_name = _keras_class(operation.function)
    _, made = _split(operation.inbound_nodes[graph.node_indices(operation)[0]])
    return {
        "module": module,
        "class_name": class_name,
        "registered_name": class_name,
        "config": {
            "name": operation.name,
            **{key: serialize_keras_object(value) for key, value in made.items()},
        },
    }


def call_arguments(node):
    """(args, kwargs) that Keras's class is called with: all it takes, by position."""
    function = node.operation.function
    args, called = [], _split(node)[0]
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            args += called[name]
        elif name in called or _is_called_with(function, name):
            args.append(called.get(name, parameter.default))
    return tuple(args), {}


def is_op_config(entry):
    """Whether an entry among a configuration's layers is an op.

    Keras's .h5 files leave the module out; then it shows by the settings that every layer has and no op.
    """
    if "module" in entry:
        return str(entry["module"]).startswith("keras.src.ops") or (
            entry["module"] == _ACTIVATIONS and entry.get("class_name") in _OF_ACTIVATIONS.values()
        )
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
        if _class_name(self.function.__name__) == "GetItem":
            args = tuple(map(_key_from_json, args))
        args, kwargs = self._arguments(args, {**self.made, **kwargs})
        if any(isinstance(leaf, KerasTensor) for leaf in nest.flatten((args, kwargs))):
            return self.symbolic_call(*args, **kwargs)
        return self.run(*args, **kwargs)

    def _arguments(self, args, kwargs):
        """Keras's class is called with some of the function's arguments alone: those by position get their names."""
        if not args:
            return args, kwargs
        parameters = inspect.signature(self.function).parameters.values()
        if any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters):
            before = [parameter.name for parameter in parameters if parameter.name in self.made]
            first = [kwargs.pop(name) for name in before]  # text ("ij,jk->ik"), which no other argument is
            return (args if isinstance(args[0], str) else (*first, *args)), kwargs
        names = [
            p.name for p in parameters if p.name not in kwargs and _is_called_with(self.function, p.name)
        ]
        if len(args) > len(names):
            return args, kwargs
        return (), {**dict(zip(names, args)), **kwargs}


def _find_op(class_name):
    """(name, function) of the op that Keras's class of this name computes, or None."""
    from .. import activations, ops

    if class_name == _OF_ACTIVATIONS["relu"]:
        return "relu", activations.relu
    for module in (ops, ops.image):
        for name, function in vars(module).items():
            if inspect.isfunction(function) and not name.startswith("_") and _class_name(name) == class_name:
                return name, function
    return None


def op_from_config(entry):
    """The op that a configuration's entry names.

    Raises:
        ValueError: fastnn has no such op, or not with such settings.
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
    unknown = {
        key: value for key, value in config.items() if key not in parameters and value not in (None, False)
    }
    if unknown:
        raise ValueError(
            f"the op {entry['class_name']!r} has settings in the file that fastnn lacks: {unknown}"
        )
    made = {key: deserialize_keras_object(value) for key, value in config.items() if key in parameters}
    return SavedOp(function, entry.get("name", own_name), made)
