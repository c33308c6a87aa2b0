"""The layout of images and series: where their channel axis stands, and arguments that count per spatial axis."""

import numpy as np

from ..engine import settings


def standard_data_format(layer, data_format):
    """"channels_last" or "channels_first"; the configured one for None."""
    if data_format is None:
        return settings.image_data_format()
    lowered = str(data_format).lower()
    if lowered not in ("channels_last", "channels_first"):
        raise ValueError(f"{layer}: `data_format` must be 'channels_last' or 'channels_first', received {data_format!r}")
    return lowered


def per_axis(layer, argument, value, rank, least=1):
    """`value`, an int or one an axis, as a tuple of `rank` ints of at least `least`."""
    values = (value,) * rank if isinstance(value, (int, np.integer)) else value
    try:
        values = tuple(values)
    except TypeError:
        values = ()
    if len(values) != rank or any(isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < least
                                  for n in values):
        many = "an integer" if rank == 1 else f"an integer or a tuple of {rank} integers"
        raise ValueError(f"{layer}: `{argument}` must be {many} of at least {least}, received {value!r}")
    return tuple([int(n) for n in values])


def checked_padding(layer, padding, choices=("valid", "same")):
    """`padding` in lower case, one of `choices`."""
    lowered = padding.lower() if isinstance(padding, str) else padding
    if lowered not in choices:
        raise ValueError(f"{layer}: `padding` must be {' or '.join(map(repr, choices))}, received {padding!r}. For "
                         "explicit padding, put a ZeroPadding layer before this one")
    return lowered


def spatial_axes(data_format, rank):
    """The axes of a (batch, ...) tensor between which the channels do not count: rank of them."""
    return tuple(range(1, rank + 1)) if data_format == "channels_last" else tuple(range(2, rank + 2))


def split_shape(shape, data_format):
    """(batch, spatial extents, channels) of a shape."""
    if data_format == "channels_last":
        return shape[0], tuple(shape[1:-1]), shape[-1]
    return shape[0], tuple(shape[2:]), shape[1]


def join_shape(batch, spatial, channels, data_format):
    """The shape with these parts."""
    if data_format == "channels_last":
        return (batch, *spatial, channels)
    return (batch, channels, *spatial)
