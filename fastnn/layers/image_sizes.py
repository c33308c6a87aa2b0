"""Images of one size: resized or cut."""

from .. import ops
from ..engine.dtypes import is_float
from ..engine.variable import convert
from ..ops.image import crop_images, resize
from ..ops.image.boxes import edges_of
from ..ops.image.resizing import window
from .image_layer import ImageLayer
from .weight_arguments import checked_count


class OneSize(ImageLayer):
    """The base: images of `height` x `width`, training or not, made of a window of what is given."""

    saved = ("height", "width")
    moves = True

    def __init__(self, height, width, **kwargs):
        super().__init__(**kwargs)
        name = type(self).__name__
        self.height, self.width = checked_count(name, "height", height), checked_count(name, "width", width)

    def get_random_transformation(self, data, training=True, seed=None):
        return {"input_shape": tuple((data["images"] if isinstance(data, dict) else data).shape)}

    def window(self, rows, columns):
        """(top, left, rows, columns) of what is seen of images of rows x columns."""
        raise NotImplementedError

    def transform_images(self, images, transformation=None, training=True):
        return super().transform_images(images, transformation, training=True)

    def transform_segmentation_masks(self, segmentation_masks, transformation=None, training=True):
        return super().transform_segmentation_masks(segmentation_masks, transformation, training=True)

    def transform_bounding_boxes(self, bounding_boxes, transformation=None, training=True):
        return super().transform_bounding_boxes(bounding_boxes, transformation, training=True)

    def move_boxes(self, boxes, transformation, rows, columns):
        top, left, tall, wide = transformation.get("window") or self.window(rows, columns)
        places = [(left, self.width / wide), (top, self.height / tall)] * 2
        moved = [
            (edge - ops.cast(start, edge.dtype)) * scale
            for edge, (start, scale) in zip(edges_of(boxes), places)
        ]
        return ops.concatenate(moved, axis=-1)

    def _extents_after(self, rows, columns):
        return self.height, self.width

    def compute_output_shape(self, input_shape):
        if isinstance(input_shape, dict):
            moved = ("images", "segmentation_masks")
            return {
                key: self._shape_after(shape) if key in moved else shape for key, shape in input_shape.items()
            }
        return self._shape_after(input_shape)

    def _shape_after(self, shape):
        rows = len(shape) - (2 if self.data_format == "channels_first" else 3)
        return (*shape[:rows], self.height, self.width, *shape[rows + 2 :])


class Resizing(OneSize):
    """Images resized to `height` x `width`; whole numbers stay such.

    Args:
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5".
        crop_to_aspect_ratio, pad_to_aspect_ratio: cut or fill first, so that nothing is stretched.
        fill_mode, fill_value: with what to fill.
        antialias: smooth what shrinks.
    Source: Keras 3 `layers.Resizing`.
    """

    saved = (
        *OneSize.saved,
        "interpolation",
        "crop_to_aspect_ratio",
        "pad_to_aspect_ratio",
        "fill_mode",
        "fill_value",
        "antialias",
    )

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
        super().__init__(height, width, data_format=data_format, **kwargs)
        self.interpolation = interpolation
        self.crop_to_aspect_ratio, self.pad_to_aspect_ratio = crop_to_aspect_ratio, pad_to_aspect_ratio
        self.fill_mode, self.fill_value, self.antialias = fill_mode, fill_value, bool(antialias)

    def window(self, rows, columns):
        size = self.height, self.width
        return window(rows, columns, size, self.crop_to_aspect_ratio, self.pad_to_aspect_ratio)

    def transform_images(self, images, transformation=None, training=True):
        return self.change(convert(images), transformation)

    def change(self, images, transformation, interpolation=None):
        return resize(
            images,
            (self.height, self.width),
            interpolation=interpolation or self.interpolation,
            antialias=self.antialias,
            crop_to_aspect_ratio=self.crop_to_aspect_ratio,
            pad_to_aspect_ratio=self.pad_to_aspect_ratio,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )


class CenterCrop(OneSize):
    """The middle `height` x `width` of images; smaller ones are cut to that ratio and resized.

    Source: Keras 3 `layers.CenterCrop`.
    """

    def __init__(self, height, width, data_format=None, **kwargs):
        super().__init__(height, width, data_format=data_format, **kwargs)

    def window(self, rows, columns):
        if rows >= self.height and columns >= self.width:
            return (rows - self.height) // 2, (columns - self.width) // 2, self.height, self.width
        return window(rows, columns, (self.height, self.width), True, False)

    def transform_images(self, images, transformation=None, training=True):
        images = convert(images)
        images = images if is_float(images.dtype) else convert(images, dtype=self._compute_dtype)
        return self.change(images, transformation)

    def change(self, images, transformation, interpolation=None):
        top, left, tall, wide = self.window(*self._rows_and_columns(images.shape))
        if (tall, wide) == (self.height, self.width):
            return crop_images(
                images,
                top_cropping=top,
                left_cropping=left,
                target_height=tall,
                target_width=wide,
                data_format=self.data_format,
            )
        return resize(
            images,
            (self.height, self.width),
            interpolation=interpolation or "bilinear",
            crop_to_aspect_ratio=True,
            data_format=self.data_format,
        )
