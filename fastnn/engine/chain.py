"""Elementwise calls as one instruction: programs for csrc/eltwise.c, and the `chain` record of fusion.

A program is a tuple of steps (record name, operands, attributes). Values are numbered: the inputs first, then
each step's result. Operands are such numbers; attributes are a tuple of (name, value).
"""

import numpy as np

from . import settings
from .op import define_op, no_gradient, records
from .tensor import Spec

# The opcodes of csrc/eltwise.c in its order, and the attributes that are their scalars.
_F32_STEPS = (
    "copy add subtract multiply divide maximum minimum negative absolute sign square sqrt rsqrt reciprocal "
    "clip equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor "
    "logical_not not_zero where isnan isinf isfinite floor ceil rint trunc exp exp2 expm1 log log1p log2 "
    "log10 sin cos erf logaddexp sigmoid sigmoid_grad tanh tanh_grad relu relu_grad relu6 relu6_grad "
    "leaky_relu leaky_relu_grad hard_sigmoid hard_sigmoid_grad hard_silu elu elu_grad celu softplus "
    "log_sigmoid silu silu_grad gelu_tanh gelu_tanh_grad gelu_erf gelu_erf_grad power mod fmod floor_divide "
    "cbrt tan arcsin arccos arctan arctan2 sinh cosh arcsinh arccosh arctanh hypot erfc"
).split()
_I64_STEPS = (
    "copy add subtract multiply maximum minimum negative absolute sign square equal not_equal less "
    "less_equal greater greater_equal logical_and logical_or logical_xor logical_not where floor_divide mod "
    "bitwise_and bitwise_or bitwise_xor bitwise_not left_shift right_shift wrap"
).split()
_F32 = {name: code for code, name in enumerate(_F32_STEPS)}
_I64 = {name: code for code, name in enumerate(_I64_STEPS)}
_SCALARS = {
    "clip": ("x_min", "x_max"),
    "leaky_relu": ("negative_slope",),
    "leaky_relu_grad": ("negative_slope",),
    "elu": ("alpha", "scale"),
    "elu_grad": ("alpha", "scale"),
    "celu": ("alpha",),
}
ELEMENT = {"float32": 0, "int32": 1, "int64": 2, "uint8": 3, "bool": 4, "int8": 5, "uint32": 6}

# What csrc/eltwise.c and fnn.h have room for.
MOST_OPERANDS = 16
MOST_STEPS = 21
_MOST_REGISTERS = 40
_MOST_SCALARS = 8
_MOST_DIMS = 6


_TRUTH_STEPS = set("logical_and logical_or logical_xor logical_not equal not_equal where cast".split())


def families(name, inputs, output):
    """The kernels, "f32" and "i64", with a step for this record on these dtypes: a chain needs one in common.

    name: the record's; inputs: the operands' dtypes; output: the result's dtype.
    """
    kinds = (*inputs, output)
    if any(dtype not in ELEMENT for dtype in kinds):
        return frozenset()
    if all(dtype == "bool" for dtype in kinds) and name in _TRUTH_STEPS:
        return frozenset(["f32", "i64"])
    if "float32" not in kinds:
        return frozenset(["i64"] if name in _I64 or name == "cast" else [])
    if name == "cast" and output == "float32" and inputs[0] != "float32":
        return frozenset(["f32", "i64"])
    if name == "cast" or (name in _F32 and all(dtype in ("float32", "bool") for dtype in kinds)):
        return frozenset(["f32"])
    return frozenset()


