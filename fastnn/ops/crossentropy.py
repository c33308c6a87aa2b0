"""Cross-entropy: of labels or distributions, from logits (fused) or probabilities, and the binary form.

Gradients from logits take the row's log-sum-exp, a second output of the forward record, and so need no second
look for the maximum. That output is for the gradient record alone: it carries no gradient of its own.
"""

import math

import numpy as np

from ..engine import settings
from ..engine.op import define_op, no_gradient, records, same_shape
from ..engine.symbolic import public
from ..engine.tensor import Spec, Traced
from ..engine.variable import convert
from .axes import canonical_axis
from .composed import gradient_of
from .reduction import as_float, sum_op
from .softmax import logsumexp_reference, softmax_op

# ---- shapes and lowering ----


def _check_labels(name, logits, labels):
    if len(logits.shape) < 1 or tuple(labels.shape) != tuple(logits.shape[:-1]):
        raise ValueError(
            f"{name}: one label for each row of logits is expected, shape {tuple(logits.shape[:-1])} for "
            f"logits of shape {tuple(logits.shape)}; received labels of shape {tuple(labels.shape)}. "
            "For one-hot labels use the categorical form"
        )
    if labels.dtype != "int32":
        raise ValueError(f"{name}: labels must be int32 class numbers, received {labels.dtype}")


def _check_targets(name, logits, targets):
    if tuple(logits.shape) != tuple(targets.shape) or logits.dtype != targets.dtype or len(logits.shape) < 1:
        raise ValueError(
            f"{name}: targets must have the logits' shape {tuple(logits.shape)} and dtype {logits.dtype}, "
            f"received shape {tuple(targets.shape)}, dtype {targets.dtype}"
        )


def _rows(shape):
    return [math.prod(shape[:-1]), shape[-1]]


def _rows_kernel(name):
    """The lowering of a kernel over rows of the first input (..., cols)."""

    def kernel(call):
        if call.inputs[0].dtype != "float32":
            return False
        call.emit(name, reads=call.inputs, writes=call.outputs, sizes=_rows(call.inputs[0].shape))

    return kernel


def _column(x):
    """(...) as (..., 1)."""
    return records["reshape"](x, newshape=(*x.shape, 1))


def _row_sum(x):
    return sum_op(x, axis=(len(x.shape) - 1,), keepdims=False)


# ---- labels ----


def _picked(x, labels):
    """x[..., label], NaN where there is no such class."""
    classes = x.shape[-1]
    inside = (labels >= 0) & (labels < classes)
    if classes == 0:
        return np.full(labels.shape, np.nan, x.dtype)
    found = np.take_along_axis(x, np.where(inside, labels, 0)[..., None], axis=-1)[..., 0]
    return np.where(inside, found, x.dtype.type(np.nan))


def _pick_shape(x, labels):
    _check_labels("pick_class", x, labels)
    return Spec(labels.shape, x.dtype)


def _place_reference(labels, dy, *, classes):
    return (np.arange(classes) == labels[..., None]) * dy[..., None]


def _place_kernel(call):
    if call.output.dtype != "float32":
        return False
    call.emit("place_class_f32", reads=call.inputs, writes=call.outputs, sizes=_rows(call.output.shape))


pick_class_op = define_op(
    "pick_class",
    shape=_pick_shape,
    reference=_picked,
    kernel=_rows_kernel("pick_class_f32"),
    grad=lambda call, dy: [place_class_op(call.inputs[1], dy, classes=call.inputs[0].shape[-1]), None],
)
place_class_op = define_op(
    "place_class",
    shape=lambda labels, dy, *, classes: Spec((*labels.shape, classes), dy.dtype),
    reference=_place_reference,
    kernel=_place_kernel,
    grad=lambda call, g: [None, pick_class_op(g, call.inputs[0])],
)


def _sparse_shape(logits, labels):
    _check_labels("sparse_softmax_cross_entropy", logits, labels)
    return Spec(labels.shape, logits.dtype), Spec(labels.shape, logits.dtype)


def _log_sum(logits):
    return logsumexp_reference(logits, axis=(logits.ndim - 1,), keepdims=False)


def _sparse_reference(logits, labels):
    log_sum = _log_sum(logits)
    with np.errstate(invalid="ignore"):
        return log_sum - _picked(logits, labels), log_sum


def _sparse_grad_reference(logits, labels, log_sum, dy):
    with np.errstate(all="ignore"):
        inside = (labels >= 0) & (labels < logits.shape[-1])
        p = np.exp(logits - log_sum[..., None])
        hit = np.arange(logits.shape[-1]) == labels[..., None]
        return (p - hit) * np.where(inside, dy, dy.dtype.type(np.nan))[..., None]


def _sparse_grad_composed(logits, labels, log_sum, dy):
    p = softmax_op(logits, axis=len(logits.shape) - 1)
    return p * _column(dy) - place_class_op(labels, dy, classes=logits.shape[-1])


