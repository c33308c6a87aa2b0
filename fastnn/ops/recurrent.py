"""SimpleRNN, LSTM and GRU over whole sequences: a record for each, and one for its gradient.

Inputs: x (batch, steps, features), kernel (features, gates * units), recurrent kernel (units, gates * units),
the states before the first step (batch, units), then, if `biased`, the bias (GRU: two rows of gates * units,
for x's products and the state's) and, if `masked`, the mask (batch, steps), False where a step leaves the
states as they are.
Outputs: if `sequences` y (batch, steps, units), in the order of computation; the last states; if `keep`, what
the gradient reads, step by step in x's order: x beside the h before (steps, batch, features + units; of one
row h alone), the gates (steps, batch, parts * units), LSTM: c (steps, batch, units). Second derivatives are taken step
by step (recurrent_steps.py).
"""

import math

import numpy as np

from ..engine.op import context, define_op, records
from ..engine.tensor import Spec, Tensor
from . import recurrent_steps
from .loop_records import is_zero
from .matmul import matmul_op
from .shape import reshaped, transposed

ACTIVATIONS = {"linear": 0, "relu": 1, "tanh": 2, "sigmoid": 3, "hard_sigmoid": 4}  # fnn_gate


class Kind:
    """gates: how many the kernels have. parts: what is kept of each step. states: how many there are."""

    def __init__(self, name, number, gates, parts, states):
        self.name, self.number, self.gates, self.parts, self.states = name, number, gates, parts, states


SIMPLE, LSTM, GRU = Kind("simple_rnn", 0, 1, 1, 1), Kind("lstm", 1, 4, 4, 2), Kind("gru", 2, 3, 4, 1)


class _Inputs:
    """A record's inputs by name; `bias`, `mask`, `carry` None where there is none."""

    def __init__(self, kind, inputs, attrs):
        given = list(inputs)
        self.x, self.kernel, self.recurrent, self.state = given[:4]
        del given[:4]
        self.carry = given.pop(0) if kind.states > 1 else None
        self.bias = given.pop(0) if attrs["biased"] else None
        self.mask = given.pop(0) if attrs["masked"] else None
        self.batch, self.steps, self.features = self.x.shape
        self.units = self.recurrent.shape[0]
        self.width = kind.gates * self.units
        self.lead = self.features if self.batch > 1 else 0  # of one row, x is its own steps' matrix


def _shape(kind):
    def shape(*inputs, **attrs):
        i = _Inputs(kind, inputs, attrs)
        expected = {
            "kernel": (i.kernel, (i.features, i.width)),
            "recurrent kernel": (i.recurrent, (i.units, i.width)),
            "initial state": (i.state, (i.batch, i.units)),
            "initial carry": (i.carry, (i.batch, i.units)),
            "mask": (i.mask, (i.batch, i.steps)),
            "bias": (i.bias, (2, i.width) if kind is GRU else (i.width,)),
        }
        for what, (tensor, wanted) in expected.items():
            if tensor is not None and tuple(tensor.shape) != wanted:
                raise ValueError(
                    f"{kind.name}: for an input of shape {tuple(i.x.shape)} and {i.units} units the {what} "
                    f"must have shape {wanted}, received {tuple(tensor.shape)}"
                )
        dtype = i.x.dtype
        states = [Spec((i.batch, i.units), dtype)] * kind.states
        whole = Spec((i.batch, i.steps, i.units), dtype)
        kept = [Spec((i.steps, i.batch, n), dtype) for n in (i.lead + i.units, kind.parts * i.units, i.units)]
        kept = kept if kind is LSTM else kept[:2]
        specs = (*([whole] if attrs["sequences"] else []), *states, *(kept if attrs["keep"] else []))
        return specs if len(specs) > 1 else specs[0]

    return shape


# ---- references ----


def _activated(name, x):
    if name == "relu":
        return np.maximum(x, 0)
    if name == "tanh":
        return np.tanh(x)
    if name == "sigmoid":
        e = np.exp(-np.abs(x))
        return np.where(x < 0, e, 1) / (1 + e)
    return np.clip(x / 6 + 0.5, 0, 1) if name == "hard_sigmoid" else x


