"""Attention with several heads, each on its own projection: MultiHeadAttention and GroupedQueryAttention."""

import math
import string

from .. import constraints, initializers, ops, random, regularizers
from ..engine import masks
from ..engine.symbolic import KerasTensor, unique_name
from ..engine.variable import convert
from ..ops.attention import attend
from .activation import Softmax
from .dropout import Dropout
from .einsum_dense import EinsumDense
from .layer import Layer
from .weight_arguments import checked_count, weight_config


class _HeadedAttention(Layer):
    """What both layers share: projections, masks, and which way attention is computed.

    A subclass calls `_keep` in its constructor and makes its projections by `_projection`.
    """

    def _keep(self, arguments, dropout, sliding_window, flash_attention):
        """Checks and stores what both constructors take; `arguments`: {kernel or bias: its three
        settings}.
        """
        kind = type(self).__name__
        if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout <= 1:
            raise ValueError(f"{kind}: `dropout` must be a number from 0 to 1, received {dropout!r}")
        if sliding_window is not None:
            sliding_window = checked_count(kind, "sliding_window", sliding_window)
        if flash_attention and dropout > 0:
            raise ValueError(
                f"{kind}: with `flash_attention=True` there is no dropout, received "
                f"dropout={dropout}; leave "
                "`flash_attention` None"
            )
        self.supports_masking = True
        self._window = sliding_window
        self._flash_attention = bool(flash_attention)
        for weight, (initializer, regularizer, constraint) in arguments.items():
            setattr(self, f"_{weight}_initializer", initializers.get(initializer))
            setattr(self, f"_{weight}_regularizer", regularizers.get(regularizer))
            setattr(self, f"_{weight}_constraint", constraints.get(constraint))

    def _projection(self, equation, output_shape, bias_axes, name, use_bias, activation=None):
        """A projection with this layer's settings; each gets initializers of its own, as equal ones draw
        alike.
        """
        return EinsumDense(
            equation,
            output_shape=output_shape,
            bias_axes=bias_axes if use_bias else None,
            name=name,
            activation=activation,
            kernel_initializer=_copy(self._kernel_initializer),
            bias_initializer=_copy(self._bias_initializer),
            kernel_regularizer=self._kernel_regularizer,
            bias_regularizer=self._bias_regularizer,
            activity_regularizer=self._projections_regularizer,
            kernel_constraint=self._kernel_constraint,
            bias_constraint=self._bias_constraint,
            dtype=self.dtype_policy,
        )

    def _weight_config(self):
        config = weight_config(self, "_kernel", "_bias")
        return {
            **{key.removeprefix("_"): value for key, value in config.items()},
            "activity_regularizer": regularizers.serialize(self._projections_regularizer),
        }

    def _masks_of(self, query_mask, value_mask, key_mask, attention_mask, rank, axes):
        """Bool tensors that broadcast to the scores, which have `rank` axes, the last ones `axes` of queries
        and of keys.

        They are kept apart: joined, they may be as large as the scores.
        """
        found = []
        if query_mask is not None:
            mask = convert(query_mask, dtype="bool")
            found.append(ops.reshape(mask, (*mask.shape, *[1] * axes)))
        for mask in (value_mask, key_mask):
            if mask is not None:
                mask = convert(mask, dtype="bool")
                at = len(mask.shape) - axes
                found.append(ops.reshape(mask, (*mask.shape[:at], *[1] * axes, *mask.shape[at:])))
        if attention_mask is not None:
            found.append(convert(attention_mask, dtype="bool"))
        return [_with_rank(mask, rank, 2 * axes) for mask in found]

    def _attended(self, query, key, value, found, *, scale, causal, training):
        """Attention by blocks; of tensors (batch, tokens, heads, features)."""
        rate = self._dropout_layer.rate if training else 0.0
        seed = random.draw_seed(self._dropout_layer.seed_generator) if rate else None
        # With a dropout rate Keras goes by a masked softmax, which leaves zeros where a query sees no key.
        return attend(
            query,
            key,
            value,
            scale=scale,
            masks=found,
            causal=causal,
            window=self._window,
            rate=rate,
            seed=seed,
            blank=self._dropout_layer.rate > 0,
        )

    def _scored(self, query, key, value, found, *, equations, scale, causal, training, axes=(1,)):
        """Attention by way of the whole matrix of scores: (output, scores)."""
        if causal or self._window is not None:
            if len(axes) > 1:
                raise ValueError(
                    f"{type(self).__name__} {self.name!r}: `use_causal_mask` and "
                    "`sliding_window` are for one "
                    f"attention axis, this layer has {len(axes)}; give an `attention_mask`"
                )
            found = [*found, _band(query.shape[axes[0]], key.shape[axes[0]], causal, self._window)]
        scores = ops.einsum(equations[0], query * scale, key)
        mask = None
        for one in found:
            mask = one if mask is None else ops.logical_and(mask, one)
        scores = self._softmax(scores) if mask is None else self._softmax(scores, mask=mask)
        given = self._dropout_layer(scores, training=training)
        return ops.einsum(equations[1], given, value), scores

    def _check_flash(self, scores):
        if self._flash_attention and scores:
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: with `flash_attention=True` there are "
                "no scores to "
                "return; leave `flash_attention` None"
            )


