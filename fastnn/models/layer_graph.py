"""The part of the layer graph between given symbolic inputs and outputs, in the order Keras gives it."""

from ..engine import nest
from ..engine.symbolic import KerasTensor, Node, symbolic_leaves


class LayerGraph:
    """Nodes from `inputs` to `outputs` (flat lists of KerasTensors).

    nodes_by_depth: {depth: nodes}; depth counts the calls from a node to the outputs, the greatest way.
    nodes: in an order that can be computed. operations: each layer and op once, inputs first: Keras's
    `model.layers`.
    Raises:
        ValueError: an output that does not follow from the inputs, or two operations of one name.
    """

    def __init__(self, inputs, outputs):
        finished, first_seen = _walk(inputs, outputs)
        self.nodes_by_depth, operation_depths = _depths(inputs, finished, first_seen)
        self.operations = sorted(operation_depths, key=lambda op: (-operation_depths[op], first_seen[op]))
        self.nodes = [
            node for depth in sorted(self.nodes_by_depth, reverse=True) for node in self.nodes_by_depth[depth]
        ]
        self._members = {id(node) for node in self.nodes}
        self._check(inputs, outputs)

    def __contains__(self, node):
        return id(node) in self._members

    def node_indices(self, operation):
        """The positions of this graph's nodes among an operation's calls."""
        return [i for i, node in enumerate(operation.inbound_nodes) if node in self]

    def _check(self, inputs, outputs):
        known = {id(x) for x in inputs}
        reached = []
        for node in self.nodes:
            if (
                is_input_node(node)
                and node.output_tensors[0] is not None
                and id(node.output_tensors[0]) not in known
            ):
                raise ValueError(
                    f"the outputs depend on the Input {node.operation.name!r}, which is not among the "
                    f"model's `inputs`, {[x.name for x in inputs]}; add it to them"
                )
            for x in node.input_tensors:
                if id(x) not in known:
                    raise ValueError(
                        f"the outputs do not follow from the inputs alone: {node.operation.name!r} needs "
                        f"{x}, which is made neither of them nor of what was reached before "
                        f"({', '.join(reached) or 'nothing'}). Add that tensor's Input to the model's "
                        "`inputs`"
                    )
            known.update(id(x) for x in node.output_tensors)
            reached.append(node.operation.name)
        for x in outputs:
            if id(x) not in known:
                raise ValueError(f"the output {x} does not follow from the inputs {inputs}")
        names = {}
        for operation in self.operations:
            if names.setdefault(operation.name, operation) is not operation:
                raise ValueError(
                    f"the name {operation.name!r} is used by two layers of this model; give one "
                    "of them another `name`"
                )


def is_input_node(node):
    """Whether a node is an Input's: it makes a tensor from nothing."""
    return not node.input_tensors


def _walk(inputs, outputs):
    """Nodes in the order a depth-first search finishes them, and {operation: when it was first met}."""
    given = {id(x) for x in inputs}
    finished, done, first_seen = [], set(), {}
    for output in outputs:
        stack = [(output, None)]
        while stack:
            tensor, waiting = stack.pop()
            if waiting is not None:  # all that this node needs is finished
                if id(waiting) not in done:
                    done.add(id(waiting))
                    finished.append(waiting)
                continue
            node = tensor.node
            if node is None or id(node) in done or (id(tensor) in given and not is_input_node(node)):
                continue
            first_seen.setdefault(node.operation, len(first_seen))
            stack.append((tensor, node))
            if id(tensor) not in given:
                stack.extend((x, None) for x in reversed(node.input_tensors))
    return finished, first_seen


def _depths(inputs, finished, first_seen):
    node_depths, operation_depths = {}, {}
    present = {id(node) for node in finished}
    for node in reversed(finished):
        depth = max(node_depths.setdefault(node, 0), operation_depths.get(node.operation, 0))
        node_depths[node] = operation_depths[node.operation] = depth
        for parent in node.parent_nodes:
            if id(parent) in present:
                node_depths[parent] = max(depth + 1, node_depths.get(parent, 0))
    for x in inputs:  # inputs that no output needs are part of the model all the same
        node = x.node
        if node is not None and is_input_node(node) and node.operation not in operation_depths:
            node_depths[node] = operation_depths[node.operation] = 0
            first_seen[node.operation] = -1
    by_depth = {}
    for node, depth in node_depths.items():
        by_depth.setdefault(depth, []).append(node)
    return by_depth, operation_depths


def clone_between(inputs, outputs, make_input):
    """The calls between symbolic tensors again, on new inputs, so that a model may begin in the middle of
    another.

    inputs, outputs: structures of KerasTensors. make_input(tensor): an Input like this tensor. Layers are
    shared, not copied. Returns (inputs, outputs), new tensors.
    """
    flat = nest.flatten(inputs)
    values = {}
    for x in flat:
        values[id(x)] = x if x.node is not None and is_input_node(x.node) else make_input(x)
    finished, _ = _walk(flat, nest.flatten(outputs))
    for node in finished:
        if is_input_node(node):
            for x in node.output_tensors:
                values.setdefault(id(x), x)
            continue
        args, kwargs = node.arguments(values)
        copy = Node(node.operation, args, kwargs, node.outputs)
        for old, new in zip(node.output_tensors, copy.output_tensors):
            values.setdefault(id(old), new)
    swap = lambda x: values.get(id(x), x)  # noqa: E731
    return nest.map_leaves(swap, inputs), nest.map_leaves(swap, outputs)


def check_symbolic(structure, argument):
    """Raise ValueError unless every leaf is a KerasTensor."""
    for leaf in nest.flatten(structure):
        if not isinstance(leaf, KerasTensor):
            hint = (
                "; call the layer on a tensor and pass its output"
                if callable(leaf)
                else ("; make it with Input(shape)" if argument == "inputs" else "; call layers on an Input")
            )
            shown = f"an array of shape {leaf.shape}" if hasattr(leaf, "shape") else f"{leaf!r} of type"
            shown += "" if hasattr(leaf, "shape") else f" {type(leaf).__name__}"
            raise ValueError(f"Model: all `{argument}` must be symbolic tensors, received {shown}{hint}")
    if not symbolic_leaves(structure):
        raise ValueError(f"Model: `{argument}` is empty")