def _slope(name, y):
    if name == "relu":
        return (y > 0).astype(y.dtype)
    if name == "tanh":
        return 1 - y * y
    if name == "sigmoid":
        return y * (1 - y)
    return np.where((y > 0) & (y < 1), y.dtype.type(1 / 6), 0) if name == "hard_sigmoid" else np.ones_like(y)


def _cell(kind, i, x, h, c, act, gate):
    """(h, c, parts) after a step."""
    zx, zh = x @ i.kernel, h @ i.recurrent
    if i.bias is not None:
        zx = zx + (i.bias[0] if kind is GRU else i.bias)
        zh = zh + i.bias[1] if kind is GRU else zh
    if kind is SIMPLE:
        h = _activated(act, zx + zh)
        return h, None, [h]
    if kind is LSTM:
        zi, zf, zg, zo = np.split(zx + zh, 4, axis=-1)
        parts = [_activated(gate, zi), _activated(gate, zf), _activated(act, zg), _activated(gate, zo)]
        c = parts[1] * c + parts[0] * parts[2]
        return parts[3] * _activated(act, c), c, parts
    (xz, xr, xg), (hz, hr, q) = np.split(zx, 3, axis=-1), np.split(zh, 3, axis=-1)
    z, r = _activated(gate, xz + hz), _activated(gate, xr + hr)
    g = _activated(act, xg + r * q)
    return z * h + (1 - z) * g, None, [z, r, g, q]


def _order(steps, backwards):
    return range(steps)[:: -1 if backwards else 1]


def _reference(kind):
    def reference(*inputs, **attrs):
        i = _Inputs(kind, inputs, attrs)
        h, c = i.state, i.carry
        y = np.empty((i.batch, i.steps, i.units), i.x.dtype)
        before, cells = np.empty((2, i.steps, i.batch, i.units), i.x.dtype)
        gates = np.zeros((i.steps, i.batch, kind.parts * i.units), i.x.dtype)
        for s, t in enumerate(_order(i.steps, attrs["backwards"])):
            before[t] = h
            new, new_c, parts = _cell(
                kind, i, i.x[:, t], h, c, attrs["activation"], attrs["recurrent_activation"]
            )
            gates[t] = np.concatenate(parts, axis=-1)
            if i.mask is None:
                h, c, y[:, s] = new, new_c, new
            else:
                on = i.mask[:, t, None].astype(bool)
                y[:, s] = np.where(on, new, 0 if attrs["zero_masked"] else h)
                h = np.where(on, new, h)
                c = np.where(on, new_c, c) if c is not None else None
            if c is not None:
                cells[t] = c
        states = [h, c][: kind.states]
        if i.lead:
            before = np.concatenate([np.swapaxes(i.x, 0, 1), before], axis=-1)
        kept = [before, gates, cells][: 3 if kind is LSTM else 2]
        return (*([y] if attrs["sequences"] else []), *states, *(kept if attrs["keep"] else []))

    return reference


class _GradInputs:
    """The gradient record's inputs by name."""

    def __init__(self, kind, inputs, attrs):
        given = list(inputs)
        self.recurrent, self.gates = given[:2]
        del given[:2]
        self.inward = given.pop(0) if kind is GRU else None  # x beside h
        self.cells, self.carry = (given.pop(0), given.pop(0)) if kind is LSTM else (None, None)
        self.mask = given.pop(0) if attrs["masked"] else None
        self.dy = given.pop(0) if attrs["sequences"] else None
        self.dh = given.pop(0)
        self.dc = given.pop(0) if kind is LSTM else None
        self.steps, self.batch = self.gates.shape[:2]
        self.units = self.recurrent.shape[0]
        self.lead = self.inward.shape[2] - self.units if kind is GRU else 0


