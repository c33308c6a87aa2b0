"""Images whose colours are changed at random while training."""

import numpy as np

from .. import ops, random
from ..engine import settings
from ..engine.variable import convert
from ..ops.image import hsv_to_rgb, rgb_to_grayscale, rgb_to_hsv
from .image_augmentation import RandomBrightness, RandomContrast
from .image_layer import RandomImageLayer, checked_range, each, factor_range


def _signs(count, uniform):
    """-1 or 1 for each image, from uniform draws in 0..1."""
    return ops.where(ops.greater(uniform, 0.5), convert(-1.0), convert(1.0))


class RandomHue(RandomImageLayer):
    """Colours turned about the colour circle, half of the images one way, half the other.

    Args:
        factor: how far, from 0 to 1, which is half a turn; one number, or (lower, upper).
        value_range: the least and greatest value of the images.
    Source: Keras 3 `layers.RandomHue`.
    """

    saved = ("seed", "factor", "value_range")

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(seed, data_format=data_format, **kwargs)
        self.factor = factor_range("RandomHue", "factor", factor, least=0.0)
        self.value_range = value_range

    def draw(self, shape, seed):
        signs = _signs(shape[0], self._uniform((shape[0],), (0.0, 1.0), seed))
        return {"factor": signs * self._uniform((shape[0],), self.factor, seed) * 0.5}

    def change(self, images, transformation, interpolation=None):
        images = rgb_to_hsv(self._scaled(images, self.value_range, (0, 1)), data_format=self.data_format)
        hue, saturation, value = ops.split(images, 3, axis=self._channel_axis(images))
        hue = hue + each(transformation["factor"], images)
        hue = ops.where(ops.greater(hue, 1.0), hue - 1.0, hue)
        hue = ops.where(ops.less(hue, 0.0), hue + 1.0, hue)
        images = ops.concatenate([hue, saturation, value], axis=self._channel_axis(images))
        images = ops.clip(hsv_to_rgb(images, data_format=self.data_format), 0.0, 1.0)
        return self._scaled(images, (0, 1), self.value_range)


class RandomSaturation(RandomImageLayer):
    """Colours made paler or stronger.

    Args:
        factor: 0 gives grey, 0.5 leaves images as they are, 1 the strongest; one number (from 0), or (lower, upper).
        value_range: the least and greatest value of the images.
    Source: Keras 3 `layers.RandomSaturation`.
    """

    saved = ("seed", "factor", "value_range")

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(seed, data_format=data_format, **kwargs)
        self.factor = factor_range("RandomSaturation", "factor", factor)
        self.value_range = checked_range("RandomSaturation", value_range)

    def draw(self, shape, seed):
        factor = self._uniform((shape[0],), self.factor, seed)
        return {"factor": factor / (1.0 - factor + settings.epsilon())}

    def change(self, images, transformation, interpolation=None):
        axis = self._channel_axis(images)
        images = rgb_to_hsv(images, data_format=self.data_format)
        hue, saturation, value = ops.split(images, 3, axis=axis)
        low, high = map(float, self.value_range)
        saturation = ops.clip(saturation * each(transformation["factor"], images), low, high)
        return hsv_to_rgb(ops.concatenate([hue, saturation, value], axis=axis), data_format=self.data_format)


class RandomColorDegeneration(RandomImageLayer):
    """Images mixed with their grey forms.

    Args:
        factor: the share of grey; one number, or (lower, upper).
        value_range: what results are cut to.
    Source: Keras 3 `layers.RandomColorDegeneration`.
    """

    saved = ("seed", "factor", "value_range")

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(seed, data_format=data_format, **kwargs)
        self.factor = factor_range("RandomColorDegeneration", "factor", factor)
        self.value_range = checked_range("RandomColorDegeneration", value_range)

    def draw(self, shape, seed):
        return {"factor": self._uniform((shape[0], 1, 1, 1), self.factor, seed)}

    def change(self, images, transformation, interpolation=None):
        grey = rgb_to_grayscale(images, data_format=self.data_format)
        images = images + each(transformation["factor"], images) * (grey - images)
        return ops.clip(images, *map(float, self.value_range))


