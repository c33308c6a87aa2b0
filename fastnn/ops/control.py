"""Control flow: decided by Python where values are at hand, by loops and choices of the plan where they are traced."""

import contextlib

import numpy as np

from ..engine import nest
from ..engine.graph import Graph
from ..engine.op import OpCall, context, define_op, records
from ..engine.symbolic import public
from ..engine.tensor import Spec, Tensor, Traced
from ..engine.variable import Variable, convert
from . import loop_tracing
from .casting import cast_op
from .joining import concatenate, stack
from .logic import where
from .shape import flip, moveaxis


def _value(x):
    return convert(x) if isinstance(x, (Tensor, Variable, np.ndarray, int, float, bool, np.generic)) else x


def _looping():
    """Whether loops are to be traced, not run or laid out step by step."""
    return context.graph is not None and context.graph.loops


class _Structure:
    """A nested structure of tensors, and of what is no tensor (None, a string): the tensors come and go as a list."""

    def __init__(self, structure):
        self.structure = structure
        self.leaves = [_value(leaf) for leaf in nest.flatten(structure)]
        self.at = [i for i, leaf in enumerate(self.leaves) if isinstance(leaf, Tensor)]

    @property
    def tensors(self):
        return [self.leaves[i] for i in self.at]

    def pack(self, tensors):
        leaves = list(self.leaves)
        for i, tensor in zip(self.at, tensors, strict=True):
            leaves[i] = tensor
        return nest.pack(self.structure, leaves)


@public
def cond(pred, true_fn, false_fn):
    """true_fn() where `pred`, a boolean scalar, holds, else false_fn(); both give results of one structure.

    In a trace both are traced, and the plan runs the one that is chosen; variables that either assigns to keep their
    values where the other one is.
    """
    pred = _value(pred)
    if pred.size != 1:
        raise ValueError(f"cond: `pred` must be a boolean scalar, received shape {tuple(pred.shape)}")
    if type(pred) is not Traced:
        return true_fn() if bool(pred.array) else false_fn()
    pred = pred if pred.dtype == "bool" else cast_op(pred, dtype="bool")
    return _choose("cond", cast_op(pred, dtype="int32"), [false_fn, true_fn])


@public
def switch(index, branches, *operands):
    """branches[index](*operands), the index moved inside 0..len(branches) - 1; in a trace as `cond`."""
    index = _value(index)
    branches = list(branches)
    if not branches:
        raise ValueError("switch: `branches` must hold at least one function, received none")
    if type(index) is not Traced:
        return branches[min(max(int(index.array), 0), len(branches) - 1)](*operands)
    index = index if index.dtype == "int32" else cast_op(index, dtype="int32")
    return _choose("switch", index, [lambda branch=branch: branch(*operands) for branch in branches])


def _choose(owner, index, branches):
    """The results of the branch whose number is traced."""
    if index.shape:
        index = records["reshape"](index, newshape=())
    if not _looping():
        return _selected(index, [branch() for branch in branches])
    results = []

    def run(branch):
        results.append(_Structure(branch()))
        return results[-1].tensors

    made = loop_tracing.trace_choice(owner, index, [lambda branch=branch: run(branch) for branch in branches])
    return results[0].pack(made)


def _selected(index, results):
    """The result whose number is `index`, where all are there."""
    columns = zip(*[nest.flatten(result) for result in results], strict=True)
    chosen = []
    for column in columns:
        value = column[-1]
        for i in reversed(range(len(column) - 1)):
            value = column[i] if column[i] is value else where(index <= i, column[i], value)
        chosen.append(value)
    return nest.pack(results[0], chosen)


@public
def while_loop(cond, body, loop_vars, maximum_iterations=None):  # noqa: F811 - Keras's name for the condition
    """Repeat loop_vars = body(*loop_vars) while cond(*loop_vars) holds, at most `maximum_iterations` times.

    In a trace it has a gradient where `maximum_iterations` is given, which says how many steps to keep room for.
    """
    single = not isinstance(loop_vars, (list, tuple))
    state = (loop_vars,) if single else tuple(loop_vars)

    def after(values):
        new = body(*values)
        return (new,) if single and not isinstance(new, (list, tuple)) else tuple(new)

    if _looping():
        given = _Structure(state)
        last = loop_tracing.trace_while(
            lambda tensors: cond(*given.pack(tensors)),
            lambda tensors: _Structure(after(given.pack(tensors))).tensors,
            given.tensors,
            maximum_iterations,
        )
        state = given.pack(last)
    else:
        rounds = 0
        while (maximum_iterations is None or rounds < maximum_iterations) and bool(np.asarray(cond(*state))):
            state = after(state)
            rounds += 1
    return state[0] if single else type(loop_vars)(state)


