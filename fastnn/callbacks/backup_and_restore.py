"""Training that survives being killed: saved as it goes on, continued from there by the same call of
`fit`."""

import os

from ..engine.variable import Variable
from ..optimizers import Optimizer
from ..saving.state_tree import saveables
from .callback import Callback
from .run_state import callback_states, random_states, restore_callbacks, runs_state, tell_of_going_on

_NAME = "latest.backup.h5"
_BEFORE = "previous.backup.h5"


class BackupAndRestore(Callback):
    """Saves all of a training run to `backup_dir`, and lets a new process go on as if nothing had happened.

    After a kill, run the same program again: `fit` begins where the last backup stands, and ends with the
    same bits as an uninterrupted run. Saved are weights, the optimizer, metrics, the random numbers' counters
    (layers', fastnn's, NumPy's global ones, Python's), the place in the data, and the other callbacks'
    attributes (best value, patience).

    Args:
        backup_dir: a directory for this run alone; made where it is missing.
        save_freq: "epoch", or a number of steps between two backups.
        double_checkpoint: keep the backup before the last as well.
        delete_checkpoint: delete it when training ends by itself.
    Raises:
        ValueError: no directory, or another `save_freq`.
    Source: Keras 3 `callbacks.BackupAndRestore`.
    """

    def __init__(self, backup_dir, save_freq="epoch", double_checkpoint=False, delete_checkpoint=True):
        super().__init__()
        self.backup_dir = os.fspath(backup_dir) if backup_dir else ""
        if not self.backup_dir:
            raise ValueError(f"BackupAndRestore: `backup_dir` must name a directory, received {backup_dir!r}")
        if save_freq != "epoch" and (
            not isinstance(save_freq, int) or isinstance(save_freq, bool) or save_freq < 1
        ):
            raise ValueError(
                "BackupAndRestore: `save_freq` must be 'epoch' or a number of steps of at least 1, received "
                f"{save_freq!r}"
            )
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self.others = []  # the callbacks beside this one; CallbackList sets it
        self.runs = self.fresh = None  # see CallbackList.watch
        self._epoch = 0
        self._steps_since = 0
        self._read = None

    def wants_batches(self, stage):
        return stage == "train" and self.save_freq != "epoch"

    # ---- restoring

    def look(self):
        """The state that is there to be restored, or None."""
        self._read = None
        return self._backup()

    def where(self):
        """(epoch, steps done in it) that the backup goes on from; None where there is none."""
        state = self._backup()
        return None if state is None else (state["epoch"], state["steps"])

    def _backup(self):
        from ..saving.backup_file import read_backup

        if self._read is None:
            for name in (_NAME, _BEFORE):
                path = os.path.join(self.backup_dir, name)
                if os.path.exists(path):
                    self._read = self._checked(read_backup(path), path)
                    break
        return self._read

    def _checked(self, state, path):
        counts = [state.get(key) if isinstance(state, dict) else None for key in ("epoch", "steps")]
        if any(type(count) is not int or not 0 <= count < 2**62 for count in counts):
            raise ValueError(
                f"BackupAndRestore: {path!r} does not say where training stood; delete it to start anew"
            )
        return state

    def set_model(self, model):
        super().set_model(model)
        if self.where() is not None:
            for callback in self.others:  # a log that goes on is not begun anew
                if isinstance(getattr(callback, "append", None), bool):
                    callback.append = True

    def restore(self, runs):
        """Set the model, the random numbers, the callbacks and `runs` to what they were; returns the last step's
        logs, where the backup was made in the middle of an epoch.

        Raises:
            ValueError: the backup is of another model.
        """
        state = self._backup()
        self._steps_since = 0
        try:
            self._set_arrays(state)
            restore_callbacks(self.others, state, runs, state["epoch"] + 1)
            self.model.stop_training = bool(state["stopped"])
            logs = {str(name): float(value) for name, value in state["logs"].items()}
        except (KeyError, TypeError, IndexError, AttributeError, OverflowError, ValueError) as error:
            if "BackupAndRestore" in str(error):
                raise
            raise ValueError(
                f"BackupAndRestore: the backup in {self.backup_dir!r} is damaged, or of another run "
                f"({type(error).__name__}: {error}); delete that directory to start anew"
            ) from None
        self._read = None
        tell_of_going_on(self.others, state["epoch"])
        return logs

    def _set_arrays(self, state):
        for part, variables in self._variables().items():
            arrays = state["arrays"].get(part, [])
            if isinstance(variables, Optimizer) and not variables.built:  # takes them once it is
                variables.load_own_variables({str(i): array for i, array in enumerate(arrays)})
                continue
            variables = _list_of(variables)
            shapes = [tuple(array.shape) for array in arrays]
            own = [tuple(variable.shape) for variable in variables]
            if shapes != own:
                raise ValueError(
                    f"BackupAndRestore: the backup in {self.backup_dir!r} is of another run: its {part} have "
                    f"the shapes {shapes}, this model's {own}. Delete that directory to start anew, or give "
                    "each run its own"
                )
            for variable, array in zip(variables, arrays):
                variable.assign(array)

    def _variables(self):
        """{what: list of variables, or an optimizer}, each variable once."""
        parts = {
            "variables": self.model.variables,
            "metric variables": [v for metric in self.model.metrics for v in metric.variables],
        }
        seen = {id(variable) for variables in parts.values() for variable in variables}
        further = []
        for path, thing in saveables(self.model):
            if isinstance(thing, Optimizer):
                if not seen & set(map(id, thing.variables)):
                    parts[f"variables of {path}"] = thing
                    seen.update(map(id, thing.variables))
                continue
            own = {}
            thing.save_own_variables(own)
            new = [v for v in own.values() if isinstance(v, Variable) and id(v) not in seen]
            seen.update(map(id, new))
            further += new
        return {**parts, "further variables": further}

    # ---- saving

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.save_freq == "epoch":
            return
        self._steps_since += 1
        if self._steps_since >= self.save_freq:
            self._save(self._epoch, batch + 1, logs)

    def on_epoch_end(self, epoch, logs=None):
        if self.save_freq == "epoch" or self._steps_since:
            self._save(epoch + 1, 0)

    def _save(self, epoch, steps, logs=None):
        from ..saving.backup_file import write_backup

        self._steps_since = 0
        state = {
            "epoch": epoch,
            "steps": steps,
            "logs": {name: value for name, value in (logs or {}).items() if isinstance(value, float)},
            "stopped": self.model.stop_training,
            "callbacks": callback_states(self.others, self.fresh),
            **runs_state(self.runs),
            "random": random_states(),
            "arrays": {
                part: [v.numpy() for v in _list_of(variables)]
                for part, variables in self._variables().items()
            },
        }
        os.makedirs(self.backup_dir, exist_ok=True)
        path = os.path.join(self.backup_dir, _NAME)
        if self.double_checkpoint and os.path.exists(path):
            os.replace(path, os.path.join(self.backup_dir, _BEFORE))
        write_backup(path, state)

    def on_train_end(self, logs=None):
        if not self.delete_checkpoint:
            return
        for name in (_NAME, _BEFORE):
            path = os.path.join(self.backup_dir, name)
            if os.path.exists(path):
                os.remove(path)
        if os.path.isdir(self.backup_dir) and not os.listdir(self.backup_dir):
            os.rmdir(self.backup_dir)


def _list_of(variables):
    return variables.variables if isinstance(variables, Optimizer) else variables