class RandomColorJitter(RandomImageLayer):
    """Random brightness, contrast, saturation and hue, one after another.

    Args:
        value_range: the least and greatest value of the images.
        brightness_factor, contrast_factor, saturation_factor, hue_factor: as in the layers of these names; None: not.
    Source: Keras 3 `layers.RandomColorJitter`.
    """

    saved = ("value_range", "brightness_factor", "contrast_factor", "saturation_factor", "hue_factor", "seed")

    def __init__(
        self,
        value_range=(0, 255),
        brightness_factor=None,
        contrast_factor=None,
        saturation_factor=None,
        hue_factor=None,
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(seed, data_format=data_format, **kwargs)
        self.value_range = value_range
        self.brightness_factor, self.contrast_factor = brightness_factor, contrast_factor
        self.saturation_factor, self.hue_factor = saturation_factor, hue_factor
        self._steps = [
            kind(factor, value_range=value_range, data_format=data_format)
            for kind, factor in (
                (RandomBrightness, brightness_factor),
                (RandomContrast, contrast_factor),
                (RandomSaturation, saturation_factor),
                (RandomHue, hue_factor),
            )
            if factor is not None
        ]

    def draw(self, shape, seed):
        return {str(i): step.draw(shape, seed) for i, step in enumerate(self._steps)}

    def change(self, images, transformation, interpolation=None):
        for i, step in enumerate(self._steps):
            images = step.change(images, transformation[str(i)])
        return images


class RandomGrayscale(RandomImageLayer):
    """Some images turned grey, in as many channels.

    Args:
        factor: how probable that is for an image.
    Source: Keras 3 `layers.RandomGrayscale`.
    """

    saved = ("factor",)

    def __init__(self, factor=0.5, data_format=None, seed=None, **kwargs):
        super().__init__(seed, data_format=data_format, **kwargs)
        if not 0 <= factor <= 1:
            raise ValueError(f"RandomGrayscale: `factor` must be from 0 to 1, received {factor}")
        self.factor = factor

    def draw(self, shape, seed):
        return ops.less(self._uniform((shape[0], 1, 1, 1), (0.0, 1.0), seed), float(self.factor))

    def change(self, images, transformation, interpolation=None):
        grey = rgb_to_grayscale(images, data_format=self.data_format)
        return ops.where(transformation, grey, images)


class RandomInvert(RandomImageLayer):
    """Some images turned into their negatives.

    Args:
        factor: how probable that is: one number, or (lower, upper) to draw it from.
        value_range: the least and greatest value of the images.
    Source: Keras 3 `layers.RandomInvert`.
    """

    saved = ("seed", "factor", "value_range")

    def __init__(self, factor=1.0, value_range=(0, 255), seed=None, data_format=None, **kwargs):
        super().__init__(seed, data_format=data_format, **kwargs)
        self.factor = factor_range("RandomInvert", "factor", factor, least=0.0)
        self.value_range = value_range

    def draw(self, shape, seed):
        return {"apply_inversion": self._chosen(shape[0], self.factor, seed)}

    def change(self, images, transformation, interpolation=None):
        chosen = each(transformation["apply_inversion"], images)
        return ops.where(chosen, float(self.value_range[1]) - images, images)


class RandomPosterization(RandomImageLayer):
    """Images with fewer shades: of each value only the uppermost bits are kept.

    Args:
        factor: how many bits, 1 to 8; or (lower, upper).
        value_range: the least and greatest value of the images.
    Source: Keras 3 `layers.RandomPosterization`.
    """

    saved = ("seed", "factor", "value_range")

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(seed, data_format=data_format, **kwargs)
        self.factor = factor_range("RandomPosterization", "factor", factor, least=1, most=8)
        self.value_range = checked_range("RandomPosterization", value_range)

    def draw(self, shape, seed):
        low, high = self.factor
        if low == high:
            return {"shift_factor": convert(np.full(shape[0], 8 - low, "int32"))}
        return {"shift_factor": 8 - random.randint((shape[0],), low, high, seed=seed, dtype="int32")}

    def change(self, images, transformation, interpolation=None):
        shift = ops.reshape(convert(transformation["shift_factor"], dtype="int32"), (-1, 1, 1, 1))
        values = ops.cast(ops.cast(self._scaled(images, self.value_range, (0, 255)), "uint8"), "int32")
        kept = ops.left_shift(ops.right_shift(values, shift), shift)
        return self._scaled(convert(kept, dtype=images.dtype), (0, 255), self.value_range)


class RandomSharpness(RandomImageLayer):
    """Images made sharper or softer.

    Args:
        factor: 0 is the softest, 0.5 leaves images as they are, 1 the sharpest; one number (from 0), or (lower, upper).
        value_range: what results are cut to.
    Source: Keras 3 `layers.RandomSharpness`.
    """

    saved = ("seed", "factor", "value_range")

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(seed, data_format=data_format, **kwargs)
        self.factor = factor_range("RandomSharpness", "factor", factor, least=0.0)
        self.value_range = checked_range("RandomSharpness", value_range)

    def draw(self, shape, seed):
        return {"factor": self._uniform((shape[0],), self.factor, seed)}

    def change(self, images, transformation, interpolation=None):
        first = self.data_format == "channels_first"
        images = ops.swapaxes(images, -3, -1) if first else images
        kernel = np.full((3, 3, images.shape[-1], 1), 1 / 13)
        kernel[1, 1] = 5 / 13
        soft = ops.depthwise_conv(
            images, convert(kernel, dtype=images.dtype), padding="same", data_format="channels_last"
        )
        images = images + (1.0 - 2.0 * each(transformation["factor"], images)) * (soft - images)
        images = ops.clip(images, *map(float, self.value_range))
        return ops.swapaxes(images, -3, -1) if first else images


class Solarization(RandomImageLayer):
    """Images with something added, whose values above a threshold are then inverted.

    Args:
        addition_factor: the most to add, as a share of 255; one number (from 0), or (lower, upper).
        threshold_factor: the threshold, in the same form.
        value_range: the least and greatest value of the images.
    Source: Keras 3 `layers.Solarization`.
    """

    saved = ("value_range", "addition_factor", "threshold_factor", "seed")

    def __init__(self, addition_factor=0.0, threshold_factor=0.0, value_range=(0, 255), seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        self.addition_factor = factor_range("Solarization", "addition_factor", addition_factor, 0.0, start=0)
        self.threshold_factor = factor_range(
            "Solarization", "threshold_factor", threshold_factor, 0.0, start=0
        )
        self.value_range = checked_range("Solarization", value_range)

    def draw(self, shape, seed):
        def drawn(limits):  # Keras scales the upper limit alone
            return self._uniform((shape[0], 1, 1, 1), (limits[0], limits[1] * 255), seed)

        return {"additions": drawn(self.addition_factor), "thresholds": drawn(self.threshold_factor)}

    def change(self, images, transformation, interpolation=None):
        if transformation is None:
            return images
        values = self._scaled(images, self.value_range, (0, 255))
        values = ops.clip(values + each(transformation["additions"], images), 0.0, 255.0)
        values = ops.where(
            ops.less(values, each(transformation["thresholds"], images)), values, 255.0 - values
        )
        return self._scaled(values, (0, 255), self.value_range)