def _grad_shape(kind):
    def shape(*inputs, **attrs):
        i = _GradInputs(kind, inputs, attrs)
        sums = Spec((i.steps, i.batch, kind.gates * i.units), i.gates.dtype)
        return (*[sums] * (2 if kind is GRU else 1), *[Spec((i.batch, i.units), i.gates.dtype)] * kind.states)

    return shape


def _cell_back(kind, i, t, before, dh, dc, act, gate):
    """(gradients for x's sums, for the state's sums, dh and dc before the step, but for the sums' share)."""
    parts = np.split(i.gates[t], kind.parts, axis=-1)
    if kind is SIMPLE:
        d = dh * _slope(act, parts[0])
        return d, d, np.zeros_like(dh), None
    if kind is LSTM:
        inward, forget, g, outward = parts
        ac = _activated(act, i.cells[t])
        dc = dc + dh * outward * _slope(act, ac)
        d = np.concatenate(
            [
                dc * g * _slope(gate, inward),
                dc * before * _slope(gate, forget),
                dc * inward * _slope(act, g),
                dh * ac * _slope(gate, outward),
            ],
            axis=-1,
        )
        return d, d, np.zeros_like(dh), dc * forget
    z, r, g, q = parts
    dz = dh * (before - g) * _slope(gate, z)
    dg = dh * (1 - z) * _slope(act, g)
    dr = dg * q * _slope(gate, r)
    return np.concatenate([dz, dr, dg], axis=-1), np.concatenate([dz, dr, dg * r], axis=-1), dh * z, None


def _grad_reference(kind):
    def reference(*inputs, **attrs):
        i = _GradInputs(kind, inputs, attrs)
        dh, dc = i.dh, i.dc
        d = np.zeros((i.steps, i.batch, kind.gates * i.units), i.gates.dtype)
        dq = np.zeros_like(d)
        order = list(_order(i.steps, attrs["backwards"]))
        for s in range(i.steps)[::-1]:
            t = order[s]
            before = i.inward[t, :, i.lead :] if kind is GRU else None
            if kind is LSTM:
                before = i.cells[order[s - 1]] if s else i.carry
            on = None if i.mask is None else i.mask[:, t, None].astype(bool)
            if i.dy is not None:
                dh = dh + (
                    i.dy[:, s] if on is None or not attrs["zero_masked"] else np.where(on, i.dy[:, s], 0)
                )
            dx, ds, dh_new, dc_new = _cell_back(
                kind, i, t, before, dh, dc, attrs["activation"], attrs["recurrent_activation"]
            )
            if on is not None:
                dx, ds = np.where(on, dx, 0), np.where(on, ds, 0)
                dh_new = np.where(on, dh_new, dh)
                dc_new = np.where(on, dc_new, dc) if dc is not None else None
            d[t], dq[t] = dx, ds
            dh, dc = dh_new + ds @ i.recurrent.T, dc_new
        return (d, *([dq] if kind is GRU else []), *[dh, dc][: kind.states])

    return reference


# ---- kernels ----

_NEAR = 640 * 1024  # bytes of weights that a core fetches from its second-level cache, for the most part
_FAR = 896 * 1024  # bytes of recurrent weights from which on threads had better read a part each
_FEW_ROWS = 12  # under so many rows a product for all steps at once does more with the kernel than one a step
_MOST_ROWS_BY_COLUMNS = 64


def _by_columns(batch, width, units):
    """Whether threads share out a step's columns rather than rows: weights that no near cache holds, and few
    rows."""
    return 4 * units * width > _FAR and batch <= _MOST_ROWS_BY_COLUMNS


def _parts_of(steps, columns):
    """The ranges of steps that are an instruction each."""
    return [(s, s + 1) for s in range(steps)] if columns else [(0, steps)]


