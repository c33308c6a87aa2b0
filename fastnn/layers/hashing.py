"""Categories that are not counted up before: hashed into a number of bins."""

import numpy as np

from ..engine import settings
from ..engine.op import define_op, no_gradient
from ..engine.symbolic import KerasTensor, symbolic_leaves
from ..engine.tensor import Spec, Tensor, Traced
from ..engine.variable import convert
from .adapting import Adapting
from .category_encoding import checked_mode, checked_sparse, encode, encoded_shape
from .fingerprints import as_words, bins_of, checked_salt, crossed, farmhash64

_CROSSING = 0xDECAFCAFFE  # what TensorFlow begins crossings with


def _bins(values, *, bins, mask, salt):
    """The bin of each value, int64; with a `mask` value, that is bin 0 and the others share the rest."""
    if mask is None or bins == 1:
        return bins_of(values, bins, salt)
    words = as_words(values)
    return np.where(words == as_words(np.asarray(mask)), 0, bins_of(words, bins - 1, salt) + 1)


def _crossing(*columns, bins):
    """The bin of each row of values of the columns, int64."""
    parts = [np.asarray(column).ravel() for column in columns]
    parts = [
        [farmhash64(word.encode()) for word in as_words(part).tolist()]
        if part.dtype.kind in "OSU"
        else [int(number) & 0xFFFFFFFFFFFFFFFF for number in part.tolist()]
        for part in parts
    ]
    found = []
    for row in zip(*parts, strict=True):
        number = _CROSSING
        for part in row:
            number = crossed(number, part)
        found.append(number % bins)
    return np.array(found, np.int64).reshape(np.shape(columns[0]))


def _whole_numbers(x, *others, **attrs):
    return Spec(x.shape, "int64")


_NONE = no_gradient("whole numbers")
hash_op = define_op("hash_bins", shape=_whole_numbers, reference=_bins, grad=_NONE)
cross_op = define_op("hash_crossing", shape=_whole_numbers, reference=_crossing, grad=_NONE)


def _at_hand(x):
    """Values as an array, or None where they are those of a trace."""
    return None if isinstance(x, Traced) else x.array if isinstance(x, Tensor) else np.asarray(x)


class Hashing(Adapting):
    """Strings or whole numbers as bins, by their hash: the same ones on any machine, and in TensorFlow.

    Args:
        num_bins: how many.
        mask_value: a value that stands for none, bin 0.
        salt: an integer or two that the hash depends on.
        output_mode: "int", "one_hot", "multi_hot" or "count", see CategoryEncoding.
    In models, strings are taken right behind an Input of dtype "string".
    Source: Keras 3 `layers.Hashing`.
    """

    def __init__(self, num_bins, mask_value=None, salt=None, output_mode="int", sparse=False, **kwargs):
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = "int64" if output_mode == "int" else settings.float_dtype()
        super().__init__(**kwargs)
        if num_bins is None or num_bins <= 0:
            raise ValueError(f"Hashing: `num_bins` must be at least 1, received {num_bins}")
        self.output_mode = checked_mode("Hashing", output_mode)
        if output_mode == "int" and self.dtype not in ("int32", "int64"):
            raise ValueError(
                f"Hashing: with output_mode='int' `dtype` must be 'int32' or 'int64', received {self.dtype!r}"
            )
        self.sparse = checked_sparse("Hashing", sparse)
        self.num_bins, self.mask_value, self.salt = num_bins, mask_value, checked_salt("Hashing", salt)
        self.autocast = False

    reads_strings = True

    @property
    def found_dtype(self):
        """The dtype of its outputs."""
        return self.dtype

    def __call__(self, inputs, *args, **kwargs):
        return super().__call__(inputs) if isinstance(inputs, (KerasTensor, Traced)) else self.call(inputs)

    def call(self, inputs):
        values = _at_hand(inputs)
        rules = {
            "bins": self.num_bins,
            "mask": self.mask_value,
            "salt": None if self.salt is None else tuple(self.salt),
        }
        bins = hash_op(inputs, **rules) if values is None else Tensor(_bins(values, **rules))
        return encode(bins, self.output_mode, self.num_bins, self.dtype)

    def compute_output_shape(self, input_shape):
        return encoded_shape(input_shape, self.output_mode, self.num_bins)

    def get_config(self):
        return {
            **super().get_config(),
            "num_bins": self.num_bins,
            "salt": self.salt,
            "mask_value": self.mask_value,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
        }


class HashedCrossing(Adapting):
    """Combinations of several categories as bins, by their hash; called on a list of arrays of one shape.

    Args:
        num_bins: how many.
        output_mode: "int" or "one_hot".
    Source: Keras 3 `layers.HashedCrossing`.
    """

    def __init__(self, num_bins, output_mode="int", sparse=False, name=None, dtype=None, **kwargs):
        super().__init__(name=name, dtype="int64" if output_mode == "int" and dtype is None else dtype)
        self.sparse = checked_sparse("HashedCrossing", sparse)
        self.output_mode = checked_mode("HashedCrossing", output_mode, ("int", "one_hot"))
        self.num_bins = num_bins
        self.autocast = False

    reads_strings = True

    @property
    def found_dtype(self):
        """The dtype of its outputs."""
        return self.dtype

    def __call__(self, inputs, *args, **kwargs):
        if not isinstance(inputs, (list, tuple)) or len(inputs) < 2:
            raise ValueError(
                f"HashedCrossing {self.name!r} takes a list of two inputs or more, received {type(inputs).__name__}"
                + (f" of {len(inputs)}" if isinstance(inputs, (list, tuple)) else "")
            )
        if symbolic_leaves(list(inputs)) or any(isinstance(x, Traced) for x in inputs):
            return super().__call__(inputs)
        return self.call(inputs)

    def call(self, inputs):
        arrays = [_at_hand(x) for x in inputs]
        traced = any(array is None for array in arrays)
        parts = [convert(x) for x in inputs] if traced else arrays
        shape = tuple(parts[0].shape)
        if (
            any(tuple(x.shape) != shape for x in parts)
            or len(shape) > 2
            or (len(shape) == 2 and shape[1] != 1)
        ):
            raise ValueError(
                f"HashedCrossing {self.name!r}: all inputs must have one shape, (), (batch,) or (batch, 1), received "
                f"{[tuple(x.shape) for x in parts]}"
            )
        kinds = [x.dtype if traced else x.dtype.kind for x in parts]
        if any(str(kind).startswith(("f", "c", "b")) for kind in kinds):
            raise ValueError(
                f"HashedCrossing {self.name!r}: inputs must be strings or whole numbers, received {kinds}"
            )
        bins = (
            cross_op(*parts, bins=self.num_bins) if traced else Tensor(_crossing(*parts, bins=self.num_bins))
        )
        return encode(bins, self.output_mode, self.num_bins, self.dtype)

    def compute_output_shape(self, input_shape):
        return encoded_shape(input_shape[0], self.output_mode, self.num_bins)

    def get_config(self):
        return {
            "name": self.name,
            "dtype": self.dtype,
            "num_bins": self.num_bins,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
        }
