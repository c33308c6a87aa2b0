"""What users call arrays (NumPy's, lists of numbers, data frames, other libraries' tensors) as NumPy
arrays."""

import inspect
import numbers

import numpy as np

from ..engine.dtypes import STRING
from ..engine.symbolic import KerasTensor
from ..engine.tensor import Tensor, check_array, holds_strings
from ..engine.variable import Variable


def as_arrays(structure, what):
    """`structure` with every leaf a NumPy array; None leaves stay.

    Args:
        what: the argument's name, for errors.
    Raises:
        ValueError: a leaf of strings or objects, rows of unequal length, or no axis to take rows from.
        TypeError: something that is no array.
    """
    if structure is None or isinstance(structure, np.ndarray):
        return structure if structure is None else _checked(structure, what)
    if isinstance(structure, dict):
        return {key: as_arrays(part, f"{what}[{key!r}]") for key, part in structure.items()}
    if isinstance(structure, (list, tuple)):
        if _is_numbers(structure):
            return _checked(_from_numbers(structure, what), what)
        parts = [as_arrays(part, f"{what}[{i}]") for i, part in enumerate(structure)]
        if isinstance(structure, tuple):
            return type(structure)(*parts) if hasattr(structure, "_fields") else tuple(parts)
        return parts
    return _checked(as_array(structure, what), what)


def as_array(leaf, what):
    """One leaf as a NumPy array."""
    if isinstance(leaf, Tensor):
        return leaf.array
    if isinstance(leaf, Variable):
        return leaf.numpy()
    if isinstance(leaf, KerasTensor):
        raise TypeError(f"`{what}` is a symbolic KerasTensor, which has no values; pass arrays")
    if hasattr(leaf, "toarray") and hasattr(leaf, "tocoo"):
        raise ValueError(f"`{what}` is a sparse matrix; pass {what}.toarray()")
    if hasattr(leaf, "dtypes") and hasattr(leaf, "to_numpy"):
        return _from_frame(leaf)
    if (
        isinstance(leaf, (numbers.Number, np.generic))
        or hasattr(leaf, "__array__")
        or hasattr(leaf, "__array_interface__")
    ):
        return np.asarray(leaf)
    raise TypeError(
        f"`{what}` must be an array, or a list, tuple or dict of arrays, received "
        f"{type(leaf).__name__}: {_short(leaf)}"
        + ("; call it, and pass what it returns" if inspect.isroutine(leaf) else "")
    )


def _from_frame(frame):
    """A data frame, or one column, as an array. Columns that mix numbers and truth values, or have a place for missing
    numbers, become what holds them all: floats where need be, missing numbers NaN."""
    array = np.asarray(frame)
    dtypes = frame.dtypes
    kinds = {dtype.kind for dtype in (dtypes if frame.ndim == 2 else [dtypes])}
    if array.dtype != object or not kinds <= set("biuf"):
        return array
    for dtype in ("bool",) * (kinds == {"b"}) + ("int64",) * (kinds <= set("iu")):
        try:
            return frame.to_numpy(dtype=dtype)
        except (TypeError, ValueError):
            break  # a number is missing
    return frame.to_numpy(dtype="float64", na_value=np.nan)


def is_arrays(structure):
    """Whether all leaves are arrays or numbers: no generator, data set or other source of batches."""
    if isinstance(structure, dict):
        return all(is_arrays(part) for part in structure.values())
    if isinstance(structure, (list, tuple)):
        return all(is_arrays(part) for part in structure)
    return (
        structure is None
        or isinstance(structure, (np.ndarray, Tensor, Variable, KerasTensor, numbers.Number, str, bytes))
        or hasattr(structure, "__array__")
        or hasattr(structure, "tocoo")
    )


def _is_numbers(structure):
    """Whether a list is an array written out: its first leaf is a number or a string."""
    while isinstance(structure, (list, tuple)):
        if not structure:
            return True
        structure = structure[0]
    return isinstance(structure, (numbers.Number, np.generic, str, bytes))


def _from_numbers(structure, what):
    try:
        array = np.asarray(structure)
    except ValueError as error:
        raise ValueError(
            f"`{what}` is a list whose rows have unequal lengths; pad them to one length first, for "
            f"instance with utils.pad_sequences({what})"
        ) from error
    return array.astype(np.float32) if array.dtype == np.float64 else array


def _checked(array, what):
    if array.dtype.kind in "OUSMmV":
        if array.dtype.kind in "US" and what.startswith("y"):
            raise ValueError(
                f"`{what}` holds strings, such as {str(array.flat[0]) if array.size else ''!r}, received shape "
                f"{array.shape}; losses take numbers: classes, {what} = np.unique({what}, "
                "return_inverse=True) numbers the classes"
            )
        if not what.startswith("x") or not holds_strings(
            array
        ):  # a model with an Input of strings may take these
            check_array(array, f"`{what}`")
    if array.ndim == 0:
        raise ValueError(
            f"`{what}` must have an axis of samples, received a single value, {array!r}; wrap "
            "it: np.array([value])"
        )
    if type(array) is not np.ndarray:  # a matrix or a masked array
        array = np.asarray(array)
    return array


def _short(thing):
    text = repr(thing)
    return text if len(text) < 80 else text[:77] + "..."


def plan_dtype(dtype, floats, labels=False):
    """The dtype that arrays of NumPy `dtype` have inside a plan: `floats` for floats, int32 for integers.

    labels: bytes become int32 and truth values floats, as losses and metrics take them; inputs keep them.
    """
    if dtype.kind == "f":
        return floats
    if dtype.kind == "b":
        return floats if labels else "bool"
    if dtype.kind in "iu":
        return "uint8" if dtype == np.uint8 and not labels else "int32"
    return STRING if dtype.kind in "OUS" else str(dtype)
