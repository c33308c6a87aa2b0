"""Weights as safetensors files: read by the package's own reader, and files that lie refused."""

import json
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

import fastnn
from fastnn import layers

sys.path.insert(0, str(Path(__file__).parents[1] / "saving"))
from architectures import ARCHITECTURES, data_for  # noqa: E402


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_there_and_back(name, tmp_path):
    build, path = ARCHITECTURES[name][0], tmp_path / "m.safetensors"
    x, _ = data_for(name)
    fastnn.utils.clear_session()  # else layers of the second are numbered on
    model = build(fastnn)
    fastnn.utils.clear_session()
    into = build(fastnn)
    want = model.predict(x, verbose=0)
    into.predict(x, verbose=0)
    model.save_weights(path)
    stored = safetensors.numpy.load_file(path)
    assert sorted(array.shape for array in stored.values()) == sorted(tuple(w.shape) for w in model.weights)
    into.load_weights(path)
    for a, b in zip(model.get_weights(), into.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    got = into.predict(x, verbose=0)
    for a, b in zip(*[r.values() if isinstance(r, dict) else [r] for r in (want, got)], strict=True):
        np.testing.assert_array_equal(a, b)


def model():
    return fastnn.Sequential([fastnn.Input((3,)), layers.Dense(2, name="dense")], name="m")


KERNEL, BIAS = "m/dense/kernel", "m/dense/bias"
GOOD = {
    KERNEL: {"dtype": "F32", "shape": [3, 2], "data_offsets": [0, 24]},
    BIAS: {"dtype": "F32", "shape": [2], "data_offsets": [24, 32]},
}


def written(path, header, data=bytes(32), length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def entry(dtype="F32", shape=(2,), offsets=(24, 32)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


LIES = {
    "overlapping": {**GOOD, BIAS: entry(offsets=(16, 24))},
    "outside": {**GOOD, BIAS: entry(offsets=(2**40, 2**40 + 8))},
    "giant": {**GOOD, KERNEL: entry(shape=(2**32, 2**32), offsets=(0, 24))},
    "negative": {**GOOD, KERNEL: entry(shape=(-3, -2), offsets=(0, 24))},
    "hole": {**GOOD, BIAS: entry(offsets=(28, 36))},
    "unknown dtype": {**GOOD, BIAS: entry("XX")},
    "metadata": {**GOOD, "__metadata__": {"a": 3}},
    "list": [],
    "brackets": b"[" * 100_000,
    "no text": b"\xff" * 50,
}


@pytest.mark.parametrize("lie", LIES)
def test_headers_that_lie(lie, tmp_path):
    made = model()
    before = made.get_weights()
    with pytest.raises(ValueError, match="no safetensors file, or is damaged"):
        made.load_weights(written(tmp_path / "m.safetensors", LIES[lie]))
    for b, a in zip(before, made.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("length", [0, 7, 10**8, 2**62, 2**64 - 1])
def test_lengths_that_lie(length, tmp_path):
    with pytest.raises(ValueError, match="no safetensors file, or is damaged"):
        model().load_weights(written(tmp_path / "m.safetensors", GOOD, length=length))


@pytest.mark.parametrize("dtype, size", [("C64", 8), ("F8_E4M3", 1), ("F8_E5M2", 1)])
def test_elements_that_are_no_such_numbers(dtype, size, tmp_path):
    header = {KERNEL: entry(dtype, (3, 2), (0, 6 * size)), BIAS: entry(dtype, (2,), (6 * size, 8 * size))}
    with pytest.raises(ValueError, match="elements of type"):
        model().load_weights(written(tmp_path / "m.safetensors", header, bytes(8 * size)))


def test_floats_of_other_widths(tmp_path):
    values = np.array([1.5, -2.0, 0.25, 3.0, 4.0, -0.5, 8.0, 9.0], "float32")
    for dtype, size, data in (
        ("F64", 8, values.astype("<f8").tobytes()),
        ("F16", 2, values.astype("<f2").tobytes()),
        ("BF16", 2, (values.view(np.uint32) >> 16).astype("<u2").tobytes()),
    ):
        header = {KERNEL: entry(dtype, (3, 2), (0, 6 * size)), BIAS: entry(dtype, (2,), (6 * size, 8 * size))}
        made = model()
        made.load_weights(written(tmp_path / "m.safetensors", header, data))
        np.testing.assert_array_equal(np.concatenate([w.ravel() for w in made.get_weights()]), values)


def test_a_folder(tmp_path):
    (tmp_path / "m.safetensors").mkdir()
    with pytest.raises(IsADirectoryError, match="is a directory"):
        model().load_weights(tmp_path / "m.safetensors")
