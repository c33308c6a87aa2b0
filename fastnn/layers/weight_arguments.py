"""What layers with a kernel and a bias share: checked counts and extents, and the arguments of their weights: each
has an initializer, a regularizer and a constraint, `kernel_initializer` and so on."""

import numpy as np

from .. import constraints, initializers, regularizers


def checked_count(layer, argument, value):
    """`value` as an int of at least 1, or the user's error."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{layer}: `{argument}` must be an integer of at least 1, received {value!r}")
    return int(value)


def known_extent(layer, input_shape, axis):
    """The extent of the input's `axis`, which weights depend on, or the user's error."""
    if not all(n is None or isinstance(n, (int, np.integer)) for n in input_shape):
        raise ValueError(
            f"{type(layer).__name__} {layer.name!r} takes one tensor, received a {type(input_shape).__name__} of them, "
            f"of shapes {input_shape}"
        )
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


_KINDS = {"initializer": initializers, "regularizer": regularizers, "constraint": constraints}


def set_weight_arguments(layer, given, *weights, prefix=""):
    """Keep the arguments of `weights` ("kernel", "bias") as the layer's attributes, names made objects.

    given: the constructor's arguments by name; its `locals()` will do. prefix: of the attributes' names.
    """
    for weight in weights:
        for kind, module in _KINDS.items():
            setattr(layer, f"{prefix}{weight}_{kind}", module.get(given[f"{weight}_{kind}"]))


def add_weight(layer, name, shape, arguments=None, initializer=None, **options):
    """Make the layer's weight `name` as the arguments `arguments` (its name by default) say; what comes as
    `initializer` goes before them. options: `Layer.add_weight`'s."""
    arguments = arguments or name
    return layer.add_weight(
        name=name,
        shape=shape,
        initializer=initializer or getattr(layer, f"{arguments}_initializer"),
        regularizer=getattr(layer, f"{arguments}_regularizer"),
        constraint=getattr(layer, f"{arguments}_constraint"),
        **options,
    )


def weight_config(layer, *weights, prefix=""):
    """What `set_weight_arguments` has kept, as plain values for `get_config`."""
    return {
        f"{weight}_{kind}": module.serialize(getattr(layer, f"{prefix}{weight}_{kind}"))
        for kind, module in _KINDS.items()
        for weight in weights
    }
