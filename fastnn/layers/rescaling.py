"""Rescaling: x * scale + offset."""

import numpy as np

from .. import ops
from ..engine import settings
from ..engine.variable import convert
from ..saving.serialization import deserialize_keras_object, serialize_keras_object
from .layer import Layer


class Rescaling(Layer):
    """x * scale + offset, in the compute dtype whatever the input's (1/255 takes bytes to 0..1).

    Args:
        scale, offset: numbers, or one a channel.
    Source: Keras 3 `layers.Rescaling`.
    """

    def __init__(self, scale, offset=0.0, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale
        self.offset = offset
        self.supports_masking = True

    def call(self, inputs):
        dtype = self._compute_dtype
        scale = np.asarray(self.scale, dtype)
        if scale.ndim and settings.image_data_format() == "channels_first":
            scale = scale.reshape(scale.shape + (1,) * (3 - scale.ndim))
        scaled = ops.multiply(convert(inputs, dtype=dtype), convert(scale, dtype=dtype))
        return ops.add(scaled, convert(np.asarray(self.offset, dtype), dtype=dtype))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "scale": serialize_keras_object(self.scale),
            "offset": serialize_keras_object(self.offset),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = {
            **config,
            "scale": deserialize_keras_object(config["scale"], custom_objects),
            "offset": deserialize_keras_object(config["offset"], custom_objects),
        }
        return super().from_config(config)
