"""Tensors in another dtype, and tensors that gradients do not pass."""

import numpy as np

from ..engine import dtypes
from ..engine.op import define_op, no_gradient, records, same_shape
from ..engine.symbolic import public
from ..engine.tensor import Spec
from ..engine.variable import convert
from .arithmetic import clip_op, maximum_op, minimum_op
from .pointwise import constant, define_pointwise


def _cast_reference(x, dtype):
    return x.astype(dtypes.NUMPY[dtype])


def _cast_grad(call, dy):
    source = call.inputs[0].dtype
    if not all(dtypes.is_float(dtype) or dtype.startswith("complex") for dtype in (source, call.dtype)):
        return [None]
    if dtypes.is_float(source) and call.dtype.startswith("complex"):
        dy = records["real"](dy)
    return [convert(dy, dtype=source)]


cast_op = define_pointwise(
    "cast", _cast_reference, _cast_grad, shape=lambda x, dtype: Spec(x.shape, dtype), inplace=()
)
stop_gradient_op = define_op(
    "stop_gradient",
    shape=same_shape,
    reference=lambda x: x,
    view=True,
    grad=no_gradient("that is what it is for"),
)


@public
def cast(x, dtype):
    """x in another dtype; floats become integers by cutting the fraction off, and bools by `!= 0`."""
    return convert(convert(x), dtype=dtypes.standardize(dtype))


@public
def saturate_cast(x, dtype):
    """x in another dtype, each value first brought into the range that `dtype` can hold."""
    x, dtype = convert(x), dtypes.standardize(dtype)
    if dtypes.is_integer(dtype) and x.dtype != dtype and x.dtype != "bool":
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        if dtypes.is_integer(x.dtype):
            low, high = max(low, np.iinfo(x.dtype).min), min(high, np.iinfo(x.dtype).max)
            x = minimum_op(maximum_op(x, constant(int(low), x.dtype)), constant(int(high), x.dtype))
        else:  # the bound itself may round up to a float outside: take the next one in
            kind = dtypes.NUMPY[x.dtype].type
            top = kind(high) if int(kind(high)) <= high else np.nextafter(kind(high), kind(0))
            x = clip_op(x, x_min=float(kind(low)), x_max=float(top))
    return convert(x, dtype=dtype)


@public
def stop_gradient(variable):
    """The same values; gradients end here."""
    return stop_gradient_op(convert(variable))
