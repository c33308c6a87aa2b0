"""A model's training, evaluation and prediction steps, traced once for each signature and kept."""

from collections import OrderedDict

from ..data import arrays, fill, form_of, leaves_of
from ..engine import nest, settings
from ..engine.dtypes import STRING
from ..engine.step import Step
from ..engine.tensor import Tensor
from .eager_step import EagerStep

MOST_KEPT = 32  # signatures a model keeps; the least recently used goes first


class Program:
    """One step of a model on batches of one signature.

    step: runs it (Step or EagerStep). seconds: what a step takes, measured as it runs, None before.
    keeps_logs: whether the step returns the logs; where not, they are read from the metrics.
    names: the logs' names in the order of the step's outputs, where all are plain; order: the places among them
    of what `train_on_batch` returns, found at the first call. look_ups: [(place of an input, layer)], the inputs
    whose values are row numbers of a layer's table.
    """

    __slots__ = ("step", "seconds", "keeps_logs", "names", "order", "look_ups")

    def __init__(self, step, keeps_logs=True):
        self.step = step
        self.seconds = None
        self.keeps_logs = keeps_logs
        self.names = self.order = None
        self.look_ups = []
        logs = getattr(step, "structure", None)
        if type(logs) is dict and logs and all(isinstance(value, Tensor) for value in logs.values()):
            self.names = sorted(logs)

    def check_look_ups(self, arrays):
        """Raise ValueError for an input that names rows which a table does not have; they would give NaN."""
        for place, layer in self.look_ups:
            layer.check_range(arrays[place])


class Programs:
    """{signature: Program}, the latest used last."""

    def __init__(self):
        self._kept = OrderedDict()

    def __len__(self):
        return len(self._kept)

    def get(self, key):
        """The program of a signature, or None."""
        program = self._kept.get(key)
        if program is not None:
            self._kept.move_to_end(key)
        return program

    def latest(self, stage):
        """The program of a stage that was used last, or None."""
        return next((self._kept[key] for key in reversed(self._kept) if key[0].split()[0] == stage), None)

    def keep(self, key, program):
        """Keep a program; the one that was used least recently may go. Returns it."""
        self._kept[key] = program
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return program

    def clear(self):
        """Forget all programs."""
        self._kept.clear()


def signature_of(kind, data, specs):
    """The key of a program: what it does, and the form, shapes and dtypes of its batch."""
    return kind, form_of(data), tuple(specs)


def batch_specs(model, data, rows=None):
    """[(shape, dtype)] of a batch (x, y, sample_weight) as a plan takes it; `rows` replaces the number of
    rows."""
    x, y, weights = data
    floats = settings.float_dtype()
    dtypes = [
        given or arrays.plan_dtype(leaf.dtype, floats)
        for leaf, given in zip(leaves_of(x), model.input_dtypes_for(x))
    ]
    dtypes += [arrays.plan_dtype(leaf.dtype, floats, labels=True) for leaf in leaves_of(y)]
    dtypes += [floats for _ in leaves_of(weights)]
    shapes = [leaf.shape if rows is None else (rows, *leaf.shape[1:]) for leaf in leaves_of(data)]
    return list(zip(shapes, dtypes))


def make_step(model, body, data, specs):
    """A step that calls body((x, y, sample_weight)) with tensors in the form of `data`."""
    # The template holds none of the user's arrays.
    template = nest.map_leaves(lambda leaf: None if leaf is None else True, data)

    def function(*tensors):
        return body(fill(template, tensors))

    return (EagerStep if runs_as_python(model, specs) else Step)(function, specs)


def runs_as_python(model, specs):
    """Whether steps on batches of these specs run op by op: the model asks for it, or there are strings to read."""
    return model.run_eagerly or any(dtype == STRING for _, dtype in specs)
