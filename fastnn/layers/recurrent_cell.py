"""What the recurrent cells share, and the layers that are one cell over a sequence: arguments, weights,
dropout masks."""

from .. import activations, constraints, initializers, ops, random, regularizers
from .layer import Layer
from .weight_arguments import checked_count, known_extent, weight_config


class DropoutMasks:
    """Dropout of a cell's input and state: `dropout`, `recurrent_dropout`, `seed_generator` belong to the
    cell.

    An RNN holds the masks over all steps of a batch; a cell called by itself draws new ones at each call.
    With `dropout_mask_count`, masks are lists of so many, one a gate.
    """

    dropout_mask_count = None
    _held = None  # {"input": mask, "state": mask} while an RNN runs

    def hold_masks(self, on):
        object.__setattr__(self, "_held", {} if on else None)

    def _mask(self, which, like, rate):
        if rate <= 0:
            return None
        held = self._held
        if held is not None and which in held:
            return held[which]
        ones = ops.ones_like(like)
        count = self.dropout_mask_count
        masks = [random.dropout(ones, rate, seed=self.seed_generator) for _ in range(count or 1)]
        mask = masks if count else masks[0]
        if held is not None:
            held[which] = mask
        return mask

    def get_dropout_mask(self, step_input):
        """What the input is multiplied with, or None."""
        return self._mask("input", step_input, self.dropout)

    def get_recurrent_dropout_mask(self, step_input):
        """What the state is multiplied with, or None."""
        return self._mask("state", step_input, self.recurrent_dropout)

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


def clipped_rate(rate):
    """A dropout rate, moved inside 0..1 as Keras does."""
    return min(1.0, max(0.0, rate))


class RecurrentCell(DropoutMasks, Layer):
    """The base of cells with `kernel`, `recurrent_kernel` and `bias`. `gates`: how many times `units` wide
    they are."""

    gates = 1

    def __init__(self, units, activation, use_bias, weights, dropout, recurrent_dropout, seed, **kwargs):
        super().__init__(**kwargs)
        self.units = checked_count(type(self).__name__, "units", units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        set_weight_arguments(self, weights)
        self.dropout = clipped_rate(dropout)
        self.recurrent_dropout = clipped_rate(recurrent_dropout)
        self.seed = seed
        self.seed_generator = random.SeedGenerator(seed)
        self.state_size = self.units
        self.output_size = self.units

    def _per_gate_masks(self, implementation):
        """Recurrent dropout and `implementation=1` draw a mask for each gate."""
        self.implementation = 1 if self.recurrent_dropout != 0 else implementation
        if self.implementation == 1:
            self.dropout_mask_count = self.gates

    def build(self, input_shape):
        features = known_extent(self, input_shape, -1)
        width = self.units * self.gates
        self.kernel = self._add("kernel", (features, width))
        self.recurrent_kernel = self._add("recurrent_kernel", (self.units, width))
        self.bias = (
            self._add("bias", self._bias_shape(width), self._bias_initializer()) if self.use_bias else None
        )

    def _bias_shape(self, width):
        return (width,)

    def _bias_initializer(self):
        return self.bias_initializer

    def _add(self, name, shape, initializer=None):
        arguments = name.removesuffix("_kernel")
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=initializer or getattr(self, f"{arguments}_initializer"),
            regularizer=getattr(self, f"{arguments}_regularizer"),
            constraint=getattr(self, f"{arguments}_constraint"),
        )

    def get_initial_state(self, batch_size=None):
        sizes = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        return [ops.zeros((batch_size, n), dtype=self.compute_dtype) for n in sizes]

    def get_config(self):
        return {**super().get_config(), **recurrent_config(self), "units": self.units}


def set_weight_arguments(cell, weights):
    """Set {weight}_initializer and so on from {weight: (initializer, regularizer, constraint)}."""
    for weight, (initializer, regularizer, constraint) in weights.items():
        setattr(cell, f"{weight}_initializer", initializers.get(initializer))
        setattr(cell, f"{weight}_regularizer", regularizers.get(regularizer))
        setattr(cell, f"{weight}_constraint", constraints.get(constraint))


def recurrent_config(cell):
    """The part of a cell's configuration that all of them have."""
    return {
        "activation": activations.serialize(cell.activation),
        "use_bias": cell.use_bias,
        **weight_config(cell, "kernel", "recurrent", "bias"),
        "dropout": cell.dropout,
        "recurrent_dropout": cell.recurrent_dropout,
        "seed": cell.seed,
    }


def with_unit_forget_bias(initializer, units):
    """An initializer of (i, f, c, o) biases: `initializer`'s, but ones for the forget gate (Jozefowicz et
    al., 2015)."""

    def initial(shape, dtype=None):
        return ops.concatenate(
            [
                initializer((units,), dtype=dtype),
                ops.ones((units,), dtype=dtype),
                initializer((2 * units,), dtype=dtype),
            ],
            axis=0,
        )

    return initial


def of_cell(name):
    """A read-only property that is the cell's."""
    return property(lambda layer: getattr(layer.cell, name), doc=f"The cell's `{name}`.")


def layer_config(layer, base, *cell_arguments):
    """The configuration of a layer made of one cell: `base`, an RNN's, with the cell's arguments in the
    cell's place."""
    cell = layer.cell.get_config()
    for key in ("name", "trainable", "dtype"):
        del cell[key]
    config = {key: value for key, value in base.items() if key != "cell"}
    return {**config, **cell, "activity_regularizer": regularizers.serialize(layer.activity_regularizer)}


_SHARED = (
    "units",
    "activation",
    "use_bias",
    "kernel_initializer",
    "recurrent_initializer",
    "bias_initializer",
    "kernel_regularizer",
    "recurrent_regularizer",
    "bias_regularizer",
    "kernel_constraint",
    "recurrent_constraint",
    "bias_constraint",
    "dropout",
    "recurrent_dropout",
)


def shows_cell(*names):
    """A class decorator: the layer has its cell's arguments as attributes, these and the ones that all cells
    have."""

    def decorate(cls):
        for name in (*_SHARED, *names):
            setattr(cls, name, of_cell(name))
        return cls

    return decorate
