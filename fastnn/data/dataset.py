"""Dataset: a chain of what is to be done to elements, gone through as often as one likes."""

import itertools
import os

import numpy as np

from ..engine import nest
from . import elements as el
from .element_file import kept_in
from .rows import Rows, shuffle
from .workers import ordered

AUTOTUNE = -1
INFINITE, UNKNOWN = -1, -2  # what `cardinality` returns where there is no number


class Dataset:
    """Elements (arrays, or nested tuples and dicts of them) one after the other, made by the methods below.

    `for element in dataset` goes through them, from the beginning each time; `len(dataset)` is their number, where
    it is known. `fit`, `evaluate` and `predict` take a Dataset whose elements are batches: x, (x, y) or (x, y,
    sample_weight).

    Source: TensorFlow's tf.data.Dataset, whose names and arguments these are.
    >>> [int(n) for n in Dataset.range(5).map(lambda n: n * n).filter(lambda n: n % 2 == 0)]
    [0, 4, 16]
    """

    def __init__(self, make, length, rows=None, cut=None):
        # make: () -> an iterator. rows, cut: where the elements are rows of arrays, or (cut: size, drop) batches of
        # such rows.
        self._make = make
        self._length = length
        self._rows = rows
        self._cut = cut

    # ---- beginnings

    @staticmethod
    def from_tensor_slices(tensors):
        """The rows of an array, or of a structure (tuples, dicts) of arrays of one length."""
        structure = _arrays(tensors)
        lengths = {len(leaf) if leaf.ndim else -1 for leaf in nest.flatten(structure)}
        if len(lengths) != 1 or -1 in lengths:
            raise ValueError(
                "Dataset.from_tensor_slices: all arrays must have the same number of rows, received shapes "
                f"{[leaf.shape for leaf in nest.flatten(structure)]}"
            )
        return _of_rows(Rows(structure))

    @staticmethod
    def from_tensors(tensors):
        """One element: `tensors` as they are."""
        element = _arrays(tensors)
        return Dataset(lambda: iter([element]), 1)

    @staticmethod
    def from_generator(generator, output_types=None, output_shapes=None, args=None, output_signature=None):
        """What generator(*args) yields, called anew for each pass.

        output_types, output_signature: dtypes, or things that have a `dtype`, in the structure of an element: what
        its leaves are converted to. output_shapes: accepted.
        """
        if not callable(generator):
            raise TypeError(
                "Dataset.from_generator: `generator` must be a function that returns an iterator, so that "
                f"it can be called for each pass; received {generator!r}"
            )
        wanted = output_signature if output_signature is not None else output_types
        dtypes = None if wanted is None else nest.map_leaves(_numpy_dtype, wanted)

        def make():
            values = generator(*(args or ()))
            return (
                map(el.element_of, values)
                if dtypes is None
                else (_converted(value, dtypes) for value in values)
            )

        return Dataset(make, UNKNOWN)

    @staticmethod
    def range(*args):
        """The numbers of Python's range, int64."""
        return Dataset.from_tensor_slices(np.arange(*args, dtype=np.int64))

    @staticmethod
    def zip(*datasets):
        """Elements of several data sets side by side: zip(a, b), or a tuple or dict of data sets; the shortest ends
        it."""
        structure = (
            datasets[0] if len(datasets) == 1 and isinstance(datasets[0], (tuple, list, dict)) else datasets
        )
        structure = tuple(structure) if isinstance(structure, list) else structure
        parts = nest.flatten(structure)
        if all(part._rows is not None and part._rows.straight and part._cut is None for part in parts):
            shortest = min(part._rows.count for part in parts)
            remaining = iter(parts)
            return _of_rows(
                Rows(nest.map_leaves(lambda _: next(remaining)._rows.cut(0, shortest).structure, structure))
            )

        def make():
            for together in zip(*(part._make() for part in parts)):
                yield nest.pack(structure, together)

        lengths = [part._length for part in parts if part._length != INFINITE]
        return Dataset(make, UNKNOWN if UNKNOWN in lengths else min(lengths, default=INFINITE))

    # ---- one element at a time

    def map(self, map_func, num_parallel_calls=None, deterministic=None):
        """map_func(element) of each; a tuple's parts are its arguments.

        Args:
            num_parallel_calls: threads that work ahead; AUTOTUNE for as many as there are cores.
            deterministic: False hands results out as they are done.
        """

        def apply(element):
            return el.element_of(map_func(*el.arguments(element)))

        threads = _threads(num_parallel_calls)
        if threads < 2:
            return Dataset(lambda: map(apply, self._make()), self._length)
        return Dataset(
            lambda: ordered(apply, self._make(), threads, 2 * threads, deterministic is not False),
            self._length,
        )

    def filter(self, predicate):
        """The elements for which predicate(element) is true."""
        return Dataset(
            lambda: (e for e in self._make() if predicate(*el.arguments(e))),
            0 if self._length == 0 else UNKNOWN,
        )

    def enumerate(self, start=0):
        """(number, element) of each."""
        return Dataset(lambda: ((np.int64(i), e) for i, e in enumerate(self._make(), start)), self._length)

    # ---- order and number

    def shuffle(self, buffer_size, seed=None, reshuffle_each_iteration=True):
        """Each element drawn at random from the next `buffer_size`.

        Args:
            seed: the same orders again; without it NumPy's global generator decides, which `set_random_seed` seeds.
            reshuffle_each_iteration: another order in each pass.
        """
        size = _positive("shuffle", "buffer_size", buffer_size)
        generator = _generators(seed, reshuffle_each_iteration is not False)
        if self._rows is not None and self._cut is None:
            return _of_rows(self._rows.shuffled(size, generator))
        return Dataset(lambda: shuffle(self._make(), size, generator()), self._length)

    def repeat(self, count=None):
        """`count` passes one after the other; without end for None and -1."""
        times = None if count is None or count < 0 else int(count)
        length = (
            0
            if times == 0 or self._length == 0
            else INFINITE
            if times is None or self._length == INFINITE
            else (UNKNOWN if self._length == UNKNOWN else self._length * times)
        )
        rows, size = self._rows, self._cut and self._cut[0]
        if rows is not None and rows.count:
            if self._cut is None:
                return _of_rows(rows.repeated(times))
            if rows.count % size == 0:
                return _of_rows(rows.repeated(times)).batch(*self._cut)

        def make():
            for _ in itertools.count() if times is None else range(times):
                found = False
                for element in self._make():
                    found = True
                    yield element
                if not found:
                    return

        return Dataset(make, length)

    def take(self, count):
        """The first `count` elements; all for -1."""
        if count < 0:
            return self
        length = count if self._length in (INFINITE, UNKNOWN) else min(count, self._length)
        if self._rows is not None and (self._cut is None or not self._cut[1]):
            if self._cut is None:
                return _of_rows(self._rows.cut(0, length))
            rows = length * self._cut[0]
            if self._rows.count is not None:
                rows = min(rows, self._rows.count)
            return _of_rows(self._rows.cut(0, rows)).batch(*self._cut)
        return Dataset(
            lambda: itertools.islice(self._make(), count), UNKNOWN if self._length == UNKNOWN else length
        )

    def skip(self, count):
        """All but the first `count` elements; none for -1."""
        if count < 0:
            return self.take(0)
        if self._rows is not None:
            if self._cut is None:
                return _of_rows(self._rows.cut(count, None))
            return _of_rows(self._rows.cut(count * self._cut[0], None)).batch(*self._cut)
        length = self._length if self._length < 0 else max(self._length - count, 0)
        return Dataset(lambda: itertools.islice(self._make(), count, None), length)

    def shard(self, num_shards, index):
        """Every `num_shards`-th element, from number `index`."""
        length = self._length if self._length < 0 else len(range(index, self._length, num_shards))
        return Dataset(lambda: itertools.islice(self._make(), index, None, num_shards), length)

    def concatenate(self, dataset):
        """These elements, then those of another data set."""
        lengths = self._length, dataset._length
        length = INFINITE if INFINITE in lengths else UNKNOWN if UNKNOWN in lengths else sum(lengths)
        return Dataset(lambda: itertools.chain(self._make(), dataset._make()), length)

    # ---- batches

    def batch(self, batch_size, drop_remainder=False, num_parallel_calls=None, deterministic=None):
        """`batch_size` elements as one, leaves stacked; the last may be smaller unless `drop_remainder`."""
        size = _positive("batch", "batch_size", batch_size)
        drop = bool(drop_remainder)
        if self._rows is not None and self._cut is None:
            rows = self._rows
            return Dataset(
                lambda: rows.batches(size, drop), _groups(_length_of(rows), size, drop), rows, (size, drop)
            )
        return Dataset(
            lambda: map(el.stacked, el.in_groups(self._make(), size, drop)), _groups(self._length, size, drop)
        )

    def padded_batch(self, batch_size, padded_shapes=None, padding_values=None, drop_remainder=False):
        """Batches of elements of different lengths, filled up with `padding_values` (zeros) to `padded_shapes`.

        padded_shapes: a shape for each leaf, in the element's structure; None and -1 in it mean the batch's longest.
        padding_values: one for all leaves, or one a leaf in the element's structure.
        """
        size = _positive("padded_batch", "batch_size", batch_size)

        def make():
            for group in el.in_groups(self._make(), size, bool(drop_remainder)):
                count = len(nest.flatten(group[0]))
                shapes = [None] * count if padded_shapes is None else _shapes(padded_shapes)
                values = nest.flatten(padding_values)
                yield el.padded(
                    group,
                    shapes * count if len(shapes) == 1 else shapes,
                    values * count if len(values) == 1 else values,
                )

        return Dataset(make, _groups(self._length, size, bool(drop_remainder)))

    def unbatch(self):
        """The rows of each element, one by one."""
        if self._cut is not None:
            kept = self._rows.count
            whole = (
                self._rows
                if not self._cut[1] or kept is None
                else self._rows.cut(0, kept - kept % self._cut[0])
            )
            return _of_rows(whole)

        def make():
            for element in self._make():
                leaves = nest.flatten(element)
                for i in range(len(leaves[0])):
                    yield nest.pack(element, [leaf[i] for leaf in leaves])

        return Dataset(make, self._length if self._length == 0 else UNKNOWN)

    # ---- keeping and working ahead

    def cache(self, filename=""):
        """Keep the elements in memory, or in a file, once a pass has gone to its end, for the passes after it.

        Args:
            filename: where to keep them; if the file is there already, they come from it, whatever came before.
        Raises:
            ValueError: a file that no Dataset wrote, or elements that cannot be written; as they are needed.
        """
        path = os.fspath(filename)
        if path:
            return Dataset(lambda: kept_in(path, self._make), self._length)
        if self._rows is not None:
            kept = _of_rows(self._rows.frozen())
            return kept if self._cut is None else kept.batch(*self._cut)
        kept, whole = [], []

        def make():
            if whole:
                yield from kept
                return
            gathered = []
            for element in self._make():
                gathered.append(element)
                yield element
            if not whole:
                kept[:] = gathered
                whole.append(True)

        return Dataset(make, self._length)

    def prefetch(self, buffer_size=AUTOTUNE):
        """Let a thread make elements before they are asked for, up to `buffer_size` (AUTOTUNE: 2)."""
        if self._rows is not None:  # gathering rows costs less than handing them from thread to thread
            return self
        size = 2 if buffer_size is None or buffer_size < 1 else int(buffer_size)
        return Dataset(lambda: el.ahead(self._make, size), self._length)

    def with_options(self, options, name=None):
        """Accepted as in tf.data; changes nothing."""
        return self

    def apply(self, transformation_func):
        """transformation_func(self)."""
        return transformation_func(self)

    def reduce(self, initial_state, reduce_func):
        """reduce_func(state, element) from the first element to the last, beginning with `initial_state`."""
        state = initial_state
        for element in self:
            state = reduce_func(state, element)
        return state

    # ---- going through

    def __iter__(self):
        return map(el.shown, self._make())

    def as_numpy_iterator(self):
        """An iterator over the elements, plain NumPy arrays for leaves."""
        return iter(self._make())

    def rows_in_batches(self):
        """(Rows, batch size, whether the remainder is dropped) where the elements are batches of rows of arrays, as
        many in every pass; else None."""
        if self._cut is None or not self._rows.count or (self._cut[1] and self._rows.count < self._cut[0]):
            return None
        return self._rows, *self._cut

    def cardinality(self):
        """The number of elements: -1 (`INFINITE`) if there is no end, -2 (`UNKNOWN`) if it is not known."""
        return self._length

    def __len__(self):
        if self._length == INFINITE:
            raise TypeError("the Dataset has no end, so no length")
        if self._length == UNKNOWN:
            raise TypeError(
                "the Dataset's length is not known before it is gone through (from_generator, filter, "
                "unbatch)"
            )
        return self._length

    def __bool__(self):
        return True

    def __repr__(self):
        number = {INFINITE: "endless", UNKNOWN: "of unknown length"}.get(self._length, f"of {self._length}")
        return f"<fastnn.data.Dataset {number}>"


