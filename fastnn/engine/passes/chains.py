"""Runs of elementwise calls become one blocked loop, which keeps each tile in cache from the first op to the last."""

from ..chain import MOST_OPERANDS, MOST_STEPS, chain_op, families, fits
from .body import Body, new_call


def fuse_chains(body):
    """Join each elementwise call to the group of a call it reads, unless that would make a circle."""
    groups = _groups(body)
    if not any(len(group.nodes) > 1 for group in groups):
        return body
    users, wanted = body.users(), body.wanted()
    calls = {}
    for group in groups:
        if len(group.nodes) > 1:
            members = set(map(id, group.nodes))
            outputs = [value for node in group.nodes for value in node.outputs
                       if id(value) in wanted or any(id(user) not in members for user in users.get(id(value), ()))]
            call = _chain_call(group.nodes, outputs)
            if call is not None:
                for node in group.nodes:
                    calls[id(node)] = call
    return Body(_sorted([calls.get(id(node), node) for node in body.nodes]), body.inputs, body.outputs, body.updates,
                body.reads)


def _chain_call(nodes, outputs):
    """One call of the record `chain` that makes `outputs`, or None where no kernel has room for it."""
    made = {id(node.output) for node in nodes}
    inputs = list({id(value): value for node in nodes for value in node.inputs if id(value) not in made}.values())
    number = {id(value): i for i, value in enumerate(inputs)}
    steps = []
    for node in nodes:
        steps.append((node.op.name, tuple(number[id(value)] for value in node.inputs), tuple(node.attrs.items())))
        number[id(node.output)] = len(inputs) + len(steps) - 1
    results = tuple(number[id(value)] for value in outputs)
    if not outputs or not fits(inputs, tuple(steps), [node.output for node in nodes], list(results)):
        return None
    return new_call(chain_op, inputs, {"steps": tuple(steps), "results": results}, outputs)


class _Group:
    """Calls of one output shape that will run as one loop.

    place: its bit in sets of groups, which are ints; past: the groups that have to run before it; kernels: the
    families that have a step for each of its calls; inputs: ids of the values they read.
    """

    __slots__ = ("nodes", "shape", "place", "past", "inputs", "kernels")

    def __init__(self, place, shape, kernels):
        self.nodes = []
        self.shape = shape
        self.place = place
        self.past = 0
        self.inputs = set()
        self.kernels = kernels


def _kernels(node):
    """The kernels that could run an elementwise call as a step of a chain; none for other calls."""
    if node.op.pointwise is None:
        return frozenset()
    return families(node.op.pointwise, [value.dtype for value in node.inputs], node.output.dtype)


class _Groups:
    """All groups, and which have to run before which.

    A group runs as one, so whatever reads any of its values comes after all of its calls and after all that
    these read. What a value needs can therefore grow after it was made: it is looked up, not kept with it.
    """

    def __init__(self):
        self.all = []
        self.of = {}  # id(value) -> the group that makes it
        self._behind = {}  # id(value made by no group) -> the groups it was computed from, not those behind them

    def new(self, shape, kernels):
        group = _Group(len(self.all), shape, kernels)
        self.all.append(group)
        return group

    def before(self, values):
        """The groups that have to run before these values exist."""
        direct = 0
        for value in values:
            group = self.of.get(id(value))
            direct |= self._behind.get(id(value), 0) if group is None else 1 << group.place
        past, left = direct, direct
        while left:
            lowest = left & -left
            past |= self.all[lowest.bit_length() - 1].past
            left ^= lowest
        return past

    def join(self, group, node, kernels):
        """Make an elementwise call part of a group."""
        group.nodes.append(node)
        group.kernels &= kernels
        group.inputs.update(id(value) for value in node.inputs)
        self.of[id(node.output)] = group
        bit = 1 << group.place
        more = self.before(node.inputs) & ~bit & ~group.past
        if more:
            group.past |= more
            for other in self.all:
                if other.past & bit:
                    other.past |= more

    def pass_by(self, node):
        """Note what a call that is in no group reads."""
        past = self.before(node.inputs)
        for value in node.outputs:
            self._behind[id(value)] = past


def _groups(body):
    groups = _Groups()
    for node in body.nodes:
        kernels = _kernels(node)
        if kernels:
            group = _joinable(node, kernels, groups) or groups.new(node.output.shape, kernels)
            groups.join(group, node, kernels)
        else:
            groups.pass_by(node)
    return groups.all


def _joinable(node, kernels, groups):
    """The group of one of the node's inputs that it may join, or None."""
    for value in reversed(node.inputs):
        group = groups.of.get(id(value))
        if group is None or group.shape != node.output.shape or not group.kernels & kernels:
            continue
        if len(group.nodes) >= MOST_STEPS:
            continue
        outside = [other for other in node.inputs if groups.of.get(id(other)) is not group]
        if groups.before(outside) >> group.place & 1:
            continue  # it also needs something computed from the group elsewhere: the group cannot run as one
        made_inside = {id(member.output) for member in group.nodes}
        inputs = (group.inputs | {id(other) for other in node.inputs}) - made_inside
        if len(inputs) + len(made_inside) < MOST_OPERANDS:
            return group
    return None


def _sorted(nodes):
    """The different nodes in an order that respects their inputs, otherwise as early as they stood."""
    unique = list({id(node): node for node in reversed(nodes)}.values())[::-1]  # at its last member's place
    maker = {id(value): node for node in unique for value in node.outputs}
    done, order = set(), []

    for root in unique:
        stack = [root]
        while stack:
            node = stack[-1]
            if id(node) in done:
                stack.pop()
                continue
            waiting = [maker[id(value)] for value in node.inputs
                       if id(value) in maker and id(maker[id(value)]) not in done]
            if waiting:
                stack.extend(waiting)
            else:
                done.add(id(node))
                order.append(node)
                stack.pop()
    return order
