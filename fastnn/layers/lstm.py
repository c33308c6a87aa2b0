"""LSTM: long short-term memory."""

from .. import activations, ops
from ..engine.constructor_arguments import named_arguments
from ..ops import recurrent
from .fused_recurrence import FusedRNN, without_cudnn
from .input_spec import InputSpec
from .recurrent_cell import DenseCell, RecurrentCell


class LSTMGates(RecurrentCell):
    """The base of LSTM cells, dense and convolutional: their four gates, and the arguments that go with them."""

    gates = 4

    def __init__(self, given, /, **kwargs):
        super().__init__(given, **kwargs)
        self.recurrent_activation = activations.get(given["recurrent_activation"])
        self.unit_forget_bias = given["unit_forget_bias"]

    def _bias_initializer(self, units):
        """The bias's initializer, but ones for the forget gate (Jozefowicz et al., 2015)."""
        own = self.bias_initializer
        if not self.unit_forget_bias:
            return own

        def initial(shape, dtype=None):
            parts = (
                own((units,), dtype=dtype),
                ops.ones((units,), dtype=dtype),
                own((2 * units,), dtype=dtype),
            )
            return ops.concatenate(parts, axis=0)

        return initial

    def next_states(self, parts, carry):
        """[h, c] from the gates' sums, i, f, g, o, and the c before."""
        i, f, o = [self.recurrent_activation(parts[at]) for at in (0, 1, 3)]
        c = ops.add(ops.multiply(f, carry), ops.multiply(i, self.activation(parts[2])))
        return [ops.multiply(o, self.activation(c)), c]

    def get_config(self):
        return {
            **super().get_config(),
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "unit_forget_bias": self.unit_forget_bias,
        }


class LSTMCell(LSTMGates, DenseCell):
    """One step: with i, f, g, o the four parts, in this order, of x @ kernel + h_before @ recurrent_kernel +
    bias, c = sigmoid(f) c_before + sigmoid(i) tanh(g); h = sigmoid(o) tanh(c). The states are [h, c].

    Args:
        units: the width of output and states.
        activation: in tanh's place.
        recurrent_activation: in sigmoid's place.
        unit_forget_bias: the forget gate's biases start at 1.
        dropout, recurrent_dropout: the shares of input and h that are dropped while training.
        seed: for dropout.
        implementation: by keyword; 1 draws a dropout mask for each gate, as recurrent dropout does.
    Source: Keras 3 `layers.LSTMCell`; Gers et al., "Learning to Forget", Neural Computation, 2000.
    """

    in_kwargs = ("implementation",)

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
        super().__init__(locals(), **kwargs)
        self.state_size = [self.units, self.units]
        self._per_gate_masks(implementation)

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
        states = self.next_states(parts, carry)
        return states[0], states


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
        super().__init__(**named_arguments(locals(), but=["use_cudnn"]))
        self.use_cudnn = without_cudnn("LSTM", use_cudnn)
        self.input_spec = InputSpec(ndim=3)
