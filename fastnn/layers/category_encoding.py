"""Numbers of categories as vectors."""

from .. import ops
from ..engine.variable import convert
from .adapting import Adapting

MODES = ("int", "one_hot", "multi_hot", "count")


def checked_mode(layer, mode, choices=MODES):
    """`mode` if it is one of `choices`, else a ValueError."""
    if mode not in choices:
        raise ValueError(
            f"{layer}: `output_mode` must be one of {', '.join(map(repr, choices))}, received {mode!r}"
        )
    return mode


def checked_sparse(layer, sparse):
    """False, or the error for True: outputs are dense."""
    if sparse:
        raise ValueError(f"{layer}: `sparse` outputs are not there in fastnn; leave it False")
    return False


def encode(indices, mode, depth, dtype, weights=None):
    """Indices 0..depth - 1 as they are ("int"), or as vectors of `depth`.

    "one_hot" adds an axis, in place of a last one of 1; "multi_hot" and "count" take the second axis (of a single
    sample the first) as a bag: 1 for what is there, or how often (or the sum of its `weights`).
    """
    if mode == "int":
        return convert(indices, dtype=dtype)
    if not indices.shape:
        indices = ops.reshape(indices, (1,))
    if mode == "multi_hot":
        return ops.multi_hot(indices, depth, dtype=dtype)
    if mode == "one_hot":
        if len(indices.shape) > 1 and indices.shape[-1] == 1:
            indices = ops.squeeze(indices, axis=-1)
        return ops.one_hot(indices, depth, dtype=dtype)
    found = ops.one_hot(indices, depth, dtype=dtype)
    if weights is not None:
        found = ops.multiply(found, ops.expand_dims(convert(weights, dtype=dtype), -1))
    return ops.sum(found, axis=1 if len(indices.shape) > 1 else 0)


def encoded_shape(shape, mode, depth):
    """The shape of what `encode` gives for indices of `shape`."""
    shape = tuple(shape)
    if mode == "int":
        return shape
    if not shape:
        return (depth,)
    if mode == "one_hot":
        return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), depth)
    return (shape[0], *shape[2:], depth) if len(shape) > 1 else (depth,)


class CategoryEncoding(Adapting):
    """Category numbers 0..num_tokens - 1 as vectors of `num_tokens`.

    Args:
        num_tokens: how many categories there are.
        output_mode: "one_hot", a vector a number; "multi_hot", one a sample with 1 for each number in it; "count",
            how often each is there, weighted by the call argument `count_weights`.
    Raises:
        ValueError: an argument out of range.
    Source: Keras 3 `layers.CategoryEncoding`.
    """

    def __init__(self, num_tokens=None, output_mode="multi_hot", sparse=False, **kwargs):
        super().__init__(**kwargs)
        if num_tokens is None or num_tokens < 1:
            raise ValueError(
                f"CategoryEncoding: `num_tokens` must be at least 1, received {num_tokens}; where it is "
                "not known, IntegerLookup finds the categories"
            )
        self.num_tokens = num_tokens
        mode = "multi_hot" if output_mode == "binary" else output_mode
        self.output_mode = checked_mode("CategoryEncoding", mode, MODES[1:])
        self.sparse = checked_sparse("CategoryEncoding", sparse)
        self.autocast = False

    def call(self, inputs, count_weights=None):
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(
                f"CategoryEncoding {self.name!r}: `count_weights` goes with output_mode='count', received "
                f"output_mode={self.output_mode!r}"
            )
        return encode(
            convert(inputs, dtype="int32"),
            self.output_mode,
            self.num_tokens,
            self._compute_dtype,
            count_weights,
        )

    def compute_output_shape(self, input_shape):
        return encoded_shape(input_shape, self.output_mode, self.num_tokens)

    def get_config(self):
        return {**super().get_config(), "num_tokens": self.num_tokens, "output_mode": self.output_mode}
