"""RNN: a cell run over the steps of a sequence."""

import contextlib

from .. import ops
from ..engine import nest
from ..engine.op import suspended
from ..engine.variable import Variable, convert
from ..saving.serialization import deserialize_keras_object, serialize_keras_object
from .call_state import state as call_state
from .layer import Layer
from .recurrent_cell import DropoutMasks
from .stacked_rnn_cells import StackedRNNCells, as_cell, first_size, takes_training


class RNN(Layer):
    """The outputs of `cell`, called on each step of (batch, steps, ...) with the states that it left before.

    Args:
        cell: a layer (or any object) with `call(inputs, states) -> (output, new states)` and `state_size`: an
            int, a shape, or a list of them; optional: `output_size`, `get_initial_state(batch_size)`. A list
            of cells is stacked.
        return_sequences: give the outputs of all steps, (batch, steps, ...), not the last one's.
        return_state: give the last states too.
        go_backwards: from the last step to the first; outputs come in the order in which they are made.
        stateful: the states after a batch are those before the next one, row by row.
        unroll: accepted as in Keras; a compiled step has no other loop to choose.
        zero_output_for_mask: outputs of masked steps are 0, not the last output before.

    Masked steps leave the states as they are. A sequence of no steps gives the first state.
    Raises:
        ValueError: no cell; stateful with a batch size that is unknown, or another one than before.
    Source: Keras 3 `layers.RNN`.
    """

    def __init__(
        self,
        cell,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        zero_output_for_mask=False,
        **kwargs,
    ):
        cell = as_cell("RNN", StackedRNNCells(cell) if isinstance(cell, (list, tuple)) else cell)
        super().__init__(**kwargs)
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.zero_output_for_mask = zero_output_for_mask
        self.supports_masking = True
        self._set_states(None)
        size = cell.state_size
        self.single_state = isinstance(size, int)
        self.state_size = [size] if self.single_state else list(size)

    def build(self, sequences_shape, initial_state_shape=None):
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build((sequences_shape[0], *sequences_shape[2:]))
        if self.stateful and self.states is None:
            if sequences_shape[0] is None:
                raise ValueError(
                    f"{type(self).__name__} {self.name!r}: with stateful=True the number of rows in a batch "
                    f"must be known, its input has shape {tuple(sequences_shape)}. Give the Input that "
                    "feeds it a `batch_size`, or a `batch_shape`"
                )
            with suspended():
                states = self.get_initial_state(sequences_shape[0])
                self._set_states(nest.map_leaves(self._state_variable, states))

    def _state_variable(self, value):
        variable = Variable(value, dtype=self.variable_dtype, trainable=False, name="rnn_state")
        variable.path = call_state.path_of(self, "rnn_state")
        return variable

    def _set_states(self, states):
        object.__setattr__(self, "states", states)  # not by way of the tracker: they are no weights

    def get_initial_state(self, batch_size):
        """The states before the first step, a list: the cell's own, or zeros."""
        if not hasattr(self.cell, "get_initial_state"):
            return [ops.zeros((batch_size, n), dtype=self._cell_dtype) for n in self.state_size]
        states = self.cell.get_initial_state(batch_size=batch_size)
        return list(states) if isinstance(states, (list, tuple)) else [states]

    @property
    def _cell_dtype(self):
        return getattr(self.cell, "_compute_dtype", self._compute_dtype)

    def reset_state(self):
        """Set the states of a stateful layer back to 0."""
        for variable in nest.flatten(self.states) if self.states is not None else ():
            variable.assign(ops.zeros(variable.shape, dtype=variable.dtype))

    reset_states = reset_state

    def call(self, sequences, initial_state=None, mask=None, training=False):
        self._check_batch(sequences)
        if initial_state is None:
            initial_state = self.states if self.stateful else self.get_initial_state(sequences.shape[0])
        if not isinstance(initial_state, (list, tuple)):
            initial_state = [initial_state]
        initial_state = nest.map_leaves(lambda x: convert(x, dtype=self._cell_dtype), list(initial_state))
        if isinstance(mask, (list, tuple)):
            mask = mask[0]
        last, outputs, states = self.inner_loop(sequences, initial_state, mask, training=training)
        states = nest.map_leaves(lambda x: convert(x, dtype=self._compute_dtype), list(states))
        if self.stateful:
            for variable, value in zip(nest.flatten(self.states), nest.flatten(states), strict=False):
                variable.assign(convert(value, dtype=variable.dtype))
        output = convert(outputs if self.return_sequences else last, dtype=self._compute_dtype)
        return (output, *states) if self.return_state else output

    def _check_batch(self, sequences):
        if not self.stateful:
            return
        rows = nest.flatten(self.states)[0].shape[0]
        if sequences.shape[0] != rows:
            raise ValueError(
                f"{type(self).__name__} {self.name!r} is stateful and keeps the states of {rows} rows, "
                f"received a batch of {sequences.shape[0]}. Use batches of {rows} rows throughout, or make "
                "the layer again"
            )

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """(last output, all outputs or None, last states) of the cell over the sequences; masks are 2D or
        wider."""
        options = {"training": training} if takes_training(self.cell) else {}
        with held_masks(self.cell):
            return run_cell(
                lambda x, states: (
                    self.cell(x, states, **options)
                    if callable(self.cell)
                    else self.cell.call(x, states, **options)
                ),
                sequences,
                initial_state,
                mask,
                self,
            )

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        batch, steps = sequences_shape[:2]
        size = getattr(self.cell, "output_size", None)
        output = (batch, *_extents(first_size(self.state_size) if size is None else size))
        if self.return_sequences:
            output = (batch, steps, *output[1:])
        if not self.return_state:
            return output
        return (output, *[_state_shape(batch, n) for n in self.state_size])

    def compute_mask(self, inputs, mask):
        mask = nest.flatten(mask)[0]
        own = mask if self.return_sequences else None
        return [own, *[None] * len(nest.flatten(self.state_size))] if self.return_state else own

    def get_config(self):
        return {
            **super().get_config(),
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "stateful": self.stateful,
            "unroll": self.unroll,
            "zero_output_for_mask": self.zero_output_for_mask,
            "cell": serialize_keras_object(self.cell),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        return cls(deserialize_keras_object(config.pop("cell"), custom_objects=custom_objects), **config)


def _extents(size):
    return (size,) if isinstance(size, int) else tuple(size)


def _state_shape(batch, size):
    return [_state_shape(batch, n) for n in size] if isinstance(size, (list, tuple)) else (batch, size)


@contextlib.contextmanager
def held_masks(cell):
    """Inside, each dropout mask is drawn once and used at every step."""
    cells = [cell, *getattr(cell, "cells", ())]
    holders = [one for one in cells if isinstance(one, DropoutMasks)]
    for one in holders:
        one.hold_masks(True)
    try:
        yield
    finally:
        for one in holders:
            one.hold_masks(False)


def run_cell(step, sequences, states, mask, layer):
    """(last output, all outputs or None, last states) of `step(x, states) -> (output, new states)` over axis
    1.

    `layer` says how: go_backwards, unroll, zero_output_for_mask, return_sequences. As in Keras, a masked step
    repeats the state (unrolled: the output) before it.
    """
    steps = sequences.shape[1]
    if steps == 0:
        first = nest.flatten(states[-1])[0]
        outputs = ops.zeros((first.shape[0], 0, *first.shape[1:]), dtype=first.dtype)
        return first, outputs, states
    kept = None if mask is None else _step_mask(mask)
    output_at = []  # the output's place among the states, if it is one of them

    def one_step(carry, slices):
        states, previous = carry
        output, new_states = step(slices["x"], states)
        new_states = list(new_states) if isinstance(new_states, (list, tuple)) else [new_states]
        leaves, old = nest.flatten(new_states), nest.flatten(states)
        before = None
        if kept is not None:
            if layer.unroll:
                before = previous
            elif layer.zero_output_for_mask:
                before = convert(0.0, dtype=output.dtype)
            else:
                before = nest.flatten(states[-1])[0] if isinstance(states[0], (list, tuple)) else states[0]
        output_at[:] = [
            i
            for i, (new, was) in enumerate(zip(leaves, old, strict=True))
            if new is output and (kept is None or before is was)
        ]
        if kept is not None:
            rows = slices["kept"]
            output = _chosen(rows, output, before)
            leaves = [_chosen(rows, new, was) for new, was in zip(leaves, old, strict=True)]
        new_states = nest.pack(states, leaves)
        return (new_states, output if previous is not None else None), output

    first = convert(
        0.0, dtype=nest.flatten(states)[0].dtype
    )  # an unrolled masked sequence begins with outputs of 0
    previous = first if layer.unroll and kept is not None else None
    xs = {"x": ops.moveaxis(sequences, 1, 0)}
    if kept is not None:
        xs["kept"] = ops.moveaxis(kept, 1, 0)
    (states, _), made = ops.scan(one_step, (list(states), previous), xs, reverse=layer.go_backwards)
    last = nest.flatten(states)[output_at[0]] if output_at else made[0 if layer.go_backwards else -1]
    if not layer.return_sequences:
        return last, None, states
    made = ops.flip(made, axis=0) if layer.go_backwards else made
    return last, ops.moveaxis(made, 0, 1), states


def _step_mask(mask):
    """A mask of (batch, steps) bools, of one with more axes or another dtype."""
    mask = mask if mask.dtype == "bool" else ops.cast(mask, "bool")
    return ops.any(mask, axis=tuple(range(2, len(mask.shape)))) if len(mask.shape) > 2 else mask


def _chosen(kept, new, old):
    """The rows of `new` where the (batch,) mask `kept` holds, of `old` elsewhere."""
    return ops.where(ops.reshape(kept, (kept.shape[0],) + (1,) * (len(new.shape) - 1)), new, old)
