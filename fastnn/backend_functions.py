"""The functions of Keras 2's backend (`K.mean(K.square(a - b), axis=-1)`), as its tutorials call them, on `ops`."""

import numpy as np

from . import activations, losses, ops, random
from .engine import settings
from .engine.symbolic import KerasTensor
from .engine.variable import Variable

abs = ops.abs  # noqa: A001
arange = ops.arange
clip = ops.clip
cos, sin, exp, log, sqrt, square, sign, round = (  # noqa: A001
    ops.cos,
    ops.sin,
    ops.exp,
    ops.log,
    ops.sqrt,
    ops.square,
    ops.sign,
    ops.round,
)
equal, not_equal = ops.equal, ops.not_equal
greater, greater_equal, less, less_equal = ops.greater, ops.greater_equal, ops.less, ops.less_equal
maximum, minimum = ops.maximum, ops.minimum
expand_dims, squeeze, stack, tile, transpose = (
    ops.expand_dims,
    ops.squeeze,
    ops.stack,
    ops.tile,
    ops.transpose,
)
ones_like, zeros_like, stop_gradient = ops.ones_like, ops.zeros_like, ops.stop_gradient
relu, elu, selu, gelu, sigmoid, hard_sigmoid, tanh, softplus, softsign, softmax = (
    activations.relu,
    activations.elu,
    activations.selu,
    activations.gelu,
    activations.sigmoid,
    activations.hard_sigmoid,
    activations.tanh,
    activations.softplus,
    activations.softsign,
    activations.softmax,
)


def _reduction(function):
    def reduce(x, axis=None, keepdims=False):
        return function(x, axis=axis, keepdims=keepdims)

    reduce.__name__ = function.__name__
    reduce.__doc__ = f"As `ops.{function.__name__}`."
    return reduce


mean, sum, prod, max, min, std, var, any, all, logsumexp = map(  # noqa: A001
    _reduction,
    (ops.mean, ops.sum, ops.prod, ops.max, ops.min, ops.std, ops.var, ops.any, ops.all, ops.logsumexp),
)


def argmax(x, axis=-1):
    """As `ops.argmax`, along the last axis by default."""
    return ops.argmax(x, axis=axis)


def argmin(x, axis=-1):
    """As `ops.argmin`, along the last axis by default."""
    return ops.argmin(x, axis=axis)


def cumsum(x, axis=0):
    """As `ops.cumsum`."""
    return ops.cumsum(x, axis=axis)


def pow(x, a):  # noqa: A001
    """x to the power a."""
    return ops.power(x, a)


def dot(x, y):
    """As `ops.dot`."""
    return ops.dot(x, y)


def concatenate(tensors, axis=-1):
    """As `ops.concatenate`, along the last axis by default."""
    return ops.concatenate(tensors, axis=axis)


def reshape(x, shape):
    """As `ops.reshape`."""
    return ops.reshape(x, shape)


def permute_dimensions(x, pattern):
    """The axes in another order."""
    return ops.transpose(x, pattern)


def flatten(x):
    """One axis."""
    return ops.reshape(x, (-1,))


def batch_flatten(x):
    """All axes but the first as one."""
    return ops.reshape(x, (x.shape[0] if x.shape[0] is not None else -1, int(np.prod(x.shape[1:]))))


def repeat_elements(x, rep, axis):
    """Each element `rep` times along `axis`."""
    return ops.repeat(x, rep, axis=axis)


def repeat(x, n):
    """(samples, n, features) of (samples, features)."""
    return ops.repeat(ops.expand_dims(x, 1), n, axis=1)


def reverse(x, axes):
    """As `ops.flip`."""
    return ops.flip(x, axes)


def one_hot(indices, num_classes):
    """As `ops.one_hot`."""
    return ops.one_hot(indices, num_classes)


def gather(reference, indices):
    """Rows of `reference`."""
    return ops.take(reference, indices, axis=0)


def switch(condition, then_expression, else_expression):
    """One of two tensors (or functions that give them), where one condition decides for all, or element by element."""
    if callable(then_expression):
        return ops.cond(condition, then_expression, else_expression)
    return ops.where(condition, then_expression, else_expression)


def l2_normalize(x, axis=None):
    """`x` by the root of its squared sum along `axis`."""
    return ops.normalize(x, axis=axis, order=2) if axis is not None else x / ops.norm(x)


