"""ConvLSTM1D, ConvLSTM2D, ConvLSTM3D: LSTMs whose products are convolutions."""

from .. import ops
from ..engine.constructor_arguments import named_arguments
from .cell_layer import CellLayer
from .data_format import (
    bias_shaped,
    checked_padding,
    join_shape,
    missing_channels,
    per_axis,
    split_shape,
    standard_data_format,
    window_extents,
)
from .input_spec import InputSpec
from .lstm import LSTMGates
from .rnn import held_masks, run_cell
from .weight_arguments import checked_count, known_extent


class ConvLSTMCell(LSTMGates):
    """One step of a convolutional LSTM over `rank` spatial axes; the states are [h, c]. Arguments: see
    ConvLSTM2D."""

    dropout_mask_count = 4
    state_size = [-1, -1]  # the extents follow from the input's

    def __init__(
        self,
        rank,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(locals(), **kwargs)
        owner = f"ConvLSTM{rank}D"
        self.rank = rank
        self.filters = checked_count(owner, "filters", filters)
        self.kernel_size = per_axis(owner, "kernel_size", kernel_size, rank)
        self.strides = per_axis(owner, "strides", strides, rank)
        self.padding = checked_padding(owner, padding)
        self.data_format = standard_data_format(owner, data_format)
        self.dilation_rate = per_axis(owner, "dilation_rate", dilation_rate, rank)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{owner}: `strides` and `dilation_rate` cannot both be over 1, received {self.strides} and "
                f"{self.dilation_rate}"
            )
        self.input_spec = InputSpec(ndim=rank + 2)

    def build(self, inputs_shape, states_shape=None):
        channels = known_extent(self, inputs_shape, -1 if self.data_format == "channels_last" else 1)
        spatial = split_shape(inputs_shape, self.data_format)[1]
        if None in spatial:
            raise ValueError(
                f"ConvLSTM{self.rank}D: the spatial extents of its input must be known, a step has shape "
                f"{tuple(inputs_shape)}. Give the Input that feeds it numbers there"
            )
        self._step_shape = tuple(inputs_shape)
        self._add_weights(self.kernel_size, channels, self.filters)

    def state_shape(self, step_shape):
        """The shape of a state for steps of this shape."""
        spatial = window_extents(
            self,
            step_shape,
            self.data_format,
            self.kernel_size,
            self.strides,
            self.padding,
            self.dilation_rate,
        )
        return join_shape(step_shape[0], spatial, self.filters, self.data_format)

    def get_initial_state(self, batch_size=None):
        """Zeros for h and c, in the shape that `build` has seen steps in."""
        shape = self.state_shape((batch_size, *self._step_shape[1:]))
        return [ops.zeros(shape, dtype=self._compute_dtype), ops.zeros(shape, dtype=self._compute_dtype)]

    def _channel_axis(self):
        return -1 if self.data_format == "channels_last" else 1

    def convolved_inputs(self, inputs, training):
        """The inputs' part of the four gates, side by side along the channels."""
        y = self._by_gates(
            self.dropped_inputs(inputs, training, 4),
            self.kernel,
            self.strides,
            self.padding,
            self.dilation_rate,
        )
        return ops.add(y, bias_shaped(self.bias, self.data_format, self.rank)) if self.use_bias else y

    def _by_gates(self, inputs, kernel, strides, padding, dilation):
        def conv(x, part):
            return ops.conv(
                x,
                part,
                strides=strides,
                padding=padding,
                data_format=self.data_format,
                dilation_rate=dilation,
            )

        if all(x is inputs[0] for x in inputs):
            return conv(inputs[0], kernel)
        parts = ops.split(kernel, 4, axis=-1)
        return ops.concatenate(
            [conv(x, part) for x, part in zip(inputs, parts, strict=False)], axis=self._channel_axis()
        )

    def recur(self, convolved, states, training):
        """A step, from the inputs' part of its gates."""
        before, carry = states
        ones = (1,) * self.rank
        z = ops.add(
            convolved,
            self._by_gates(
                self.dropped_states(before, training, 4), self.recurrent_kernel, ones, "same", ones
            ),
        )
        states = self.next_states(ops.split(z, 4, axis=self._channel_axis()), carry)
        return states[0], states

    def call(self, inputs, states, training=False):
        return self.recur(self.convolved_inputs(inputs, training), states, training)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
        }


class _ConvLSTM(CellLayer):
    """An LSTM over sequences of (batch, steps, *spatial, channels) whose products are convolutions.

    Args:
        filters: the channels of output and states.
        kernel_size: the windows' extents: of the convolution of the input, and of that of the state.
        strides, padding, dilation_rate: of the convolution of the input; that of the state keeps its extents.
        data_format: "channels_last" or "channels_first"; the configured one by default.
        activation, recurrent_activation, ..., seed: as LSTM's.
        return_sequences, return_state, go_backwards, stateful: as RNN's.

    Raises:
        ValueError: an argument out of range; an input whose spatial extents are not known.
    """

    rank = 2
    cell_class = ConvLSTMCell

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        **kwargs,
    ):
        super().__init__(rank=self.rank, **named_arguments(locals()))
        self.input_spec = InputSpec(ndim=self.rank + 3)

    def inner_loop(self, sequences, initial_state, mask, training=False):
        cell = self.cell
        batch, steps = sequences.shape[:2]
        with held_masks(cell):
            if (training and cell.dropout) or steps == 0:
                return run_cell(
                    lambda x, states: cell(x, states, training=training), sequences, initial_state, mask, self
                )
            # The inputs of all steps in one convolution.
            rows = cell.convolved_inputs(
                ops.reshape(sequences, (batch * steps, *sequences.shape[2:])), training
            )
            return run_cell(
                lambda x, states: cell.recur(x, states, training),
                ops.reshape(rows, (batch, steps, *rows.shape[1:])),
                initial_state,
                mask,
                self,
            )

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        batch, steps = sequences_shape[:2]
        state = self.cell.state_shape((batch, *sequences_shape[2:]))
        output = (batch, steps, *state[1:]) if self.return_sequences else state
        return (output, state, state) if self.return_state else output

    def input_advice(self, shape, spec):
        return missing_channels(shape, spec, self.data_format)

    def get_config(self):
        config = super().get_config()
        del config["unroll"]
        return config


class ConvLSTM1D(_ConvLSTM):
    """Over (batch, steps, width, channels).

    Source: Keras 3 `layers.ConvLSTM1D`; Shi et al., NIPS 2015.
    """

    __doc__ += _ConvLSTM.__doc__.split("\n", 1)[1]
    rank = 1


class ConvLSTM2D(_ConvLSTM):
    """Over (batch, steps, height, width, channels).

    Source: Keras 3 `layers.ConvLSTM2D`; Shi et al., NIPS 2015.
    """

    __doc__ += _ConvLSTM.__doc__.split("\n", 1)[1]
    rank = 2


class ConvLSTM3D(_ConvLSTM):
    """Over (batch, steps, depth, height, width, channels).

    Source: Keras 3 `layers.ConvLSTM3D`; Shi et al., NIPS 2015.
    """

    __doc__ += _ConvLSTM.__doc__.split("\n", 1)[1]
    rank = 3
