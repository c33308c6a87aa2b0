"""ReversibleEmbedding: a table of vectors that also turns vectors into a number a row, as language models end."""

from .. import ops
from ..engine import masks
from ..engine.constructor_arguments import named_arguments
from ..engine.symbolic import _Leaf as Leaf
from ..engine.tensor import Spec
from ..engine.variable import convert
from .embedding import Embedding


class ReversibleEmbedding(Embedding):
    """Embedding whose call with reverse=True gives, for each vector, its product with every row of the table.

    Args:
        tie_weights: use the table itself for that; else a table of its own, `reverse_embeddings`.
        reverse_dtype: the dtype of these products; None: the layer's.
        logit_soft_cap: c for c * tanh(products / c), which keeps them inside -c..c.
        The others are as in Embedding.
    Source: Keras 3 `layers.ReversibleEmbedding`.
    """

    def __init__(
        self,
        input_dim,
        output_dim,
        tie_weights=True,
        embeddings_initializer="uniform",
        embeddings_regularizer=None,
        embeddings_constraint=None,
        mask_zero=False,
        reverse_dtype=None,
        logit_soft_cap=None,
        **kwargs,
    ):
        super().__init__(**named_arguments(locals(), but=["tie_weights", "reverse_dtype", "logit_soft_cap"]))
        self.tie_weights, self.reverse_dtype, self.logit_soft_cap = tie_weights, reverse_dtype, logit_soft_cap

    def build(self, input_shape=None):
        super().build(input_shape)
        if not self.tie_weights and not hasattr(self, "reverse_embeddings"):
            self.reverse_embeddings = self.add_weight(
                name="reverse_embeddings",
                shape=(self.output_dim, self.input_dim),
                initializer=self.embeddings_initializer,
            )

    def call(self, inputs, reverse=False):
        if not reverse:
            vectors = super().call(inputs)
            masks.set_mask(vectors, super().compute_mask(inputs))
            return vectors
        table = ops.transpose(self.embeddings) if self.tie_weights else self.reverse_embeddings
        dtype = self.reverse_dtype or self._compute_dtype
        products = ops.matmul(convert(inputs, dtype=dtype), convert(table, dtype=dtype))
        if self.logit_soft_cap is None:
            return products
        cap = float(self.logit_soft_cap)
        return ops.tanh(products / cap) * cap

    def compute_mask(self, inputs, mask=None):
        return None  # `call` gives the outputs theirs

    def compute_output_shape(self, input_shape, reverse=False):
        if reverse:
            return (*input_shape[:-1], self.input_dim)
        return (*input_shape, self.output_dim)

    def found_specs(self, inputs, reverse=False):
        return Leaf(Spec(self.compute_output_shape(tuple(inputs.shape), reverse), self._compute_dtype))

    def get_config(self):
        config = super().get_config()
        for name in ("weights", "quantization_config"):
            config.pop(name, None)
        return {
            **config,
            "tie_weights": self.tie_weights,
            "reverse_dtype": self.reverse_dtype,
            "logit_soft_cap": self.logit_soft_cap,
        }
