"""Op records: one op, one record, and the one way to apply it."""

import threading

from .tensor import Spec, Traced


class Context(threading.local):
    """What the current Python thread is doing: `graph`, being traced, or None; `tapes`, open ones; `precision`, what
    the policy of the layer being called rounds the operands of products to, or None; `stateless`, the innermost
    StatelessScope, or None."""

    graph = None
    tapes = ()
    precision = None
    stateless = None


context = Context()
records = {}  # name -> Op


class OpCall:
    """One application of an op: a tape's entry and a graph's node."""

    __slots__ = ("op", "inputs", "outputs", "attrs", "needs")

    def __init__(self, op, inputs, outputs, attrs):
        self.op = op
        self.inputs = inputs
        self.outputs = outputs
        self.attrs = attrs
        self.needs = None  # while gradients are taken: which inputs want one

    @property
    def output(self):
        """The first output."""
        return self.outputs[0]

    def __getattr__(self, name):  # op.axis for op.attrs["axis"]; only reached for names that are not slots
        try:
            return self.attrs[name]
        except KeyError:
            raise AttributeError(f"{self.op.name} has no attribute {name!r}") from None

    def __repr__(self):
        return f"{self.op.name}({', '.join(map(repr, self.inputs))}, {self.attrs})"


class Op:
    """An op's record; call it with tensors (and attributes by name) to apply it.

    name: unique; also what `plan.describe()` prints.
    shape(*inputs, **attrs): the outputs' Spec, or a tuple of them for several outputs. The inputs have `shape` and
        `dtype`. Raises the user's error.
    reference(*arrays, **attrs): the NumPy form, any float dtype; an array, or a tuple for several outputs.
    grad(call, *douts): a list, one gradient tensor or None per input; written with ops. `call` is the OpCall:
        call.inputs, call.outputs, call.output, call.<attr>, call.needs[i].
    kernel(lowering): emits the instructions for float32 (see lower.py), or returns False where none fits.
    view: the output is the input's memory in another shape.
    inplace: input indices whose memory output 0 may reuse, or a dict {output: input indices}.
    pointwise: the element function's name in csrc/eltwise.c, for ops that chains may absorb.
    sweep: (shared, records) where several calls may run as one. shared: the places of inputs they must have in
        common; records[number of a call's inputs]: the op that takes these, then every call's other inputs, and
        makes every call's outputs.
    """

    __slots__ = ("name", "shape", "reference", "grad", "kernel", "view", "inplace", "pointwise", "sweep")

    def __init__(self, name, shape, reference, grad, kernel, view, inplace, pointwise, sweep):
        self.name = name
        self.shape = shape
        self.reference = reference
        self.grad = grad
        self.kernel = kernel
        self.view = view
        self.inplace = inplace if isinstance(inplace, dict) else {0: tuple(inplace)}
        self.pointwise = pointwise
        self.sweep = sweep

    def __call__(self, *inputs, **attrs):
        return apply(self, inputs, attrs)

    def __repr__(self):
        return f"<op {self.name}>"


def define_op(
    name, *, shape, reference, grad, kernel=None, view=False, inplace=(), pointwise=None, sweep=None
):
    """Make and register an op's record; see `Op` for the rules.

    Raises:
        ValueError: the name is taken, or a rule is missing or no function.
    """
    if name in records:
        raise ValueError(f"define_op: there is an op {name!r} already")
    for rule, function in (("shape", shape), ("reference", reference), ("grad", grad)):
        if not callable(function):
            raise ValueError(f"define_op({name!r}): `{rule}` must be a function, received {function!r}")
    records[name] = Op(name, shape, reference, grad, kernel, view, inplace, pointwise, sweep)
    return records[name]


def no_gradient(reason):
    """A `grad` rule for an op that has none; `reason` is for the reader ("integer output")."""

    def grad(call, *douts):
        return [None] * len(call.inputs)

    grad.reason = reason
    return grad


def same_shape(x, *others, **attrs):
    """The shape rule of elementwise ops whose inputs all have the output's shape and dtype."""
    return Spec(x.shape, x.dtype)


def apply(op, inputs, attrs):
    """Run `op` now, or add it to the graph being traced; tell the open tapes."""
    graph = context.graph
    if graph is not None:
        for x in inputs:
            if type(x) is Traced:
                outputs = graph.add(op, inputs, attrs)
                break
        else:
            outputs = run_now(op, inputs, attrs)
    else:
        outputs = run_now(op, inputs, attrs)
    if context.tapes:
        call = OpCall(op, inputs, outputs, attrs)
        for tape in context.tapes:
            tape.record(call)
    return outputs[0] if len(outputs) == 1 else outputs


def run_now(op, inputs, attrs):
    """The outputs of an op on tensors at hand, a tuple."""

    from .eager import run_now as run  # the eager path needs lowering, which needs this module

    globals()["run_now"] = run
    return run(op, inputs, attrs)


class suspended:  # noqa: N801 - reads as a statement: `with suspended():`
    """Run what is inside eagerly and unrecorded, whatever is being traced or taped around it."""

    def __enter__(self):
        self.saved = context.graph, context.tapes
        context.graph, context.tapes = None, ()

    def __exit__(self, *exc):
        context.graph, context.tapes = self.saved
