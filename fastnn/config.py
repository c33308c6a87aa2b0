"""The process's configuration, under Keras's names: float type, fuzz factor, image layout; and the threads."""

from .engine.settings import (
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from .engine.threads import num_threads, set_num_threads

__all__ = ["epsilon", "floatx", "image_data_format", "num_threads", "set_epsilon", "set_floatx",
           "set_image_data_format", "set_num_threads"]
