"""Graphs: what one call of a Python function with traced tensors leaves behind."""

import numpy as np

from .op import OpCall, context
from .tensor import Traced


class Graph:
    """A list of op calls in order, with inputs, constants and the variables it reads and updates.

    inputs: Traced values, in order. nodes: OpCalls whose inputs and outputs are all Traced.
    reads: {Variable: Traced}, its value before. state: {Variable: Traced}, its value now; where the two differ the
    graph updates the variable.
    loops: whether loops and choices are nodes; if not, they are laid out, step by step, branch by branch.
    unknown: the size that stands for extents not known yet; None: all are.
    """

    loops = True
    unknown = None

    def __init__(self):
        self.inputs = []
        self.nodes = []
        self.reads = {}
        self.state = {}
        self._constants = {}

    def input(self, shape, dtype):
        """A further input of this shape and dtype, a Traced value."""
        value = Traced(tuple(shape), dtype, self)
        self.inputs.append(value)
        return value

    def constant(self, tensor):
        """The Traced form of a tensor at hand."""
        known = self._constants.get(id(tensor))
        if known is None:
            array = np.ascontiguousarray(tensor.array).reshape(tensor.shape)
            value = Traced(tensor.shape, tensor.dtype, self, value=array)
            known = self._constants[id(tensor)] = (value, tensor)  # keeps the tensor, and so its id, alive
        return known[0]

    def lift(self, x):
        """A tensor as a value of this graph: a Traced one is one already, others become constants.

        Raises:
            ValueError: a value of another trace.
        """
        if type(x) is Traced:
            if x.graph is not self:
                raise ValueError(
                    "a tensor of another trace is used here; keep results of a traced call as return "
                    "values or in a Variable, not in a Python attribute"
                )
            return x
        return self.constant(x)

    def add(self, op, inputs, attrs):
        """Note an op call; its outputs as a tuple of Traced values."""
        inputs = tuple([self.lift(x) for x in inputs])
        specs = op.shape(*inputs, **attrs)
        specs = (specs,) if isinstance(specs[1], str) else specs
        node = OpCall(op, inputs, (), attrs)
        node.outputs = tuple([Traced(tuple(shape), dtype, self, node) for shape, dtype in specs])
        self.nodes.append(node)
        return node.outputs

    def read(self, variable):
        """What the variable holds at this point of the trace."""
        value = self.state.get(variable)
        if value is None:
            value = Traced(variable.shape, variable.dtype, self)
            self.reads[variable] = self.state[variable] = value
        return value

    def read_apart(self, variable):
        """The same under a tape: what was assigned in this trace comes as a value that leads back to the variable
        alone, not to what it was computed from. Without a trace assigning ends all gradients as well.
        """
        value = self.read(variable)
        if value is self.reads[variable]:
            return value
        from .op import records

        return self.add(records["stop_gradient"], (value,), {})[0]

    def assign(self, variable, value):
        """From here on the variable holds `value`, cast to its dtype."""
        value = self.lift(value)
        if value.dtype != variable.dtype:
            from .op import records

            value = records["cast"](value, dtype=variable.dtype)
        if variable not in self.reads:
            self.read(variable)
        self.state[variable] = value

    @property
    def updates(self):
        """[(Variable, Traced)]: the variables whose value the graph changes."""
        return [(v, value) for v, value in self.state.items() if value is not self.reads[v]]

    def __enter__(self):
        self._outer = context.graph, context.tapes
        context.graph, context.tapes = self, ()
        return self

    def __exit__(self, *exc):
        context.graph, context.tapes = self._outer


def trace(function, specs):
    """Call function(*traced inputs) once; the Graph and what it returned.

    specs: (shape, dtype) of each input.
    """
    graph = Graph()
    with graph:
        result = function(*[graph.input(shape, dtype) for shape, dtype in specs])
    return graph, result
