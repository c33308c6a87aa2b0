"""The loops: `fit`, `evaluate` and `predict`."""

import warnings

import numpy as np

from ..callbacks import BackupAndRestore, CallbackList
from ..callbacks.callback_list import plain_logs
from ..callbacks.run_state import align_first_draw, go_on
from ..data import (
    ArraySource,
    BatchSource,
    Dataset,
    RowSource,
    as_arrays,
    is_arrays,
    leaves_of,
    split_validation,
    unpack_x_y_sample_weight,
)
from ..engine import limits, nest
from .older_methods import OlderMethods, set_workers
from .plain_batch import plain_key
from .programs import batch_specs
from .running import ArrayRun, BatchRun, run_pass
from .single_batches import SingleBatches
from .trainer import to_numpy


class Fitting(OlderMethods, SingleBatches):
    """A Trainer with its loops. Source: Keras 3 `Model.fit`, `evaluate`, `predict`."""

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        validation_batch_size=None,
        validation_freq=1,
        **older,
    ):
        """Train for a number of epochs.

        Args:
            x, y: arrays (or lists, tuples, dicts of them), all of one length; or `x` alone: a generator, an
                iterable or an indexable source of batches, each x, (x, y) or (x, y, sample_weight).
            batch_size: rows a step, 32 by default; the last step of an epoch takes what is left.
            epochs, initial_epoch: train epochs initial_epoch .. epochs - 1.
            verbose: 0 silent, 1 (and "auto") a progress bar, 2 a line an epoch.
            callbacks: Callback instances.
            validation_split: the fraction of the rows, from the end, to evaluate on after each epoch.
            validation_data: (x, y) or (x, y, sample_weight), or a source of batches, to evaluate on.
            shuffle: take rows in a new order each epoch; "batch" shuffles inside batches only.
            class_weight: {class number: weight of its rows in the loss}.
            sample_weight: the weight of each row in the loss.
            steps_per_epoch, validation_steps: how many steps an epoch or a validation has; by default one
                pass.
            validation_batch_size: `batch_size` by default.
            validation_freq: validate after every so many epochs, or after the epochs (from 1) of a list.
            older: `workers`, `use_multiprocessing`, `max_queue_size` for a PyDataset, as in Keras 2.
        Returns:
            A History: `history` maps "loss", the metrics' names and the same with "val_" to lists of floats.
        Raises:
            ValueError: data that cannot be right (see the message); compile() was not called.
        """
        self._assert_compiled("fit")
        set_workers("fit", x, older)
        for name, count in (("epochs", epochs), ("initial_epoch", initial_epoch)):
            if isinstance(count, bool) or int(count) != count:
                raise ValueError(f"fit: `{name}` must be an integer, received {count!r}")
        epochs, initial_epoch = int(epochs), int(initial_epoch)
        most = limits.max_epochs()
        if most and most < epochs:
            warnings.warn(f"Limiting epochs to {most}", stacklevel=2)
            epochs = most
        steps_per_epoch = _limited(steps_per_epoch, "steps_per_epoch")
        if validation_split and validation_data is None:
            self._refuse_batches(x, "validation_split", validation_split)
            (x, y, sample_weight), validation_data = split_validation(x, y, sample_weight, validation_split)
        kept = self._state_to_go_on_from(callbacks, initial_epoch)
        align_first_draw(kept, "train")
        run = self._run_over("train", x, y, sample_weight, batch_size, steps_per_epoch, shuffle, class_weight)
        steps_per_epoch = _within(steps_per_epoch, run)
        validation = None
        if validation_data is not None:
            validation_steps = _limited(validation_steps, "validation_steps")
            align_first_draw(kept, "validation")
            validation = self._validation_run(
                validation_data, validation_batch_size or batch_size, validation_steps
            )
            validation_steps = _within(validation_steps, validation)
        steps = steps_per_epoch or run.steps
        callbacks = self._callback_list(callbacks, verbose, steps, epochs=epochs, add_history=True)
        self.stop_training = False
        try:
            logs = self._train(
                run,
                validation,
                callbacks,
                range(initial_epoch, epochs),
                steps_per_epoch,
                validation_steps,
                validation_freq,
            )
        finally:  # after an interrupt or an error too: the model stays usable, no worker stays behind
            run.close()
            if validation is not None:
                validation.close()
            if self.optimizer is not None and epochs > 0 and self.optimizer.built:
                self.optimizer.finalize_variable_values(self.trainable_weights)
        callbacks.on_train_end(logs)
        return self.history

    def _train(self, run, validation, callbacks, epochs, steps, validation_steps, validation_freq):
        """The epochs of `fit`; the last one's logs."""
        logs = {}
        runs = {"train": run, "validation": validation}
        callbacks.on_train_begin()
        callbacks.watch(runs)
        backup = callbacks.backup_to_restore()
        state, self.training_state = self.training_state, None
        start, done, before = epochs.start, 0, {}
        if backup is not None:
            start, done = backup.where()
            run.prepare()
            if not done:
                backup.restore(runs if start < epochs.stop else {})
        elif start and state is not None and state["epoch"] == start:
            run.prepare()
            go_on(self, state, callbacks.callbacks, runs, steps)
        for epoch in range(start, epochs.stop):
            if self.stop_training:  # what a callback would have said before
                break
            self.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            if done:  # in the middle of this epoch, whose beginning is set right by what it had led to
                before = backup.restore(runs)
            first, done = done, run_pass(self, "train", run, callbacks, steps, done=done)
            self._tell_if_short(run, done, steps)
            if done > first:
                logs = plain_logs(self._pass_logs(run))
            else:
                logs = before
            run.end(whole=steps is None)
            if validation is not None and _is_due(epoch, validation_freq):
                values = self._evaluate(validation, callbacks, validation_steps)
                logs.update({f"val_{name}": value for name, value in values.items()})
            callbacks.on_epoch_end(epoch, logs)
            if self.stop_training or not done:
                break
            done = 0
        return logs

    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose="auto",
        sample_weight=None,
        steps=None,
        callbacks=None,
        return_dict=False,
        **kwargs,
    ):
        """The loss and metrics over all of the data; arguments as in `fit`.

        Returns:
            The loss as a float where there are no metrics; else a list, loss first; with `return_dict` a dict
            by name.
        """
        set_workers("evaluate", x, kwargs)
        self._assert_compiled("evaluate")
        steps = _limited(steps)
        run = self._run_over("test", x, y, sample_weight, batch_size, steps, False, None)
        steps = _within(steps, run)
        callbacks = self._callback_list(callbacks, verbose, steps or run.steps)
        try:
            logs = self._evaluate(run, callbacks, steps)
        finally:
            run.close()
        return logs if return_dict else self._logs_in_order(logs)

    def _evaluate(self, run, callbacks, steps):
        self.stop_evaluating = False
        callbacks.on_test_begin()
        self.reset_metrics()
        run.restart()
        done = run_pass(self, "test", run, callbacks, steps)
        self._tell_if_short(run, done, steps)
        logs = plain_logs(self._pass_logs(run)) if done else {}
        run.end(whole=steps is None)
        callbacks.on_test_end(logs)
        return logs

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None, **older):
        """The outputs for all rows of `x`, NumPy arrays in the structure of the model's outputs.

        Arguments as in `fit`.
        """
        if older:
            set_workers("predict", x, older)
        key = None
        if callbacks is None and steps is None and verbose == 0:
            arrays = []
            key = plain_key(x, arrays)
            program = self._quick.get(("predict", key)) if key else None
            if program is not None and len(arrays[0]) <= (batch_size or 32):
                program.check_look_ups(arrays)
                return to_numpy(program.step(*arrays))
        steps = _limited(steps)
        run = self._run_over("predict", x, None, None, batch_size, steps, False, None)
        steps = _within(steps, run)
        callbacks = self._callback_list(callbacks, verbose, steps or run.steps)
        self.stop_predicting = False
        callbacks.on_predict_begin()
        gathered = _Gathered(run)
        try:
            done = run_pass(self, "predict", run, callbacks, steps, collect=gathered)
            self._tell_if_short(run, done, steps)
            run.end(whole=steps is None)
        finally:
            run.close()
        callbacks.on_predict_end()
        if key and isinstance(run, ArrayRun) and run.source.batches == 1:
            run.program.look_ups = self.look_ups_of(x)
            self._remember(("predict", key), run.program)
        return gathered.outputs()

    # ---- parts

    def _state_to_go_on_from(self, callbacks, initial_epoch):
        """Where a run stood that `fit` will go on from, or None: of a backup, or of the file the model is from."""
        callbacks = callbacks.callbacks if isinstance(callbacks, CallbackList) else nest.flatten(callbacks)
        for callback in callbacks:
            if isinstance(callback, BackupAndRestore) and (state := callback.look()) is not None:
                return state
        state = self.training_state
        return state if initial_epoch and state is not None and state["epoch"] == initial_epoch else None

    def _callback_list(self, callbacks, verbose, steps, epochs=1, add_history=False):
        """The user's callbacks, a progress bar unless verbose is 0, and a History; a CallbackList as it is."""
        if isinstance(callbacks, CallbackList):
            return callbacks
        return CallbackList(
            callbacks,
            add_history=add_history,
            add_progbar=verbose != 0,
            model=self,
            verbose=verbose,
            epochs=epochs,
            steps=steps,
        )

    def _run_over(self, stage, x, y, sample_weight, batch_size, steps, shuffle, class_weight):
        """The run over a user's data, with programs made and labels looked at."""
        self._check_has_layers()
        if not is_arrays(x):
            return self._run_over_batches(stage, x, y, sample_weight, steps, shuffle, class_weight)
        if x is None:
            raise ValueError(
                f"{'fit' if stage == 'train' else 'evaluate' if stage == 'test' else 'predict'}: `x` must "
                "be arrays or a source of batches, received None"
            )
        source = ArraySource(x, y, sample_weight, class_weight, batch_size, steps, shuffle)
        self._check_data(stage, source.data, min(source.batch, source.rows))
        return ArrayRun(self, source, stage)

    def _run_over_batches(self, stage, x, y, sample_weight, steps, shuffle, class_weight):
        for name, given in (("y", y), ("sample_weight", sample_weight)):
            if given is not None:
                raise ValueError(
                    f"`{name}` cannot be given beside a source of batches ({type(x).__name__}); "
                    "let it yield (x, y) or (x, y, sample_weight)"
                )
        if not hasattr(x, "__iter__") and not hasattr(x, "__getitem__"):
            as_arrays(x, "x")  # raises the error for what is neither
        if isinstance(x, Dataset) and x.rows_in_batches() is not None:
            source = RowSource(*x.rows_in_batches(), class_weight)
            self._check_data(stage, source.data, min(source.batch, source.rows))
            return ArrayRun(self, source, stage)
        source = BatchSource(x, class_weight, shuffle=bool(shuffle) and stage == "train")
        if source.endless and steps is None:
            name = {
                "train": "steps_per_epoch",
                "test": "steps (validation_steps in fit)",
                "predict": "steps",
            }[stage]
            raise ValueError(
                f"`x`, a {type(x).__name__}, has no end, so a pass over it would not end either; give "
                f"`{name}`"
            )
        run = BatchRun(self, source, stage)
        try:
            self._check_data(stage, run.first(), None)
        except BaseException:
            run.close()
            raise
        return run

    def _check_data(self, stage, data, rows):
        x, y, _ = data
        self.check_inputs(x)
        built = self.built
        if stage == "predict":
            if not built:
                self._prepare(stage, data, batch_specs(self, data, rows))
                self.check_inputs(x)
            return
        if y is None:
            self.check_targets_of(stage, y)  # raises where labels are needed
        self._prepare(stage, data, batch_specs(self, data, rows))
        if not built:
            self.check_inputs(x)  # now it knows its inputs
        if y is not None:
            self.check_targets_of(stage, y)

    def check_inputs(self, x):
        """Raise ValueError where arrays cannot be this model's inputs; models that know their inputs override
        it."""

    def _check_has_layers(self):
        """Raise ValueError for a model with nothing in it."""

    def _refuse_batches(self, x, argument, value):
        if not is_arrays(x):
            raise ValueError(
                f"`{argument}`={value} works for arrays only, received x of type "
                f"{type(x).__name__}; pass `validation_data` instead"
            )

    def _validation_run(self, data, batch_size, steps):
        if is_arrays(data) or isinstance(data, (tuple, list)):
            if not isinstance(data, (tuple, list)) or not 1 <= len(data) <= 3:
                raise ValueError(
                    "`validation_data` must be (x, y) or (x, y, sample_weight), received "
                    f"{type(data).__name__}"
                )
            x, y, sample_weight = unpack_x_y_sample_weight(data)
        else:
            x, y, sample_weight = data, None, None
        try:
            return self._run_over("test", x, y, sample_weight, batch_size, steps, False, None)
        except ValueError as error:
            if error.args and isinstance(error.args[0], str):
                error.args = (f"in `validation_data`: {error.args[0]}",)
            raise

    def _tell_if_short(self, run, done, wanted):
        if (
            wanted is not None
            and done < wanted
            and not (
                self.stop_training
                or getattr(self, "stop_evaluating", False)
                or getattr(self, "stop_predicting", False)
            )
        ):
            warnings.warn(
                f"the data ran out after {done} of {wanted} steps; a source of batches must yield "
                "steps_per_epoch * epochs of them",
                stacklevel=3,
            )


