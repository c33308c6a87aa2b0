"""What layers with a kernel and a bias share: checked counts and extents, the weights' arguments in configurations."""

import numpy as np

from .. import constraints, initializers, regularizers


def checked_count(layer, argument, value):
    """`value` as an int of at least 1, or the user's error."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{layer}: `{argument}` must be an integer of at least 1, received {value!r}")
    return int(value)


def known_extent(layer, input_shape, axis):
    """The extent of the input's `axis`, which weights depend on, or the user's error."""
    if not -len(input_shape) <= axis < len(input_shape):
        raise ValueError(
            f"{type(layer).__name__} {layer.name!r}: its input of shape {tuple(input_shape)} "
            f"has no axis {axis}"
        )
    if input_shape[axis] is None:
        which = "the last axis" if axis in (-1, len(input_shape) - 1) else f"axis {axis}"
        raise ValueError(
            f"{type(layer).__name__} {layer.name!r}: the extent of {which} of its input, of "
            f"shape {tuple(input_shape)}, is not known, and its weights depend on it. Give the "
            "Input that feeds this layer a number there"
        )
    return input_shape[axis]


def weight_config(layer, *weights):
    """The configuration of the initializers, regularizers and constraints of `weights` ("kernel", "bias")."""
    config = {}
    for kind, module in (
        ("initializer", initializers),
        ("regularizer", regularizers),
        ("constraint", constraints),
    ):
        for weight in weights:
            config[f"{weight}_{kind}"] = module.serialize(getattr(layer, f"{weight}_{kind}"))
    return config
