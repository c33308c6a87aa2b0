"""The optimisers' updates, fused: one record a formula, one pass over a variable and its slots.

Inputs: the variable, its gradient (same shape and dtype), scalars that change from step to step (shape ()),
then the slots. Outputs: the new variable, then the new slots, which a plan writes over the old ones. Formulas
are Keras 3's (keras.optimizers), in its order of operations; csrc/optim.c has the kernels.
"""

import numpy as np

from ..engine.op import define_op, no_gradient
from ..engine.passes.sweeps import MOST_BUFFERS
from ..engine.tensor import Spec
from .precision import kernel_name, rounded

_NONE = no_gradient("an update is where differentiation ends")


def _define(name, formula, slots, kernel_attrs):
    """A record with rate and decay, both (), after variable and gradient, then as many
    slots as a call gives it.

    slots: how many that may be. For each there is a record `<name>_sweep<slots>` of several
    such updates at once: rate, decay, then every update's variable, gradient and slots.
    """

    def shape(w, g, rate, decay, *rest, **attrs):
        for x in (g, *rest):
            if tuple(x.shape) != tuple(w.shape) or x.dtype != w.dtype:
                raise ValueError(
                    f"{name}: the gradient and the slots must be like the variable, of shape "
                    f"{tuple(w.shape)}, {w.dtype}; received {tuple(x.shape)}, {x.dtype}"
                )
        return (Spec(w.shape, w.dtype),) * (1 + len(rest)) if rest else Spec(w.shape, w.dtype)

    def kernel(call):
        if any(b.dtype != "float32" for b in call.inputs):
            return False
        call.emit(
            name + "_f32",
            reads=call.inputs,
            writes=call.outputs,
            sizes=[call.output.size],
            attrs=kernel_attrs(call),
        )

    inplace = {0: (0,)} | {1 + i: (4 + i,) for i in range(max(slots))}
    _define_by_product(name, formula, shape, inplace, kernel_attrs)
    sweeps = {
        4 + count: _define_sweep(f"{name}_sweep{count}", name, formula, count, kernel_attrs)
        for count in slots
    }
    return define_op(
        name,
        shape=shape,
        reference=formula,
        grad=_NONE,
        kernel=kernel,
        inplace=inplace,
        sweep=((2, 3), sweeps),
    )


def _define_by_product(name, formula, shape_by_gradient, inplace, kernel_attrs):
    """The record `<name>_by_product`, whose gradient is a product a' b; a (k, m) and b (k, n) stand first.

    The pass fuse_updates makes its calls, where one kernel computes both.
    """

    def shape(a, b, w, *rest, precision=None, **attrs):
        return shape_by_gradient(w, Spec((a.shape[1], b.shape[1]), a.dtype), *rest, **attrs)

    def reference(a, b, w, *rest, precision=None, **attrs):
        a, b = rounded(precision, a, b)
        with np.errstate(all="ignore"):
            gradient = a.T @ b
        return formula(w, gradient, *rest, **attrs)

    def kernel(call):
        if any(x.dtype != "float32" for x in call.inputs):
            return False
        a, b, w, *rest = call.inputs
        sizes, attrs = [a.shape[1], b.shape[1], a.shape[0]], kernel_attrs(call)
        fused = kernel_name(call, f"gemm_tn_{name}")
        if call.work_of(fused, sizes, attrs)["units"]:
            call.emit(fused, call.inputs, call.outputs, sizes, attrs)
        else:
            gradient = call.workspace(w.nbytes)
            call.emit(kernel_name(call, "gemm_tn"), [a, b], [gradient], [*sizes, 0, 0], [0.0])
            call.emit(name + "_f32", [w, gradient, *rest], call.outputs, [w.size], attrs)
        return True

    moved = {output: tuple(i + (1 if i else 2) for i in places) for output, places in inplace.items()}
    define_op(
        name + "_by_product", shape=shape, reference=reference, grad=_NONE, kernel=kernel, inplace=moved
    )