@public
def fori_loop(lower, upper, body_fun, init_val):
    """val = body_fun(i, val) for i = lower ... upper - 1, i an int32 tensor. With traced bounds it has no gradient."""
    lower, upper = _value(lower), _value(upper)
    if type(lower) is Traced or type(upper) is Traced:
        return while_loop(
            lambda i, value: i < upper, lambda i, value: (i + 1, body_fun(i, value)), (lower, init_val)
        )[1]
    lower, upper = int(lower), int(upper)
    if context.graph is not None:
        return scan(
            lambda value, i: (body_fun(i, value), None), init_val, np.arange(lower, upper, dtype=np.int32)
        )[0]
    value = init_val
    for i in range(lower, upper):
        value = body_fun(convert(i), value)
    return value


@public
def scan(f, init, xs=None, length=None, reverse=False, unroll=1):
    """carry, y = f(carry, x) for the slices x of `xs` along the first axis; (last carry, the y's stacked).

    xs: a structure of tensors of one first extent, or None with `length` given. reverse: from the last slice on.
    unroll: accepted as in Keras. In a trace `f` is traced once, whatever the length, and the plan loops.
    """
    if not callable(f):
        raise TypeError(f"scan: `f` must be a function of (carry, x), received {f!r}")
    if not isinstance(unroll, (bool, int)) or unroll < 1 and unroll is not False:
        raise ValueError(f"scan: `unroll` must be a positive integer or a bool, received {unroll!r}")
    if xs is None and length is None:
        raise ValueError("scan: give `xs`, or `length`")
    given = _Structure(xs)
    count = int(length) if length is not None else given.tensors[0].shape[0]
    if any(x.shape[0] != count for x in given.tensors):
        raise ValueError(
            f"scan: all of `xs` must have {count} slices along the first axis, received "
            f"{[x.shape[0] for x in given.tensors]}"
        )
    if _looping() or count == 0:  # only a trace knows the shapes of what no step makes
        with contextlib.nullcontext() if context.graph is not None else Graph():
            return _traced_scan(f, init, given, count, reverse)
    carry, made = init, []
    for i in range(count)[:: -1 if reverse else 1]:
        carry, y = f(carry, given.pack([x[i] for x in given.tensors]))
        made.append(y)
    return carry, _stacked(made[::-1] if reverse else made)


def _traced_scan(f, init, xs, count, reverse):
    first = _Structure(init)
    made = []

    def step(carry, slices):
        carry, y = f(first.pack(carry), xs.pack(slices))
        made.append(_Structure(y))
        return _Structure(carry).tensors, made[-1].tensors

    last, ys = loop_tracing.trace_loop("scan", step, first.tensors, xs.tensors, count, reverse=reverse)
    return first.pack(last), made[-1].pack(ys)


def _stacked(results):
    columns = zip(*[nest.flatten(result) for result in results])
    return nest.pack(results[0], [None if column[0] is None else stack(list(column)) for column in columns])


@public
def map(f, xs):  # noqa: A001 - Keras's name
    """f of each slice of `xs` (a tensor or a structure of them) along the first axis, stacked."""
    return scan(lambda carry, x: (carry, f(x)), (), xs)[1]


@public
def vectorized_map(function, elements):
    """As `map`."""
    return map(function, elements)