def _kernel(kind):
    def kernel(call):
        i = _Inputs(kind, call.inputs, call.attrs)
        if not i.batch or not i.steps or not i.units or not i.features:
            return False
        if not call.has("recurrent_f32"):
            return False
        columns = _by_columns(i.batch, i.width, i.units)
        near = 4 * (i.features + i.units) * i.width <= _NEAR
        fused = not columns and i.batch >= _FEW_ROWS and (near or i.batch > _MOST_ROWS_BY_COLUMNS)
        packed = fused or i.steps * math.ceil(i.batch / 6) >= 4
        outputs = list(call.outputs)
        y = [outputs.pop(0)] if call.sequences else []
        states, kept = outputs[: kind.states], outputs[kind.states :]
        lead = i.lead if call.keep else i.features if fused else 0
        if not call.keep:
            kept = [call.workspace(8 * i.batch * (lead + i.units))]
        above = i.features if fused else 0
        r, projected = i.recurrent, None
        if packed:
            sizes = [i.units, i.units, kind.gates, 0, i.batch, above, 0]
            r = call.reordered("recurrent_pack_f32", i.recurrent, sizes)
            if fused:
                before = [i.features, i.units, kind.gates, 0, i.batch, 0, i.units]
                call.emit("recurrent_pack_f32", [i.kernel], [r], before)
        if not fused:
            projected = call.workspace(4 * i.batch * i.steps * i.width)
            bias = [] if i.bias is None else [i.bias]
            call.emit(
                "gemm_nn_f32",
                [i.x, i.kernel, *bias],
                [projected],
                [i.batch * i.steps, i.width, i.features, len(bias), 0],
                [0.0],
            )
        reads = [i.x, projected, r, i.bias, i.state, i.carry, i.mask]
        for first, last in _parts_of(i.steps, columns):
            call.emit(
                "recurrent_f32",
                [buffer for buffer in reads if buffer is not None],
                [*y, *states, *kept],
                [
                    kind.number,
                    i.batch,
                    i.steps,
                    i.features,
                    i.units,
                    lead,
                    fused,
                    packed,
                    call.biased,
                    call.masked,
                    call.zero_masked,
                    call.sequences,
                    call.keep,
                    call.backwards,
                    ACTIVATIONS[call.activation],
                    ACTIVATIONS[call.recurrent_activation],
                    first,
                    last,
                    columns,
                ],
            )

    return kernel


def _grad_kernel(kind):
    def kernel(call):
        i = _GradInputs(kind, call.inputs, call.attrs)
        if not i.batch or not i.steps or not i.units or not call.has("recurrent_grad_f32"):
            return False
        width = kind.gates * i.units
        columns = _by_columns(i.batch, width, i.units)
        turned = call.reordered("recurrent_pack_f32", i.recurrent, [width, i.units, 1, 1, i.batch, 0, 0])
        reads = [turned, i.gates, i.inward, i.cells, i.carry, i.mask, i.dy, i.dh, i.dc]
        for first, last in [(first - 1, last - 1) for first, last in _parts_of(i.steps + 1, columns)][::-1]:
            call.emit(
                "recurrent_grad_f32",
                [buffer for buffer in reads if buffer is not None],
                call.outputs,
                [
                    kind.number,
                    i.batch,
                    i.steps,
                    i.units,
                    i.lead,
                    call.masked,
                    call.zero_masked,
                    call.sequences,
                    call.backwards,
                    ACTIVATIONS[call.activation],
                    ACTIVATIONS[call.recurrent_activation],
                    first,
                    last,
                    columns,
                ],
            )

    return kernel


# ---- gradients ----


