"""LSTM: long short-term memory."""

from .. import activations, ops
from ..ops import recurrent
from .fused_recurrence import FusedRNN, without_cudnn
from .input_spec import InputSpec
from .recurrent_cell import RecurrentCell, layer_config, shows_cell, with_unit_forget_bias


class LSTMCell(RecurrentCell):
    """One step: with i, f, g, o the four parts, in this order, of x @ kernel + h_before @ recurrent_kernel +
    bias, c = sigmoid(f) c_before + sigmoid(i) tanh(g); h = sigmoid(o) tanh(c). The states are [h, c].

    Args:
        units: the width of output and states.
        activation: in tanh's place.
        recurrent_activation: in sigmoid's place.
        unit_forget_bias: the forget gate's biases start at 1.
        dropout, recurrent_dropout: the shares of input and h that are dropped while training.
        seed: for dropout.
    Source: Keras 3 `layers.LSTMCell`; Gers et al., "Learning to Forget", Neural Computation, 2000.
    """

    gates = 4

    def __init__(
        self,
        units,
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
        implementation = kwargs.pop("implementation", 2)
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
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias
        self.state_size = [self.units, self.units]
        self._per_gate_masks(implementation)

    def _bias_initializer(self):
        if not self.unit_forget_bias:
            return self.bias_initializer
        return with_unit_forget_bias(self.bias_initializer, self.units)

    def call(self, inputs, states, training=False):
        before, carry = states[0], states[1]
        if self.dropout_mask_count and training:
            parts = [
                ops.add(ops.matmul(x, kernel), ops.matmul(h, recurrent))
                for x, h, kernel, recurrent in zip(
                    self.dropped_inputs(inputs, training, 4),
                    self.dropped_states(before, training, 4),
                    ops.split(self.kernel, 4, axis=1),
                    ops.split(self.recurrent_kernel, 4, axis=1),
                    strict=False,
                )
            ]
            if self.use_bias:
                parts = [
                    ops.add(part, bias)
                    for part, bias in zip(parts, ops.split(self.bias, 4, axis=0), strict=False)
                ]
        else:
            x = self.dropped_inputs(inputs, training, 1)[0]
            z = ops.add(ops.matmul(x, self.kernel), ops.matmul(before, self.recurrent_kernel))
            parts = ops.split(ops.add(z, self.bias) if self.use_bias else z, 4, axis=1)
        i, f, o = [self.recurrent_activation(parts[at]) for at in (0, 1, 3)]
        c = ops.add(ops.multiply(f, carry), ops.multiply(i, self.activation(parts[2])))
        h = ops.multiply(o, self.activation(c))
        return h, [h, c]

    def get_config(self):
        return {
            **super().get_config(),
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "unit_forget_bias": self.unit_forget_bias,
        }


@shows_cell("recurrent_activation", "unit_forget_bias")
class LSTM(FusedRNN):
    """LSTMCell over a sequence: (batch, steps, features) to (batch, units), or (batch, steps, units).

    Args: those of LSTMCell, and those of RNN; `use_cudnn` is accepted as in Keras, for files and scripts made
    for it.
    Source: Keras 3 `layers.LSTM`; Hochreiter and Schmidhuber, Neural Computation, 1997.
    >>> [tuple(shape) for shape in LSTM(4, return_state=True).compute_output_shape((8, 10, 3))]
    [(8, 4), (8, 4), (8, 4)]
    """

    kind = recurrent.LSTM
    cell_class = LSTMCell

    def __init__(
        self,
        units,
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
        unroll=False,
        use_cudnn="auto",
        **kwargs,
    ):
        cell = LSTMCell(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            unit_forget_bias=unit_forget_bias,
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
            name="lstm_cell",
            implementation=kwargs.pop("implementation", 2),
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
        self.use_cudnn = without_cudnn("LSTM", use_cudnn)
        self.input_spec = InputSpec(ndim=3)

    def get_config(self):
        return layer_config(self, super().get_config())
