"""The process's configuration, under Keras 3's names, and the number of threads."""

from .dtype_policies import dtype_policy, set_dtype_policy
from .engine.settings import (
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from .engine.threads import num_threads, set_num_threads


def backend():
    """The name of what computes: "fastnn"."""
    return "fastnn"


def set_backend(backend):
    """There is one backend.

    Raises:
        ValueError: `backend` is not "fastnn".
    """
    if backend != "fastnn":
        raise ValueError(
            f"set_backend: fastnn computes by itself; `backend` can only be 'fastnn', received {backend!r}"
        )


__all__ = [
    "backend",
    "dtype_policy",
    "epsilon",
    "floatx",
    "image_data_format",
    "num_threads",
    "set_backend",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_num_threads",
]
