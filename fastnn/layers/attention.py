"""Attention over its inputs as they are, without projections: Attention and AdditiveAttention."""

from .. import ops, random
from ..engine.symbolic import KerasTensor
from ..engine.variable import convert
from ..ops.attention import attend
from .layer import Layer


class Attention(Layer):
    """softmax(scores of query and key) value; called on [query, value] or [query, value, key].

    Tensors are (batch, tokens, features); without a key the value is the key.

    Args:
        use_scale: multiply the scores by a learnt number.
        score_mode: "dot": query . key; "concat": a learnt number times the sum of tanh(query + key).
        dropout: the share of attention weights that is dropped while training.
        seed: of the dropout.

    Call arguments:
        mask: [query mask, value mask], each (batch, tokens) or None: queries that are False give 0, values
            that are False are not attended to.
        return_attention_scores: return (result, attention weights (batch, queries, keys)).
        use_causal_mask: a query sees no key after its own place.
    Raises:
        ValueError: an argument out of range; inputs that are no list of two or three tensors.
    Source: Keras 3 `layers.Attention`; Luong et al., EMNLP 2015.
    """

    rounds_products = False  # attention by blocks, which is float32, gives the same

    def __init__(self, use_scale=False, score_mode="dot", dropout=0.0, seed=None, **kwargs):
        super().__init__(**kwargs)
        kind = type(self).__name__
        if score_mode not in ("dot", "concat"):
            raise ValueError(f"{kind}: `score_mode` must be 'dot' or 'concat', received {score_mode!r}")
        if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout < 1:
            raise ValueError(f"{kind}: `dropout` must be a number from 0 to below 1, received {dropout!r}")
        self.use_scale = use_scale
        self.score_mode = score_mode
        self.dropout = dropout
        self.seed = seed
        if dropout > 0:
            self.seed_generator = random.SeedGenerator(seed)
        self.scale = self.concat_score_weight = None

    def build(self, input_shape):
        self._check(input_shape)
        if self.use_scale:
            self.scale = self.add_weight(name="scale", shape=(), initializer="ones")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight(
                name="concat_score_weight", shape=(), initializer="ones"
            )

    def call(self, inputs, mask=None, training=False, return_attention_scores=False, use_causal_mask=False):
        self._check(inputs, mask)
        query, value = inputs[:2]
        key = inputs[2] if len(inputs) > 2 else value
        query_mask, value_mask = (None, None) if mask is None else mask[:2]
        value_mask = None if value_mask is None else convert(value_mask, dtype="bool")
        rate = self.dropout if training else 0.0
        scores = None
        if self._is_product() and len(query.shape) == 3 and not return_attention_scores:
            output = self._by_blocks(query, key, value, value_mask, use_causal_mask, rate)
        else:
            scores = ops.softmax(self._hidden(self._scores(query, key), value_mask, use_causal_mask), axis=-1)
            given = random.dropout(scores, rate, seed=self.seed_generator) if rate else scores
            output = ops.matmul(given, value)
            scores = given
        if query_mask is not None:
            seen = ops.expand_dims(convert(query_mask, dtype="bool"), -1)
            output = ops.where(seen, output, convert(0.0, dtype=output.dtype))
        return (output, scores) if return_attention_scores else output

    def _is_product(self):
        """Whether scores are plain products, which run by blocks."""
        return self.score_mode == "dot"

    def _by_blocks(self, query, key, value, value_mask, causal, rate):
        if self.scale is not None:
            query = query * self.scale
        query, key, value = [ops.expand_dims(x, 2) for x in (query, key, value)]
        hiding = [] if value_mask is None else [ops.expand_dims(ops.expand_dims(value_mask, 1), 1)]
        seed = random.draw_seed(self.seed_generator) if rate else None
        return ops.squeeze(
            attend(query, key, value, scale=1.0, masks=hiding, causal=causal, rate=rate, seed=seed), 2
        )

    def _scores(self, query, key):
        """(batch, queries, keys)."""
        if self.score_mode == "dot":
            scores = ops.matmul(query, ops.swapaxes(key, -2, -1))
            return scores if self.scale is None else scores * self.scale
        both = ops.expand_dims(query, -2) + ops.expand_dims(key, -3)
        both = both if self.scale is None else both * self.scale
        return self.concat_score_weight * ops.sum(ops.tanh(both), axis=-1)

    def _hidden(self, scores, value_mask, causal):
        """Scores with a large number taken off where a mask hides the key."""
        seen = None if value_mask is None else ops.expand_dims(value_mask, -2)
        if causal:
            queries, keys = scores.shape[-2:]
            before = ops.greater_equal(ops.expand_dims(ops.arange(queries), 1), ops.arange(keys))
            seen = before if seen is None else ops.logical_and(seen, before)
        if seen is None:
            return scores
        return ops.where(seen, scores, scores - (65504.0 if scores.dtype == "float16" else 1e9))

    def compute_mask(self, inputs, mask=None):
        self._check(inputs, mask)
        return None if mask is None else mask[0]

    def compute_output_shape(self, input_shape):
        self._check(input_shape)
        return (*input_shape[0][:-1], input_shape[1][-1])

    def compute_output_spec(
        self, inputs, mask=None, return_attention_scores=False, training=None, use_causal_mask=False
    ):
        self._check(inputs, mask)
        output = KerasTensor(self.compute_output_shape([x.shape for x in inputs]), self._compute_dtype)
        if not return_attention_scores:
            return output
        return output, KerasTensor((*inputs[0].shape[:-1], inputs[-1].shape[-2]), self._compute_dtype)

    def _check(self, inputs, mask=None):
        names = "[query, value] or [query, value, key]"
        if not isinstance(inputs, list) or len(inputs) not in (2, 3):
            what = f"a list of {len(inputs)}" if isinstance(inputs, list) else f"a {type(inputs).__name__}"
            raise ValueError(
                f"{type(self).__name__} {self.name!r} must be called on a list {names}, received {what}"
            )
        if mask is not None and (not isinstance(mask, list) or len(mask) not in (2, 3)):
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: `mask` must be a list [query mask, value mask], "
                f"received {mask!r}"
            )

    def get_config(self):
        return {
            **super().get_config(),
            "use_scale": self.use_scale,
            "score_mode": self.score_mode,
            "dropout": self.dropout,
            "seed": self.seed,
        }


class AdditiveAttention(Attention):
    """Attention whose scores are sums of tanh(query + key), each feature times a learnt number.

    Args:
        use_scale: whether there are such numbers. dropout: as in Attention.
    Source: Keras 3 `layers.AdditiveAttention`; Bahdanau et al., ICLR 2015.
    """

    def __init__(self, use_scale=True, dropout=0.0, **kwargs):
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape):
        self._check(input_shape)
        if self.use_scale:
            self.scale = self.add_weight(
                name="scale", shape=(input_shape[0][-1],), initializer="glorot_uniform"
            )

    def _is_product(self):
        return False

    def _scores(self, query, key):
        both = ops.tanh(ops.expand_dims(query, -2) + ops.expand_dims(key, -3))
        return ops.sum(both if self.scale is None else self.scale * both, axis=-1)

    def get_config(self):
        config = super().get_config()
        del config["score_mode"]
        return config


def __getattr__(name):
    # Keras 2's programs took other layers from a module of this name as well.
    from .. import layers

    if name in layers.__all__:
        return getattr(layers, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
