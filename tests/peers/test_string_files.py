"""Files of models that read strings between fastnn and Keras, whose layers for them need TensorFlow, both ways."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import string_files

import fastnn

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="needs tensorflow"),
    pytest.mark.filterwarnings("ignore"),
]


def keras_does(task, folder):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", string_files.__file__, task, str(folder)],
        env={**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(np.load(Path(folder, f"{task}.npz")))


def compare(written, loaded, optimizer_lost=()):
    for name, array in loaded.items():
        whole, part = name.split("/")
        model = next(other for other in string_files.MODELS if whole.startswith(f"{other}."))
        if part == "says":
            np.testing.assert_allclose(array, written[f"{model}/says"], rtol=1e-5, atol=1e-5, err_msg=name)
        elif not whole.endswith(tuple(optimizer_lost)):
            np.testing.assert_allclose(array, written[f"{model}/{part}"], rtol=1e-4, atol=1e-4, err_msg=name)


def test_from_keras(tmp_path):
    written = keras_does("write", tmp_path)
    compare(written, string_files.read(fastnn, tmp_path, np.asarray))


def test_to_keras(tmp_path):
    written = string_files.write(fastnn, tmp_path, np.asarray)
    # Keras does not restore the optimizers of .h5 files of Functional models
    compare(written, keras_does("read", tmp_path), optimizer_lost=[".h5"])
