"""What passes work on: a graph's calls in order, and what must come out of them."""

from ..op import OpCall
from ..tensor import Traced


class Body:
    """nodes: OpCalls in an order that respects their inputs. outputs: Traced values the caller wants.
    updates: [(Variable, Traced)]. inputs: Traced. reads: {Variable: Traced}, values before."""

    def __init__(self, nodes, inputs, outputs, updates, reads):
        self.nodes = nodes
        self.inputs = inputs
        self.outputs = outputs
        self.updates = updates
        self.reads = reads

    @classmethod
    def of(cls, graph, outputs):
        """The body of a traced graph that must compute `outputs`."""
        return cls(list(graph.nodes), list(graph.inputs), list(outputs), graph.updates, dict(graph.reads))

    def wanted(self):
        """The ids of values that leave the body."""
        return {id(value) for value in (*self.outputs, *(value for _, value in self.updates))}

    def users(self):
        """{id of a value: [nodes that read it]}."""
        users = {}
        for node in self.nodes:
            for value in node.inputs:
                users.setdefault(id(value), []).append(node)
        return users

    def rebuilt(self, nodes, replaced=None):
        """This body with other nodes; `replaced` maps ids of values that went away, if any, to their substitutes."""

        def follow(value):
            while id(value) in replaced:
                value = replaced[id(value)]
            return value

        if not replaced:
            return Body(nodes, self.inputs, self.outputs, self.updates, self.reads)
        renewed = []
        for node in nodes:
            if any(id(value) in replaced for value in node.inputs):
                renewed.append(with_inputs(node, [follow(value) for value in node.inputs]))
            else:
                renewed.append(node)
        return Body(
            renewed,
            self.inputs,
            [follow(v) for v in self.outputs],
            [(variable, follow(v)) for variable, v in self.updates],
            self.reads,
        )


def with_inputs(node, inputs):
    """The same call on other inputs, making the same output values."""
    twin = OpCall(node.op, tuple(inputs), node.outputs, node.attrs)
    for value in node.outputs:
        value.node = twin
    return twin


def new_call(op, inputs, attrs, outputs=None):
    """A call for a pass to insert; with `outputs` it makes those values, else new ones by
    the op's shape rule."""
    call = OpCall(op, tuple(inputs), (), attrs)
    if outputs is None:
        specs = op.shape(*inputs, **attrs)
        specs = (specs,) if isinstance(specs[1], str) else specs
        outputs = [Traced(tuple(shape), dtype, None) for shape, dtype in specs]
    call.outputs = tuple(outputs)
    for value in call.outputs:
        value.node = call
    return call


def depends_on(value, maker):
    """Whether `value` is computed from anything that the call `maker` makes."""
    stack, seen = [value], set()
    while stack:
        node = stack.pop().node
        if node is None or id(node) in seen:
            continue
        if node is maker:
            return True
        seen.add(id(node))
        stack.extend(node.inputs)
    return False
