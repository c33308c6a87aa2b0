"""A training step that runs as Python, op by op: what `run_eagerly=True` uses in place of a compiled one."""

import numpy as np

from ..engine.dtypes import NUMPY, STRING
from ..engine.tensor import StringTensor, Tensor


def first_batch(arrays, specs):
    """The first rows of arrays, as many as the specs [(shape, dtype)] say, as tensors of their dtypes."""
    return [_tensor(array[: shape[0]], dtype) for array, (shape, dtype) in zip(arrays, specs)]


def _tensor(array, dtype):
    return StringTensor(array) if dtype == STRING else Tensor(np.asarray(array, NUMPY[dtype]))


class EagerStep:
    """The interface of `engine.step.Step`, without tracing.

    function: takes one tensor per spec. specs: [(shape, dtype)].
    """

    def __init__(self, function, specs):
        self.function = function
        self.specs = [(tuple(shape), dtype) for shape, dtype in specs]
        self._last = None

    def __call__(self, *arrays):
        return self.function(*[_tensor(array, dtype) for array, (_, dtype) in zip(arrays, self.specs)])

    def feed(self, sources, index):
        """Have `run` take rows of `sources`, one array an input, in the order of `index`."""
        self._sources, self._index = sources, index

    def run(self, first, count):
        """Run `count` steps of what was fed, from step `first`."""
        rows = self.specs[0][0][0]
        for step in range(first, first + count):
            picked = self._index[step * rows : (step + 1) * rows]
            self._last = self(*[source[picked] for source in self._sources])

    def results(self):
        """What the last step returned."""
        return self._last
