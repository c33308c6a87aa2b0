"""ModelCheckpoint's files and fit(initial_epoch=...): a run that goes on from one ends with the bits of one that was
never interrupted, whatever the new process did before."""

import io
import zipfile

import h5py
import keras
import numpy as np
import pytest

import fastnn
from fastnn import callbacks, layers

X = np.random.default_rng(0).standard_normal((48, 4)).astype("float32")
Y = np.random.default_rng(1).integers(0, 3, 48).astype("int32")


@pytest.fixture
def model():
    fastnn.utils.set_random_seed(3)
    parts = [
        layers.Dense(8, activation="relu"),
        layers.BatchNormalization(),
        layers.Dropout(0.4),
        layers.Dense(3),
    ]
    made = fastnn.Sequential([fastnn.Input((4,)), *parts])
    loss = fastnn.losses.SparseCategoricalCrossentropy(from_logits=True)
    made.compile(fastnn.optimizers.Adam(0.05), loss=loss, metrics=["accuracy"])
    return made


class Remembers(callbacks.Callback):
    """A callback of one's own: what it counts, and what no file may set."""

    def __init__(self):
        super().__init__()
        self.losses, self.seen, self.place = [], 0, "here"

    def on_epoch_end(self, epoch, logs=None):
        self.seen += 1


def all_of(path, first):
    """Callbacks, the checkpoint before or behind those that remember something."""
    checkpoint = callbacks.ModelCheckpoint(str(path / "e{epoch}.keras"))
    others = [
        callbacks.EarlyStopping("val_loss", patience=3, restore_best_weights=True),
        callbacks.ReduceLROnPlateau("val_loss", patience=1, factor=0.5),
        Remembers(),
    ]
    return [checkpoint, *others] if first else [*others, checkpoint]


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("epoch", [1, 3])
def test_the_same_bits(epoch, first, model, tmp_path):
    options = dict(epochs=6, batch_size=8, verbose=0, validation_split=0.25)
    whole = all_of(tmp_path, first)
    model.fit(X, Y, callbacks=whole, **options)
    fastnn.utils.set_random_seed(77)
    loaded = fastnn.models.load_model(tmp_path / f"e{epoch}.keras")
    again = all_of(tmp_path, first)
    history = loaded.fit(X, Y, initial_epoch=epoch, callbacks=again, **options)
    for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert float(model.optimizer.learning_rate) == float(loaded.optimizer.learning_rate)
    assert history.history["loss"] == model.history.history["loss"][epoch:]
    for a, b in zip(whole, again, strict=True):
        for name in ("best", "wait", "cooldown_counter", "stopped_epoch", "seen"):
            assert getattr(a, name, None) == getattr(b, name, None), (type(a), name)


def test_a_stop_that_was_due(model, tmp_path):
    """EarlyStopping stood behind the checkpoint and had not spoken yet."""

    def stopping():
        return [
            callbacks.ModelCheckpoint(str(tmp_path / "e{epoch}.keras")),
            callbacks.EarlyStopping("loss", patience=1, mode="max", min_delta=1e9),
        ]

    model.fit(X, Y, epochs=6, verbose=0, callbacks=stopping())
    assert len(model.history.history["loss"]) == 2
    loaded = fastnn.models.load_model(tmp_path / "e2.keras")
    loaded.fit(X, Y, epochs=6, initial_epoch=2, verbose=0, callbacks=stopping())
    for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_new_run_is_a_new_run(model, tmp_path):
    """Without `initial_epoch`, or another than the file's, the random numbers are the process's own."""
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[callbacks.ModelCheckpoint(str(tmp_path / "m.keras"))])
    results = []
    for seed, start in ((1, 0), (1, 0), (2, 0), (1, 1)):
        fastnn.utils.set_random_seed(seed)
        loaded = fastnn.models.load_model(tmp_path / "m.keras")
        loaded.fit(X, Y, initial_epoch=start, epochs=start + 1, verbose=0)
        results.append(loaded.get_weights()[0])
    assert (results[0] == results[1]).all() and (results[0] == results[3]).all()
    assert (results[0] != results[2]).any()


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_keras_passes_it_by(model, tmp_path):
    model.fit(X, Y, epochs=1, verbose=0, callbacks=[callbacks.ModelCheckpoint(str(tmp_path / "m.keras"))])
    loaded = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(loaded.predict(X, verbose=0), model.predict(X, verbose=0), atol=1e-5)


def spoilt(path, change):
    """The file with its training state changed by a function of the open HDF5 file."""
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    state = io.BytesIO(contents["training.h5"])
    with h5py.File(state, "r+") as file:
        change(file)
    contents["training.h5"] = state.getvalue()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in contents.items():
            archive.writestr(name, data)


def replaced(old, new):
    def change(file):
        text = bytes(file["plain"][()])
        assert old in text
        del file["plain"]
        file["plain"] = np.frombuffer(text.replace(old, new), np.uint8)

    return change


@pytest.mark.parametrize(
    "old, new",
    [
        (b'"events": "b"', b'"events": "bbbbbbbbb"'),
        (b'"events": "b"', b'"events": 7'),
        (b'"MT19937"', b'"other"'),
        (b'"random"', b'"rubbish"'),
        (b'"counters": [', b'"counters": [{"__array__": "0"}, '),
    ],
)
def test_hostile_states(old, new, model, tmp_path):
    model.fit(X, Y, epochs=1, verbose=0, callbacks=[callbacks.ModelCheckpoint(str(tmp_path / "m.keras"))])
    spoilt(tmp_path / "m.keras", replaced(old, new))
    loaded = fastnn.models.load_model(tmp_path / "m.keras")
    with pytest.raises(ValueError, match="state of training"):
        loaded.fit(X, Y, initial_epoch=1, epochs=2, verbose=0)


def test_only_numbers_are_set(model, tmp_path):
    """A file must not say where callbacks write, nor call what they call."""
    own = [Remembers(), callbacks.ModelCheckpoint(str(tmp_path / "m.keras"))]
    model.fit(X, Y, epochs=1, verbose=0, callbacks=own)
    spoilt(
        tmp_path / "m.keras",
        replaced(b'"ModelCheckpoint:0": {', b'"ModelCheckpoint:0": {"filepath": "/elsewhere"'),
    )
    spoilt(tmp_path / "m.keras", replaced(b'"seen": 1', b'"seen": 5, "on_epoch_end": 3, "model": 2'))
    loaded = fastnn.models.load_model(tmp_path / "m.keras")
    again = [Remembers(), callbacks.ModelCheckpoint(str(tmp_path / "n.keras"))]
    loaded.fit(X, Y, initial_epoch=1, epochs=2, verbose=0, callbacks=again)
    assert again[0].seen == 6 and again[0].place == "here" and again[0].model is loaded
    assert (tmp_path / "n.keras").exists()
