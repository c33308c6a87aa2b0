"""Layers that normalise within samples: LayerNormalization, RMSNormalization, UnitNormalization."""

from .. import ops
from ..engine.variable import convert
from .activation import Elementwise
from .affine import Affine
from .layer import Layer
from .weight_arguments import known_extent


class _OverAxes(Layer):
    """The base: `axis` is an int or several, and names axes of the input."""

    def __init__(self, axis, epsilon, **kwargs):
        super().__init__(**kwargs)
        self.axis = _checked_axes(type(self).__name__, axis)
        self.epsilon = epsilon

    def _parameter_shape(self, input_shape):
        self.axis = sorted(self.axis) if isinstance(self.axis, list) else [self.axis]
        return tuple([known_extent(self, input_shape, axis) for axis in self.axis])

    def compute_output_shape(self, input_shape):
        for axis in self.axis if isinstance(self.axis, list) else [self.axis]:
            if not -len(input_shape) <= axis < len(input_shape):
                raise ValueError(
                    f"{type(self).__name__} {self.name!r}: `axis` {axis} is not among the axes "
                    f"of its input of shape {tuple(input_shape)}"
                )
        return input_shape

    def get_config(self):
        axis = list(self.axis) if isinstance(self.axis, list) else self.axis
        return {**super().get_config(), "axis": axis, "epsilon": self.epsilon}


class LayerNormalization(_OverAxes, Affine):
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta, mean and variance taken over `axis` of each
    sample.

    Args:
        axis: an int or several: what is normalised together; gamma and beta have its extents.
        center, scale: whether there is a beta, a gamma.
        beta_..., gamma_...: initializers, regularizers, constraints.
    Source: Keras 3 `layers.LayerNormalization`; Ba et al., arXiv 1607.06450.
    """

    def __init__(
        self,
        axis=-1,
        epsilon=1e-3,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        **kwargs,
    ):
        if kwargs.pop("rms_scaling", False):
            raise ValueError("LayerNormalization: `rms_scaling` is not there in fastnn; use RMSNormalization")
        super().__init__(axis, epsilon, **kwargs)
        self._keep_affine(locals())
        self.autocast = False

    def build(self, input_shape):
        self._add_affine(self._parameter_shape(input_shape))

    def call(self, inputs):
        y = ops.layer_normalization(inputs, self.gamma, self.beta, tuple(self.axis), self.epsilon)
        return convert(y, dtype=self._compute_dtype)

    def get_config(self):
        return {**super().get_config(), **self._affine_config(), "rms_scaling": False}


class RMSNormalization(_OverAxes):
    """scale * x / sqrt(mean(x^2) + epsilon), the mean taken over `axis` of each sample.

    Source: Keras 3 `layers.RMSNormalization`; Zhang and Sennrich, NeurIPS 2019.
    """

    def __init__(self, axis=-1, epsilon=1e-6, **kwargs):
        super().__init__(axis, epsilon, **kwargs)

    def build(self, input_shape):
        self.scale = self.add_weight(
            name="scale", shape=self._parameter_shape(input_shape), initializer="ones"
        )

    def call(self, x):
        return ops.rms_normalization(x, scale=self.scale, axis=tuple(self.axis), epsilon=self.epsilon)


class UnitNormalization(Elementwise):
    """x divided by its Euclidean norm over `axis`.

    Source: Keras 3 `layers.UnitNormalization`.
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = _checked_axes("UnitNormalization", axis)

    def call(self, inputs):
        axis = tuple(self.axis) if isinstance(self.axis, list) else self.axis
        return ops.normalize(inputs, axis=axis, order=2, epsilon=1e-12)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}


def _checked_axes(layer, axis):
    several = isinstance(axis, (list, tuple))
    if not all(isinstance(n, int) and not isinstance(n, bool) for n in (axis if several else [axis])):
        raise TypeError(f"{layer}: `axis` must be an int or a list of ints, received {axis!r}")
    return list(axis) if several else axis
