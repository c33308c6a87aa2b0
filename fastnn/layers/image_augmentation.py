"""Images changed at random while training: flipped, turned, moved, zoomed, brightened."""

import math

import numpy as np

from .. import ops, random
from ..engine.dtypes import is_float
from ..engine.variable import convert
from ..ops.image import affine_transform
from .data_format import standard_data_format
from .layer import Layer

_FILLS = ("reflect", "wrap", "constant", "nearest")
_INTERPOLATIONS = ("nearest", "bilinear")


def _range(layer, argument, factor, least=-1.0, most=1.0):
    """(lower, upper) of a factor: two numbers, or one for both directions, cut at `least`."""
    pair = (
        tuple(factor)
        if isinstance(factor, (tuple, list))
        else (max(-abs(factor), least), abs(factor))
        if isinstance(factor, (int, float))
        else ()
    )
    if len(pair) != 2 or min(pair) < least or max(pair) > most:
        raise ValueError(
            f"{layer}: `{argument}` must be a number, or two, from {least:g} to {most:g}, received {factor!r}"
        )
    return tuple(sorted(pair))


class _RandomImage(Layer):
    """The base: draws for each image of a batch; outside training, images pass as they are."""

    def __init__(self, seed, data_format, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.generator = random.SeedGenerator(seed)
        self.data_format = standard_data_format(type(self).__name__, data_format)

    def call(self, inputs, training=True):
        if len(inputs.shape) not in (3, 4):
            raise ValueError(
                f"{type(self).__name__} {self.name!r} takes an image of 3 axes or a batch of 4, received "
                f"shape {tuple(inputs.shape)}"
            )
        images = inputs if is_float(inputs.dtype) else convert(inputs, dtype=self.compute_dtype)
        return self._changed(images) if training else images

    def _count(self, images):
        return images.shape[0] if len(images.shape) == 4 else 1

    def _sides(self, images):
        """The axes of rows and columns."""
        rank = len(images.shape)
        return (rank - 2, rank - 1) if self.data_format == "channels_first" else (rank - 3, rank - 2)

    def _draw(self, images, limits):
        """A number an image, (images, 1)."""
        low, high = limits
        return random.uniform((self._count(images), 1), low, high, seed=self.generator, dtype="float32")

    def _each(self, images, numbers):
        """Numbers an image in a shape that broadcasts against the images."""
        return convert(
            ops.reshape(numbers, (self._count(images), 1, 1, 1)[4 - len(images.shape) :]), dtype=images.dtype
        )

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "seed": self.seed, "data_format": self.data_format}


class RandomFlip(_RandomImage):
    """Half of the images mirrored.

    Args:
        mode: "horizontal", "vertical" or "horizontal_and_vertical" (both at once).
    Source: Keras 3 `layers.RandomFlip`.
    """

    def __init__(self, mode="horizontal_and_vertical", seed=None, data_format=None, **kwargs):
        super().__init__(seed, data_format, **kwargs)
        if mode not in ("horizontal", "vertical", "horizontal_and_vertical"):
            raise ValueError(
                "RandomFlip: `mode` must be 'horizontal', 'vertical' or 'horizontal_and_vertical', received "
                f"{mode!r}"
            )
        self.mode = mode

    def _changed(self, images):
        chosen = self._each(images, ops.less_equal(self._draw(images, (0.0, 1.0)), 0.5))
        rows, columns = self._sides(images)
        axes = [axis for axis, word in ((columns, "horizontal"), (rows, "vertical")) if word in self.mode]
        return ops.where(ops.cast(chosen, "bool"), ops.flip(images, axis=tuple(axes)), images)

    def get_config(self):
        return {**super().get_config(), "mode": self.mode}


class _RandomWarp(_RandomImage):
    """The base of what moves pixels: a transformation (8 numbers) an image."""

    def __init__(self, fill_mode, interpolation, seed, fill_value, data_format, **kwargs):
        super().__init__(seed, data_format, **kwargs)
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

    def _changed(self, images):
        rows, columns = (images.shape[axis] for axis in self._sides(images))
        transform = ops.concatenate(self._transform(images, rows, columns), axis=1)
        transform = transform if len(images.shape) == 4 else ops.squeeze(transform, axis=0)
        return affine_transform(
            images,
            convert(transform, dtype=images.dtype),
            interpolation=self.interpolation,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )

    def get_config(self):
        return {
            **super().get_config(),
            "fill_mode": self.fill_mode,
            "fill_value": self.fill_value,
            "interpolation": self.interpolation,
        }


