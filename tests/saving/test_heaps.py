"""Texts in HDF5 files whose lengths lie: HDF5 itself would walk such a heap for ever."""

import h5py
import pytest
from watching import harmless

import fastnn
from fastnn import layers


@pytest.mark.parametrize("length", [0, 255, 2**40])
def test_a_length_that_leads_nowhere(length, tmp_path):
    path = tmp_path / "m.h5"
    fastnn.Sequential([fastnn.Input((3,)), layers.Dense(2)]).save(path)
    with h5py.File(path, "r+") as file:
        text = file.attrs["model_config"]
        del file.attrs["model_config"]
        file.attrs["model_config"] = text if isinstance(text, str) else text.decode()  # into the heap
    data = bytearray(path.read_bytes())
    start = data.index(b"GCOL")
    at = start + 16
    while data[at : at + 2] != b"\0\0":  # the last object is what is free
        at += 16 + (int.from_bytes(data[at + 8 : at + 16], "little") + 7) // 8 * 8
    data[at + 8 : at + 16] = length.to_bytes(8, "little")
    if length:
        data[at : at + 2] = b"\x09\0"
    path.write_bytes(data)
    with harmless(path), pytest.raises(ValueError, match="damaged: a text"):
        fastnn.models.load_model(path)
