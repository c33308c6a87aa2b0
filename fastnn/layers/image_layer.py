"""The base of layers that change images, and whatever belongs to them: labels, masks, boxes."""

from .. import ops, random
from ..engine import nest
from ..engine.dtypes import is_float
from ..engine.variable import convert
from ..ops.image.boxes import clip_to_image_size, convert_format
from .data_format import standard_data_format
from .layer import Layer


def factor_range(layer, argument, factor, least=-1.0, most=1.0, start=None):
    """(lower, upper) of a factor: two numbers in order, or one number f for start..f, by default -f..f cut at `least`.

    Raises:
        ValueError: neither, or out of least..most.
    """
    if isinstance(factor, (tuple, list)):
        pair = tuple(sorted(factor)) if len(factor) == 2 else ()
    elif isinstance(factor, (int, float)):
        pair = (max(-abs(factor), least), abs(factor)) if start is None else (start, factor)
    else:
        pair = ()
    if not pair or min(pair) < least or max(pair) > most:
        raise ValueError(
            f"{layer}: `{argument}` must be a number, or two, from {least:g} to {most:g}, received {factor!r}"
        )
    return pair


def checked_range(layer, value_range):
    """`value_range` in order, a list."""
    if not isinstance(value_range, (tuple, list)) or len(value_range) != 2:
        raise ValueError(f"{layer}: `value_range` must be two numbers, received {value_range!r}")
    return sorted(value_range)


