"""Adaptive pooling layers: a fixed number of windows, however large the image."""

from .. import ops
from .data_format import join_shape, split_shape
from .spatial import Spatial
from .weight_arguments import checked_count


class _AdaptivePooling(Spatial):
    """The maximum or mean of `output_size` windows along each spatial axis, channel by channel.

    Args:
        output_size: how many windows, an int or one a spatial axis.
        data_format: "channels_last" or "channels_first"; the configured one by default.

    Raises:
        TypeError: `output_size` has another length.
        ValueError: an argument out of range; an input without channel axis.
    """

    pool = staticmethod(ops.adaptive_average_pool)

    def __init__(self, output_size, data_format=None, **kwargs):
        super().__init__(data_format, **kwargs)
        kind = type(self).__name__
        sizes = (output_size,) * self.rank if isinstance(output_size, int) else output_size
        if not isinstance(sizes, (list, tuple)) or len(sizes) != self.rank:
            raise TypeError(
                f"{kind}: `output_size` must be an integer or a tuple of {self.rank} integers, received "
                f"{output_size!r}"
            )
        self.output_size = tuple([checked_count(kind, "output_size", n) for n in sizes])
        self._build_at_init()

    def call(self, inputs):
        return self.pool(inputs, self.output_size, self.data_format)

    def compute_output_shape(self, input_shape):
        batch, _, channels = split_shape(input_shape, self.data_format)
        return join_shape(batch, self.output_size, channels, self.data_format)

    def get_config(self):
        return {**super().get_config(), "output_size": self.output_size, "data_format": self.data_format}


class _AdaptiveMaxPooling(_AdaptivePooling):
    pool = staticmethod(ops.adaptive_max_pool)


class AdaptiveAveragePooling1D(_AdaptivePooling):
    """Means over (batch, steps, channels). Source: Keras 3 `layers.AdaptiveAveragePooling1D`.

    >>> AdaptiveAveragePooling1D(4).compute_output_shape((None, 10, 3))
    (None, 4, 3)
    """

    __doc__ += "\n\n    " + _AdaptivePooling.__doc__
    rank = 1


class AdaptiveAveragePooling2D(_AdaptivePooling):
    """Means over images. Source: Keras 3 `layers.AdaptiveAveragePooling2D`."""

    __doc__ += "\n\n    " + _AdaptivePooling.__doc__
    rank = 2


class AdaptiveAveragePooling3D(_AdaptivePooling):
    """Means over volumes. Source: Keras 3 `layers.AdaptiveAveragePooling3D`."""

    __doc__ += "\n\n    " + _AdaptivePooling.__doc__
    rank = 3


class AdaptiveMaxPooling1D(_AdaptiveMaxPooling):
    """Maxima over (batch, steps, channels). Source: Keras 3 `layers.AdaptiveMaxPooling1D`."""

    __doc__ += "\n\n    " + _AdaptivePooling.__doc__
    rank = 1


class AdaptiveMaxPooling2D(_AdaptiveMaxPooling):
    """Maxima over images. Source: Keras 3 `layers.AdaptiveMaxPooling2D`."""

    __doc__ += "\n\n    " + _AdaptivePooling.__doc__
    rank = 2


class AdaptiveMaxPooling3D(_AdaptiveMaxPooling):
    """Maxima over volumes. Source: Keras 3 `layers.AdaptiveMaxPooling3D`."""

    __doc__ += "\n\n    " + _AdaptivePooling.__doc__
    rank = 3
