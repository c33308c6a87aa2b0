"""A model's forward pass as one list of op calls in which unknown extents stay unknown."""

import itertools

from ..engine import nest
from ..engine.graph import Graph
from ..engine.symbolic import KerasTensor
from ..engine.tensor import Tensor
from ..engine.variable import convert
from ..layers.call_state import state
from .sizes import Mismatch, joined, joined_array, joined_shape

# Stand-ins for unknown extents, and what is added to one after the other while the others stay. All residues of 2,
# 3 and 4 occur, so that what rounds shows itself: with odd numbers alone, padding for a stride of 2 looks fixed.
# The second choice is for models whose tables of positions end before the first.
_CHOICES = (((83, 107, 131, 151, 173, 199, 223), (1, 7, 14)), ((83, 9, 17, 25, 33, 41, 49), (1, 3, 6)))


class Value:
    """A tensor of the model: shape (ints and `Varying`s), dtype; `array` of a constant or a variable, else None."""

    def __init__(self, shape, dtype, array=None, name=None):
        self.shape, self.dtype, self.array, self.name = shape, dtype, array, name


class Call:
    """An op call: `op` (its name), inputs and outputs (Values), attrs, `layer` (the path of the layer it is in)."""

    def __init__(self, op, inputs, outputs, attrs, layer):
        self.op, self.inputs, self.outputs, self.attrs, self.layer = op, inputs, outputs, attrs, layer

    @property
    def output(self):
        return self.outputs[0]

    def __getattr__(self, name):  # call.axis for call.attrs["axis"]
        try:
            return self.attrs[name]
        except KeyError:
            raise AttributeError(f"{self.op} has no attribute {name!r}") from None


class _LayerGraph(Graph):
    """A graph that knows which layer each op call comes from."""

    loops = False

    def __init__(self):
        super().__init__()
        self.layers = []

    def add(self, op, inputs, attrs):
        outputs = super().add(op, inputs, attrs)
        self.layers.append(state.path())
        return outputs


def trace(function, arguments):
    """([Value of an input], [Call], structure of output Values) of function(arguments).

    arguments: {name: structure of KerasTensors}; None in a shape is an unknown extent. The function is given tensors
    in their place.
    Raises:
        ValueError: the model computes something else for other sizes of unknown extents.
    """
    leaves = [leaf for leaf in nest.flatten(list(arguments.values())) if isinstance(leaf, KerasTensor)]
    failure = None
    for bases, steps in _CHOICES:
        for shared in (False, True):  # True: extents of several inputs must agree
            symbols = _symbols(leaves, shared)
            try:
                traces = [_trace(function, arguments, sizes) for sizes in _sizings(symbols, bases, steps)]
            except (ValueError, TypeError) as error:
                failure = failure or error
                continue
            return _joined_traces(traces)
    raise failure


def _symbols(leaves, shared):
    """{(which input, axis): number of its unknown extent}; the batch is one, `shared`: so is each other axis."""
    numbers, found = {}, {}
    for i, leaf in enumerate(leaves):
        for axis, extent in enumerate(leaf.shape):
            if extent is None:
                key = axis if shared or axis == 0 else (i, axis)
                found[i, axis] = numbers.setdefault(key, len(numbers))
    return found


def _sizings(symbols, bases, steps):
    """The stand-ins of all traces: {(which input, axis): extent}."""
    count = len(set(symbols.values()))
    if count > len(bases):
        raise ValueError(f"export: {count} unknown extents are too many; give Inputs fixed shapes")
    rows = [list(bases[:count])]
    for i in range(count):
        rows += [[n + step * (i == k) for k, n in enumerate(rows[0])] for step in steps]
    return [{place: row[number] for place, number in symbols.items()} for row in rows]


def _trace(function, arguments, sizes):
    graph = _LayerGraph()
    count = itertools.count()

    def concrete(leaf):
        if not isinstance(leaf, KerasTensor):
            return leaf
        i = next(count)
        shape = [sizes[i, axis] if n is None else n for axis, n in enumerate(leaf.shape)]
        return graph.input(shape, leaf.dtype)

    with graph:
        given = {name: nest.map_leaves(concrete, value) for name, value in arguments.items()}
        result = function(given)
        result = nest.map_leaves(lambda x: graph.lift(convert(x)) if x is not None else None, result)
    return graph, result


def _where_others(graphs, names):
    """In which layer the traces begin to differ."""
    longest = max(range(len(graphs)), key=lambda i: len(names[i]))
    at = next((i for i, ops in enumerate(zip(*names)) if len(set(ops)) > 1), min(map(len, names)))
    layers = graphs[longest].layers
    return f"in layer {layers[at]!r}" if at < len(layers) else "at its end"


def _joined_traces(traces):
    graphs = [graph for graph, _ in traces]
    outputs = [nest.flatten(result) for _, result in traces]
    names = [[node.op.name for node in graph.nodes] for graph in graphs]
    if any(other != names[0] for other in names) or len({len(flat) for flat in outputs}) > 1:
        raise ValueError(
            f"export: {_where_others(graphs, names)} the model computes other things for other batch sizes (or other "
            "unknown extents), as steps of a loop written out do; give its Input a fixed shape: Input(batch_shape=...)"
        )
    values = {}  # id of the first trace's Traced -> Value

    def value_of(column):
        key = id(column[0])
        if key not in values:
            variable = variables.get(key)
            array = variable.storage if variable is not None else None
            if array is None and column[0].value is not None:
                array = joined_array([x.value for x in column])
            name = variable.path if variable is not None else None
            values[key] = Value(joined_shape([x.shape for x in column]), column[0].dtype, array, name)
        return values[key]

    variables = {id(value): variable for variable, value in graphs[0].reads.items()}
    inputs = [value_of(column) for column in zip(*[graph.inputs for graph in graphs])]
    calls = []
    for nodes, layer in zip(zip(*[graph.nodes for graph in graphs]), graphs[0].layers):
        try:
            attrs = joined([dict(node.attrs) for node in nodes])
            ins = [value_of(column) for column in zip(*[node.inputs for node in nodes])]
            outs = [value_of(column) for column in zip(*[node.outputs for node in nodes])]
        except Mismatch as error:
            raise ValueError(
                f"export: op {nodes[0].op.name!r} in layer {layer!r} follows from an unknown extent in a way that "
                f"cannot be written down ({error}); give the model's Input a fixed shape"
            ) from None
        calls.append(Call(nodes[0].op.name, ins, outs, attrs, layer))
    flat = [value_of(column) if isinstance(column[0], Tensor) else None for column in zip(*outputs)]
    return inputs, _needed(calls, flat), nest.pack(traces[0][1], flat)


def _needed(calls, outputs):
    """The calls that the outputs depend on, in order."""
    wanted = {id(value) for value in outputs if value is not None}
    kept = []
    for call in reversed(calls):
        if any(id(value) in wanted for value in call.outputs):
            kept.append(call)
            wanted.update(map(id, call.inputs))
    return kept[::-1]
