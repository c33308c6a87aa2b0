"""MultiHeadAttention, and GroupedQueryAttention, in which query heads share those of keys and values."""

import string

from .. import ops
from ..engine.symbolic import unique_name
from .headed_attention import HeadedAttention
from .weight_arguments import checked_count


class MultiHeadAttention(HeadedAttention):
    """Attention in `num_heads` projections of its inputs at once, the results projected back.

    Called as layer(query, value, key=None, ...), on tensors (batch, tokens ..., features).

    Args:
        num_heads: how many. key_dim, value_dim: features a head of queries and keys, and of values (key_dim
            by default).
        dropout: the share of attention weights that is dropped while training.
        use_bias: whether projections have a bias.
        output_shape: the result's last axis or axes; the query's features by default.
        attention_axes: the axes of tokens, all between batch and features by default.
        sliding_window: a query sees keys less than so many places away.
        flash_attention: True refuses dropout and returned scores, as in Keras; attention runs by blocks
            either way.
        kernel_..., bias_..., activity_regularizer: of the projections.
        use_gate: multiply the result by a sigmoid projection of the query.
        seed: of the dropout.

    Call arguments:
        query_mask, value_mask, key_mask: (batch, tokens), True for tokens that count; attached masks by
            default.
        attention_mask: (batch, queries, keys), or with the heads' axis second; True where a query may see a
            key.
        return_attention_scores: return (result, attention weights (batch, heads, queries, keys)).
        use_causal_mask: a query sees no key after its own place.
    Raises:
        ValueError: an argument out of range; `value` and `key` of different lengths.
    Source: Keras 3 `layers.MultiHeadAttention`; Vaswani et al., NeurIPS 2017.
    >>> MultiHeadAttention(num_heads=4, key_dim=16).compute_output_shape((None, 10, 64), (None, 20, 32))
    (None, 10, 64)
    """

    def __init__(
        self,
        num_heads,
        key_dim,
        value_dim=None,
        dropout=0.0,
        use_bias=True,
        output_shape=None,
        attention_axes=None,
        sliding_window=None,
        flash_attention=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        use_gate=False,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._num_heads = checked_count("MultiHeadAttention", "num_heads", num_heads)
        self._key_dim = checked_count("MultiHeadAttention", "key_dim", key_dim)
        self._value_dim = (
            key_dim if value_dim is None else checked_count("MultiHeadAttention", "value_dim", value_dim)
        )
        self._dropout = dropout
        self._use_bias = use_bias
        self._use_gate = use_gate
        self._output_shape = _tuple_or_none("output_shape", output_shape)
        self._attention_axes = _tuple_or_none("attention_axes", attention_axes)
        self._keep(locals())

    num_heads = property(lambda self: self._num_heads)
    key_dim = property(lambda self: self._key_dim)
    value_dim = property(lambda self: self._value_dim)
    dropout = property(lambda self: self._dropout)
    use_bias = property(lambda self: self._use_bias)
    attention_axes = property(lambda self: self._attention_axes)
    query_dense = property(lambda self: self._query_dense)
    key_dense = property(lambda self: self._key_dense)
    value_dense = property(lambda self: self._value_dense)
    output_dense = property(lambda self: self._output_dense)

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = value_shape if key_shape is None else key_shape
        self._check_tokens(value_shape, key_shape)
        heads, rank = self._num_heads, len(query_shape) + 1
        self._query_dense = self._to_heads("query", query_shape, self._key_dim)
        self._key_dense = self._to_heads("key", key_shape, self._key_dim)
        if self._use_gate:
            self._gate_dense = self._to_heads("gate", query_shape, self._value_dim, activation="sigmoid")
        self._value_dense = self._to_heads("value", value_shape, self._value_dim)
        axes = range(1, rank - 2) if self._attention_axes is None else self._attention_axes
        self._attention_axes = tuple([axis if axis >= 0 else rank - 1 + axis for axis in axes])
        if any(not 0 < axis < rank - 2 for axis in self._attention_axes):
            raise ValueError(
                f"MultiHeadAttention {self.name!r}: `attention_axes` must lie between the batch axis and that of the "
                f"features, from 1 to {rank - 3} for queries of shape {tuple(query_shape)}, received {tuple(axes)}"
            )
        self._equations = _attention_equations(rank, self._attention_axes)
        self._scores_rank = rank - 1 + len(self._attention_axes)
        count = len(self._attention_axes)
        self._make_inner(self._dropout, tuple(range(self._scores_rank - count, self._scores_rank)))
        made = self._output_shape or (query_shape[-1],)
        lead = string.ascii_lowercase[: rank - 2]
        out = string.ascii_lowercase[rank : rank + len(made)]
        inner = string.ascii_lowercase[rank - 2 : rank]
        self._output_dense = self._projection(
            f"{lead}{inner},{inner}{out}->{lead}{out}",
            (*[None] * (rank - 3), *made),
            out,
            "attention_output",
            self._use_bias,
        )
        self._output_dense.build((*query_shape[:-1], heads, self._value_dim))

    def _to_heads(self, name, shape, features, activation=None):
        """A built projection of the last axis to (heads, features)."""
        lead, inner, out = (
            string.ascii_lowercase[a:b]
            for a, b in ((0, len(shape) - 1), (len(shape) - 1, len(shape)), (len(shape), len(shape) + 2))
        )
        layer = self._projection(
            f"{lead}{inner},{inner}{out}->{lead}{out}",
            (*[None] * (len(shape) - 2), self._num_heads, features),
            out,
            name,
            self._use_bias,
            activation,
        )
        layer.build(shape)
        return layer

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        self._check_tokens(value_shape, value_shape if key_shape is None else key_shape)
        return (*query_shape[:-1], *(self._output_shape or query_shape[-1:]))

    def _scores_shape(self, query_shape, value_shape):
        axes = self._attention_axes or tuple(range(1, len(query_shape) - 1))
        others = [n for axis, n in enumerate(query_shape[:-1]) if axis not in axes]
        return (
            *others,
            self._num_heads,
            *[query_shape[axis] for axis in axes],
            *[value_shape[axis] for axis in axes],
        )

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self._num_heads,
            "key_dim": self._key_dim,
            "value_dim": self._value_dim,
            "dropout": self._dropout,
            "use_bias": self._use_bias,
            "use_gate": self._use_gate,
            "output_shape": self._output_shape,
            "attention_axes": self._attention_axes,
            "sliding_window": self._window,
            **self._weight_config(),
            "seed": self.seed,
            **self._policies_inside(),
        }


