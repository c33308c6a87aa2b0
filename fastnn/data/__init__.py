"""How users' data reaches a plan: arrays, sources of batches, and the checks on the way."""

from .arrays import as_array, as_arrays, is_arrays, plan_dtype
from .dataset import AUTOTUNE, INFINITE, UNKNOWN, Dataset
from .source import ArraySource, BatchSource, RowSource, split_validation
from .structure import fill, form_of, leaves_of, pack_x_y_sample_weight, unpack_x_y_sample_weight

__all__ = [
    "AUTOTUNE",
    "ArraySource",
    "BatchSource",
    "Dataset",
    "INFINITE",
    "RowSource",
    "UNKNOWN",
    "as_array",
    "as_arrays",
    "fill",
    "form_of",
    "is_arrays",
    "leaves_of",
    "pack_x_y_sample_weight",
    "plan_dtype",
    "split_validation",
    "unpack_x_y_sample_weight",
]
