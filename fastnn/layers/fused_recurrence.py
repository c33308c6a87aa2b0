"""Layers of one known cell: where its arguments allow, the whole sequence is one op."""

from .. import activations, ops
from ..engine.variable import convert
from ..ops import recurrent
from .cell_layer import CellLayer
from .rnn import held_masks

_NAMES = {getattr(activations, name): name for name in recurrent.ACTIVATIONS}


def without_cudnn(layer, use_cudnn):
    """The argument `use_cudnn`, checked: there is no GPU here."""
    if use_cudnn not in ("auto", False):
        raise ValueError(
            f"{layer}: `use_cudnn` must be 'auto' or False, received {use_cudnn!r}; fastnn runs on CPUs"
        )
    return use_cudnn


class FusedRNN(CellLayer):
    """The base of SimpleRNN, LSTM and GRU. `kind`: the record that computes a whole sequence of `cell_class`.

    What it does not cover runs step by step: activations of other names, a mask for each gate (recurrent
    dropout), a GRU that resets before its product, a masked sequence with unroll=True (whose outputs Keras
    defines otherwise).
    """

    kind = None

    def _activations(self, mask, training):
        """The names of both activations if the record covers this call, else None."""
        cell = self.cell
        if type(cell).call is not self.cell_class.call or not getattr(cell, "reset_after", True):
            return None
        if training and (cell.recurrent_dropout or (cell.dropout and cell.dropout_mask_count)):
            return None
        if self.unroll and mask is not None:
            return None
        names = [
            _NAMES.get(function)
            for function in (cell.activation, getattr(cell, "recurrent_activation", activations.sigmoid))
        ]
        return None if None in names else names

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """As RNN's, in one op where the record covers this call."""
        names = self._activations(mask, training)
        if names is None:
            return super().inner_loop(sequences, initial_state, mask, training=training)
        cell, dtype = self.cell, self.cell._compute_dtype
        x = convert(sequences, dtype=dtype)
        if training and 0 < cell.dropout < 1 and x.shape[1]:
            with held_masks(cell):
                x = ops.multiply(x, ops.expand_dims(cell.get_dropout_mask(x[:, 0]), axis=1))
        if mask is not None:
            mask = ops.cast(mask, "bool")
            if len(mask.shape) > 2:
                mask = ops.any(mask, axis=tuple(range(2, len(mask.shape))))
        bias = convert(cell.bias, dtype=dtype) if cell.use_bias else None
        y, states = recurrent.sequence(
            self.kind,
            x,
            convert(cell.kernel, dtype=dtype),
            convert(cell.recurrent_kernel, dtype=dtype),
            initial_state,
            bias,
            mask,
            activation=names[0],
            recurrent_activation=names[1],
            backwards=self.go_backwards,
            sequences=self.return_sequences,
            zero_masked=self.zero_output_for_mask,
            training=training,
        )
        last = states[0]
        if self.zero_output_for_mask and mask is not None and not self.return_sequences and mask.shape[1]:
            kept = mask[:, 0 if self.go_backwards else -1]
            last = ops.where(ops.expand_dims(kept, axis=1), last, convert(0.0, dtype=last.dtype))
        return last, y, states