def _limited(steps, name="steps"):
    """`steps`, or the most that `config.set_max_steps_per_epoch` allows.

    Raises:
        ValueError: not a whole number of at least 1.
    """
    if steps is not None:
        if isinstance(steps, (bool, str)) or steps < 1 or int(steps) != steps:
            raise ValueError(
                f"`{name}` must be an integer of at least 1 or None, received {steps!r}"
                + ("; round it, len(x) // batch_size" if isinstance(steps, float) else "")
            )
        steps = int(steps)
    most = limits.max_steps_per_epoch()
    if not most or (steps is not None and steps <= most):
        return steps
    warnings.warn(f"Limiting steps_per_epoch to {most}", stacklevel=3)
    return most


def _within(steps, run):
    """`steps`, where they were limited: no more than a run has."""
    limit = limits.max_steps_per_epoch()
    return min(steps, run.steps) if limit and steps == limit and run.steps is not None else steps


def _is_due(epoch, validation_freq):
    """Whether to validate after this epoch (from 0)."""
    if isinstance(validation_freq, int) and validation_freq > 0:
        return (epoch + 1) % validation_freq == 0
    if isinstance(validation_freq, (list, tuple, set)):
        return epoch + 1 in validation_freq
    raise ValueError(
        f"`validation_freq` must be an integer of at least 1 or a list of epochs, received {validation_freq!r}"
    )


