"""Training that goes on in the other library from a file: the same losses, with Keras on JAX in a process of
its own.

Not among the tests that `pytest` runs by itself, as compiling for JAX takes a minute:

    pytest tests/saving/long_learning_on.py
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from architectures import ARCHITECTURES, data_for

import fastnn

NAMES = ["convnet", "several_ends", "nested"]
STEPS = range(20, 25)


def losses_of(model, name, steps=STEPS):
    return [
        float(model.train_on_batch(*data_for(name, seed=seed), return_dict=True)["loss"]) for seed in steps
    ]


def main(folder):
    """Keras's part: train, save, train on; and load what fastnn saved, train on."""
    import keras

    results = {}
    for name in NAMES:
        model = ARCHITECTURES[name][0](keras)
        losses_of(model, name, range(2))
        model.save(f"{folder}/{name}.from_keras.keras")
        own = losses_of(model, name)
        loaded = keras.models.load_model(f"{folder}/{name}.to_keras.keras")
        results[name] = {"own": own, "loaded": losses_of(loaded, name)}
    Path(folder, "results.json").write_text(json.dumps(results))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of both sides, and Keras's losses."""
    folder = tmp_path_factory.mktemp("both")
    models = {}
    for name in NAMES:
        model = models[name] = ARCHITECTURES[name][0](fastnn)
        losses_of(model, name, range(2))
        model.save(folder / f"{name}.to_keras.keras")
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            f"import long_learning_on; long_learning_on.main({str(folder)!r})",
        ],
        env=environment,
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, json.loads((folder / "results.json").read_text()), models


@pytest.mark.parametrize("name", NAMES)
def test_the_same_losses_go_on(name, folder):
    folder, results, models = folder
    np.testing.assert_allclose(results[name]["loaded"], losses_of(models[name], name), rtol=1e-4)
    loaded = fastnn.models.load_model(folder / f"{name}.from_keras.keras")
    np.testing.assert_allclose(losses_of(loaded, name), results[name]["own"], rtol=1e-4)
