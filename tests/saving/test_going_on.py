"""Runs that go on after their end, beyond the plain models of test_backup: optimizers of one's own, logs, sources with
hooks, validation data with an order, arguments that were changed in between."""

import os
import signal

import numpy as np
import pytest

import fastnn
from fastnn import callbacks, layers, ops

X = np.random.default_rng(3).standard_normal((20, 4)).astype("float32")
Y = np.random.default_rng(4).integers(0, 3, 20).astype("int32")


class Ended(callbacks.Callback):
    """Ends the process, as a kill does, after so many steps."""

    def __init__(self, steps):
        super().__init__()
        self.left = [steps]

    def on_train_batch_end(self, batch, logs=None):
        self.left[0] -= 1
        if self.left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)


@fastnn.saving.register_keras_serializable("going_on")
class Adversaries(fastnn.Model):
    """Two networks, an optimizer each, random numbers of its own."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.judge = fastnn.Sequential(
            [layers.Dense(5, activation="relu"), layers.Dropout(0.3), layers.Dense(1)]
        )
        self.maker = fastnn.Sequential([layers.Dense(5, activation="relu"), layers.Dense(4)])
        self.seeds = fastnn.random.SeedGenerator(5)
        self.judge_loss = fastnn.metrics.Mean(name="judge_loss")
        self.judge_optimizer = fastnn.optimizers.Adam(0.02)
        self.maker_optimizer = fastnn.optimizers.RMSprop(0.02)

    @property
    def metrics(self):
        return [self.judge_loss]

    def call(self, x):
        return self.judge(self.maker(x))

    def train_step(self, data):
        noise = fastnn.random.normal((5, 4), seed=self.seeds)
        loss_of = fastnn.losses.BinaryCrossentropy(from_logits=True)
        both = ops.concatenate([self.maker(noise), data[0] if isinstance(data, tuple) else data], 0)
        with fastnn.GradientTape() as tape:
            loss = loss_of(
                ops.concatenate([ops.ones((5, 1)), ops.zeros((5, 1))], 0), self.judge(both, training=True)
            )
        weights = self.judge.trainable_weights
        self.judge_optimizer.apply(tape.gradient(loss, weights), weights)
        with fastnn.GradientTape() as tape:
            made = loss_of(ops.zeros((5, 1)), self(noise))
        weights = self.maker.trainable_weights
        self.maker_optimizer.apply(tape.gradient(made, weights), weights)
        self.judge_loss.update_state(loss)
        return {
            "judge_loss": self.judge_loss.result(),
            "made": made,
        }  # "made": of the last step, in no metric


class Ordered(fastnn.utils.PyDataset):
    """Batches whose rows change places after each pass, by numbers that all share."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.order = np.arange(20)

    def __len__(self):
        return 4

    def __getitem__(self, index):
        rows = self.order[5 * index : 5 * index + 5]
        return X[rows], Y[rows]

    def on_epoch_end(self):
        np.random.shuffle(self.order)


def classifier(**compiled):
    model = fastnn.Sequential(
        [fastnn.Input((4,)), layers.Dense(6, "relu"), layers.Dropout(0.4), layers.Dense(3)]
    )
    optimizer = fastnn.optimizers.Adam(0.02, use_ema=True, ema_momentum=0.8)
    loss = fastnn.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss=loss, metrics=["accuracy"], **compiled)
    return model


def mapped(*arrays):
    """A data set that only Python can go through, in the same order in every process that counts its passes."""
    sliced = fastnn.data.Dataset.from_tensor_slices(arrays if len(arrays) > 1 else arrays[0])
    return sliced.shuffle(20, seed=4).map(lambda *row: row if len(row) > 1 else row[0]).batch(5)


def adversaries(source):
    model = Adversaries()
    model.compile()
    return model, (source,), {}


CASES = {
    "arrays": lambda: adversaries(X),
    "batches": lambda: adversaries(mapped(X)),
    "hooks": lambda: (classifier(), (Ordered(),), {}),
    "threads": lambda: (classifier(), (Ordered(workers=2),), {}),
    "validation": lambda: (classifier(), (X, Y), {"validation_data": mapped(X, Y), "validation_steps": 2}),
    "grouped": lambda: (classifier(steps_per_execution=3), (X, Y), {"validation_split": 0.2}),
}


