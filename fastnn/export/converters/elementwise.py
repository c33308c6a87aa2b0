"""Arithmetic, comparison, rounding, angles and activations, element by element."""

import math

from ...engine import dtypes
from ..onnx_graph import Unsayable
from .table import TABLE, converts

# ---- ops that ONNX has under another name

_SAME = {
    "exp": "Exp",
    "log": "Log",
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
    "sin": "Sin",
    "cos": "Cos",
    "tan": "Tan",
    "arcsin": "Asin",
    "arccos": "Acos",
    "arctan": "Atan",
    "sinh": "Sinh",
    "cosh": "Cosh",
    "arcsinh": "Asinh",
    "arccosh": "Acosh",
    "arctanh": "Atanh",
    "floor": "Floor",
    "ceil": "Ceil",
    "rint": "Round",
    "sqrt": "Sqrt",
    "reciprocal": "Reciprocal",
    "negative": "Neg",
    "absolute": "Abs",
    "sign": "Sign",
    "relu": "Relu",
    "softplus": "Softplus",
    "logical_not": "Not",
    "isinf": "IsInf",
    "isnan": "IsNaN",
    "stop_gradient": "Identity",
    "identity": "Identity",
}
for _op, _name in _SAME.items():
    converts(_op)(lambda g, call, x, _name=_name: g.node(_name, [x]))

# ---- two operands

_NARROW = {"int8": "int32", "int16": "int32", "uint8": "int32", "uint16": "int32", "uint32": "int64"}


def _widened(name, logical=None):
    """A converter of an op of two operands; of narrow integers by way of wider ones, of truths by `logical`."""

    def convert(g, call, a, b):
        dtype = call.inputs[0].dtype
        if dtype == "bool" and logical is not None:
            return g.node(logical, [a, b])
        wide = _NARROW.get(dtype)
        if wide is None:
            return g.node(name, [a, b])
        y = g.node(name, [g.cast(a, wide), g.cast(b, wide)])
        return y if call.output.dtype == "bool" else g.cast(y, dtype)

    return convert


_BINARY = {
    "add": ("Add", "Or"),
    "subtract": ("Sub", None),
    "multiply": ("Mul", "And"),
    "divide": ("Div", None),
    "maximum": ("Max", "Or"),
    "minimum": ("Min", "And"),
    "power": ("Pow", None),
    "equal": ("Equal", None),
    "less": ("Less", None),
    "less_equal": ("LessOrEqual", None),
    "greater": ("Greater", None),
    "greater_equal": ("GreaterOrEqual", None),
    "logical_and": ("And", None),
    "logical_or": ("Or", None),
    "logical_xor": ("Xor", None),
    "bitwise_and": ("BitwiseAnd", "And"),
    "bitwise_or": ("BitwiseOr", "Or"),
    "bitwise_xor": ("BitwiseXor", "Xor"),
}
for _op, (_name, _logical) in _BINARY.items():
    converts(_op)(_widened(_name, _logical))


@converts("not_equal")
def _not_equal(g, call, a, b):
    return g.node("Not", [TABLE["equal"](g, call, a, b)])


@converts("bitwise_not")
def _bitwise_not(g, call, x):
    return g.node("Not" if call.output.dtype == "bool" else "BitwiseNot", [x])


@converts("fmod")
def _fmod(g, call, a, b):
    return g.node("Mod", [a, b], fmod=1)


@converts("mod")
def _mod(g, call, a, b):
    if not dtypes.is_float(call.output.dtype):
        return _widened("Mod")(g, call, a, b)
    rest, zero = g.node("Mod", [a, b], fmod=1), g.number(0, call.output.dtype)
    other_sign = g.node("Xor", [g.node("Less", [rest, zero]), g.node("Less", [b, zero])])
    off = g.node("And", [other_sign, g.node("Not", [g.node("Equal", [rest, zero])])])
    return g.node("Where", [off, g.node("Add", [rest, b]), rest])


