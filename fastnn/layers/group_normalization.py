"""GroupNormalization: channels normalised in groups, within each sample."""

from .. import ops
from ..engine.variable import convert
from .affine import Affine
from .input_spec import InputSpec
from .weight_arguments import known_extent


class GroupNormalization(Affine):
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta, with the moments of each group of channels of a
    sample.

    Args:
        groups: into how many groups the channels fall; -1: each channel is one (instance normalisation).
        axis: the axis of the channels.
        epsilon: added to the variance.
        center, scale: whether there is a beta, a gamma.
        beta_..., gamma_...: initializers, regularizers, constraints.
    Raises:
        ValueError: `groups` is no positive number, or does not divide the channels.
    Source: Keras 3 `layers.GroupNormalization`; Wu and He, ECCV 2018.
    """

    def __init__(
        self,
        groups=32,
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
        if isinstance(groups, bool) or not isinstance(groups, int) or (groups < 1 and groups != -1):
            raise ValueError(
                "GroupNormalization: `groups` must be a positive integer, or -1 for one a channel, received "
                f"{groups!r}"
            )
        super().__init__(**kwargs)
        self.autocast = False
        self.groups = groups
        self.axis = axis
        self.epsilon = epsilon
        self._keep_affine(locals())

    def build(self, input_shape):
        channels = known_extent(self, input_shape, self.axis)
        if self.axis % len(input_shape) == 0:
            raise ValueError(
                f"GroupNormalization {self.name!r}: `axis` must not be the batch axis, received {self.axis}"
            )
        if self.groups == -1:
            self.groups = channels
        if channels % self.groups:
            raise ValueError(
                f"GroupNormalization {self.name!r}: the channels of its input of shape {tuple(input_shape)}, "
                f"{channels}, do not fall into {self.groups} equal groups; choose `groups` among the "
                "divisors of that number, or -1"
            )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})
        self._add_affine((channels,))

    def call(self, inputs):
        shape = tuple(inputs.shape)
        axis = self.axis % len(shape)
        x = inputs if inputs.dtype == "float64" else convert(inputs, dtype="float32")
        x = ops.reshape(x, (*shape[:axis], self.groups, shape[axis] // self.groups, *shape[axis + 1 :]))
        over = tuple(i for i in range(1, len(shape) + 1) if i != axis)
        x = ops.reshape(ops.layer_normalization(x, axis=over, epsilon=self.epsilon), shape)
        along = tuple(n if i == axis else 1 for i, n in enumerate(shape))
        if self.gamma is not None:
            x = x * ops.reshape(convert(self.gamma, dtype=x.dtype), along)
        if self.beta is not None:
            x = x + ops.reshape(convert(self.beta, dtype=x.dtype), along)
        return convert(x, dtype=self._compute_dtype)

    def compute_output_shape(self, input_shape):
        if not -len(input_shape) <= self.axis < len(input_shape):
            raise ValueError(
                f"GroupNormalization {self.name!r}: `axis` {self.axis} is not among the axes of its input of "
                f"shape {tuple(input_shape)}"
            )
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "groups": self.groups,
            "axis": self.axis,
            "epsilon": self.epsilon,
            **self._affine_config(),
        }
