"""Python's operators on tensors, variables and symbolic tensors: the public ops under another name."""

import numbers

from ..engine.op import context
from ..engine.symbolic import KerasTensor
from ..engine.tensor import Arithmetic, Tensor, install_operators
from ..engine.variable import Variable
from . import arithmetic, logic


def _matmul(a, b):
    from . import matmul  # another family's, which may be imported after this file

    return matmul(a, b)


def _get_item(self, key):
    from .indexing import get_item, item_now  # which need the operators of this file

    def found(self, key):
        if type(self) is Tensor and not context.tapes:
            item = item_now(self, key)
            if item is not None:
                return item
        return get_item(self, key)

    Arithmetic.__getitem__ = found
    return found(self, key)


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
    "add": arithmetic.add,
    "sub": arithmetic.subtract,
    "mul": arithmetic.multiply,
    "truediv": arithmetic.divide,
    "floordiv": arithmetic.floor_divide,
    "mod": arithmetic.mod,
    "pow": arithmetic.power,
    "matmul": _matmul,
    "and": _logical_or_bitwise(logic.logical_and, logic.bitwise_and),
    "or": _logical_or_bitwise(logic.logical_or, logic.bitwise_or),
    "xor": _logical_or_bitwise(logic.logical_xor, logic.bitwise_xor),
    "lshift": logic.left_shift,
    "rshift": logic.right_shift,
}
_COMPARED = {
    "eq": logic.equal,
    "ne": logic.not_equal,
    "lt": logic.less,
    "le": logic.less_equal,
    "gt": logic.greater,
    "ge": logic.greater_equal,
}


def _reshape(self, newshape):
    from .shape import reshape

    return reshape(self, newshape)


def _squeeze(self, axis=None):
    from .shape import squeeze

    return squeeze(self, axis)


KerasTensor.reshape, KerasTensor.squeeze = _reshape, _squeeze
install_operators(
    {f"__{name}__": _forward(function) for name, function in _BINARY.items()}
    | {f"__r{name}__": _reflected(function) for name, function in _BINARY.items()}
    | {f"__{name}__": _compared(function) for name, function in _COMPARED.items()}
    | {
        "__neg__": lambda self: arithmetic.negative(self),
        "__pos__": lambda self: self,
        "__getitem__": _get_item,
        "__abs__": lambda self: arithmetic.absolute(self),
        "__invert__": lambda self: (logic.logical_not if self.dtype == "bool" else logic.bitwise_not)(self),
    }
)
