"""The records of loops and choices, their gradients included: both come from a trace alone (see engine/loops.py).

A gradient is a loop (choice) of its own, over the steps in the other direction. Its body is the gradient of the
body's calls, traced once; what it reads of the forward steps is kept for it, stacked, as further outputs of the
forward call. Sums of products over the steps, which weights' gradients are, become one product after the loop.
"""

import numpy as np

from ..engine import dtypes
from ..engine.loops import Branch, Choice, Loop, descendants, run_nodes
from ..engine.op import OpCall, context, define_op, records
from ..engine.tape import backpropagate
from ..engine.tensor import Spec, Tensor, Traced

# ---- shapes and references ----


def _scan_shape(*inputs, control):
    carries = [Spec(before.shape, before.dtype) for before, _ in control.carries]
    return (*carries, *[Spec(control.stack_shape(y), y.dtype) for y in control.ys])


def _scan_reference(*arrays, control):
    n, count = len(control.carries), control.steps
    state = list(arrays[:n])
    if control.counted:
        count = min(count, max(int(arrays[n]), 0))
    xs = arrays[control.xs_at :]
    known = {id(value): a for value, a in zip(control.captured, arrays[control.captured_at : control.xs_at])}
    stacks = [np.zeros(control.stack_shape(y), dtypes.NUMPY[y.dtype]) for y in control.ys]
    for i in range(count):
        if control.guard is not None and not state[control.guard]:
            break
        step = count - 1 - i if control.reverse else i
        values = dict(known)
        values.update({id(before): array for (before, _), array in zip(control.carries, state)})
        values.update({id(value): stack[step] for value, stack in zip(control.xs, xs)})
        array = run_nodes(control.nodes, values)
        for stack, y in zip(stacks, control.ys):
            stack[step] = array(y)
        state = [array(after) for _, after in control.carries]
    return (*state, *stacks)


def _choice_shape(index, *captured, control):
    outputs = zip(*[branch.outputs for branch in control.branches])
    made = [next(value for value in column if value is not None) for column in outputs]
    return tuple([Spec(value.shape, value.dtype) for value in made])


def _choice_reference(index, *arrays, control):
    branch = control.branches[min(max(int(index), 0), len(control.branches) - 1)]
    known = {id(value): a for value, a in zip(branch.captured, arrays) if value is not None}
    array = run_nodes(branch.nodes, known)
    specs = _choice_shape(index, *arrays, control=control)
    return tuple(
        [
            np.zeros(spec.shape, dtypes.NUMPY[spec.dtype]) if value is None else array(value)
            for value, spec in zip(branch.outputs, specs)
        ]
    )


# ---- gradients ----


def is_zero(tensor):
    """Whether a gradient is nothing but the zeros that stand for "none"."""
    return tensor is None or (type(tensor) is not Traced and not tensor.array.any())


class _Backward:
    """The gradient's calls of a body: `nodes`, of the values that `sources` want `results` (None: no path).

    Values of the forward body among their inputs become inputs; `bring(value)` makes and remembers them.
    """

    def __init__(self, graph, nodes, targets, sources):
        self.graph = graph
        self.seeds = [graph.fresh(target.shape, target.dtype) for target in targets]
        kept, graph.nodes = graph.nodes, []
        with graph:
            results = backpropagate(nodes, targets, sources, self.seeds)
            self.results = [None if r is None else graph.lift(r) for r in results]
        self.nodes, graph.nodes = graph.nodes, kept
        own = {id(value) for node in self.nodes for value in node.outputs}
        own |= {id(seed) for seed in self.seeds}
        self.own = own
        self.read = {}  # id(forward value) -> (it, the gradient body's input)
        for node in self.nodes:
            node.inputs = tuple([self.bring(value) for value in node.inputs])
        self.results = [None if r is None else self.bring(r) for r in self.results]

    def bring(self, value):
        if value.value is not None or id(value) in self.own:
            return value
        known = self.read.get(id(value))
        if known is None:
            known = self.read[id(value)] = (value, self.graph.fresh(value.shape, value.dtype))
            self.own.add(id(known[1]))
        return known[1]