class _Compiler:
    """Turns steps on values of known shape and dtype into the sizes and scalars of one kernel call."""

    def __init__(self, specs, steps, results, outputs, sums=False):
        self.sums = sums
        self.count = len(specs)  # inputs
        self.steps = steps
        self.specs = [*specs, *results]  # of every value
        self.outputs = outputs  # value numbers
        self.kind = None

    def run(self):
        """(kernel, sizes, scalars), or None where no kernel fits."""
        kinds = frozenset(["f32", "i64"])
        for at, (name, operands, _) in enumerate(self.steps):
            kinds &= families(
                name, [self.specs[i].dtype for i in operands], self.specs[self.count + at].dtype
            )
        if self.sums:
            kinds &= {"f32"} if self.specs[self.outputs[-1]].dtype == "float32" else set()
        if not kinds:
            return None
        self.kind = min(kinds)  # where both could, f32: its steps are vectors
        shape = tuple(self.specs[self.outputs[0]].shape)
        if any(tuple(self.specs[o].shape) != shape for o in self.outputs):
            return None
        axes = self._axes(shape)
        program = self._program()
        if axes is None or program is None:
            return None
        extents, masks = axes
        steps, scalars, registers = program
        operands = [ELEMENT[self.specs[i].dtype] | mask << 8 for i, mask in enumerate(masks)]
        operands += [ELEMENT[self.specs[o].dtype] | (1 << len(extents)) - 1 << 8 for o in self.outputs]
        operands += [0] * (MOST_OPERANDS - len(operands))
        counts = len(extents) | self.count << 8 | len(self.outputs) << 16 | len(steps) << 24 | registers << 32
        packed = [
            sum(code << 16 * place for place, code in enumerate(operands[i : i + 4]))
            for i in range(0, MOST_OPERANDS, 4)
        ]
        sizes = [counts, *extents, *[1] * (_MOST_DIMS - len(extents)), *packed, *steps]
        if self.sums:
            scalars = [*scalars, *[0.0] * (_MOST_SCALARS - 1 - len(scalars))]
        return f"chain_{'sum_' if self.sums else ''}{self.kind}", sizes, scalars

    def _axes(self, shape):
        """The fewest axes that tell how inputs repeat: extents, and each input's mask. None: too many."""
        size = int(np.prod(shape))
        if size == 0:
            return [0], [1] * self.count
        owns = []  # an axis: (extent, which inputs have it)
        padded = [(1,) * (len(shape) - len(s.shape)) + tuple(s.shape) for s in self.specs[: self.count]]
        for axis, extent in enumerate(shape):
            if extent == 1:
                continue
            own = tuple([p[axis] == extent for p in padded])
            if owns and owns[-1][1] == own:
                owns[-1] = (owns[-1][0] * extent, own)
            else:
                owns.append((extent, own))
        if not owns:
            owns = [(1, (True,) * self.count)]
        if len(owns) > _MOST_DIMS:
            return None
        masks = [sum(1 << axis for axis, (_, own) in enumerate(owns) if own[i]) for i in range(self.count)]
        return [extent for extent, _ in owns], masks

    def _program(self):
        """(packed steps, scalars, number of registers), or None: too long."""
        operations = self._operations()
        if operations is None or self.count + len(self.outputs) > MOST_OPERANDS:
            return None
        last_read = {}
        for at, (_, operands, _, _) in enumerate(operations):
            last_read.update(dict.fromkeys(operands, at))
        inputs_read = max([at for value, at in last_read.items() if value < self.count], default=-1)
        place = {i: i for i in range(self.count)}  # value -> register
        outputs = {}
        for i, value in enumerate(self.outputs):
            outputs.setdefault(value, []).append(self.count + i)
        registers, free, code, scalars, finish = self.count + len(self.outputs), [], [], [], []
        for at, (opcode, operands, values, result) in enumerate(operations):
            sources = [place[value] for value in operands]
            for value in set(operands):
                if last_read[value] == at and place[value] >= self.count + len(self.outputs):
                    free.append(place[value])  # the result may take it over: steps work element by element
            wanted = outputs.get(result, ())
            # An output may be an input's memory, so none is written while a later step still reads inputs.
            if wanted and inputs_read <= at:
                target = wanted[0]
                finish += [(target, other) for other in wanted[1:]]
            else:
                if free:
                    target = free.pop()
                else:
                    target, registers = registers, registers + 1
                finish += [(target, other) for other in wanted]
                if wanted:
                    last_read[result] = len(operations)  # its register is kept until the end
                elif result not in last_read:
                    free.append(target)
            place[result] = target
            start = _scalar_place(scalars, values)
            code.append(self._pack(opcode, target, sources, start))
        code += [self._pack("copy", target, [source], 0) for source, target in finish]
        if len(code) > MOST_STEPS or len(scalars) > _MOST_SCALARS - self.sums or registers > _MOST_REGISTERS:
            return None
        return code, scalars, registers

    def _pack(self, opcode, target, sources, scalar):
        number = (_F32 if self.kind == "f32" else _I64)[opcode]
        a, b, c = (*sources, *[sources[0]] * (3 - len(sources)))  # steps load all three
        return number | target << 8 | a << 16 | b << 24 | c << 32 | scalar << 40

    def _operations(self):
        """[(opcode, operand values, scalars, result value)], or None: a value inside would lose its dtype."""
        table = _F32 if self.kind == "f32" else _I64
        operations = []
        extra = self.count + len(self.steps)
        renamed = {}
        for at, (name, operands, attrs) in enumerate(self.steps):
            operands = [renamed.get(i, i) for i in operands]
            result = self.count + at
            source, dtype = self.specs[self.steps[at][1][0]].dtype, self.specs[result].dtype
            inner = any(result in step[1] for step in self.steps[at + 1 :])
            opcode = name
            if name == "cast":
                opcode = "not_zero" if dtype == "bool" and self.kind == "f32" and source != "bool" else "copy"
            elif name == "bitwise_not" and dtype == "bool":
                opcode = "logical_not"
            elif name == "where" and len(operands) != 3:
                return None
            if opcode not in table:
                return None
            attrs = dict(attrs)
            values = tuple([float(attrs[key]) for key in _SCALARS.get(opcode, ())])
            operations.append((opcode, operands, values, result))
            if not inner:
                continue
            if self.kind == "f32" and dtype not in ("float32", "bool"):
                return None  # a cast to integers cuts fractions off, and only the store at the end does that
            exact = dtype == "int64" or (dtype == "bool" and opcode not in ("copy", "add", "multiply"))
            if self.kind == "i64" and dtype == "float32":
                return None  # integers become floats where they are stored
            if self.kind == "i64" and not exact:
                wrapped = extra + at
                operations.append(("wrap", [result], (float(ELEMENT[dtype]),), wrapped))
                renamed[result] = wrapped
        return operations


