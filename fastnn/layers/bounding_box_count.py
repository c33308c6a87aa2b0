"""MaxNumBoundingBoxes: as many boxes for every image."""

from .. import ops
from ..engine.variable import convert
from .image_layer import ImageLayer


class MaxNumBoundingBoxes(ImageLayer):
    """Boxes (batch, boxes, 4) and their labels (batch, boxes) cut or filled to `max_number` of them.

    Args:
        max_number: how many boxes an image has then.
        fill_value: what boxes and labels are filled with.
    Source: Keras 3 `layers.MaxNumBoundingBoxes`.
    """

    saved = ("max_number",)

    def __init__(self, max_number, fill_value=-1, **kwargs):
        super().__init__(**kwargs)
        self.max_number, self.fill_value = int(max_number), int(fill_value)

    def transform_images(self, images, transformation=None, training=True):
        return images

    def transform_bounding_boxes(self, bounding_boxes, transformation=None, training=True):
        boxes = {key: convert(bounding_boxes[key]) for key in ("boxes", "labels")}
        missing = max(self.max_number - boxes["boxes"].shape[1], 0)
        filled = dict(bounding_boxes)
        for key, x in boxes.items():
            widths = [(0, 0), (0, missing), (0, 0)][: len(x.shape)]
            filled[key] = ops.pad(x[:, : self.max_number], widths, constant_values=self.fill_value)
        return filled

    def compute_output_shape(self, input_shape):
        if not isinstance(input_shape, dict) or "bounding_boxes" not in input_shape:
            return input_shape
        boxes = input_shape["bounding_boxes"]
        cut = {key: (shape[0], self.max_number, *shape[2:]) for key, shape in boxes.items()}
        return {**input_shape, "bounding_boxes": cut}
