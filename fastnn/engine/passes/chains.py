"""Runs of elementwise calls become one blocked loop, which keeps each tile in cache from the first op to the last."""

from ..chain import MAX_INPUTS, MAX_OUTPUTS, MAX_STEPS, chain_call, fits
from .body import Body


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
            call = chain_call(group.nodes, outputs)
            if call is not None:
                for node in group.nodes:
                    calls[id(node)] = call
    return Body(_sorted([calls.get(id(node), node) for node in body.nodes]), body.inputs, body.outputs, body.updates,
                body.reads)


class _Group:
    """Calls of one output shape that will run as one loop. bit: its place in sets of groups, as an int."""

    __slots__ = ("nodes", "shape", "bit", "inputs", "stores")

    def __init__(self, bit, shape):
        self.nodes = []
        self.shape = shape
        self.bit = bit
        self.inputs = set()
        self.stores = 0


def _groups(body):
    """All groups. `behind[id(value)]` is the set (bits) of groups that a value was computed from, its own included."""
    behind, group_of, groups = {}, {}, []
    for node in body.nodes:
        past = 0
        for value in node.inputs:
            past |= behind.get(id(value), 0)
        if fits(node):
            group = _joinable(node, group_of, behind)
            if group is None:
                group = _Group(1 << len(groups), node.output.shape)
                groups.append(group)
            group.nodes.append(node)
            group.inputs.update(id(value) for value in node.inputs)
            group_of[id(node.output)] = group
            past |= group.bit
        for value in node.outputs:
            behind[id(value)] = past
    return groups


def _joinable(node, group_of, behind):
    """The group of one of the node's inputs that it may join, or None."""
    for value in reversed(node.inputs):
        group = group_of.get(id(value))
        if group is None or group.shape != node.output.shape or len(group.nodes) >= MAX_STEPS:
            continue
        outside = [other for other in node.inputs if group_of.get(id(other)) is not group]
        if any(behind.get(id(other), 0) & group.bit for other in outside):
            continue  # it also needs something computed from the group elsewhere: the group cannot run as one
        made_inside = {id(member.output) for member in group.nodes}
        inputs = (group.inputs | {id(other) for other in node.inputs}) - made_inside
        if len(inputs) <= MAX_INPUTS and len(made_inside) < MAX_OUTPUTS:
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