def _scalar_place(scalars, values):
    """Where `values` start in the list `scalars`, to which they are added unless they are there."""
    for start in range(len(scalars) - len(values) + 1):
        if tuple(scalars[start : start + len(values)]) == values:
            return start
    scalars.extend(values)
    return len(scalars) - len(values)


def fits(specs, steps, results, outputs, sums=False):
    """Whether one instruction can compute this; the arguments are those of `emit_chain`, buffers or Specs."""
    return _Compiler(specs, steps, results, outputs, sums).run() is not None


def emit_chain(lowering, inputs, steps, results, outputs):
    """Add the one instruction that runs `steps` tile by tile; False where no kernel fits.

    inputs: Buffers. steps: (record name, operand numbers, ((attribute, value), ...)) each. results: what has
    the `shape` and `dtype` of each step's result. outputs: (value number, Buffer) pairs, all of one shape.
    """
    compiled = _Compiler(inputs, steps, results, [number for number, _ in outputs]).run()
    if compiled is None:
        return False
    kernel, sizes, scalars = compiled
    lowering.emit(kernel, reads=inputs, writes=[buffer for _, buffer in outputs], sizes=sizes, attrs=scalars)
    return True


def emit_chain_sum(lowering, inputs, steps, results, outputs, factor):
    """As `emit_chain`, but the last pair's Buffer gets the sum, times `factor`, of that value's elements."""
    compiled = _Compiler(inputs, steps, results, [number for number, _ in outputs], sums=True).run()
    if compiled is None:
        return False
    kernel, sizes, scalars = compiled
    writes = [buffer for _, buffer in outputs]
    units = settings.kernels().work(kernel, sizes, [*scalars, 1.0])["units"]
    if units < 1:
        return False
    if units > 1:  # a sum a tile, then their sum
        writes[-1] = lowering.workspace(4 * units)
    lowering.emit(
        kernel, reads=inputs, writes=writes, sizes=sizes, attrs=[*scalars, factor if units == 1 else 1.0]
    )
    if units > 1:
        lowering.emit(
            "sum_f32", reads=[writes[-1]], writes=[outputs[-1][1]], sizes=[1, units, 1, 1], attrs=[factor]
        )
    return True


