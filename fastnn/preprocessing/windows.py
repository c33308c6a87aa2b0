"""Windows over series and words around words, the way that Keras 2's tutorials do it."""

import random

import numpy as np

from ..data.py_dataset import PyDataset


class TimeseriesGenerator(PyDataset):
    """Batches of windows of a series, and what comes after each.

    Args:
        data: samples, the first axis time. targets: what belongs to each time.
        length: of a window. sampling_rate: take every so many of its steps. stride: between windows.
        start_index, end_index: which part of `data` to take.
        shuffle: windows drawn at random. reverse: time runs backwards. batch_size: windows a batch.
    Raises:
        ValueError: lengths that do not fit.
    Source: Keras 2 `preprocessing.sequence.TimeseriesGenerator`.
    """

    def __init__(
        self,
        data,
        targets,
        length,
        sampling_rate=1,
        stride=1,
        start_index=0,
        end_index=None,
        shuffle=False,
        reverse=False,
        batch_size=128,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if len(data) != len(targets):
            raise ValueError(
                f"TimeseriesGenerator: `data` has {len(data)} steps and `targets` {len(targets)}; give one a step"
            )
        self.data, self.targets, self.length = np.asarray(data), np.asarray(targets), length
        self.sampling_rate, self.stride, self.batch_size = sampling_rate, stride, batch_size
        self.shuffle, self.reverse = shuffle, reverse
        self.start_index = start_index + length
        self.end_index = len(data) - 1 if end_index is None else end_index
        if self.start_index > self.end_index:
            raise ValueError(
                f"TimeseriesGenerator: a window of {length} steps from {start_index} on ends after `end_index`, "
                f"{self.end_index}; use a shorter one"
            )

    def __len__(self):
        step = self.batch_size * self.stride
        return (self.end_index - self.start_index + step) // step

    def __getitem__(self, index):
        if self.shuffle:
            rows = np.random.randint(self.start_index, self.end_index + 1, size=self.batch_size)
        else:
            step = self.batch_size * self.stride
            first = self.start_index + step * index
            rows = np.arange(first, min(first + step, self.end_index + 1), self.stride)
        samples = self.data[rows[:, None] + np.arange(-self.length, 0, self.sampling_rate)]
        return samples[:, ::-1] if self.reverse else samples, self.targets[rows]


def make_sampling_table(size, sampling_factor=1e-5):
    """How likely to keep each of `size` words numbered by frequency, for `skipgrams`."""
    rank = np.maximum(np.arange(size), 1)
    share = sampling_factor * (rank * (np.log(rank) + 0.577) + 0.5 - 1.0 / (12.0 * rank))
    return np.minimum(1.0, np.sqrt(share))


def skipgrams(
    sequence,
    vocabulary_size,
    window_size=4,
    negative_samples=1.0,
    shuffle=True,
    categorical=False,
    sampling_table=None,
    seed=None,
):
    """Pairs (word, one near it) labelled 1, and with words drawn at random, labelled 0, from a list of word numbers.

    Args:
        negative_samples: how many drawn ones for each true one.
        categorical: labels [0, 1] and [1, 0]. sampling_table: see `make_sampling_table`.
    Returns:
        (pairs, labels), lists.
    """
    true, false = ([0, 1], [1, 0]) if categorical else (1, 0)
    pairs = [
        [word, sequence[j]]
        for i, word in enumerate(sequence)
        if word and (sampling_table is None or sampling_table[word] >= random.random())
        for j in range(max(0, i - window_size), min(len(sequence), i + window_size + 1))
        if j != i and sequence[j]
    ]
    labels = [true] * len(pairs)
    count = int(len(pairs) * negative_samples)
    words = [word for word, _ in pairs]
    random.shuffle(words)
    pairs += [[words[i % len(words)], random.randint(1, vocabulary_size - 1)] for i in range(count)]
    labels += [false] * count
    if shuffle:
        order = random.Random(random.randrange(10**7) if seed is None else seed).sample(
            range(len(pairs)), len(pairs)
        )
        pairs, labels = [pairs[i] for i in order], [labels[i] for i in order]
    return pairs, labels


__all__ = ["TimeseriesGenerator", "make_sampling_table", "skipgrams"]
