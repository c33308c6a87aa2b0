"""Extents that differ from one trace of a model to the next, because they follow from unknown ones.

A model is traced several times, with other numbers in place of each unknown extent. What is equal in all traces
is known; what differs is a `Varying`, told by its value in each trace.
"""

import numpy as np


class Varying(tuple):
    """An integer by its values in all traces, which are not all equal."""

    __slots__ = ()

    def __repr__(self):
        return "unknown"


class VaryingArray:
    """A constant by its arrays in all traces, which are not all equal."""

    def __init__(self, arrays):
        self.arrays = arrays
        self.shape = joined_shape([array.shape for array in arrays])
        self.dtype = arrays[0].dtype


class Mismatch(Exception):
    """Values that differ between traces in a way that no extent explains."""


def joined_int(values):
    """One int, or what stands for several."""
    return values[0] if len(set(values)) == 1 else Varying(values)


def joined_shape(shapes):
    """The shape of a tensor in all traces.

    Raises:
        Mismatch: other numbers of axes.
    """
    if len({len(shape) for shape in shapes}) > 1:
        raise Mismatch("the number of axes changes")
    return tuple([joined_int(extents) for extents in zip(*shapes)])


def joined(values):
    """An attribute of an op in all traces: ints that differ become `Varying`, in tuples and lists too.

    Raises:
        Mismatch: other kinds of values that differ.
    """
    first = values[0]
    if all(type(value) is int for value in values):
        return joined_int(values)
    if isinstance(first, (tuple, list)) and all(
        type(value) is type(first) and len(value) == len(first) for value in values
    ):
        return tuple([joined(parts) for parts in zip(*values)])
    if isinstance(first, dict) and all(value.keys() == first.keys() for value in values):
        return {key: joined([value[key] for value in values]) for key in first}
    if callable(first) or all(
        type(value) is type(first) and (value == first or value != value) for value in values
    ):
        return first
    raise Mismatch(f"{first!r} becomes {values[-1]!r}")


def joined_array(arrays):
    """A constant in all traces: one array, or a VaryingArray."""
    first = arrays[0]
    if all(other is first or _equal(other, first) for other in arrays[1:]):
        return first
    return VaryingArray(arrays)


def _equal(a, b):
    return a.shape == b.shape and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")


def combined(function, *values):
    """function(*values) in each trace, for ints and `Varying`s."""
    count = max([len(value) for value in values if isinstance(value, Varying)], default=0)
    if not count:
        return function(*values)
    columns = [value if isinstance(value, Varying) else (value,) * count for value in values]
    return joined_int([function(*row) for row in zip(*columns)])
