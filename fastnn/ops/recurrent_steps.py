"""SimpleRNN, LSTM and GRU step by step, in ops: the sequence records' second derivatives come from here.

`i` holds a record's inputs by name (see recurrent.py); results are the record's outputs.
"""

from ..engine.op import records
from ..engine.tape import GradientTape, backpropagate
from .activation import hard_sigmoid, relu, sigmoid
from .casting import cast
from .control import scan
from .creation import ones_like, zeros_like
from .elementary import tanh
from .joining import concatenate, split
from .logic import where
from .loop_records import is_zero
from .matmul import matmul
from .shape import expand_dims, flip, transposed

_FUNCTIONS = {
    "relu": relu,
    "tanh": tanh,
    "sigmoid": sigmoid,
    "hard_sigmoid": hard_sigmoid,
    "linear": lambda x: x,
}


def _slope(name, y):
    """An activation's derivative where its value is y."""
    if name == "relu":
        return cast(y > 0.0, y.dtype)
    if name == "tanh":
        return 1.0 - y * y
    if name == "sigmoid":
        return y * (1.0 - y)
    if name == "hard_sigmoid":
        return where((y > 0.0) & (y < 1.0), zeros_like(y) + 1.0 / 6.0, zeros_like(y))
    return ones_like(y)


def _by_time(x):
    """(batch, steps, ...) to (steps, batch, ...) and back."""
    return transposed(x, (1, 0, *range(2, len(x.shape))))


def _rows(mask):
    """{"on": the mask (steps, batch, 1)}, or nothing without one."""
    return {} if mask is None else {"on": cast(expand_dims(_by_time(mask), -1), "bool")}


def forward(kind, i, attrs):
    """What the record of `kind` gives."""
    act, gate = _FUNCTIONS[attrs["activation"]], _FUNCTIONS[attrs["recurrent_activation"]]
    gru = kind.name == "gru"

    def step(carry, now):
        h, c = carry
        zx, zh = matmul(now["x"], i.kernel), matmul(h, i.recurrent)
        if i.bias is not None:
            zx = zx + (i.bias[0] if gru else i.bias)
            zh = zh + i.bias[1] if gru else zh
        if kind.name == "simple_rnn":
            new, new_c = act(zx + zh), None
            parts = [new]
        elif gru:
            (xz, xr, xg), (hz, hr, q) = split(zx, 3, axis=-1), split(zh, 3, axis=-1)
            z, r = gate(xz + hz), gate(xr + hr)
            g = act(xg + r * q)
            new, new_c, parts = z * h + (1.0 - z) * g, None, [z, r, g, q]
        else:
            zi, zf, zg, zo = split(zx + zh, 4, axis=-1)
            parts = [gate(zi), gate(zf), act(zg), gate(zo)]
            new_c = parts[1] * c + parts[0] * parts[2]
            new = parts[3] * act(new_c)
        y, before = new, h
        if i.mask is not None:
            y = where(now["on"], new, zeros_like(h) if attrs["zero_masked"] else h)
            new = where(now["on"], new, h)
            new_c = None if c is None else where(now["on"], new_c, c)
        return (new, new_c), (y, before, concatenate(parts, axis=-1), new_c)

    xs = {"x": _by_time(i.x), **_rows(i.mask)}
    (h, c), (y, before, gates, cells) = scan(step, (i.state, i.carry), xs, reverse=attrs["backwards"])
    if i.lead:
        before = concatenate([xs["x"], before], axis=-1)
    y = flip(y, axis=0) if attrs["backwards"] else y
    return [
        *([_by_time(y)] if attrs["sequences"] else []),
        *[h, c][: kind.states],
        *([before, gates, cells][: kind.states + 1] if attrs["keep"] else []),
    ]


def backward(kind, i, attrs):
    """What the record of the gradient of `kind` gives."""
    act, gate = attrs["activation"], attrs["recurrent_activation"]
    backwards = attrs["backwards"]
    xs = {"gates": i.gates, **_rows(i.mask)}
    if i.dy is not None:
        dy = _by_time(i.dy)
        xs["dy"] = flip(dy, axis=0) if backwards else dy
    if kind.name == "gru":
        xs["before"] = i.inward[:, :, i.lead :]
    elif i.cells is not None:
        first = expand_dims(i.carry, 0)
        earlier = [i.cells[1:], first] if backwards else [first, i.cells[:-1]]
        xs["before"], xs["cells"] = concatenate(earlier, axis=0), i.cells

    def step(carry, now):
        dh, dc = carry
        on = now.get("on")
        if i.dy is not None:
            dh = dh + (
                where(on, now["dy"], zeros_like(dh)) if on is not None and attrs["zero_masked"] else now["dy"]
            )
        gates = now["gates"]
        if on is not None:
            gates = where(on, gates, zeros_like(gates))  # the kernel leaves those of masked steps undefined
        parts = split(gates, kind.parts, axis=-1)
        dh_new, dc_new = zeros_like(dh), None
        if kind.name == "simple_rnn":
            dx = ds = dh * _slope(act, parts[0])
        elif kind.name == "gru":
            z, r, g, q = parts
            dz = dh * (now["before"] - g) * _slope(gate, z)
            dg = dh * (1.0 - z) * _slope(act, g)
            dr = dg * q * _slope(gate, r)
            dx, ds = concatenate([dz, dr, dg], axis=-1), concatenate([dz, dr, dg * r], axis=-1)
            dh_new = dh * z
        else:
            inward, forget, g, outward = parts
            ac = _FUNCTIONS[act](now["cells"])
            total = dc + dh * outward * _slope(act, ac)
            dx = ds = concatenate(
                [
                    total * g * _slope(gate, inward),
                    total * now["before"] * _slope(gate, forget),
                    total * inward * _slope(act, g),
                    dh * ac * _slope(gate, outward),
                ],
                axis=-1,
            )
            dc_new = total * forget
        if on is not None:
            dx, ds = where(on, dx, zeros_like(dx)), where(on, ds, zeros_like(ds))
            dh_new = where(on, dh_new, dh)
            dc_new = None if dc is None else where(on, dc_new, dc)
        return (dh_new + matmul(ds, transposed(i.recurrent, (1, 0))), dc_new), (dx, ds)

    (dh, dc), (d, dq) = scan(step, (i.dh, i.dc), xs, reverse=not backwards)
    return [d, *([dq] if kind.name == "gru" else []), *[dh, dc][: kind.states]]


def gradients(compute, inputs, douts):
    """The gradients of compute(inputs), a list of tensors, for `inputs`, where those for its results are `douts`."""
    inputs = [records["identity"](x) for x in inputs]  # the same tensor may stand in two places
    with GradientTape() as tape:
        outputs = compute(inputs)
    pairs = [(y, d) for y, d in zip(outputs, douts, strict=True) if not is_zero(d)]
    return backpropagate(tape.calls, [y for y, _ in pairs], inputs, [d for _, d in pairs])
