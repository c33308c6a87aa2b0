"""States of training, in backups and in the files of checkpoints, that were made to do harm: told, not followed."""

import copy

import numpy as np
import pytest

import fastnn
from fastnn import callbacks, layers
from fastnn.saving.backup_file import read_backup, write_backup


class Ended(Exception):
    """What stands for the process's end."""


class Own(callbacks.Callback):
    """A user's, with state of several kinds."""

    def __init__(self, end=False):
        super().__init__()
        self.phase, self.seen, self.end = "warm", {"best": [1.0]}, [end]

    def on_epoch_end(self, epoch, logs=None):
        self.phase = f"after {epoch}"
        if self.end[0] and epoch == 1:
            raise Ended


def fit(folder, end=False, batches=False, **more):
    fastnn.utils.set_random_seed(3)
    model = fastnn.Sequential([fastnn.Input((4,)), layers.Dropout(0.2), layers.Dense(2)])
    model.compile("adam", loss="mse")
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((20, 4)).astype("float32"), rng.standard_normal((20, 2)).astype("float32")
    given = {"x": x, "y": y, "batch_size": 5}
    if batches:
        given = {"x": fastnn.data.Dataset.from_tensor_slices((x, y)).shuffle(20).batch(5)}
    used = [
        callbacks.BackupAndRestore(folder / "backup", delete_checkpoint=False),
        callbacks.CSVLogger(folder / "log.csv"),
        callbacks.ModelCheckpoint(folder / "last.weights.h5", save_weights_only=True),
        callbacks.EarlyStopping("loss", patience=9, restore_best_weights=True),
        Own(end),
    ]
    try:
        model.fit(**given, epochs=3, verbose=0, callbacks=used, **more)
    finally:
        used[1].on_train_end()  # else its file stays open
    return model, used


@pytest.fixture(params=[False, True], ids=["arrays", "batches"])
def backup(request, tmp_path):
    """(state, a function that goes on from it when it was changed)"""
    with pytest.raises(Ended):
        fit(tmp_path, end=True, batches=request.param)
    path = tmp_path / "backup/latest.backup.h5"

    def go_on(state):
        write_backup(path, state)
        return fit(tmp_path, batches=request.param)

    return read_backup(path), go_on


def test_unspoilt(backup):
    state, go_on = backup
    _, used = go_on(state)
    assert used[-1].phase == "after 2" and used[-1].seen == {"best": [1.0]}


def put(state, *path):
    *path, key, value = path
    state = copy.deepcopy(state)
    part = state
    for name in path:
        part = part[name]
    part[key] = value
    return state


RUBBISH = [-1, -(10**6), 5, 10**6, 10**18, 2**70, 0.5, None, "x", [1], {}, True]


@pytest.mark.parametrize("key", ["taken", "total"])
def test_places_outside_the_data(key, backup):
    """A place below 0 had C gather rows from before the arrays."""
    state, go_on = backup
    for value in RUBBISH if key in state["train"] else ():
        if key == "total" and value in (5, 10**6, 10**18):
            continue  # of a source that ends: nothing is left there
        with pytest.raises(ValueError, match="damaged"):
            go_on(put(state, "train", key, value))


@pytest.mark.parametrize("place", [-1, 625, 10**6, -(2**60), "x", None, 0.5])
def test_generators_that_read_elsewhere(place, backup):
    """NumPy's own generator takes any place in its 624 numbers, and reads there."""
    state, go_on = backup
    before = np.random.get_state()[2]
    numpy = copy.deepcopy(state["random"]["numpy"])
    numpy[2] = place
    with pytest.raises(ValueError, match="damaged"):
        go_on(put(state, "random", "numpy", numpy))
    for wrong in ([], [1], ["MT19937", np.zeros(3), 0, 0, 0.0], ["PCG64", *numpy[1:2], 0, 0, 0.0], 3):
        with pytest.raises(ValueError, match="damaged"):
            go_on(put(state, "random", "numpy", wrong))
    assert 0 <= np.random.get_state()[2] <= 624 and before >= 0


def test_passes_without_end(backup):
    state, go_on = backup
    events = put(state, "train", "events", "b" * 100_000)
    with pytest.raises(ValueError, match="more passes than epochs"):
        go_on(put(events, "train", "totals", np.zeros(100_000, np.int64)))
    for wrong in (3, None, "bxe", ["b"]):
        with pytest.raises(ValueError, match="damaged"):
            go_on(put(state, "train", "events", wrong))


@pytest.mark.parametrize("value", [None, -1, 0.5, "1", [1], 2**62])
@pytest.mark.parametrize("key", ["epoch", "steps"])
def test_epochs_that_are_none(key, value, backup):
    state, go_on = backup
    with pytest.raises(ValueError, match="does not say where training stood"):
        go_on(put(state, key, value))


@pytest.mark.parametrize("key", ["arrays", "callbacks", "random", "logs", "stopped", "epoch", "train"])
def test_parts_that_are_missing(key, backup):
    state, go_on = backup
    for wrong in ({k: v for k, v in state.items() if k != key}, put(state, key, [3])):
        if key in ("stopped", "train"):
            continue
        with pytest.raises(ValueError, match="damaged|does not say|another run|more passes"):
            go_on(wrong)


def test_names_of_files_stay_the_programs(backup, tmp_path):
    """A backup that says where a callback writes would write there."""
    state, go_on = backup
    outside = str(tmp_path / "outside")
    for key, name in (("ModelCheckpoint:0", "filepath"), ("CSVLogger:0", "filename")):
        for value in (outside, [outside], {"a": outside}):
            go_on(put(state, "callbacks", key, {name: value}))
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize(
    "name, value",
    [
        ("on_epoch_end", "x"),
        ("set_model", None),
        ("__class__", 3),
        ("__dict__", {}),
        ("model", 3),
        ("_model", {}),
        ("phase", 3),
        ("seen", "x"),
        ("seen", [1]),
    ],
)
def test_attributes_that_are_no_state(name, value, backup):
    state, go_on = backup
    with pytest.raises(ValueError, match="has no such state"):
        go_on(put(state, "callbacks", "Own:0", {name: value}))
