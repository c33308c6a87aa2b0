"""Dtype names, as Keras writes them: "float32", "int32", "bool", ..."""

import numpy as np

FLOATS = ("float16", "float32", "float64")
INTEGERS = ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64")
ALL = (*FLOATS, *INTEGERS, "bool", "complex64", "complex128")
STRING = "string"  # of symbolic tensors and `StringTensor`s, which layers that read words take; no op computes with it

NUMPY = {name: np.dtype(name) for name in ALL}
NAME = {dtype: name for name, dtype in NUMPY.items()}
_ALIASES = {
    "float": "float32",
    "int": "int32",
    "half": "float16",
    "double": "float64",
    "long": "int64",
    "bfloat16": "float32",  # under the policies of this name tensors are wide, products round: DTypePolicy
}


def standardize(dtype):
    """The name of a dtype given as a name, a NumPy dtype or a Python type.

    Raises:
        ValueError: it is none that fastnn computes with (objects and strings among them).
    """
    if dtype is None:
        from . import settings

        return settings.float_dtype()
    if isinstance(dtype, str):
        if dtype in NUMPY:
            return dtype
        if dtype in _ALIASES:
            return _ALIASES[dtype]
    elif dtype is float:
        return "float32"
    elif dtype is int:
        return "int32"
    try:
        return NAME[np.dtype(dtype)]
    except (KeyError, TypeError):
        raise ValueError(f"`dtype` must be one of {', '.join(ALL)}, received {dtype!r}") from None


def is_float(name):
    """Whether a dtype's name is a real float's."""
    return name in FLOATS


def is_integer(name):
    """Whether a dtype's name is an integer's, signed or not; bool is none."""
    return name in INTEGERS


def promote(*names):
    """The dtype of a result of operands of these dtypes: a float wins over integers and keeps its own width."""
    names = set(names)
    if len(names) == 1:
        return names.pop()
    floats = [name for name in names if name in FLOATS]
    if floats and not any(name.startswith("complex") for name in names):
        return max(floats, key=FLOATS.index)
    return NAME[np.result_type(*(NUMPY[name] for name in names))]
