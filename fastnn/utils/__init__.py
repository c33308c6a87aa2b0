"""Odds and ends around models, under Keras 3's names."""

from .. import older_paths
from ..data.py_dataset import PyDataset
from ..data.structure import pack_x_y_sample_weight, unpack_x_y_sample_weight
from ..engine.dtypes import standardize as standardize_dtype
from ..engine.limits import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
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
from . import bounding_boxes, np_utils
from .config import Config
from .folders import audio_dataset_from_directory, image_dataset_from_directory, text_dataset_from_directory
from .get_file import get_file
from .images import array_to_img, img_to_array, load_img, save_img
from .numerical import normalize, to_categorical
from .plot_model import model_to_dot, plot_model
from .progbar import Progbar
from .sequences import pad_sequences, timeseries_dataset_from_array
from .session import clear_session, get_source_inputs, is_keras_tensor
from .splitting import split_dataset

Sequence = PyDataset


def __getattr__(name):
    if name == "FeatureSpace":  # made of layers, which need some of this module
        from .feature_space import FeatureSpace

        return FeatureSpace
    return older_paths.attribute(__name__, name)


__all__ = [
    "Config",
    "CustomObjectScope",
    "FeatureSpace",
    "Progbar",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "audio_dataset_from_directory",
    "bounding_boxes",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "get_source_inputs",
    "image_dataset_from_directory",
    "img_to_array",
    "is_interactive_logging_enabled",
    "is_keras_tensor",
    "load_img",
    "model_to_dot",
    "normalize",
    "np_utils",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "standardize_dtype",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]
