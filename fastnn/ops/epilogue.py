"""Activations that a product or a convolution applies to its own output.

All can be differentiated from that output, so that what comes before the activation is never stored.
"""

from ..engine.op import records

# name -> (its number in csrc/tile.h, the attributes of its record for `alpha`)
_TABLE = {
    None: (0, None),
    "relu": (1, lambda alpha: {}),
    "leaky_relu": (2, lambda alpha: {"negative_slope": alpha}),
    "sigmoid": (3, lambda alpha: {}),
    "tanh": (4, lambda alpha: {}),
    "elu": (5, lambda alpha: {"alpha": alpha, "scale": 1.0}),
}
ACTIVATIONS = tuple(_TABLE)


def check_activation(activation, caller):
    """Raises a ValueError for an activation that is none of ACTIVATIONS."""
    if activation not in _TABLE:
        raise ValueError(
            f"{caller}: `activation` must be one of {', '.join(map(repr, ACTIVATIONS))}, received "
            f"{activation!r}; apply any other to the result"
        )


def kernel_code(activation):
    """The activation's number in csrc/tile.h."""
    return _TABLE[activation][0]


def activated(y, activation, alpha):
    """activation(y), as the activation's own reference computes it."""
    return y if activation is None else records[activation].reference(y, **_TABLE[activation][1](alpha))


def before_activation(y, dy, activation, alpha):
    """The gradient for what went into the activation: y is its output, dy the output's gradient."""
    if activation is None:
        return dy
    return records[f"{activation}_grad"](y, dy, **_TABLE[activation][1](alpha))
