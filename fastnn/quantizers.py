"""Floats as few whole numbers: what `quantize` uses, and Keras's functions for it."""

import numpy as np

from . import ops
from .engine.variable import convert
from .saving.serialization import deserialize_keras_object, serialize_keras_object


def abs_max_quantize(inputs, axis, value_range=(-127, 127), dtype="int8", epsilon=1e-07, to_numpy=False):
    """(whole numbers, scale) with inputs about equal to numbers / scale: the largest absolute value over `axis` becomes
    `value_range`'s end.

    Args:
        axis: an int or several; they stay in the scale, with extent 1.
        to_numpy: accepted as in Keras.
    """
    inputs = convert(inputs)
    axis = tuple(axis) if isinstance(axis, (list, tuple)) else axis
    low, high = value_range
    scale = ops.divide(float(high), ops.add(ops.max(ops.abs(inputs), axis=axis, keepdims=True), epsilon))
    return ops.cast(ops.clip(ops.round(ops.multiply(inputs, scale)), low, high), dtype), scale


class Quantizer:
    """The base of quantizers: called on a tensor, it gives (whole numbers, scale).

    output_dtype: that of the whole numbers.
    """

    def __init__(self, output_dtype="int8"):
        self.output_dtype = output_dtype

    def __call__(self, x):
        return x

    @classmethod
    def from_config(cls, config):
        """A quantizer from what `get_config` returned."""
        return cls(**config)

    def get_config(self):
        """The constructor's arguments; a quantizer of one's own writes it.

        Raises:
            NotImplementedError: it does not.
        """
        raise NotImplementedError(f"{type(self).__name__} has no get_config(); write one to save it")


class AbsMaxQuantizer(Quantizer):
    """`abs_max_quantize` with its arguments kept.

    Source: Keras 3 `quantizers.AbsMaxQuantizer`.
    """

    def __init__(self, axis=None, value_range=(-127, 127), epsilon=1e-07, output_dtype="int8"):
        super().__init__(output_dtype)
        self.axis = (axis,) if isinstance(axis, int) else axis if axis is None else tuple(axis)
        self.value_range = value_range
        self.epsilon = epsilon

    def __call__(self, x, axis=None, to_numpy=False):
        axis = self.axis if axis is None else axis
        if axis is None:
            raise ValueError("AbsMaxQuantizer: give `axis`, to the constructor or to the call")
        return abs_max_quantize(x, axis, self.value_range, self.output_dtype, self.epsilon, to_numpy)

    def get_config(self):
        config = {"value_range": self.value_range, "epsilon": self.epsilon, "output_dtype": self.output_dtype}
        return config if self.axis is None else {"axis": self.axis, **config}


class QuantizationConfig:
    """How a layer is quantized: the base.

    Args:
        weight_quantizer: a Quantizer of the main weight; None: one scale a column (a row, of a table).
        activation_quantizer: a Quantizer of the layer's inputs; None: they stay floats.
    mode: "int8", ..., as a subclass says.
    Source: Keras 3 `quantizers.QuantizationConfig`.
    """

    def __init__(self, weight_quantizer=None, activation_quantizer=None):
        self.weight_quantizer = weight_quantizer
        self.activation_quantizer = activation_quantizer

    @property
    def mode(self):
        raise NotImplementedError(f"{type(self).__name__} says no mode; use Int8QuantizationConfig")

    def get_config(self):
        return {
            name: serialize_keras_object(getattr(self, name))
            for name in ("weight_quantizer", "activation_quantizer")
        }

    @classmethod
    def from_config(cls, config):
        """One from what `get_config` returned."""
        return cls(**{name: get(part) for name, part in config.items()})


