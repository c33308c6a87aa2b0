"""Images of one size: resized or cut."""

from ..engine.dtypes import is_float
from ..engine.variable import convert
from ..ops.image import crop_images, resize
from .data_format import standard_data_format
from .layer import Layer
from .weight_arguments import checked_count


class _Sized(Layer):
    """The base: `height` and `width` of the output."""

    def __init__(self, height, width, data_format, **kwargs):
        super().__init__(**kwargs)
        name = type(self).__name__
        self.height, self.width = checked_count(name, "height", height), checked_count(name, "width", width)
        self.data_format = standard_data_format(name, data_format)

    def _axes(self, rank):
        if rank not in (3, 4):
            raise ValueError(
                f"{type(self).__name__} {self.name!r} takes an image of 3 axes or a batch of 4, received "
                f"{rank} axes"
            )
        return (rank - 2, rank - 1) if self.data_format == "channels_first" else (rank - 3, rank - 2)

    def compute_output_shape(self, input_shape):
        shape = list(input_shape)
        for axis, extent in zip(self._axes(len(shape)), (self.height, self.width), strict=True):
            shape[axis] = extent
        return tuple(shape)

    def get_config(self):
        return {
            **super().get_config(),
            "height": self.height,
            "width": self.width,
            "data_format": self.data_format,
        }


class Resizing(_Sized):
    """Images resized to `height` x `width`; whole numbers stay such.

    Args:
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5".
        crop_to_aspect_ratio, pad_to_aspect_ratio: cut or fill first, so that nothing is stretched.
        fill_mode, fill_value: with what to fill.
        antialias: smooth what shrinks.
    Source: Keras 3 `layers.Resizing`.
    """

    def __init__(
        self,
        height,
        width,
        interpolation="bilinear",
        crop_to_aspect_ratio=False,
        pad_to_aspect_ratio=False,
        fill_mode="constant",
        fill_value=0.0,
        antialias=False,
        data_format=None,
        **kwargs,
    ):
        super().__init__(height, width, data_format, **kwargs)
        self.interpolation = interpolation
        self.crop_to_aspect_ratio, self.pad_to_aspect_ratio = crop_to_aspect_ratio, pad_to_aspect_ratio
        self.fill_mode, self.fill_value, self.antialias = fill_mode, fill_value, bool(antialias)

    def call(self, inputs):
        self._axes(len(inputs.shape))
        return resize(
            inputs,
            (self.height, self.width),
            interpolation=self.interpolation,
            antialias=self.antialias,
            crop_to_aspect_ratio=self.crop_to_aspect_ratio,
            pad_to_aspect_ratio=self.pad_to_aspect_ratio,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )

    def get_config(self):
        return {
            **super().get_config(),
            "interpolation": self.interpolation,
            "crop_to_aspect_ratio": self.crop_to_aspect_ratio,
            "pad_to_aspect_ratio": self.pad_to_aspect_ratio,
            "fill_mode": self.fill_mode,
            "fill_value": self.fill_value,
            "antialias": self.antialias,
        }


class CenterCrop(_Sized):
    """The middle `height` x `width` of images; smaller ones are cut to that ratio and resized.

    Source: Keras 3 `layers.CenterCrop`.
    """

    def __init__(self, height, width, data_format=None, **kwargs):
        super().__init__(height, width, data_format, **kwargs)

    def call(self, inputs):
        images = inputs if is_float(inputs.dtype) else convert(inputs, dtype=self._compute_dtype)
        rows, columns = (images.shape[axis] for axis in self._axes(len(images.shape)))
        if rows >= self.height and columns >= self.width:
            return crop_images(
                images,
                top_cropping=(rows - self.height) // 2,
                left_cropping=(columns - self.width) // 2,
                target_height=self.height,
                target_width=self.width,
                data_format=self.data_format,
            )
        return resize(
            images, (self.height, self.width), crop_to_aspect_ratio=True, data_format=self.data_format
        )
