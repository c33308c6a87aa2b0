"""More training runs for `scenarios.SCENARIOS`: what callbacks do."""

import contextlib
import io
import os
import tempfile

import numpy as np
from scenarios import classifier, data, scenario


def scripted(k, **series):
    """A callback that puts given values into the logs, epoch by epoch, for those after it."""

    class Scripted(k.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            for name, values in series.items():
                if epoch < len(values):
                    logs[name] = values[epoch]

    return Scripted()


def run(k, *callbacks, epochs=8, printed=False, model=None, **fit):
    """Train with the callbacks; the model and what was printed."""
    x, labels, _, _ = data()
    model = model or classifier(k)
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        history = model.fit(
            x,
            labels,
            batch_size=20,
            epochs=epochs,
            shuffle=False,
            verbose=0,
            callbacks=list(callbacks),
            **fit,
        )
    return model, history, [line for line in output.getvalue().splitlines() if line.strip()]


VALUES = [1.0, 0.8, 0.85, 0.79, 0.795, 0.9, 0.7, 0.95]


@scenario
def early_stopping(k):
    found = {}
    cases = {
        "plain": dict(patience=0),
        "patience": dict(patience=2),
        "delta": dict(patience=1, min_delta=0.05),
        "max": dict(patience=1, mode="max"),
        "baseline": dict(patience=2, baseline=0.75),
        "start": dict(patience=1, start_from_epoch=4),
        "best": dict(patience=1, restore_best_weights=True),
        "best, to the end": dict(patience=9, restore_best_weights=True),
        "accuracy": dict(monitor="accuracy", patience=1),
    }
    for name, options in cases.items():
        stop = k.callbacks.EarlyStopping(**{"monitor": "loss", "verbose": 1, **options})
        model, history, printed = run(k, scripted(k, loss=VALUES), stop)
        found[name] = [
            len(history.epoch),
            stop.stopped_epoch,
            stop.wait,
            stop.best,
            stop.best_epoch,
            printed,
            model.get_weights(),
        ]
    return found


@scenario
def reduce_lr_on_plateau(k):
    found = {}
    values = [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5]
    for name, options in {
        "plain": dict(patience=1),
        "cooldown": dict(patience=1, cooldown=2),
        "least": dict(patience=1, min_lr=0.04, factor=0.5),
        "max": dict(patience=2, mode="max"),
    }.items():
        callback = k.callbacks.ReduceLROnPlateau(monitor="loss", verbose=1, **options)
        model, history, printed = run(k, scripted(k, loss=values), callback)
        found[name] = [
            history.history["learning_rate"],
            len(printed),
            float(np.asarray(model.optimizer.learning_rate)),
            sorted(history.history),
        ]
    return found


@scenario
def learning_rate_scheduler(k):
    found = {}
    for name, schedule in {
        "both": lambda epoch, rate: rate * 0.5 if epoch > 1 else rate,
        "one": lambda epoch: 0.1 / (epoch + 1),
    }.items():
        model, history, printed = run(k, k.callbacks.LearningRateScheduler(schedule, verbose=1), epochs=4)
        found[name] = [history.history, list(history.history), len(printed), model.get_weights()]
    return found


@scenario
def csv_logger(k):
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for options in (dict(), dict(append=True), dict(separator=";")):
            path = os.path.join(folder, "log.csv")
            logger = k.callbacks.CSVLogger(path, **options)
            run(
                k,
                scripted(k, loss=[0.5, 0.25], accuracy=[1.0, 0.0], list=[np.array([1, 2])] * 2),
                logger,
                epochs=2,
            )
            with open(path) as file:
                found.append(file.read())
    return found


@scenario
def model_checkpoint(k):
    found = {}
    cases = {
        "each": ("a{epoch:02d}-{loss:.2f}.keras", dict()),
        "best": ("b{epoch}.keras", dict(monitor="loss", save_best_only=True, verbose=1)),
        "weights": (
            "c{epoch}.weights.h5",
            dict(save_weights_only=True, monitor="loss", save_best_only=True, mode="max"),
        ),
        "batches": ("d{epoch}-{batch}.keras", dict(save_freq=3)),
        "threshold": (
            "e{epoch}.keras",
            dict(monitor="loss", save_best_only=True, initial_value_threshold=0.79),
        ),
    }
    for name, (path, options) in cases.items():
        with tempfile.TemporaryDirectory() as folder:
            callback = k.callbacks.ModelCheckpoint(os.path.join(folder, "deep", path), **options)
            _, _, printed = run(k, scripted(k, loss=VALUES), callback, epochs=7)
            found[name] = [
                sorted(os.listdir(os.path.join(folder, "deep"))),
                [line.replace(folder, "") for line in printed if "finished" not in line],
            ]
    return found


@scenario
def checkpoint_and_early_stopping(k):
    x, labels, _, _ = data()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "best.keras")
        model, history, _ = run(
            k,
            scripted(k, val_loss=VALUES),
            k.callbacks.ModelCheckpoint(path, save_best_only=True),
            k.callbacks.EarlyStopping(patience=3, restore_best_weights=True),
            validation_split=0.25,
        )
        loaded = k.models.load_model(path)
        return [
            len(history.epoch),
            model.get_weights(),
            loaded.get_weights(),
            loaded.evaluate(x, labels, verbose=0),
        ]