@converts("floor_divide")
def _floor_divide(g, call, a, b):
    """By the remainder, so that the quotient's rounding does not carry it to the next whole number."""
    dtype = call.output.dtype
    if dtypes.is_float(dtype):
        return g.node("Round", [g.node("Div", [g.node("Sub", [a, _mod(g, call, a, b)]), b])])
    wide = _NARROW.get(dtype)
    if wide:
        a, b = g.cast(a, wide), g.cast(b, wide)
    y = g.node("Div", [g.node("Sub", [a, g.node("Mod", [a, b])]), b])
    return g.cast(y, dtype) if wide else y


@converts("left_shift", "right_shift")
def _shift(g, call, x, by):
    """By powers of two: ONNX shifts unsigned integers only."""
    x, by = g.cast(x, "int64"), g.cast(by, "int64")
    factor = g.node("Pow", [g.number(2, "int64"), by])
    if call.op == "left_shift":
        return g.cast(g.node("Mul", [x, factor]), call.output.dtype)
    return g.cast(g.node("Div", [g.node("Sub", [x, g.node("Mod", [x, factor])]), factor]), call.output.dtype)


@converts("where")
def _where(g, call, condition, a, b):
    if call.output.dtype == "bool":
        return g.node("Or", [g.node("And", [condition, a]), g.node("And", [g.node("Not", [condition]), b])])
    return g.node("Where", [condition, a, b])


@converts("cast")
def _cast(g, call, x):
    return g.cast(x, call.output.dtype)


@converts("clip")
def _clip(g, call, x):
    dtype = call.output.dtype
    return g.node("Clip", [x, g.number(call.x_min, dtype), g.number(call.x_max, dtype)])


# ---- written out: each function is given `o`, which says x + y, x * y and numbers in the op's dtype


class _Arithmetic:
    """Short words for converters that are formulas."""

    def __init__(self, g, dtype):
        self.g, self.dtype = g, dtype

    def __call__(self, op, *operands, **attributes):
        named = [x if isinstance(x, str) else self.g.number(x, self.dtype) for x in operands]
        return self.g.node(op, named, **attributes)


def _formula(*ops):
    """Enter function(o, call, *inputs) as the converter of these ops."""

    def enter(function):
        converts(*ops)(lambda g, call, *inputs: function(_Arithmetic(g, call.inputs[0].dtype), call, *inputs))
        return function

    return enter


def formula(name, **attrs):
    """The formula of the op `name` for use in other converters: function (graph, dtype, x) -> y."""

    class _Stand:
        def __init__(self, dtype):
            from ..tracing import Value

            self.op, self.inputs, self.outputs = name, [Value((), dtype)], [Value((), dtype)]
            self.output = self.outputs[0]
            self.__dict__.update(attrs)

    return lambda g, dtype, x: TABLE[name](g, _Stand(dtype), x)


@_formula("square")
def _square(o, call, x):
    return o("Mul", x, x)


@_formula("rsqrt")
def _rsqrt(o, call, x):
    return o("Reciprocal", o("Sqrt", x))


@_formula("cbrt")
def _cbrt(o, call, x):
    return o("Mul", o("Sign", x), o("Pow", o("Abs", x), 1 / 3))


@_formula("exp2")
def _exp2(o, call, x):
    return o("Exp", o("Mul", x, math.log(2)))


@_formula("expm1")
def _expm1(o, call, x):
    return o("Sub", o("Exp", x), 1)


@_formula("log1p")
def _log1p(o, call, x):
    return o("Log", o("Add", x, 1))


@_formula("log2", "log10")
def _log_to_base(o, call, x):
    return o("Mul", o("Log", x), 1 / math.log(2 if call.op == "log2" else 10))


@_formula("logaddexp")
def _logaddexp(o, call, a, b):
    return o("Add", o("Max", a, b), o("Softplus", o("Neg", o("Abs", o("Sub", a, b)))))


@_formula("hypot")
def _hypot(o, call, a, b):
    return o("Sqrt", o("Add", o("Mul", a, a), o("Mul", b, b)))