def _outer_of(graph, value):
    """What a value that only the gradient captured is outside; None: it is made inside."""
    for outer, inner in graph.captured.values():
        if inner is value:
            return outer
    for variable, inner in graph.reads.items():
        if inner is value:
            return variable.read()
    return None


def _kept_ys(call, value):
    """The stack of a forward value, made an output of the loop `call` where it is none yet."""
    loop = call.attrs["control"]
    n = len(loop.carries)
    for y, stack in zip(loop.ys, call.outputs[n:]):
        if y is value:
            return stack
    wider = loop.with_parts(loop.carries, loop.captured, loop.xs, [*loop.ys, value])
    stack = Traced(loop.stack_shape(value), value.dtype, call.outputs[0].graph, call)
    call.attrs = {"control": wider}
    call.outputs = (*call.outputs, stack)
    return stack


def _active_carries(loop, needs):
    """The places of carries whose gradient is wanted: of floats, computed from what wants a gradient."""
    wanted = [v for v, need in zip((*loop.captured, *loop.xs), needs[loop.captured_at :]) if need]
    active = {i for i in range(len(loop.carries)) if needs[i] and dtypes.is_float(loop.carries[i][0].dtype)}
    while True:
        size = len(active)
        reached = descendants(loop.nodes, [*wanted, *[loop.carries[i][0] for i in active]])
        active |= {
            i
            for i, (before, after) in enumerate(loop.carries)
            if id(after) in reached and dtypes.is_float(before.dtype)
        }
        if len(active) == size:
            return sorted(active)


def _scan_grad(call, *douts):
    loop = call.attrs["control"]
    if loop.guard is not None and loop.rounds is None:
        raise ValueError(
            "while_loop: a loop without `maximum_iterations` has no gradient, as nothing says how many steps to keep "
            "room for; give `maximum_iterations`"
        )
    n = len(loop.carries)
    needs = call.needs or (True,) * len(call.inputs)
    active = _active_carries(loop, needs)
    ys = [i for i, dy in enumerate(douts[n:]) if not is_zero(dy)]
    captured = [
        i for i, v in enumerate(loop.captured) if needs[loop.captured_at + i] and dtypes.is_float(v.dtype)
    ]
    xs = [i for i, v in enumerate(loop.xs) if needs[loop.xs_at + i] and dtypes.is_float(v.dtype)]
    targets = [loop.carries[i][1] for i in active] + [loop.ys[i] for i in ys]
    sources = [loop.carries[i][0] for i in active] + [loop.captured[i] for i in captured]
    sources += [loop.xs[i] for i in xs]
    back = _Backward(loop.graph, loop.nodes, targets, sources)
    back_loop, inputs, sums = _backward_loop(call, back, active, ys, captured, xs, douts)
    outputs = _apply(scan_op, inputs, {"control": back_loop})
    gradients = [None] * len(call.inputs)
    for i, carry in zip(active, outputs):
        gradients[i] = carry
    for i, parts in zip(captured, sums):
        for part in parts:
            before, one = gradients[loop.captured_at + i], part(outputs)
            gradients[loop.captured_at + i] = one if before is None else records["add"](before, one)
    made = [i for i, r in zip(xs, back.results[len(active) + len(captured) :]) if r is not None]
    for i, stack in zip(made, outputs[len(outputs) - len(made) :]):
        gradients[loop.xs_at + i] = stack
    return gradients


