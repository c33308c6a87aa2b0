"""Tensors: values at hand (`Tensor`), values of a trace (`Traced`), and what both can do."""

from typing import NamedTuple

import numpy as np

from . import dtypes


class Spec(NamedTuple):
    """The shape (a tuple of ints) and dtype (a name) of a tensor."""

    shape: tuple
    dtype: str


class TraceError(TypeError):
    """Python code asked for the value of a tensor that is only being traced."""


# NumPy's functions behind operators: (the operator's method, that of the right operand).
_OPERATORS = {
    np.add: ("__add__", "__radd__"),
    np.subtract: ("__sub__", "__rsub__"),
    np.multiply: ("__mul__", "__rmul__"),
    np.divide: ("__truediv__", "__rtruediv__"),
    np.floor_divide: ("__floordiv__", "__rfloordiv__"),
    np.remainder: ("__mod__", "__rmod__"),
    np.power: ("__pow__", "__rpow__"),
    np.matmul: ("__matmul__", "__rmatmul__"),
    np.bitwise_and: ("__and__", "__rand__"),
    np.bitwise_or: ("__or__", "__ror__"),
    np.bitwise_xor: ("__xor__", "__rxor__"),
    np.left_shift: ("__lshift__", "__rlshift__"),
    np.right_shift: ("__rshift__", "__rrshift__"),
    np.equal: ("__eq__", "__eq__"),
    np.not_equal: ("__ne__", "__ne__"),
    np.less: ("__lt__", "__gt__"),
    np.less_equal: ("__le__", "__ge__"),
    np.greater: ("__gt__", "__lt__"),
    np.greater_equal: ("__ge__", "__le__"),
}


class Arithmetic:
    """The operators of tensors, variables and symbolic tensors; `ops` installs them."""

    __slots__ = ()
    __array_priority__ = 100

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        """ndarray + tensor is the tensor's business; other functions of NumPy get the values."""
        if ufunc in _OPERATORS and method == "__call__" and not kwargs:
            left, right = inputs
            plain, reflected = _OPERATORS[ufunc]
            if isinstance(left, Arithmetic):
                return getattr(left, plain)(right)
            return getattr(right, reflected)(left)
        return getattr(ufunc, method)(
            *[np.asarray(x) if isinstance(x, Arithmetic) else x for x in inputs], **kwargs
        )

    def __len__(self):
        if not self.shape:
            raise TypeError("len() of a tensor without axes")
        return self.shape[0]

    @property
    def ndim(self):
        """How many axes it has."""
        return len(self.shape)


def install_operators(methods):
    """Give every tensor the operators in `methods`: {"__add__": function, ...}; called once, by ops."""
    for name, function in methods.items():
        setattr(Arithmetic, name, function)


class Tensor(Arithmetic):
    """An array that will not change. `shape`: tuple of ints; `dtype`: its name; `numpy()`: a NumPy array."""

    __slots__ = ("array", "__weakref__")

    def __init__(self, array):
        self.array = array

    @property
    def shape(self):
        """A tuple of ints."""
        return self.array.shape

    @property
    def dtype(self):
        """The dtype's name, "float32"."""
        return dtypes.NAME[self.array.dtype]

    @property
    def size(self):
        """How many elements it has."""
        return self.array.size

    def numpy(self):
        """The values, as a read-only NumPy array."""
        view = self.array.view()
        view.flags.writeable = False
        return view

    def __array__(self, dtype=None, copy=None):
        if dtype is not None and self.array.dtype != dtype:
            return self.array.astype(dtype)
        return self.array.copy() if copy else self.numpy()

    def item(self):
        """The only element as a Python number."""
        return self.array.item()

    def tolist(self):
        """The elements as nested lists of Python numbers."""
        return self.array.tolist()

    def __bool__(self):
        return bool(self.array)

    def __int__(self):
        return int(self.array)

    def __float__(self):
        return float(self.array)

    def __index__(self):
        return self.array.__index__()

    def __iter__(self):
        if not self.shape:
            raise TypeError("iteration over a tensor without axes")
        return (self[i] for i in range(self.shape[0]))

    def __format__(self, spec):
        return format(self.array.item() if self.array.ndim == 0 else self.array, spec)

    def __repr__(self):
        return (
            f"Tensor(shape={self.shape}, dtype={self.dtype}, {np.array2string(self.array, separator=', ')})"
        )

    def __reduce__(self):
        return Tensor, (np.asarray(self.array),)

    def __deepcopy__(self, memo):
        return Tensor(self.array.copy())

    __hash__ = object.__hash__


class Traced(Tensor):
    """A value inside a trace: shape and dtype are known, the elements are not.

    node: the `OpCall` that makes it, or None for an input, a constant or a variable's old value.
    value: a constant's array, else None.
    """

    __slots__ = ("_shape", "_dtype", "graph", "node", "value")

    def __init__(self, shape, dtype, graph, node=None, value=None):
        self._shape = shape
        self._dtype = dtype
        self.graph = graph
        self.node = node
        self.value = value

    @property
    def shape(self):
        """A tuple of ints."""
        return self._shape

    @property
    def dtype(self):
        """The dtype's name."""
        return self._dtype

    @property
    def size(self):
        """How many elements it has."""
        return int(np.prod(self._shape))

    @property
    def array(self):
        """Not there: raises the TraceError that says what to do instead."""
        raise TraceError(
            f"the value of a tensor of shape {self.shape}, dtype {self.dtype}, is not known while a function is "
            "being traced. Use ops in place of NumPy's functions; ops.cond, ops.where or ops.while_loop in place of "
            "Python's `if` and `while`; or run without tracing: compile(..., run_eagerly=True)"
        )

    def numpy(self):
        """Raises a TraceError."""
        return self.array

    def __repr__(self):
        return f"Traced(shape={self.shape}, dtype={self.dtype})"

    def __format__(self, spec):
        return repr(self)

    def __reduce__(self):
        return self.array

    def __deepcopy__(self, memo):
        return self

    __hash__ = object.__hash__


class StringTensor(Tensor):
    """An array of strings, for the layers that make numbers of them; no op takes it."""

    __slots__ = ()

    @property
    def dtype(self):
        """ "string"."""
        return dtypes.STRING


def holds_strings(array):
    """Whether a NumPy array holds nothing but strings, or byte strings."""
    if array.dtype.kind == "O":
        return array.size > 0 and all(isinstance(item, (str, bytes)) for item in array.flat)
    return array.dtype.kind in "US"


def check_array(array, what="array"):
    """`array` itself if fastnn computes with its dtype, else a ValueError that names `what`."""
    if array.dtype not in dtypes.NAME:
        kind = {"O": "Python objects", "U": "strings", "S": "byte strings"}.get(
            array.dtype.kind, str(array.dtype)
        )
        raise ValueError(
            f"{what} holds {kind}, received dtype {array.dtype}, shape {array.shape}; convert it first, "
            "for instance with np.asarray(x, dtype='float32'), and give rows of equal length"
        )
    return array
