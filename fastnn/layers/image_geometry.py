"""Images cut, sheared, seen askew, deformed, erased in part or blurred at random while training."""

import numpy as np

from .. import ops, random
from ..engine.variable import convert
from ..ops.image import perspective_transform, resize
from ..ops.image.boxes import around_moved_corners
from ..ops.image.filters import blurred
from ..ops.image.layout import Images
from ..ops.image.resizing import window
from ..ops.image.warping import ORDERS, deformed, homography
from .image_augmentation import RandomWarp
from .image_layer import RandomImageLayer, each, factor_range
from .image_sizes import OneSize


class RandomCrop(OneSize, RandomImageLayer):
    """A piece of `height` x `width` of the images, the same of all images of a batch.

    Outside training, and where images are too small, it is the largest window of that ratio in the middle, resized.
    Source: Keras 3 `layers.RandomCrop`.
    """

    saved = ("height", "width", "seed")

    def __init__(self, height, width, seed=None, data_format=None, name=None, **kwargs):
        super().__init__(height, width, seed=seed, data_format=data_format, name=name, **kwargs)
        self.seed = seed if seed is not None else random.make_default_seed()

    def get_random_transformation(self, data, training=True, seed=None):
        transformation = OneSize.get_random_transformation(self, data)
        rows, columns = self._rows_and_columns(transformation["input_shape"])
        if not training or rows <= self.height or columns <= self.width:
            return {**transformation, "window": self.window(rows, columns)}
        seed = self.generator if seed is None else seed
        spare = float(rows - self.height + 1), float(columns - self.width + 1)
        drawn = [ops.cast(random.uniform((), 0.0, most, seed=seed), "int32") for most in spare]
        return {**transformation, "window": (*drawn, self.height, self.width)}

    def window(self, rows, columns):
        return window(rows, columns, (self.height, self.width), True, False)

    def change(self, images, transformation, interpolation=None):
        top, left, *extents = transformation["window"]
        for axis, first, count in zip(self._sides(images), (top, left), extents):
            if not isinstance(first, int) or first or count != images.shape[axis]:
                images = ops.take(images, convert(np.arange(count, dtype="int32")) + first, axis=axis)
        if tuple(images.shape[axis] for axis in self._sides(images)) == (self.height, self.width):
            return images
        return resize(
            images,
            (self.height, self.width),
            interpolation=interpolation or "bilinear",
            data_format=self.data_format,
        )


