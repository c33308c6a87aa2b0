"""The layer graph: symbolic tensors of unknown batch size, the operations that made them, and how shapes follow.

This is what a Functional model is made of, summarised and saved from. It knows nothing of kernels or plans.
"""

import functools
import re

from . import dtypes, nest
from .graph import Graph
from .tensor import Arithmetic, Spec

# Two sizes stand in, in turn, for each unknown extent; what differs between the two results is unknown as well.
_STANDINS = (83, 89)


class KerasTensor(Arithmetic):
    """A symbolic tensor: a shape (None: not known yet), a dtype, and the Node that made it (None: not made by one)."""

    def __init__(self, shape, dtype="float32", name=None, node=None, index=0):
        self.shape = tuple(shape)
        self.dtype = dtype if dtype == dtypes.STRING else dtypes.standardize(dtype)
        self.name = name or "keras_tensor"
        self.node = node
        self.index = index  # among the node's outputs

    def _no_value(self, *_):
        raise TypeError(
            f"a KerasTensor is symbolic and has no value: {self!r} was given to a function that wants numbers (NumPy, "
            "or an `if`). Use fastnn.ops in place of NumPy, or put the code into a Layer's call method or a "
            "layers.Lambda"
        )

    __array__ = __bool__ = __int__ = __float__ = __index__ = __iter__ = numpy = _no_value

    def __repr__(self):
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"

    __hash__ = object.__hash__


class Node:
    """One symbolic call of an operation: its arguments, with KerasTensors among them, and its outputs."""

    def __init__(self, operation, args, kwargs, output_specs):
        self.operation = operation
        self.args = args
        self.kwargs = kwargs
        self.input_tensors = symbolic_leaves((args, kwargs))
        # The key of its one argument's value, where that is all there is to a call.
        self.lone = (
            id(args[0]) if len(args) == 1 and not kwargs and isinstance(args[0], KerasTensor) else None
        )
        leaves = nest.flatten(output_specs)
        self.output_tensors = [
            KerasTensor(spec.shape, spec.dtype, node=self, index=i)
            for i, spec in enumerate(map(_unwrap, leaves))
        ]
        self.outputs = nest.pack(output_specs, self.output_tensors)
        self.parent_nodes = [t.node for t in self.input_tensors if t.node is not None]
        for i, tensor in enumerate(self.output_tensors):
            tensor.name = operation.name if i == 0 else f"{operation.name}_{i}"
        operation.inbound_nodes.append(self)

    def arguments(self, values):
        """(args, kwargs) with each KerasTensor replaced by values[id(it)]."""
        fill = lambda x: values[id(x)] if isinstance(x, KerasTensor) else x  # noqa: E731
        return nest.map_leaves(fill, self.args), nest.map_leaves(fill, self.kwargs)


class _Leaf:
    """A Spec kept whole by `nest`, which would take the named tuple apart."""

    __slots__ = ("spec",)

    def __init__(self, spec):
        self.spec = spec


def _unwrap(leaf):
    return leaf.spec if isinstance(leaf, _Leaf) else leaf


class Operation:
    """Whatever can stand in the layer graph: a layer, or an op applied to symbolic tensors."""

    def __init__(self, name):
        self.name = name
        self.inbound_nodes = []

    def symbolic_call(self, *args, **kwargs):
        """Note a call on symbolic tensors; KerasTensors in the structure of the result."""
        return Node(self, args, kwargs, self.output_specs(*args, **kwargs)).outputs

    def output_specs(self, *args, **kwargs):
        """The outputs' shapes and dtypes, `_Leaf`s in the result's structure."""
        return infer(self.run, args, kwargs)

    @property
    def input(self):
        """The symbolic input(s) of the first call."""
        return _one(self._first_node().input_tensors)

    @property
    def output(self):
        """The symbolic output(s) of the first call."""
        return self._first_node().outputs

    def _first_node(self):
        if not self.inbound_nodes:
            raise ValueError(
                f"{self.name!r} has not been called on a symbolic input yet, so it has no `input` and "
                "`output`; build the model with an Input, or call it once"
            )
        return self.inbound_nodes[0]


def _one(items):
    return items[0] if len(items) == 1 else items


class OpOperation(Operation):
    """A public op in the layer graph: `function` and its arguments as they were given."""

    def __init__(self, function):
        super().__init__(unique_name(function.__name__))
        self.function = function

    def run(self, *args, **kwargs):
        """The function itself, which public ops trace."""
        return self.function(*args, **kwargs)

    __call__ = run


_names = {}


def unique_name(stem):
    """`stem`, then stem_1, stem_2, ... as Keras numbers unnamed layers."""
    count = _names.get(stem, -1) + 1
    _names[stem] = count
    return stem if count == 0 else f"{stem}_{count}"


def snake_case(class_name):
    """The stem of an unnamed object's name: "MaxPooling2D" becomes "max_pooling2d"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=.)(?=[A-Z][a-z])", "_", re.sub(r"\W", "", class_name)).lower()


def reset_names():
    """Start numbering from the beginning again (`clear_session`)."""
    _names.clear()


def symbolic_leaves(structure):
    """The KerasTensors among the leaves of a structure."""
    return [leaf for leaf in nest.flatten(structure) if isinstance(leaf, KerasTensor)]


def refuse_strings(leaves):
    """Raise TypeError where there is a symbolic tensor of strings."""
    for x in leaves:
        if isinstance(x, KerasTensor) and x.dtype == dtypes.STRING:
            raise TypeError(
                f"strings cannot be computed with, received {x!r}; make numbers of them first, with "
                "TextVectorization, StringLookup or Hashing"
            )


def infer(function, args, kwargs):
    """Shapes and dtypes of function(*args, **kwargs) by tracing it; KerasTensors may have None extents."""
    results = [_trace_with(function, args, kwargs, size) for size in _STANDINS]

    def merge(a, b):
        if a is None:
            return None
        shape = tuple([m if m == n else None for m, n in zip(a.spec.shape, b.spec.shape)])
        return _Leaf(Spec(shape, a.spec.dtype))

    first, second = results
    return nest.pack(first, [merge(a, b) for a, b in zip(nest.flatten(first), nest.flatten(second))])


def _trace_with(function, args, kwargs, size):
    graph = Graph()
    graph.unknown = size
    seen = {}

    def concrete(x):
        if not isinstance(x, KerasTensor):
            return x
        refuse_strings([x])
        if id(x) not in seen:
            seen[id(x)] = graph.input([size if n is None else n for n in x.shape], x.dtype)
        return seen[id(x)]

    with graph:
        args, kwargs = nest.map_leaves(concrete, args), nest.map_leaves(concrete, kwargs)
        result = function(*args, **kwargs)
    return nest.map_leaves(lambda t: _Leaf(Spec(tuple(t.shape), t.dtype)) if t is not None else None, result)


def public(function):
    """Decorate a public op: on symbolic tensors it becomes a node of the layer graph, else it runs as written.

    The tensors may be arguments, or in lists, tuples or dicts among them.
    """

    @functools.wraps(function)
    def call(*args, **kwargs):
        for arg in args:
            if type(arg) is KerasTensor or (type(arg) in (list, tuple, dict) and symbolic_leaves(arg)):
                return OpOperation(call).symbolic_call(*args, **kwargs)
        if kwargs:
            for arg in kwargs.values():
                if type(arg) is KerasTensor or (type(arg) in (list, tuple, dict) and symbolic_leaves(arg)):
                    return OpOperation(call).symbolic_call(*args, **kwargs)
        return function(*args, **kwargs)

    call.eager = function
    return call