class Int8QuantizationConfig(QuantizationConfig):
    """Whole numbers of 8 bits; inputs are rounded to them, too, unless `activation_quantizer` is None.

    Raises:
        ValueError: a weight quantizer that makes others.
    """

    mode = "int8"

    def __init__(self, weight_quantizer=None, activation_quantizer="default"):
        given = AbsMaxQuantizer() if activation_quantizer == "default" else activation_quantizer
        super().__init__(weight_quantizer, given)
        made = getattr(weight_quantizer, "output_dtype", "int8")
        if made != "int8":
            raise ValueError(
                f"Int8QuantizationConfig: `weight_quantizer` must have output_dtype='int8', received {made!r}"
            )


def resolved(name, mode, config):
    """The QuantizationConfig that `mode` and `config` of a `quantize` come to.

    Raises:
        ValueError: neither is given, they contradict each other, or it is none that fastnn has.
    """
    if isinstance(config, str):  # the mode as Keras also takes it
        mode, config = config, None
    if isinstance(config, dict):
        config = deserialize(config)
    if config is None and mode == "int8":
        return Int8QuantizationConfig()
    if not isinstance(config, Int8QuantizationConfig) or mode not in (None, config.mode):
        raise ValueError(
            f"{name}: give `mode` 'int8' or `config`, an Int8QuantizationConfig, received {mode!r} and {config!r}"
        )
    return config


def _nibbles(name, dtype):
    if dtype not in ("int8", "uint8"):
        raise ValueError(f"{name}: `dtype` must be 'int8' or 'uint8', received {dtype!r}")


def pack_int4(arr, axis=0, dtype="int8"):
    """(packed, its shape, the extent before): two numbers of -8..7 that follow each other along `axis` in one byte, the
    first in its lower half."""
    _nibbles("pack_int4", dtype)
    rows = np.moveaxis(np.asarray(convert(arr)).astype(dtype), axis, 0)
    count = len(rows)
    rows = np.concatenate([rows, np.zeros((count % 2, *rows.shape[1:]), rows.dtype)]).view("uint8")
    packed = np.moveaxis(((rows[::2] & 15) | (rows[1::2] << 4)).view(dtype), 0, axis)
    return convert(np.ascontiguousarray(packed)), packed.shape, count


def unpack_int4(packed, orig_len, axis=0, dtype="int8"):
    """What `pack_int4` packed: `orig_len` numbers along `axis`."""
    _nibbles("unpack_int4", dtype)
    rows = np.ascontiguousarray(np.moveaxis(np.asarray(convert(packed)), axis, 0)).view("uint8")
    halves = np.stack([rows & 15, rows >> 4], 1).reshape(-1, *rows.shape[1:])[:orig_len]
    if dtype == "int8":
        halves = halves.astype("int8") - np.where(halves > 7, 16, 0).astype("int8")
    return convert(np.ascontiguousarray(np.moveaxis(halves.astype(dtype), 0, axis)))


def serialize(initializer):
    """The configuration of a quantizer."""
    return serialize_keras_object(initializer)


def deserialize(config, custom_objects=None):
    """The quantizer that a configuration describes."""
    return deserialize_keras_object(
        config,
        custom_objects,
        module_objects={kind.__name__: kind for kind in (AbsMaxQuantizer, Int8QuantizationConfig)},
    )


def get(identifier, **kwargs):
    """A quantizer from one, a configuration or a name; None stays None.

    Raises:
        ValueError: it is nothing of that.
    """
    if identifier is None or isinstance(identifier, Quantizer):
        return identifier
    if isinstance(identifier, str) and identifier.lower() in ("abs_max_quantizer", "absmaxquantizer"):
        return AbsMaxQuantizer(**kwargs)
    if isinstance(identifier, dict):
        return deserialize(identifier)
    raise ValueError(f"quantizers.get: `identifier` must be a quantizer, received {identifier!r}")


__all__ = [
    "AbsMaxQuantizer",
    "Int8QuantizationConfig",
    "QuantizationConfig",
    "Quantizer",
    "abs_max_quantize",
    "deserialize",
    "get",
    "pack_int4",
    "serialize",
    "unpack_int4",
]
