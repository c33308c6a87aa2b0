"""Where the class with the largest score is the right one: what accuracies count."""

import math

import numpy as np

from ..engine.chain import ELEMENT
from ..engine.op import define_op, no_gradient
from ..engine.tensor import Spec

_TRUTH = no_gradient("truth values")


def _hits_shape(labels, scores):
    if tuple(labels.shape) != tuple(scores.shape[:-1]) or not scores.shape or scores.shape[-1] < 1:
        raise ValueError(
            "class_hits: one label for each row of scores is expected, shape "
            f"{tuple(scores.shape[:-1])} for scores of shape {tuple(scores.shape)}, which need a class "
            f"at least; received labels of shape {tuple(labels.shape)}"
        )
    return Spec(labels.shape, "float32")


def _hits_kernel(call):
    labels, scores = call.inputs
    if scores.dtype != "float32" or labels.dtype not in ELEMENT:
        return False
    call.emit(
        "class_hits_f32",
        reads=call.inputs,
        writes=call.outputs,
        sizes=[labels.size, scores.shape[-1], ELEMENT[labels.dtype]],
    )


class_hits = define_op(
    "class_hits",
    shape=_hits_shape,
    grad=_TRUTH,
    kernel=_hits_kernel,
    reference=lambda labels, scores: (np.argmax(scores, -1) == labels).astype(np.float32),
)


def _peak_shape(a, b):
    if tuple(a.shape) != tuple(b.shape) or not a.shape or a.shape[-1] < 1:
        raise ValueError(
            "shared_peak: two tensors of one shape (..., classes) with a class at least are expected, "
            f"received {tuple(a.shape)} and {tuple(b.shape)}"
        )
    return Spec(a.shape[:-1], "float32")


def _peak_kernel(call):
    a, b = call.inputs
    if a.dtype != "float32" or b.dtype != "float32":
        return False
    call.emit(
        "shared_peak_f32",
        reads=call.inputs,
        writes=call.outputs,
        sizes=[math.prod(a.shape[:-1]), a.shape[-1]],
    )


shared_peak = define_op(
    "shared_peak",
    shape=_peak_shape,
    grad=_TRUTH,
    kernel=_peak_kernel,
    reference=lambda a, b: (np.argmax(a, -1) == np.argmax(b, -1)).astype(np.float32),
)
