"""Folders and files that may not be written to: told by the system's own error, with all that was there untouched."""

import contextlib
import os

import numpy as np
import pytest

import fastnn
from fastnn import callbacks, layers, saving

NOBODY = 65534


@contextlib.contextmanager
def closed(folder):
    """Inside, nothing in `folder` may be written by this process, even where it is root's."""
    kept = {path: path.stat().st_mode & 0o7777 for path in [folder, *folder.rglob("*")]}
    outer = [
        (path, path.stat().st_mode & 0o7777) for path in list(folder.parents)[:-2] if path.owner() == "root"
    ]
    root = os.geteuid() == 0
    for path in kept:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        if root:
            for path, mode in outer:
                path.chmod(mode | 0o055)
            os.seteuid(NOBODY)
        yield
    finally:
        if root:
            os.seteuid(0)
        for path, mode in [*kept.items(), *(outer if root else ())]:
            path.chmod(mode)


def model():
    fastnn.utils.set_random_seed(3)
    made = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(3), layers.Dense(1)])
    made.compile("adam", loss="mse")
    return made


def fit(*used):
    x = np.ones((8, 4), "float32")
    try:
        model().fit(x, x[:, :1], epochs=2, verbose=0, callbacks=list(used))
    finally:
        for callback in used:
            if isinstance(callback, callbacks.CSVLogger):
                callback.on_train_end()


WRITERS = {
    "keras": lambda at: model().save(at / "m.keras"),
    "h5": lambda at: model().save(at / "m.h5"),
    "folder": lambda at: model().save(at / "m", zipped=False),
    "weights": lambda at: model().save_weights(at / "m.weights.h5"),
    "shards": lambda at: model().save_weights(at / "m.weights.json", max_shard_size=100 / 2**30),
    "editor": lambda at: saving.KerasFileEditor(at / "source.weights.h5").save(at / "edited.weights.h5"),
    "log": lambda at: fit(callbacks.CSVLogger(at / "log.csv")),
    "checkpoint": lambda at: fit(callbacks.ModelCheckpoint(at / "last.keras")),
    "checkpoint of weights": lambda at: fit(
        callbacks.ModelCheckpoint(at / "last.weights.h5", save_weights_only=True)
    ),
    "backup": lambda at: fit(callbacks.BackupAndRestore(at / "backup", delete_checkpoint=False)),
}


def contents(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.mark.parametrize("again", [False, True], ids=["new", "over an old one"])
@pytest.mark.parametrize("writer", WRITERS)
def test_a_folder_that_is_closed(writer, again, tmp_path):
    at = tmp_path / "closed"
    at.mkdir()
    model().save_weights(at / "source.weights.h5")
    if again:
        WRITERS[writer](at)
        if writer == "backup":  # which would end at once where it stands at the end
            (at / "backup" / "latest.backup.h5").unlink()
    before = contents(at)
    with closed(at), pytest.raises(OSError, match=r"(?i)permission denied|read-only"):
        WRITERS[writer](at)
    assert contents(at) == before


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.weights.h5"])
def test_no_such_folder_and_a_folder_in_the_files_place(name, tmp_path):
    made = model()
    write = made.save_weights if "weights" in name else made.save
    with pytest.raises(FileNotFoundError, match="make it first"):
        write(tmp_path / "missing" / name)
    (tmp_path / name).mkdir()
    with pytest.raises(IsADirectoryError, match="give the name of a file"):
        write(tmp_path / name)
    assert [path.name for path in tmp_path.rglob("*")] == [name]