def _of_rows(rows):
    return Dataset(rows.elements, _length_of(rows), rows)


def _length_of(rows):
    return INFINITE if rows.count is None else rows.count


def _groups(length, size, drop):
    return length if length < 0 else length // size if drop else -(-length // size)


def _arrays(structure):
    """A user's structure with arrays for leaves; a list is an array written out."""
    if isinstance(structure, dict):
        return {key: _arrays(part) for key, part in structure.items()}
    if isinstance(structure, tuple):
        return tuple(_arrays(part) for part in structure)
    if hasattr(structure, "columns") and hasattr(structure, "to_numpy"):  # a data frame: a row is a vector
        structure = structure.to_numpy()
    return np.asarray(el.element_of(structure))


def _shapes(structure):
    """The shapes in a structure of them; a shape is a tuple or list of numbers and None."""
    if isinstance(structure, dict):
        return [shape for key in sorted(structure) for shape in _shapes(structure[key])]
    if all(n is None or isinstance(n, (int, np.integer)) for n in structure):
        return [tuple(structure)]
    return [shape for part in structure for shape in _shapes(part)]


def _numpy_dtype(spec):
    """The dtype that a dtype, its name, or a specification with a `dtype` names."""
    spec = spec if isinstance(spec, type) else getattr(spec, "dtype", spec)
    return np.dtype(getattr(spec, "as_numpy_dtype", spec))  # tf.float32 and the like


def _converted(value, dtypes):
    """What a generator yielded, its parts in the given dtypes."""
    if isinstance(dtypes, dict):
        return {key: _converted(value[key], dtype) for key, dtype in dtypes.items()}
    if isinstance(dtypes, (list, tuple)):
        return tuple(_converted(part, dtype) for part, dtype in zip(value, dtypes, strict=True))
    return np.asarray(value, dtypes)


def _threads(parallel):
    if parallel is None:
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores if parallel < 1 else int(parallel)


def _positive(method, name, value):
    if isinstance(value, bool) or int(value) != value or value < 1:
        raise ValueError(f"Dataset.{method}: `{name}` must be a positive integer, received {value!r}")
    return int(value)


def _generators(seed, anew):
    """A function that gives each pass its generator of random numbers."""
    passes = itertools.count()
    first = []

    def generator():
        if seed is None:
            if not anew and first:
                return np.random.default_rng(first[0])
            first[:] = [int(np.random.randint(2**31))]
            return np.random.default_rng(first[0])
        return np.random.default_rng([seed, next(passes) if anew else 0])

    return generator
