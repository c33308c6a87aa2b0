"""Small calls of one kind that share their scalars, such as the updates of a model's
biases, become one call."""

from .body import new_call
from .grouping import Group, Grouping, in_order

SMALL = 1 << 14  # elements: a larger call has work enough, and best runs while what it reads is in cache
MOST_BUFFERS = 64  # of one instruction: FNN_MAX_BUFS of csrc/fnn.h


class _Sweep(Group):
    """Calls of one kind. key: what they have in common."""

    __slots__ = ("key",)

    def __init__(self, key):
        super().__init__()
        self.key = key


def fuse_sweeps(body):
    """Join small calls whose record has a `sweep`, as many as one instruction has room for."""
    grouping = Grouping()
    for node in body.nodes:
        if node.op.sweep is None or node.output.size > SMALL:
            grouping.add(node)
            continue
        shared = node.op.sweep[0]
        key = (
            node.op.name,
            len(node.inputs),
            tuple(node.attrs.items()),
            *(id(node.inputs[i]) for i in shared),
        )
        room = (MOST_BUFFERS - len(shared)) // (len(node.inputs) - len(shared) + len(node.outputs))
        for group in grouping.groups:
            if group.key == key and len(group.nodes) < room and grouping.may_join(node, group):
                break
        else:
            group = grouping.new(_Sweep(key))
        grouping.add(node, group)
    calls = {}
    for group in grouping.groups:
        if len(group.nodes) > 1:
            call = _joined(group.nodes)
            calls.update((id(node), call) for node in group.nodes)
    if not calls:
        return body
    return body.rebuilt(in_order([calls.get(id(node), node) for node in body.nodes]))


def _joined(nodes):
    shared, records = nodes[0].op.sweep
    first = nodes[0].inputs
    inputs = [first[i] for i in shared]
    for node in nodes:
        inputs += [value for i, value in enumerate(node.inputs) if i not in shared]
    return new_call(
        records[len(first)], inputs, nodes[0].attrs, [value for node in nodes for value in node.outputs]
    )