def pointwise_kernel(lowering):
    """The `kernel` rule of an elementwise record: a chain of one step."""
    inputs = lowering.inputs
    step = (lowering.op.pointwise, tuple(range(len(inputs))), tuple(lowering.attrs.items()))
    return emit_chain(lowering, inputs, (step,), lowering.outputs, [(len(inputs), lowering.output)])


# ---- the record of a fused run ----


def result_specs(inputs, steps):
    """The Spec of each step's result."""
    values = [Spec(tuple(x.shape), x.dtype) for x in inputs]
    for name, operands, attrs in steps:
        values.append(records[name].shape(*[values[i] for i in operands], **dict(attrs)))
    return values[len(inputs) :]


def _shape(*inputs, steps, results):
    made = result_specs(inputs, steps)
    specs = tuple([made[number - len(inputs)] for number in results])
    return specs[0] if len(specs) == 1 else specs


def _reference(*arrays, steps, results):
    values = list(arrays)
    specs = [Spec(a.shape, a.dtype.name) for a in arrays]
    for name, operands, attrs in steps:
        op, attrs = records[name], dict(attrs)
        specs.append(op.shape(*[specs[i] for i in operands], **attrs))
        values.append(np.asarray(op.reference(*[values[i] for i in operands], **attrs), specs[-1].dtype))
    return tuple([values[number] for number in results])


def _kernel(lowering):
    inputs = lowering.inputs
    return emit_chain(
        lowering,
        inputs,
        lowering.steps,
        result_specs(inputs, lowering.steps),
        list(zip(lowering.results, lowering.outputs, strict=True)),
    )


# steps: a program as above; results: the numbers of the values that are its outputs, all of one shape.
chain_op = define_op(
    "chain",
    shape=_shape,
    reference=_reference,
    kernel=_kernel,
    inplace={i: (...,) for i in range(MOST_OPERANDS)},
    grad=no_gradient("fusion runs after differentiation"),
)


# ---- the same with a sum at its end ----


def _sum_shape(*inputs, steps, results, factor, shape):
    specs = [result_specs(inputs, steps)[number - len(inputs)] for number in results]
    specs[-1] = Spec(shape, "float32")
    return specs[0] if len(specs) == 1 else tuple(specs)


def _sum_reference(*arrays, steps, results, factor, shape):
    *stored, summed = _reference(*arrays, steps=steps, results=results)
    total = np.sum(summed, dtype=summed.dtype) * summed.dtype.type(factor)
    return (*stored, np.asarray(total, summed.dtype).reshape(shape))


def _sum_kernel(lowering):
    inputs = lowering.inputs
    return emit_chain_sum(
        lowering,
        inputs,
        lowering.steps,
        result_specs(inputs, lowering.steps),
        list(zip(lowering.results, lowering.outputs, strict=True)),
        lowering.factor,
    )


# factor, shape: the last of `results` is summed over all its elements, times factor; the
# sum has this shape of 1s.
chain_sum_op = define_op(
    "chain_sum",
    shape=_sum_shape,
    reference=_sum_reference,
    kernel=_sum_kernel,
    inplace={i: (...,) for i in range(MOST_OPERANDS)},
    grad=no_gradient("fusion runs after differentiation"),
)
