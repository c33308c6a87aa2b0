"""Many callbacks called as one."""

from ..engine import nest
from .backup_and_restore import BackupAndRestore
from .callback import Callback
from .history import History
from .model_checkpoint import ModelCheckpoint
from .progbar_logger import ProgbarLogger
from .run_state import callback_states


def plain_logs(logs):
    """`logs` with Python floats for scalars, nested dicts taken in, keys in alphabetical order (as Keras
    logs)."""
    if not logs:
        return {}
    plain = {}
    for key in sorted(logs):
        value = logs[key]
        if isinstance(value, dict):
            plain.update(plain_logs(value))
            continue
        try:
            plain[key] = float(value)
        except (TypeError, ValueError):
            plain[key] = value
    return plain


class CallbackList(Callback):
    """Calls every callback's hook in order, adding `History` and `ProgbarLogger` where asked and missing.

    Args:
        callbacks: a Callback, or a (nested) list of them, or None.
        add_history, add_progbar: add the standard ones.
        model: given to each callback.
        params: given to each callback's `set_params` (verbose, epochs, steps).
    Raises:
        TypeError: something that is no callback.
    """

    def __init__(self, callbacks=None, add_history=False, add_progbar=False, model=None, **params):
        super().__init__()
        self.callbacks = [] if callbacks is None else nest.flatten(callbacks)
        for callback in self.callbacks:
            if not hasattr(callback, "on_epoch_end"):
                hint = "; make an instance, with parentheses" if isinstance(callback, type) else ""
                raise TypeError(f"`callbacks` must hold Callback instances, received {callback!r}{hint}")
            if isinstance(callback, type):
                raise TypeError(
                    f"`callbacks` must hold instances, received the class {callback.__name__}; "
                    f"write {callback.__name__}(...)"
                )
        self._history = next((c for c in self.callbacks if isinstance(c, History)), None)
        if add_history and self._history is None:
            self._history = History()
            self.callbacks.append(self._history)
        if add_progbar and not any(isinstance(c, ProgbarLogger) for c in self.callbacks):
            self.callbacks.append(ProgbarLogger())
        # Last, so that what the others did at the end of an epoch is in the backup.
        self.callbacks.sort(key=lambda callback: isinstance(callback, BackupAndRestore))
        self.set_model(model)
        self.set_params(params)

    def append(self, callback):
        """Add one more."""
        self.callbacks.append(callback)

    def set_params(self, params):
        self.params = params
        if params:
            for callback in self.callbacks:
                callback.set_params(params)

    def set_model(self, model):
        if model is None:
            return
        super().set_model(model)
        if self._history is not None:
            model.history = self._history
        for backup in self._backups():
            backup.others = [callback for callback in self.callbacks if callback is not backup]
        for checkpoint in self._checkpoints():
            checkpoint.others = self.callbacks
        for callback in self.callbacks:
            callback.set_model(model)

    def _backups(self):
        return [callback for callback in self.callbacks if isinstance(callback, BackupAndRestore)]

    def _checkpoints(self):
        return [callback for callback in self.callbacks if isinstance(callback, ModelCheckpoint)]

    def backup_to_restore(self):
        """The BackupAndRestore that has something to restore, or None."""
        return next((backup for backup in self._backups() if backup.where() is not None), None)

    def watch(self, runs):
        """Show the runs over the data of "train" and "validation", as training begins, to those that save where it
        stands."""
        keepers = [*self._backups(), *self._checkpoints()]
        fresh = callback_states(self.callbacks, {}) if keepers else None
        for keeper in keepers:
            keeper.runs, keeper.fresh = runs, fresh

    def wants_batches(self, stage):
        return any(_wants(callback, stage) for callback in self.callbacks)

    def on_chunk_end(self, stage, batch, logs):
        """After a chunk of steps whose last was `batch`: tells those that look only from time to time."""
        hook = f"on_{stage}_batch_end"
        logs = plain_logs(logs)
        for callback in self.callbacks:
            if getattr(callback, "per_chunk", False):
                getattr(callback, hook)(batch, logs)

    def chunk_checks(self):
        """The callbacks that look into the steps of a chunk (`on_chunk_begin`, `check_chunk`)."""
        return [callback for callback in self.callbacks if hasattr(callback, "check_chunk")]

    def listens_to_chunks(self, stage):
        """Whether a callback needs the logs after a chunk of steps."""
        return any(
            getattr(callback, "per_chunk", False) and callback.listens(stage) for callback in self.callbacks
        )


def _wants(callback, stage):
    asked = getattr(callback, "wants_batches", None)
    return asked(stage) if asked is not None else True  # a duck-typed callback sees every batch


def _relay(name, counted):
    if counted:

        def hook(self, index, logs=None):
            logs = logs if logs and "predict" in name else plain_logs(logs)
            for callback in self.callbacks:
                getattr(callback, name)(index, logs)
    else:

        def hook(self, logs=None):
            logs = plain_logs(logs)
            for callback in self.callbacks:
                getattr(callback, name)(logs)

    hook.__name__ = name
    hook.__doc__ = f"Calls each callback's `{name}`."
    return hook


for _when in ("begin", "end"):
    for _stage in ("epoch", "batch", "train_batch", "test_batch", "predict_batch"):
        setattr(CallbackList, f"on_{_stage}_{_when}", _relay(f"on_{_stage}_{_when}", True))
    for _stage in ("train", "test", "predict"):
        setattr(CallbackList, f"on_{_stage}_{_when}", _relay(f"on_{_stage}_{_when}", False))
