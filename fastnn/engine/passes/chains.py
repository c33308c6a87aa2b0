"""Runs of elementwise calls become one blocked loop, which keeps each tile in cache from
the first op to the last."""

from ..chain import MOST_OPERANDS, MOST_STEPS, chain_op, families, fits
from .body import new_call
from .grouping import Group, Grouping, in_order

_SMALL = 64  # elements: calls of so few cost no more than their start, so they join though they share nothing


def fuse_chains(body):
    """Join each elementwise call to the group of a call it reads, unless that would make a circle."""
    groups = [group for group in _groups(body) if len(group.nodes) > 1]
    if not groups:
        return body
    users, wanted = body.users(), body.wanted()
    calls = {}
    for group in groups:
        members = set(map(id, group.nodes))
        outputs = [
            value
            for node in group.nodes
            for value in node.outputs
            if id(value) in wanted or any(id(user) not in members for user in users.get(id(value), ()))
        ]
        call = _chain_call(group.nodes, outputs)
        if call is not None:
            for node in group.nodes:
                calls[id(node)] = call
    return body.rebuilt(in_order([calls.get(id(node), node) for node in body.nodes]))


def _chain_call(nodes, outputs):
    """One call of the record `chain` that makes `outputs`, or None where no kernel has room for it."""
    made = {id(node.output) for node in nodes}
    inputs = list(
        {id(value): value for node in nodes for value in node.inputs if id(value) not in made}.values()
    )
    number = {id(value): i for i, value in enumerate(inputs)}
    steps = []
    for node in nodes:
        steps.append(
            (node.op.name, tuple(number[id(value)] for value in node.inputs), tuple(node.attrs.items()))
        )
        number[id(node.output)] = len(inputs) + len(steps) - 1
    results = tuple(number[id(value)] for value in outputs)
    if not outputs or not fits(inputs, tuple(steps), [node.output for node in nodes], list(results)):
        return None
    return new_call(chain_op, inputs, {"steps": tuple(steps), "results": results}, outputs)


class _Chain(Group):
    """Calls of one output shape. kernels: the families that have a step for each of them;
    inputs: ids of the values they read."""

    __slots__ = ("shape", "inputs", "kernels")

    def __init__(self, shape, kernels):
        super().__init__()
        self.shape = shape
        self.inputs = set()
        self.kernels = kernels


def _kernels(node):
    """The kernels that could run an elementwise call as a step of a chain; none for other calls."""
    if node.op.pointwise is None:
        return frozenset()
    return families(node.op.pointwise, [value.dtype for value in node.inputs], node.output.dtype)


def _groups(body):
    grouping = Grouping()
    for node in body.nodes:
        kernels = _kernels(node)
        if not kernels:
            grouping.add(node)
            continue
        group = _joinable(node, kernels, grouping)
        if group is None:
            group = grouping.new(_Chain(node.output.shape, kernels))
        group.kernels &= kernels
        group.inputs.update(id(value) for value in node.inputs)
        grouping.add(node, group)
    return grouping.groups


def _joinable(node, kernels, grouping):
    """The group that the call may join, or None: one that makes an input of it or, for small calls, any."""
    candidates = [grouping.group_of(value) for value in reversed(node.inputs)]
    if node.output.size <= _SMALL:
        candidates += reversed(grouping.groups)
    for group in candidates:
        if group is None or group.shape != node.output.shape or not group.kernels & kernels:
            continue
        if len(group.nodes) >= MOST_STEPS:
            continue
        made_inside = {id(member.output) for member in group.nodes}
        inputs = (group.inputs | {id(value) for value in node.inputs}) - made_inside
        if len(inputs) + len(made_inside) < MOST_OPERANDS and grouping.may_join(node, group):
            return group
    return None
