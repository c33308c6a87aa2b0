"""The process's configuration: float type, fuzz factor, image layout, seed, instruction set. The only globals."""

import os

from .. import _core

_FLOATX = ("bfloat16", "float16", "float32", "float64")
_values = {"floatx": "float32", "epsilon": 1e-7, "image_data_format": "channels_last"}
_kernels = None


def floatx():
    """The default float dtype, "float32" unless `set_floatx` changed it."""
    return _values["floatx"]


def float_dtype():
    """The dtype that tensors and variables have by default: `floatx()`, or float32 where that is "bfloat16"."""
    return "float32" if _values["floatx"] == "bfloat16" else _values["floatx"]


def set_floatx(value):
    """Make `value` the default float dtype, and layers' default policy where none was set.

    "float32", "float64", "float16" (which computes through NumPy) or "bfloat16" (see `DTypePolicy`).
    """
    if value not in _FLOATX:
        raise ValueError(
            f"set_floatx: `value` must be one of {', '.join(map(repr, _FLOATX))}, received {value!r}"
        )
    _values["floatx"] = value


def epsilon():
    """The small number that keeps divisions and logarithms finite, 1e-7 by default."""
    return _values["epsilon"]


def set_epsilon(value):
    """Set `epsilon()` to the float `value`."""
    _values["epsilon"] = float(value)


def image_data_format():
    """The default layout of images: "channels_last" (batch, height, width, channels) unless changed."""
    return _values["image_data_format"]


def set_image_data_format(data_format):
    """Make "channels_last" or "channels_first" the default layout of images."""
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(
            "set_image_data_format: `data_format` must be 'channels_last' or 'channels_first', "
            f"received {data_format!r}"
        )
    _values["image_data_format"] = data_format


def kernels():
    """The kernel table in use: the best this machine has, or the one that FASTNN_ISA names."""
    global _kernels
    if _kernels is None:
        _kernels = _core.Kernels(os.environ.get("FASTNN_ISA") or _core.best_isa())
    return _kernels


def bfloat16_speed():
    """How many times as fast as float32 the table in use multiplies bfloat16, about; 1 without instructions for it."""
    return {"avx512bf16": 2.0, "amx": 8.0}.get(kernels().isa, 1.0)


def available_isas():
    """The instruction sets that this machine can run, fastest first."""
    return _core.available_isas()
