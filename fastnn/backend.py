"""Keras's `backend` names that programs still use; with the functions that Keras 2 had there."""

from .backend_functions import *  # noqa: F403
from .backend_functions import __all__ as _functions
from .config import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from .engine.dtypes import is_float, is_integer
from .engine.dtypes import standardize as standardize_dtype
from .engine.symbolic import KerasTensor, unique_name


def is_float_dtype(dtype):
    """Whether a dtype's name is that of floats."""
    return is_float(dtype)


def is_int_dtype(dtype):
    """Whether a dtype's name is that of integers."""
    return is_integer(dtype)


def is_keras_tensor(x):
    """Whether `x` is symbolic."""
    return isinstance(x, KerasTensor)


def get_uid(prefix=""):
    """How often it was asked for this prefix since the last `clear_session`, from 1."""
    name = unique_name(f"uid of {prefix}")
    return 1 + int(name.rpartition("_")[2]) if name != f"uid of {prefix}" else 1


def result_type(*dtypes):
    """The dtype of a result of operands of these dtypes."""
    from .engine.dtypes import promote

    return promote(*map(standardize_dtype, dtypes))


def clear_session(free_memory=True):
    """Number unnamed layers from the beginning again."""
    from .utils import clear_session as clear

    clear(free_memory)


__all__ = [
    *_functions,
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_dtype",
]
