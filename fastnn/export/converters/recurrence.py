"""Whole sequences of LSTM, GRU and SimpleRNN: ONNX's own ops; a Scan where steps are masked."""

import numpy as np

from ..onnx_graph import OnnxGraph, Unsayable
from .elementwise import formula
from .table import converts

# name in a record -> (name in ONNX, alpha, beta)
_ACTIVATIONS = {
    "tanh": ("Tanh", 0.0, 0.0),
    "sigmoid": ("Sigmoid", 0.0, 0.0),
    "relu": ("Relu", 0.0, 0.0),
    "hard_sigmoid": ("HardSigmoid", 1 / 6, 0.5),
    "linear": ("Affine", 1.0, 0.0),
}
# the order of the gates in ONNX, by their places in the record
_ORDER = {"lstm": (0, 3, 1, 2), "gru": (0, 1, 2), "simple_rnn": (0,)}
_OP = {"lstm": "LSTM", "gru": "GRU", "simple_rnn": "RNN"}


class _Inputs:
    """A record's inputs by name (see ops/recurrent.py); None for those that are not there."""

    def __init__(self, call, names):
        names = list(names)
        self.x, self.kernel, self.recurrent, self.state = names[:4]
        del names[:4]
        self.carry = names.pop(0) if call.op == "lstm" else None
        self.bias = names.pop(0) if call.biased else None
        self.mask = names.pop(0) if call.masked else None
        self.batch, self.steps, self.features = call.inputs[0].shape
        self.units = call.inputs[2].shape[0]


@converts("lstm", "gru", "simple_rnn")
def _sequence(g, call, *names):
    i = _Inputs(call, names)
    if call.keep and any(g.is_wanted(value) for value in call.outputs[-2:]):
        raise Unsayable("what a recurrent layer keeps for its gradient")
    by_steps = call.masked or call.output.dtype == "float64"  # runtimes know their own ops in float32 alone
    y, *states = (_scanned if by_steps else _whole)(g, call, i)
    made = [*([y] if call.sequences else []), *states]
    return [*made, *[None] * (len(call.outputs) - len(made))]


# ---- ONNX's ops: x (steps, batch, features), kernels (1, gates * units, ...)


def _ordered(g, call, name, axis):
    """A kernel's or bias's gates, along `axis`, in ONNX's order."""
    order = _ORDER[call.op]
    if order == tuple(range(len(order))):
        return name

    def swap(array):
        parts = np.split(array, len(order), axis=axis)
        return np.concatenate([parts[n] for n in order], axis=axis)

    array = g.array_of(name)
    if array is not None:
        return g.constant(swap(array), f"{name}:ordered")
    parts = g.node("Split", [name], outputs=len(order), axis=axis, num_outputs=len(order))
    return g.node("Concat", [parts[n] for n in order], axis=axis)


def _bias(g, call, i):
    """Both biases in a row, (1, 2 * gates * units)."""
    if i.bias is None:
        return None
    if call.op == "gru":  # two rows: for x's products, and for the state's
        rows = _ordered(g, call, i.bias, 1)
        return g.folded(lambda array: array.reshape(1, -1), rows, "Reshape", g.ints([1, -1]))
    row = _ordered(g, call, i.bias, 0)
    zeros = np.zeros(call.inputs[1].shape[1], call.output.dtype)
    array = g.array_of(row)
    if array is not None:
        return g.constant(np.concatenate([array, zeros])[None], f"{row}:both")
    return g.unsqueeze(g.node("Concat", [row, g.constant(zeros)], axis=0), [0])


def _whole(g, call, i):
    x = g.transpose(i.x, [1, 0, 2])
    if call.backwards:
        x = g.node("Slice", [x, g.ints([-1]), g.ints([-(2**63)]), g.ints([0]), g.ints([-1])])

    def matrix(name):  # (rows, gates * units) as (1, gates * units, rows)
        turned = g.transpose(_ordered(g, call, name, 1), [1, 0])
        return g.folded(lambda array: array[None], turned, "Unsqueeze", g.ints([0]))

    gate, act = _ACTIVATIONS[call.recurrent_activation], _ACTIVATIONS[call.activation]
    used = {"lstm": [gate, act, act], "gru": [gate, act], "simple_rnn": [act]}[call.op]
    y, *states = g.node(
        _OP[call.op],
        [
            x,
            matrix(i.kernel),
            matrix(i.recurrent),
            _bias(g, call, i),
            None,
            g.unsqueeze(i.state, [0]),
            g.unsqueeze(i.carry, [0]) if i.carry is not None else None,
        ],
        outputs=3 if call.op == "lstm" else 2,
        hidden_size=i.units,
        activations=[name for name, _, _ in used],
        activation_alpha=[alpha for _, alpha, _ in used],
        activation_beta=[beta for _, _, beta in used],
        linear_before_reset=1 if call.op == "gru" else None,
    )
    # y (steps, 1, batch, units)
    y = g.transpose(g.squeeze(y, [1]), [1, 0, 2]) if call.sequences else None
    return [y, *[g.squeeze(state, [0]) for state in states]]


