"""Spatial: the base of layers over the spatial axes of images, series and volumes."""

from .data_format import missing_channels, standard_data_format
from .input_spec import InputSpec
from .layer import Layer


class Spatial(Layer):
    """A layer of inputs (batch, ..., channels), or (batch, channels, ...), with `rank` spatial axes.

    Args:
        data_format: "channels_last" or "channels_first"; the configured one by default.
    """

    rank = 2

    def __init__(self, data_format, **kwargs):
        super().__init__(**kwargs)
        self.data_format = standard_data_format(type(self).__name__, data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def input_advice(self, shape, spec):
        return missing_channels(shape, spec, self.data_format)
