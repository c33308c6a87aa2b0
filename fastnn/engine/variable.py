"""Variables: named state that plans read and update in place."""

import numpy as np

from . import dtypes
from .op import OpCall, context, define_op
from .tensor import Arithmetic, Spec, StringTensor, Tensor, check_array, holds_strings

_ALIGNMENT = 64


def aligned_empty(shape, dtype):
    """An uninitialised array on a 64-byte boundary."""
    dtype = np.dtype(dtype)
    nbytes = int(np.prod(shape)) * dtype.itemsize
    raw = np.empty(nbytes + _ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % _ALIGNMENT
    return raw[start : start + nbytes].view(dtype).reshape(shape)


def blank(shape, dtype=None):
    """An initializer for variables whose values come from a file: zeros in memory that is not touched yet."""
    return np.zeros(shape, dtypes.NUMPY[dtypes.standardize(dtype)])


def _aligned_zeros(shape, dtype):
    dtype = np.dtype(dtype)
    nbytes = int(np.prod(shape)) * dtype.itemsize
    raw = np.zeros(nbytes + _ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % _ALIGNMENT
    return raw[start : start + nbytes].view(dtype).reshape(shape)


# What a tape and a graph note when a variable is read; its one input is the Variable itself.
read_variable = define_op(
    "read_variable",
    shape=lambda v: Spec(v.shape, v.dtype),
    reference=lambda a: a,
    grad=lambda call, dout: [dout],
)


class Variable(Arithmetic):
    """State of a model: a float32 (or other) array with a name, changed by `assign`.

    Args:
        initializer: an array, a tensor, a number, or a function (shape, dtype) -> tensor.
        shape: needed with a function.
        dtype: a name; the initial value's own by default (floats: `floatx`).
        trainable: whether optimisers and tapes look at it.
        name: what errors and files call it.
        layout: accepted as in Keras; there is one device.
    """

    def __init__(
        self,
        initializer,
        shape=None,
        dtype=None,
        trainable=True,
        autocast=True,
        aggregation="none",
        synchronization="auto",
        name=None,
        layout=None,
    ):
        from .op import suspended

        with suspended():
            if callable(initializer) and not isinstance(initializer, (np.ndarray, Tensor)):
                if shape is None:
                    raise ValueError("Variable: with a function as `initializer`, `shape` is needed too")
                dtype = dtypes.standardize(dtype)
                initial = np.asarray(initializer(tuple(shape), dtype=dtype))
            else:
                initial = np.asarray(initializer)
                if dtype is None and initial.dtype == np.float64 and not isinstance(initializer, np.ndarray):
                    dtype = dtypes.standardize(None)
            dtype = (
                dtypes.standardize(dtype) if dtype is not None else dtypes.NAME[check_array(initial).dtype]
            )
        if shape is not None and tuple(initial.shape) != tuple(shape):
            raise ValueError(
                f"Variable {name!r}: the initial value has shape {initial.shape}, `shape` says {tuple(shape)}"
            )
        # Plans keep its address: never replaced.
        if initializer is blank:
            self.storage = _aligned_zeros(initial.shape, dtypes.NUMPY[dtype])
        else:
            self.storage = aligned_empty(initial.shape, dtypes.NUMPY[dtype])
            self.storage[...] = initial
        self.shape = tuple(initial.shape)
        self.dtype = dtype
        self.name = name or "variable"
        self.path = self.name
        self.trainable = trainable
        self.autocast = autocast
        self.aggregation = aggregation
        self.synchronization = synchronization
        self.regularizer = None
        self.constraint = None
        self.overwrite_with_gradient = False
        self.snapshot = None  # a Tensor with the current values; whoever writes `storage` sets it to None

    def read(self):
        """The current value: a Tensor, or a Traced one while a function is traced."""
        if context.stateless is not None and (value := context.stateless.get_current_value(self)) is not None:
            return value
        graph = context.graph
        if graph is not None:
            value = graph.read_apart(self) if context.tapes else graph.read(self)
        else:
            value = self.snapshot
            if value is None:
                value = self.snapshot = Tensor(self.storage.copy())
        if context.tapes:
            call = OpCall(read_variable, (self,), (value,), {})
            for tape in context.tapes:
                tape.record(call)
        return value

    @property
    def value(self):
        """The current value, as `read` gives it."""
        return self.read()

    def assign(self, value):
        """Replace the values; `value` (tensor, array or number) must have this variable's shape."""
        value = value.read() if isinstance(value, Variable) else value
        if not isinstance(value, Tensor):
            value = Tensor(np.asarray(value, dtypes.NUMPY[self.dtype]))
        if tuple(value.shape) != self.shape:
            raise ValueError(
                f"Variable {self.path!r}: cannot assign a value of shape {tuple(value.shape)} to a "
                f"variable of shape {self.shape}"
            )
        if context.stateless is not None:
            context.stateless.add_update((self, value))
        elif context.graph is not None:
            context.graph.assign(self, value)
        else:
            self.storage[...] = value.array
            self.snapshot = None
        return value

    def assign_stored(self, store, key):
        """Replace the values by store[key], an array of this shape; read straight into place where `store` can."""
        if hasattr(store, "read_into") and context.graph is None and store.read_into(key, self.storage):
            self.snapshot = None
        else:
            self.assign(np.asarray(store[key]))

    def assign_add(self, value):
        """Add `value` to the variable; returns the new value."""
        return self.assign(self.read() + value)

    def assign_sub(self, value):
        """Subtract `value` from the variable; returns the new value."""
        return self.assign(self.read() - value)

    @property
    def size(self):
        """How many elements it has."""
        return self.storage.size

    def numpy(self):
        """A copy of the values."""
        if context.graph is not None:
            return self.read().array  # raises the trace's error
        return self.storage.copy()

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.numpy(), dtype)

    def __float__(self):
        return float(self.read())

    def __int__(self):
        return int(self.read())

    def __bool__(self):
        return bool(self.read())

    def __repr__(self):
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}, value={self.storage}>"

    def __deepcopy__(self, memo):
        twin = Variable(self.storage.copy(), dtype=self.dtype, trainable=self.trainable, name=self.name)
        for name in ("path", "autocast", "regularizer", "constraint"):
            setattr(twin, name, getattr(self, name))
        memo[id(self)] = twin
        return twin

    __hash__ = object.__hash__