def _grad(kind, grad_op):
    def grad(call, *douts):
        if not call.keep:  # computed by a caller who did not expect to be asked
            attrs = {**call.attrs, "keep": True}
            outputs = list(records[kind.name](*call.inputs, **attrs))
        else:
            attrs, outputs = call.attrs, list(call.outputs)
        i = _Inputs(kind, call.inputs, attrs)
        if not all(map(is_zero, douts[call.sequences + kind.states :])):  # a gradient is differentiated again
            return recurrent_steps.gradients(
                lambda inputs: recurrent_steps.forward(kind, _Inputs(kind, inputs, attrs), attrs),
                call.inputs,
                douts,
            )
        douts = list(douts)
        dy = [douts.pop(0)] if attrs["sequences"] else []
        kept = outputs[len(dy) + kind.states :]
        needs = call.needs or (True,) * len(call.inputs)
        given = [
            i.recurrent,
            kept[1],
            *([kept[0]] if kind is GRU else []),
            *([kept[2], i.carry] if kind is LSTM else []),
            *([i.mask] if attrs["masked"] else []),
            *dy,
            *douts[: kind.states],
        ]
        flags = {key: value for key, value in attrs.items() if key not in ("keep", "biased")}
        d, *rest = grad_op(*given, **flags)
        dq = rest.pop(0) if kind is GRU else d
        rows = i.batch * i.steps
        d_rows = reshaped(d, (rows, i.width))
        dq_rows = d_rows if dq is d else reshaped(dq, (rows, i.width))
        gradients = [None] * len(call.inputs)
        if needs[0]:
            dx = matmul_op(d_rows, i.kernel, transpose_a=False, transpose_b=True)
            gradients[0] = transposed(reshaped(dx, (i.steps, i.batch, i.features)), (1, 0, 2))
        if needs[1] or needs[2]:
            gradients[1:3] = _weight_gradients(i, kept[0], d_rows, dq_rows, rows)
        gradients[3 : 3 + kind.states] = rest
        if attrs["biased"] and needs[3 + kind.states]:
            sums = records["sum"](d_rows, axis=(0,), keepdims=False)
            if kind is GRU:
                sums = records["stack"](sums, records["sum"](dq_rows, axis=(0,), keepdims=False), axis=0)
            gradients[3 + kind.states] = sums
        return gradients

    return grad


def _weight_gradients(i, inward, d, dq, rows):
    """The gradients of the kernel and of the recurrent kernel."""
    inward = reshaped(inward, (rows, i.lead + i.units))

    def product(a, b):
        return matmul_op(a, b, transpose_a=True, transpose_b=False)

    if not i.lead:
        return [product(reshaped(i.x, (rows, i.features)), d), product(inward, dq)]
    if d is dq and rows > i.width:  # in one product; else its parts would be more to copy than x and h are
        both = product(inward, d)
        return [both[: i.features], both[i.features :]]
    return [product(inward[:, : i.features], d), product(inward[:, i.features :], dq)]


def _second(kind):
    def grad(call, *douts):
        def compute(inputs):
            return recurrent_steps.backward(kind, _GradInputs(kind, inputs, call.attrs), call.attrs)

        return recurrent_steps.gradients(compute, call.inputs, douts)

    return grad


def _define(kind):
    grad_op = define_op(
        f"{kind.name}_grad",
        shape=_grad_shape(kind),
        reference=_grad_reference(kind),
        kernel=_grad_kernel(kind),
        grad=_second(kind),
        inplace=() if kind is GRU else (1,),
    )
    return define_op(
        kind.name,
        shape=_shape(kind),
        reference=_reference(kind),
        kernel=_kernel(kind),
        grad=_grad(kind, grad_op),
    )


_OPS = {kind: _define(kind) for kind in (SIMPLE, LSTM, GRU)}


def sequence(
    kind,
    x,
    kernel,
    recurrent,
    states,
    bias=None,
    mask=None,
    *,
    activation,
    recurrent_activation="sigmoid",
    backwards=False,
    sequences=False,
    zero_masked=False,
    training=False,
):
    """(y or None, [last states]) of a layer of `kind` over x; tensors as the records take them.

    What the gradient needs is kept where one is likely to be asked for, and computed again where it was not.
    """
    given = [
        x,
        kernel,
        recurrent,
        *states,
        *([bias] if bias is not None else []),
        *([mask] if mask is not None else []),
    ]
    outputs = _OPS[kind](
        *given,
        activation=activation,
        recurrent_activation=recurrent_activation,
        biased=bias is not None,
        masked=mask is not None,
        zero_masked=bool(zero_masked),
        sequences=bool(sequences),
        keep=bool(training or context.tapes),
        backwards=bool(backwards),
    )
    outputs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    y = outputs.pop(0) if sequences else None
    return y, outputs[: kind.states]
