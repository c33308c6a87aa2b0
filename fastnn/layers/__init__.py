"""Layers, under Keras 3's names."""

from ..saving.serialization import deserialize_keras_object, serialize_keras_object
from .activation import ELU, Activation, LeakyReLU, PReLU, ReLU, Softmax
from .dense import Dense
from .dropout import (
    AlphaDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
)
from .input_layer import Input, InputLayer
from .input_spec import InputSpec
from .layer import Layer
from .reshaping import Flatten, Permute, RepeatVector, Reshape


def serialize(layer):
    """A layer's configuration: {"module", "class_name", "config", "registered_name", ...}."""
    return serialize_keras_object(layer)


def deserialize(config, custom_objects=None):
    """A layer from its configuration.

    Raises:
        ValueError: a class that is neither fastnn's nor registered; a configuration that makes something else.
    """
    layer = deserialize_keras_object(config, custom_objects, module_objects=_classes())
    if not isinstance(layer, Layer):
        raise ValueError(f"layers.deserialize: the configuration makes {layer!r}, which is no layer")
    return layer


def get(identifier):
    """A layer from a layer, or from the configuration or the class name of one."""
    if isinstance(identifier, Layer):
        return identifier
    if isinstance(identifier, str):
        identifier = {"class_name": identifier, "config": {}}
    return deserialize(identifier)


def _classes():
    return {name: thing for name, thing in globals().items() if isinstance(thing, type) and issubclass(thing, Layer)}


__all__ = [
    "ELU", "Activation", "AlphaDropout", "Dense", "Dropout", "Flatten", "GaussianDropout", "GaussianNoise", "Input",
    "InputLayer", "InputSpec", "Layer", "LeakyReLU", "PReLU", "Permute", "ReLU", "RepeatVector", "Reshape", "Softmax",
    "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "deserialize", "get", "serialize",
]