def run(folder, case, save_freq, kill=None):
    """Three epochs; all there is at their end, as text, in the file "end"."""
    fastnn.utils.set_random_seed(11)
    model, data, options = CASES[case]()
    listed = [
        callbacks.CSVLogger(folder / "log.csv"),
        callbacks.BackupAndRestore(folder / "b", save_freq=save_freq),
    ]
    if case in ("validation", "grouped"):
        listed.append(callbacks.SwapEMAWeights())
    if kill:
        listed.append(Ended(kill))
    if len(data) > 1 or case in ("arrays",):
        options["batch_size"] = 5
    history = model.fit(*data, epochs=3, verbose=0, callbacks=listed, **options)
    own = [v.numpy().tobytes() for v in model.variables]
    own += [
        v.numpy().tobytes()
        for name in ("optimizer", "judge_optimizer", "maker_optimizer")
        for v in getattr(getattr(model, name, None), "variables", ())
    ]
    (folder / "end").write_text(repr([own, history.history]))


def child(*args):
    """`run` in a process of its own; how it ended."""
    pid = os.fork()
    if pid == 0:
        try:
            run(*args)
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize("case", CASES)
def test_killed(case, tmp_path):
    whole, *others = folders = [tmp_path / name for name in ("whole", "epochs", "steps")]
    for folder in folders:
        folder.mkdir()
    assert child(whole, case, "epoch") == 0
    for folder, save_freq, kills in zip(others, ("epoch", 1), ([6, 5], [4, 3])):
        for kill in kills:
            assert child(folder, case, save_freq, kill) == -signal.SIGKILL
        assert child(folder, case, save_freq) == 0
        for name in ("end", "log.csv"):
            assert (folder / name).read_text() == (whole / name).read_text()


def test_the_file_of_a_checkpoint(tmp_path):
    """Optimizers that a model's own step builds take what the file holds once they are built."""

    def fit(model, **options):
        options = {"epochs": 3, "batch_size": 5, "verbose": 0, **options}
        return model.fit(X, callbacks=[callbacks.ModelCheckpoint(str(tmp_path / "{epoch}.keras"))], **options)

    fastnn.utils.set_random_seed(2)
    model, _, _ = CASES["arrays"]()
    whole = fit(model)
    fastnn.utils.set_random_seed(3)
    loaded = fastnn.models.load_model(tmp_path / "1.keras")
    loaded.save(tmp_path / "again.keras")  # before they are built
    loaded = fastnn.models.load_model(tmp_path / "again.keras")
    loaded.compile()
    loaded.training_state = fastnn.models.load_model(tmp_path / "1.keras").training_state
    assert fit(loaded, initial_epoch=1).history["made"] == whole.history["made"][1:]
    for name in ("judge_optimizer", "maker_optimizer"):
        for a, b in zip(getattr(model, name).variables, getattr(loaded, name).variables, strict=True):
            np.testing.assert_array_equal(a, b)


def test_logs_have_each_epoch_once(tmp_path):
    """A row that was written, or begun, before the kill but after the last backup is written anew."""
    log = tmp_path / "log.csv"

    def fit(epochs):
        fastnn.utils.set_random_seed(1)
        model = classifier()
        backup = callbacks.BackupAndRestore(tmp_path / "b", delete_checkpoint=False)
        model.fit(X, Y, epochs=epochs, verbose=0, callbacks=[callbacks.CSVLogger(log, append=True), backup])

    log.write_text("a line of another run\n2,of the same\n")
    fit(2)
    want = log.read_text()
    with log.open("a") as file:
        file.write("2,0.5,0.5,NA,NA\n3,0.")
    fit(2)
    assert log.read_text() == want
    fit(4)
    assert [line.split(",")[0] for line in log.read_text().splitlines()[2:]] == ["0", "1", "2", "3"]


def test_a_stop_and_changed_arguments(tmp_path):
    """A run that a callback had stopped is not trained further; what the program says of patience and paths counts."""

    def fit(patience, end=False):
        stop = callbacks.EarlyStopping("loss", patience=patience, mode="max", min_delta=1e9)
        best = callbacks.ModelCheckpoint(str(tmp_path / f"{patience}.keras"))
        backup = callbacks.BackupAndRestore(tmp_path / "b", delete_checkpoint=end)
        history = classifier().fit(X, Y, epochs=6, verbose=0, callbacks=[stop, best, backup]).history
        return stop, len(history["loss"])

    assert fit(2)[1] == 3
    assert not (tmp_path / "5.keras").exists()
    stop, epochs = fit(5)
    assert (stop.patience, stop.wait, epochs) == (5, 2, 3)
