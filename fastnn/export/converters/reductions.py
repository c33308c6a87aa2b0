"""Sums, means, extremes, truth, positions of extremes, running sums."""

from .table import converts

_NAMES = {
    "sum": "ReduceSum",
    "mean": "ReduceMean",
    "max": "ReduceMax",
    "min": "ReduceMin",
    "prod": "ReduceProd",
}
_PLAIN = ("float16", "float32", "float64", "int32", "int64")


def _reduced(g, call, name, x):
    axes = g.ints(call.axis) if call.axis is not None else None
    if call.axis == ():
        return x
    return g.node(name, [x, axes], keepdims=int(call.keepdims))


@converts("sum", "mean", "max", "min", "prod")
def _reduce(g, call, x):
    plain = call.inputs[0].dtype in _PLAIN
    if not plain:
        x = g.cast(x, "int32")
    y = _reduced(g, call, _NAMES[call.op], x)
    return y if plain or call.output.dtype == "int32" else g.cast(y, call.output.dtype)


@converts("any", "all", "count_nonzero")
def _truths(g, call, x):
    name = {"any": "ReduceMax", "all": "ReduceMin", "count_nonzero": "ReduceSum"}[call.op]
    if call.inputs[0].dtype != "bool":
        x = g.cast(x, "bool")
    y = _reduced(g, call, name, g.cast(x, "int32"))
    return y if call.output.dtype == "int32" else g.cast(y, "bool")


@converts("argmax", "argmin")
def _position(g, call, x):
    axis, shape = call.axis, call.inputs[0].shape
    if call.inputs[0].dtype in ("bool", "int8", "int16", "uint8", "uint16"):
        x = g.cast(x, "int32")
    if axis is None:
        x = g.node("Reshape", [x, g.ints([-1])])
    name = "ArgMax" if call.op == "argmax" else "ArgMin"
    y = g.node(
        name, [x], axis=0 if axis is None else axis[0], keepdims=int(call.keepdims and axis is not None)
    )
    if axis is None and call.keepdims:
        y = g.node("Reshape", [y, g.ints([1] * len(shape))])
    return g.cast(y, "int32")


@converts("cumsum")
def _cumsum(g, call, x):
    return g.node("CumSum", [x, g.number(call.axis, "int64")], reverse=int(call.reverse))
