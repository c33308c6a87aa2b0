"""Loops and choices as a trace sees them: the body is traced once, what does not depend on the steps goes before the
loop, and products of slices alone become one product for all steps."""

import numpy as np

from ..engine import dtypes
from ..engine.loops import MOST_STEPS, Branch, Choice, InnerGraph, Loop, ancestors
from ..engine.op import context, records
from ..engine.tensor import Tensor
from ..engine.variable import convert
from .casting import cast_op
from .loop_records import add_choice, add_loop
from .shape import broadcast

_MOST_TRACES = 4  # of a body whose carries change their dtype or shape by it


class _Trace:
    """A traced body: before, after (carries), slices, ys; `graph` holds the rest."""

    def __init__(self, step, first, stacks):
        self.graph = graph = InnerGraph(context.graph)
        with graph:
            self.before = [graph.fresh(x.shape, x.dtype) for x in first]
            self.slices = [graph.fresh(x.shape[1:], x.dtype) for x in stacks]
            after, ys = step(list(self.before), list(self.slices))
            self.after = [graph.lift(convert(x)) for x in after]
            self.ys = [graph.lift(convert(y)) for y in ys]

    def settled(self, owner, first):
        """The first carries as the body leaves them, or None where they are as they were."""
        if len(first) != len(self.after):
            raise ValueError(
                f"{owner}: the body must return {len(first)} carried values, as it was given, received "
                f"{len(self.after)}"
            )
        changed, settled = False, []
        with self.graph:
            for i, (x, y) in enumerate(zip(first, self.after)):
                if tuple(x.shape) != tuple(y.shape):
                    try:
                        fits = np.broadcast_shapes(x.shape, y.shape) == tuple(y.shape)
                    except ValueError:
                        fits = False
                    if not fits:
                        raise ValueError(
                            f"{owner}: a carried value must keep its shape; number {i} goes in with shape "
                            f"{tuple(x.shape)} and comes back with {tuple(y.shape)}"
                        )
                    changed = True
                dtype = dtypes.promote(x.dtype, y.dtype)
                if y.dtype != dtype:
                    self.after[i] = cast_op(y, dtype=dtype)
                changed = changed or dtype != x.dtype
                settled.append((tuple(y.shape), dtype))
        if not changed:
            return None
        made = []
        for x, (shape, dtype) in zip(first, settled):
            x = x if x.dtype == dtype else cast_op(x, dtype=dtype)
            made.append(x if tuple(x.shape) == shape else broadcast(x, shape))
        return made


def _traced(owner, step, first, stacks):
    """(the trace, the first carries in the form that the body leaves them in)."""
    for _ in range(_MOST_TRACES):
        trace = _Trace(step, first, stacks)
        settled = trace.settled(owner, first)
        if settled is None:
            return trace, first
        first = settled
    raise ValueError(f"{owner}: the carried values change their dtype or shape at each step")


def trace_loop(owner, step, first, stacks, steps, *, reverse=False, guard=None, rounds=None):
    """(last carries, stacked ys) of carries, ys = step(carries, slices) over the slices of `stacks`.

    first, stacks: lists of tensors. Variables that the body assigns to are carried too.
    guard, rounds: see Loop.
    """
    first = [convert(x) for x in first]
    trace, first = _traced(owner, step, first, stacks)
    if not steps:
        return first, [Tensor(np.zeros((0, *y.shape), dtypes.NUMPY[y.dtype])) for y in trace.ys]
    graph = trace.graph
    tallied = _tallied(graph)
    written = [v for v in graph.reads if graph.state[v] is not graph.reads[v]]
    captured = list(graph.captured.values())
    captured += [(v.read(), inner) for v, inner in graph.reads.items() if graph.state[v] is inner]
    slices = list(zip(stacks, trace.slices))
    nodes = _hoist(graph.nodes, captured, slices, steps)
    graph.nodes = []
    loop = Loop(
        graph,
        nodes,
        [*zip(trace.before, trace.after), *[(graph.reads[v], graph.state[v]) for v in written], *tallied],
        [inner for _, inner in captured],
        [inner for _, inner in slices],
        trace.ys,
        steps,
        reverse=reverse,
        guard=guard,
        rounds=rounds,
    )
    zeros = [_zeros(before) for before, _ in tallied]
    inputs = [*first, *[v.read() for v in written], *zeros]
    inputs += [x for x, _ in captured] + [x for x, _ in slices]
    outputs = list(add_loop(loop, inputs))
    for variable, value in zip(written, outputs[len(first) :]):
        context.graph.assign(variable, value)
    for (_, note), total in zip(graph.tallies, outputs[len(first) + len(written) :]):
        note(total)
    return outputs[: len(first)], outputs[len(loop.carries) :]


def _tallied(graph):
    """Carries that add up what the body wants summed."""
    made = []
    with graph:
        for value, _ in graph.tallies:
            value = graph.lift(value)
            before = graph.fresh(value.shape, value.dtype)
            made.append((before, records["add"](before, value)))
    return made


def _zeros(value):
    return Tensor(np.zeros(value.shape, dtypes.NUMPY[value.dtype]))


