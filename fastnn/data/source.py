"""Where batches come from: arrays, whose rows C picks by index, or anything that yields batches."""

import itertools
import math

import numpy as np

from ..engine import nest
from .arrays import as_arrays
from .checks import check_lengths, check_weights
from .structure import leaves_of, unpack_x_y_sample_weight
from .workers import ordered, ordered_in_processes


class ArraySource:
    """Arrays cut into batches.

    data: (x, y, sample_weight), structures of arrays with None where there is nothing.
    rows, batch: how many; batches: of one pass, the last one perhaps smaller (`tail` rows, else 0).
    """

    def __init__(
        self, x, y=None, sample_weight=None, class_weight=None, batch_size=None, steps=None, shuffle=False
    ):
        x, y = as_arrays(x, "x"), as_arrays(y, "y")
        weights = check_weights(y, as_arrays(sample_weight, "sample_weight"), class_weight)
        self.data = (x, y, weights)
        self.rows = check_lengths(x, y, weights)
        if batch_size is not None and (
            isinstance(batch_size, bool) or int(batch_size) != batch_size or batch_size < 1
        ):
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


class RowSource(ArraySource):
    """The rows of a Dataset that is cut into batches: as arrays are, in the Dataset's order."""

    def __init__(self, rows, size, drop, class_weight=None):
        super().__init__(*unpack_x_y_sample_weight(rows.structure), class_weight, size)
        self._order, self.rows = rows, rows.count - rows.count % size if drop else rows.count
        self.batches = math.ceil(self.rows / size)
        self.tail = self.rows % size

    def order(self):
        """The row numbers of one pass (int64), in the Dataset's order."""
        return self._order.order()[: self.rows]


class BatchSource:
    """Batches from a generator, an iterable, or an object with `__getitem__` and a length (a PyDataset).

    batches: how many in one pass, None if that is not known. endless: whether it is known that there is no end.
    once: it can be gone through one time only. has_hooks: whether it is to be told when a pass begins or ends.
    """

    def __init__(self, x, class_weight=None, shuffle=False):
        self.source = x
        self.class_weight = class_weight
        self.shuffle = shuffle
        self.has_hooks = hasattr(x, "on_epoch_begin") or hasattr(x, "on_epoch_end")
        self._form = None  # shapes and dtypes of the last (x, y) that was looked at
        self.indexed = hasattr(x, "__getitem__") and (hasattr(x, "__len__") or hasattr(x, "num_batches"))
        self.batches, self.endless = _length_of(x)
        if self.indexed:
            self.workers = int(getattr(x, "workers", 1))
            self.processes = bool(getattr(x, "use_multiprocessing", False)) and self.workers > 0
            self.ahead = int(getattr(x, "max_queue_size", 10))
        # The numbers of an endless data set go on from pass to pass.
        self._count = itertools.count() if self.endless else None
        self.once = not self.indexed and not hasattr(x, "as_numpy_iterator") and iter(x) is x

    def __iter__(self):
        """(x, y, sample_weight) of each batch, structures of arrays."""
        hook = getattr(self.source, "on_epoch_begin", None)
        if hook is not None:
            hook()
        if not self.indexed:
            arrays = getattr(self.source, "as_numpy_iterator", None)
            batches = self.source if arrays is None else arrays()
            return map(self._standardize, batches)
        if self.endless:
            order = self._count
        else:
            order = map(int, np.random.permutation(self.batches)) if self.shuffle else range(self.batches)
        if self.processes:
            batches = ordered_in_processes(self.source, order, self.workers, self.ahead)
        elif self.workers > 1:
            batches = ordered(self.source.__getitem__, order, self.workers, self.ahead)
        else:
            batches = map(self.source.__getitem__, order)
        return _closing(map(self._standardize, batches), batches)

    def end_pass(self):
        """Tell the source that a pass is over."""
        if hasattr(self.source, "on_epoch_end"):
            self.source.on_epoch_end()

    def _standardize(self, batch):
        plain = (
            type(batch) is tuple
            and len(batch) == 2
            and self.class_weight is None
            and (type(batch[0]) is type(batch[1]) is np.ndarray)
        )
        if plain:
            x, y = batch
            form = x.shape, y.shape, x.dtype, y.dtype
            if form == self._form:
                return x, y, None
        x, y, weights = unpack_x_y_sample_weight(batch)
        x, y = as_arrays(x, "x"), as_arrays(y, "y")
        if weights is not None or self.class_weight is not None:
            weights = check_weights(y, as_arrays(weights, "sample_weight"), self.class_weight)
        check_lengths(x, y, weights)
        if plain:
            self._form = form
        return x, y, weights


def _closing(items, source):
    """The items; `source`, where it is a generator, ends with them or when this is dropped."""
    if not hasattr(source, "close"):
        return items

    def run():
        try:
            yield from items
        finally:
            source.close()

    return run()


def _length_of(x):
    """(batches in a pass or None, whether it is known that there is no end)."""
    if hasattr(x, "num_batches"):
        count = x.num_batches
        return (int(count), False) if count is not None else (None, True)
    if hasattr(x, "cardinality"):  # fastnn's and tf.data's data sets: -1 for no end, -2 for unknown
        count = int(x.cardinality())
        return (count, False) if count >= 0 else (None, count == -1)
    try:
        return len(x), False
    except TypeError:  # no length, or none that is known
        return None, False


def split_validation(x, y, sample_weight, fraction):
    """The last `fraction` of the rows, taken before shuffling, as validation data: ((x, y, w), (x, y, w)).

    Raises:
        ValueError: a fraction outside (0, 1), or one that leaves nothing on a side.
    """
    parts = as_arrays(x, "x"), as_arrays(y, "y"), as_arrays(sample_weight, "sample_weight")
    rows = check_lengths(*parts)
    if not 0 < fraction < 1:
        raise ValueError(f"`validation_split` must lie between 0 and 1, received {fraction!r}")
    at = int(math.floor(rows * (1.0 - fraction)))
    if at in (0, rows):
        raise ValueError(
            f"`validation_split`={fraction} of {rows} samples leaves none for "
            f"{'training' if at == 0 else 'validation'}; use another fraction, or `validation_data`"
        )
    cut = [
        nest.map_leaves(lambda leaf, s=s: None if leaf is None else leaf[s], parts)
        for s in (slice(None, at), slice(at, None))
    ]
    return tuple(cut[0]), tuple(cut[1])