def convert(x, dtype=None):
    """`x` (tensor, variable, array, number, list) as a Tensor; Python floats become `floatx`, ints int32, strings a
    StringTensor.

    A symbolic tensor (KerasTensor) is not accepted here: public ops deal with those first.
    """
    if isinstance(x, Tensor):
        tensor = x
    elif isinstance(x, Variable):
        tensor = x.read()
    else:
        if isinstance(x, np.ndarray):
            if x.dtype.kind in "OUS" and dtype in (None, dtypes.STRING) and holds_strings(x):
                return StringTensor(x)
            array = check_array(x)
        else:
            if isinstance(x, (list, tuple)) and any(isinstance(part, (Tensor, Variable)) for part in x):
                from .op import records

                tensor = records["stack"](*[convert(part, dtype) for part in x], axis=0)
                return tensor
            array = np.asarray(x)
            if array.dtype.kind in "OUS" and dtype in (None, dtypes.STRING) and holds_strings(array):
                return StringTensor(array)
            if array.dtype == np.float64 and not isinstance(x, np.generic):
                array = array.astype(dtypes.standardize(None))
            elif array.dtype == np.int64 and not isinstance(x, np.generic):
                array = (
                    array.astype(np.int32) if -(2**31) <= _least(array) and _most(array) < 2**31 else array
                )
            check_array(array)
        if dtype is not None:
            return Tensor(np.asarray(array, dtypes.NUMPY[dtypes.standardize(dtype)]))
        return Tensor(array)
    if dtype is not None and tensor.dtype != dtype:
        from .op import records

        return records["cast"](tensor, dtype=dtypes.standardize(dtype))
    return tensor


def _least(array):
    return array.min() if array.size else 0


def _most(array):
    return array.max() if array.size else 0