class RandomShear(RandomWarp):
    """Images sheared along both axes.

    Args:
        x_factor, y_factor: the most to shear, from 0 to 1; one number, or (lower, upper). Directions are drawn.
        The others are as in RandomRotation.
    Source: Keras 3 `layers.RandomShear`.
    """

    saved = (*RandomWarp.saved, "x_factor", "y_factor")

    def __init__(
        self,
        x_factor=0.0,
        y_factor=0.0,
        interpolation="bilinear",
        fill_mode="reflect",
        fill_value=0.0,
        data_format=None,
        seed=None,
        **kwargs,
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.x_factor, self.y_factor = (
            (-abs(factor_range("RandomShear", name, given, 0.0, start=0)[1]), abs(given))
            if isinstance(given, (int, float))
            else factor_range("RandomShear", name, given, -1.0)
            for name, given in (("x_factor", x_factor), ("y_factor", y_factor))
        )

    def draw(self, shape, seed):
        signs = self._uniform((shape[0], 1), (0.0, 1.0), seed)
        signs = ops.where(ops.greater(signs, 0.5), convert(-1.0), convert(1.0))
        down = self._uniform((shape[0], 1), self.y_factor, seed)
        right = self._uniform((shape[0], 1), self.x_factor, seed)
        return {"shear_factor": ops.concatenate([right, down], axis=1) * signs}

    def matrix(self, transformation, rows, columns):
        right, down = ops.split(transformation["shear_factor"], 2, axis=1)
        zero, one = ops.zeros_like(down), ops.ones_like(down)
        return [one, right, zero, down, one, zero, zero, zero]


class RandomPerspective(RandomImageLayer):
    """Images seen askew: their corners are moved.

    Args:
        factor: how probable that is for an image: one number, or (lower, upper) to draw it from.
        scale: how far corners move, from 0 to 1.
        interpolation: "bilinear" or "nearest".
        fill_value: what is seen outside.
    Source: Keras 3 `layers.RandomPerspective`.
    """

    saved = ("factor", "scale", "interpolation", "fill_value", "seed")
    moves = True

    def __init__(
        self,
        factor=1.0,
        scale=1.0,
        interpolation="bilinear",
        fill_value=0.0,
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(seed, data_format=data_format, **kwargs)
        self.factor = factor_range("RandomPerspective", "factor", factor, least=0.0)
        if not 0 <= scale <= 1:
            raise ValueError(f"RandomPerspective: `scale` must be from 0 to 1, received {scale}")
        if interpolation not in ORDERS:
            raise ValueError(
                f"RandomPerspective: `interpolation` must be 'nearest' or 'bilinear', received {interpolation!r}"
            )
        self.scale, self.interpolation, self.fill_value = scale, interpolation, fill_value

    def draw(self, shape, seed):
        rows, columns = shape[1:3] if self.data_format == "channels_last" else shape[2:4]
        chosen = self._chosen(shape[0], self.factor, seed)
        moved = self._uniform((shape[0], 4, 2), (-0.5 * self.scale, 0.5 * self.scale), seed)
        corners = [[0, 0], [columns - 1, 0], [0, rows - 1], [columns - 1, rows - 1]]
        start = convert(np.tile(np.array(corners, "float32"), (shape[0], 1, 1)))
        return {"apply_perspective": chosen, "start_points": start, "end_points": start + start * moved}

    def change(self, images, transformation, interpolation=None):
        if transformation is None:
            return images
        seen = perspective_transform(
            images,
            transformation["start_points"],
            transformation["end_points"],
            interpolation=interpolation or self.interpolation,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )
        return ops.where(each(transformation["apply_perspective"], images), seen, images)

    def move_boxes(self, boxes, transformation, rows, columns):
        start, end = transformation["start_points"], transformation["end_points"]
        parts = [ops.reshape(part, (-1, 1, 1)) for part in ops.split(homography(end, start), 8, axis=-1)]

        def place(x, y):
            x, y = x - 0.5, y - 0.5  # from edges to the middles of pixels
            below = parts[6] * x + parts[7] * y + 1.0
            return tuple((a * x + b * y + c) / below + 0.5 for a, b, c in (parts[:3], parts[3:6]))

        chosen = ops.reshape(transformation["apply_perspective"], (-1, 1, 1))
        return ops.where(chosen, around_moved_corners(place, boxes), boxes)


class RandomElasticTransform(RandomImageLayer):
    """Images deformed as if printed on rubber.

    Args:
        factor: how probable that is for an image: one number, or (lower, upper) to draw it from.
        scale: how much, from 0 to 1, or (lower, upper).
        interpolation, fill_mode, fill_value: as in RandomRotation.
        value_range: what results are cut to.
    Source: Keras 3 `layers.RandomElasticTransform`.
    """

    saved = ("factor", "scale", "interpolation", "fill_mode", "fill_value", "value_range", "seed")
    moves = True

    def __init__(
        self,
        factor=1.0,
        scale=1.0,
        interpolation="bilinear",
        fill_mode="reflect",
        fill_value=0.0,
        value_range=(0, 255),
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(seed, data_format=data_format, **kwargs)
        self.factor = factor_range("RandomElasticTransform", "factor", factor, least=0.0)
        self.scale = factor_range("RandomElasticTransform", "scale", scale, least=0.0)
        for argument, given, choices in (
            ("interpolation", interpolation, tuple(ORDERS)),
            ("fill_mode", fill_mode, ("constant", "nearest", "wrap", "mirror", "reflect")),
        ):
            if given not in choices:
                raise ValueError(
                    f"RandomElasticTransform: `{argument}` must be one of {', '.join(map(repr, choices))}, "
                    f"received {given!r}"
                )
        self.interpolation, self.fill_mode, self.fill_value = interpolation, fill_mode, fill_value
        self.value_range = value_range

    def draw(self, shape, seed):
        if not self.scale[1] or not self.factor[1]:
            return None
        return {
            "apply_transform": self._chosen(shape[0], self.factor, seed),
            "distortion_factor": self._uniform((), self.scale, seed),
            "noise": self._uniform((*self._extents(shape), 2), (-1.0, 1.0), seed),
        }

    def _extents(self, shape):
        return (shape[0], *(shape[2:4] if self.data_format == "channels_first" else shape[1:3]))

    def change(self, images, transformation, interpolation=None):
        if transformation is None:
            return images
        given = Images("RandomElasticTransform", images, self.data_format)
        rows, columns = given.batch.shape[1:3]
        factor = convert(transformation["distortion_factor"], dtype=images.dtype)
        made = deformed(
            given.batch,
            convert(transformation["noise"], dtype=images.dtype),
            alpha=factor * (0.1 * max(rows, columns)),
            sigma=ops.maximum(factor * (0.05 * min(rows, columns)), 1e-6),
            size=int(6 * 0.05 * min(rows, columns) * self.scale[1]) | 1,
            order=ORDERS[interpolation or self.interpolation],
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
        )
        made = ops.where(each(transformation["apply_transform"], images), given.back(made), images)
        return made if interpolation else ops.clip(made, *map(float, self.value_range))


def crop_bounds(count, extent, share, seed):
    """Where pieces of share * extent pixels begin and end, (count,) each, their places drawn."""
    length = share * float(extent)
    start = random.uniform((count,), 0.0, 1.0, seed=seed, dtype="float32") * (float(extent) - length)
    return start, start + length


def box_masks(shape, data_format, x, y):
    """Whether each pixel of each image lies in its box x[0]..x[1], y[0]..y[1]; goes with a batch of `shape`."""
    first = data_format == "channels_first"
    rows, columns = shape[2:4] if first else shape[1:3]
    down = np.arange(rows, dtype="float32").reshape((1, 1, rows, 1) if first else (1, rows, 1, 1))
    right = np.arange(columns, dtype="float32").reshape((1, 1, 1, columns) if first else (1, 1, columns, 1))
    inside = None
    for at, (start, end) in ((convert(right), x), (convert(down), y)):
        start, end = (ops.reshape(limit, (-1, 1, 1, 1)) for limit in (start, end))
        within = ops.logical_and(ops.greater_equal(at, start), ops.less(at, end))
        inside = within if inside is None else ops.logical_and(inside, within)
    return inside


class RandomErasing(RandomImageLayer):
    """A box in some images painted over.

    Args:
        factor: how probable that is for an image: one number, or (lower, upper) to draw it from.
        scale: the squares of the box's sides, as shares of the image's: (lower, upper).
        fill_value: the colour, a number or three; None: noise.
        value_range: the least and greatest value of the images.
    Source: Keras 3 `layers.RandomErasing`; Zhong et al., Random Erasing Data Augmentation, AAAI 2020.
    """

    saved = ("factor", "scale", "fill_value", "value_range", "seed")

    def __init__(
        self,
        factor=1.0,
        scale=(0.02, 0.33),
        fill_value=None,
        value_range=(0, 255),
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(seed, data_format=data_format, **kwargs)
        self.factor = factor_range("RandomErasing", "factor", factor, least=0.0)
        self.scale = factor_range("RandomErasing", "scale", scale, least=0.0)
        if not (fill_value is None or isinstance(fill_value, (int, float)) or len(fill_value) == 3):
            raise ValueError(
                f"RandomErasing: `fill_value` must be a number or three, received {fill_value!r}"
            )
        self.fill_value, self.value_range = fill_value, value_range

    def draw(self, shape, seed):
        rows, columns = shape[2:4] if self.data_format == "channels_first" else shape[1:3]
        share = ops.sqrt(self._uniform((shape[0], 2), self.scale, seed))
        x = crop_bounds(shape[0], columns, share[:, 0], seed)
        y = crop_bounds(shape[0], rows, share[:, 1], seed)
        chosen = self._chosen(shape[0], self.factor, seed)
        low, high = map(float, self.value_range)
        if self.fill_value is None:
            fill = random.normal(shape, seed=seed, dtype="float32") * high
        else:
            fill = np.asarray(self.fill_value, "float32")
            if fill.ndim and self.data_format == "channels_first":
                fill = fill.reshape(3, 1, 1)
            fill = convert(np.broadcast_to(fill, shape).copy())
        return {
            "apply_erasing": chosen,
            "batch_masks": box_masks(shape, self.data_format, x, y),
            "fill_value": ops.clip(fill, low, high),
        }

    def change(self, images, transformation, interpolation=None):
        painted = ops.logical_and(
            transformation["batch_masks"], each(transformation["apply_erasing"], images)
        )
        return ops.where(painted, convert(transformation["fill_value"], dtype=images.dtype), images)


class RandomGaussianBlur(RandomImageLayer):
    """Some images blurred by a Gaussian.

    Args:
        factor: how probable that is for an image: one number, or (lower, upper) to draw it from.
        kernel_size: pixels of the Gaussian's window, an odd number or two.
        sigma: its width in pixels, drawn from 0 to this, at most 1; or (lower, upper).
        value_range: what results are cut to.
    Source: Keras 3 `layers.RandomGaussianBlur`.
    """

    saved = ("factor", "kernel_size", "sigma", "value_range", "seed")

    def __init__(
        self,
        factor=1.0,
        kernel_size=3,
        sigma=1.0,
        value_range=(0, 255),
        data_format=None,
        seed=None,
        **kwargs,
    ):
        super().__init__(seed, data_format=data_format, **kwargs)
        self.factor = factor_range("RandomGaussianBlur", "factor", factor, least=0.0)
        self.sigma = factor_range("RandomGaussianBlur", "sigma", sigma, least=0.0)
        sizes = tuple(kernel_size) if isinstance(kernel_size, (tuple, list)) else (kernel_size, kernel_size)
        if len(sizes) != 2 or any(size % 2 == 0 for size in sizes):
            raise ValueError(
                f"RandomGaussianBlur: `kernel_size` must be an odd number or two, received {kernel_size!r}"
            )
        self.kernel_size, self.value_range = sizes, value_range

    def draw(self, shape, seed):
        chosen = self._chosen(shape[0], self.factor, seed)
        return {"should_apply_blur": chosen, "blur_factor": self._uniform((2,), self.sigma, seed) + 1e-6}

    def change(self, images, transformation, interpolation=None):
        if transformation is None:
            return images
        given = Images("RandomGaussianBlur", images, self.data_format)
        width = transformation["blur_factor"]
        soft = given.back(blurred(given.batch, self.kernel_size, [width[0], width[1]]))
        images = ops.where(each(transformation["should_apply_blur"], images), soft, images)
        return ops.clip(images, *map(float, self.value_range))