def _backward_loop(call, back, active, ys, captured, xs, douts):
    """(the gradient's Loop, its inputs, for each of `captured` the parts of its gradient: functions of the outputs)."""
    loop, graph, results = call.attrs["control"], back.graph, back.results
    n = len(loop.carries)
    carries, first = [], []
    for place, i in enumerate(active):
        after = results[place]
        if after is None:
            after = graph.constant(_zeros(loop.carries[i][0]))
        carries.append((back.seeds[place], after))
        first.append(douts[i])
    reads, inputs, slices = (
        [],
        [],
        {},
    )  # captured values of the gradient's body and their outer ones; its slices
    for i, seed in zip(ys, back.seeds[len(active) :]):
        slices[id(seed)] = (seed, douts[n + i])
    known = {id(v): x for v, x in zip(loop.captured, call.inputs[loop.captured_at :])}
    stepped = {id(v): x for v, x in zip(loop.xs, call.inputs[loop.xs_at :])}
    for value, inner in back.read.values():
        outer = known.get(id(value))
        if outer is None and id(value) not in stepped:
            outer = _outer_of(graph, value)
        if outer is not None:
            reads.append(inner)
            inputs.append(outer)
        else:
            stack = stepped.get(id(value))
            slices[id(inner)] = (inner, _kept_ys(call, value) if stack is None else stack)
    later = _Later(back, loop, {key: stack for key, (_, stack) in slices.items()})
    parts = []
    for place, i in enumerate(captured):
        result = results[len(active) + place]
        terms, rest = later.split(result) if result is not None else ([], [])
        if rest:
            before = total = graph.fresh(loop.captured[i].shape, loop.captured[i].dtype)
            for term in rest:
                total = later.add(total, term)
            terms.append(_output(len(carries)))
            carries.append((before, total))
            first.append(_zeros(loop.captured[i]))
        parts.append(terms)
    later.at = len(carries)
    count = []
    if loop.guard is not None:
        count = [call.outputs[loop.rounds]]
    elif loop.counted:
        count = [call.inputs[loop.count_at]]
    back_loop = Loop(
        graph,
        back.nodes,
        carries,
        reads,
        [value for value, _ in slices.values()],
        [*later.ys, *[r for r in results[len(active) + len(captured) :] if r is not None]],
        loop.steps,
        reverse=not loop.reverse,
        counted=bool(count),
    )
    return back_loop, [*first, *count, *inputs, *[stack for _, stack in slices.values()]], parts


def _zeros(value):
    return Tensor(np.zeros(value.shape, dtypes.NUMPY[value.dtype]))


def _output(i):
    return lambda outputs: outputs[i]


class _Later:
    """Products and sums over the rows of a step whose results are only added up over the steps: they wait for the end
    of the loop, when they are one product over the rows of all steps. `ys`: what the loop stacks for them."""

    def __init__(self, back, loop, stacks):
        self.back, self.loop = back, loop
        self.stacks = stacks  # {id(a slice that the body reads): the stack}
        self.ys = []
        self.at = None  # the place of the first of `ys` among the loop's outputs

    def add(self, a, b):
        graph = self.back.graph
        before, graph.nodes = graph.nodes, self.back.nodes
        with graph:
            total = records["add"](a, b)
        graph.nodes = before
        return total

    def split(self, result):
        """(parts that wait, as functions of the loop's outputs; values that are added step by step)."""
        terms, rest, sums = [], [], []
        stack = [result]
        while stack:
            value = stack.pop()
            node = value.node
            if (
                node is not None
                and node.op.name == "add"
                and all(x.shape == value.shape for x in node.inputs)
            ):
                stack.extend(node.inputs)
            elif self.loop.open or node is None or id(value) not in self.back.own:
                rest.append(value)
            elif self._contracts_rows(node):
                terms.append(self._product(node))
            elif node.op.name == "sum" and 0 in (node.attrs["axis"] or ()) and not node.attrs["keepdims"]:
                sums.append(node)
            else:
                rest.append(value)
        for node in sums:
            terms.append(self._sum(node))
        return terms, rest

    @staticmethod
    def _contracts_rows(node):
        """Whether the call is a^T b of two matrices with a row for each row of the batch."""
        if node.op.name != "matmul" or any(len(x.shape) != 2 for x in node.inputs):
            return False
        return node.attrs.get("transpose_a", False) and not node.attrs.get("transpose_b", False)

    def _stacked(self, value):
        """A function of the loop's outputs: the stack of a step's value."""
        for i, y in enumerate(self.ys):
            if y is value:
                return lambda outputs: outputs[self.at + i]
        if id(value) in self.stacks:
            return lambda outputs: self.stacks[id(value)]
        self.ys.append(value)
        at = len(self.ys) - 1
        return lambda outputs: outputs[self.at + at]

    def _product(self, node):
        a, b = node.inputs
        first, second = self._stacked(a), self._stacked(b)
        rows = self.loop.steps * a.shape[0]

        def part(outputs):
            flat = [
                records["reshape"](stack(outputs), newshape=(rows, x.shape[1]))
                for stack, x in ((first, a), (second, b))
            ]
            return records["matmul"](*flat, **node.attrs)

        return part

    def _sum(self, node):
        x = node.inputs[0]
        stack = self._stacked(x)
        axis = (0, *[1 + axis % len(x.shape) for axis in node.attrs["axis"]])
        return lambda outputs: records["sum"](stack(outputs), axis=axis, keepdims=False)


