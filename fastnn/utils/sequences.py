"""Sequences of different lengths as one array, and windows of a long series."""

import numpy as np

from ..data import Dataset


def pad_sequences(sequences, maxlen=None, dtype="int32", padding="pre", truncating="pre", value=0.0):
    """Sequences of different lengths as one array (number, maxlen, ...).

    Args:
        sequences: a list of lists or arrays.
        maxlen: the length; the longest's by default.
        padding, truncating: whether short ones are filled up with `value`, and long ones cut, at the beginning ("pre")
            or the end ("post").
    Raises:
        ValueError: something that is no sequence; elements of different shapes; a wrong option.
    Source: Keras 3 `utils.pad_sequences`.
    >>> pad_sequences([[1], [2, 3, 4]], maxlen=2)
    array([[0, 1],
           [3, 4]], dtype=int32)
    """
    for name, option in (("padding", padding), ("truncating", truncating)):
        if option not in ("pre", "post"):
            raise ValueError(f"pad_sequences: `{name}` must be 'pre' or 'post', received {option!r}")
    if not hasattr(sequences, "__len__"):
        raise ValueError(
            f"pad_sequences: `sequences` must be a list of sequences, received {type(sequences).__name__}"
        )
    for place, sequence in enumerate(sequences):
        if not hasattr(sequence, "__len__"):
            raise ValueError(
                f"pad_sequences: `sequences` must be a list of sequences, number {place} is {sequence!r}"
            )
    if isinstance(value, str) and dtype is not object and np.dtype(dtype).kind not in "SUO":
        raise ValueError(
            f"pad_sequences: `value` is the string {value!r}, which dtype {dtype} cannot hold; pass "
            "dtype=object"
        )
    if maxlen is None:
        maxlen = max((len(sequence) for sequence in sequences), default=0)
    shape = next((np.asarray(sequence).shape[1:] for sequence in sequences if len(sequence)), ())
    padded = np.full((len(sequences), maxlen, *shape), value, dtype)
    for place, sequence in enumerate(sequences):
        kept = sequence[:maxlen] if truncating == "post" else sequence[max(len(sequence) - maxlen, 0) :]
        if not len(kept):
            continue
        kept = np.asarray(kept, dtype)
        if kept.shape[1:] != shape:
            raise ValueError(
                f"pad_sequences: the elements of sequence {place} have shape {kept.shape[1:]}, those of the "
                f"first {shape}"
            )
        padded[place, slice(None, len(kept)) if padding == "post" else slice(maxlen - len(kept), None)] = kept
    return padded


def timeseries_dataset_from_array(
    data,
    targets,
    sequence_length,
    sequence_stride=1,
    sampling_rate=1,
    batch_size=128,
    shuffle=False,
    seed=None,
    start_index=None,
    end_index=None,
    format="tf",
):
    """A Dataset of windows of a series: (batch, sequence_length, ...), with targets where they are given.

    Args:
        data: the series, time along axis 0.
        targets: targets[i] belongs to the window that begins at i; None for windows alone.
        sequence_length: steps a window; sampling_rate: every how many steps of the series one is taken.
        sequence_stride: how far apart windows begin.
        batch_size: None for windows one by one.
        shuffle, seed: windows in random order.
        start_index, end_index: the part of the series that is used.
        format: accepted as in Keras.
    Raises:
        ValueError: a number that does not fit the series.
    Source: Keras 3 `utils.timeseries_dataset_from_array`.
    """
    data = np.asarray(data)
    length = len(data)
    start, end = start_index or 0, length if end_index is None else end_index
    if not 0 <= start < length:
        raise ValueError(
            f"timeseries_dataset_from_array: `start_index` must lie in 0..{length - 1}, received {start}"
        )
    if end_index is not None and not start < end < length:
        raise ValueError(
            f"timeseries_dataset_from_array: `end_index` must lie in {start + 1}..{length - 1}, received "
            f"{end}"
        )
    for name, number in (("sampling_rate", sampling_rate), ("sequence_stride", sequence_stride)):
        if not 0 < number < length:
            raise ValueError(
                f"timeseries_dataset_from_array: `{name}` must lie in 1..{length - 1}, received {number}"
            )
    count = end - start - (sequence_length - 1) * sampling_rate
    if targets is not None:
        targets = np.asarray(targets)
        count = min(count, len(targets))
    if count < 1:
        raise ValueError(
            f"timeseries_dataset_from_array: no window of {sequence_length} steps, one in {sampling_rate}, "
            f"fits into {end - start} steps"
        )
    starts = np.arange(0, count, sequence_stride)
    if shuffle:
        seed = np.random.randint(10**6) if seed is None else seed
        np.random.RandomState(seed).shuffle(starts)
    # A view: windows are copied when batches are gathered.
    part = data[start:end]
    span = (sequence_length - 1) * sampling_rate + 1
    windows = np.moveaxis(
        np.lib.stride_tricks.sliding_window_view(part, span, axis=0)[..., ::sampling_rate], -1, 1
    )

    def pick(first):
        window = windows[first]
        return window if targets is None else (window, targets[start:][first])

    dataset = Dataset.from_tensor_slices(starts)
    if shuffle:
        dataset = dataset.shuffle(1024 if batch_size is None else 8 * batch_size, seed=seed)
    if batch_size is not None:
        dataset = dataset.batch(batch_size)
    return dataset.map(pick)
