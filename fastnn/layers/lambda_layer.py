"""Lambda: any function of a tensor as a layer."""

import inspect

from ..engine.symbolic import infer
from ..saving.lambda_code import packed
from ..saving.serialization import deserialize_keras_object, serialize_keras_object
from .layer import Layer


class Lambda(Layer):
    """function(inputs, **arguments).

    A named function that is registered, or passed in `custom_objects`, is found again when a model is loaded;
    a Python lambda is saved as Keras saves it, and loaded with `safe_mode=False` only, as that runs code from the file.

    Args:
        function: takes the input, and `mask` and `training` if it names them.
        output_shape: without the batch axis, or a function of the input shape; found by tracing by default.
        mask: the output's mask, or a function (inputs, mask) of it.
        arguments: further arguments of `function` by name.
    Source: Keras 3 `layers.Lambda`.
    """

    def __init__(self, function, output_shape=None, mask=None, arguments=None, **kwargs):
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(f"Lambda: `function` must be a function, received {function!r}")
        self.function = function
        self.arguments = dict(arguments or {})
        self.mask = mask
        self.supports_masking = mask is not None
        self._output_shape = output_shape
        names = inspect.signature(function).parameters
        self._takes = tuple([name for name in ("mask", "training") if name in names])

    def call(self, inputs, mask=None, training=None):
        given = {"mask": mask, "training": training}
        return self.function(inputs, **self.arguments, **{name: given[name] for name in self._takes})

    def compute_output_shape(self, input_shape):
        if self._output_shape is None:
            return super().compute_output_shape(input_shape)
        if callable(self._output_shape):
            return self._output_shape(input_shape)
        first = input_shape[0]
        return (first[0] if isinstance(first, (list, tuple)) else first, *self._output_shape)

    def found_specs(self, *args, **kwargs):
        """By tracing the function, unless `output_shape` was given."""
        if self._output_shape is None:
            return infer(self._call_inferred, args, kwargs)
        return super().found_specs(*args, **kwargs)

    def compute_mask(self, inputs, mask=None):
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def get_config(self):
        config = {**super().get_config(), "function": _function_config(self.function)}
        if self._output_shape is not None:
            callable_shape = callable(self._output_shape)
            config["output_shape"] = (
                _function_config(self._output_shape) if callable_shape else self._output_shape
            )
        if self.mask is not None:
            config["mask"] = (
                _function_config(self.mask) if callable(self.mask) else serialize_keras_object(self.mask)
            )
        config["arguments"] = serialize_keras_object(self.arguments)
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None, safe_mode=None):
        config = dict(config)
        for key in ("function", "output_shape", "mask", "arguments"):
            if key in config and not callable(config[key]):
                config[key] = deserialize_keras_object(config[key], custom_objects, safe_mode)
        return super().from_config(config)


def _function_config(function):
    if getattr(function, "__name__", None) != "<lambda>":
        return serialize_keras_object(function)
    return {
        "class_name": "__lambda__",
        "config": dict(zip(("code", "defaults", "closure"), packed(function))),
    }
