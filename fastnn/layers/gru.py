"""GRU: gated recurrent unit."""

from .. import activations, ops
from ..engine.constructor_arguments import named_arguments
from ..ops import recurrent
from .fused_recurrence import FusedRNN, without_cudnn
from .input_spec import InputSpec
from .recurrent_cell import DenseCell


class GRUCell(DenseCell):
    """One step: with x_z, x_r, x_h the three parts, in this order, of x @ kernel + bias, and R_z, R_r, R_h
    those of the recurrent kernel, z = sigmoid(x_z + h_before @ R_z), r = sigmoid(x_r + h_before @ R_r) and
    h = z h_before + (1 - z) tanh(x_h + r (h_before @ R_h)); the state is h.

    Args:
        units: the width of output and state.
        activation: in tanh's place.
        recurrent_activation: in sigmoid's place.
        reset_after: False: (r h_before) @ R_h in the place of r (h_before @ R_h). True: there is a second
            bias, for the products with h_before.
        dropout, recurrent_dropout: the shares of input and state that are dropped while training.
        seed: for dropout.
        implementation: by keyword; 1 draws a dropout mask for each gate, as recurrent dropout does.
    Source: Keras 3 `layers.GRUCell`; Cho et al., EMNLP 2014.
    """

    gates = 3
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
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        reset_after=True,
        seed=None,
        **kwargs,
    ):
        implementation = kwargs.pop("implementation", 2)
        super().__init__(locals(), **kwargs)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.reset_after = reset_after
        self._per_gate_masks(implementation)

    def _bias_shape(self, width):
        return (2, width) if self.reset_after else (width,)

    def call(self, inputs, states, training=False):
        listed = isinstance(states, (list, tuple))
        before = states[0] if listed else states
        input_bias = recurrent_bias = None
        if self.use_bias:
            input_bias, recurrent_bias = (
                (self.bias[0], self.bias[1]) if self.reset_after else (self.bias, None)
            )
        if self.dropout_mask_count and training:
            xs = self.dropped_inputs(inputs, training, 3)
            hs = self.dropped_states(before, training, 3)
            x = ops.concatenate(
                [
                    ops.matmul(one, kernel)
                    for one, kernel in zip(xs, ops.split(self.kernel, 3, axis=1), strict=False)
                ],
                axis=1,
            )
        else:
            x = ops.matmul(self.dropped_inputs(inputs, training, 1)[0], self.kernel)
            hs = [before] * 3
        if input_bias is not None:
            x = ops.add(x, input_bias)
        x_z, x_r, x_h = ops.split(x, 3, axis=1)
        kernels = ops.split(self.recurrent_kernel, 3, axis=1)
        biases = [None] * 3 if recurrent_bias is None else ops.split(recurrent_bias, 3, axis=0)

        def recurrent(h, gate):
            y = ops.matmul(h, kernels[gate])
            return y if biases[gate] is None else ops.add(y, biases[gate])

        z = self.recurrent_activation(ops.add(x_z, recurrent(hs[0], 0)))
        r = self.recurrent_activation(ops.add(x_r, recurrent(hs[1], 1)))
        if self.reset_after:
            inner = ops.multiply(r, recurrent(hs[2], 2))
        else:
            inner = recurrent(ops.multiply(r, hs[2]), 2)
        candidate = self.activation(ops.add(x_h, inner))
        h = ops.add(ops.multiply(z, before), ops.multiply(ops.subtract(1.0, z), candidate))
        return h, [h] if listed else h

    def get_config(self):
        return {
            **super().get_config(),
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "reset_after": self.reset_after,
        }


class GRU(FusedRNN):
    """GRUCell over a sequence: (batch, steps, features) to (batch, units), or (batch, steps, units).

    Args: those of GRUCell, and those of RNN; `use_cudnn` is accepted as in Keras, for files and scripts made
    for it.
    Source: Keras 3 `layers.GRU`; Cho et al., EMNLP 2014.
    >>> GRU(4).compute_output_shape((8, 10, 3))
    (8, 4)
    """

    kind = recurrent.GRU
    cell_class = GRUCell

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
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
        seed=None,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        reset_after=True,
        use_cudnn="auto",
        **kwargs,
    ):
        super().__init__(**named_arguments(locals(), but=["use_cudnn"]))
        self.use_cudnn = without_cudnn("GRU", use_cudnn)
        self.input_spec = InputSpec(ndim=3)
