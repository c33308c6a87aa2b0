"""SimpleRNN: a layer that is fed its own output."""

from .. import ops
from ..ops import recurrent
from .fused_recurrence import FusedRNN
from .input_spec import InputSpec
from .recurrent_cell import RecurrentCell, layer_config, shows_cell


class SimpleRNNCell(RecurrentCell):
    """One step: h = activation(x @ kernel + bias + h_before @ recurrent_kernel); the state is h.

    Args:
        units: the width of output and state.
        dropout, recurrent_dropout: the shares of input and state that are dropped while training.
        seed: for dropout.
    Source: Keras 3 `layers.SimpleRNNCell`.
    """

    def __init__(
        self,
        units,
        activation="tanh",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
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
        super().__init__(
            units,
            activation,
            use_bias,
            {
                "kernel": (kernel_initializer, kernel_regularizer, kernel_constraint),
                "recurrent": (recurrent_initializer, recurrent_regularizer, recurrent_constraint),
                "bias": (bias_initializer, bias_regularizer, bias_constraint),
            },
            dropout,
            recurrent_dropout,
            seed,
            **kwargs,
        )

    def call(self, sequence, states, training=False):
        listed = isinstance(states, (list, tuple))
        (x,) = self.dropped_inputs(sequence, training, 1)
        (before,) = self.dropped_states(states[0] if listed else states, training, 1)
        h = ops.matmul(x, self.kernel)
        if self.use_bias:
            h = ops.add(h, self.bias)
        output = self.activation(ops.add(h, ops.matmul(before, self.recurrent_kernel)))
        return output, [output] if listed else output


@shows_cell()
class SimpleRNN(FusedRNN):
    """SimpleRNNCell over a sequence: (batch, steps, features) to (batch, units), or (batch, steps, units).

    Args: those of SimpleRNNCell, and those of RNN.
    Source: Keras 3 `layers.SimpleRNN`; Elman, Cognitive Science, 1990.
    >>> SimpleRNN(4, return_sequences=True).compute_output_shape((8, 10, 3))
    (8, 10, 4)
    """

    kind = recurrent.SIMPLE
    cell_class = SimpleRNNCell

    def __init__(
        self,
        units,
        activation="tanh",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        seed=None,
        **kwargs,
    ):
        cell = SimpleRNNCell(
            units,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            name="simple_rnn_cell",
        )
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.input_spec = InputSpec(ndim=3)

    def get_config(self):
        return layer_config(self, super().get_config())
