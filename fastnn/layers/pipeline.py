"""Pipeline: layers one after another, as one layer; for what is done to data before a model sees it."""

from ..engine import masks, nest
from ..saving.serialization import deserialize_keras_object, serialize_keras_object
from .layer import Layer


class Pipeline(Layer):
    """Layers applied in order; masks and the training flag go to those that take them.

    Args:
        layers: a list of layers.
    Source: Keras 3 `layers.Pipeline`.
    """

    def __init__(self, layers, name=None):
        super().__init__(name=name)
        self._pipeline_layers = list(layers)

    @property
    def layers(self):
        return list(self._pipeline_layers)

    def call(self, inputs, training=True, mask=None):
        for layer in self._pipeline_layers:
            signature = type(layer)._signature or layer._read_signature()
            options = {"training": training} if signature.has_training and training is not None else {}
            if signature.has_mask:
                options["mask"] = mask
            inputs = layer(inputs, **options)
            mask = nest.map_leaves(masks.get_mask, inputs)
        return inputs

    def compute_output_shape(self, input_shape):
        for layer in self._pipeline_layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        config["layers"] = [deserialize_keras_object(layer) for layer in config["layers"]]
        return cls(**config)

    def get_config(self):
        return {
            "layers": [serialize_keras_object(layer) for layer in self._pipeline_layers],
            "name": self.name,
        }