@public
def associative_scan(f, elems, reverse=False, axis=0):
    """The running results of the associative function f(a, b) along `axis`: x0, f(x0, x1), f(f(x0, x1), x2), ...

    `f` is called about 2 log2(n) times, on many elements side by side along `axis`.
    Source: Keras 3 `ops.associative_scan`; Blelloch, "Prefix Sums and Their Applications", 1990.
    """
    leaves = [convert(x) for x in nest.flatten(elems)]
    axis = axis % len(leaves[0].shape)
    if any(x.shape[axis] != leaves[0].shape[axis] for x in leaves):
        raise ValueError(
            f"associative_scan: all of `elems` must have one extent along axis {axis}, received "
            f"{[x.shape[axis] for x in leaves]}"
        )
    if reverse:
        leaves = [flip(x, axis) for x in leaves]

    def cut(x, *bounds):
        return x[(*[slice(None)] * axis, slice(*bounds))]

    def joined(a, b):
        result = f(nest.pack(elems, a), nest.pack(elems, b))
        return [convert(x) for x in nest.flatten(result)]

    def running(xs):
        count = xs[0].shape[axis]
        if count < 2:
            return xs
        pairs = joined([cut(x, 0, count - 1, 2) for x in xs], [cut(x, 1, None, 2) for x in xs])
        odd = running(pairs)  # of places 1, 3, 5, ...
        left = odd if count % 2 else [cut(x, 0, -1) for x in odd]
        even = [cut(x, 0, 1) for x in xs]
        if count > 2:
            rest = joined(left, [cut(x, 2, None, 2) for x in xs])
            even = [concatenate([a, b], axis=axis) for a, b in zip(even, rest)]
        return [_interleaved(a, b, axis) for a, b in zip(even, odd)]

    made = running(leaves)
    return nest.pack(elems, [flip(x, axis) if reverse else x for x in made])


def _interleaved(even, odd, axis):
    """a0 b0 a1 b1 ... along `axis`, of which `even` has as many as `odd` or one more."""
    count = odd.shape[axis]
    head = even[(*[slice(None)] * axis, slice(0, count))]
    both = stack([moveaxis(head, axis, 0), moveaxis(odd, axis, 0)], axis=1)
    both = moveaxis(records["reshape"](both, newshape=(2 * count, *both.shape[2:])), 0, axis)
    if even.shape[axis] == count:
        return both
    return concatenate([both, even[(*[slice(None)] * axis, slice(count, None))]], axis=axis)


class _CustomGradient:
    """A function whose gradient it gives itself."""

    def __init__(self, function):
        self.function = function
        self.__name__ = getattr(function, "__name__", "custom_gradient")
        self.__doc__ = function.__doc__

    def __call__(self, *args, **kwargs):
        inputs = [convert(x) for x in args]
        tapes, context.tapes = context.tapes, ()
        try:
            outputs, rule = self.function(*inputs, **kwargs)
        finally:
            context.tapes = tapes
        many = isinstance(outputs, (list, tuple))
        results = [convert(y) for y in (outputs if many else (outputs,))]
        tied = _tie(results, inputs, {"count": len(results), "rule": rule})
        return type(outputs)(tied) if many else tied[0]


def _tie(results, inputs, attrs):
    """Apply custom_gradient_op; not by `apply`, which keeps what it ran, and so the rule's closure, in its cache."""
    operands = (*results, *inputs)
    if any(type(x) is Traced for x in operands):
        outputs = context.graph.add(custom_gradient_op, operands, attrs)
    else:
        outputs = tuple([Tensor(x.array) for x in results])
    call = OpCall(custom_gradient_op, operands, outputs, attrs)
    for tape in context.tapes:
        tape.record(call)
    return list(outputs)


def _custom_kernel(call):
    for x, y in zip(call.inputs, call.outputs):
        call.emit("copy_bytes", reads=[x], writes=[y], sizes=[y.nbytes])


def _custom_grad(call, *douts):
    results = call.rule(*douts)
    results = list(results) if isinstance(results, (list, tuple)) else [results]
    return [None] * call.count + results


# The outputs, tied to the inputs of the function that computed them: its gradient goes from one to the other.
custom_gradient_op = define_op(
    "custom_gradient",
    grad=_custom_grad,
    kernel=_custom_kernel,
    shape=lambda *xs, count, rule: tuple(Spec(x.shape, x.dtype) for x in xs[:count]),
    reference=lambda *xs, count, rule: tuple(xs[:count]),
)


def custom_gradient(f):
    """A decorator for a function that returns (result, gradient function): the latter takes the results' gradients
    and gives the arguments'. Works eagerly and in traces."""
    return _CustomGradient(f)
