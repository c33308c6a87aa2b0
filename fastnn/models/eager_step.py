"""A training step that runs as Python, op by op: what `run_eagerly=True` uses in place of a compiled one."""

import numpy as np

from ..engine.dtypes import NUMPY
from ..engine.tensor import Tensor


class EagerStep:
    """The interface of `engine.step.Step`, without tracing.

    function: takes one tensor per spec. specs: [(shape, dtype)].
    """

    def __init__(self, function, specs):
        self.function = function
        self.specs = [(tuple(shape), dtype) for shape, dtype in specs]
        self._dtypes = [NUMPY[dtype] for _, dtype in self.specs]
        self._last = None

    def __call__(self, *arrays):
        return self.function(
            *[Tensor(np.asarray(array, dtype)) for array, dtype in zip(arrays, self._dtypes)]
        )

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
