"""Dense: every input connected with every output."""

from .. import activations, ops
from .input_spec import InputSpec
from .layer import Layer
from .weight_arguments import add_weight, checked_count, known_extent, set_weight_arguments, weight_config


class Dense(Layer):
    """activation(x @ kernel + bias).

    Input: (..., features). Output: (..., units).
    Args:
        units: output width, at least 1.
        activation: name or function; none by default.
        use_bias: whether there is a bias.
        kernel_..., bias_...: initializer, regularizer, constraint of the weights.
        activity_regularizer: penalty on the output.

    Raises:
        ValueError: `units` is not a positive integer; the input has no feature axis of known extent.
    Source: Keras 3 `layers.Dense`; default initializer, Glorot and Bengio, AISTATS 2010.
    >>> Dense(3).compute_output_shape((8, 5))
    (8, 3)
    """

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
        if lora_rank is not None or quantization_config is not None:
            raise ValueError(
                "Dense: `lora_rank` and `quantization_config` are not there in fastnn; leave them out"
            )
        self.units = checked_count("Dense", "units", units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        set_weight_arguments(self, locals(), "kernel", "bias")
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape):
        features = known_extent(self, input_shape, -1)
        self.kernel = add_weight(self, "kernel", (features, self.units))
        if self.use_bias:
            self.bias = add_weight(self, "bias", (self.units,))
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})

    def call(self, inputs, training=None):
        x = ops.matmul(inputs, self.kernel)
        if self.use_bias:
            x = ops.add(x, self.bias)
        return self.activation(x)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def input_advice(self, shape, spec):
        if len(shape) == 1:
            return (
                ". Dense takes (batch, features): x[None, :] makes a batch of one sample, x[:, None] "
                "makes samples of one feature"
            )
        if self.built:
            return f". It was built for {self.kernel.shape[0]} features"
        return ""

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            **weight_config(self, "kernel", "bias"),
            "quantization_config": None,
        }
