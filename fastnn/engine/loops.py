"""Loops and choices in traces: their bodies are traced once, and one instruction runs them over and over.

A body is a list of calls over values of its own graph. What it reads of the trace around it comes in as inputs:
`captured` values stay the same at all steps, of `xs` each step reads its slice along the first axis; `carries` are
what a step leaves to the next one; of `ys` each step fills a slice.
"""

import numpy as np

from .graph import Graph
from .op import context
from .passes.body import Body
from .tensor import Traced

MOST_STEPS = 2**31 - 1  # steps are counted in int32


class InnerGraph(Graph):
    """The graph of a body; values of the traces around it become captured inputs.

    captured: {id(outer value): (outer value in the next graph, inner value)}.
    tallies: [(value, function)] of values that are added up over the steps; the function is told the sum, outside.
    """

    def __init__(self, parent):
        super().__init__()
        self.parent = parent
        self.captured = {}
        self.tallies = []

    def lift(self, x):
        if type(x) is not Traced or x.graph is self:
            return super().lift(x)
        known = self.captured.get(id(x))
        if known is None:
            outer = self.parent.lift(x)
            known = self.captured[id(x)] = (outer, Traced(outer.shape, outer.dtype, self))
        return known[1]

    def fresh(self, shape, dtype):
        """A value that nothing in the body makes."""
        return Traced(tuple(shape), dtype, self)


class Location:
    """Where in nested traces the code was: `with location:` goes on there, before the loops that were begun since."""

    def __init__(self):
        self.place = context.graph, context.tapes

    def __enter__(self):
        self.saved = context.graph, context.tapes
        context.graph, context.tapes = self.place

    def __exit__(self, *exc):
        context.graph, context.tapes = self.saved


class Carry:
    """What a variable is to a graph, a carry is to a body: a value that is read and then replaced."""

    __slots__ = ("shape", "dtype")

    def __init__(self, value):
        self.shape = value.shape
        self.dtype = value.dtype


class Loop:
    """A body and its steps. The call's inputs: the first carries, the count if `counted`, captured, xs; its outputs:
    the last carries, the ys.

    nodes: OpCalls. carries: [(value before a step, value after it)]. captured, xs, ys: values of the body.
    steps: how many, at most. reverse: from the last slice down.
    guard: which carry, a bool, says whether there is a next step; None: all steps are made.
    rounds: which carry, an int32, counts the steps of a guarded loop.
    counted: an int32 input says how many steps there are.
    """

    def __init__(
        self,
        graph,
        nodes,
        carries,
        captured,
        xs,
        ys,
        steps,
        *,
        reverse=False,
        guard=None,
        rounds=None,
        counted=False,
    ):
        self.graph, self.nodes = graph, nodes
        self.carries, self.captured, self.xs, self.ys = list(carries), list(captured), list(xs), list(ys)
        self.steps, self.reverse = steps, reverse
        self.guard, self.rounds, self.counted = guard, rounds, counted
        self._body = None

    def with_parts(self, carries, captured, xs, ys):
        """The same loop with more or fewer inputs and outputs; `guard` and `rounds` stay where they are."""
        return Loop(
            self.graph,
            self.nodes,
            carries,
            captured,
            xs,
            ys,
            self.steps,
            reverse=self.reverse,
            guard=self.guard,
            rounds=self.rounds,
            counted=self.counted,
        )

    @property
    def open(self):
        """Whether there may be fewer steps than `steps`."""
        return self.guard is not None or self.counted

    @property
    def count_at(self):
        return len(self.carries)

    @property
    def captured_at(self):
        """The place of the first captured value among the call's inputs."""
        return len(self.carries) + self.counted

    @property
    def xs_at(self):
        return self.captured_at + len(self.captured)

    def stack_shape(self, value):
        return (self.steps, *value.shape)

    def bodies(self):
        """[its body after the passes]; made once, since passes renew the nodes."""
        if self._body is None:
            from .passes import optimise

            keys = [Carry(before) for before, _ in self.carries]
            self._body = optimise(
                Body(
                    list(self.nodes),
                    [*self.captured, *self.xs],
                    list(self.ys),
                    [(key, after) for key, (before, after) in zip(keys, self.carries) if after is not before],
                    {key: before for key, (before, _) in zip(keys, self.carries)},
                )
            )
            self.keys = keys
        return [self._body]

    def outer(self, node, body, kind, key):
        """(the value of the call `node` that is the body's input, output or carry, whether it moves with the steps)."""
        if kind == "input":
            return node.inputs[self.captured_at + key], key >= len(self.captured)
        if kind == "output":
            return node.outputs[len(self.carries) + key], True
        return node.outputs[self.keys.index(key)], False

    def narrowed(self, node, needed):
        """(the loop, its call's inputs and outputs) without what leads to no output whose id is in `needed`."""
        n = len(self.carries)
        ys = [i for i, value in enumerate(node.outputs[n:]) if id(value) in needed]
        kept = {i for i, value in enumerate(node.outputs[:n]) if id(value) in needed}
        kept |= {i for i in (self.guard, self.rounds) if i is not None}
        read = set()
        while True:
            size = len(kept)
            targets = [self.ys[i] for i in ys] + [self.carries[i][1] for i in kept]
            read = ancestors(self.nodes, targets)
            kept |= {i for i, (before, _) in enumerate(self.carries) if id(before) in read}
            if len(kept) == size:
                break
        captured = [i for i, value in enumerate(self.captured) if id(value) in read]
        xs = [i for i, value in enumerate(self.xs) if id(value) in read]
        if (len(kept), len(captured), len(xs), len(ys)) == (
            n,
            len(self.captured),
            len(self.xs),
            len(self.ys),
        ):
            return self, node.inputs, node.outputs
        order = sorted(kept)
        loop = self.with_parts(
            [self.carries[i] for i in order],
            [self.captured[i] for i in captured],
            [self.xs[i] for i in xs],
            [self.ys[i] for i in ys],
        )
        if self.guard is not None:
            loop.guard = order.index(self.guard)
        if self.rounds is not None:
            loop.rounds = order.index(self.rounds)
        inputs = [node.inputs[i] for i in order]
        inputs += node.inputs[n : self.captured_at]
        inputs += [node.inputs[self.captured_at + i] for i in captured]
        inputs += [node.inputs[self.xs_at + i] for i in xs]
        outputs = [node.outputs[i] for i in order] + [node.outputs[n + i] for i in ys]
        return loop, tuple(inputs), tuple(outputs)


