"""Images changed at random while training: flipped, turned, moved, zoomed, brightened."""

import math

from .. import ops
from ..engine.variable import convert
from ..ops.image import affine_transform
from ..ops.image.boxes import around_moved_corners, edges_of
from .image_layer import RandomImageLayer, checked_range, each, factor_range

_FILLS = ("reflect", "wrap", "constant", "nearest")
_INTERPOLATIONS = ("nearest", "bilinear")


class RandomFlip(RandomImageLayer):
    """Half of the images mirrored.

    Args:
        mode: "horizontal", "vertical" or "horizontal_and_vertical" (both at once).
    Source: Keras 3 `layers.RandomFlip`.
    """

    saved = ("seed", "mode")
    moves = True

    def __init__(self, mode="horizontal_and_vertical", seed=None, data_format=None, **kwargs):
        super().__init__(seed, data_format=data_format, **kwargs)
        if mode not in ("horizontal", "vertical", "horizontal_and_vertical"):
            raise ValueError(
                "RandomFlip: `mode` must be 'horizontal', 'vertical' or 'horizontal_and_vertical', received "
                f"{mode!r}"
            )
        self.mode = mode

    def draw(self, shape, seed):
        return {"flips": ops.less_equal(self._uniform((shape[0], 1, 1, 1), (0.0, 1.0), seed), 0.5)}

    def change(self, images, transformation, interpolation=None):
        if transformation is None:
            return images
        rows, columns = self._sides(images)
        axes = [axis for axis, word in ((columns, "horizontal"), (rows, "vertical")) if word in self.mode]
        return ops.where(transformation["flips"], ops.flip(images, axis=tuple(axes)), images)

    def move_boxes(self, boxes, transformation, rows, columns):
        left, top, right, bottom = edges_of(boxes)
        if "horizontal" in self.mode:
            left, right = columns - right, columns - left
        if "vertical" in self.mode:
            top, bottom = rows - bottom, rows - top
        flipped = ops.concatenate([left, top, right, bottom], axis=-1)
        return ops.where(ops.reshape(transformation["flips"], (-1, 1, 1)), flipped, boxes)


class RandomWarp(RandomImageLayer):
    """The base of what moves pixels: a transformation (8 numbers) an image."""

    saved = ("seed", "fill_mode", "fill_value", "interpolation")
    moves = True

    def __init__(self, fill_mode, interpolation, seed, fill_value, data_format, **kwargs):
        super().__init__(seed, data_format=data_format, **kwargs)
        for argument, given, choices in (
            ("fill_mode", fill_mode, _FILLS),
            ("interpolation", interpolation, _INTERPOLATIONS),
        ):
            if given not in choices:
                raise ValueError(
                    f"{type(self).__name__}: `{argument}` must be one of {', '.join(map(repr, choices))}, "
                    f"received {given!r}"
                )
        self.fill_mode, self.interpolation, self.fill_value = fill_mode, interpolation, fill_value

    def change(self, images, transformation, interpolation=None):
        if transformation is None:
            return images
        rows, columns = (images.shape[axis] for axis in self._sides(images))
        parts = [ops.reshape(part, (-1, 1)) for part in self.matrix(transformation, rows, columns)]
        return affine_transform(
            images,
            convert(ops.concatenate(parts, axis=1), dtype=images.dtype),
            interpolation=interpolation or self.interpolation,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )

    def move_boxes(self, boxes, transformation, rows, columns):
        a, b, c, d, e, f, _, _ = (
            ops.reshape(part, (-1, 1, 1)) for part in self.matrix(transformation, rows, columns)
        )
        area = a * e - b * d

        def place(x, y):  # the matrix says what is seen at a pixel, so it is its inverse that moves
            x, y = x - 0.5 - c, y - 0.5 - f  # from edges to the middles of pixels
            return (e * x - b * y) / area + 0.5, (a * y - d * x) / area + 0.5

        return around_moved_corners(place, boxes)

    def matrix(self, transformation, rows, columns):
        """The 8 numbers of the transformation of images of rows x columns, each (batch,) or (batch, 1)."""
        raise NotImplementedError


