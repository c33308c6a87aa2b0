"""Flatten, Reshape, Permute, RepeatVector: the same numbers in another shape or order."""

import math

from .. import ops
from ..engine.symbolic import KerasTensor
from .data_format import standard_data_format
from .input_spec import InputSpec
from .layer import Layer
from .weight_arguments import checked_count


class Reshaping(Layer):
    """The base of layers that keep their input's dtype whatever it is."""

    def compute_output_spec(self, inputs, training=None):
        return KerasTensor(self.compute_output_shape(inputs.shape), inputs.dtype)


class Flatten(Reshaping):
    """(batch, ...) to (batch, everything else).

    Args:
        data_format: "channels_first" moves the channels last before flattening.
    Source: Keras 3 `layers.Flatten`.
    >>> Flatten()(ops.zeros((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = standard_data_format("Flatten", data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs):
        rank = len(inputs.shape)
        if self.data_format == "channels_first" and rank > 2:
            inputs = ops.transpose(inputs, (0, *range(2, rank), 1))
        return ops.reshape(inputs, (inputs.shape[0], math.prod(inputs.shape[1:])))

    def compute_output_shape(self, input_shape):
        rest = input_shape[1:]
        return (input_shape[0], None if None in rest else math.prod(rest))

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}


class Reshape(Reshaping):
    """(batch, ...) to (batch, *target_shape).

    Args:
        target_shape: without the batch axis; one extent may be -1.

    Raises:
        ValueError: `target_shape` does not hold as many elements as a sample.
    Source: Keras 3 `layers.Reshape`.
    >>> Reshape((3, -1)).compute_output_shape((None, 12))
    (None, 3, 4)
    """

    def __init__(self, target_shape, **kwargs):
        super().__init__(**kwargs)
        target_shape = (target_shape,) if isinstance(target_shape, int) else tuple(target_shape)
        if not all(isinstance(n, int) and n >= -1 for n in target_shape) or target_shape.count(-1) > 1:
            raise ValueError(
                "Reshape: `target_shape` must hold integers of at least 0, with at most one -1, "
                f"received {target_shape}"
            )
        self.target_shape = target_shape
        self.built = True

    def call(self, inputs):
        return ops.reshape(inputs, (inputs.shape[0], *self._resolved(tuple(inputs.shape[1:]))))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self._resolved(tuple(input_shape[1:])))

    def _resolved(self, shape):
        """The target for samples of `shape`, its -1 filled in where that is known."""
        known = math.prod(n for n in self.target_shape if n != -1)
        if None in shape:
            return tuple([None if n == -1 else n for n in self.target_shape])
        size = math.prod(shape)
        if -1 not in self.target_shape:
            fits = size == known
        else:
            fits = size % known == 0 if known else size == 0
        if not fits:
            raise ValueError(
                f"Reshape {self.name!r}: samples of shape {shape} hold {size} elements, which "
                f"do not fill `target_shape` {self.target_shape}"
            )
        return tuple([size // max(known, 1) if n == -1 else n for n in self.target_shape])

    def get_config(self):
        return {**super().get_config(), "target_shape": self.target_shape}


class Permute(Reshaping):
    """Reorders the axes of samples.

    Args:
        dims: for each axis of the output, the axis of the input it was; counted from 1, as 0 is the batch.

    Raises:
        ValueError: `dims` is no reordering of 1..n.
    Source: Keras 3 `layers.Permute`.
    >>> Permute((2, 1)).compute_output_shape((None, 10, 64))
    (None, 64, 10)
    """

    def __init__(self, dims, **kwargs):
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                f"Permute: `dims` must hold each of 1..{len(self.dims)} once (axis 0 is the "
                f"batch), received {self.dims}"
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs):
        return ops.transpose(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *[input_shape[d] for d in self.dims])

    def get_config(self):
        return {**super().get_config(), "dims": self.dims}


class RepeatVector(Layer):
    """(batch, features) to (batch, n, features).

    Args:
        n: how often, at least 1.
    Source: Keras 3 `layers.RepeatVector`.
    >>> RepeatVector(3).compute_output_shape((None, 32))
    (None, 3, 32)
    """

    def __init__(self, n, **kwargs):
        super().__init__(**kwargs)
        if isinstance(n, bool) or not isinstance(n, int):
            raise TypeError(f"RepeatVector: `n` must be an integer, received {n!r}")
        self.n = checked_count("RepeatVector", "n", n)
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs):
        batch, features = inputs.shape
        return ops.broadcast_to(ops.reshape(inputs, (batch, 1, features)), (batch, self.n, features))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.n, input_shape[1])

    def get_config(self):
        return {**super().get_config(), "n": self.n}
