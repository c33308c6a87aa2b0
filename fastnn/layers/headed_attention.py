"""HeadedAttention: the base of layers that attend in several heads, each on its own projection."""

import math

from .. import dtype_policies, ops, random, regularizers
from ..engine import masks
from ..engine.symbolic import KerasTensor
from ..engine.variable import convert
from ..ops.attention import attend
from .activation import Softmax
from .dropout import Dropout
from .einsum_dense import EinsumDense
from .layer import Layer
from .weight_arguments import checked_count, set_weight_arguments, weight_config


class HeadedAttention(Layer):
    """What both layers share: projections, masks, the call, and which way attention is computed.

    A subclass calls `_keep` in its constructor. Its `build` makes projections by `_projection` (`_query_dense`,
    `_key_dense`, `_value_dense`, `_output_dense`, and `_gate_dense` if there is a gate), calls `_make_inner`, and sets
    `_equations` (einsum's, for scores and result), `_attention_axes` (of the tokens) and `_scores_rank`.
    """

    rounds_products = False  # attention is float32; projections are layers with policies of their own
    _gate_dense = None
    _attention_axes = None

    def _keep(self, given):
        """Check and keep what both constructors take; given: the constructor's `locals()`."""
        dropout, sliding_window = given["dropout"], given["sliding_window"]
        flash_attention = given["flash_attention"]
        kind = type(self).__name__
        if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout <= 1:
            raise ValueError(f"{kind}: `dropout` must be a number from 0 to 1, received {dropout!r}")
        if sliding_window is not None:
            sliding_window = checked_count(kind, "sliding_window", sliding_window)
        if flash_attention and dropout > 0:
            raise ValueError(
                f"{kind}: with `flash_attention=True` there is no dropout, received dropout={dropout}; leave "
                "`flash_attention` None"
            )
        self.supports_masking = True
        self._window = sliding_window
        self._flash_attention = bool(flash_attention)
        self._projections_regularizer = regularizers.get(given["activity_regularizer"])
        set_weight_arguments(self, given, "kernel", "bias", prefix="_")
        self.seed = given["seed"]

    def _policies_inside(self):
        """For `get_config`: where a projection is quantized, the policies by path."""
        quantized = {
            layer.path: layer.dtype_policy
            for layer in self._flatten_layers(include_self=False)
            if layer.quantization_mode is not None
        }
        if not quantized:
            return {}
        return {
            "dtype": dtype_policies.serialize(
                dtype_policies.DTypePolicyMap(self.dtype_policy.name, quantized)
            )
        }

    def _make_inner(self, dropout, softmax_axes):
        self._softmax = Softmax(axis=softmax_axes, dtype=self.dtype_policy)
        self._dropout_layer = Dropout(dropout, seed=self.seed, dtype=self.dtype_policy)

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
        return {
            **weight_config(self, "kernel", "bias", prefix="_"),
            "activity_regularizer": regularizers.serialize(self._projections_regularizer),
        }

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
            gate = None if self._gate_dense is None else self._gate_dense(query)
            query, key, value = self._query_dense(query), self._key_dense(key), self._value_dense(value)
        found = self._masks_of(
            query_mask, value_mask, key_mask, attention_mask, self._scores_rank, len(self._attention_axes)
        )
        options = dict(scale=1.0 / math.sqrt(query.shape[-1]), causal=use_causal_mask, training=training)
        scores = None
        if len(query.shape) == 4 and not return_attention_scores:
            output = self._attended(query, key, value, found, **options)
        else:
            key, value = self._for_all_queries(key), self._for_all_queries(value)
            output, scores = self._scored(query, key, value, found, **options)
        output = self._output_dense(output if gate is None else output * gate)
        return (output, scores) if return_attention_scores else output

    def _for_all_queries(self, tensor):
        """Projected keys or values, (batch, tokens ..., heads, features), with a head for each of the query's."""
        return tensor

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
        output = KerasTensor(shape, self._compute_dtype)
        if not return_attention_scores:
            return output
        return output, KerasTensor(self._scores_shape(query.shape, value.shape), self._compute_dtype)

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

    def _scored(self, query, key, value, found, *, scale, causal, training):
        """Attention by way of the whole matrix of scores: (output, scores)."""
        axes = self._attention_axes
        if causal or self._window is not None:
            if len(axes) > 1:
                raise ValueError(
                    f"{type(self).__name__} {self.name!r}: `use_causal_mask` and `sliding_window` are for "
                    f"one attention axis, this layer has {len(axes)}; give an `attention_mask`"
                )
            found = [*found, _band(query.shape[axes[0]], key.shape[axes[0]], causal, self._window)]
        scores = ops.einsum(self._equations[0], query * scale, key)
        mask = None
        for one in found:
            mask = one if mask is None else ops.logical_and(mask, one)
        scores = self._softmax(scores) if mask is None else self._softmax(scores, mask=mask)
        given = self._dropout_layer(scores, training=training)
        return ops.einsum(self._equations[1], given, value), scores

    def _check_tokens(self, value_shape, key_shape):
        if tuple(value_shape[1:-1]) != tuple(key_shape[1:-1]):
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: `value` and `key` must have the same tokens, received "
                f"shapes {tuple(value_shape)} and {tuple(key_shape)}; only their last axes may differ"
            )

    def _check_flash(self, scores):
        if self._flash_attention and scores:
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: with `flash_attention=True` there are no scores to "
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
