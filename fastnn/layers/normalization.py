"""Normalization: inputs shifted and scaled to mean 0 and variance 1."""

import numpy as np

from .. import ops
from ..engine import settings
from ..engine.variable import convert
from .adapting import Adapting, batches_of


class Normalization(Adapting):
    """(x - mean) / sqrt(variance), with statistics that are given or found by `adapt`.

    Args:
        axis: the axis or axes that have statistics of their own; None: one mean and variance for all.
        mean, variance: given together, or both left to `adapt`.
        invert: mean + x * sqrt(variance) instead.
    Weights, where `adapt` finds them: mean, variance, count.
    Raises:
        ValueError: one of `mean` and `variance` alone, shapes that do not fit.
    Source: Keras 3 `layers.Normalization`.
    """

    def __init__(self, axis=-1, mean=None, variance=None, invert=False, **kwargs):
        super().__init__(**kwargs)
        self.axis = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        if (mean is None) != (variance is None):
            raise ValueError(
                f"Normalization: give both `mean` and `variance`, or neither and call adapt(); received "
                f"mean={mean}, variance={variance}"
            )
        if np.shape(mean) != np.shape(variance) or (mean is not None and np.ndim(mean) > len(self.axis)):
            raise ValueError(
                f"Normalization: `mean` and `variance` must be of one shape, with at most one axis for "
                f"each of `axis` {self.axis}; received shapes {np.shape(mean)} and {np.shape(variance)}"
            )
        self.input_mean, self.input_variance = mean, variance
        self.invert = invert
        self.supports_masking = True
        self._built_for = None

    def build(self, input_shape):
        rank = len(input_shape)
        if any(not -rank <= axis < rank for axis in self.axis):
            raise ValueError(
                f"Normalization {self.name!r}: `axis` {self.axis} is not among the axes of its input of "
                f"shape {tuple(input_shape)}"
            )
        self._built_for = tuple(input_shape)
        self._kept = tuple(sorted(axis % rank for axis in self.axis))
        if any(input_shape[axis] is None for axis in self._kept):
            raise ValueError(
                f"Normalization {self.name!r}: the extents along `axis` {self.axis} must be known, its "
                f"input has shape {tuple(input_shape)}"
            )
        self._others = tuple(axis for axis in range(rank) if axis not in self._kept)
        self._spread = tuple(input_shape[axis] if axis in self._kept else 1 for axis in range(rank))
        shape = tuple(input_shape[axis] for axis in self._kept)
        if self.input_mean is None:
            self.adapt_mean = self.add_weight(name="mean", shape=shape, initializer="zeros", trainable=False)
            self.adapt_variance = self.add_weight(
                name="variance", shape=shape, initializer="ones", trainable=False
            )
            self.count = self.add_weight(
                name="count", shape=(), dtype="int32", initializer="zeros", trainable=False
            )

    def adapt(self, data):
        """Find mean and variance of `data`: an array, or a source of batches, which all count by their size."""
        count, mean, variance = 0, 0.0, 0.0
        for batch in batches_of(data, f"Normalization {self.name!r}"):
            if not self.built:
                self.build(batch.shape)
            if any(batch.shape[axis] != self._built_for[axis] for axis in self._kept):
                raise ValueError(
                    f"Normalization {self.name!r} was built for inputs of shape {self._built_for}, adapt() "
                    f"was given data of shape {batch.shape}"
                )
            rows = int(np.prod([batch.shape[axis] for axis in self._others]))
            batch = batch.astype(np.float64)
            own_mean, own_variance = batch.mean(self._others), batch.var(self._others)
            share = rows / (count + rows)
            moved = mean * (1 - share) + own_mean * share
            variance = (variance + (mean - moved) ** 2) * (1 - share) + (
                own_variance + (own_mean - moved) ** 2
            ) * share
            mean, count = moved, count + rows
        if self.input_mean is None:
            self.adapt_mean.assign(np.asarray(mean, "float32"))
            self.adapt_variance.assign(np.asarray(variance, "float32"))

    def finalize_state(self):
        """Accepted as in Keras; the statistics are read where they are used."""

    def _statistic(self, given, name):
        if given is None:
            return convert(
                ops.reshape(getattr(self, f"adapt_{name}"), self._spread), dtype=self._compute_dtype
            )
        given = np.asarray(given, self._compute_dtype)
        shape = [1] * len(self._spread)
        for axis, extent in zip(self._kept[::-1], given.shape[::-1], strict=False):
            shape[axis] = extent
        return convert(np.broadcast_to(given.reshape(shape), self._spread).copy())

    @property
    def mean(self):
        """The mean in use, of the input's rank; None before the layer is built."""
        return self._statistic(self.input_mean, "mean") if self.built else None

    @property
    def variance(self):
        """The variance in use, of the input's rank; None before the layer is built."""
        return self._statistic(self.input_variance, "variance") if self.built else None

    def call(self, inputs):
        inputs = convert(inputs, dtype=self._compute_dtype)
        deviation = ops.maximum(
            ops.sqrt(self.variance), convert(settings.epsilon(), dtype=self._compute_dtype)
        )
        if self.invert:
            return ops.add(self.mean, ops.multiply(inputs, deviation))
        return ops.divide(ops.subtract(inputs, self.mean), deviation)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "axis": self.axis,
            "invert": self.invert,
            "mean": np.array(self.input_mean).tolist(),
            "variance": np.array(self.input_variance).tolist(),
        }

    def get_build_config(self):
        return {"input_shape": self._built_for} if self._built_for else None

    def build_from_config(self, config):
        if config and not self.built:
            self.build(config["input_shape"])


def __getattr__(name):
    # Keras 2's programs took other layers from a module of this name as well.
    from .. import layers

    if name in layers.__all__:
        return getattr(layers, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
