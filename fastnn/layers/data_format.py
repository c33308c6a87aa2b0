"""The layout of images and series: where their channel axis stands, and arguments that count per spatial axis."""

import numpy as np

from .. import ops
from ..engine import settings


def standard_data_format(layer, data_format):
    """ "channels_last" or "channels_first"; the configured one for None."""
    if data_format is None:
        return settings.image_data_format()
    lowered = str(data_format).lower()
    if lowered not in ("channels_last", "channels_first"):
        raise ValueError(
            f"{layer}: `data_format` must be 'channels_last' or 'channels_first', received {data_format!r}"
        )
    return lowered


def per_axis(layer, argument, value, rank, least=1):
    """`value`, an int or one an axis, as a tuple of `rank` ints of at least `least`."""
    values = (value,) * rank if isinstance(value, (int, np.integer)) else value
    try:
        values = tuple(values)
    except TypeError:
        values = ()
    if len(values) != rank or any(
        isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < least for n in values
    ):
        many = "an integer" if rank == 1 else f"an integer or a tuple of {rank} integers"
        raise ValueError(f"{layer}: `{argument}` must be {many} of at least {least}, received {value!r}")
    return tuple([int(n) for n in values])


def checked_padding(layer, padding, choices=("valid", "same")):
    """`padding` in lower case, one of `choices`."""
    lowered = padding.lower() if isinstance(padding, str) else padding
    if lowered not in choices:
        raise ValueError(
            f"{layer}: `padding` must be {' or '.join(map(repr, choices))}, received "
            f"{padding!r}. For explicit padding, put a ZeroPadding layer before this one"
        )
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


def bias_shaped(bias, data_format, rank):
    """A (channels,) vector in a shape that broadcasts against a tensor with `rank` spatial axes."""
    if data_format == "channels_last":
        return bias
    return ops.reshape(bias, (bias.shape[0], *[1] * rank))


def window_extents(layer, shape, data_format, size, strides, padding, dilation=None):
    """The spatial extents after sliding a window over an input of `shape`; None where its extent is None.

    Raises:
        ValueError: the window does not fit; names the layer.
    """
    _, spatial, _ = split_shape(shape, data_format)
    extents = []
    for n, k, s, d in zip(spatial, size, strides, dilation or (1,) * len(size)):
        reach = (k - 1) * d + 1
        if n is None:
            extents.append(None)
        elif padding in ("same", "causal"):
            extents.append(-(-n // s))
        elif n < reach:
            raise ValueError(
                f"{type(layer).__name__} {layer.name!r}: its window of {size} "
                f"{'' if reach == k else 'dilated '}does not fit into an input of shape {tuple(shape)} "
                f"({data_format}): {n} is less than {reach}. Use padding='same', a smaller window, or fewer "
                "layers that shrink the image before this one"
            )
        else:
            extents.append((n - reach) // s + 1)
    return tuple(extents)


def missing_channels(shape, spec, data_format):
    """Advice for an input with one axis too few: most often the channel axis of images is not there."""
    if spec.ndim is None or len(shape) != spec.ndim - 1:
        return ""
    channel = "last" if data_format == "channels_last" else "second"
    sample = tuple(shape[1:])
    wanted = (*sample, 1) if data_format == "channels_last" else (1, *sample)
    return (
        f". Its {channel} axis must be the channels: for images of one channel put Reshape({wanted}) "
        "before it, or feed x[..., None]"
        if data_format == "channels_last"
        else f". Its {channel} axis must be the channels: for images of one channel put Reshape({wanted}) "
        "before it, or feed np.expand_dims(x, 1)"
    ) + "; if it is the batch axis that is missing, x[None, ...]"
