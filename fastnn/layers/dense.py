"""Dense: every input connected with every output."""

from .. import activations, ops
from .adapted_weight import Adaptable, MainWeight
from .input_spec import InputSpec
from .layer import Layer
from .weight_arguments import add_weight, checked_count, known_extent, set_weight_arguments, weight_config


class Dense(Adaptable, Layer):
    """activation(x @ kernel + bias).

    Input: (..., features). Output: (..., units).
    Args:
        units: output width, at least 1.
        activation: name or function; none by default.
        use_bias: whether there is a bias.
        kernel_..., bias_...: initializer, regularizer, constraint of the weights.
        activity_regularizer: penalty on the output.
        lora_rank, lora_alpha: train a low-rank adapter beside a frozen kernel, as `enable_lora` does.

    Raises:
        ValueError: `units` is not a positive integer; the input has no feature axis of known extent.
    Source: Keras 3 `layers.Dense`; default initializer, Glorot and Bengio, AISTATS 2010.
    >>> Dense(3).compute_output_shape((8, 5))
    (8, 3)
    """

    kernel = MainWeight("kernel")
    quantizable = True

    def __init__(
        self,
        units,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        lora_rank=None,
        lora_alpha=None,
        quantization_config=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.set_adapter_arguments(locals())
        self.units = checked_count("Dense", "units", units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        set_weight_arguments(self, locals(), "kernel", "bias")
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape):
        features = known_extent(self, input_shape, -1)
        shape = (features, self.units)
        self.add_main_weight(shape, lambda: add_weight(self, "kernel", shape))
        if self.use_bias:
            self.bias = add_weight(self, "bias", (self.units,))
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})
        self.add_adapter_if_asked()

    def scale_axes(self):
        """The weight's axes over which one scale holds, once it is quantized."""
        return (0,)

    def call(self, inputs, training=None):
        x = ops.matmul(self.inputs_to_use(inputs, -1), self.weight_to_use())
        if self.use_bias:
            x = ops.add(x, self.bias)
        return x if self.activation is None else self.activation(x)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def input_advice(self, shape, spec):
        if len(shape) == 1:
            return (
                ". Dense takes (batch, features): x[None, :] makes a batch of one sample, x[:, None] "
                "makes samples of one feature"
            )
        if self.built:
            return f". It was built for {self._kernel.shape[0]} features"
        return ""

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            **weight_config(self, "kernel", "bias"),
            "quantization_config": None,
            **self.adapter_config(),
        }
