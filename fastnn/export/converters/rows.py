"""Functions of whole rows: softmax and its kin, normalisations."""

import numpy as np

from ..onnx_graph import Unsayable
from ..sizes import Varying
from .table import converts


@converts("softmax", "log_softmax")
def _softmax(g, call, x):
    return g.node("Softmax" if call.op == "softmax" else "LogSoftmax", [x], axis=call.axis)


@converts("logsumexp")
def _logsumexp(g, call, x):
    axes = g.ints(call.axis) if call.axis is not None else None
    return g.node("ReduceLogSumExp", [x, axes], keepdims=int(call.keepdims))


@converts("sparsemax")
def _sparsemax(g, call, x):
    """Martins and Astudillo, ICML 2016: x less a threshold that the k largest of a row define, cut at 0."""
    shape, axis, dtype = call.inputs[0].shape, call.axis, call.output.dtype
    if isinstance(shape[axis], Varying):
        raise Unsayable("sparsemax along an unknown extent")
    ordered = g.node("TopK", [x, g.size(shape[axis])], 2, axis=axis)[0]
    sums = g.node("CumSum", [ordered, g.number(axis, "int64")])
    ranks = np.arange(1, shape[axis] + 1, dtype=dtype).reshape([-1] + [1] * (len(shape) - axis - 1))
    bound = g.node("Add", [g.node("Mul", [ordered, g.constant(ranks)]), g.number(1, dtype)])
    inside = g.cast(g.node("Greater", [bound, sums]), dtype)
    axes = g.ints([axis])
    count = g.node("ReduceSum", [inside, axes], keepdims=1)
    total = g.node("ReduceSum", [g.node("Mul", [ordered, inside]), axes], keepdims=1)
    threshold = g.node("Div", [g.node("Sub", [total, g.number(1, dtype)]), count])
    return g.node("Relu", [g.node("Sub", [x, threshold])])


@converts("layer_norm")
def _layer_norm(g, call, x, gamma, beta):
    """The second and third output, a row's mean and deviation, are for gradients."""
    if any(g.is_wanted(value) for value in call.outputs[1:]):
        raise Unsayable("the statistics of a normalisation")
    y = g.node("LayerNormalization", [x, gamma, beta], axis=call.axis, epsilon=call.epsilon)
    return [y, None, None]


@converts("rms_norm")
def _rms_norm(g, call, x, scale):
    if g.is_wanted(call.outputs[1]):
        raise Unsayable("the statistics of a normalisation")
    axes = g.ints(range(call.axis, len(call.inputs[0].shape)))
    square = g.node("ReduceMean", [g.node("Mul", [x, x]), axes], keepdims=1)
    root = g.node("Sqrt", [g.node("Add", [square, g.number(call.epsilon, call.output.dtype)])])
    return [g.node("Mul", [g.node("Div", [x, root]), scale]), None]


@converts("batch_norm_train")
def _batch_norm(g, call, x, gamma, beta):
    dtype = call.outputs[0].dtype
    axes = g.ints(range(len(call.inputs[0].shape) - 1))
    mean = g.node("ReduceMean", [x, axes], keepdims=0)
    away = g.node("Sub", [x, mean])
    var = g.node("ReduceMean", [g.node("Mul", [away, away]), axes], keepdims=0)
    root = g.node("Sqrt", [g.node("Add", [var, g.number(call.epsilon, dtype)])])
    y = g.node("Add", [g.node("Mul", [g.node("Div", [away, root]), gamma]), beta])
    return [g.node("Relu", [y]) if call.activation else y, mean, var]