@_formula("arctan2")
def _arctan2(o, call, y, x):
    turn = o("Where", o("Less", y, 0), -math.pi, math.pi)
    slope = o("Atan", o("Div", y, x))
    slope = o("Where", o("Less", x, 0), o("Add", slope, turn), slope)
    upright = o("Mul", o("Sign", y), math.pi / 2)
    return o("Where", o("Equal", x, 0), upright, slope)


@_formula("sinc")
def _sinc(o, call, x):
    zero = o("Equal", x, 0)
    angle = o("Mul", o("Where", zero, 1, x), math.pi)
    return o("Where", zero, 1, o("Div", o("Sin", angle), angle))


def _error_function(o, x):
    if o.dtype != "float64":
        return o("Erf", x)
    return o.g.cast(o("Erf", o.g.cast(x, "float32")), "float64")  # runtimes know it in single precision alone


@_formula("erf")
def _erf(o, call, x):
    return _error_function(o, x)


@_formula("erfc")
def _erfc(o, call, x):
    return o("Sub", 1, _error_function(o, x))


@_formula("trunc")
def _trunc(o, call, x):
    return o("Mul", o("Sign", x), o("Floor", o("Abs", x)))


@_formula("round")
def _round(o, call, x):
    if not dtypes.is_float(o.dtype):
        raise Unsayable("rounding of integers")
    factor = 10.0**call.decimals
    return o("Div", o("Round", o("Mul", x, factor)), factor)


@_formula("isfinite")
def _isfinite(o, call, x):
    return o.g.node("Not", [o("Or", o("IsNaN", x), o("IsInf", x))])


@_formula("signbit")
def _signbit(o, call, x):
    if not dtypes.is_float(o.dtype):
        return o("Less", x, 0)
    below = o("Less", o("Reciprocal", x), 0)  # tells -0 from 0
    return o("Or", o("Less", x, 0), o("And", o("Equal", x, 0), below))


@_formula("heaviside")
def _heaviside(o, call, x, at_zero):
    y = o("Where", o("Equal", x, 0), at_zero, o("Where", o("Less", x, 0), 0, 1))
    return o("Where", o("IsNaN", x), x, y) if dtypes.is_float(o.dtype) else y


@converts("ldexp")
def _ldexp(g, call, x, exponent):
    power = g.node("Pow", [g.number(2, call.output.dtype), g.cast(exponent, call.output.dtype)])
    return g.node("Mul", [x, power])


@converts("real", "conjugate")
def _real(g, call, x):
    g.dtype(call.inputs[0].dtype)  # no complex numbers
    return x


@_formula("relu6")
def _relu6(o, call, x):
    return o("Clip", x, 0, 6)


@converts("leaky_relu")
def _leaky_relu(g, call, x):
    return g.node("LeakyRelu", [x], alpha=call.negative_slope)


@converts("hard_sigmoid")
def _hard_sigmoid(g, call, x):
    return g.node("HardSigmoid", [x], alpha=1 / 6, beta=0.5)


@_formula("hard_silu")
def _hard_silu(o, call, x):
    return o("Mul", x, o("HardSigmoid", x, alpha=1 / 6, beta=0.5))


@_formula("elu")
def _elu(o, call, x):
    y = o("Elu", x, alpha=call.alpha)
    return y if call.scale == 1 else o("Mul", y, call.scale)


@converts("celu")
def _celu(g, call, x):
    return g.node("Celu", [x], alpha=call.alpha)


@_formula("log_sigmoid")
def _log_sigmoid(o, call, x):
    return o("Neg", o("Softplus", o("Neg", x)))


@_formula("silu")
def _silu(o, call, x):
    return o("Mul", x, o("Sigmoid", x))


@_formula("gelu_erf")
def _gelu_erf(o, call, x):
    return o("Mul", o("Mul", x, 0.5), o("Add", _error_function(o, o("Mul", x, math.sqrt(0.5))), 1))


@_formula("gelu_tanh")
def _gelu_tanh(o, call, x):
    cubic = o("Add", x, o("Mul", o("Mul", x, o("Mul", x, x)), 0.044715))
    bend = o("Tanh", o("Mul", cubic, math.sqrt(2 / math.pi)))
    return o("Mul", o("Mul", x, 0.5), o("Add", bend, 1))
