"""What elementwise ops share: promotion, broadcasting and its gradient, and how their records are defined.

A record of two operands broadcasts as NumPy does and wants one dtype; the public function brings the operands
there (`operands`). Plain numbers are weak: they take the tensor's dtype, unless that cannot hold them.
"""

import functools
import numbers

import numpy as np

from ..engine import dtypes
from ..engine.chain import pointwise_kernel
from ..engine.op import define_op, no_gradient, records, same_shape
from ..engine.tensor import Spec, Tensor
from ..engine.variable import Variable, convert


@functools.lru_cache(maxsize=512)
def _known_constant(value, kind, dtype):
    return Tensor(np.asarray(value, dtypes.NUMPY[dtype]))


def constant(value, dtype):
    """The number `value` as a tensor without axes; one tensor a value, so that a graph holds it once."""
    if value == 0 or value != value:  # -0.0 equals 0.0, and a NaN nothing
        return Tensor(np.asarray(value, dtypes.NUMPY[dtype]))
    return _known_constant(value, type(value), dtype)


def weak_dtype(dtype, number):
    """The dtype of a result of a tensor of `dtype` and a plain number."""
    if isinstance(number, numbers.Real):
        if isinstance(number, (bool, np.bool_)) or dtypes.is_float(dtype) or dtype.startswith("complex"):
            return dtype
        if isinstance(number, numbers.Integral):
            return "int32" if dtype == "bool" else dtype
        return dtypes.standardize(None)
    return dtype if dtype.startswith("complex") else "complex128" if dtype == "float64" else "complex64"


def operands(*values):
    """The values as tensors of one dtype."""
    first = values[0]
    if isinstance(first, (Tensor, Variable)):
        dtype = first.dtype
        for x in values:
            if not isinstance(x, (Tensor, Variable)) or x.dtype != dtype:
                break
        else:
            return [x if isinstance(x, Tensor) else x.read() for x in values]
    tensors = [x if isinstance(x, numbers.Number) else convert(x) for x in values]
    strong = [x.dtype for x in tensors if isinstance(x, Tensor)]
    if not strong:
        tensors = [convert(x) for x in tensors]
        strong = [x.dtype for x in tensors]
    dtype = dtypes.promote(*strong)
    for x in tensors:
        if not isinstance(x, Tensor):
            dtype = weak_dtype(dtype, x)
    return [convert(x, dtype=dtype) if isinstance(x, Tensor) else constant(x, dtype) for x in tensors]


def float_operands(*values):
    """The values as tensors of one float (or complex) dtype: integers become `floatx`."""
    tensors = operands(*values)
    dtype = tensors[0].dtype
    if dtypes.is_float(dtype) or dtype.startswith("complex"):
        return tensors
    return [convert(x, dtype=dtypes.standardize(None)) for x in tensors]


def one_dtype(name, inputs):
    """The operands' common dtype, or the user's error."""
    dtype = inputs[0].dtype
    for x in inputs:
        if x.dtype != dtype:
            kinds = ", ".join(i.dtype for i in inputs)
            raise ValueError(
                f"{name}: the operands' dtypes must be equal, received {kinds}; cast one of "
                "them with ops.cast"
            )
    return dtype


def broadcast_shape(name, inputs):
    """The operands' common shape, or the user's error."""
    first = tuple(inputs[0].shape)
    if all(tuple(x.shape) == first for x in inputs):
        return first
    try:
        return np.broadcast_shapes(*[tuple(x.shape) for x in inputs])
    except ValueError:
        shapes = " and ".join(str(tuple(x.shape)) for x in inputs)
        raise ValueError(
            f"{name}: the shapes {shapes} do not fit together: counted from the last axis, extents must be "
            "equal or 1. Reshape one operand, for instance with ops.expand_dims"
        ) from None


def broadcasting(name, result=None):
    """The shape rule of an op of several operands of one dtype; `result` is its dtype where that differs."""

    def shape(*inputs, **attrs):
        dtype = one_dtype(name, inputs)
        return Spec(broadcast_shape(name, inputs), result or dtype)

    return shape


def to_bool(x, **attrs):
    """The shape rule of a test of each element."""
    return Spec(x.shape, "bool")


def sum_to(dy, shape):
    """The gradient of an operand of `shape` that was broadcast to dy's: dy summed over what was repeated."""
    shape = tuple(shape)
    if tuple(dy.shape) == shape:
        return dy
    lead = len(dy.shape) - len(shape)
    axes = tuple(i for i, extent in enumerate(dy.shape) if i < lead or shape[i - lead] != extent)
    if axes:
        dy = records["sum"](dy, axis=axes, keepdims=False)
    return dy if tuple(dy.shape) == shape else records["reshape"](dy, newshape=shape)


def quiet(reference):
    """The reference without NumPy's warnings: an infinity or a NaN is an answer here, not an accident."""

    @functools.wraps(reference)
    def call(*arrays, **attrs):
        with np.errstate(all="ignore"):
            return reference(*arrays, **attrs)

    return call


def define_pointwise(name, reference, grad, *, shape=same_shape, inplace=(0,)):
    """The record of an elementwise op whose opcode in csrc/eltwise.c has the record's name."""
    return define_op(
        name,
        shape=shape,
        reference=quiet(reference),
        grad=grad,
        kernel=pointwise_kernel,
        inplace=inplace,
        pointwise=name,
    )


def define_binary(name, reference, grad, result=None):
    """The record of a broadcasting op of two operands."""
    return define_pointwise(
        name, reference, grad, shape=broadcasting(name, result), inplace=() if result else (0, 1)
    )


def each_operand(*functions):
    """A gradient rule from one function (dy, a, b, y) -> gradient before summing, for each operand."""

    def grad(call, dy):
        return [
            sum_to(f(dy, *call.inputs, call.output), x.shape) if wanted else None
            for f, x, wanted in zip(functions, call.inputs, call.needs or (True, True), strict=True)
        ]

    return grad


STEPS = no_gradient("constant almost everywhere")


def no_bool(*values):
    """`operands`, bools among them as int32: their sums and shifts are numbers."""
    tensors = operands(*values)
    return [convert(x, dtype="int32") for x in tensors] if tensors[0].dtype == "bool" else tensors
