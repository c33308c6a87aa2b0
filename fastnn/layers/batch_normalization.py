"""BatchNormalization: each channel to mean 0 and variance 1 over the batch."""

from .. import initializers, ops
from ..engine import dtypes, settings
from ..engine.variable import convert
from ..ops.normalization import batch_norm_train_op
from .affine import Affine
from .input_spec import InputSpec
from .weight_arguments import known_extent


class BatchNormalization(Affine):
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta, one of each a position along `axis`.

    While training, mean and variance are the batch's and move the averages that stand in for them otherwise:
    moving = moving * momentum + batch's * (1 - momentum). With `trainable` False the averages are used
    always.

    Args:
        axis: the axis of the channels.
        momentum, epsilon: see above.
        center, scale: whether there is a beta, a gamma.
        beta_..., gamma_..., moving_...: initializers, regularizers, constraints.
        renorm, renorm_clipping, renorm_momentum: batch renormalisation (Ioffe, NIPS 2017): while training,
            the batch's statistics are corrected towards running ones, within {"rmin", "rmax", "dmax"}.

    Call arguments: training; mask, of the axes but the last: what counts for mean and variance.
    Weights: gamma, beta, moving_mean, moving_variance.
    Source: Keras 3 `layers.BatchNormalization`; Ioffe and Szegedy, ICML 2015.
    """

    def __init__(
        self,
        axis=-1,
        momentum=0.99,
        epsilon=1e-3,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        moving_mean_initializer="zeros",
        moving_variance_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        renorm=False,
        renorm_clipping=None,
        renorm_momentum=0.99,
        synchronized=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if synchronized:
            raise ValueError(
                "BatchNormalization: `synchronized` is for several machines, and fastnn runs on one"
            )
        if isinstance(axis, bool) or int(axis) != axis:
            raise ValueError(f"BatchNormalization: `axis` must be an integer, received {axis!r}")
        self.axis = int(axis)
        self.momentum = float(momentum)
        self.epsilon = float(epsilon)
        self._keep_affine(locals())
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.renorm = renorm
        self.renorm_clipping = _checked_clipping(renorm_clipping) if renorm else renorm_clipping
        self.renorm_momentum = renorm_momentum
        self.synchronized = synchronized
        self.moving_mean = self.moving_variance = None

    def build(self, input_shape):
        channels = known_extent(self, input_shape, self.axis)
        shape = (channels,)
        self._add_affine(shape)
        self.moving_mean = self._add_average("moving_mean", shape, self.moving_mean_initializer)
        self.moving_variance = self._add_average("moving_variance", shape, self.moving_variance_initializer)
        if self.renorm:

            def deviation(shape, dtype=None):
                return ops.sqrt(self.moving_variance_initializer(shape, dtype=dtype))

            self.moving_stddev = self._add_average("moving_stddev", shape, deviation)
            self.renorm_mean = self._add_average("renorm_mean", shape, self.moving_mean_initializer)
            self.renorm_stddev = self._add_average("renorm_stddev", shape, deviation)
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})

    def _add_average(self, name, shape, initializer):
        return self.add_weight(
            name=name, shape=shape, initializer=initializer, trainable=False, autocast=False
        )

    def call(self, inputs, training=None, mask=None):
        if mask is not None and len(mask.shape) != len(inputs.shape) - 1:
            raise ValueError(
                f"BatchNormalization {self.name!r}: `mask` must have one axis less than the "
                f"input, received shapes {tuple(mask.shape)} and {tuple(inputs.shape)}"
            )
        given = inputs.dtype
        x = convert(inputs, dtype=dtypes.promote(given, "float32"))  # float16 sums overflow
        if not (training and self.trainable):
            y = self._normalized(x, self.moving_mean, self.moving_variance, self.gamma, self.beta)
        elif mask is None and not self.renorm:
            y = self._trained(x)
        else:
            mean, variance = self._moments(x, mask)
            gamma, beta = self.gamma, self.beta
            if self.renorm:
                gamma, beta = self._renormalized(mean, variance)
            else:
                self._move(mean, variance)
            y = self._normalized(x, mean, variance, gamma, beta)
        return convert(y, dtype=self._compute_dtype) if dtypes.is_float(given) else y

    def _trained(self, x):
        """Normalised by its own statistics, in one op that gives those out for the averages."""
        axis = self.axis % len(x.shape)
        last = len(x.shape) - 1
        channels = (x.shape[axis],)
        gamma = self._parameter(self.gamma, x) if self.scale else ops.ones(channels, x.dtype)
        beta = self._parameter(self.beta, x) if self.center else ops.zeros(channels, x.dtype)
        if axis != last:
            x = ops.moveaxis(x, axis, last)
        y, mean, variance = batch_norm_train_op(x, gamma, beta, epsilon=self.epsilon, activation=None)
        self._move(mean, variance)
        return y if axis == last else ops.moveaxis(y, last, axis)

    def _parameter(self, variable, x):
        return None if variable is None else convert(variable, dtype=x.dtype)

    def _normalized(self, x, mean, variance, gamma, beta):
        return ops.batch_normalization(
            x,
            mean=self._parameter(mean, x),
            variance=self._parameter(variance, x),
            axis=self.axis,
            offset=self._parameter(beta, x),
            scale=self._parameter(gamma, x),
            epsilon=self.epsilon,
        )

    def _move(self, mean, variance):
        _average(self.moving_mean, mean, self.momentum)
        _average(self.moving_variance, variance, self.momentum)

    def _moments(self, x, mask):
        axes = tuple([axis for axis in range(len(x.shape)) if axis != self.axis % len(x.shape)])
        if mask is None:
            return ops.moments(x, axes=axes)
        kept = ops.broadcast_to(ops.expand_dims(ops.cast(mask, "bool"), -1), x.shape)
        zero = convert(0.0, dtype=x.dtype)
        count = ops.sum(ops.cast(kept, x.dtype), axis=axes, keepdims=True) + settings.epsilon()
        mean = ops.sum(ops.where(kept, x, zero), axis=axes, keepdims=True) / count
        away = ops.where(kept, ops.subtract(x, mean), zero)
        variance = ops.sum(ops.square(away), axis=axes, keepdims=True) / count
        channels = (x.shape[self.axis],)
        return ops.reshape(mean, channels), ops.reshape(variance, channels)

    def _renormalized(self, mean, variance):
        """gamma and beta with the correction in them; moves all averages."""
        clipping = self.renorm_clipping
        deviation = ops.sqrt(variance + self.epsilon)
        running = ops.maximum(self.renorm_stddev, convert(self.epsilon**0.5, dtype=mean.dtype))
        r = ops.divide(deviation, running)
        d = ops.divide(ops.subtract(mean, self.renorm_mean), running)
        if clipping.get("rmin") is not None:
            r = ops.maximum(r, convert(float(clipping["rmin"]), dtype=r.dtype))
        if clipping.get("rmax") is not None:
            r = ops.minimum(r, convert(float(clipping["rmax"]), dtype=r.dtype))
        if clipping.get("dmax") is not None:
            d = ops.clip(d, -clipping["dmax"], clipping["dmax"])
        gamma, beta = ops.stop_gradient(r), ops.stop_gradient(d)
        if self.gamma is not None:
            gamma, beta = ops.multiply(gamma, self.gamma), ops.multiply(beta, self.gamma)
        if self.beta is not None:
            beta = ops.add(beta, self.beta)
        _average(self.renorm_mean, mean, self.renorm_momentum)
        _average(self.renorm_stddev, deviation, self.renorm_momentum)
        _average(self.moving_mean, mean, self.momentum)
        moved = _average(self.moving_stddev, deviation, self.momentum)
        self.moving_variance.assign(ops.relu(ops.square(moved) - self.epsilon))
        return gamma, beta

    def compute_output_shape(self, input_shape):
        if not -len(input_shape) <= self.axis < len(input_shape):
            raise ValueError(
                f"BatchNormalization {self.name!r}: `axis` {self.axis} is not among the axes of "
                f"its input of shape {tuple(input_shape)}"
            )
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "axis": self.axis,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            **self._affine_config(),
            "moving_mean_initializer": initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": initializers.serialize(self.moving_variance_initializer),
            "synchronized": self.synchronized,
            "renorm": self.renorm,
            "renorm_clipping": self.renorm_clipping,
            "renorm_momentum": self.renorm_momentum,
        }


def _average(variable, value, momentum):
    """Move `variable` towards `value`; the new value."""
    kept = ops.multiply(variable, convert(momentum, dtype=variable.dtype))
    added = ops.multiply(convert(value, dtype=variable.dtype), convert(1.0 - momentum, dtype=variable.dtype))
    return variable.assign(ops.add(kept, added))


def _checked_clipping(clipping):
    clipping = dict(clipping or {})
    unknown = set(clipping) - {"rmin", "rmax", "dmax"}
    if unknown:
        raise ValueError(
            "BatchNormalization: `renorm_clipping` may have the keys 'rmin', 'rmax' and "
            f"'dmax', received {sorted(unknown)}"
        )
    rmin, rmax, dmax = (clipping.get(key) for key in ("rmin", "rmax", "dmax"))
    if rmin is not None and rmax is not None and rmax < rmin or dmax is not None and dmax < 0:
        raise ValueError(
            f"BatchNormalization: `renorm_clipping` needs rmin <= rmax and dmax >= 0, received {clipping}"
        )
    return clipping