class _Gathered:
    """Predictions of batch after batch: written into one array a leaf where their number is known, else
    joined."""

    def __init__(self, run):
        self.rows = run.source.rows if isinstance(run, ArrayRun) else None
        self.structure = None
        self.parts = []

    def __call__(self, run, done):
        outputs = run.results()
        leaves = [np.asarray(leaf.array if hasattr(leaf, "array") else leaf) for leaf in leaves_of(outputs)]
        if self.structure is None:
            self.structure = nest.map_leaves(lambda leaf: None if leaf is None else True, outputs)
            self.at = 0
            rows = len(leaves[0]) if leaves and leaves[0].ndim else 0
            if (
                self.rows is not None
                and rows < self.rows
                and all(leaf.ndim and len(leaf) == rows for leaf in leaves)
            ):
                self.whole = [np.empty((self.rows, *leaf.shape[1:]), leaf.dtype) for leaf in leaves]
            else:
                self.whole = None
        if self.whole is None:
            self.parts.append(leaves)
            return
        count = len(leaves[0])
        for whole, leaf in zip(self.whole, leaves):
            whole[self.at : self.at + count] = leaf
        self.at += count

    def outputs(self):
        if self.structure is None:
            raise ValueError("predict: the data held no batch")
        if self.whole is not None:
            joined = [whole if self.at == len(whole) else whole[: self.at] for whole in self.whole]
        elif len(self.parts) == 1:
            joined = self.parts[0]
        else:
            joined = [np.concatenate([np.atleast_1d(part) for part in parts]) for parts in zip(*self.parts)]
        remaining = iter(joined)
        return nest.map_leaves(lambda leaf: None if leaf is None else next(remaining), self.structure)
