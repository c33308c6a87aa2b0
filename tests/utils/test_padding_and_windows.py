"""pad_sequences and windows of a series, against Keras and against their definitions."""

import keras
import numpy as np
import pytest

from fastnn.utils import pad_sequences, timeseries_dataset_from_array

TEXTS = [[1, 2, 3], [], [4, 5], [6, 7, 8, 9, 10]]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"maxlen": 2},
        {"maxlen": 2, "truncating": "post"},
        {"padding": "post"},
        {"maxlen": 7, "value": -1, "dtype": "float32"},
        {"maxlen": 0},
    ],
)
def test_pads_as_keras_does(options):
    if options.get("maxlen") == 0:
        assert pad_sequences(TEXTS, **options).shape == (4, 0)
        return
    got, want = pad_sequences(TEXTS, **options), keras.utils.pad_sequences(TEXTS, **options)
    np.testing.assert_array_equal(got, want)
    assert got.dtype == want.dtype


def test_vectors_and_strings_and_errors():
    vectors = [np.ones((2, 3)), np.zeros((1, 3))]
    np.testing.assert_array_equal(pad_sequences(vectors), keras.utils.pad_sequences(vectors))
    assert pad_sequences([["a"], ["b", "c"]], dtype=object, value="")[0].tolist() == ["", "a"]
    for wrong, message in (([1, 2], "number 0 is 1"), ([[1], np.ones((1, 2))], "elements of sequence 1")):
        with pytest.raises(ValueError, match=message):
            pad_sequences(wrong)
    with pytest.raises(ValueError, match="`padding`"):
        pad_sequences(TEXTS, padding="before")
    with pytest.raises(ValueError, match="dtype=object"):
        pad_sequences(TEXTS, value="x")


@pytest.mark.parametrize(
    "options",
    [
        dict(sequence_length=4),
        dict(sequence_length=3, sequence_stride=2, sampling_rate=3),
        dict(sequence_length=4, start_index=5, end_index=20),
        dict(sequence_length=5, batch_size=7, sampling_rate=2),
    ],
)
@pytest.mark.parametrize("with_targets", [False, True])
def test_windows(options, with_targets):
    series = np.arange(60).reshape(30, 2)
    targets = np.arange(30) * 10 if with_targets else None
    dataset = timeseries_dataset_from_array(series, targets, **options)
    start, end = options.get("start_index", 0), options.get("end_index", 30)
    rate, length = options.get("sampling_rate", 1), options["sequence_length"]
    firsts = range(0, end - start - (length - 1) * rate, options.get("sequence_stride", 1))
    if with_targets:
        firsts = [i for i in firsts if i < 30]
    want = [series[start + i : start + i + (length - 1) * rate + 1 : rate] for i in firsts]
    batches = list(dataset)
    assert len(batches[0][0] if with_targets else batches[0]) <= options.get("batch_size", 128)
    np.testing.assert_array_equal(np.concatenate([b[0] if with_targets else b for b in batches]), want)
    if with_targets:
        np.testing.assert_array_equal(
            np.concatenate([b[1] for b in batches]), [10 * (start + i) for i in firsts]
        )


def test_windows_shuffled_and_single():
    series = np.arange(50)
    dataset = timeseries_dataset_from_array(series, series, 5, batch_size=None, shuffle=True, seed=1)
    elements = list(dataset)
    assert sorted(int(target) for _, target in elements) == list(range(46))
    assert all((window == target + np.arange(5)).all() for window, target in elements)
    assert [int(t) for _, t in elements] != sorted(int(t) for _, t in elements)
    for options, name in (
        (dict(sequence_length=99), "no window"),
        (dict(sequence_length=3, start_index=50), "start_index"),
        (dict(sequence_length=3, end_index=50), "end_index"),
        (dict(sequence_length=3, sampling_rate=0), "sampling_rate"),
    ):
        with pytest.raises(ValueError, match=name):
            timeseries_dataset_from_array(series, None, **options)