class Branch:
    """One body of a choice. captured: its inputs, the same outer values in all branches, None where it reads none;
    outputs: its values, None where only another branch has one."""

    def __init__(self, graph, nodes, captured, outputs):
        self.graph, self.nodes = graph, nodes
        self.captured, self.outputs = list(captured), list(outputs)


class Choice:
    """Bodies of which one runs. The call's inputs: the number of the body (int32, moved inside the range), captured;
    its outputs: the results."""

    def __init__(self, branches):
        self.branches = branches
        self._bodies = None

    def bodies(self):
        if self._bodies is None:
            from .passes import optimise

            self._bodies = [
                optimise(
                    Body(
                        list(branch.nodes),
                        [value for value in branch.captured if value is not None],
                        [value for value in branch.outputs if value is not None],
                        [],
                        {},
                    )
                )
                for branch in self.branches
            ]
        return self._bodies

    def outer(self, node, body, kind, key):
        branch = self.branches[body]
        if kind == "input":
            places = [i for i, value in enumerate(branch.captured) if value is not None]
            return node.inputs[1 + places[key]], False
        places = [i for i, value in enumerate(branch.outputs) if value is not None]
        return node.outputs[places[key]], False

    def narrowed(self, node, needed):
        outputs = [i for i, value in enumerate(node.outputs) if id(value) in needed]
        read = [
            ancestors(b.nodes, [b.outputs[i] for i in outputs if b.outputs[i] is not None])
            for b in self.branches
        ]
        captured = [
            i
            for i in range(len(node.inputs) - 1)
            if any(
                b.captured[i] is not None and id(b.captured[i]) in ids for b, ids in zip(self.branches, read)
            )
        ]
        if len(outputs) == len(node.outputs) and len(captured) == len(node.inputs) - 1:
            return self, node.inputs, node.outputs
        branches = [
            Branch(
                b.graph,
                b.nodes,
                [
                    b.captured[i] if b.captured[i] is not None and id(b.captured[i]) in ids else None
                    for i in captured
                ],
                [b.outputs[i] for i in outputs],
            )
            for b, ids in zip(self.branches, read)
        ]
        return (
            Choice(branches),
            (node.inputs[0], *[node.inputs[1 + i] for i in captured]),
            tuple([node.outputs[i] for i in outputs]),
        )


def ancestors(nodes, targets):
    """The ids of all values that `targets` are computed from by `nodes`, their own included."""
    found = {id(value) for value in targets}
    for node in reversed(nodes):
        if any(id(value) in found for value in node.outputs):
            found.update([id(value) for value in node.inputs])
    return found


def descendants(nodes, sources):
    """The ids of all values that are computed from `sources` by `nodes`, their own included."""
    found = {id(value) for value in sources}
    for node in nodes:
        if any(id(value) in found for value in node.inputs):
            found.update([id(value) for value in node.outputs])
    return found


def run_nodes(nodes, values):
    """Fill `values`, {id(value): array}, with what `nodes` make, by their NumPy references."""
    from .dtypes import NUMPY

    def array(value):
        return value.value if value.value is not None else values[id(value)]

    for node in nodes:
        results = node.op.reference(*[array(value) for value in node.inputs], **node.attrs)
        for value, result in zip(node.outputs, results if type(results) is tuple else (results,)):
            values[id(value)] = np.asarray(result, NUMPY[value.dtype])
    return array