def _tuple_or_none(argument, value):
    if value is None:
        return None
    values = (value,) if isinstance(value, int) else value
    if not isinstance(values, (list, tuple)) or not all(isinstance(n, int) for n in values):
        raise ValueError(
            f"MultiHeadAttention: `{argument}` must be an int, a list or a tuple of them, received {value!r}"
        )
    return tuple(values) or None


def _attention_equations(rank, axes):
    """Einsum equations: queries, keys -> scores; scores, values -> result.

    Tensors have `rank` axes (batch, ..., heads, features), tokens along `axes`; scores have the other axes,
    heads last among them, then those of query tokens and those of key tokens.
    """
    letters = string.ascii_lowercase
    query = letters[:rank]
    source = "".join(letters[rank + axes.index(i)] if i in axes else query[i] for i in range(rank))
    kept = "".join(query[i] for i in range(rank - 1) if i not in axes)
    scores = kept + "".join(query[i] for i in axes) + "".join(source[i] for i in axes)
    return f"{query},{source}->{scores}", f"{scores},{source}->{query}"


class GroupQueryAttention(HeadedAttention):
    """MultiHeadAttention in which several query heads share a head of keys and values.

    Args:
        head_dim: features a head.
        num_query_heads, num_key_value_heads: how many; the first a multiple of the second.
        The others, and those of the call, are as in MultiHeadAttention.
    Raises:
        ValueError: an argument out of range; `value` and `key` of different lengths.
    Source: Keras 3 `layers.GroupQueryAttention`; Ainslie et al., EMNLP 2023.
    """

    named_in_files = "GroupedQueryAttention"  # Keras's class, exported by the shorter name

    def __init__(
        self,
        head_dim,
        num_query_heads,
        num_key_value_heads,
        dropout=0.0,
        use_bias=True,
        sliding_window=None,
        flash_attention=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        use_gate=False,
        seed=None,
        **kwargs,
    ):
        if kwargs.get("name") is None:
            kwargs["name"] = unique_name("grouped_query_attention")  # as Keras has it
        super().__init__(**kwargs)
        kind = "GroupQueryAttention"
        self.head_dim = checked_count(kind, "head_dim", head_dim)
        self.num_query_heads = checked_count(kind, "num_query_heads", num_query_heads)
        self.num_key_value_heads = checked_count(kind, "num_key_value_heads", num_key_value_heads)
        if num_query_heads % num_key_value_heads:
            raise ValueError(
                f"{kind}: `num_query_heads` must be a multiple of `num_key_value_heads`, received "
                f"{num_query_heads} and {num_key_value_heads}"
            )
        self._attention_axes = (1,)
        self.num_repeats = num_query_heads // num_key_value_heads
        self.dropout = dropout
        self.use_bias = use_bias
        self.use_gate = use_gate
        self._keep(locals())

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = value_shape if key_shape is None else key_shape
        self._check_tokens(value_shape, key_shape)
        self.feature_dim = query_shape[-1]
        queries = ("bqm,muh->bquh", (None, self.num_query_heads, self.head_dim), "uh")
        keys = ("bkm,mvh->bkvh", (None, self.num_key_value_heads, self.head_dim), "vh")
        self._query_dense = self._projection(*queries, "query", self.use_bias)
        self._query_dense.build(query_shape)
        self._key_dense = self._projection(*keys, "key", self.use_bias)
        self._key_dense.build(key_shape)
        if self.use_gate:
            self._gate_dense = self._projection(*queries, "gate", self.use_bias, activation="sigmoid")
            self._gate_dense.build(query_shape)
        self._value_dense = self._projection(*keys, "value", self.use_bias)
        self._value_dense.build(value_shape)
        self._equations, self._scores_rank = ("bquh,bkuh->buqk", "buqk,bkuh->bquh"), 4
        self._make_inner(self.dropout, -1)
        self._output_dense = self._projection(
            "bquh,uhm->bqm", (None, self.feature_dim), "m", "attention_output", self.use_bias
        )
        self._output_dense.build((None, None, self.num_query_heads, self.head_dim))

    def _for_all_queries(self, tensor):
        return ops.repeat(tensor, self.num_repeats, axis=2)

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        self._check_tokens(value_shape, value_shape if key_shape is None else key_shape)
        return query_shape

    def _scores_shape(self, query_shape, value_shape):
        return (query_shape[0], self.num_query_heads, query_shape[1], value_shape[1])

    def get_config(self):
        return {
            **super().get_config(),
            "head_dim": self.head_dim,
            "num_query_heads": self.num_query_heads,
            "num_key_value_heads": self.num_key_value_heads,
            "use_bias": self.use_bias,
            "use_gate": self.use_gate,
            "dropout": self.dropout,
            "sliding_window": self._window,
            **self._weight_config(),
            "seed": self.seed,
            **self._policies_inside(),
        }
