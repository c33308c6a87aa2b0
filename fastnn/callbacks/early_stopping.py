"""Stop when a number no longer improves."""

import warnings

from .monitor import MonitorCallback


class EarlyStopping(MonitorCallback):
    """Ends training once `monitor` has not improved for `patience` epochs.

    Args:
        monitor: the log to watch.
        min_delta: the least change that counts as an improvement.
        patience: epochs without improvement that are allowed.
        verbose: 1 prints what was done.
        mode: "min", "max" or "auto".
        baseline: a value that must be beaten for the waiting to start anew.
        restore_best_weights: put back the best epoch's weights at the end of training.
        start_from_epoch: epochs to leave alone at the start.
    Source: Keras 3 `callbacks.EarlyStopping`.
    """

    def __init__(
        self,
        monitor="val_loss",
        min_delta=0,
        patience=0,
        verbose=0,
        mode="auto",
        baseline=None,
        restore_best_weights=False,
        start_from_epoch=0,
    ):
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self.wait = 0
        self.stopped_epoch = 0
        self.best_epoch = 0
        self.best_weights = None

    def on_train_begin(self, logs=None):
        self.wait = 0
        self.stopped_epoch = 0
        self.best = None
        self.best_epoch = 0
        self.best_weights = None

    def on_epoch_end(self, epoch, logs=None):
        if self.monitor_op is None:
            self._set_monitor_op()
        current = self.get_monitor_value(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self._keep(epoch)
        self.wait += 1
        if self._is_improvement(current, self.best):
            self.best = current
            self.best_epoch = epoch
            if self.restore_best_weights:
                self._keep(epoch)
            if self.baseline is None or self._is_improvement(current, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        if self.stopped_epoch > 0 and self.verbose > 0:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                print(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)

    def get_monitor_value(self, logs):
        """The watched value, or None with a warning that says which logs there are."""
        logs = logs or {}
        value = logs.get(self.monitor)
        if value is None:
            warnings.warn(
                f"EarlyStopping: there is no log {self.monitor!r}, so nothing is watched; there "
                f"are: {', '.join(logs) or 'none'}. A name with val_ needs validation data in fit",
                stacklevel=2,
            )
        return value

    def _keep(self, epoch):
        self.best_weights = self.model.get_weights()
        self.best_epoch = epoch