class _Unmasked:
    """A `with` block in which tensors have no mask attached: inner layers then see plain tensors."""

    def __init__(self, *tensors):
        self.tensors = tensors

    def __enter__(self):
        self.saved = [masks.get_mask(x) for x in self.tensors]
        for x in self.tensors:
            masks.set_mask(x, None)

    def __exit__(self, *exc):
        for x, mask in zip(self.tensors, self.saved, strict=True):
            if mask is not None:
                masks.set_mask(x, mask)


def _copy(initializer):
    return type(initializer).from_config(initializer.get_config())


def _with_rank(mask, rank, tokens):
    """`mask` with axes of extent 1 put in before its last `tokens` axes until it has `rank` axes."""
    at = len(mask.shape) - tokens
    missing = rank - len(mask.shape)
    if at < 0 or missing <= 0:
        return mask
    return ops.reshape(mask, (*mask.shape[:at], *[1] * missing, *mask.shape[at:]))


def _band(queries, keys, causal, window):
    """(queries, keys), bool: what causality and the window leave to each query."""
    away = ops.expand_dims(ops.arange(queries), 1) - ops.arange(keys)
    seen = ops.less(ops.abs(away), keys + queries if window is None else window)
    return ops.logical_and(seen, ops.greater_equal(away, 0)) if causal else seen


def _check_tokens(layer, value_shape, key_shape):
    if tuple(value_shape[1:-1]) != tuple(key_shape[1:-1]):
        raise ValueError(
            f"{type(layer).__name__} {layer.name!r}: `value` and `key` must have the same "
            "tokens, received "
            f"shapes {tuple(value_shape)} and {tuple(key_shape)}; only their last axes may "
            "differ"
        )


class MultiHeadAttention(_HeadedAttention):
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
        either way. kernel_..., bias_..., activity_regularizer: of the projections.
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
        self.seed = seed
        self._projections_regularizer = regularizers.get(activity_regularizer)
        self._keep(
            {
                "kernel": (kernel_initializer, kernel_regularizer, kernel_constraint),
                "bias": (bias_initializer, bias_regularizer, bias_constraint),
            },
            dropout,
            sliding_window,
            flash_attention,
        )

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
        _check_tokens(self, value_shape, key_shape)
        heads, rank = self._num_heads, len(query_shape) + 1
        self._query_dense = self._to_heads("query", query_shape, self._key_dim)
        self._key_dense = self._to_heads("key", key_shape, self._key_dim)
        if self._use_gate:
            self._gate_dense = self._to_heads("gate", query_shape, self._value_dim, activation="sigmoid")
        self._value_dense = self._to_heads("value", value_shape, self._value_dim)
        axes = range(1, rank - 2) if self._attention_axes is None else self._attention_axes
        self._attention_axes = tuple([axis if axis >= 0 else rank - 1 + axis for axis in axes])
        self._equations = _attention_equations(rank, self._attention_axes)
        self._scores_rank = rank - 1 + len(self._attention_axes)
        count = len(self._attention_axes)
        self._softmax = Softmax(
            axis=tuple(range(self._scores_rank - count, self._scores_rank)), dtype=self.dtype_policy
        )
        self._dropout_layer = Dropout(self._dropout, seed=self.seed, dtype=self.dtype_policy)
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

    def call(
        self,
        query,
        value,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        return_attention_scores=False,
        training=None,
        use_causal_mask=False,
    ):
        self._check_flash(return_attention_scores)
        key = value if key is None else key
        with _Unmasked(query, value, key):
            gate = self._gate_dense(query) if self._use_gate else None
            query, key, value = self._query_dense(query), self._key_dense(key), self._value_dense(value)
        found = self._masks_of(
            query_mask, value_mask, key_mask, attention_mask, self._scores_rank, len(self._attention_axes)
        )
        scale = 1.0 / math.sqrt(self._key_dim)
        scores = None
        if len(query.shape) == 4 and not return_attention_scores:
            output = self._attended(
                query, key, value, found, scale=scale, causal=use_causal_mask, training=training
            )
        else:
            output, scores = self._scored(
                query,
                key,
                value,
                found,
                equations=self._equations,
                scale=scale,
                causal=use_causal_mask,
                training=training,
                axes=self._attention_axes,
            )
        output = self._output_dense(output if gate is None else output * gate)
        return (output, scores) if return_attention_scores else output

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        _check_tokens(self, value_shape, value_shape if key_shape is None else key_shape)
        return (*query_shape[:-1], *(self._output_shape or query_shape[-1:]))

    def compute_output_spec(
        self,
        query,
        value,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        return_attention_scores=False,
        training=None,
        use_causal_mask=False,
    ):
        shape = self.compute_output_shape(query.shape, value.shape, None if key is None else key.shape)
        output = KerasTensor(shape, self.compute_dtype)
        if not return_attention_scores:
            return output
        axes = self._attention_axes or tuple(range(1, len(query.shape) - 1))
        others = [n for axis, n in enumerate(query.shape[:-1]) if axis not in axes]
        scores = (
            *others,
            self._num_heads,
            *[query.shape[axis] for axis in axes],
            *[value.shape[axis] for axis in axes],
        )
        return output, KerasTensor(scores, self.compute_dtype)

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


