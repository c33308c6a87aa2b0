"""Where batches come from: arrays, whose rows C picks by index, or anything that yields batches."""

import math

import numpy as np

from .arrays import as_arrays
from .checks import check_lengths, check_weights
from .structure import leaves_of, unpack_x_y_sample_weight


class ArraySource:
    """Arrays cut into batches.

    data: (x, y, sample_weight), structures of arrays with None where there is nothing.
    rows, batch: how many; batches: of one pass, the last one perhaps smaller (`tail` rows, else 0).
    """

    def __init__(self, x, y=None, sample_weight=None, class_weight=None, batch_size=None, steps=None,
                 shuffle=False):
        x, y = as_arrays(x, "x"), as_arrays(y, "y")
        weights = check_weights(y, as_arrays(sample_weight, "sample_weight"), class_weight)
        self.data = (x, y, weights)
        self.rows = check_lengths(x, y, weights)
        if batch_size is not None and (isinstance(batch_size, bool) or int(batch_size) != batch_size
                                       or batch_size < 1):
            raise ValueError(f"`batch_size` must be a positive integer, received {batch_size!r}")
        self.batch = int(batch_size) if batch_size else (math.ceil(self.rows / steps) if steps else 32)
        self.batches = math.ceil(self.rows / self.batch)
        self.tail = self.rows % self.batch
        self.shuffle = shuffle
        self.leaves = leaves_of(self.data)

    def order(self):
        """The row numbers of one pass (int64). Shuffled by NumPy's global generator, which `set_random_seed`
        seeds."""
        if self.shuffle and self.shuffle != "batch":
            return np.random.permutation(self.rows).astype(np.int64, copy=False)
        order = np.arange(self.rows, dtype=np.int64)
        if self.shuffle == "batch":
            for start in range(0, self.rows, self.batch):
                np.random.shuffle(order[start : start + self.batch])
        return order


class BatchSource:
    """Batches from a generator, an iterable, or an object with `__getitem__` and `__len__` (a Keras
    PyDataset).

    batches: how many in one pass, None if that is not known.
    """

    def __init__(self, x, class_weight=None, shuffle=False):
        self.source = x
        self.class_weight = class_weight
        self.shuffle = shuffle
        self.indexed = hasattr(x, "__getitem__") and hasattr(x, "__len__")
        self.once = not self.indexed and iter(x) is x  # a generator can be gone through once
        if self.indexed:
            count = getattr(x, "num_batches", None)
            self.batches = count if isinstance(count, int) else len(x)
        elif hasattr(x, "__len__"):
            self.batches = len(x)
        else:
            self.batches = None

    def __iter__(self):
        """(x, y, sample_weight) of each batch, structures of arrays."""
        if self.indexed:
            order = np.random.permutation(self.batches) if self.shuffle else range(self.batches)
            batches = (self.source[int(i)] for i in order)
        else:
            batches = self.source
        return map(self._standardize, batches)

    def end_pass(self):
        """Tell the source that a pass is over."""
        if hasattr(self.source, "on_epoch_end"):
            self.source.on_epoch_end()

    def _standardize(self, batch):
        x, y, weights = unpack_x_y_sample_weight(batch)
        x, y = as_arrays(x, "x"), as_arrays(y, "y")
        weights = check_weights(y, as_arrays(weights, "sample_weight"), self.class_weight)
        check_lengths(x, y, weights)
        return x, y, weights


def split_validation(x, y, sample_weight, fraction):
    """The last `fraction` of the rows, taken before shuffling, as validation data: ((x, y, w), (x, y, w)).

    Raises:
        ValueError: a fraction outside (0, 1), or one that leaves nothing on a side.
    """
    from ..engine import nest

    parts = as_arrays(x, "x"), as_arrays(y, "y"), as_arrays(sample_weight, "sample_weight")
    rows = check_lengths(*parts)
    if not 0 < fraction < 1:
        raise ValueError(f"`validation_split` must lie between 0 and 1, received {fraction!r}")
    at = int(math.floor(rows * (1.0 - fraction)))
    if at in (0, rows):
        raise ValueError(f"`validation_split`={fraction} of {rows} samples leaves none for "
                         f"{'training' if at == 0 else 'validation'}; use another fraction, or "
                         "`validation_data`")
    cut = [nest.map_leaves(lambda leaf, s=s: None if leaf is None else leaf[s], parts)
           for s in (slice(None, at), slice(at, None))]
    return tuple(cut[0]), tuple(cut[1])
