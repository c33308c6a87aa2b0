"""BackupAndRestore: a run that was ended anywhere, and begun again, ends with the same bits as one that never
was."""

import os

import numpy as np
import pytest

import fastnn
from fastnn import callbacks, layers


class Ended(Exception):
    """What stands for the process's end."""


class EndAt(callbacks.Callback):
    """Ends training after so many steps."""

    def __init__(self, steps):
        super().__init__()
        self._left = [steps]  # no plain number: it is not part of a backup

    def on_train_batch_end(self, batch, logs=None):
        self._left[0] -= 1
        if self._left[0] == 0:
            raise Ended


class Indexed:
    """Batches by number, as Keras's PyDataset has them."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return self.x[5 * index : 5 * index + 5], self.y[5 * index : 5 * index + 5]


def data():
    rng = np.random.default_rng(3)
    return rng.standard_normal((20, 4)).astype("float32"), rng.integers(0, 3, 20).astype("int32")


def run(folder, end_at=None, save_freq="epoch", source=None, **kwargs):
    """(weights, history) of three epochs, ended after `end_at` steps and begun again until it comes to its
    end."""
    ends = iter(end_at or [])
    while True:
        fastnn.utils.clear_session()
        fastnn.utils.set_random_seed(11)
        model = fastnn.Sequential(
            [
                fastnn.Input((4,)),
                layers.Dense(6, activation="relu"),
                layers.Dropout(0.4),
                layers.BatchNormalization(),
                layers.Dense(3),
            ]
        )
        loss = fastnn.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(fastnn.optimizers.Adam(0.02), loss=loss, metrics=["accuracy"])
        backup = callbacks.BackupAndRestore(folder, save_freq=save_freq)
        plateau = callbacks.ReduceLROnPlateau(monitor="loss", patience=1, factor=0.5, min_delta=10.0)
        schedule = callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9)
        stop = callbacks.EarlyStopping(monitor="val_loss", patience=10, restore_best_weights=True)
        listed = [backup, schedule, plateau, stop]
        end = next(ends, None)
        if end is not None:
            listed.append(EndAt(end))
        x, y = data()
        given = (x, y) if source is None else (source(x, y),)
        try:
            history = model.fit(
                *given,
                epochs=3,
                verbose=0,
                validation_data=(x[:7], y[:7]),
                callbacks=listed,
                **({"batch_size": 6} if source is None else {}),
                **kwargs,
            )
        except Ended:
            continue
        return [v.numpy() for v in (*model.variables, *model.optimizer.variables)], history.history


def assert_same(one, other):
    for a, b in zip(one[0], other[0], strict=True):
        np.testing.assert_array_equal(a, b)
    assert one[1] == other[1]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run(tmp_path_factory.mktemp("whole") / "backup")


@pytest.mark.parametrize("end_at", [[1], [4], [6], [8], [9, 2], [5, 5, 3]])
def test_by_epoch(end_at, whole, tmp_path):
    assert_same(run(tmp_path / "backup", end_at), whole)
    assert os.listdir(tmp_path) == []  # deleted once training ended by itself


@pytest.mark.parametrize("save_freq, end_at", [(1, [1, 1, 2, 3]), (1, [4, 4]), (2, [3]), (3, [7, 2])])
def test_in_the_middle_of_an_epoch(save_freq, end_at, whole, tmp_path):
    assert_same(run(tmp_path / "backup", end_at, save_freq), whole)


def test_with_steps_per_epoch(tmp_path):
    want = run(tmp_path / "a", steps_per_epoch=2)
    assert_same(run(tmp_path / "b", [1, 2, 2], 1, steps_per_epoch=2), want)


@pytest.mark.parametrize("kind", ["generator", "indexed", "dataset"])
def test_from_batches(kind, tmp_path):
    def generator(x, y):
        for i in range(100):
            rows = np.arange(5 * i, 5 * i + 5) % 20
            yield x[rows], y[rows]

    def source(x, y):
        if kind == "generator":
            return generator(x, y)
        if kind == "indexed":
            return Indexed(x, y)
        from fastnn.data.dataset import Dataset

        return Dataset.from_tensor_slices((x, y)).shuffle(20, seed=4).batch(5)

    kwargs = {"steps_per_epoch": 4} if kind == "generator" else {}
    want = run(tmp_path / "a", source=source, **kwargs)
    assert_same(run(tmp_path / "b", [3, 4], 1, source=source, **kwargs), want)
    assert_same(run(tmp_path / "c", [6], source=source, **kwargs), want)


def test_another_models_backup_is_told(tmp_path):
    x, y = data()

    def fit(units, epochs):
        model = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(units)])
        model.compile("sgd", loss=fastnn.losses.SparseCategoricalCrossentropy(from_logits=True))
        model.fit(
            x,
            y,
            epochs=epochs,
            verbose=0,
            callbacks=[
                callbacks.BackupAndRestore(tmp_path / "b", delete_checkpoint=False, double_checkpoint=True)
            ],
        )
        return model

    fit(3, 2)
    assert sorted(os.listdir(tmp_path / "b")) == ["latest.backup.h5", "previous.backup.h5"]
    with pytest.raises(ValueError, match=r"of another run.*\(4, 3\).*\(4, 5\).*Delete"):
        fit(5, 3)
    before = fit(3, 2).get_weights()  # nothing is left to do
    (tmp_path / "b" / "latest.backup.h5").write_bytes(b"no backup")
    with pytest.raises(ValueError, match="no HDF5 file"):
        fit(3, 3)
    os.remove(tmp_path / "b" / "latest.backup.h5")
    assert len(before) == len(fit(3, 3).get_weights())


def test_arguments():
    with pytest.raises(ValueError, match="backup_dir"):
        callbacks.BackupAndRestore("")
    with pytest.raises(ValueError, match="save_freq"):
        callbacks.BackupAndRestore("b", save_freq="batch")
