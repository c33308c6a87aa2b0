"""Sounds in folders."""

import wave

import numpy as np
import pytest

import fastnn


def write(path, samples, rate=8000):
    path.parent.mkdir(exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.asarray(samples, "<i2").tobytes())


def test_a_folder_of_sounds(tmp_path):
    for name, length in (("a/1", 3), ("a/2", 5), ("b/1", 4)):
        write(tmp_path / f"{name}.wav", np.arange(length) * 1024)
    load = fastnn.utils.audio_dataset_from_directory
    sounds = load(tmp_path, batch_size=3, shuffle=False, verbose=False)
    ((x, y),) = list(sounds)
    assert sounds.class_names == ["a", "b"] and y.tolist() == [0, 0, 1]
    assert x.shape == (3, 5, 1) and x.dtype == np.float32
    np.testing.assert_array_equal(x[0, :, 0], [0, 1 / 32, 2 / 32, 0, 0])
    cut = next(iter(load(tmp_path, batch_size=3, output_sequence_length=4, shuffle=False, verbose=False)))[0]
    np.testing.assert_array_equal(cut[1, :, 0], np.arange(4) / 32)
    with pytest.raises(ValueError, match="8000 samples a second, `sampling_rate` is 16000"):
        list(load(tmp_path, sampling_rate=16000, verbose=False))
    with pytest.raises(ValueError, match="`ragged`"):
        load(tmp_path, ragged=True)


@pytest.mark.parametrize("data", [b"", b"x" * 99, b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0"])
def test_broken_sounds_are_named(data, tmp_path):
    (tmp_path / "a.wav").write_bytes(data)
    with pytest.raises(ValueError, match="a.wav is no .wav file that can be read"):
        list(fastnn.utils.audio_dataset_from_directory(tmp_path, labels=None, verbose=False))
