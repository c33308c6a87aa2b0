"""Activation and the activations that are layers: ReLU, LeakyReLU, PReLU, ELU, Softmax."""

from .. import activations, ops
from ..engine.variable import convert
from .input_spec import InputSpec
from .layer import Layer
from .weight_arguments import add_weight, set_weight_arguments, weight_config


class Elementwise(Layer):
    """The base of layers whose output has the input's shape and mask, and which have no weights."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self._build_at_init()

    def compute_output_shape(self, input_shape):
        return input_shape


class Activation(Elementwise):
    """An activation as a layer of its own.

    Args:
        activation: a name ("relu") or a function of a tensor.
    Source: Keras 3 `layers.Activation`.
    """

    def __init__(self, activation, **kwargs):
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs):
        return self.activation(inputs)

    def get_config(self):
        return {**super().get_config(), "activation": activations.serialize(self.activation)}


class ReLU(Elementwise):
    """x above `threshold`, negative_slope * (x - threshold) below, and at most `max_value`.

    Raises:
        ValueError: a negative or missing number.
    Source: Keras 3 `layers.ReLU`.
    """

    def __init__(self, max_value=None, negative_slope=0.0, threshold=0.0, **kwargs):
        if "alpha" in kwargs:  # what Keras 2 called it
            negative_slope = kwargs.pop("alpha")
        super().__init__(**kwargs)
        self.max_value = None if max_value is None else _at_least_0("ReLU", "max_value", max_value)
        self.negative_slope = _at_least_0("ReLU", "negative_slope", negative_slope)
        self.threshold = _at_least_0("ReLU", "threshold", threshold)

    def call(self, inputs):
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)

    def get_config(self):
        return {
            **super().get_config(),
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }


class LeakyReLU(Elementwise):
    """x above 0, negative_slope * x below.

    Source: Keras 3 `layers.LeakyReLU`.
    """

    def __init__(self, negative_slope=0.3, **kwargs):
        if "alpha" in kwargs:  # what Keras 2 called it
            negative_slope = kwargs.pop("alpha")
        super().__init__(**kwargs)
        self.negative_slope = _at_least_0("LeakyReLU", "negative_slope", negative_slope)

    def call(self, inputs):
        return activations.leaky_relu(inputs, negative_slope=self.negative_slope)

    def get_config(self):
        return {**super().get_config(), "negative_slope": self.negative_slope}


class ELU(Elementwise):
    """x above 0, alpha * (exp(x) - 1) below.

    Source: Keras 3 `layers.ELU`.
    """

    def __init__(self, alpha=1.0, **kwargs):
        super().__init__(**kwargs)
        self.alpha = alpha

    def call(self, inputs):
        return activations.elu(inputs, alpha=self.alpha)

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha}


class Softmax(Elementwise):
    """exp(x) scaled to sum to 1 along `axis`, or over several axes together.

    A `mask` (True: counts), passed to the call, takes elements out of the sum; they become 0.
    Source: Keras 3 `layers.Softmax`.
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs, mask=None):
        if mask is None:
            return self._softmax(inputs)
        mask = convert(mask) if convert(mask).dtype == "bool" else ops.greater(mask, 0.5)
        most_negative = convert(-3e4 if inputs.dtype == "float16" else -1e9, dtype=inputs.dtype)
        outputs = self._softmax(ops.where(mask, inputs, most_negative))
        return ops.where(mask, outputs, convert(0.0, dtype=outputs.dtype))

    def _softmax(self, inputs):
        if isinstance(self.axis, (tuple, list)):
            if len(self.axis) > 1:
                total = ops.logsumexp(inputs, axis=tuple(self.axis), keepdims=True)
                return ops.exp(ops.subtract(inputs, total))
            return activations.softmax(inputs, axis=self.axis[0])
        return activations.softmax(inputs, axis=self.axis)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}


class PReLU(Layer):
    """x above 0, alpha * x below, with a learnt alpha for each element of a sample.

    Args:
        alpha_...: initializer, regularizer, constraint of the slopes.
        shared_axes: axes (counted from 1) along which one slope serves all.
    Source: Keras 3 `layers.PReLU`; He et al., ICCV 2015.
    """

    def __init__(
        self,
        alpha_initializer="Zeros",
        alpha_regularizer=None,
        alpha_constraint=None,
        shared_axes=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        set_weight_arguments(self, locals(), "alpha")
        self.shared_axes = (
            [shared_axes] if isinstance(shared_axes, int) else shared_axes and list(shared_axes)
        )

    def build(self, input_shape):
        shared = self.shared_axes or []
        shape = tuple([1 if axis in shared else n for axis, n in enumerate(input_shape)][1:])
        self.alpha = add_weight(self, "alpha", shape)
        self.input_spec = InputSpec(
            ndim=len(input_shape),
            axes={axis: n for axis, n in enumerate(input_shape) if axis and axis not in shared},
        )

    def call(self, inputs):
        below = ops.multiply(self.alpha, ops.relu(ops.negative(inputs)))
        return ops.subtract(ops.relu(inputs), below)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), **weight_config(self, "alpha"), "shared_axes": self.shared_axes}


def _at_least_0(layer, argument, value):
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
        raise ValueError(f"{layer}: `{argument}` must be a number of at least 0, received {value!r}")
    return value
