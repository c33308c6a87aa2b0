"""Sums and means over batches. Source: Keras 3 `metrics.Sum`, `Mean`, `MeanMetricWrapper`."""

import inspect

from .. import ops
from ..engine.masks import get_mask
from ..engine.variable import convert
from ..losses.loss import apply_mask, check_broadcast, squeeze_or_expand_to_same_rank
from ..saving.serialization import deserialize_keras_object, serialize_keras_object
from .metric import Metric


def samplewise(values, sample_weight, reduce, dtype):
    """(weighted values, weights), both of rank 1 or 0: the axes behind the first are reduced by `reduce`.

    sample_weight: None, or shape (samples,) up to the values' shape.
    """
    mask = get_mask(values)
    values = convert(values, dtype=dtype)
    if sample_weight is not None:
        sample_weight = apply_mask(convert(sample_weight, dtype=dtype), mask, dtype=dtype, reduction="sum")
        values, sample_weight = squeeze_or_expand_to_same_rank(values, sample_weight)
        weight_rank = len(sample_weight.shape)
        if len(values.shape) > weight_rank:
            values = reduce(values, axis=tuple(range(weight_rank, len(values.shape))))
        check_broadcast("sample_weight", sample_weight.shape, "the metric's values", values.shape)
        if tuple(sample_weight.shape) != tuple(values.shape):
            sample_weight = ops.broadcast_to(sample_weight, values.shape)
        values = values * sample_weight
        if weight_rank > 1:
            sample_weight = reduce(sample_weight, axis=tuple(range(1, weight_rank)))
    if len(values.shape) > 1:
        values = reduce(values, axis=tuple(range(1, len(values.shape))))
    return values, sample_weight


class Sum(Metric):
    """The (weighted) sum of all values seen."""

    def __init__(self, name="sum", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable(shape=(), dtype=self.dtype, name="total")

    def update_state(self, values, sample_weight=None):
        values, _ = samplewise(values, sample_weight, ops.sum, self.dtype)
        self.total.assign_add(_sum(values))

    def result(self):
        return self.total.read()


class Mean(Metric):
    """The (weighted) mean of all values seen; 0 before there is one."""

    def __init__(self, name="mean", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable(shape=(), dtype=self.dtype, name="total")
        self.count = self.add_variable(shape=(), dtype=self.dtype, name="count")

    def update_state(self, values, sample_weight=None):
        values, sample_weight = samplewise(values, sample_weight, ops.mean, self.dtype)
        self.total.assign_add(_sum(values))
        if sample_weight is not None:
            self.count.assign_add(_sum(sample_weight))
        else:
            self.count.assign_add(float(values.shape[0]) if values.shape else 1.0)

    def result(self):
        return ops.divide_no_nan(self.total, self.count)


def _sum(x):
    return ops.sum(x) if x.shape else x


class MeanMetricWrapper(Mean):
    """The mean of fn(y_true, y_pred, **kwargs) over all samples.

    Args:
        fn: gives one value a sample (further axes are averaged).
        name, dtype: as for `Metric`.
        **kwargs: passed on to `fn` in each call.
    """

    def __init__(self, fn, name=None, dtype=None, **kwargs):
        super().__init__(name=name, dtype=dtype)
        self._fn = fn
        self._fn_kwargs = kwargs

    def update_state(self, y_true, y_pred, sample_weight=None):
        values = self._fn(y_true, y_pred, **self._fn_kwargs)
        sample_weight = apply_mask(sample_weight, get_mask(y_pred), dtype=self.dtype, reduction="sum")
        super().update_state(values, sample_weight)

    def get_config(self):
        return {
            **super().get_config(),
            "fn": serialize_keras_object(self._fn),
            **serialize_keras_object(self._fn_kwargs),
        }

    @classmethod
    def from_config(cls, config):
        if "fn" in config:
            config = deserialize_keras_object(config)
        return cls(**config)


class NamedMetric(MeanMetricWrapper):
    """What the built-in means of a function share: the function's arguments are attributes, saved by name.

    `unsaved`: arguments that Keras leaves out of the configuration; written only when they are not the default.
    """

    unsaved = ()

    def __init__(self, fn, name, dtype, **kwargs):
        super().__init__(fn, name=name, dtype=dtype, **kwargs)
        for argument, value in kwargs.items():
            setattr(self, argument, value)

    def get_config(self):
        config = Metric.get_config(self)
        defaults = inspect.signature(type(self).__init__).parameters
        for argument, value in self._fn_kwargs.items():
            if argument not in self.unsaved or value != defaults[argument].default:
                config[argument] = value
        return config