def dropout(x, level, noise_shape=None, seed=None):
    """As `random.dropout`."""
    return random.dropout(x, level, noise_shape=noise_shape, seed=seed)


# ---- making tensors


def cast(x, dtype):
    """As `ops.cast`."""
    return ops.cast(x, dtype)


def cast_to_floatx(x):
    """An array or tensor in the default float dtype."""
    return (
        x.astype(settings.float_dtype()) if isinstance(x, np.ndarray) else ops.cast(x, settings.float_dtype())
    )


def constant(value, dtype=None, shape=None, name=None):
    """A tensor of one value or of an array's."""
    value = ops.convert_to_tensor(np.asarray(value, dtype or settings.float_dtype()))
    return value if shape is None else ops.broadcast_to(value, shape)


def variable(value, dtype=None, name=None, constraint=None):
    """A Variable."""
    return Variable(np.asarray(value, dtype or settings.float_dtype()), name=name)


def placeholder(shape=None, ndim=None, dtype=None, sparse=False, name=None):
    """A symbolic tensor."""
    return KerasTensor(
        shape if shape is not None else (None,) * ndim, dtype or settings.float_dtype(), name=name
    )


def zeros(shape, dtype=None, name=None):
    """A Variable of zeros."""
    return Variable(np.zeros(shape, dtype or settings.float_dtype()), name=name)


def ones(shape, dtype=None, name=None):
    """A Variable of ones."""
    return Variable(np.ones(shape, dtype or settings.float_dtype()), name=name)


def eye(size, dtype=None, name=None):
    """A Variable with the identity matrix."""
    return Variable(np.eye(size, dtype=dtype or settings.float_dtype()), name=name)


def random_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """As `random.normal`."""
    return random.normal(shape, mean, stddev, dtype, seed)


def random_uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    """As `random.uniform`."""
    return random.uniform(shape, minval, maxval, dtype, seed)


# ---- looking at tensors


def shape(x):
    """The shape; extents that are not known yet are None."""
    return ops.shape(x)


def int_shape(x):
    """The shape as a tuple; None where `x` has none."""
    return tuple(x.shape) if hasattr(x, "shape") else None


def ndim(x):
    """How many axes there are."""
    return len(x.shape)


def dtype(x):
    """The dtype's name."""
    return str(x.dtype)


def eval(x):  # noqa: A001
    """The values as an array."""
    return np.array(x)


get_value = eval


def set_value(x, value):
    """Give a Variable (a learning rate, for instance) a new value."""
    x.assign(np.asarray(value))


def batch_get_value(tensors):
    """The values of several."""
    return [get_value(x) for x in tensors]


def batch_set_value(tuples):
    """`set_value` of several (variable, value)."""
    for x, value in tuples:
        set_value(x, value)


def update(x, new_x):
    """x = new_x"""
    return x.assign(new_x)


def update_add(x, increment):
    """x += increment"""
    return x.assign_add(increment)


def update_sub(x, decrement):
    """x -= decrement"""
    return x.assign_sub(decrement)


def function(inputs, outputs, updates=None, name=None):
    """A function of arrays: what the symbolic `outputs` are for these `inputs`, as arrays."""
    from .models import Functional

    several = isinstance(outputs, (list, tuple))
    model = Functional(list(inputs) if isinstance(inputs, (list, tuple)) else [inputs], outputs, name=name)

    def run(arrays):
        arrays = list(arrays) if isinstance(inputs, (list, tuple)) else [arrays]
        results = model(arrays[0] if len(arrays) == 1 else arrays, training=False)
        return [np.array(x) for x in results] if several else np.array(results)

    return run


# ---- losses


def binary_crossentropy(target, output, from_logits=False):
    """As `ops.binary_crossentropy`, element by element."""
    return ops.binary_crossentropy(target, output, from_logits=from_logits)


def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """As `ops.categorical_crossentropy`."""
    return ops.categorical_crossentropy(target, output, from_logits=from_logits, axis=axis)


def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """As `losses.sparse_categorical_crossentropy`."""
    return losses.sparse_categorical_crossentropy(target, output, from_logits=from_logits, axis=axis)


__all__ = [
    name
    for name in dir()
    if not name.startswith("_")
    and name not in ("KerasTensor", "Variable", "activations", "losses", "np", "ops", "random", "settings")
]