class GroupQueryAttention(_HeadedAttention):
    """MultiHeadAttention in which several query heads share a head of keys and values.

    Args:
        head_dim: features a head.
        num_query_heads, num_key_value_heads: how many; the first a multiple of the second.
        The others, and those of the call, are as in MultiHeadAttention.
    Raises:
        ValueError: an argument out of range; `value` and `key` of different lengths.
    Source: Keras 3 `layers.GroupQueryAttention`; Ainslie et al., EMNLP 2023.
    """

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
                f"{kind}: `num_query_heads` must be a multiple of `num_key_value_heads`, "
                "received "
                f"{num_query_heads} and {num_key_value_heads}"
            )
        self.num_repeats = num_query_heads // num_key_value_heads
        self.dropout = dropout
        self.use_bias = use_bias
        self.use_gate = use_gate
        self.seed = seed
        self._projections_regularizer = regularizers.get(activity_regularizer)
        self._keep(
            {
                "kernel": (kernel_initializer, kernel_regularizer, kernel_constraint),
                "bias": (bias_initializer, bias_regularizer, bias_constraint),
            },
            dropout,
            sliding_window,
            flash_attention,
        )

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = value_shape if key_shape is None else key_shape
        _check_tokens(self, value_shape, key_shape)
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
        self._softmax = Softmax(axis=-1, dtype=self.dtype_policy)
        self._dropout_layer = Dropout(self.dropout, seed=self.seed, dtype=self.dtype_policy)
        self._output_dense = self._projection(
            "bquh,uhm->bqm", (None, self.feature_dim), "m", "attention_output", self.use_bias
        )
        self._output_dense.build((None, None, self.num_query_heads, self.head_dim))

    def call(
        self,
        query,
        value,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        return_attention_scores=False,
        training=None,
        use_causal_mask=False,
    ):
        self._check_flash(return_attention_scores)
        key = value if key is None else key
        with _Unmasked(query, value, key):
            gate = self._gate_dense(query) if self.use_gate else None
            query, key, value = self._query_dense(query), self._key_dense(key), self._value_dense(value)
        found = self._masks_of(query_mask, value_mask, key_mask, attention_mask, 4, 1)
        scale = 1.0 / math.sqrt(self.head_dim)
        scores = None
        if return_attention_scores:
            key, value = (ops.repeat(x, self.num_repeats, axis=2) for x in (key, value))
            output, scores = self._scored(
                query,
                key,
                value,
                found,
                equations=("bquh,bkuh->buqk", "buqk,bkuh->bquh"),
                scale=scale,
                causal=use_causal_mask,
                training=training,
            )
        else:
            output = self._attended(
                query, key, value, found, scale=scale, causal=use_causal_mask, training=training
            )
        output = self._output_dense(output if gate is None else output * gate)
        return (output, scores) if return_attention_scores else output

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        _check_tokens(self, value_shape, value_shape if key_shape is None else key_shape)
        return query_shape

    def compute_output_spec(
        self,
        query,
        value,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        return_attention_scores=False,
        training=None,
        use_causal_mask=False,
    ):
        shape = self.compute_output_shape(query.shape, value.shape, None if key is None else key.shape)
        output = KerasTensor(shape, self.compute_dtype)
        if not return_attention_scores:
            return output
        scores = (query.shape[0], self.num_query_heads, query.shape[1], value.shape[1])
        return output, KerasTensor(scores, self.compute_dtype)

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
        }
