"""SimpleRNN: a layer that is fed its own output."""

from .. import ops
from ..engine.constructor_arguments import named_arguments
from ..ops import recurrent
from .fused_recurrence import FusedRNN
from .input_spec import InputSpec
from .recurrent_cell import DenseCell


class SimpleRNNCell(DenseCell):
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
        super().__init__(locals(), **kwargs)

    def call(self, sequence, states, training=False):
        listed = isinstance(states, (list, tuple))
        (x,) = self.dropped_inputs(sequence, training, 1)
        (before,) = self.dropped_states(states[0] if listed else states, training, 1)
        h = ops.matmul(x, self.kernel)
        if self.use_bias:
            h = ops.add(h, self.bias)
        output = self.activation(ops.add(h, ops.matmul(before, self.recurrent_kernel)))
        return output, [output] if listed else output


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
        super().__init__(**named_arguments(locals()))
        self.input_spec = InputSpec(ndim=3)
