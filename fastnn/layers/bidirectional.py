"""Bidirectional: a recurrent layer run both ways over a sequence."""

from .. import ops
from ..engine import nest
from ..engine.variable import convert
from ..saving.serialization import deserialize_keras_object, serialize_keras_object
from .layer import Layer
from .stacked_rnn_cells import takes_training

_MERGES = ("sum", "mul", "ave", "concat", None)


class Bidirectional(Layer):
    """`layer` forwards and its twin backwards over (batch, steps, ...), outputs merged step by step.

    Args:
        layer: a recurrent layer; what runs is a copy of it, freshly initialized.
        merge_mode: "concat", "sum", "ave", "mul", or None for a tuple of both outputs.
        weights: first weights: the forward layer's, then the backward layer's.
        backward_layer: the layer for the way back; one like `layer` by default.

    Masked steps of a sequence of outputs are 0. An initial state is the forward layer's, then the backward
    layer's.
    Raises:
        ValueError: no layers; layers that go the same way, or differ in what they return; an unknown merge
            mode.
    Source: Keras 3 `layers.Bidirectional`; Schuster and Paliwal, IEEE Trans. Signal Processing, 1997.
    """

    def __init__(self, layer, merge_mode="concat", weights=None, backward_layer=None, **kwargs):
        for argument, value in (("layer", layer), ("backward_layer", backward_layer)):
            if not (value is None and argument == "backward_layer") and not (
                isinstance(value, Layer) and hasattr(value, "go_backwards")
            ):
                raise ValueError(
                    f"Bidirectional: `{argument}` must be a recurrent layer, like LSTM, GRU or RNN(cell), "
                    f"received {value!r}"
                )
        if merge_mode not in _MERGES:
            raise ValueError(f"Bidirectional: `merge_mode` must be one of {_MERGES}, received {merge_mode!r}")
        super().__init__(**kwargs)
        self.forward_layer = _copy(layer, "forward")
        self.backward_layer = backward_layer or _copy(layer, "backward", go_backwards=not layer.go_backwards)
        self._check_pair()
        for one in (self.forward_layer, self.backward_layer):
            if hasattr(one, "zero_output_for_mask"):
                one.zero_output_for_mask = one.return_sequences
        self.merge_mode = merge_mode
        self._first_weights = weights
        self.stateful = layer.stateful
        self.return_sequences = layer.return_sequences
        self.return_state = layer.return_state
        self.supports_masking = True
        self.input_spec = layer.input_spec

    def _check_pair(self):
        forward, backward = self.forward_layer, self.backward_layer
        if forward.go_backwards == backward.go_backwards:
            raise ValueError(
                "Bidirectional: `layer` and `backward_layer` must go opposite ways, received "
                f"go_backwards={forward.go_backwards} for both"
            )
        for name in ("stateful", "return_sequences", "return_state"):
            if getattr(forward, name) != getattr(backward, name):
                raise ValueError(
                    f"Bidirectional: `layer` and `backward_layer` must agree in {name}, received "
                    f"{getattr(forward, name)} and {getattr(backward, name)}"
                )

    def build(self, sequences_shape, initial_state_shape=None):
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)
        if self._first_weights:
            half = len(self._first_weights) // 2
            self.forward_layer.set_weights(self._first_weights[:half])
            self.backward_layer.set_weights(self._first_weights[half:])

    def call(self, sequences, initial_state=None, mask=None, training=None):
        options = {"mask": mask} if self.forward_layer._read_signature().has_mask else {}
        if takes_training(self.forward_layer):
            options["training"] = training
        starts = [{}, {}]
        if initial_state is not None:
            half = len(initial_state) // 2
            starts = [{"initial_state": initial_state[:half]}, {"initial_state": initial_state[half:]}]
        y = self.forward_layer(sequences, **starts[0], **options)
        y_back = self.backward_layer(sequences, **starts[1], **options)
        states = ()
        if self.return_state:
            states = (*y[1:], *y_back[1:])
            y, y_back = y[0], y_back[0]
        y, y_back = convert(y, dtype=self._compute_dtype), convert(y_back, dtype=self._compute_dtype)
        if self.return_sequences:
            y_back = ops.flip(y_back, axis=1)
        if self.merge_mode is None:
            return (y, y_back, *states)
        output = _merged(self.merge_mode, y, y_back)
        return (output, *states) if self.return_state else output

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        output = self.forward_layer.compute_output_shape(sequences_shape)
        states = ()
        if self.return_state:
            output, states = output[0], tuple(output[1:])
        if self.merge_mode is None:
            return (output, output, *states, *states)
        if self.merge_mode == "concat":
            output = (*output[:-1], output[-1] * 2)
        return (output, *states, *states) if self.return_state else output

    def compute_mask(self, inputs, mask):
        mask = nest.flatten(mask)[0] if self.return_sequences else None
        outputs = (mask, mask) if self.merge_mode is None else (mask,)
        if self.return_state:
            sizes = getattr(self.forward_layer, "state_size", ())
            return (*outputs, *[None] * (2 * len(nest.flatten(sizes))))
        return outputs if self.merge_mode is None else mask

    @property
    def states(self):
        """The states of both layers, or None."""
        pair = self.forward_layer.states, self.backward_layer.states
        return None if None in pair else (*pair[0], *pair[1])

    def reset_state(self):
        """Set the states of stateful layers back to 0."""
        if not self.stateful:
            raise AttributeError(f"Bidirectional {self.name!r} is not stateful, so it has no state to reset")
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state

    def get_config(self):
        return {
            **super().get_config(),
            "merge_mode": self.merge_mode,
            "layer": serialize_keras_object(self.forward_layer),
            "backward_layer": serialize_keras_object(self.backward_layer),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for name in ("layer", "backward_layer"):
            if config.get(name) is not None:
                config[name] = deserialize_keras_object(config[name], custom_objects=custom_objects)
        return cls(**config)


def _copy(layer, way, **changes):
    """A layer of the same configuration, without its weights, named after its way."""
    config = {**layer.get_config(), **changes}
    config["name"] = f"{way}_{layer.name.removeprefix(f'{way}_')}"
    return type(layer).from_config(config)


def _merged(mode, a, b):
    if mode == "concat":
        return ops.concatenate([a, b], axis=-1)
    if mode == "mul":
        return ops.multiply(a, b)
    total = ops.add(a, b)
    return total if mode == "sum" else ops.divide(total, 2.0)
