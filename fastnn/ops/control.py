"""Control flow: decided by Python where values are at hand, laid out in the graph where they are traced."""

import numpy as np

from ..engine import nest
from ..engine.op import OpCall, context, define_op, records
from ..engine.symbolic import public
from ..engine.tensor import Spec, Tensor, Traced
from ..engine.variable import Variable, convert
from .joining import stack
from .logic import where
from .shape import flip


def _value(x):
    return convert(x) if isinstance(x, (Tensor, Variable, np.ndarray, int, float, bool, np.generic)) else x


@public
def cond(pred, true_fn, false_fn):
    """true_fn() where `pred`, a boolean scalar, holds, else false_fn(); both give results of one structure.

    In a trace both are laid out and the results, and the variables that they assign to, are selected: what either
    costs is always paid, and neither may fail.
    """
    pred = _value(pred)
    if pred.size != 1:
        raise ValueError(f"cond: `pred` must be a boolean scalar, received shape {tuple(pred.shape)}")
    if type(pred) is not Traced:
        return true_fn() if bool(pred.array) else false_fn()
    if pred.shape:
        pred = records["reshape"](pred, newshape=())
    before = dict(context.graph.state)
    first, first_state = _branch(true_fn, before)
    second, second_state = _branch(false_fn, before)
    for variable in {**first_state, **second_state}:
        a = first_state.get(variable, before.get(variable))
        b = second_state.get(variable, before.get(variable))
        a = variable.read() if a is None else a  # read for the first time inside the other branch
        b = variable.read() if b is None else b
        if a is not b:
            context.graph.assign(variable, where(pred, a, b))
    chosen = [
        a if a is b or a is None else where(pred, a, b)
        for a, b in zip(nest.flatten(first), nest.flatten(second), strict=True)
    ]
    return nest.pack(first, chosen)


def _branch(function, before):
    """(result, {variable: value} that it assigned) of one branch; the graph's state is as before afterwards."""
    graph = context.graph
    result = function()
    changed = {v: value for v, value in graph.state.items() if value is not before.get(v, graph.reads.get(v))}
    for variable in changed:
        graph.state[variable] = before.get(variable, graph.reads[variable])
    return result, changed


def switch(index, branches, *operands):
    """branches[index](*operands), the index moved inside 0..len(branches) - 1; in a trace as `cond`."""
    index = _value(index)
    if type(index) is not Traced:
        return branches[min(max(int(index.array), 0), len(branches) - 1)](*operands)
    chosen = branches[-1](*operands) if len(branches) == 1 else None
    if chosen is not None:
        return chosen
    return cond(
        index <= 0, lambda: branches[0](*operands), lambda: switch(index - 1, branches[1:], *operands)
    )


def while_loop(cond, body, loop_vars, maximum_iterations=None):  # noqa: F811 - Keras's name for the condition
    """Repeat loop_vars = body(*loop_vars) while cond(*loop_vars); the condition's values must be at hand.

    In a trace, where `cond` looks at traced values, give `maximum_iterations`: that many rounds are laid out, and
    those after the end leave the values as they are.
    """
    single = not isinstance(loop_vars, (list, tuple))
    state = (loop_vars,) if single else tuple(loop_vars)
    rounds = 0
    going = None
    while maximum_iterations is None or rounds < maximum_iterations:
        test = cond(*state)
        if type(test) is Traced:
            if maximum_iterations is None:
                raise TypeError(
                    "while_loop: in a trace the number of rounds must not depend on traced values; give "
                    "`maximum_iterations`, or use fori_loop or scan"
                )
            going = test if going is None else records["logical_and"](going, test)
            new = body(*state)
            new = (new,) if single and not isinstance(new, (list, tuple)) else tuple(new)
            state = nest.pack(
                state, [where(going, a, b) for a, b in zip(nest.flatten(new), nest.flatten(state))]
            )
        else:
            if not bool(np.asarray(test)):
                break
            new = body(*state)
            state = (new,) if single and not isinstance(new, (list, tuple)) else tuple(new)
        rounds += 1
    return state[0] if single else type(loop_vars)(state)


def fori_loop(lower, upper, body_fun, init_val):
    """val = body_fun(i, val) for i = lower ... upper - 1; in a trace each round is laid out."""
    value = init_val
    for i in range(int(lower), int(upper)):
        value = body_fun(convert(i), value)
    return value


def scan(f, init, xs=None, length=None, reverse=False, unroll=1):
    """carry, y = f(carry, x) for the slices x of `xs` along the first axis; (last carry, the y's stacked).

    xs: a structure of tensors of one first extent, or None with `length` given. reverse: from the last slice on.
    """
    if not callable(f):
        raise TypeError(f"scan: `f` must be a function of (carry, x), received {f!r}")
    leaves = [convert(x) for x in nest.flatten(xs)] if xs is not None else []
    if xs is None and length is None:
        raise ValueError("scan: give `xs`, or `length`")
    count = int(length) if length is not None else leaves[0].shape[0]
    if any(x.shape[0] != count for x in leaves):
        raise ValueError(
            f"scan: all of `xs` must have {count} slices along the first axis, received "
            f"{[x.shape[0] for x in leaves]}"
        )
    carry, made = init, []
    for i in range(count)[:: -1 if reverse else 1]:
        x = nest.pack(xs, [leaf[i] for leaf in leaves]) if xs is not None else None
        carry, y = f(carry, x)
        made.append(y)
    if not made:
        return carry, None
    return carry, _stacked(made[::-1] if reverse else made)


def _stacked(results):
    columns = zip(*[nest.flatten(result) for result in results])
    return nest.pack(results[0], [None if column[0] is None else stack(list(column)) for column in columns])


def map(f, xs):  # noqa: A001 - Keras's name
    """f of each slice of `xs` (a tensor or a structure of them) along the first axis, stacked."""
    leaves = [convert(x) for x in nest.flatten(xs)]
    return _stacked([f(nest.pack(xs, [leaf[i] for leaf in leaves])) for i in range(leaves[0].shape[0])])


def vectorized_map(function, elements):
    """As `map`."""
    return map(function, elements)


def associative_scan(f, elems, reverse=False, axis=0):
    """The running results of the associative function f(a, b) along `axis`: x0, f(x0, x1), f(f(x0, x1), x2), ..."""
    from .joining import unstack

    leaves = [flip(convert(x), axis) if reverse else convert(x) for x in nest.flatten(elems)]
    slices = [nest.pack(elems, list(parts)) for parts in zip(*[unstack(x, axis=axis) for x in leaves])]
    made = slices[:1]
    for part in slices[1:]:
        made.append(f(made[-1], part))
    columns = [stack(list(column), axis=axis) for column in zip(*[nest.flatten(m) for m in made])]
    return nest.pack(elems, [flip(c, axis) if reverse else c for c in columns])


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
