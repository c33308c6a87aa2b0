"""No room for a new file: the old one stays whole, and nothing is left that a later run trips over.

A limit on the size of files, which the system itself sets on the child process, ends each write as a full disk does.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastnn
from fastnn import layers


def model():
    fastnn.utils.set_random_seed(3)
    made = fastnn.Sequential([fastnn.Input((64,)), layers.Dense(256), layers.Dense(256), layers.Dense(4)])
    made.compile("adam", loss="mse")
    return made


def write(made, path):
    if path.endswith(".weights.json"):
        made.save_weights(path, max_shard_size=0.1)
    elif path.endswith("edited.weights.h5"):
        editor = fastnn.saving.KerasFileEditor.__new__(fastnn.saving.KerasFileEditor)
        editor.weights_dict = {str(i): {"0": np.asarray(weight)} for i, weight in enumerate(made.weights)}
        editor.object_metadata = {}
        editor.save(path)
    elif path.endswith(".weights.h5"):
        made.save_weights(path)
    elif path.endswith("directory"):
        made.save(path, zipped=False)
    else:
        made.save(path)


def fill(folder, name):
    """What the child does: write changed weights under limits. Exits with 7 where all are told by an OSError."""
    import resource

    made = model()
    for variable in made.weights:
        variable.assign(np.ones(variable.shape, "float32"))
    told = 0
    for limit in (1000, 100_000, 300_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            write(made, os.path.join(folder, name))
        except OSError:
            told += 1
    os._exit(7 if told == 3 else 0)


def fit(folder, limit):
    """The same with checkpoints and backups in the middle of training."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        train(folder, 4)
    except OSError:
        os._exit(7)
    os._exit(0)


def train(folder, epochs):
    made = model()
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((32, 64)).astype("float32"), rng.standard_normal((32, 4)).astype("float32")
    saved = [
        fastnn.callbacks.BackupAndRestore(os.path.join(folder, "backup"), delete_checkpoint=False),
        fastnn.callbacks.ModelCheckpoint(os.path.join(folder, "best.keras")),
    ]
    made.fit(x, y, epochs=epochs, verbose=0, callbacks=saved)
    return made


def child(call):
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"import test_full_disk as t; t.{call}"],
        cwd=Path(__file__).parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ).returncode


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


FORMS = ["m.keras", "m.h5", "m.weights.h5", "m.weights.json", "directory", "edited.weights.h5"]


@pytest.mark.parametrize("name", FORMS)
def test_saving(name, tmp_path):
    write(model(), str(tmp_path / name))
    before = contents(tmp_path)
    assert child(f"fill({str(tmp_path)!r}, {name!r})") == 7
    assert contents(tmp_path) == before


def test_training(tmp_path):
    train(tmp_path, 2)
    before = contents(tmp_path)
    assert child(f"fit({str(tmp_path)!r}, 200_000)") == 7
    assert contents(tmp_path) == before
    (tmp_path / "whole").mkdir()
    whole = train(tmp_path / "whole", 4)
    for a, b in zip(train(tmp_path, 4).get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