# ---- step by step: a masked step leaves the states as they are, and shows what it may


def _scanned(g, call, i):
    product = g.node("MatMul", [i.x, i.kernel])
    row, inner_bias = i.bias, None
    if call.op == "gru" and i.bias is not None:
        row, inner_bias = g.node("Split", [i.bias], outputs=2, axis=0, num_outputs=2)
        row, inner_bias = g.squeeze(row, [0]), g.squeeze(inner_bias, [0])
    if row is not None:
        product = g.node("Add", [product, row])
    states = [i.state] if i.carry is None else [i.state, i.carry]
    body = _body(g, call, i, len(states), inner_bias)
    scanned = [product, i.mask] if call.masked else [product]
    made = g.node(
        "Scan",
        [*states, *scanned],
        outputs=len(states) + 1,
        body=body,
        num_scan_inputs=len(scanned),
        scan_input_axes=[1] * len(scanned),
        scan_input_directions=[int(call.backwards)] * len(scanned),
        scan_output_axes=[1],
    )
    return [made[-1], *made[:-1]]


def _body(g, call, i, count, inner_bias):
    """The graph of one step: states, x's sums (batch, gates * units) and the mask (batch,) in; states and y out."""
    helper, dtype = g.onnx.helper, call.output.dtype
    prefix = g.unique(f"{g.layer}/step")
    b = OnnxGraph(g.onnx, prefix=f"{prefix}/")
    states = [b.unique(name) for name in ("h", "c")[:count]]
    sums, mask = b.unique("sums"), b.unique("mask")
    inner = b.node("MatMul", [states[0], i.recurrent])
    if inner_bias is not None:
        inner = b.node("Add", [inner, inner_bias])
    new = _cell(b, call, sums, inner, states)
    kept, y = new, new[0]
    if call.masked:
        on = b.unsqueeze(mask, [1])
        kept = [b.node("Where", [on, after, before]) for after, before in zip(new, states)]
        y = b.node("Where", [on, new[0], b.number(0, dtype) if call.zero_masked else states[0]])
    kept = [b.node("Identity", [state]) for state in kept]  # an output may not be named twice
    y = b.node("Identity", [y])
    number = g.dtype(dtype)
    info = helper.make_tensor_value_info
    wide = call.inputs[1].shape[1]
    return helper.make_graph(
        b.nodes,
        prefix,
        [
            *[info(name, number, [None, i.units]) for name in states],
            info(sums, number, [None, wide]),
            *([info(mask, g.dtype("bool"), [None])] if call.masked else []),
        ],
        [info(name, number, [None, i.units]) for name in (*kept, y)],
        [g.onnx.numpy_helper.from_array(array, name) for name, array in b.initializers.items()],
    )


def _cell(b, call, sums, inner, states):
    """The states after a step, from x's sums, the state's sums and the states before."""
    dtype = call.output.dtype

    def act(x):
        return _activated(b, call.activation, dtype, x)

    def gate(x):
        return _activated(b, call.recurrent_activation, dtype, x)

    if call.op == "simple_rnn":
        return [act(b.node("Add", [sums, inner]))]
    if call.op == "lstm":
        parts = b.node("Split", [b.node("Add", [sums, inner])], outputs=4, axis=1, num_outputs=4)
        inward, forget, fresh, outward = gate(parts[0]), gate(parts[1]), act(parts[2]), gate(parts[3])
        carry = b.node("Add", [b.node("Mul", [forget, states[1]]), b.node("Mul", [inward, fresh])])
        return [b.node("Mul", [outward, act(carry)]), carry]
    xz, xr, xg = b.node("Split", [sums], outputs=3, axis=1, num_outputs=3)
    hz, hr, hg = b.node("Split", [inner], outputs=3, axis=1, num_outputs=3)
    z, r = gate(b.node("Add", [xz, hz])), gate(b.node("Add", [xr, hr]))
    fresh = act(b.node("Add", [xg, b.node("Mul", [r, hg])]))
    rest = b.node("Mul", [b.node("Sub", [b.number(1, dtype), z]), fresh])
    return [b.node("Add", [b.node("Mul", [z, states[0]]), rest])]


def _activated(g, name, dtype, x):
    return x if name == "linear" else formula(name)(g, dtype, x)
