"""Dot-product attention as one record, whose kernel never holds the whole matrix of scores; and Keras's
function on it.

csrc/attention.c has the formulas. Shapes: query (batch, t, heads, h), key (batch, s, kv heads, h), value
(batch, s, kv heads, e); query head n reads key and value head n // (heads / kv heads). What else a record may
be given, in this order:

    bias: added to the scores; 4 axes that broadcast to (batch, heads, t, s).  Attribute bias: whether there
        is one.
    masks: bool, as many as the attribute `masks` says, each broadcasting like bias: what any of them hides is
        hidden.
    seed: for dropout of the shares, where the attribute `rate` is over 0.

Attributes: scale (of the scores), causal (keys after the query are hidden), window (so are those that many
places away or more; 0: none), blank (what a query gets that sees no key: True: zeros; False: the mean of all
values).
"""

import math

import numpy as np

from ..engine import dtypes
from ..engine.op import define_op, records
from ..engine.symbolic import public
from ..engine.tensor import Spec, Tensor
from ..engine.variable import convert
from .composed import gradient_of
from .einsum import einsum
from .random_draws import check_seed, philox
from .shape import repeat

# the score of a hidden key; finite, so that a query that sees nothing sees all alike
_HIDDEN = -0.7 * 3.38953e38
_MOST_MASKS = 3  # that csrc/attention.c takes


def _extras(extras, bias, masks, rate):
    """(bias or None, [mask, ...], seed or None) of a record's further inputs."""
    rest = list(extras)
    first = rest.pop(0) if bias else None
    hiding = [rest.pop(0) for _ in range(masks)]
    return first, hiding, rest.pop(0) if rate else None


def _shape(q, k, v, *extras, scale, causal, window, bias, masks, rate, blank):
    for name, x in (("query", q), ("key", k), ("value", v)):
        if len(x.shape) != 4:
            raise ValueError(
                f"dot_product_attention: `{name}` must have the axes (batch, tokens, heads, features), "
                f"received shape {tuple(x.shape)}"
            )
    if len({q.dtype, k.dtype, v.dtype}) > 1 or not dtypes.is_float(q.dtype):
        raise ValueError(
            "dot_product_attention: `query`, `key` and `value` must be floats of one dtype, received "
            f"{q.dtype}, {k.dtype} and {v.dtype}"
        )
    batch, t, heads, h = q.shape
    s, kv = k.shape[1:3]
    if tuple(k.shape) != (batch, s, kv, h) or tuple(v.shape[:3]) != (batch, s, kv):
        raise ValueError(
            "dot_product_attention: `query`, `key` and `value` must share the batch axis, `key` and `value` "
            "the axes of tokens and heads, `query` and `key` that of features; received shapes "
            f"{tuple(q.shape)}, {tuple(k.shape)} and {tuple(v.shape)}"
        )
    if not kv or heads % kv:
        raise ValueError(
            f"dot_product_attention: the heads of `query`, {heads}, must be a multiple of "
            f"those of `key`, {kv}"
        )
    first, hiding, seed = _extras(extras, bias, masks, rate)
    for name, x in [("bias", first)] * bias + [("mask", m) for m in hiding]:
        if len(x.shape) != 4 or any(
            n not in (1, m) for n, m in zip(x.shape, (batch, heads, t, s), strict=True)
        ):
            raise ValueError(
                f"dot_product_attention: `{name}` must broadcast to (batch, heads, query tokens, key "
                f"tokens), {(batch, heads, t, s)}, received shape {tuple(x.shape)}"
            )
    if rate:
        check_seed("dot_product_attention", seed)
    rows = Spec((batch, heads, t), q.dtype)
    return Spec((batch, t, heads, v.shape[3]), q.dtype), rows, rows


# ---- reference ----


def _seen(shape, hiding, causal, window):
    """Which keys each query sees: bool, broadcasting to `shape` (batch, heads, t, s), or None for all."""
    seen = None
    t, s = shape[2:]
    if causal or window:
        away = np.arange(t)[:, None] - np.arange(s)
        seen = np.ones((t, s), bool)
        if causal:
            seen &= away >= 0
        if window:
            seen &= np.abs(away) < window
    for mask in hiding:
        seen = mask if seen is None else seen & mask
    return seen


