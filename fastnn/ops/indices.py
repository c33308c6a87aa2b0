"""Integers that name elements: their dtypes, and what becomes of those out of range."""

import numpy as np

from ..engine import dtypes
from ..engine.op import records
from ..engine.variable import convert


def index_tensor(indices, name):
    """`indices` as an int32 or int64 tensor; a ValueError where they are no integers."""
    indices = convert(indices)
    if indices.dtype in ("int32", "int64"):
        return indices
    if not dtypes.is_integer(indices.dtype):
        raise ValueError(
            f"{name}: `indices` must be integers, received dtype {indices.dtype}; cast them with "
            "ops.cast(indices, 'int32')"
        )
    return records["cast"](indices, dtype="int64" if indices.dtype in ("uint32", "uint64") else "int32")


def outside_value(dtype):
    """What stands for an element that an index out of range asked for: NaN, or the dtype's extreme."""
    if dtype.kind in "fc":
        return np.nan
    if dtype.kind == "b":
        return True
    return np.iinfo(dtype).min if dtype.kind == "i" else np.iinfo(dtype).max


def located(indices, extent):
    """(indices from the front, where they lie outside); those outside become 0."""
    index = np.where(indices < 0, indices.astype(np.int64) + extent, indices)
    outside = (index < 0) | (index >= extent)
    return np.where(outside, 0, index), outside


def index_name(buffer):
    """The end of the name of a kernel that reads indices of this buffer's dtype."""
    return {"int32": "i32", "int64": "i64"}[buffer.dtype]
