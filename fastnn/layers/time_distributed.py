"""TimeDistributed: one layer on each step of a sequence."""

from .. import ops
from .fused_recurrence import FusedRNN
from .stacked_rnn_cells import takes_training
from .wrapper import Wrapper

# Layers of these modules treat each row of a batch by itself, so that steps can be rows of one larger batch.
_ROW_BY_ROW = (
    "activation",
    "convolution",
    "dense",
    "embedding",
    "framing",
    "identity",
    "pooling",
    "rescaling",
    "reshaping",
    "row_normalization",
    "upsampling",
)
_MODULES = {f"{__package__}.{name}" for name in _ROW_BY_ROW}


def _rows_are_independent(layer):
    """Whether steps may be rows: the layer and all in it are known to treat rows alone."""
    if isinstance(layer, FusedRNN):
        return not layer.stateful
    return type(layer).__module__ in _MODULES


class TimeDistributed(Wrapper):
    """`layer` on each step: (batch, steps, ...) to (batch, steps, ...).

    Raises:
        ValueError: `layer` is none; an input without a step axis; a mask of other rows or steps than the
            input's.
    Source: Keras 3 `layers.TimeDistributed`.
    """

    def __init__(self, layer, **kwargs):
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def _step_shape(self, input_shape):
        if len(input_shape) < 3:
            raise ValueError(
                f"TimeDistributed {self.name!r}: its input must have shape (batch, steps, ...) with three "
                f"axes or more, received {tuple(input_shape)}"
            )
        return (input_shape[0], *input_shape[2:])

    def build(self, input_shape):
        super().build(self._step_shape(input_shape))

    def compute_output_shape(self, input_shape):
        output = self.layer.compute_output_shape(self._step_shape(input_shape))
        return (output[0], input_shape[1], *output[1:])

    def call(self, inputs, training=None, mask=None):
        batch, steps = inputs.shape[:2]
        if mask is not None and tuple(mask.shape[:2]) != (batch, steps):
            raise ValueError(
                f"TimeDistributed {self.name!r}: a mask must have shape (batch, steps, ...), here "
                f"({batch}, {steps}, ...), received {tuple(mask.shape)}"
            )
        options = {"training": training} if takes_training(self.layer) else {}
        masked = mask is not None and self.layer._read_signature().has_mask
        if not masked and _rows_are_independent(self.layer) and batch * steps:
            rows = self.layer.call(ops.reshape(inputs, (batch * steps, *inputs.shape[2:])), **options)
            return ops.reshape(rows, (batch, steps, *rows.shape[1:]))
        if steps == 0:
            return ops.zeros(self.compute_output_shape(inputs.shape), dtype=self._compute_dtype)
        xs = {"x": ops.moveaxis(inputs, 1, 0)}
        if masked:
            xs["mask"] = ops.moveaxis(mask, 1, 0)

        def one_step(slices):
            return self.layer.call(slices["x"], **options, **({"mask": slices["mask"]} if masked else {}))

        return ops.moveaxis(ops.map(one_step, xs), 0, 1)
