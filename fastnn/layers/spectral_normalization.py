"""SpectralNormalization: a wrapped layer's kernel kept at spectral norm 1."""

from .. import initializers, ops
from ..engine.variable import convert
from .input_spec import InputSpec
from .weight_arguments import checked_count
from .wrapper import Wrapper


class SpectralNormalization(Wrapper):
    """The wrapped layer, whose kernel is divided by an estimate of its largest singular value at each
    training call.

    The kernel counts as a matrix (everything else, output channels). An all-zero kernel stays.

    Args:
        layer: a layer with a `kernel` or `embeddings`.
        power_iterations: how often the estimate is refined each time.
    Raises:
        ValueError: an argument out of range; at building, a layer without such a weight.
    Source: Keras 3 `layers.SpectralNormalization`; Miyato et al., ICLR 2018.
    """

    rounds_products = False

    def __init__(self, layer, power_iterations=1, **kwargs):
        super().__init__(layer, **kwargs)
        self.power_iterations = checked_count("SpectralNormalization", "power_iterations", power_iterations)

    def build(self, input_shape):
        super().build(input_shape)
        self.input_spec = InputSpec(min_ndim=1, axes={-1: input_shape[-1]})
        kernel = next(
            (getattr(self.layer, name) for name in ("kernel", "embeddings") if hasattr(self.layer, name)),
            None,
        )
        if kernel is None:
            raise ValueError(
                f"SpectralNormalization {self.name!r}: {type(self.layer).__name__} has no `kernel` and no "
                "`embeddings` to normalise; wrap a layer that has one"
            )
        self.kernel = kernel
        self.vector_u = self.add_weight(
            name="vector_u",
            shape=(1, kernel.shape[-1]),
            trainable=False,
            initializer=initializers.TruncatedNormal(stddev=0.02),
            dtype=kernel.dtype,
        )

    def call(self, inputs, training=False):
        if training:
            u, kernel = self.normalized_weights()
            zero = ops.all(ops.equal(self.kernel, 0.0))
            self.vector_u.assign(ops.where(zero, self.vector_u, u))
            self.kernel.assign(ops.where(zero, self.kernel, kernel))
        return convert(self.layer(inputs), dtype=inputs.dtype)

    def normalized_weights(self):
        """(the refined vector u, the kernel divided by its spectral norm as u gives it)."""
        kernel = self.kernel.read()
        weights = ops.reshape(kernel, (-1, kernel.shape[-1]))
        u = self.vector_u.read()
        for _ in range(self.power_iterations):
            v = _unit(ops.matmul(u, ops.transpose(weights)))
            u = _unit(ops.matmul(v, weights))
        u, v = ops.stop_gradient(u), ops.stop_gradient(v)
        norm = ops.matmul(ops.matmul(v, weights), ops.transpose(u))
        return u, kernel / ops.reshape(norm, ())

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)

    def get_config(self):
        return {**super().get_config(), "power_iterations": self.power_iterations}


def _unit(row):
    """A (1, n) row at norm 1; zeros stay."""
    norm = ops.sqrt(ops.sum(ops.square(row)))
    one = convert(1.0, dtype=norm.dtype)
    return row / ops.where(ops.equal(norm, 0.0), one, norm)
