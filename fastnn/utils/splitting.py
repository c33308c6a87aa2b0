"""A data set in two parts."""

import random

import numpy as np

from ..data import Dataset
from ..engine import nest


def split_dataset(dataset, left_size=None, right_size=None, shuffle=False, seed=None, preferred_backend=None):
    """(left, right) Datasets of the samples of a data set.

    Args:
        dataset: an array, a list, tuple or dict of arrays of one length, or an iterable of samples, such as a Dataset.
        left_size, right_size: numbers of samples, or fractions; one alone leaves the rest to the other.
        shuffle, seed: take the samples in an order drawn from this seed first.
        preferred_backend: accepted as in Keras.
    Raises:
        ValueError: no size, or sizes that the samples are not enough for.
    """
    if left_size is None and right_size is None:
        raise ValueError("split_dataset: give `left_size`, `right_size`, or both")
    arrays = isinstance(dataset, (np.ndarray, list, tuple, dict))
    if arrays:
        leaves = nest.flatten(dataset)
        lengths = {len(leaf) for leaf in leaves}
        if len(lengths) != 1:
            raise ValueError(f"split_dataset: the arrays must have one length, received {sorted(lengths)}")
        (count,) = lengths
    else:
        samples = list(dataset)
        count = len(samples)
    left, right = (_share(name, size, count) for name, size in (("left", left_size), ("right", right_size)))
    left = count - right if left is None else left
    right = count - left if right is None else right
    if left + right > count:
        raise ValueError(f"split_dataset: {left} + {right} samples were asked for, and there are {count}")
    order = list(range(count))
    if shuffle:
        random.Random(seed).shuffle(order)
    parts = order[:left], order[count - right :]
    if arrays:
        return tuple(
            Dataset.from_tensor_slices(
                nest.map_leaves(lambda leaf, part=part: np.asarray(leaf)[part], dataset)
            )
            for part in parts
        )
    stacked = lambda part: nest.pack(  # noqa: E731
        samples[0], [np.stack(leaves) for leaves in zip(*(nest.flatten(samples[i]) for i in part))]
    )
    return tuple(Dataset.from_tensor_slices(stacked(part)) for part in parts)


def _share(name, size, count):
    if size is None:
        return None
    if isinstance(size, float):
        if not 0 < size < 1:
            raise ValueError(
                f"split_dataset: `{name}_size` must be a number of samples or in (0, 1), received {size}"
            )
        return round(size * count)
    if not 0 < size <= count:
        raise ValueError(f"split_dataset: `{name}_size` must be from 1 to {count}, received {size}")
    return int(size)
