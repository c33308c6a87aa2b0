"""Python's operators on tensors, variables and symbolic tensors: the public ops under another name."""

import numbers

from ..engine.symbolic import KerasTensor
from ..engine.tensor import Tensor, install_operators
from ..engine.variable import Variable
from . import pointwise


def _matmul(a, b):
    from . import matmul  # another family's, which may be imported after this file

    return matmul(a, b)


def _get_item(self, key):
    from .indexing import get_item  # which needs the operators of this file

    return get_item(self, key)


def _forward(function):
    return lambda self, other: function(self, other)


def _reflected(function):
    return lambda self, other: function(other, self)


def _same_kind(other):
    known = (Tensor, Variable, KerasTensor, numbers.Number, list, tuple)
    return isinstance(other, known) or hasattr(other, "__array__")


def _compared(function):
    """Elementwise, but a tensor just differs from what is no tensor (None, a string)."""
    return lambda self, other: function(self, other) if _same_kind(other) else NotImplemented


def _logical_or_bitwise(logical, bitwise):
    """`&`, `|`, `^`: on bools the logical op, on integers the bits."""
    return lambda a, b: (logical if getattr(a, "dtype", None) == "bool" else bitwise)(a, b)


_BINARY = {
    "add": pointwise.add,
    "sub": pointwise.subtract,
    "mul": pointwise.multiply,
    "truediv": pointwise.divide,
    "floordiv": pointwise.floor_divide,
    "mod": pointwise.mod,
    "pow": pointwise.power,
    "matmul": _matmul,
    "and": _logical_or_bitwise(pointwise.logical_and, pointwise.bitwise_and),
    "or": _logical_or_bitwise(pointwise.logical_or, pointwise.bitwise_or),
    "xor": _logical_or_bitwise(pointwise.logical_xor, pointwise.bitwise_xor),
    "lshift": pointwise.left_shift,
    "rshift": pointwise.right_shift,
}
_COMPARED = {
    "eq": pointwise.equal,
    "ne": pointwise.not_equal,
    "lt": pointwise.less,
    "le": pointwise.less_equal,
    "gt": pointwise.greater,
    "ge": pointwise.greater_equal,
}

install_operators(
    {f"__{name}__": _forward(function) for name, function in _BINARY.items()}
    | {f"__r{name}__": _reflected(function) for name, function in _BINARY.items()}
    | {f"__{name}__": _compared(function) for name, function in _COMPARED.items()}
    | {
        "__neg__": lambda self: pointwise.negative(self),
        "__pos__": lambda self: self,
        "__getitem__": _get_item,
        "__abs__": lambda self: pointwise.absolute(self),
        "__invert__": lambda self: pointwise.bitwise_not(self),
    }
)
