"""Odds and ends around models, under Keras 3's names."""

from ..data.py_dataset import PyDataset
from ..data.structure import pack_x_y_sample_weight, unpack_x_y_sample_weight
from ..random import set_seed as set_random_seed
from ..saving.object_registration import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from ..saving.serialization import deserialize_keras_object, serialize_keras_object
from .numerical import normalize, to_categorical
from .progbar import Progbar
from .session import clear_session, get_source_inputs, is_keras_tensor

Sequence = PyDataset

__all__ = ["CustomObjectScope", "Progbar", "PyDataset", "Sequence", "clear_session", "custom_object_scope", "deserialize_keras_object",
           "get_custom_objects", "get_registered_name", "get_registered_object", "get_source_inputs",
           "is_keras_tensor", "normalize", "pack_x_y_sample_weight", "register_keras_serializable",
           "serialize_keras_object", "set_random_seed", "to_categorical", "unpack_x_y_sample_weight"]