class RandomRotation(_RandomWarp):
    """Images turned about their centre.

    Args:
        factor: the most to turn, in whole turns: 0.1 is 36 degrees either way; or (lower, upper).
        fill_mode, fill_value: what is seen outside: "reflect", "wrap", "constant" or "nearest".
        interpolation: "bilinear" or "nearest".
    Source: Keras 3 `layers.RandomRotation`.
    """

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
        self.factor = _range("RandomRotation", "factor", factor)

    def _transform(self, images, rows, columns):
        return self.rotation(
            self._draw(images, [limit * 2 * math.pi for limit in self.factor]), rows, columns
        )

    @staticmethod
    def rotation(angle, rows, columns):
        """The columns of the transformation by angles (images, 1) in radians."""
        x, y = (columns - 1) / 2, (rows - 1) / 2
        cos, sin = ops.cos(angle), ops.sin(angle)
        zero = ops.zeros_like(angle)
        return [cos, -sin, x - x * cos + y * sin, sin, cos, y - x * sin - y * cos, zero, zero]

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


class RandomTranslation(_RandomWarp):
    """Images moved down and to the right by shares of their height and width.

    Args:
        height_factor, width_factor: the most to move either way, or (lower, upper).
        The others are as in RandomRotation.
    Source: Keras 3 `layers.RandomTranslation`.
    """

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
            _range("RandomTranslation", "height_factor", height_factor),
            _range("RandomTranslation", "width_factor", width_factor),
        )

    def _transform(self, images, rows, columns):
        down, right = (self._draw(images, limits) for limits in self._limits)
        zero, one = ops.zeros_like(down), ops.ones_like(down)
        return [one, zero, -(right * columns), zero, one, -(down * rows), zero, zero]

    def get_config(self):
        return {
            **super().get_config(),
            "height_factor": self.height_factor,
            "width_factor": self.width_factor,
        }


class RandomZoom(_RandomWarp):
    """Images made larger or smaller about their centre.

    Args:
        height_factor: the most to zoom either way: 0.2 shows 80% to 120% of the height; or (lower, upper).
        width_factor: the same for the width; None: as the height.
        The others are as in RandomRotation.
    Source: Keras 3 `layers.RandomZoom`.
    """

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
        self._tall = _range("RandomZoom", "height_factor", height_factor)
        self._wide = None if width_factor is None else _range("RandomZoom", "width_factor", width_factor)

    def _transform(self, images, rows, columns):
        tall = self._draw(images, [1.0 + limit for limit in self._tall])
        wide = tall if self._wide is None else self._draw(images, [1.0 + limit for limit in self._wide])
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

    def get_config(self):
        return {
            **super().get_config(),
            "height_factor": self.height_factor,
            "width_factor": self.width_factor,
        }


class RandomContrast(_RandomImage):
    """Images with more or less contrast: (x - mean) * draw + mean, a mean each channel.

    Args:
        factor: (lower, upper): draws from 1 - lower to 1 + upper; one number: from 1 to 1 + it.
        value_range: what results are cut to.
    Source: Keras 3 `layers.RandomContrast`.
    """

    def __init__(self, factor, value_range=(0, 255), seed=None, **kwargs):
        super().__init__(seed, kwargs.pop("data_format", None), **kwargs)
        self.factor = _range("RandomContrast", "factor", factor, least=0.0)
        self.value_range = value_range

    def _changed(self, images):
        drawn = self._each(images, self._draw(images, (1.0 - self.factor[0], 1.0 + self.factor[1])))
        mean = ops.mean(images, axis=self._sides(images), keepdims=True)
        return ops.clip((images - mean) * drawn + mean, *map(float, self.value_range))

    def get_config(self):
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}


class RandomBrightness(_RandomImage):
    """Images with a number added: a share, up to `factor` either way, of the range of values.

    Args:
        factor: from -1 to 1, or (lower, upper).
        value_range: the least and greatest value, which results are cut to.
    Source: Keras 3 `layers.RandomBrightness`.
    """

    def __init__(self, factor, value_range=(0, 255), seed=None, **kwargs):
        super().__init__(seed, kwargs.pop("data_format", None), **kwargs)
        self.factor = _range("RandomBrightness", "factor", factor)
        if not isinstance(value_range, (tuple, list)) or len(value_range) != 2:
            raise ValueError(f"RandomBrightness: `value_range` must be two numbers, received {value_range!r}")
        self.value_range = sorted(value_range)

    def _changed(self, images):
        low, high = self.value_range
        added = self._each(images, self._draw(images, self.factor)) * float(np.subtract(high, low))
        return ops.clip(images + added, float(low), float(high))

    def get_config(self):
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}
