"""The base of layers that wrap another one."""

from ..saving.serialization import deserialize_keras_object, serialize_keras_object
from .layer import Layer


class Wrapper(Layer):
    """A layer around another; subclasses write `call`.

    Args:
        layer: the wrapped layer, kept as `self.layer`.
    Raises:
        ValueError: `layer` is no layer.
    Source: Keras 3 `layers.Wrapper`.
    """

    def __init__(self, layer, **kwargs):
        if not isinstance(layer, Layer):
            hint = ": make it, with parentheses" if isinstance(layer, type) else ""
            raise ValueError(f"{type(self).__name__}: `layer` must be a layer, received {layer!r}{hint}")
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape=None):
        if not self.layer.built:
            self.layer.build(input_shape)

    def get_config(self):
        return {"layer": serialize_keras_object(self.layer), **super().get_config()}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        return cls(deserialize_keras_object(config.pop("layer"), custom_objects=custom_objects), **config)
