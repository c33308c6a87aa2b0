"""Steps on single batches: `train_on_batch`, `test_on_batch`, `predict_on_batch`."""

from ..data import as_arrays, checks, form_of, leaves_of
from .plain_batch import plain_key
from .programs import batch_specs
from .trainer import Trainer, to_numpy

_MOST_QUICK = 64  # signatures that are known without a look into the programs


class SingleBatches(Trainer):
    """A Trainer whose steps can be called one by one.

    Batches alike, of any structure, find their compiled step by one key, without a signature being made.
    """

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """One step of training on one batch; its loss, or a list of loss and metrics, or (`return_dict`) a
        dict.

        The metrics are of this batch alone.
        """
        return self._on_batch("train once", x, y, sample_weight, class_weight, return_dict)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """The loss and metrics of one batch, in the form of `train_on_batch`."""
        return self._on_batch("test once", x, y, sample_weight, None, return_dict)

    def _on_batch(self, kind, x, y, sample_weight, class_weight, return_dict):
        key, arrays = None, []
        if class_weight is None:
            parts = plain_key(x, arrays), plain_key(y, arrays), plain_key(sample_weight, arrays)
            if None not in parts:
                key = (kind, *parts)
                program = self._quick.get(key)
                if program is not None:
                    self.check_next_targets(kind.split()[0], y)
                    program.check_look_ups(arrays)
                    return self._run_once(program, arrays, return_dict)
        self._assert_compiled("train_on_batch" if kind.startswith("train") else "test_on_batch")
        x, y = as_arrays(x, "x"), as_arrays(y, "y")
        given = as_arrays(sample_weight, "sample_weight")
        weights = checks.check_weights(y, given, class_weight)
        data = (x, y, weights)
        checks.check_lengths(*data)
        self._check_inputs_and_targets(kind, data)
        program = self.program_for(kind, data)
        program.look_ups = self.look_ups_of(x)
        program.check_look_ups(leaves_of(x))
        if key is not None and weights is given:  # not for weights that are first brought into y's structure
            self._remember(key, program)
        return self._run_once(program, leaves_of(data), return_dict)

    def _remember(self, key, program):
        if len(self._quick) >= _MOST_QUICK:
            self._quick.clear()
        self._quick[key] = program

    def _run_once(self, program, arrays, return_dict):
        """The logs of one step, as `train_on_batch` returns them."""
        if program.names is None:
            return self._batch_result(program.step(*arrays), return_dict)
        values = [array.item() for array in program.step.arrays(*arrays)]
        if return_dict:
            return dict(zip(program.names, values))
        if program.order is None:
            order = self._logs_in_order({name: i for i, name in enumerate(program.names)})
            program.order = order if isinstance(order, list) else [order]
        return [values[i] for i in program.order] if len(values) > 1 else values[0]

    def _batch_result(self, logs, return_dict):
        plain = {}
        for name in sorted(logs):
            plain[name] = logs[name].array.item() if hasattr(logs[name], "array") else logs[name]
        return plain if return_dict else self._logs_in_order(plain)

    def _check_inputs_and_targets(self, kind, data):
        """The errors that can be told before a program is made."""
        x, y, _ = data
        specs = batch_specs(self, data)
        self._prepare(kind, data, specs)
        if form_of(y) is not None or self._compile_loss is not None:
            self.check_targets_of(kind.split()[0], y)

    def predict_on_batch(self, x):
        """The outputs for one batch, NumPy arrays."""
        arrays = []
        key = plain_key(x, arrays)
        if key:
            program = self._quick.get(("predict", key))
            if program is not None:
                program.check_look_ups(arrays)
                return to_numpy(program.step(*arrays))
        x = as_arrays(x, "x")
        program = self.program_for("predict", (x, None, None))
        program.look_ups = self.look_ups_of(x)
        program.check_look_ups(leaves_of(x))
        if key:
            self._remember(("predict", key), program)
        return to_numpy(program.step(*leaves_of(x)))
