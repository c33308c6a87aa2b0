"""Activations: elementwise functions, and softmax, under the names that layers take."""

import types

from . import ops
from .engine.variable import convert
from .saving import object_registration
from .saving.lookup import look_up
from .saving.serialization import deserialize_keras_object, serialize_keras_object


def relu(x, negative_slope=0.0, max_value=None, threshold=0.0):
    """x above `threshold`, negative_slope * (x - threshold) below it, and never more than `max_value`."""
    if threshold == 0.0 and max_value is None:
        return ops.leaky_relu(x, negative_slope=negative_slope) if negative_slope else ops.relu(x)
    zero = convert(0.0, dtype=x.dtype)
    if threshold != 0.0:
        y = ops.where(ops.greater(x, convert(threshold, dtype=x.dtype)), x, zero)
    else:
        y = ops.relu(x)
    if max_value is not None:
        y = ops.clip(y, 0.0, max_value)
    if negative_slope:
        below = ops.relu(ops.subtract(convert(threshold, dtype=x.dtype), x))
        y = ops.subtract(y, ops.multiply(below, convert(negative_slope, dtype=x.dtype)))
    return y


def leaky_relu(x, negative_slope=0.2):
    """x above 0, negative_slope * x below."""
    return ops.leaky_relu(x, negative_slope=negative_slope)


def relu6(x):
    """min(max(x, 0), 6)."""
    return ops.relu6(x)


def softmax(x, axis=-1):
    """exp(x) scaled to sum to 1 along `axis`."""
    return ops.softmax(x, axis=axis)


def log_softmax(x, axis=-1):
    """The logarithm of softmax(x)."""
    return ops.log_softmax(x, axis=axis)


def elu(x, alpha=1.0):
    """x above 0, alpha * (exp(x) - 1) below."""
    return ops.elu(x, alpha=alpha)


def selu(x):
    """1.0507 * elu(x, 1.6733): keeps mean 0 and variance 1 from layer to layer."""
    return ops.selu(x)


def celu(x, alpha=1.0):
    """max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0)."""
    return ops.celu(x, alpha=alpha)


def softplus(x):
    """log(exp(x) + 1)."""
    return ops.softplus(x)


def softsign(x):
    """x / (|x| + 1)."""
    return ops.softsign(x)


def soft_shrink(x, threshold=0.5):
    """x moved towards 0 by `threshold`, 0 within it."""
    return ops.soft_shrink(x, threshold=threshold)


def hard_shrink(x, threshold=0.5):
    """x, but 0 where |x| <= threshold."""
    return ops.hard_shrink(x, threshold=threshold)


def tanh_shrink(x):
    """x - tanh(x)."""
    return ops.tanh_shrink(x)


def threshold(x, threshold, default_value):
    """x above `threshold`, `default_value` elsewhere."""
    return ops.threshold(x, threshold, default_value)


def sparse_plus(x):
    """0 up to -1, (x + 1)^2 / 4 up to 1, x from there."""
    return ops.sparse_plus(x)


def sparse_sigmoid(x):
    """0 up to -1, (x + 1) / 2 up to 1, 1 from there."""
    return ops.sparse_sigmoid(x)


def squareplus(x, b=4):
    """(x + sqrt(x^2 + b)) / 2."""
    return ops.squareplus(x, b=b)


def silu(x):
    """x * sigmoid(x), also called swish."""
    return ops.silu(x)


def gelu(x, approximate=False):
    """x * Phi(x), Phi the normal distribution function; by tanh where `approximate`."""
    return ops.gelu(x, approximate=approximate)


def glu(x, axis=-1):
    """a * sigmoid(b), a and b the halves of x along `axis`."""
    return ops.glu(x, axis=axis)


def tanh(x):
    """The hyperbolic tangent."""
    return ops.tanh(x)


def hard_tanh(x):
    """x clipped to -1..1."""
    return ops.hard_tanh(x)


def sigmoid(x):
    """1 / (1 + exp(-x))."""
    return ops.sigmoid(x)


def log_sigmoid(x):
    """The logarithm of sigmoid(x)."""
    return ops.log_sigmoid(x)


def hard_sigmoid(x):
    """x / 6 + 0.5 clipped to 0..1."""
    return ops.hard_sigmoid(x)


def hard_silu(x):
    """x * hard_sigmoid(x), also called hard_swish."""
    return ops.hard_silu(x)


def exponential(x):
    """exp(x)."""
    return ops.exp(x)


def mish(x):
    """x * tanh(softplus(x))."""
    return ops.mish(x)


def sparsemax(x, axis=-1):
    """The point nearest to x among those that are not negative and sum to 1 along `axis`."""
    return ops.sparsemax(x, axis=axis)


def linear(x):
    """x itself."""
    return x


_OBJECTS = {
    function.__name__: function
    for function in (
        relu,
        leaky_relu,
        relu6,
        softmax,
        log_softmax,
        elu,
        selu,
        celu,
        softplus,
        softsign,
        soft_shrink,
        hard_shrink,
        tanh_shrink,
        threshold,
        sparse_plus,
        sparse_sigmoid,
        squareplus,
        silu,
        gelu,
        glu,
        tanh,
        hard_tanh,
        sigmoid,
        log_sigmoid,
        hard_sigmoid,
        hard_silu,
        exponential,
        mish,
        sparsemax,
        linear,
    )
}
swish, hard_swish = silu, hard_silu
_OBJECTS["swish"], _OBJECTS["hard_swish"] = silu, hard_silu


def serialize(activation):
    """The name of one of the functions above; the configuration of another function or object."""
    config = serialize_keras_object(activation)
    if not isinstance(activation, types.FunctionType):
        return config
    if _OBJECTS.get(activation.__name__) is activation:
        return activation.__name__
    if config["class_name"] == "function":
        config["config"] = object_registration.get_registered_name(activation)
    return config


def deserialize(config, custom_objects=None):
    """The activation that a configuration or a name describes; `custom_objects`: {name: function} that it may name."""
    return deserialize_keras_object(config, custom_objects, module_objects=_OBJECTS)


def get(identifier):
    """An activation from a function, a layer or other callable, a name, a configuration; `linear` for None.

    >>> get("relu").__name__
    'relu'
    """
    return linear if identifier is None else look_up("activation", identifier, _OBJECTS)
