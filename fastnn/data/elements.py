"""Elements of data sets: nested structures of arrays, put together into batches and taken apart again."""

import itertools
import queue
import threading

import numpy as np

from ..engine import nest
from ..engine.tensor import Tensor
from ..engine.variable import Variable


class Array(np.ndarray):
    """An array as a Dataset hands it out, with the `numpy()` that scripts written for tf.data call."""

    def numpy(self):
        """The same elements as a plain array."""
        return np.asarray(self)


def shown(element):
    """An element for the user's eyes: Arrays for leaves."""
    return nest.map_leaves(lambda leaf: None if leaf is None else np.asarray(leaf).view(Array), element)


def element_of(value):
    """What a user's function or generator returned as an element: lists, numbers and tensors become arrays."""
    if isinstance(value, dict):
        return {key: element_of(part) for key, part in value.items()}
    if isinstance(value, tuple):
        parts = [element_of(part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if value is None or type(value) is np.ndarray or isinstance(value, np.generic):
        return value
    if isinstance(value, Tensor):
        return value.array
    if isinstance(value, Variable):
        return value.numpy()
    return narrow(value)


def narrow(value):
    """Numbers and lists of them as arrays: floats in float32, integers in int32, as tf.data has them."""
    array = np.asarray(value)
    if isinstance(value, (list, tuple, int, float)) and not isinstance(value, bool):
        if array.dtype == np.float64:
            return array.astype(np.float32)
        if array.dtype == np.int64 and (not array.size or np.abs(array).max() < 2**31):
            return array.astype(np.int32)
    return array


def arguments(element):
    """An element as the arguments of a user's function: the parts of a tuple one by one."""
    return element if type(element) is tuple else (element,)


def stacked(elements):
    """A batch of elements alike, one array a leaf.

    Raises:
        ValueError: arrays of different shapes.
    """
    columns = zip(*[nest.flatten(element) for element in elements])
    return nest.pack(elements[0], [_stack(column) for column in columns])


def _stack(column):
    if column[0] is None:
        return None
    try:
        return np.stack(column) if getattr(column[0], "ndim", 0) else np.array(column)
    except ValueError:
        raise ValueError(
            "Dataset.batch: the elements have different shapes, "
            f"{sorted({np.shape(item) for item in column})}; use padded_batch, or map them to one shape first"
        ) from None


def padded(elements, shapes, values):
    """A batch of elements, each leaf filled up to its shape.

    shapes: for each leaf a tuple, None for "as long as the longest". values: what each leaf is filled up with.
    """
    leaves = []
    columns = zip(*[nest.flatten(element) for element in elements])
    for column, shape, value in zip(columns, shapes, values, strict=True):
        arrays = [np.asarray(item) for item in column]
        rank = arrays[0].ndim
        shape = (None,) * rank if shape is None else tuple(shape)
        if len(shape) != rank:
            raise ValueError(f"Dataset.padded_batch: a padded shape {shape} for elements with {rank} axes")
        longest = [max(array.shape[axis] for array in arrays) for axis in range(rank)]
        whole = [long if want in (None, -1) else want for want, long in zip(shape, longest)]
        if any(long > want for long, want in zip(longest, whole)):
            raise ValueError(
                f"Dataset.padded_batch: an element of shape {tuple(longest)} does not fit the padded "
                f"shape {shape}"
            )
        filled = np.full(
            (len(arrays), *whole), _blank(arrays[0].dtype) if value is None else value, arrays[0].dtype
        )
        for i, array in enumerate(arrays):
            filled[(i, *[slice(n) for n in array.shape])] = array
        leaves.append(filled)
    return nest.pack(elements[0], leaves)


def _blank(dtype):
    return "" if dtype.kind in "US" else 0


def in_groups(elements, size, drop):
    """Lists of `size` elements; the last may be shorter unless `drop`."""
    elements = iter(elements)
    while len(group := list(itertools.islice(elements, size))) == size or (group and not drop):
        yield group


def ahead(elements, count):
    """The elements, of which a thread makes up to `count` before they are asked for."""
    waiting = queue.Queue(count)
    stopped = threading.Event()

    def fill():
        source = elements()
        try:
            for element in source:
                waiting.put((element, None))
                if stopped.is_set():
                    return
            waiting.put((None, StopIteration()))
        except BaseException as error:
            waiting.put((None, error))
        finally:
            if hasattr(source, "close"):
                source.close()

    thread = threading.Thread(target=fill, daemon=True, name="fastnn-prefetch")
    thread.start()
    try:
        while True:
            element, error = waiting.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield element
    finally:
        stopped.set()
        while thread.is_alive():  # it may be waiting for room
            while not waiting.empty():
                waiting.get_nowait()
            thread.join(0.01)