def _define_sweep(name, each, formula, slots, kernel_attrs):
    takes, makes = 2 + slots, 1 + slots

    def calls(operands):
        return [operands[i : i + takes] for i in range(2, len(operands), takes)]

    def shape(*operands, **attrs):
        return tuple([Spec(w.shape, w.dtype) for w, *_ in calls(operands) for _ in range(makes)])

    def reference(*arrays, **attrs):
        rate, decay = arrays[:2]
        results = [formula(w, g, rate, decay, *rest, **attrs) for w, g, *rest in calls(arrays)]
        return tuple([array for result in results for array in result])

    def kernel(call):
        if any(b.dtype != "float32" for b in call.inputs):
            return False
        call.emit(
            f"{each}_sweep_f32",
            reads=call.inputs,
            writes=call.outputs,
            sizes=[w.size for w, *_ in calls(call.inputs)],
            attrs=kernel_attrs(call),
        )

    places = range(MOST_BUFFERS // (takes + makes))
    inplace = {i * makes + j: (2 + i * takes + (j + 1 if j else 0),) for i in places for j in range(makes)}
    return define_op(name, shape=shape, reference=reference, grad=_NONE, kernel=kernel, inplace=inplace)


# w' = w - lr g
def _sgd(w, g, lr, decay, *, decays):
    return (_decayed(w, decay, decays) - g * lr,)


def _decayed(w, decay, decays):
    """Decoupled weight decay, before the step: w - decay w, decay being the rate times the learning rate."""
    return w - w * decay if decays else w


# m' = mu m - lr g;  w' = w + m', or w + mu m' - lr g (Nesterov, in Sutskever et al.'s form, ICML 2013)
def _momentum(w, g, lr, decay, m, *, momentum, nesterov, decays):
    mu = w.dtype.type(momentum)
    m = m * mu - g * lr
    return _decayed(w, decay, decays) + (m * mu - g * lr if nesterov else m), m


# v' = rho v + (1 - rho) g^2; w' = w - lr g / sqrt(v' - a'^2 + eps), with a' the gradient's mean where
# centered; with momentum: p' = mu p + that step, w' = w - p'. Slots: v, [p], [a]. (Hinton, lecture 6e, 2012;
# Graves, 2013)
def _rmsprop(w, g, lr, decay, v, *slots, rho, momentum, epsilon, centered, decays):
    one = w.dtype.type
    v = one(rho) * v + one(1 - rho) * (g * g)
    spread = v
    extra = []
    if centered:
        a = one(rho) * slots[-1] + one(1 - rho) * g
        spread = v - a * a
        extra = [a]
    step = lr * g / np.sqrt(spread + one(epsilon))
    if momentum:
        p = one(momentum) * slots[0] + step
        return (_decayed(w, decay, decays) - p, v, p, *extra)
    return (_decayed(w, decay, decays) - step, v, *extra)


# m' = m + (1 - b1)(g - m); v' = v + (1 - b2)(g^2 - v); w' = w - alpha m' / (sqrt(v') + eps), alpha from
# `adam_rate`; with a third slot (AMSGrad) the largest v' so far stands for v'. (Kingma and Ba, ICLR 2015;
# Reddi et al., ICLR 2018)
def _adam(w, g, alpha, decay, m, v, *largest, beta_1, beta_2, epsilon, decays):
    one = w.dtype.type
    m = m + (g - m) * one(1 - beta_1)
    v = v + (g * g - v) * one(1 - beta_2)
    peak = [np.maximum(largest[0], v)] if largest else []
    w = _decayed(w, decay, decays) - m * alpha / (np.sqrt(peak[0] if peak else v) + one(epsilon))
    return (w, m, v, *peak)


def _quiet(formula):
    def reference(*arrays, **attrs):
        with np.errstate(all="ignore"):
            return formula(*arrays, **attrs)

    return reference


sgd_update = _define("sgd_update", _quiet(_sgd), (0,), lambda c: [c.decays])
momentum_update = _define(
    "momentum_update", _quiet(_momentum), (1,), lambda c: [c.momentum, c.nesterov, c.decays]
)
rmsprop_update = _define(
    "rmsprop_update",
    _quiet(_rmsprop),
    (1, 2, 3),
    lambda c: [c.rho, c.momentum, c.epsilon, c.centered, c.decays],
)
adam_update = _define(
    "adam_update", _quiet(_adam), (2, 3), lambda c: [c.beta_1, c.beta_2, c.epsilon, c.decays]
)


# ---- scalars of a step ----


def _adam_rate_reference(lr, iterations, *, beta_1, beta_2):
    """lr sqrt(1 - b2^t) / (1 - b1^t) at t = iterations + 1; the powers rounded to lr's dtype, as in Keras."""
    one = lr.dtype.type
    t = float(iterations) + 1.0
    first, second = (one(float(one(beta)) ** t) for beta in (beta_1, beta_2))
    with np.errstate(all="ignore"):
        return np.asarray(lr * np.sqrt(one(1) - second) / (one(1) - first), lr.dtype)


def _adam_rate_kernel(call):
    lr, iterations = call.inputs
    if lr.dtype != "float32" or iterations.dtype != "int32":
        return False
    call.emit(
        "adam_rate_f32", reads=call.inputs, writes=call.outputs, sizes=[], attrs=[call.beta_1, call.beta_2]
    )


adam_rate = define_op(
    "adam_rate",
    shape=lambda lr, t, **a: Spec((), lr.dtype),
    reference=_adam_rate_reference,
    grad=_NONE,
    kernel=_adam_rate_kernel,
)


def _count_kernel(call):
    if call.output.dtype != "int32":
        return False
    call.emit("count_up_i32", reads=call.inputs, writes=call.outputs, sizes=[])


count_up = define_op(
    "count_up",
    shape=lambda n: Spec((), n.dtype),
    reference=lambda n: np.asarray(n + n.dtype.type(1)),
    grad=_NONE,
    kernel=_count_kernel,
    inplace=(0,),
)