def _kept(seed, shape, rate, dtype):
    """1 / (1 - rate) for shares that dropout keeps, 0 for the others; `shape` (batch, heads, t, s).

    The words are those that csrc/attention.c draws: word w of block b of queries 64 g to 64 g + 63 is query
    16 w + b.
    """
    batch, heads, t, s = shape
    groups = -(-t // 64)
    block = np.arange(16 * groups, dtype=np.uint64)
    key, row = np.arange(s, dtype=np.uint64), np.arange(batch * heads, dtype=np.uint64)
    words = philox([block, key[:, None], row[:, None, None], np.uint64(0)], seed)
    drawn = np.stack([w.reshape(batch * heads, s, groups, 16) for w in words], axis=3)
    drawn = drawn.reshape(batch, heads, s, 64 * groups)[..., :t]
    u = (drawn >> 8).astype(np.float32) * np.float32(2.0**-24)
    return np.where(np.swapaxes(u, 2, 3) < np.float32(rate), 0, 1 / (1 - rate)).astype(dtype)


def _by_head(x, heads):
    """(batch, tokens, kv, features) as (batch, heads, tokens, features)."""
    return np.repeat(np.swapaxes(x, 1, 2), heads // x.shape[2], axis=1)


def _wide(x):
    return x.astype(np.float32) if x.dtype == np.float16 else x


def _shares(q, k, extras, scale, causal, window, bias, masks, rate, blank):
    """(p, seen, kept, peak, total): softmax of the scores, each (batch, heads, t, s) or one less."""
    first, hiding, seed = _extras(extras, bias, masks, rate)
    heads = q.shape[2]
    scores = np.swapaxes(q, 1, 2) @ np.swapaxes(_by_head(k, heads), 2, 3) * q.dtype.type(scale)
    if bias:
        scores = scores + first
    seen = _seen(scores.shape, hiding, causal, window)
    if seen is not None:
        scores = np.where(seen, scores, scores.dtype.type(_HIDDEN))
    peak = scores.max(3, initial=-np.inf)
    e = np.exp(scores - np.where(peak == -np.inf, 0, peak)[..., None])
    total = e.sum(3)
    if blank:
        total = np.where(peak <= _HIDDEN, np.inf, total).astype(scores.dtype)
    kept = _kept(seed, scores.shape, rate, q.dtype) if rate else None
    return e / total[..., None], seen, kept, peak, total


def _reference(q, k, v, *extras, **attrs):
    dtype = q.dtype
    q, k, v = map(_wide, (q, k, v))
    with np.errstate(all="ignore"):
        p, _, kept, peak, total = _shares(q, k, extras, **attrs)
        p = p if kept is None else p * kept
        y = np.swapaxes(p @ _by_head(v, q.shape[2]), 1, 2)
    return y.astype(dtype), peak.astype(dtype), total.astype(dtype)


def _grad_reference(q, k, v, *others, **attrs):
    *extras, y, peak, total, dy = others
    dtype = q.dtype
    q, k, v, y, dy = map(_wide, (q, k, v, y, dy))
    heads, kv = q.shape[2], k.shape[2]

    # (batch, heads, tokens, features) as (batch, tokens, kv, features), summed over a group's heads
    def joined(x):
        batch, _, tokens, features = x.shape
        return np.swapaxes(x.reshape(batch, kv, heads // kv, tokens, features).sum(2), 1, 2)

    with np.errstate(all="ignore"):
        p, seen, kept, _, _ = _shares(q, k, extras, **attrs)
        by_head = np.swapaxes(dy, 1, 2)
        dp = by_head @ np.swapaxes(_by_head(v, heads), 2, 3)
        if kept is not None:
            dp = dp * kept
        ds = p * (dp - (dp * p).sum(3, keepdims=True)) * q.dtype.type(attrs["scale"])
        if seen is not None:
            ds = np.where(seen, ds, ds.dtype.type(0))
        dq = np.swapaxes(ds @ _by_head(k, heads), 1, 2)
        dk = joined(np.swapaxes(ds, 2, 3) @ np.swapaxes(q, 1, 2))
        dv = joined(np.swapaxes(p if kept is None else p * kept, 2, 3) @ by_head)
    return dq.astype(dtype), dk.astype(dtype), dv.astype(dtype)


# ---- written out in other ops: gradients of gradients, and for a bias ----


def _composed(q, k, v, *extras, scale, causal, window, bias, masks, rate, blank):
    """(y, ds): attention's result, and the gradient for the scores as a function of dy."""
    first, hiding, seed = _extras(extras, bias, masks, rate)
    heads = q.shape[2]
    repeats = heads // k.shape[2]
    k, v = [repeat(x, repeats, axis=2) if repeats > 1 else x for x in (k, v)]
    scores = einsum("btnh,bsnh->bnts", q, k) * scale
    if bias:
        scores = scores + first
    shape = tuple(scores.shape)
    band = _seen(shape, [], causal, window)
    for mask in ([] if band is None else [Tensor(band[None, None])]) + hiding:
        scores = records["where"](
            records["broadcast_to"](mask, shape=shape), scores, convert(_HIDDEN, dtype=scores.dtype)
        )
    p = records["softmax"](scores, axis=3)
    if blank:
        p = records["where"](
            records["greater"](scores, convert(_HIDDEN, dtype=scores.dtype)),
            p,
            records["broadcast_to"](convert(0.0, dtype=p.dtype), shape=shape),
        )
    if rate:
        p = p * _composed_kept(seed, shape, rate, p.dtype)
    return einsum("bnts,bsne->btne", p, v)


def _grad_composed(q, k, v, *others, **attrs):
    *extras, _, _, _, dy = others
    return _gradients(q, k, v, extras, attrs, dy, 3)


def _gradients(q, k, v, extras, attrs, dy, count):
    """The gradients of attention, written out, for the first `count` inputs."""
    from ..engine.op import context
    from ..engine.tape import GradientTape, backpropagate

    tape = GradientTape()
    outer, context.tapes = context.tapes, (*context.tapes, tape)
    try:
        y = _composed(q, k, v, *extras, **attrs)
    finally:
        context.tapes = outer
    return backpropagate(tape.calls, [y], [q, k, v, *extras][:count], [dy])


def _kept_shape(seed, *, shape, rate, dtype):
    check_seed("attention_dropout", seed)
    return Spec(shape, dtype)


_composed_kept_op = define_op(
    "attention_kept",
    shape=_kept_shape,
    grad=lambda call, dy: [None],
    reference=lambda seed, *, shape, rate, dtype: _kept(seed, shape, rate, dtype),
)


def _composed_kept(seed, shape, rate, dtype):
    return _composed_kept_op(seed, shape=shape, rate=rate, dtype=dtype)


# ---- kernels ----

# The gradient's keys are split, at the cost of partial sums, until there are so many pieces of work; further, so that
# none keeps the others waiting for long, as long as a piece still has many keys.
_UNITS, _EVEN_UNITS, _BLOCK, _MANY_BLOCKS = 8, 16, 96, 6


def _steps(x):
    """Elements from one sample, head, query and key of a bias or mask to the next; 0 where it repeats."""
    return [0 if n == 1 else math.prod(x.shape[i + 1 :]) for i, n in enumerate(x.shape)]


def _sizes(call, splits):
    q, k, v, *extras = call.inputs
    batch, t, heads, h = q.shape
    s, kv = k.shape[1:3]
    extras = extras[: call.bias + call.masks]
    sizes = [batch, t, s, heads, kv, h, v.shape[3], call.causal, call.window, splits, call.bias]
    sizes += _steps(extras[0]) if call.bias else [0] * 4
    return [*sizes, call.masks, *[step for mask in extras[call.bias :] for step in _steps(mask)]]


def _fits(call):
    floats = [*call.inputs[: 3 + call.bias], *call.outputs]
    hiding = call.inputs[3 + call.bias : 3 + call.bias + call.masks]
    return (
        all(b.dtype == "float32" for b in floats)
        and all(b.dtype == "bool" for b in hiding)
        and call.masks <= _MOST_MASKS
        and all(0 < n < 2**24 for x in call.inputs[:3] for n in x.shape)
    )


def _kernel(call):
    if not _fits(call):
        return False
    call.emit(
        "attention_f32",
        reads=call.inputs,
        writes=call.outputs,
        sizes=_sizes(call, 1),
        attrs=[call.scale, call.rate, call.blank],
    )


def _grad_kernel(call):
    if not _fits(call):
        return False
    k = call.inputs[1]
    rows, blocks = k.shape[0] * k.shape[2], -(-k.shape[1] // _BLOCK)
    splits = max(1, min(_UNITS // rows, blocks), min(_EVEN_UNITS // rows, blocks // _MANY_BLOCKS))
    dq, dk, dv = call.outputs
    partial = dq if splits == 1 else call.workspace(splits * dq.nbytes)
    call.emit(
        "attention_grad_f32",
        reads=call.inputs,
        writes=[partial, dk, dv],
        sizes=_sizes(call, splits),
        attrs=[call.scale, call.rate, call.blank],
    )
    if splits > 1:
        call.emit("sum_f32", reads=[partial], writes=[dq], sizes=[1, splits, dq.size, 1], attrs=[1.0])


# ---- the records ----


def _grad(call, dy, *_):
    count = len(call.inputs)
    if call.bias and call.needs[3]:
        gradients = list(_gradients(*call.inputs[:3], call.inputs[3:], call.attrs, dy, 4))
    else:
        gradients = list(attention_grad_op(*call.inputs, *call.outputs, dy, **call.attrs))
    return gradients + [None] * (count - len(gradients))


# Outputs: y, and for the gradient each row's largest score and sum of exponentials, which carry none
# themselves.
attention_op = define_op("attention", shape=_shape, reference=_reference, kernel=_kernel, grad=_grad)

# The inputs of `attention`, its outputs, dy -> dq, dk, dv.
attention_grad_op = define_op(
    "attention_grad",
    reference=_grad_reference,
    kernel=_grad_kernel,
    grad=gradient_of(_grad_composed),
    shape=lambda q, k, v, *others, **attrs: tuple(Spec(x.shape, x.dtype) for x in (q, k, v)),
)


def attend(q, k, v, *, scale, bias=None, masks=(), causal=False, window=0, rate=0.0, seed=None, blank=False):
    """What layers call: attention of tensors at hand or traced; see this file's first lines.

    masks: bool tensors of 4 axes; all beyond what the kernel takes are joined to one.
    """
    masks = list(masks)
    while len(masks) > _MOST_MASKS:
        masks.append(records["logical_and"](masks.pop(), masks.pop()))
    extras = [*([] if bias is None else [bias]), *masks, *([seed] if rate else [])]
    return attention_op(
        q,
        k,
        v,
        *extras,
        scale=float(scale),
        causal=bool(causal),
        window=int(window or 0),
        bias=bias is not None,
        masks=len(masks),
        rate=float(rate),
        blank=bool(blank),
    )[0]


@public
def dot_product_attention(
    query,
    key,
    value,
    bias=None,
    mask=None,
    scale=None,
    is_causal=False,
    flash_attention=None,
    attn_logits_soft_cap=None,
):
    """softmax(scale * query key' + bias) value, for each head; memory grows with tokens, not with their
    square.

    Args:
        query: (batch, query tokens, heads, features).
        key: (batch, key tokens, key heads, features); `heads` is a multiple of its heads.
        value: (batch, key tokens, key heads, value features).
        bias: added to the scores; broadcasts to (batch, heads, query tokens, key tokens).
        mask: True where a query may see a key; broadcasts like `bias`. A query that sees none sees all alike.
        scale: of the scores; 1 / sqrt(features) by default.
        is_causal: a query sees no key after its own place.
        flash_attention: accepted; every call runs by blocks.
        attn_logits_soft_cap: only None.
    Returns:
        (batch, query tokens, heads, value features).
    Source: Keras 3 `ops.dot_product_attention`; Vaswani et al., NeurIPS 2017; Dao et al., arXiv 2205.14135.
    """
    if attn_logits_soft_cap is not None:
        raise ValueError(
            "dot_product_attention: `attn_logits_soft_cap` is for JAX on TPU only; leave it None, received "
            f"{attn_logits_soft_cap!r}"
        )
    q, k, v = convert(query), convert(key), convert(value)
    dtype = dtypes.promote(dtypes.promote(q.dtype, k.dtype), v.dtype)
    q, k, v = convert(q, dtype=dtype), convert(k, dtype=dtype), convert(v, dtype=dtype)
    if scale is None:
        scale = 1.0 / math.sqrt(max(1, k.shape[-1]))
    bias = None if bias is None else _four_axes("bias", convert(bias, dtype=dtype))
    masks = [] if mask is None else [_four_axes("mask", convert(mask, dtype="bool"))]
    return attend(q, k, v, scale=scale, bias=bias, masks=masks, causal=is_causal)


def _four_axes(name, x):
    if len(x.shape) > 4:
        raise ValueError(
            f"dot_product_attention: `{name}` must have at most 4 axes, (batch, heads, query tokens, key "
            f"tokens), received shape {tuple(x.shape)}"
        )
    return (
        records["reshape"](x, newshape=(1,) * (4 - len(x.shape)) + tuple(x.shape)) if len(x.shape) < 4 else x
    )