sparse_softmax_cross_entropy_op = define_op(
    "sparse_softmax_cross_entropy",
    shape=_sparse_shape,
    reference=_sparse_reference,
    kernel=_rows_kernel("sparse_softmax_cross_entropy_f32"),
    grad=lambda call, dy, _: [sparse_softmax_cross_entropy_grad_op(*call.inputs, call.outputs[1], dy), None],
)
sparse_softmax_cross_entropy_grad_op = define_op(
    "sparse_softmax_cross_entropy_grad",
    shape=same_shape,
    reference=_sparse_grad_reference,
    inplace=(0,),
    kernel=_rows_kernel("sparse_softmax_cross_entropy_grad_f32"),
    grad=gradient_of(_sparse_grad_composed),
)


def _sparse_both_reference(logits, labels, dy):
    loss, log_sum = _sparse_reference(logits, labels)
    return loss, _sparse_grad_reference(logits, labels, log_sum, dy)


def _both_shape(logits, target, dy):
    return Spec(logits.shape[:-1], logits.dtype), Spec(logits.shape, logits.dtype)


# Loss and gradient at once: what passes/pairs.py makes of the two calls above (or below).
define_op(
    "sparse_softmax_cross_entropy_both",
    shape=_both_shape,
    reference=_sparse_both_reference,
    inplace={1: (0,)},
    kernel=_rows_kernel("sparse_softmax_cross_entropy_both_f32"),
    grad=no_gradient("fusion runs after differentiation"),
)


# ---- distributions ----


def _dense_shape(logits, targets):
    _check_targets("softmax_cross_entropy", logits, targets)
    return Spec(logits.shape[:-1], logits.dtype), Spec(logits.shape[:-1], logits.dtype)


def _dense_reference(logits, targets):
    log_sum = _log_sum(logits)
    with np.errstate(invalid="ignore"):
        return np.sum(targets * (log_sum[..., None] - logits), axis=-1), log_sum


def _dense_grad_reference(logits, targets, log_sum, dy):
    with np.errstate(all="ignore"):
        p = np.exp(logits - log_sum[..., None])
        return (p * np.sum(targets, axis=-1, keepdims=True) - targets) * dy[..., None]


def _dense_grad_composed(logits, targets, log_sum, dy):
    p = softmax_op(logits, axis=len(logits.shape) - 1)
    return (p * _column(_row_sum(targets)) - targets) * _column(dy)


def _dense_grad(call, dy, _):
    logits, targets = call.inputs
    log_sum = call.outputs[1]
    needs = call.needs or (True, True)
    return [
        softmax_cross_entropy_grad_op(logits, targets, log_sum, dy) if needs[0] else None,
        (_column(log_sum) - logits) * _column(dy) if needs[1] else None,
    ]


softmax_cross_entropy_op = define_op(
    "softmax_cross_entropy",
    shape=_dense_shape,
    reference=_dense_reference,
    grad=_dense_grad,
    kernel=_rows_kernel("softmax_cross_entropy_f32"),
)
softmax_cross_entropy_grad_op = define_op(
    "softmax_cross_entropy_grad",
    shape=same_shape,
    reference=_dense_grad_reference,
    inplace=(0, 1),
    kernel=_rows_kernel("softmax_cross_entropy_grad_f32"),
    grad=gradient_of(_dense_grad_composed),
)


def _dense_both_reference(logits, targets, dy):
    loss, log_sum = _dense_reference(logits, targets)
    return loss, _dense_grad_reference(logits, targets, log_sum, dy)


define_op(
    "softmax_cross_entropy_both",
    shape=_both_shape,
    reference=_dense_both_reference,
    inplace={1: (0,)},
    kernel=_rows_kernel("softmax_cross_entropy_both_f32"),
    grad=no_gradient("fusion runs after differentiation"),
)


# ---- two classes ----


def _sigmoid_shape(logits, targets):
    _check_pair("sigmoid_cross_entropy", "logits", logits, targets)
    return Spec(logits.shape, logits.dtype)


def _check_pair(name, what, output, targets):
    if tuple(output.shape) != tuple(targets.shape) or output.dtype != targets.dtype:
        raise ValueError(
            f"{name}: `target` must have the shape {tuple(output.shape)} and dtype {output.dtype} of the "
            f"{what}, received shape {tuple(targets.shape)}, dtype {targets.dtype}"
        )


def _sigmoid_reference(logits, targets):
    with np.errstate(all="ignore"):
        return np.maximum(logits, 0) - logits * targets + np.log1p(np.exp(-np.abs(logits)))


def _sigmoid_kernel(call):
    if call.output.dtype != "float32":
        return False
    call.emit("sigmoid_cross_entropy_f32", reads=call.inputs, writes=call.outputs, sizes=[call.output.size])


