"""Pooling layers: the maximum or mean of windows, or of whole images."""

from .. import ops
from ..engine.variable import convert
from .data_format import checked_padding, join_shape, per_axis, spatial_axes, split_shape, window_extents
from .spatial import Spatial


class _Pooling(Spatial):
    """The maximum or mean of each window, channel by channel, over `rank` spatial axes.

    Args:
        pool_size: the window's extent, an int or one a spatial axis.
        strides: the step between windows; `pool_size` by default.
        padding: "valid" or "same"; padding never counts.
        data_format: "channels_last" or "channels_first"; the configured one by default.

    Raises:
        ValueError: an argument out of range; an input without channel axis, or too small for the window.
    """

    pool = staticmethod(ops.max_pool)

    def __init__(self, pool_size=2, strides=None, padding="valid", data_format=None, name=None, **kwargs):
        super().__init__(data_format, name=name, **kwargs)
        kind = type(self).__name__
        self.pool_size = per_axis(kind, "pool_size", pool_size, self.rank)
        self.strides = self.pool_size if strides is None else per_axis(kind, "strides", strides, self.rank)
        self.padding = checked_padding(kind, padding)
        self._build_at_init()

    def call(self, inputs):
        return self.pool(inputs, self.pool_size, self.strides, self.padding, self.data_format)

    def compute_output_shape(self, input_shape):
        spatial = window_extents(
            self, input_shape, self.data_format, self.pool_size, self.strides, self.padding
        )
        batch, _, channels = split_shape(input_shape, self.data_format)
        return join_shape(batch, spatial, channels, self.data_format)

    def get_config(self):
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "padding": self.padding,
            "strides": self.strides,
            "data_format": self.data_format,
        }


class MaxPooling1D(_Pooling):
    """The maximum of windows of (batch, steps, channels). Source: Keras 3 `layers.MaxPooling1D`."""

    __doc__ += "\n\n    " + _Pooling.__doc__
    rank = 1


class MaxPooling2D(_Pooling):
    """The maximum of windows of images. Source: Keras 3 `layers.MaxPooling2D`.

    >>> MaxPooling2D().compute_output_shape((None, 28, 28, 8))
    (None, 14, 14, 8)
    """

    __doc__ += "\n\n    " + _Pooling.__doc__
    rank = 2


class MaxPooling3D(_Pooling):
    """The maximum of windows of volumes. Source: Keras 3 `layers.MaxPooling3D`."""

    __doc__ += "\n\n    " + _Pooling.__doc__
    rank = 3


class _AveragePooling(_Pooling):
    pool = staticmethod(ops.average_pool)

    def __init__(self, pool_size, strides=None, padding="valid", data_format=None, name=None, **kwargs):
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


class AveragePooling1D(_AveragePooling):
    """The mean of windows of (batch, steps, channels). Source: Keras 3 `layers.AveragePooling1D`."""

    __doc__ += "\n\n    " + _Pooling.__doc__
    rank = 1


class AveragePooling2D(_AveragePooling):
    """The mean of windows of images. Source: Keras 3 `layers.AveragePooling2D`."""

    __doc__ += "\n\n    " + _Pooling.__doc__
    rank = 2


class AveragePooling3D(_AveragePooling):
    """The mean of windows of volumes. Source: Keras 3 `layers.AveragePooling3D`."""

    __doc__ += "\n\n    " + _Pooling.__doc__
    rank = 3


class _GlobalPooling(Spatial):
    """The maximum or mean of all spatial positions: (batch, ..., channels) to (batch, channels).

    Args:
        data_format: "channels_last" or "channels_first"; the configured one by default.
        keepdims: leave the spatial axes, with extent 1.
    """

    reduce = staticmethod(ops.max)

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(data_format, **kwargs)
        self.keepdims = keepdims
        self._build_at_init()

    def call(self, inputs):
        return self.reduce(inputs, axis=spatial_axes(self.data_format, self.rank), keepdims=self.keepdims)

    def compute_output_shape(self, input_shape):
        batch, _, channels = split_shape(input_shape, self.data_format)
        return join_shape(batch, (1,) * self.rank if self.keepdims else (), channels, self.data_format)

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format, "keepdims": self.keepdims}


class GlobalMaxPooling1D(_GlobalPooling):
    """The maximum over all steps. Source: Keras 3 `layers.GlobalMaxPooling1D`."""

    __doc__ += "\n\n    " + _GlobalPooling.__doc__
    rank = 1


class GlobalMaxPooling2D(_GlobalPooling):
    """The maximum of each channel of an image. Source: Keras 3 `layers.GlobalMaxPooling2D`."""

    __doc__ += "\n\n    " + _GlobalPooling.__doc__
    rank = 2


class GlobalMaxPooling3D(_GlobalPooling):
    """The maximum of each channel of a volume. Source: Keras 3 `layers.GlobalMaxPooling3D`."""

    __doc__ += "\n\n    " + _GlobalPooling.__doc__
    rank = 3


class GlobalAveragePooling1D(_GlobalPooling):
    """The mean over all steps, or over those that a mask keeps. Source: Keras 3 `layers.GlobalAveragePooling1D`."""

    __doc__ += "\n\n    " + _GlobalPooling.__doc__
    rank = 1
    reduce = staticmethod(ops.mean)

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(data_format, keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        if mask is None:
            return super().call(inputs)
        axis = 1 if self.data_format == "channels_last" else 2
        kept = ops.expand_dims(ops.cast(mask, "bool"), 3 - axis)
        zero = convert(0.0, dtype=inputs.dtype)
        counted = ops.where(kept, inputs, zero)  # where: a masked NaN must not count
        steps = ops.sum(ops.cast(kept, inputs.dtype), axis=axis, keepdims=self.keepdims)
        return ops.divide(ops.sum(counted, axis=axis, keepdims=self.keepdims), steps)

    def compute_mask(self, inputs, mask=None):
        return None


class GlobalAveragePooling2D(_GlobalPooling):
    """The mean of each channel of an image. Source: Keras 3 `layers.GlobalAveragePooling2D`."""

    __doc__ += "\n\n    " + _GlobalPooling.__doc__
    rank = 2
    reduce = staticmethod(ops.mean)


class GlobalAveragePooling3D(_GlobalPooling):
    """The mean of each channel of a volume. Source: Keras 3 `layers.GlobalAveragePooling3D`."""

    __doc__ += "\n\n    " + _GlobalPooling.__doc__
    rank = 3
    reduce = staticmethod(ops.mean)
