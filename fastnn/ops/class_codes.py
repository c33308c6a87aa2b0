"""one_hot and multi_hot: integers as zeros and ones."""

import math
import operator

import numpy as np

from ..engine import dtypes
from ..engine.op import define_op, no_gradient
from ..engine.symbolic import public
from ..engine.tensor import Spec
from .axes import canonical_axis
from .indices import index_name, index_tensor


def _one_hot_shape(x, *, num_classes, axis, dtype):
    return Spec((*x.shape[:axis], num_classes, *x.shape[axis:]), dtype)


def _one_hot_reference(x, *, num_classes, axis, dtype):
    classes = np.arange(num_classes).reshape([-1] + [1] * (x.ndim - axis))
    return (np.expand_dims(x, axis) == classes).astype(dtype)


def _one_hot_kernel(call):
    x = call.inputs[0]
    if x.dtype not in ("int32", "int64") or call.dtype != "float32":
        return False
    call.emit(
        "one_hot_f32_" + index_name(x),
        reads=[x],
        writes=call.outputs,
        sizes=[math.prod(x.shape[: call.axis]), call.num_classes, math.prod(x.shape[call.axis :])],
    )


one_hot_op = define_op(
    "one_hot",
    shape=_one_hot_shape,
    reference=_one_hot_reference,
    kernel=_one_hot_kernel,
    grad=no_gradient("integer input"),
)


@public
def one_hot(x, num_classes, axis=-1, dtype=None, sparse=False):
    """1 at each integer's class along a new axis of extent `num_classes`, else 0; none
    for one out of range."""
    if sparse:
        raise ValueError("one_hot: `sparse=True` is not supported; leave it False")
    x = index_tensor(x, "one_hot")
    return one_hot_op(
        x,
        num_classes=operator.index(num_classes),
        axis=canonical_axis("one_hot", axis, len(x.shape) + 1),
        dtype=dtypes.standardize(dtype),
    )


def _multi_hot_reference(x, *, num_classes, axis, dtype):
    codes = _one_hot_reference(x, num_classes=num_classes, axis=axis % (x.ndim + 1), dtype=dtype)
    return codes.max(1 if x.ndim > 1 else 0, initial=0)


def _multi_hot_shape(x, *, num_classes, axis, dtype):
    shape = list(x.shape)
    shape.insert(axis % (len(shape) + 1), num_classes)
    del shape[1 if len(x.shape) > 1 else 0]
    return Spec(tuple(shape), dtype)


multi_hot_op = define_op(
    "multi_hot", shape=_multi_hot_shape, reference=_multi_hot_reference, grad=no_gradient("integer input")
)


@public
def multi_hot(inputs, num_classes=None, axis=-1, dtype=None, sparse=False, **kwargs):
    """1 for each class that occurs among a row of integers: (classes) of (k,), (batch,
    classes) of (batch, k)."""
    num_classes = kwargs.pop("num_tokens", num_classes)
    if sparse or kwargs or num_classes is None:
        raise ValueError(
            "multi_hot: `num_classes` is needed and `sparse=True` not supported, received num_classes="
            f"{num_classes}, sparse={sparse}, {kwargs}"
        )
    x = index_tensor(inputs, "multi_hot")
    return multi_hot_op(
        x, num_classes=operator.index(num_classes), axis=axis, dtype=dtypes.standardize(dtype)
    )
