"""Sequential: a stack of layers, each fed by the one before."""

from ..engine import nest
from ..engine.dtypes import STRING
from ..engine.tensor import StringTensor
from ..layers import InputLayer, Layer
from ..layers.call_signature import known_shape
from ..layers.input_spec import describe
from .functional import Functional
from .model import Model
from .trainer import set_untracked

_FED = {"Embedding": "int32", "IntegerLookup": "int64", "StringLookup": STRING, "TextVectorization": STRING}


class Sequential(Model):
    """Layers in a row, of one input and one output each.

    With an Input (or a first layer with `input_shape`) it is built as layers are added; without one, by the
    first data it sees or by build((None, ...)).

    Args:
        layers: layers (and an Input first, if any).
        trainable, name: as in Layer.
    Raises:
        ValueError: something that is no layer, or two layers of one name.
    Source: Keras 3 `Sequential`.
    """

    def __init__(self, layers=None, trainable=True, name=None):
        Layer.__init__(self, trainable=trainable, name=name)
        self._init_model()
        set_untracked(
            self, _functional=None, _stack=[], _fed=None
        )  # _fed: "string" once it was called on such
        self.supports_masking = True
        if isinstance(layers, Layer):
            raise ValueError(
                f"{describe(self)}: `layers` must be a list, received {layers!r}; write Sequential([...])"
            )
        for layer in layers or ():
            self.add(layer, rebuild=False)
        if layers:
            self._rebuild()

    def add(self, layer, rebuild=True):
        """Put a layer on top."""
        if not self._stack and getattr(layer, "_batch_input_shape", None) is not None:
            self.add(InputLayer(batch_shape=layer._batch_input_shape, dtype=_feeds(layer)))
        node = getattr(layer, "node", None)
        if node is not None and isinstance(node.operation, InputLayer):
            layer = node.operation  # what Input() returned
        if not isinstance(layer, Layer):
            hint = (
                "; make it, with parentheses"
                if isinstance(layer, type)
                else ("; wrap a function in layers.Lambda or layers.Activation" if callable(layer) else "")
            )
            raise ValueError(
                f"{describe(self)}: only layers can be added, received {layer!r} of type "
                f"{type(layer).__name__}{hint}"
            )
        if any(layer.name == other.name for other in self._stack):
            raise ValueError(
                f"{describe(self)} has a layer called {layer.name!r} already; give this one another `name`"
            )
        if isinstance(layer, InputLayer) and self._stack:
            raise ValueError(
                f"{describe(self)}: an Input comes first or not at all; there are "
                f"{len(self._stack)} layers already, the first is {self._stack[0].name!r}"
            )
        self._stack.append(layer)
        self._tracker.track(layer)
        self._changed()
        if rebuild:
            self._rebuild()

    def pop(self, rebuild=True):
        """Take the top layer off; returns it.

        Raises:
            ValueError: there is none.
        """
        if not self._stack:
            raise ValueError(f"{type(self).__name__} {self.name!r}: there is no layer to take off")
        layer = self._stack.pop()
        self._tracker.untrack(layer)
        self._changed()
        if rebuild and self._stack:
            self._rebuild()
        return layer

    def _changed(self):
        self.built = False
        set_untracked(self, _functional=None)
        self._forget_programs()

    def _rebuild(self):
        first = self._stack[0]
        if len(self._stack) < 2:
            return
        if isinstance(first, InputLayer):
            self.build(first.batch_shape)
        elif isinstance(first, Functional) or (
            isinstance(first, Sequential) and first._functional is not None
        ):
            self.build(first.input_shape)

    def build(self, input_shape=None):
        """Make the weights for inputs of this shape, batch axis (None) included."""
        if not self._stack:
            raise ValueError(f"{describe(self)} has no layers to build; add some with add(layer)")
        if not _is_shape(input_shape):
            return  # several inputs: the layers build themselves as they are called
        input_shape = tuple(input_shape)
        if isinstance(self._stack[0], InputLayer):
            own = self._stack[0].batch_shape
            if len(own) != len(input_shape) or any(
                m is not None and n is not None and m != n for m, n in zip(own, input_shape)
            ):
                raise ValueError(
                    f"{describe(self)} takes inputs of shape {own}, it cannot be built for {input_shape}"
                )
        else:
            layer = InputLayer(batch_shape=input_shape, dtype=self._fed or _feeds(self._stack[0]))
            self._stack.insert(0, layer)
            self._tracker.track(layer)
            self._layers.insert(0, self._layers.pop())
        x = inputs = self._stack[0].output
        for layer in self._stack[1:]:
            x = layer(x)
        functional = Functional(
            inputs, x
        )  # it takes a name of its own, as in Keras: models after it are numbered so
        set_untracked(functional, _called=describe(self))  # in its errors
        # Its layers are this model's own; it only knows how to run them.
        set_untracked(self, _functional=functional, output_names=functional.output_names)

    def _build_from(self, arguments):
        inputs = next(iter(arguments.values()))
        if isinstance(inputs, StringTensor):
            set_untracked(self, _fed=STRING)
        self.build(nest.map_leaves(lambda x: (None, *known_shape(x)[1:]), inputs))
        if self._functional is not None:
            set_untracked(self._functional, _ranks_only=True)  # what comes next may be longer
        self.built = True

    def call(self, inputs, training=None, mask=None):
        if self._functional is not None:
            # The layers are called as this model's own: no layer of the functional's name comes between.
            return self._functional.call(inputs, training=training, mask=mask)
        x = inputs
        for layer in self.layers:
            x = layer(x)
        return x

    def __call__(self, *args, **kwargs):
        if not self._stack:
            raise ValueError(f"{describe(self)} has no layers yet; add some with add(layer)")
        return super().__call__(*args, **kwargs)

    def compute_mask(self, inputs, previous_mask):
        return None  # the outputs carry the masks that the layers gave them

    def found_specs(self, *args, **kwargs):
        """The built model's, or by tracing."""
        if self._functional is not None:
            return self._functional.found_specs(*args, **kwargs)
        return super().found_specs(*args, **kwargs)

    @property
    def layers(self):
        """The layers, without the Input."""
        return self._stack[1:] if self._stack and isinstance(self._stack[0], InputLayer) else self._stack[:]

    @layers.setter
    def layers(self, _):
        raise AttributeError("`layers` is made by the model itself; use add() and pop()")

    def _built(self, what):
        if self._functional is None:
            raise AttributeError(
                f"{describe(self)} has no {what} yet: it is not built. Put an Input first, "
                "call build((None, ...)), or call it on data"
            )
        return self._functional

    @property
    def inputs(self):
        """The symbolic inputs, a list; AttributeError until it is built, as for all of these."""
        return self._built("inputs").inputs

    @property
    def outputs(self):
        """The symbolic outputs, a list."""
        return self._built("outputs").outputs

    @property
    def input(self):
        """The symbolic input: of the model's first call on other models' tensors, else its own."""
        return super().input if self.inbound_nodes else self._built("input").input

    @property
    def output(self):
        """The symbolic output: of the model's first call on other models' tensors, else its own."""
        return super().output if self.inbound_nodes else self._built("output").output

    @property
    def input_shape(self):
        """The input's shape, batch axis included."""
        return self._built("input shape").input_shape

    @property
    def output_shape(self):
        """The output's shape, batch axis included."""
        return self._built("output shape").output_shape

    @property
    def input_names(self):
        """The Input's name, in a list."""
        return self._built("input names").input_names

    def input_dtypes_for(self, x):
        """The Input's dtype once there is one."""
        return (
            super().input_dtypes_for(x) if self._functional is None else self._functional.input_dtypes_for(x)
        )

    def check_inputs(self, x):
        """Raise ValueError for arrays that do not fit the Input, once there is one."""
        if self._functional is not None:
            self._functional.check_inputs(x)

    def look_ups_of(self, x):
        return [] if self._functional is None else self._functional.look_ups_of(x)

    def _outputs_like(self):
        return self._output_like if self._functional is None else self._functional._outputs_struct

    def _check_has_layers(self):
        if not self.layers:
            raise ValueError(f"{describe(self)} has no layers; add some with add(layer)")

    def _is_pure(self):
        return (
            type(self).call is Sequential.call
            and self._functional is not None
            and self._functional._is_pure()
        )

    def get_build_config(self):
        """The shape that it was built for; None where it is not."""
        if not self.built or not isinstance(self._stack[0], InputLayer):
            return None
        return {"input_shape": self._stack[0].batch_shape}

    def get_config(self):
        from .functional_config import sequential_config

        return sequential_config(self)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """A model from what `get_config` returned."""
        from .functional_config import sequential_from_config

        return sequential_from_config(cls, config, custom_objects)


def _feeds(layer):
    """The dtype of an Input made for a layer."""
    return _FED.get(type(layer).__name__, layer._compute_dtype)


def _is_shape(shape):
    return isinstance(shape, (tuple, list)) and all(n is None or isinstance(n, int) for n in shape)
