"""Layers that disturb their input at random while training: dropout and noise of several kinds."""

import math

from .. import ops, random
from ..engine.variable import convert
from .activation import Elementwise
from .data_format import standard_data_format
from .input_spec import InputSpec

_SELU_FLOOR = -1.6732632423543772 * 1.0507009873554805  # what selu goes to for very negative inputs


class _Random(Elementwise):
    """The base: a seed generator where there is something to draw, made from the argument `seed`."""

    def __init__(self, argument, amount, seed, **kwargs):
        super().__init__(**kwargs)
        if isinstance(amount, bool) or not isinstance(amount, (int, float)) or not 0 <= amount <= 1:
            raise ValueError(
                f"{type(self).__name__}: `{argument}` must be a number from 0 to 1, received {amount!r}"
            )
        self.seed = seed
        if amount > 0:
            self.seed_generator = random.SeedGenerator(seed)


class Dropout(_Random):
    """While training, a share `rate` of the elements is 0 and the others are divided by 1 - rate.

    Args:
        rate: from 0 to 1.
        noise_shape: axes of extent 1 in it are dropped or kept together; None stands for the input's extent.
        seed: an int, for the same choice in every run.

    Raises:
        ValueError: a rate outside 0..1, a noise shape that is none.
    Source: Keras 3 `layers.Dropout`; Srivastava et al., JMLR 2014.
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__("rate", rate, seed, **kwargs)
        self.rate = rate
        self.noise_shape = _checked_noise_shape(type(self).__name__, noise_shape)

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        if self.rate == 1:
            return ops.zeros_like(inputs)
        return random.dropout(
            inputs, self.rate, noise_shape=self._noise_shape(inputs), seed=self.seed_generator
        )

    def _noise_shape(self, inputs):
        return self.noise_shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}


class _SpatialDropout(Dropout):
    """Dropout of whole channels; `rank` spatial axes."""

    rank = 1

    def __init__(self, rate, data_format=None, seed=None, name=None, dtype=None):
        super().__init__(rate, seed=seed, name=name, dtype=dtype)
        self.data_format = standard_data_format(type(self).__name__, data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _noise_shape(self, inputs):
        ones = (1,) * self.rank
        return (None, *ones, None) if self.data_format == "channels_last" else (None, None, *ones)

    def get_config(self):
        return {
            "rate": self.rate,
            "seed": self.seed,
            "name": self.name,
            "dtype": self.dtype,
            "data_format": self.data_format,
        }


class SpatialDropout1D(_SpatialDropout):
    """Dropout of whole channels of (batch, steps, channels).

    Source: Keras 3 `layers.SpatialDropout1D`; Tompson et al., CVPR 2015.
    """

    def __init__(self, rate, seed=None, name=None, dtype=None):
        super().__init__(rate, data_format="channels_last", seed=seed, name=name, dtype=dtype)

    def get_config(self):
        config = super().get_config()
        del config["data_format"]
        return config


class SpatialDropout2D(_SpatialDropout):
    """Dropout of whole channels of images.

    Source: Keras 3 `layers.SpatialDropout2D`; Tompson et al., CVPR 2015.
    """

    rank = 2


class SpatialDropout3D(_SpatialDropout):
    """Dropout of whole channels of volumes.

    Source: Keras 3 `layers.SpatialDropout3D`; Tompson et al., CVPR 2015.
    """

    rank = 3


class GaussianDropout(_Random):
    """While training, the input times noise of mean 1 and standard deviation sqrt(rate / (1 - rate)).

    Source: Keras 3 `layers.GaussianDropout`; Srivastava et al., JMLR 2014.
    """

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__("rate", rate, seed, **kwargs)
        if rate == 1:
            raise ValueError(
                "GaussianDropout: `rate` must be below 1, where its noise would be infinite, received 1"
            )
        self.rate = rate

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        spread = math.sqrt(self.rate / (1 - self.rate))
        return ops.multiply(
            inputs,
            random.normal(
                inputs.shape, mean=1.0, stddev=spread, dtype=inputs.dtype, seed=self.seed_generator
            ),
        )

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


class GaussianNoise(_Random):
    """While training, the input plus noise of mean 0 and standard deviation `stddev` (from 0 to 1).

    Source: Keras 3 `layers.GaussianNoise`.
    """

    def __init__(self, stddev, seed=None, **kwargs):
        super().__init__("stddev", stddev, seed, **kwargs)
        self.stddev = stddev

    def call(self, inputs, training=False):
        if not training or self.stddev == 0:
            return inputs
        return ops.add(
            inputs,
            random.normal(
                inputs.shape, mean=0.0, stddev=self.stddev, dtype=inputs.dtype, seed=self.seed_generator
            ),
        )

    def get_config(self):
        return {**super().get_config(), "stddev": self.stddev, "seed": self.seed}


class AlphaDropout(_Random):
    """Dropout for selu networks: dropped elements take selu's lowest value, then mean and variance are
    restored.

    Source: Keras 3 `layers.AlphaDropout`; Klambauer et al., NIPS 2017.
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__("rate", rate, seed, **kwargs)
        if rate == 1:
            raise ValueError("AlphaDropout: `rate` must be below 1, received 1")
        self.rate = rate
        self.noise_shape = _checked_noise_shape("AlphaDropout", noise_shape)

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        shape = (
            inputs.shape
            if self.noise_shape is None
            else [n if m is None else m for m, n in zip(self.noise_shape, inputs.shape)]
        )
        draws = random.uniform(tuple(shape), dtype=inputs.dtype, seed=self.seed_generator)
        kept = ops.greater_equal(draws, convert(self.rate, dtype=inputs.dtype))
        x = ops.where(kept, inputs, convert(_SELU_FLOOR, dtype=inputs.dtype))
        scale = ((1 - self.rate) * (1 + self.rate * _SELU_FLOOR**2)) ** -0.5
        shift = -scale * _SELU_FLOOR * self.rate
        return ops.add(ops.multiply(x, convert(scale, dtype=x.dtype)), convert(shift, dtype=x.dtype))

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}


def _checked_noise_shape(layer, noise_shape):
    if noise_shape is None:
        return None
    extents = tuple(noise_shape) if isinstance(noise_shape, (list, tuple)) else ("not a shape",)
    if not all(n is None or (isinstance(n, int) and n > 0) for n in extents):
        raise ValueError(
            f"{layer}: `noise_shape` must be a tuple of positive integers and None, received {noise_shape!r}"
        )
    return extents
