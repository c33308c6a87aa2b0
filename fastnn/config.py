"""The process's configuration, under Keras 3's names, and the number of threads."""

from .dtype_policies import dtype_policy, set_dtype_policy
from .engine.limits import (
    disable_flash_attention,
    disable_interactive_logging,
    disable_traceback_filtering,
    enable_flash_attention,
    enable_interactive_logging,
    enable_traceback_filtering,
    is_flash_attention_enabled,
    is_interactive_logging_enabled,
    is_traceback_filtering_enabled,
    max_epochs,
    max_steps_per_epoch,
    set_max_epochs,
    set_max_steps_per_epoch,
)
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


def is_nnx_enabled():
    """Whether variables are those of Flax: never."""
    return False


__all__ = [
    "backend",
    "disable_flash_attention",
    "disable_interactive_logging",
    "disable_traceback_filtering",
    "dtype_policy",
    "enable_flash_attention",
    "enable_interactive_logging",
    "enable_traceback_filtering",
    "epsilon",
    "floatx",
    "image_data_format",
    "is_flash_attention_enabled",
    "is_interactive_logging_enabled",
    "is_nnx_enabled",
    "is_traceback_filtering_enabled",
    "max_epochs",
    "max_steps_per_epoch",
    "num_threads",
    "set_backend",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_max_epochs",
    "set_max_steps_per_epoch",
    "set_num_threads",
]
