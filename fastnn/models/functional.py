"""Models made from symbolic inputs and outputs."""

import warnings

from ..data import leaves_of
from ..engine import masks, nest, settings
from ..engine.dtypes import STRING, is_float
from ..engine.symbolic import KerasTensor, _Leaf, symbolic_leaves
from ..engine.tensor import Spec, StringTensor, Tensor
from ..engine.variable import convert
from ..layers import Input, Layer
from ..layers.input_spec import describe
from ..ops import expand_dims, squeeze
from .layer_graph import LayerGraph, check_symbolic, clone_between, is_input_node
from .model import Model, constructor_arguments
from .trainer import set_untracked


class Functional(Model):
    """A model that replays the layer graph between its inputs and outputs.

    inputs, outputs: flat lists of KerasTensors; `input` and `output` have the structure they were given in.
    Source: Keras 3 `Functional`.
    """

    _ranks_only = (
        False  # whether inputs may differ from the Inputs in their extents: a Sequential took these from data
    )
    _called = None  # what errors call it, where it does the work of another model

    def __init__(self, inputs, outputs, name=None, trainable=None, **kwargs):
        check_symbolic(inputs, "inputs")
        check_symbolic(outputs, "outputs")
        Layer.__init__(self, name=name, **kwargs)
        self._init_model()
        if isinstance(inputs, dict):
            for key, tensor in inputs.items():
                if isinstance(tensor, KerasTensor) and tensor.name != key:
                    warnings.warn(
                        f"Model {self.name!r}: the key {key!r} of `inputs` differs from the name "
                        f"{tensor.name!r} of its Input; data is looked up by the key. Name it "
                        f"Input(..., name={key!r})",
                        stacklevel=3,
                    )
        if not all(x.node is not None and is_input_node(x.node) for x in nest.flatten(inputs)):
            inputs, outputs = clone_between(inputs, outputs, _input_like)
        flat = nest.flatten(inputs)
        if len({id(x) for x in flat}) < len(flat):
            raise ValueError(
                f"Model {self.name!r}: an Input stands in `inputs` twice: {[x.name for x in flat]}"
            )
        graph = LayerGraph(flat, nest.flatten(outputs))
        set_untracked(
            self,
            _inputs_struct=inputs,
            _outputs_struct=outputs,
            inputs=flat,
            outputs=nest.flatten(outputs),
            _graph=graph,
            operations=graph.operations,
            _pure=None,
            _added_losses=[],
        )
        set_untracked(
            self,
            output_names=[x.node.operation.name for x in self.outputs],
            _replayed=[node for node in graph.nodes if not is_input_node(node)],
        )
        for operation in graph.operations:
            if isinstance(operation, Layer):
                self._tracker.track(operation)
        self.supports_masking = True
        self.built = True
        if trainable is not None:
            self._trainable = bool(
                trainable
            )  # the model's own: its layers, frozen ones among them, stay as they are

    @property
    def layers(self):
        """The layers in the order of the graph, inputs first; ops are none."""
        return [operation for operation in self.operations if isinstance(operation, Layer)]

    @layers.setter
    def layers(self, _):
        raise AttributeError("`layers` is made by the model itself; use another name for your attribute")

    @property
    def input(self):
        """The symbolic inputs in the structure they were given in."""
        return self._inputs_struct

    @property
    def output(self):
        """The symbolic outputs in the structure they were given in."""
        return self._outputs_struct

    @property
    def input_shape(self):
        """The inputs' shapes, batch axis included: a list in the order of `inputs`; one alone bare."""
        return _bare([x.shape for x in self.inputs])

    @property
    def output_shape(self):
        """The outputs' shapes, as `input_shape`."""
        return _bare([x.shape for x in self.outputs])

    @property
    def input_names(self):
        """The names of the Inputs, in the order of `inputs`."""
        return [x.name for x in self.inputs]

    def build(self, input_shape):
        """Nothing to do: the layers were built as they were called on symbolic tensors."""

    def _build_from(self, arguments):
        self.built = True

    def get_build_config(self):
        """None: its configuration builds it."""
        return None

    # ---- calling

    def call(self, inputs, training=None, mask=None):
        """The outputs for `inputs`, in the structure of `output`."""
        values = {}
        for reference, x, m in zip(self.inputs, self._standardize(inputs), self._flat_masks(mask)):
            values[id(reference)] = x
            if m is not None and x is not None:
                masks.set_mask(x, m)
        for node in self._replayed:
            if node.lone is not None:
                outputs = node.operation(values[node.lone])
            else:
                args, kwargs = node.arguments(values)
                if training is not None and "training" in kwargs:
                    kwargs["training"] = (
                        training  # what the call that made the graph said counts without an outer one
                    )
                outputs = node.operation(*args, **kwargs)
            if (
                type(outputs) is Tensor
                or len(node.output_tensors) == 1
                and not isinstance(outputs, (list, tuple, dict))
            ):
                values[id(node.output_tensors[0])] = outputs
            else:
                for reference, y in zip(node.output_tensors, nest.flatten(outputs)):
                    values[id(reference)] = y
        for reference in self._added_losses:
            super().add_loss(values[id(reference)])
        return nest.map_leaves(lambda reference: values[id(reference)], self._outputs_struct)

    def add_loss(self, loss):
        """As a Layer's; as in Keras 2 also symbolic tensors made of the model's own, which each call then computes.

        Those are not in the model's configuration, so not in files.
        """
        added = symbolic_leaves(loss)
        if not added:
            super().add_loss(loss)
            return
        losses = [*self._added_losses, *added]
        graph = LayerGraph(self.inputs, [*self.outputs, *losses])
        set_untracked(
            self, _added_losses=losses, _replayed=[node for node in graph.nodes if not is_input_node(node)]
        )
        for operation in graph.operations:
            if isinstance(operation, Layer) and operation not in self._layers:
                self._tracker.track(operation)
        self._forget_programs()

    def compute_mask(self, inputs, previous_mask):
        return None  # the outputs carry the masks that the layers gave them

    def _flat_masks(self, mask):
        return [None] * len(self.inputs) if mask is None else nest.flatten(mask)

    def found_specs(self, *args, **kwargs):
        """As they stand for inputs of the model's own shapes; for others by tracing."""
        given = nest.flatten(args[0]) if args else []
        if len(given) == len(self.inputs) and all(
            isinstance(x, KerasTensor) and x.shape == own.shape for x, own in zip(given, self.inputs)
        ):
            return nest.map_leaves(lambda t: _Leaf(Spec(t.shape, t.dtype)), self._outputs_struct)
        return super().found_specs(*args, **kwargs)

    def _in_order(self, x):
        """The leaves of an input structure in the order of `inputs`.

        Raises:
            ValueError: another number of inputs, or names that do not fit; says which.
        """
        if isinstance(x, dict):
            keys = sorted(self._inputs_struct) if isinstance(self._inputs_struct, dict) else self.input_names
            nested = isinstance(self._inputs_struct, dict) and not all(
                isinstance(own, KerasTensor) for own in self._inputs_struct.values()
            )
            if nested:
                flat = nest.flatten(x)
            else:
                missing = [key for key in keys if key not in x]
                if missing:
                    raise ValueError(
                        f"{self._called or describe(self)}: the input(s) {missing} are missing; it takes "
                        f"{keys}, received a dict with the keys {sorted(x)}"
                    )
                flat = [x[key] for key in keys]  # further keys are left alone, as in Keras
        else:
            flat = nest.flatten(x)
        if len(flat) != len(self.inputs):
            names = self.input_names
            hint = ". Pass them as one list, [a, b]" if len(flat) == 1 else ""
            raise ValueError(
                f"{self._called or describe(self)} takes {len(names)} input(s), {names}, received {len(flat)}"
                f" of shape(s) "
                f"{[tuple(leaf.shape) for leaf in flat if hasattr(leaf, 'shape')]}{hint}"
            )
        return flat

    def _standardize(self, inputs):
        return [self._one_input(reference, x) for reference, x in zip(self.inputs, self._in_order(inputs))]

    def _one_input(self, reference, x):
        """An input as a tensor of its Input's dtype and rank: a last axis of 1 may be missing or too many."""
        if x is None:
            if getattr(reference.node.operation, "optional", False):
                return None
            raise ValueError(
                f"{self._called or describe(self)}: input {reference.name!r} is None, and it is not optional"
            )
        x = convert(x)
        if STRING in (x.dtype, reference.dtype):
            return self._one_of_strings(reference, x)
        if is_float(reference.dtype) and reference.dtype == settings.float_dtype() and is_float(x.dtype):
            dtype = x.dtype  # mixed precision: the layer's own call has cast it
        else:
            dtype = reference.dtype
        x = convert(x, dtype=dtype)
        self._check_shape(reference, tuple(x.shape))
        if len(x.shape) == len(reference.shape) + 1:
            return squeeze(x, axis=-1)
        if len(x.shape) == len(reference.shape) - 1:
            return expand_dims(x, axis=-1)
        return x

    def _one_of_strings(self, reference, x):
        """An input of strings with its Input's rank."""
        self._check_strings(reference, x)
        self._check_shape(reference, tuple(x.shape))
        if len(x.shape) == len(reference.shape) + 1:
            return StringTensor(x.array[..., 0])
        return StringTensor(x.array[..., None]) if len(x.shape) == len(reference.shape) - 1 else x

    def _check_strings(self, reference, x):
        """Raise ValueError for strings in the place of numbers, or the other way round."""
        strings = x.dtype == STRING or getattr(x.dtype, "kind", "") in ("U", "S", "O")
        if strings == (reference.dtype == STRING):
            return
        hint = (
            "convert `x` first, np.asarray(x, dtype='float32'), or read them: Input(..., dtype='string') and a layer "
            "like TextVectorization"
        )
        raise ValueError(
            f"{self._called or describe(self)}: input {reference.name!r} is of dtype {reference.dtype!r}, received "
            f"{'strings' if strings else str(x.dtype)!r}, shape {tuple(x.shape)}; "
            f"{hint if strings else 'it takes strings'}"
        )

    def _check_shape(self, reference, shape):
        want, got = reference.shape, shape
        if len(got) == len(want) + 1 and got[-1] == 1:
            got = got[:-1]
        elif len(got) == len(want) - 1 and want and want[-1] == 1:
            got = (*got, 1)
        if (
            len(got) == len(want)
            and (self._ranks_only or all(m is None or n is None or m == n for m, n in zip(want[1:], got[1:])))
            and (want[0] is None or got[0] is None or want[0] == got[0])
        ):
            return
        raise ValueError(
            f"{self._called or describe(self)}: input {reference.name!r} must have shape {want}, received "
            f"{shape}{_shape_advice(want, shape)}"
        )

    def check_inputs(self, x):
        """Raise ValueError for arrays that do not fit the Inputs, or numbers that an Embedding cannot look up."""
        for reference, leaf in zip(self.inputs, self._in_order(x)):
            if leaf is not None:
                if leaf.shape == reference.shape[1:] and leaf.shape[0] != 1:
                    self._check_shape(reference, leaf.shape)  # what looks like rows is one sample
                self._check_shape(reference, (reference.shape[0], *leaf.shape[1:]))
                for layer in self._look_ups(reference):
                    layer.check_range(leaf)

    def look_ups_of(self, x):
        places = {id(leaf): place for place, leaf in enumerate(leaves_of(x))}
        return [
            (places[id(leaf)], layer)
            for reference, leaf in zip(self.inputs, self._in_order(x))
            if leaf is not None
            for layer in self._look_ups(reference)
        ]

    def _look_ups(self, reference):
        """The layers that look rows up by an input's very values, so that these can be checked."""
        return [
            node.operation
            for node in self._replayed
            if hasattr(node.operation, "check_range")
            and node.input_tensors[0] is reference
            and not node.kwargs.get("reverse")  # of a ReversibleEmbedding: these are vectors
        ]

    def input_dtypes_for(self, x):
        """The dtype of the Input of each leaf."""
        ordered = {}
        for reference, leaf in zip(self.inputs, self._in_order(x)):
            if leaf is not None:
                self._check_strings(reference, leaf)
            ordered[id(leaf)] = reference.dtype
        return [ordered.get(id(leaf)) for leaf in leaves_of(x)]  # None for a key that is no input

    def _outputs_like(self):
        return self._outputs_struct

    def _is_pure(self):
        if self._pure is None:
            pure = type(self).call is Functional.call and all(
                not isinstance(layer, Layer) or _is_own(layer) for layer in self.operations
            )
            set_untracked(self, _pure=pure)
        return self._pure

    # ---- configuration

    def get_config(self):
        from .functional_config import functional_config

        if not has_functional_constructor(type(self)):
            return Model.get_config(self)
        return functional_config(self)