@scenario
def lambda_callback(k):
    notes = []
    callback = k.callbacks.LambdaCallback(
        on_train_begin=lambda logs: notes.append("begin"),
        on_epoch_end=lambda epoch, logs: notes.append([epoch, sorted(logs)]),
        on_train_batch_end=lambda batch, logs: notes.append(batch),
        on_test_begin=lambda logs: notes.append("test"),
    )
    run(k, callback, epochs=2, validation_split=0.25)
    return notes


@scenario
def moving_averages(k):
    found = {}
    for on_epoch in (False, True):
        seen = []

        class Look(k.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None, seen=seen):
                seen.append(self.model.get_weights()[0][0])

        model = classifier(k, optimizer=k.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.8))
        _, history, _ = run(
            k,
            k.callbacks.SwapEMAWeights(swap_on_epoch=on_epoch),
            Look(),
            epochs=3,
            validation_split=0.25,
            model=model,
        )
        found[str(on_epoch)] = [history.history, seen, model.get_weights()]
    return found


@scenario
def terminate_on_nan(k):
    x, labels, _, _ = data()
    x = np.where(np.arange(40)[:, None] == 25, np.nan, x).astype("float32")
    notes = []

    class Batches(k.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            notes.append(batch)

    model = classifier(k)
    with contextlib.redirect_stdout(io.StringIO()):
        history = model.fit(
            x,
            labels,
            batch_size=8,
            epochs=3,
            shuffle=False,
            verbose=0,
            callbacks=[k.callbacks.TerminateOnNaN(), Batches()],
        )
    return [notes, history.epoch, len(history.history["loss"])]


@scenario
def one_epoch_at_a_time(k):
    """Many fits of one epoch with one callback that keeps a history of its own."""
    x, labels, _, _ = data()

    class Own(k.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.losses, self.starts = [], 0

        def on_train_begin(self, logs=None):
            self.starts += 1

        def on_epoch_end(self, epoch, logs=None):
            self.losses.append((epoch, logs.get("loss"), logs.get("val_accuracy")))

    own, model = Own(), classifier(k)
    for _ in range(4):
        history = model.fit(
            x,
            labels,
            batch_size=16,
            epochs=1,
            shuffle=False,
            verbose=0,
            callbacks=[own],
            validation_data=(x, labels),
        )
    return [own.losses, own.starts, history.history, history.params["steps"], history.epoch]


# ---- the order of things


def recorder(k, notes, stop=None):
    class Recorder(k.callbacks.Callback):
        pass

    def note(name, counted):
        def counted_hook(self, index, logs=None):
            notes.append([name, index, sorted(logs or {})])
            if stop == (name, index):
                self.model.stop_training = True

        def hook(self, logs=None):
            notes.append([name, sorted(logs or {})])

        return counted_hook if counted else hook

    for when in ("begin", "end"):
        for stage in ("train", "test", "predict"):
            setattr(Recorder, f"on_{stage}_{when}", note(f"on_{stage}_{when}", False))
            setattr(Recorder, f"on_{stage}_batch_{when}", note(f"on_{stage}_batch_{when}", True))
        setattr(Recorder, f"on_epoch_{when}", note(f"on_epoch_{when}", True))
    return Recorder()


@scenario
def callback_order(k):
    x, labels, _, _ = data(20)
    notes, params = [], []

    class Params(k.callbacks.Callback):
        def on_train_begin(self, logs=None):
            params.append(dict(self.params))

    model = classifier(k)
    model.fit(
        x,
        labels,
        epochs=2,
        batch_size=8,
        shuffle=False,
        verbose=0,
        validation_split=0.3,
        callbacks=[recorder(k, notes), Params()],
    )
    model.evaluate(x, labels, batch_size=8, verbose=0, callbacks=[recorder(k, notes)])
    model.predict(x, batch_size=8, verbose=0, callbacks=[recorder(k, notes)])
    stopped = []
    model.fit(
        x,
        labels,
        epochs=3,
        batch_size=4,
        verbose=0,
        callbacks=[recorder(k, stopped, ("on_train_batch_end", 1))],
    )
    several = classifier(k, steps_per_execution=2)
    grouped = []
    several.fit(x, labels, epochs=1, batch_size=4, verbose=0, shuffle=False, callbacks=[recorder(k, grouped)])
    return [notes, params, stopped, grouped]
