"""Callbacks told something that cannot be: errors and warnings that say what there is."""

import numpy as np
import pytest

import fastnn as keras
from fastnn import callbacks


def fit(*some, **options):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    return model.fit(np.ones((8, 2)), np.ones((8, 1)), verbose=0, callbacks=list(some), **options)


@pytest.mark.parametrize(
    "callback",
    [
        lambda: callbacks.EarlyStopping(monitor="val_mse", mode="min"),
        lambda: callbacks.ReduceLROnPlateau(monitor="val_mse", mode="min"),
        lambda: callbacks.ModelCheckpoint("never.keras", monitor="val_mse", mode="min", save_best_only=True),
    ],
)
def test_a_metric_that_does_not_exist(callback, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.warns(UserWarning, match="'val_mse'.*loss, mae"):
        fit(callback())


def test_direction_of_metrics():
    callback = callbacks.EarlyStopping(monitor="mae", patience=1)
    fit(callback, epochs=2)
    assert callback.monitor_op(1, 2)
    assert (
        keras.metrics.SparseCategoricalAccuracy()._direction == "up"
        and keras.metrics.AUC()._direction == "up"
    )
    with pytest.raises(ValueError, match="'nothing' should go up or down"):
        fit(callbacks.EarlyStopping(monitor="nothing"))


def test_wrong_arguments():
    with pytest.raises(ValueError, match="`save_freq`"):
        callbacks.ModelCheckpoint("a.keras", save_freq="batch")
    with pytest.raises(ValueError, match="must end in .keras or .h5"):
        callbacks.ModelCheckpoint("a.ckpt")
    with pytest.raises(ValueError, match="must end in .weights.h5"):
        callbacks.ModelCheckpoint("a.keras", save_weights_only=True)
    with pytest.raises(ValueError, match="`factor` must be below 1"):
        callbacks.ReduceLROnPlateau(factor=2)
    with pytest.raises(TypeError, match=r"write EarlyStopping\(...\)"):
        fit(callbacks.EarlyStopping)
    with pytest.raises(ValueError, match="must return a float"):
        fit(callbacks.LearningRateScheduler(lambda epoch: "fast"))
    with pytest.raises(KeyError, match="is no log; there are: loss"):
        fit(callbacks.ModelCheckpoint("{val_loss}.keras"))
    with pytest.raises(ValueError, match="use_ema=True"):
        fit(callbacks.SwapEMAWeights(), validation_split=0.5)


@pytest.mark.parametrize(
    "name, saved",
    [("plain", "plain.keras"), ("e{epoch:02d}-{loss:.1f}", "e01-0.0.keras"), ("v1.5", "v1.5.keras")],
)
def test_checkpoints_without_suffix(name, saved, tmp_path):
    class Zero(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["loss"] = 0.0

    fit(Zero(), callbacks.ModelCheckpoint(tmp_path / name))
    assert [path.name for path in tmp_path.iterdir()] == [saved]
    fit(callbacks.ModelCheckpoint(tmp_path / "w", save_weights_only=True))
    assert (tmp_path / "w.weights.h5").exists()