def _hoist(nodes, captured, slices, steps):
    """The calls that must be made at each step. The others are made before the loop: `captured` and `slices`, lists of
    (outer value or stack, the body's value), are given their results."""
    fixed = {id(inner): outer for outer, inner in captured}
    stacks = {id(inner): outer for outer, inner in slices}

    def outer(value):
        if value.value is not None:
            return Tensor(value.value)
        found = fixed.get(id(value))
        return stacks.get(id(value)) if found is None else found

    batched = _batched(nodes, fixed, stacks)
    left = []
    for node in nodes:
        values = [outer(value) for value in node.inputs]
        movable = (
            "control" not in node.attrs
            and node.op.name != "custom_gradient"
            and None not in map(_known, values)
        )
        if movable and values and not any(id(value) in stacks for value in node.inputs):
            made = node.op(*values, **node.attrs)
            table, pairs = fixed, captured
        elif movable and id(node) in batched:
            attrs = node.attrs
            if node.op.name == "reshape":
                attrs = {"newshape": (steps, *node.output.shape)}
            made = node.op(*values, **attrs)
            table, pairs = stacks, slices
        else:
            left.append(node)
            continue
        for value, result in zip(node.outputs, made if type(made) is tuple else (made,)):
            value.node = None
            table[id(value)] = result
            pairs.append((result, value))
    return left


def _known(value):
    return None if value is None else True


def _batched(nodes, fixed, stacks):
    """The ids of calls that take slices alone and lead to products of them with matrices that stay the same."""
    sliced, same, candidates, products = set(stacks), set(fixed), [], []
    for node in nodes:
        inputs = [x for x in node.inputs if x.value is None]
        if not all(id(x) in sliced or id(x) in same for x in inputs) or "control" in node.attrs:
            continue
        if not any(id(x) in sliced for x in inputs):
            if inputs or node.inputs:
                same.update([id(y) for y in node.outputs])
        elif _each_slice_alone(node, sliced):
            sliced.update([id(y) for y in node.outputs])
            candidates.append(node)
            if node.op.name == "matmul":
                products.append(node.output)
    wanted = ancestors(candidates, products)
    return {id(node) for node in candidates if any(id(y) in wanted for y in node.outputs)}


def _each_slice_alone(node, sliced):
    """Whether the call on stacks in place of their slices gives the stack of its results."""
    if node.op.name == "matmul":
        a, b = node.inputs
        return (
            id(a) in sliced
            and id(b) not in sliced
            and len(b.shape) == 2
            and not node.attrs.get("transpose_a")
        )
    if node.op.name == "reshape":
        return True
    if node.op.pointwise is None or len(node.outputs) != 1:
        return False
    rank = len(node.output.shape)
    return all(len(x.shape) == rank if id(x) in sliced else len(x.shape) <= rank for x in node.inputs)


def trace_while(condition, body, state, maximum_iterations):
    """The last state, a list, of state = body(state) while condition(state); both take lists of tensors."""
    state = [convert(x) for x in state]
    going = _as_bool(condition(state))
    steps = MOST_STEPS if maximum_iterations is None else int(maximum_iterations)

    def step(carries, _):
        after = body(carries[2:])
        return [_as_bool(condition([convert(x) for x in after])), carries[1] + 1, *after], []

    rounds = Tensor(np.zeros((), np.int32))
    last, _ = trace_loop(
        "while_loop",
        step,
        [going, rounds, *state],
        [],
        steps,
        guard=0,
        rounds=None if maximum_iterations is None else 1,
    )
    return last[2:]


def _as_bool(test):
    test = convert(test)
    if test.size != 1:
        raise ValueError(f"while_loop: `cond` must give a boolean scalar, received shape {tuple(test.shape)}")
    test = test if test.dtype == "bool" else cast_op(test, dtype="bool")
    return records["reshape"](test, newshape=()) if test.shape else test


def trace_choice(owner, index, branches):
    """The results, a list, of branches[index](), functions that give lists of tensors of the same shapes."""
    graphs, results = [], []
    for branch in branches:
        graph = InnerGraph(context.graph)
        with graph:
            results.append([graph.lift(convert(x)) for x in branch()])
        graphs.append(graph)
    if len({len(result) for result in results}) > 1:
        raise ValueError(
            f"{owner}: all branches must give results of one structure, received {[len(r) for r in results]} tensors"
        )
    for i, column in enumerate(zip(*results)):
        try:
            shape = np.broadcast_shapes(*[x.shape for x in column])
        except ValueError:
            raise ValueError(
                f"{owner}: all branches must give results of the same shapes, received "
                f"{[tuple(x.shape) for x in column]}"
            ) from None
        dtype = dtypes.promote(*[x.dtype for x in column])
        for graph, result in zip(graphs, results):
            with graph:
                x = result[i] if result[i].dtype == dtype else cast_op(result[i], dtype=dtype)
                result[i] = x if tuple(x.shape) == tuple(shape) else broadcast(x, tuple(shape))
    written = list({v: None for graph in graphs for v in graph.reads if graph.state[v] is not graph.reads[v]})
    for graph, result in zip(graphs, results):
        result += [graph.read(v) for v in written]
    tallies = [(number, *tally) for number, graph in enumerate(graphs) for tally in graph.tallies]
    for number, (graph, result) in enumerate(zip(graphs, results)):
        with graph:
            result += [graph.lift(value if own == number else _zeros(value)) for own, value, _ in tallies]
    inputs, places = [], {}
    reads = []
    for graph in graphs:
        own = {}
        pairs = [*graph.captured.values(), *[(v.read(), inner) for v, inner in graph.reads.items()]]
        for outer, inner in pairs:
            if id(outer) not in places:
                places[id(outer)] = len(inputs)
                inputs.append(outer)
            own[places[id(outer)]] = inner
        reads.append(own)
    made = []
    for graph, own, result in zip(graphs, reads, results):
        captured = [own.get(i) for i in range(len(inputs))]
        made.append(Branch(graph, graph.nodes, captured, result))
        graph.nodes = []
    outputs = list(add_choice(Choice(made), [index, *inputs])) if results[0] else []
    count = len(outputs) - len(written) - len(tallies)
    for variable, value in zip(written, outputs[count:]):
        context.graph.assign(variable, value)
    for (*_, note), value in zip(tallies, outputs[count + len(written) :]):
        note(value)
    return outputs[:count]
