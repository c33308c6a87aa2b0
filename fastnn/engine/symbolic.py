"""The layer graph: symbolic tensors of unknown batch size, the operations that made them, and how shapes follow.

This is what a Functional model is made of, summarised and saved from. It knows nothing of kernels or plans.
"""

import functools
import inspect
import re

from . import dtypes, nest
from .graph import Graph
from .tensor import Arithmetic, Spec

# Two sizes stand in, in turn, for each unknown extent; what differs between the two results is unknown as well.
_STANDINS = (83, 89)


def _without_value(kind):
    """A method of KerasTensor that raises an error of this kind, as Keras does where a value is wanted."""

    def refuse(self, *_, **__):
        raise kind(
            f"a KerasTensor is symbolic and has no value: {self!r} was given to a function that wants numbers (NumPy, "
            "a loop or an `if`). Use fastnn.ops in place of NumPy, or put the code into a Layer's call method or a "
            "layers.Lambda"
        )

    return refuse


class KerasTensor(Arithmetic):
    """A symbolic tensor: a shape (None: not known yet), a dtype, and the Node that made it (None: not made by one).

    Args:
        sparse, ragged: only False: fastnn has dense tensors alone.
        record_history: accepted as in Keras.
    """

    sparse = ragged = False
    ragged_rank = row_splits_dtype = None

    def __init__(
        self,
        shape,
        dtype="float32",
        sparse=False,
        ragged=False,
        record_history=True,
        name=None,
        *,
        node=None,
        index=0,
    ):
        if sparse or ragged:
            raise ValueError(
                f"KerasTensor: fastnn has dense tensors alone, received sparse={sparse!r}, ragged={ragged!r}"
            )
        self.shape = tuple(shape)
        self.dtype = dtype if dtype == dtypes.STRING else dtypes.standardize(dtype)
        self.name = name or "keras_tensor"
        self.node = node
        self.index = index  # among the node's outputs
        self.record_history = record_history

    __array__ = __int__ = __float__ = __index__ = numpy = _without_value(ValueError)
    __bool__ = _without_value(TypeError)
    __iter__ = _without_value(NotImplementedError)

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
    """Whatever can stand in the layer graph: a layer, an op applied to symbolic tensors, or a subclass of one's own,
    which writes `call` on tensors.

    Source: Keras 3 `Operation`.
    """

    def __new__(cls, *args, **kwargs):
        self = super().__new__(cls)
        self.__dict__["_init_arguments"] = (args, kwargs)
        return self

    def __init__(self, name=None):
        self.name = unique_name(snake_case(type(self).__name__)) if name is None else name
        self.inbound_nodes = []

    def __call__(self, *args, **kwargs):
        if symbolic_leaves((args, kwargs)):
            return self.symbolic_call(*args, **kwargs)
        return self.call(*args, **kwargs)

    def call(self, *args, **kwargs):
        """What it computes; to be written by subclasses."""
        raise NotImplementedError(f"{type(self).__name__} has no call() method: write call(self, x)")

    def run(self, *args, **kwargs):
        """The call, by the name that all operations of a layer graph have."""
        return self.call(*args, **kwargs)

    def compute_output_spec(self, *args, **kwargs):
        """The outputs for symbolic inputs as KerasTensors that nothing made; a subclass may say them itself."""
        return nest.map_leaves(
            lambda leaf: leaf and KerasTensor(leaf.spec.shape, leaf.spec.dtype),
            self.found_specs(*args, **kwargs),
        )

    def get_config(self):
        """The constructor's arguments, as plain values.

        Raises:
            NotImplementedError: they are no plain values, and the subclass has no get_config.
        """
        arguments = own_arguments(self, Operation, ("name",))
        parameters = inspect.signature(type(self).__init__).parameters.values()
        named = any(p.name == "name" or p.kind is p.VAR_KEYWORD for p in parameters)
        return {"name": self.name, **arguments} if named else arguments

    @classmethod
    def from_config(cls, config):
        """One from what `get_config` returned."""
        return cls(**config)

    def symbolic_call(self, *args, **kwargs):
        """Note a call on symbolic tensors; KerasTensors in the structure of the result."""
        return Node(self, args, kwargs, self.output_specs(*args, **kwargs)).outputs

    def output_specs(self, *args, **kwargs):
        """The outputs' shapes and dtypes, `_Leaf`s in the result's structure: as a compute_output_spec of the class's
        own says, or found."""
        if type(self).compute_output_spec is Operation.compute_output_spec:
            return self.found_specs(*args, **kwargs)
        said = self.compute_output_spec(*args, **kwargs)
        return nest.map_leaves(lambda x: x if x is None else _Leaf(Spec(tuple(x.shape), x.dtype)), said)

    def found_specs(self, *args, **kwargs):
        """`output_specs` where the class does not say them: by tracing."""
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
            raise AttributeError(
                f"{self.name!r} has not been called on a symbolic input yet, so it has no `input` and "
                "`output`; build the model with an Input, or call it once"
            )
        return self.inbound_nodes[0]


def own_arguments(thing, base, known):
    """What a subclass's constructor was given, by name, where the subclass leaves `get_config` to `base`; without the
    arguments `known`, which that says.

    Raises:
        NotImplementedError: what is no plain value cannot be said by itself.
    """
    kind = type(thing)
    if kind.get_config is not base.get_config or kind.__init__ is base.__init__:
        return {}
    args, kwargs = thing._init_arguments
    parameters = inspect.signature(kind.__init__)
    bound = parameters.bind(thing, *args, **kwargs)
    bound.apply_defaults()
    values = dict(list(bound.arguments.items())[1:])
    for name, parameter in parameters.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            values.update(values.pop(name, {}))
        elif parameter.kind is parameter.VAR_POSITIONAL and values.pop(name, ()):
            values[name] = object()  # cannot be given back by keyword
    values = {name: value for name, value in values.items() if name not in known}
    for name, value in values.items():
        if not all(isinstance(leaf, (str, int, float, bool, type(None))) for leaf in nest.flatten(value)):
            raise NotImplementedError(
                f"{kind.__name__} was made with {name}={value!r}, which is no plain value: write "
                "get_config(self), returning {**super().get_config(), " + f"{name!r}: ...}}"
            )
    return values


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
