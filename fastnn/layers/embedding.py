"""Embedding: rows of a table, chosen by integers; and Masking, which says which steps count."""

from .. import ops, regularizers
from ..engine.variable import convert
from ..saving.serialization import deserialize_keras_object
from .activation import Elementwise
from .adapted_weight import Adaptable, MainWeight
from .layer import Layer
from .weight_arguments import add_weight, checked_count, set_weight_arguments, weight_config


class Embedding(Adaptable, Layer):
    """Integers (batch, ...) to vectors (batch, ..., output_dim).

    Args:
        input_dim: how many rows the table has: inputs lie in 0..input_dim - 1.
        output_dim: the vectors' width.
        embeddings_...: initializer, regularizer, constraint of the table.
        mask_zero: input 0 is padding; steps that have it are masked in the layers after this one.
        weights: the table's first values.

    While training, a table of 1,024 rows or more, and four times as many as a batch has integers, is updated
    by the rows of the batch alone, by optimizers that can: see `fastnn/optimizers/row_updates.py` for what
    that means for moving averages. Smaller tables are updated whole, as in Keras.
    Source: Keras 3 `layers.Embedding`.
    """

    embeddings = MainWeight("embeddings")
    main_weight = "embeddings"
    quantizable = True

    def __init__(
        self,
        input_dim,
        output_dim,
        embeddings_initializer="uniform",
        embeddings_regularizer=None,
        embeddings_constraint=None,
        mask_zero=False,
        weights=None,
        lora_rank=None,
        lora_alpha=None,
        quantization_config=None,
        **kwargs,
    ):
        kwargs.pop("input_length", None)  # Keras 2's; it says nothing that the input does not
        super().__init__(**kwargs)
        self.set_adapter_arguments(locals())
        self.input_dim = checked_count("Embedding", "input_dim", input_dim)
        self.output_dim = checked_count("Embedding", "output_dim", output_dim)
        set_weight_arguments(self, locals(), "embeddings")
        self.mask_zero = mask_zero
        self.supports_masking = mask_zero
        self.autocast = False
        if weights is not None:
            self.build()
            self.set_weights(weights if isinstance(weights, list) and len(weights) == 1 else [weights])

    def build(self, input_shape=None):
        if not self.built:
            shape = (self.input_dim, self.output_dim)
            self.add_main_weight(shape, lambda: add_weight(self, "embeddings", shape))
            self.add_adapter_if_asked()

    def scale_axes(self):
        """The weight's axes over which one scale holds, once it is quantized."""
        return (1,)

    def _looked_up(self, inputs):
        """The table's rows; of a quantized one only these become floats, of an adapted one only these are added to."""
        rows = ops.take(self._embeddings, inputs, axis=0)
        if self.quantization_mode is not None:
            scale = ops.take(self.embeddings_scale, inputs, axis=0)
            rows = ops.divide(ops.cast(rows, self._compute_dtype), ops.expand_dims(scale, -1))
        if self.lora_enabled:
            more = ops.matmul(ops.take(self.lora_embeddings_a, inputs, axis=0), self.lora_embeddings_b)
            rows = ops.add(rows, ops.multiply(more, self.lora_alpha / self.lora_rank))
        return rows

    def check_range(self, indices):
        """Raise ValueError for an array with numbers outside 0..input_dim - 1, which would give NaN."""
        if indices.size == 0 or indices.dtype.kind not in "fiu":
            return
        low, high = indices.min(), indices.max()
        if low < 0 or high >= self.input_dim:
            raise ValueError(
                f"Embedding {self.name!r}: its input holds numbers {low:g}..{high:g}, but `input_dim` is "
                f"{self.input_dim}, so they must be 0..{self.input_dim - 1}. "
                + (
                    f"Make the layer with input_dim={int(high) + 1}"
                    if low >= 0
                    else "Number what is looked up from 0"
                )
            )

    def call(self, inputs):
        if inputs.dtype not in ("int32", "int64"):
            inputs = ops.cast(inputs, "int32")
        return convert(self._looked_up(inputs), dtype=self._compute_dtype)

    def compute_mask(self, inputs, mask=None):
        return ops.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.output_dim)

    def get_config(self):
        return {
            **super().get_config(),
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            **weight_config(self, "embeddings"),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "mask_zero": self.mask_zero,
            "quantization_config": None,
            **self.adapter_config(),
        }


class Masking(Elementwise):
    """Steps whose features all equal `mask_value` are set to 0, and masked in the layers after this one.

    Source: Keras 3 `layers.Masking`.
    """

    def __init__(self, mask_value=0.0, **kwargs):
        super().__init__(**kwargs)
        self.mask_value = deserialize_keras_object(mask_value) if isinstance(mask_value, dict) else mask_value

    def call(self, inputs):
        kept = ops.any(ops.not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        return ops.where(kept, inputs, convert(0.0, dtype=inputs.dtype))

    def compute_mask(self, inputs, mask=None):
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=-1)

    def get_config(self):
        return {**super().get_config(), "mask_value": self.mask_value}
