"""Save the model while it trains."""

import os
import re
import warnings

import numpy as np

from .monitor import MonitorCallback
from .run_state import checkpoint_state


class ModelCheckpoint(MonitorCallback):
    """Saves the model, or its weights, after each epoch or every so many batches.

    In a `.keras` file written at the end of an epoch is also where training stands: a model that is loaded from it
    and goes on with fit(initial_epoch=...) ends with the same bits as if it had never been interrupted.

    Args:
        filepath: where; `{epoch}` (from 1), `{batch}` and the logs' names in it are filled in. It ends in
            .keras or .h5, or in .weights.h5 with `save_weights_only`; a name without suffix gets the first of these.
        monitor: the log that `save_best_only` watches.
        verbose: 1 prints what was done.
        save_best_only: save only when `monitor` improved.
        save_weights_only: `save_weights` in place of `save`.
        mode: "min", "max" or "auto".
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: the value to beat at first.
    Raises:
        ValueError: a wrong ending or `save_freq`. IOError: `filepath` is a directory.
    Source: Keras 3 `callbacks.ModelCheckpoint`.
    """

    def __init__(
        self,
        filepath,
        monitor="val_loss",
        verbose=0,
        save_best_only=False,
        save_weights_only=False,
        mode="auto",
        save_freq="epoch",
        initial_value_threshold=None,
    ):
        super().__init__(monitor, mode, initial_value_threshold)
        self.filepath = os.fspath(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self.others = self.runs = self.fresh = None  # see CallbackList
        self._current_epoch = 0
        self._last_batch = None
        self._batches_since_saving = 0
        if save_freq != "epoch" and (not isinstance(save_freq, int) or isinstance(save_freq, bool)):
            raise ValueError(
                f"ModelCheckpoint: `save_freq` must be 'epoch' or a number of batches, received {save_freq!r}"
            )
        endings = (".weights.h5",) if save_weights_only else (".keras", ".h5")
        if not self._has_suffix():
            self.filepath += endings[0]
        if not self.filepath.endswith(endings):
            which = "with save_weights_only=True" if save_weights_only else "for whole models"
            raise ValueError(
                f"ModelCheckpoint: `filepath` must end in {' or '.join(endings)} {which}, "
                f"received {self.filepath!r}"
            )

    def _has_suffix(self):
        """Whether the file's name ends in letters after a dot; the dot of {loss:.2f} does not count."""
        return (
            re.search(r"\.[A-Za-z]\w*$", re.sub(r"{[^}]*}", "0", os.path.basename(self.filepath))) is not None
        )

    def wants_batches(self, stage):
        return stage == "train" and self.save_freq != "epoch"

    def on_epoch_begin(self, epoch, logs=None):
        self._current_epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.save_freq == "epoch":
            return
        new_epoch = self._last_batch is None or batch <= self._last_batch
        self._batches_since_saving += batch + 1 if new_epoch else batch - self._last_batch
        self._last_batch = batch
        if self._batches_since_saving >= self.save_freq:
            self._batches_since_saving = 0
            self._save_model(self._current_epoch, batch, logs)

    def on_epoch_end(self, epoch, logs=None):
        if self.save_freq == "epoch":
            self._save_model(epoch, None, logs)

    def _save_model(self, epoch, batch, logs):
        logs = logs or {}
        path = self._get_file_path(epoch, batch, logs)
        if not self._should_save(epoch, logs, path):
            return
        if os.path.isdir(path):
            raise OSError(f"ModelCheckpoint: `filepath` is a directory, give a file's name: {path}")
        folder = os.path.dirname(path)
        if folder:
            os.makedirs(folder, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            if batch is None and self.runs is not None and path.endswith(".keras"):
                self.model.training_state = checkpoint_state(self, epoch, logs)
            try:
                self.model.save(path, overwrite=True)
            finally:
                self.model.training_state = None
        self._say(epoch, f"finished saving model to {path}")

    def _should_save(self, epoch, logs, path):
        if not self.save_best_only:
            self._say(epoch, f"saving model to {path}")
            return True
        if self.monitor_op is None:
            self._set_monitor_op()
        current = logs.get(self.monitor)
        if current is None or np.ndim(current):
            what = "a number" if current is not None else "available"
            warnings.warn(
                f"ModelCheckpoint: {self.monitor!r} is not {what}, so the model is saved without "
                f"looking at it; the logs are: {', '.join(logs) or 'none'}",
                stacklevel=2,
            )
            return True
        before = "None" if self.best is None else f"{self.best:.5f}"
        if self._is_improvement(current, self.best):
            self._say(
                epoch, f"{self.monitor} improved from {before} to {current:.5f}, saving model to {path}"
            )
            self.best = current
            return True
        self._say(epoch, f"{self.monitor} did not improve from {before}")
        return False

    def _get_file_path(self, epoch, batch, logs):
        values = dict(logs, epoch=epoch + 1)
        if batch is not None:
            values["batch"] = batch + 1
        try:
            return self.filepath.format(**values)
        except KeyError as error:
            raise KeyError(
                f"ModelCheckpoint: `filepath` {self.filepath!r} names {error}, which is no log; "
                f"there are: {', '.join(values)}"
            ) from None

    def _say(self, epoch, text):
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1}: {text}")