sigmoid_cross_entropy_op = define_op(
    "sigmoid_cross_entropy",
    shape=_sigmoid_shape,
    reference=_sigmoid_reference,
    kernel=_sigmoid_kernel,
    inplace=(0, 1),
    grad=lambda call, dy: [
        (records["sigmoid"](call.inputs[0]) - call.inputs[1]) * dy,
        -(call.inputs[0] * dy),
    ],
)


# ---- public functions ----


def _made_by(output, op, **attrs):
    """The input of `op` if `output` is what it made in this trace, else None: its logits, then."""
    if (
        type(output) is Traced
        and output.node is not None
        and output.node.op is op
        and output.node.attrs == attrs
    ):
        return output.node.inputs[0]
    return None


def _axis_last(x, axis):
    if axis == len(x.shape) - 1:
        return x
    order = (*[i for i in range(len(x.shape)) if i != axis], axis)
    return records["transpose"](x, axes=order)


def _clip(x):
    return records["clip"](x, x_min=settings.epsilon(), x_max=1.0 - settings.epsilon())


def _without_rank(name, output):
    if len(output.shape) < 1:
        raise ValueError(f"{name}: `output` must have an axis of classes, received a scalar")


@public
def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """-sum(target * log(p)) along `axis`: one loss for each distribution.

    Args:
        target: floats of the shape of `output`.
        output: probabilities (brought to sum 1 and clipped by `epsilon()`), or logits if `from_logits`.
            Inside a trace, what a softmax along `axis` made is replaced by the softmax's input: stable, and
            faster.
    Source: Keras 3 `ops.categorical_crossentropy`.
    """
    output = as_float(output)
    _without_rank("categorical_crossentropy", output)
    target = convert(target, dtype=output.dtype)
    if tuple(target.shape) != tuple(output.shape):
        raise ValueError(
            "categorical_crossentropy: `target` and `output` must have the same shape, received "
            f"{tuple(target.shape)} and {tuple(output.shape)}; for labels given as class numbers use the "
            "sparse form"
        )
    axis = canonical_axis("categorical_crossentropy", axis, len(output.shape))
    logits = output if from_logits else _made_by(output, softmax_op, axis=axis)
    if logits is not None:
        return softmax_cross_entropy_op(_axis_last(logits, axis), _axis_last(target, axis))[0]
    p = _clip(output / sum_op(output, axis=(axis,), keepdims=True))
    return -sum_op(target * records["log"](p), axis=(axis,), keepdims=False)


@public
def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """-log(p[label]) along `axis`: one loss for each label; NaN where the label is no class.

    Args:
        target: class numbers, of the shape of `output` without `axis` (or with a last axis of 1).
        output: as in `categorical_crossentropy`.
    Source: Keras 3 `ops.sparse_categorical_crossentropy`.
    """
    output = as_float(output)
    _without_rank("sparse_categorical_crossentropy", output)
    axis = canonical_axis("sparse_categorical_crossentropy", axis, len(output.shape))
    target = convert(target, dtype="int32")
    if len(target.shape) == len(output.shape) and target.shape[-1] == 1:
        target = records["reshape"](target, newshape=tuple(target.shape[:-1]))
    expected = tuple(n for i, n in enumerate(output.shape) if i != axis)
    if tuple(target.shape) != expected:
        raise ValueError(
            "sparse_categorical_crossentropy: `target` must hold one class number for each distribution, "
            f"shape {expected} for an `output` of shape {tuple(output.shape)}; received shape "
            f"{tuple(target.shape)}. For one-hot labels use categorical_crossentropy"
        )
    logits = output if from_logits else _made_by(output, softmax_op, axis=axis)
    if logits is not None:
        return sparse_softmax_cross_entropy_op(_axis_last(logits, axis), target)[0]
    share = pick_class_op(_axis_last(output, axis), target) / sum_op(output, axis=(axis,), keepdims=False)
    return -records["log"](_clip(share))


@public
def binary_crossentropy(target, output, from_logits=False):
    """-(t * log(p) + (1 - t) * log(1 - p)), element by element.

    Args:
        target: numbers in 0..1, of the shape of `output`.
        output: probabilities (clipped by `epsilon()`), or logits if `from_logits`. Inside
            a trace, what a sigmoid made is replaced by the sigmoid's input.
    Source: Keras 3 `ops.binary_crossentropy`.
    """
    output = as_float(output)
    target = convert(target, dtype=output.dtype)
    _check_pair("binary_crossentropy", "output", output, target)
    logits = output if from_logits else _made_by(output, records["sigmoid"])
    if logits is not None:
        return sigmoid_cross_entropy_op(logits, target)
    p = _clip(output)
    return -(target * records["log"](p) + (1.0 - target) * records["log"](1.0 - p))