class ImageLayer(Layer):
    """The base: called on an image (height, width, channels), a batch, or a dict of a batch and what belongs to it.

    A dict may hold "images", "labels", "segmentation_masks" and "bounding_boxes"; all are changed alike.
    A subclass says in `saved` which arguments its configuration holds, and computes in `change`.
    """

    saved = ()
    moves = False  # whether pixels change their places, so that masks must follow them

    def __init__(self, data_format=None, bounding_box_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = standard_data_format(type(self).__name__, data_format)
        self.bounding_box_format = bounding_box_format

    # ---- for subclasses

    def get_random_transformation(self, data, training=True, seed=None):
        """What is drawn for `data` (images, or a dict with "images"), a dict of tensors; None: nothing."""
        return None

    def change(self, images, transformation, interpolation=None):
        """A batch, floating, as `transformation` says. `interpolation`: "nearest" for masks, else None."""
        raise NotImplementedError

    def move_boxes(self, boxes, transformation, rows, columns):
        """Boxes (batch, boxes, 4), "xyxy", of images of rows x columns, moved as pixels are by a layer that `moves`.

        Raises:
            NotImplementedError: where pixels go cannot be said by boxes.
        """
        raise NotImplementedError(
            f"{type(self).__name__} {self.name!r} moves pixels, but not bounding boxes; leave 'bounding_boxes' "
            "out of its data"
        )

    # ---- one part of the data each

    def transform_images(self, images, transformation=None, training=True):
        """A batch of images changed; as they are where nothing was drawn, or outside training."""
        images = convert(images, dtype=self._compute_dtype)
        if not training:
            return images
        return convert(self.change(images, transformation), dtype=self._compute_dtype)

    def transform_labels(self, labels, transformation=None, training=True):
        """The labels that go with changed images."""
        return labels

    def transform_segmentation_masks(self, segmentation_masks, transformation=None, training=True):
        """Masks that lie over the images: moved as the images are."""
        if not training or not self.moves:
            return segmentation_masks
        masks = convert(segmentation_masks)
        floats = convert(masks, dtype=self._compute_dtype)
        return convert(self.change(floats, transformation, "nearest"), dtype=masks.dtype)

    def transform_bounding_boxes(self, bounding_boxes, transformation=None, training=True):
        """Boxes, a dict of "boxes" (batch, boxes, 4) and "labels", around what the images show now.

        They are cut to the image; the labels of those that are not seen any more are -1.
        """
        if not training or not self.moves or transformation is None:
            return bounding_boxes
        extents = self._rows_and_columns(transformation["input_shape"])
        boxes = convert_format(bounding_boxes["boxes"], self.bounding_box_format, "xyxy", *extents)
        moved = self.move_boxes(boxes, transformation, *extents)
        extents = self._extents_after(*extents)
        cut = clip_to_image_size({**bounding_boxes, "boxes": moved}, *extents)
        return convert_format(cut, "xyxy", self.bounding_box_format, *extents)

    # ---- one of each, not a batch

    def transform_single_image(self, image, transformation, training=True):
        """`transform_images` of one image."""
        return self._single(self.transform_images, image, transformation, training)

    def transform_single_label(self, label, transformation, training=True):
        """`transform_labels` of one image's."""
        return self._single(self.transform_labels, label, transformation, training)

    def transform_single_bounding_box(self, bounding_box, transformation, training=True):
        """`transform_bounding_boxes` of one image's: "boxes" (boxes, 4)."""
        return self._single(self.transform_bounding_boxes, bounding_box, transformation, training)

    def transform_single_segmentation_mask(self, segmentation_mask, transformation, training=True):
        """`transform_segmentation_masks` of one image's."""
        return self._single(self.transform_segmentation_masks, segmentation_mask, transformation, training)

    @staticmethod
    def _single(transform, part, transformation, training):
        made = transform(
            nest.map_leaves(lambda x: ops.expand_dims(x, axis=0), part), transformation, training=training
        )
        return nest.map_leaves(lambda x: ops.squeeze(x, axis=0), made)

    # ---- the call

    def call(self, data, training=True):
        images = data["images"] if isinstance(data, dict) else data
        rank = len(images.shape)
        if rank not in (3, 4):
            raise ValueError(
                f"{type(self).__name__} {self.name!r} takes an image of 3 axes or a batch of 4, received "
                f"shape {tuple(images.shape)}"
            )
        if rank == 4:
            return self._on_batch(data, training)
        one = nest.map_leaves(lambda x: ops.expand_dims(x, axis=0), data)
        return nest.map_leaves(lambda x: ops.squeeze(x, axis=0), self._on_batch(one, training))

    def _on_batch(self, data, training):
        transformation = self.get_random_transformation(data, training=training)
        if not isinstance(data, dict):
            return self.transform_images(data, transformation, training=training)
        if "bounding_boxes" in data and not self.bounding_box_format:
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: the data holds 'bounding_boxes', so the layer must be told "
                "their format, for instance bounding_box_format='xyxy'"
            )
        changed = dict(data)
        for key, transform in (
            ("images", self.transform_images),
            ("bounding_boxes", self.transform_bounding_boxes),
            ("labels", self.transform_labels),
            ("segmentation_masks", self.transform_segmentation_masks),
        ):
            if key in data:
                changed[key] = transform(data[key], transformation, training=training)
        return changed

    # ---- shapes

    def _sides(self, images):
        """The axes of rows and columns."""
        rank = len(images.shape)
        return (rank - 2, rank - 1) if self.data_format == "channels_first" else (rank - 3, rank - 2)

    def _rows_and_columns(self, shape):
        """(rows, columns) of images of this shape."""
        return tuple(shape[-2:] if self.data_format == "channels_first" else shape[-3:-1])

    def _extents_after(self, rows, columns):
        """(rows, columns) of changed images."""
        return rows, columns

    def _channel_axis(self, images):
        return len(images.shape) - (3 if self.data_format == "channels_first" else 1)

    def _scaled(self, images, source, target):
        """Values of the range `source` as ones of the range `target`."""
        if tuple(source) == tuple(target):
            return images
        return (images - float(source[0])) / (float(source[1]) - float(source[0])) * (
            float(target[1]) - float(target[0])
        ) + float(target[0])

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = {**super().get_config(), "data_format": self.data_format}
        if self.bounding_box_format is not None:
            config["bounding_box_format"] = self.bounding_box_format
        return {**config, **{name: getattr(self, name) for name in self.saved}}


class RandomImageLayer(ImageLayer):
    """The base of layers that draw: `draw` makes the transformation, for each image of a batch or for all."""

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.generator = random.SeedGenerator(seed)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        images = data["images"] if isinstance(data, dict) else data
        shape = tuple(images.shape)
        shape = shape if len(shape) == 4 else (1, *shape)
        drawn = self.draw(shape, self.generator if seed is None else seed)
        return {**drawn, "input_shape": shape} if self.moves and drawn is not None else drawn

    def draw(self, shape, seed):
        """The transformation, a dict of tensors, for a batch of this shape."""
        raise NotImplementedError

    def _uniform(self, shape, limits, seed):
        low, high = limits
        return random.uniform(shape, low, high, seed=seed, dtype="float32")

    def _chosen(self, count, factor, seed):
        """For each image whether it is changed, (count,) bool: with a probability drawn from the range `factor`."""
        limit = self._uniform((count,), factor, seed)
        return ops.less(self._uniform((count,), (0.0, 1.0), seed), limit)


def each(numbers, images):
    """One number (or truth value) an image in a shape and dtype that goes with a batch of images."""
    numbers = ops.reshape(numbers, (-1, 1, 1, 1))
    return numbers if not is_float(numbers.dtype) else convert(numbers, dtype=images.dtype)