def _is_own(layer):
    """Whether a layer is fastnn's own and runs no user's code."""
    if isinstance(layer, Model):
        return layer._is_pure()
    if not type(layer).__module__.startswith("fastnn.layers"):
        return False
    return all(_is_own(inner) for inner in layer._layers) and not any(
        _is_users_function(value) for value in vars(layer).values()
    )


def _is_users_function(value):
    module = getattr(value, "__module__", None)
    return callable(value) and isinstance(module, str) and not module.startswith("fastnn.")


def _bare(shapes):
    return shapes[0] if len(shapes) == 1 else shapes


def _shape_advice(want, got):
    """What to do about an input of shape `got` where `want` is due."""
    if len(got) == len(want) - 1:
        if len(want) >= 4 and all(m is None or m == n for m, n in zip(want[1:-1], got[1:])):
            return (
                f". The channel axis is missing: x[..., None] adds one, the model wants {want[-1]} channel(s)"
            )
        if all(m is None or m == n for m, n in zip(want[1:], got)):
            return ". The batch axis is missing: x[None, ...] adds one"
        return f". An axis is missing: {len(want)} are expected, batch included"
    if len(got) == len(want) and len(want) == 4 and want[-1] == got[1] and want[-1] is not None:
        return ". The channels seem to come first: np.moveaxis(x, 1, -1) puts them last"
    if len(got) > len(want) and len(want) == 2:
        return ". Put a Flatten layer first, or reshape: x.reshape(len(x), -1)"
    if len(got) == len(want) == 2:
        return f". The model was built for {want[1]} features, x has {got[1]}: look for a missing or additional column"
    if len(got) == len(want):
        return f". Resize or slice the data, or build the model for Input({tuple(got[1:])})"
    return ""


def _input_like(tensor):
    return Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=f"{tensor.name}CLONE")


def has_functional_constructor(cls):
    """Whether a class is made as Functional is: Functional(inputs, outputs, name, trainable), or with any
    arguments."""
    names = constructor_arguments(cls)
    return names is None or names == constructor_arguments(Functional)


def become_functional(cls):
    """Put Functional in Model's place among the bases of a subclass of Model that calls
    super().__init__(inputs, outputs)."""
    bases = tuple(Functional if base is Model else base for base in cls.__bases__)
    if bases != cls.__bases__:
        cls.__bases__ = bases
        return
    for base in bases:
        if issubclass(base, Model) and not issubclass(base, Functional):
            become_functional(base)
