"""Dot-product attention, written out."""

from ..onnx_graph import Unsayable
from ..sizes import Varying
from .table import converts

_HIDDEN = -0.7 * 3.38953e38  # the score of a hidden key, as ops/attention.py has it


@converts("attention")
def _attention(g, call, q, k, v, *extras):
    """query (batch, t, heads, h), key (batch, s, kv heads, h), value (batch, s, kv heads, e)."""
    if call.rate or any(g.is_wanted(value) for value in call.outputs[1:]):
        raise Unsayable("attention with dropout, or its statistics")
    dtype = call.output.dtype
    heads = call.inputs[0].shape[2]
    q, k, v = (
        g.transpose(_repeated(g, x, value.shape, heads), [0, 2, 1, 3])
        for x, value in zip((q, k, v), call.inputs)
    )
    scores = g.node("MatMul", [q, g.transpose(k, [0, 1, 3, 2])])
    scores = g.node("Mul", [scores, g.number(call.scale, dtype)])
    extras = list(extras)
    if call.bias:
        scores = g.node("Add", [scores, extras.pop(0)])
    masks = [*_bands(g, call), *extras]
    for mask in masks:
        scores = g.node("Where", [mask, scores, g.number(_HIDDEN, dtype)])
    shares = g.node("Softmax", [scores], axis=3)
    if call.blank and masks:
        seen = g.node("Greater", [scores, g.number(_HIDDEN, dtype)])
        shares = g.node("Where", [seen, shares, g.number(0, dtype)])
    y = g.transpose(g.node("MatMul", [shares, v]), [0, 2, 1, 3])
    return [y, None, None]


def _repeated(g, x, shape, heads):
    """(batch, tokens, kv, h) with each head as often as queries share it."""
    batch, tokens, kv, features = shape
    if kv == heads:
        return x
    many = (batch, tokens, kv, heads // kv, features)
    return g.reshape(g.expand(g.unsqueeze(x, [3]), many), many, (batch, tokens, heads, features))


def _bands(g, call):
    """Masks (1, 1, t, s) of the keys that lie behind a query, or within its window."""
    if not call.causal and not call.window:
        return []
    t, s = call.inputs[0].shape[1], call.inputs[1].shape[1]
    away = g.node("Sub", [g.unsqueeze(_counting(g, t), [1]), g.unsqueeze(_counting(g, s), [0])])
    found = []
    if call.causal:
        found.append(g.node("GreaterOrEqual", [away, g.number(0, "int64")]))
    if call.window:
        found.append(g.node("Less", [g.node("Abs", [away]), g.number(call.window, "int64")]))
    return [g.unsqueeze(band, [0, 1]) for band in found]


def _counting(g, extent):
    """0, 1, ... extent - 1."""
    if not isinstance(extent, Varying):
        return g.ints(range(extent))
    return g.node("Range", [g.number(0, "int64"), g.squeeze(g.size(extent), [0]), g.number(1, "int64")])
