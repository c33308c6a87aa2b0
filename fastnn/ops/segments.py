"""Rows gathered into segments by number: their sums, products, largest and smallest."""

import numpy as np

from ..engine.op import context, define_op
from ..engine.symbolic import public
from ..engine.tensor import Spec
from ..engine.variable import convert
from .arithmetic import divide_no_nan
from .casting import cast
from .logic import equal, where
from .shape import reshaped
from .taking import take

_START = {"sum": 0, "prod": 1}


def _start(kind, dtype):
    if kind in _START:
        return _START[kind]
    limits = np.finfo(dtype) if np.issubdtype(dtype, np.floating) else np.iinfo(dtype)
    if np.issubdtype(dtype, np.floating):
        return -np.inf if kind == "max" else np.inf
    return limits.min if kind == "max" else limits.max


_INTO = {"sum": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum}


def _reference(data, ids, *, kind, segments):
    out = np.full((segments, *data.shape[1:]), _start(kind, data.dtype), data.dtype)
    known = (ids >= 0) & (ids < segments)  # others are left out
    _INTO[kind].at(out, ids[known], data[known])
    return out


def _grad(call, dy):
    data, ids = call.inputs
    inside = (ids >= 0) & (ids < call.segments)
    place = where(inside, ids, convert(0, dtype=ids.dtype))
    one = tuple([ids.shape[0]] + [1] * (len(data.shape) - 1))
    mine = take(dy, place, axis=0)
    if call.kind == "prod":
        mine = mine * divide_no_nan(take(call.output, place, axis=0), data)
    elif call.kind != "sum":
        mine = mine * cast(equal(take(call.output, place, axis=0), data), dy.dtype)
    return [mine * reshaped(cast(inside, dy.dtype), one), None]


segment_op = define_op(
    "segment",
    reference=_reference,
    grad=_grad,
    shape=lambda data, ids, *, kind, segments: Spec((segments, *data.shape[1:]), data.dtype),
)


def _segment(kind, data, ids, segments):
    data, ids = convert(data), convert(ids)
    if len(ids.shape) != 1 or not data.shape or ids.shape[0] != data.shape[0]:
        raise ValueError(
            f"segment_{kind}: `segment_ids` must hold one number for each of the {tuple(data.shape)[:1]} rows "
            f"of `data`, received shape {tuple(ids.shape)}"
        )
    if segments is None:
        if context.graph is not None:
            raise ValueError(f"segment_{kind}: `num_segments` must be given inside a compiled function")
        segments = int(ids.numpy().max(initial=-1)) + 1
    return segment_op(data, cast(ids, "int32"), kind=kind, segments=int(segments))


@public
def segment_sum(data, segment_ids, num_segments=None, sorted=False):  # noqa: A002 - Keras's name
    """Sums of the rows of `data` that have the same number in `segment_ids`: shape (num_segments, ...).

    Rows whose number lies outside 0..num_segments - 1 are left out; an empty segment is 0.
    """
    return _segment("sum", data, segment_ids, num_segments)


@public
def segment_prod(data, segment_ids, num_segments=None, sorted=False):  # noqa: A002
    """As `segment_sum`, products; an empty segment is 1."""
    return _segment("prod", data, segment_ids, num_segments)


@public
def segment_max(data, segment_ids, num_segments=None, sorted=False):  # noqa: A002
    """As `segment_sum`, the largest elements; an empty segment is minus infinity (or the least integer)."""
    return _segment("max", data, segment_ids, num_segments)


@public
def segment_min(data, segment_ids, num_segments=None, sorted=False):  # noqa: A002
    """As `segment_sum`, the smallest elements; an empty segment is infinity (or the greatest integer)."""
    return _segment("min", data, segment_ids, num_segments)
