"""What the recurrent cells share: arguments, weights, dropout masks."""

from .. import activations, ops, random
from ..engine.loops import Location
from .layer import Layer
from .weight_arguments import add_weight, checked_count, known_extent, set_weight_arguments, weight_config


class DropoutMasks:
    """Dropout of a cell's input and state: `dropout`, `recurrent_dropout`, `seed_generator` belong to the
    cell.

    An RNN holds the masks over all steps of a batch; a cell called by itself draws new ones at each call.
    With `dropout_mask_count`, masks are lists of so many, one a gate.
    """

    dropout_mask_count = None
    _held = None  # {"input": mask, "state": mask, "drawn": where} while an RNN runs

    def hold_masks(self, on):
        """From now on keep masks once they are drawn, or (False) draw new ones at each call."""
        object.__setattr__(self, "_held", {"drawn": Location()} if on else None)

    def _mask(self, which, like, rate):
        if rate <= 0:
            return None
        held = self._held
        if held is None:
            return self._drawn(like, rate)
        if which not in held:
            with held["drawn"]:  # not in the loop over the steps, which would draw at each
                held[which] = self._drawn(like, rate)
        return held[which]

    def _drawn(self, like, rate):
        ones = ops.ones(like.shape, dtype=like.dtype)
        count = self.dropout_mask_count
        masks = [random.dropout(ones, rate, seed=self.seed_generator) for _ in range(count or 1)]
        return masks if count else masks[0]

    def get_dropout_mask(self, step_input):
        """What the input is multiplied with, or None."""
        return self._mask("input", step_input, self.dropout)

    def get_recurrent_dropout_mask(self, step_input):
        """What the state is multiplied with, or None."""
        return self._mask("state", step_input, self.recurrent_dropout)

    def reset_dropout_mask(self):
        """Forget the input's mask, if one is held: the next call draws another."""
        (self._held or {}).pop("input", None)

    def reset_recurrent_dropout_mask(self):
        """Forget the state's mask, if one is held."""
        (self._held or {}).pop("state", None)

    def dropped_inputs(self, x, training, gates):
        """`x` once for each gate, dropped out."""
        return self._dropped(x, self.get_dropout_mask if training and 0 < self.dropout < 1 else None, gates)

    def dropped_states(self, h, training, gates):
        """`h` once for each gate, dropped out."""
        active = training and 0 < self.recurrent_dropout < 1
        return self._dropped(h, self.get_recurrent_dropout_mask if active else None, gates)

    @staticmethod
    def _dropped(x, masks_for, gates):
        if masks_for is None:
            return [x] * gates
        masks = masks_for(x)
        if not isinstance(masks, list):
            return [x * masks] * gates
        return [x * mask for mask in masks]


class RecurrentCell(DropoutMasks, Layer):
    """The base of cells with `kernel`, `recurrent_kernel` and `bias`. `gates`: how many times as wide as the state
    they are. `in_kwargs`: arguments that are taken by keyword only and stand in no signature, as in Keras.

    given: the constructor's arguments by name (its `locals()`): activation, use_bias, those of the weights, dropout,
    recurrent_dropout, seed.
    """

    rounds_products = False  # a whole sequence as one instruction, which is float32, gives the same
    gates = 1
    in_kwargs = ()

    def __init__(self, given, /, **kwargs):
        super().__init__(**kwargs)
        self.activation = activations.get(given["activation"])
        self.use_bias = given["use_bias"]
        set_weight_arguments(self, given, "kernel", "recurrent", "bias")
        self.dropout = _clipped_rate(given["dropout"])
        self.recurrent_dropout = _clipped_rate(given["recurrent_dropout"])
        self.seed = given["seed"]
        self.seed_generator = random.SeedGenerator(self.seed)

    def _add_weights(self, window, features, units):
        """Make the weights from (*window, features) and (*window, units) to the gates, of `units` each."""
        width = units * self.gates
        self.kernel = add_weight(self, "kernel", (*window, features, width))
        self.recurrent_kernel = add_weight(
            self, "recurrent_kernel", (*window, units, width), arguments="recurrent"
        )
        self.bias = None
        if self.use_bias:
            self.bias = add_weight(
                self, "bias", self._bias_shape(width), initializer=self._bias_initializer(units)
            )

    def _bias_shape(self, width):
        return (width,)

    def _bias_initializer(self, units):
        return self.bias_initializer

    def get_config(self):
        return {
            **super().get_config(),
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            **weight_config(self, "kernel", "recurrent", "bias"),
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "seed": self.seed,
        }


class DenseCell(RecurrentCell):
    """The base of cells on (batch, features) whose states have `units` features; `given` holds `units` too."""

    def __init__(self, given, /, **kwargs):
        super().__init__(given, **kwargs)
        self.units = checked_count(type(self).__name__, "units", given["units"])
        self.state_size = self.output_size = self.units

    def _per_gate_masks(self, implementation):
        """Recurrent dropout and `implementation=1` draw a mask for each gate."""
        self.implementation = 1 if self.recurrent_dropout != 0 else implementation
        if self.implementation == 1:
            self.dropout_mask_count = self.gates

    def build(self, input_shape):
        self._add_weights((), known_extent(self, input_shape, -1), self.units)

    def get_initial_state(self, batch_size=None):
        """A list of zeros (batch, units), one a state."""
        sizes = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        return [ops.zeros((batch_size, n), dtype=self._compute_dtype) for n in sizes]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def _clipped_rate(rate):
    """A dropout rate, moved inside 0..1 as Keras does."""
    return min(1.0, max(0.0, rate))
