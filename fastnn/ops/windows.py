"""Sliding windows: the extents, padding and strided views that convolution and pooling share.

Tensors are (batch, *spatial, channels) with 1, 2 or 3 spatial axes. A record's `padding` is a (before, after) pair for
each spatial axis; a negative number leaves cells of the input out.
"""

import math

import numpy as np

from ..engine import settings


def per_axis(value, rank, name, caller, least=1):
    """An int, or one int for each of `rank` spatial axes, as a tuple of ints.

    Raises:
        ValueError: another number of values, or one that is no integer or below `least`.
    """
    try:
        values = (value,) * rank if not isinstance(value, (tuple, list)) else tuple(value)
        exact = tuple([int(v) for v in values])
    except (TypeError, ValueError):
        exact = None
    if exact is None or len(exact) != rank or any(v != e or e < least for v, e in zip(values, exact)):
        raise ValueError(
            f"{caller}: `{name}` must be an integer of at least {least}, or {rank} of them (one a spatial "
            f"axis of the input), received {value!r}"
        )
    return exact


def reach(size, dilation):
    """How many input cells a window of `size` taps spans."""
    return (size - 1) * dilation + 1


def resolve_padding(padding, extents, sizes, strides, dilation, caller):
    """Keras's `padding` ("valid", "same", or "causal" for one spatial axis) as (before, after) pairs.

    "same" makes ceil(extent / stride) outputs and puts the odd cell after (TensorFlow's rule).
    """
    name = padding.lower() if isinstance(padding, str) else padding
    if name == "valid":
        return ((0, 0),) * len(extents)
    if name == "same":
        pairs = []
        for extent, size, stride, gap in zip(extents, sizes, strides, dilation):
            total = max((-(-extent // stride) - 1) * stride + reach(size, gap) - extent, 0)
            pairs.append((total // 2, total - total // 2))
        return tuple(pairs)
    if name == "causal" and len(extents) == 1:
        return ((reach(sizes[0], dilation[0]) - 1, 0),)
    raise ValueError(
        f"{caller}: `padding` must be 'valid' or 'same'{', or causal' if len(extents) == 1 else ''}, "
        f"received {padding!r}. For explicit padding, pad the input first (ops.pad, or a ZeroPadding layer)"
    )


def bounded_strides(strides, extents, padding):
    """`strides`, none longer than the padded input: what lies beyond makes no second window, but kernels whose work
    falls into as many phases as a stride is long would not come to an end."""
    return tuple(
        min(stride, max(extent + before + after, 1))
        for stride, extent, (before, after) in zip(strides, extents, padding, strict=True)
    )


def output_extents(extents, sizes, strides, padding, dilation, caller):
    """How many windows fit along each spatial axis.

    Raises:
        ValueError: none fits.
    """
    counts = []
    for axis, (extent, size, stride, (before, after), gap) in enumerate(
        zip(extents, sizes, strides, padding, dilation)
    ):
        count = (extent + before + after - reach(size, gap)) // stride + 1
        if count < 1:
            spread = f", spread over {reach(size, gap)} cells by dilation {gap}," if gap > 1 else ""
            raise ValueError(
                f"{caller}: no window fits along spatial axis {axis}: the input has {extent} cells (spatial shape "
                f"{tuple(extents)}), padding {before} before and {after} after, and the window {size} cells{spread} "
                f"(window {tuple(sizes)}, strides {tuple(strides)}). Give a larger input, use padding='same', or a "
                "smaller window, stride or dilation in this layer or in those before it"
            )
        counts.append(count)
    return tuple(counts)


def volume(values):
    """`values`, one a spatial axis, as exactly three: missing leading axes have extent, stride, ... 1."""
    return (1,) * (3 - len(values)) + tuple(values)


def origin(padding):
    """The padding before each of three spatial axes."""
    return (0,) * (3 - len(padding)) + tuple([before for before, _ in padding])


def pad(x, padding, fill=0):
    """`x` (batch, *spatial, channels) with `fill` around it, or cells cut off where padding is negative."""
    cut = tuple(
        [slice(max(-before, 0), x.shape[i + 1] - max(-after, 0)) for i, (before, after) in enumerate(padding)]
    )
    x = x[(slice(None), *cut)]
    around = [(max(before, 0), max(after, 0)) for before, after in padding]
    return np.pad(x, [(0, 0), *around, (0, 0)], constant_values=fill) if any(map(any, around)) else x


def windows(x, sizes, strides, counts, dilation):
    """A read-only view of padded `x`: (batch, *counts, *sizes, channels)."""
    spatial = x.strides[1:-1]
    shape = (x.shape[0], *counts, *sizes, x.shape[-1])
    steps = (
        x.strides[0],
        *[s * n for s, n in zip(strides, spatial)],
        *[d * n for d, n in zip(dilation, spatial)],
        x.strides[-1],
    )
    if math.prod(shape) == 0:
        return np.empty(shape, x.dtype)
    return np.lib.stride_tricks.as_strided(x, shape, steps, writeable=False)


def taps(sizes):
    """Every position in a window, in row-major order."""
    return np.ndindex(*sizes)


def tap_slices(tap, strides, counts, dilation):
    """Where, in a padded input, one tap of all windows lies."""
    return tuple(
        [slice(t * d, t * d + s * (n - 1) + 1, s) for t, s, n, d in zip(tap, strides, counts, dilation)]
    )


def standard_format(data_format, caller):
    """`data_format`, or the configured one where it is None.

    Raises:
        ValueError: neither "channels_last" nor "channels_first".
    """
    if data_format is None:
        return settings.image_data_format()
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(
            f"{caller}: `data_format` must be 'channels_last' or 'channels_first', received {data_format!r}"
        )
    return data_format


def spatial_rank(x, name, caller):
    """How many spatial axes `x` has.

    Raises:
        ValueError: not 1, 2 or 3.
    """
    rank = len(x.shape) - 2
    if not 1 <= rank <= 3:
        raise ValueError(
            f"{caller}: `{name}` must have a batch axis, 1 to 3 spatial axes and a channel axis, received "
            f"shape {tuple(x.shape)}; images without a channel axis need one: "
            "ops.expand_dims(x, -1), or Input((height, width, 1)) and a Reshape"
        )
    return rank
