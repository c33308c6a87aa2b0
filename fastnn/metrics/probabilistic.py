"""Means of the probabilistic and margin losses. Source: Keras 3 `metrics`."""

from ..engine.constructor_arguments import named_arguments
from ..losses import categorical, margin, probabilistic
from .reduction import NamedMetric


class KLDivergence(NamedMetric):
    """The mean of `losses.kl_divergence`."""

    _direction = "down"

    def __init__(self, name="kl_divergence", dtype=None):
        super().__init__(probabilistic.kl_divergence, name, dtype)


class Poisson(NamedMetric):
    """The mean of `losses.poisson`."""

    _direction = "down"

    def __init__(self, name="poisson", dtype=None):
        super().__init__(probabilistic.poisson, name, dtype)


class BinaryCrossentropy(NamedMetric):
    """The mean of `losses.binary_crossentropy`."""

    _direction = "down"

    def __init__(self, name="binary_crossentropy", dtype=None, from_logits=False, label_smoothing=0):
        super().__init__(probabilistic.binary_crossentropy, **named_arguments(locals()))


class CategoricalCrossentropy(NamedMetric):
    """The mean of `losses.categorical_crossentropy`."""

    _direction = "down"

    def __init__(
        self, name="categorical_crossentropy", dtype=None, from_logits=False, label_smoothing=0, axis=-1
    ):
        super().__init__(categorical.categorical_crossentropy, **named_arguments(locals()))


class SparseCategoricalCrossentropy(NamedMetric):
    """The mean of `losses.sparse_categorical_crossentropy`."""

    _direction = "down"

    def __init__(
        self,
        name="sparse_categorical_crossentropy",
        dtype=None,
        from_logits=False,
        ignore_class=None,
        axis=-1,
    ):
        super().__init__(categorical.sparse_categorical_crossentropy, **named_arguments(locals()))


class Hinge(NamedMetric):
    """The mean of `losses.hinge`."""

    _direction = "down"

    def __init__(self, name="hinge", dtype=None):
        super().__init__(margin.hinge, name, dtype)


class SquaredHinge(NamedMetric):
    """The mean of `losses.squared_hinge`."""

    _direction = "down"

    def __init__(self, name="squared_hinge", dtype=None):
        super().__init__(margin.squared_hinge, name, dtype)


class CategoricalHinge(NamedMetric):
    """The mean of `losses.categorical_hinge`."""

    _direction = "down"

    def __init__(self, name="categorical_hinge", dtype=None):
        super().__init__(margin.categorical_hinge, name, dtype)