class RandomRotation(RandomWarp):
    """Images turned about their centre.

    Args:
        factor: the most to turn, in whole turns: 0.1 is 36 degrees either way; or (lower, upper).
        fill_mode, fill_value: what is seen outside: "reflect", "wrap", "constant" or "nearest".
        interpolation: "bilinear" or "nearest".
    Source: Keras 3 `layers.RandomRotation`.
    """

    saved = (*RandomWarp.saved, "factor")

    def __init__(
        self,
        factor,
        fill_mode="reflect",
        interpolation="bilinear",
        seed=None,
        fill_value=0.0,
        data_format=None,
        **kwargs,
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.factor = factor_range("RandomRotation", "factor", factor)

    def draw(self, shape, seed):
        return {
            "angle": self._uniform((shape[0],), [360.0 * limit for limit in self.factor], seed)
        }  # degrees

    def matrix(self, transformation, rows, columns):
        return self.rotation(transformation["angle"] * (math.pi / 180.0), rows, columns)

    @staticmethod
    def rotation(angle, rows, columns):
        """The numbers of the transformation by angles in radians."""
        x, y = (columns - 1) / 2, (rows - 1) / 2
        cos, sin = ops.cos(angle), ops.sin(angle)
        zero = ops.zeros_like(angle)
        return [cos, -sin, x - x * cos + y * sin, sin, cos, y - x * sin - y * cos, zero, zero]


class RandomTranslation(RandomWarp):
    """Images moved down and to the right by shares of their height and width.

    Args:
        height_factor, width_factor: the most to move either way, or (lower, upper).
        The others are as in RandomRotation.
    Source: Keras 3 `layers.RandomTranslation`.
    """

    saved = (*RandomWarp.saved, "height_factor", "width_factor")

    def __init__(
        self,
        height_factor,
        width_factor,
        fill_mode="reflect",
        interpolation="bilinear",
        seed=None,
        fill_value=0.0,
        data_format=None,
        **kwargs,
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._limits = (
            factor_range("RandomTranslation", "height_factor", height_factor),
            factor_range("RandomTranslation", "width_factor", width_factor),
        )

    def draw(self, shape, seed):
        down, right = (self._uniform((shape[0], 1), limits, seed) for limits in self._limits)
        return {"height_translations": down, "width_translations": right}

    def matrix(self, transformation, rows, columns):
        down, right = transformation["height_translations"], transformation["width_translations"]
        zero, one = ops.zeros_like(down), ops.ones_like(down)
        return [one, zero, -(right * columns), zero, one, -(down * rows), zero, zero]


class RandomZoom(RandomWarp):
    """Images made larger or smaller about their centre.

    Args:
        height_factor: the most to zoom either way: 0.2 shows 80% to 120% of the height; or (lower, upper).
        width_factor: the same for the width; None: as the height.
        The others are as in RandomRotation.
    Source: Keras 3 `layers.RandomZoom`.
    """

    saved = (*RandomWarp.saved, "height_factor", "width_factor")

    def __init__(
        self,
        height_factor,
        width_factor=None,
        fill_mode="reflect",
        interpolation="bilinear",
        seed=None,
        fill_value=0.0,
        data_format=None,
        **kwargs,
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._tall = factor_range("RandomZoom", "height_factor", height_factor)
        self._wide = (
            None if width_factor is None else factor_range("RandomZoom", "width_factor", width_factor)
        )

    def draw(self, shape, seed):
        tall = self._uniform((shape[0], 1), [1.0 + limit for limit in self._tall], seed)
        wide = (
            tall if self._wide is None else self._uniform((shape[0], 1), [1.0 + i for i in self._wide], seed)
        )
        return {"height_zooms": tall, "width_zooms": wide}

    def matrix(self, transformation, rows, columns):
        tall, wide = transformation["height_zooms"], transformation["width_zooms"]
        zero = ops.zeros_like(tall)
        return [
            wide,
            zero,
            (columns - 1) / 2 * (1.0 - wide),
            zero,
            tall,
            (rows - 1) / 2 * (1.0 - tall),
            zero,
            zero,
        ]


class RandomContrast(RandomImageLayer):
    """Images with more or less contrast: (x - mean) * draw + mean, a mean each channel.

    Args:
        factor: (lower, upper): draws from 1 - lower to 1 + upper; one number: from 1 to 1 + it.
        value_range: what results are cut to.
    Source: Keras 3 `layers.RandomContrast`.
    """

    saved = ("seed", "factor", "value_range")

    def __init__(self, factor, value_range=(0, 255), seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        self.factor = factor_range("RandomContrast", "factor", factor, least=0.0)
        self.value_range = value_range

    def draw(self, shape, seed):
        limits = (1.0 - self.factor[0], 1.0 + self.factor[1])
        return {"contrast_factor": self._uniform((shape[0], 1, 1, 1), limits, seed)}

    def change(self, images, transformation, interpolation=None):
        factor = each(transformation["contrast_factor"], images)
        mean = ops.mean(images, axis=self._sides(images), keepdims=True)
        return ops.clip((images - mean) * factor + mean, *map(float, self.value_range))


class RandomBrightness(RandomImageLayer):
    """Images with a number added: a share, up to `factor` either way, of the range of values.

    Args:
        factor: from -1 to 1, or (lower, upper).
        value_range: the least and greatest value, which results are cut to.
    Source: Keras 3 `layers.RandomBrightness`.
    """

    saved = ("seed", "factor", "value_range")

    def __init__(self, factor, value_range=(0, 255), seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        self.factor = factor_range("RandomBrightness", "factor", factor)
        self.value_range = checked_range("RandomBrightness", value_range)

    def draw(self, shape, seed):
        low, high = self.value_range
        return {"rgb_delta": self._uniform((shape[0], 1, 1, 1), self.factor, seed) * float(high - low)}

    def change(self, images, transformation, interpolation=None):
        return ops.clip(images + each(transformation["rgb_delta"], images), *map(float, self.value_range))
