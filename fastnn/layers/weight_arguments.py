"""What layers with a kernel and a bias share: checked counts, and the weights' arguments in configurations."""

import numpy as np

from .. import constraints, initializers, regularizers


def checked_count(layer, argument, value):
    """`value` as an int of at least 1, or the user's error."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{layer}: `{argument}` must be an integer of at least 1, received {value!r}")
    return int(value)


def weight_config(layer, *weights):
    """The configuration of the initializers, regularizers and constraints of `weights` ("kernel", "bias")."""
    config = {}
    for kind, module in (("initializer", initializers), ("regularizer", regularizers), ("constraint", constraints)):
        for weight in weights:
            config[f"{weight}_{kind}"] = module.serialize(getattr(layer, f"{weight}_{kind}"))
    return config
