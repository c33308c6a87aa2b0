"""Images whose values are spread over the whole range: by their extremes, by histograms."""

from .. import ops
from ..engine.variable import convert
from ..ops.image.histograms import equalize_op, equalize_tiles_op
from .image_layer import ImageLayer, checked_range


class AutoContrast(ImageLayer):
    """Each channel of each image stretched so that its values fill the whole range.

    Args:
        value_range: the least and greatest value that images may have.
    Source: Keras 3 `layers.AutoContrast`.
    """

    saved = ("value_range",)

    def __init__(self, value_range=(0, 255), **kwargs):
        super().__init__(**kwargs)
        self.value_range = checked_range("AutoContrast", value_range)

    def transform_images(self, images, transformation=None, training=True):
        return super().transform_images(images, transformation, training=True)  # not only while training

    def change(self, images, transformation, interpolation=None):
        values = self._scaled(images, self.value_range, (0, 255))
        sides = self._sides(images)
        low = ops.min(values, axis=sides, keepdims=True)
        scale = 255.0 / (ops.max(values, axis=sides, keepdims=True) - low)
        values = ops.clip(values * scale - low * scale, 0.0, 255.0)
        values = self._scaled(values, (0, 255), self.value_range)
        return ops.where(ops.isnan(values), images, values)  # a channel of one value stays as it is


class _ByHistogram(ImageLayer):
    """The base: `_equalized` takes values in 0..255, channels last."""

    def change(self, images, transformation, interpolation=None):
        first = self.data_format == "channels_first"
        values = convert(self._scaled(images, self.value_range, (0, 255)), dtype="float32")
        values = self._equalized(ops.moveaxis(values, 1, -1) if first else values)
        values = ops.moveaxis(values, -1, 1) if first else values
        return self._scaled(values, (0, 255), self.value_range)


class Equalization(_ByHistogram):
    """Each channel of a batch with its values spread evenly over the range, while training.

    Args:
        value_range: the least and greatest value that images may have.
        bins: into how many steps values are sorted.
    Source: Keras 3 `layers.Equalization`.
    """

    saved = ("bins", "value_range")

    def __init__(self, value_range=(0, 255), bins=256, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.bins = bins
        self.value_range = checked_range("Equalization", value_range)

    def _equalized(self, values):
        return equalize_op(values, bins=int(self.bins))


class ContrastLimitedAdaptiveHistogramEqualization(_ByHistogram):
    """Each tile of an image equalised by itself, with limits to the contrast, and no seams between tiles.

    Args:
        value_range: the least and greatest value that images may have.
        clip_limit: how many times the average a bin of a histogram may hold; 0: any number of times.
        tile_grid_size: (rows, columns) of tiles.
    Source: Keras 3 `layers.ContrastLimitedAdaptiveHistogramEqualization`.
    """

    saved = ("value_range", "clip_limit", "tile_grid_size")

    def __init__(
        self, value_range=(0, 255), clip_limit=4.0, tile_grid_size=(8, 8), data_format=None, **kwargs
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.value_range, self.clip_limit = value_range, clip_limit
        self.tile_grid_size = tuple(tile_grid_size)

    def transform_images(self, images, transformation=None, training=True):
        return super().transform_images(images, transformation, training=True)  # not only while training

    def _equalized(self, values):
        return equalize_tiles_op(values, clip_limit=float(self.clip_limit), tiles=self.tile_grid_size)