def _choice_grad(call, *douts):
    choice = call.attrs["control"]
    needs = call.needs or (True,) * len(call.inputs)
    outputs = [i for i, d in enumerate(douts) if not is_zero(d)]
    captured = [i for i, x in enumerate(call.inputs[1:]) if needs[1 + i] and dtypes.is_float(x.dtype)]
    inputs, branches = [douts[i] for i in outputs], []
    backs = []
    for branch in choice.branches:
        there = [i for i in outputs if branch.outputs[i] is not None]
        own = [i for i in captured if branch.captured[i] is not None]
        back = _Backward(
            branch.graph, branch.nodes, [branch.outputs[i] for i in there], [branch.captured[i] for i in own]
        )
        backs.append((branch, back, there, dict(zip(own, back.results))))
    for number, (branch, back, there, results) in enumerate(backs):
        inside = dict(zip(there, back.seeds))
        reads = [inside.get(i) for i in outputs] + [None] * (len(inputs) - len(outputs))
        known = {id(v): x for v, x in zip(branch.captured, call.inputs[1:]) if v is not None}
        for value, inner in back.read.values():
            outer = known.get(id(value))
            if outer is None:
                outer = _outer_of(back.graph, value)
            inputs.append(_kept_output(call, number, value) if outer is None else outer)
            reads.append(inner)
        zeros = [back.graph.constant(_zeros(call.inputs[1 + i])) for i in captured]
        made = [zero if results.get(i) is None else results[i] for i, zero in zip(captured, zeros)]
        branches.append(Branch(back.graph, back.nodes, reads, made))
    for branch in branches:
        branch.captured += [None] * (len(inputs) - len(branch.captured))
    gradients = [None] * len(call.inputs)
    if captured:
        results = _apply(choice_op, [call.inputs[0], *inputs], {"control": Choice(branches)})
        for i, result in zip(captured, results):
            gradients[1 + i] = result
    return gradients


def _kept_output(call, number, value):
    """A value of the body `number`, made an output of the choice `call` where it is none yet."""
    choice = call.attrs["control"]
    for own, output in zip(choice.branches[number].outputs, call.outputs):
        if own is value:
            return output
    branches = [
        Branch(b.graph, b.nodes, b.captured, [*b.outputs, value if i == number else None])
        for i, b in enumerate(choice.branches)
    ]
    kept = Traced(value.shape, value.dtype, call.outputs[0].graph, call)
    call.attrs = {"control": Choice(branches)}
    call.outputs = (*call.outputs, kept)
    return kept


# control: engine/loops.py's Loop.
scan_op = define_op("scan", shape=_scan_shape, reference=_scan_reference, grad=_scan_grad)
# control: engine/loops.py's Choice.
choice_op = define_op("choice", shape=_choice_shape, reference=_choice_reference, grad=_choice_grad)


def _apply(op, inputs, attrs):
    """Note a call in the graph being traced. One OpCall serves graph and tapes: gradients may give it more outputs."""
    graph = context.graph
    inputs = tuple([graph.lift(x) for x in inputs])
    specs = op.shape(*inputs, **attrs)
    call = OpCall(op, inputs, (), attrs)
    call.outputs = tuple([Traced(tuple(shape), dtype, graph, call) for shape, dtype in specs])
    graph.nodes.append(call)
    for tape in context.tapes:
        tape.record(call)
    return call.outputs


def add_loop(loop, inputs):
    """The outputs of a traced loop on these inputs."""
    return _apply(scan_op, inputs, {"control": loop})


def add_choice(choice, inputs):
    """The outputs of a traced choice on these inputs."""
    return _apply(choice_op, inputs, {"control": choice})
