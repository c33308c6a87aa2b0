"""Steps: a Python function traced once for given shapes and run as a plan from then on."""

import numpy as np

from . import nest
from .dtypes import NAME, NUMPY
from .graph import trace
from .passes import Body, optimise
from .plan import Plan, feedable
from .tensor import Tensor


class Step:
    """function(*tensors) compiled for inputs of these shapes.

    Args:
        function: takes one tensor per spec; returns a structure of tensors (or None).
        specs: [(shape, dtype)], the shapes concrete.
    Raises:
        TraceError: the function looks at a tensor's value.
    """

    def __init__(self, function, specs):
        self.specs = [(tuple(shape), dtype) for shape, dtype in specs]
        self.graph, result = trace(function, self.specs)
        self.structure = result
        leaves = nest.flatten(result)
        with self.graph:
            self._kept = [None if leaf is None else self.graph.lift(_as_tensor(leaf)) for leaf in leaves]
        self.body = optimise(Body.of(self.graph, [value for value in self._kept if value is not None]))
        self.alone = len(leaves) == 1 and leaves[0] is result and result is not None
        self._direct = None
        self._fed = {}  # source dtypes -> Plan
        self._feeding = None
        self._dtypes = [NUMPY[dtype] for _, dtype in self.specs]

    @property
    def plan(self):
        """The plan last used, or the one for direct calls."""
        return self._feeding or self.direct

    @property
    def direct(self):
        """The plan for calls with arrays, made at the first."""
        if self._direct is None:
            self._direct = Plan(self.body)
        return self._direct

    def __call__(self, *arrays):
        """One run on arrays of the specs' shapes; Tensors in the structure that the function returned."""
        outputs = self.arrays(*arrays)
        return Tensor(outputs[0]) if self.alone else self._pack(outputs)

    def arrays(self, *arrays):
        """One run; the outputs as a flat list of NumPy arrays, None among them left out."""
        plan = self._direct or self.direct
        return plan([np.ascontiguousarray(array, dtype) for array, dtype in zip(arrays, self._dtypes)])

    def _pack(self, arrays):
        remaining = iter(arrays)
        return nest.pack(
            self.structure, [None if value is None else Tensor(next(remaining)) for value in self._kept]
        )

    def feed(self, sources, index):
        """Train or evaluate on rows of `sources` in the order of `index`.

        Args:
            sources: one array an input, first axis the rows; all of one length.
            index: int64 row numbers; step s takes index[s * batch : (s + 1) * batch].
        """
        index = np.ascontiguousarray(index, np.int64)
        rows = min((len(source) for source in sources), default=0)
        if index.size and (index.min() < 0 or index.max() >= rows):
            raise IndexError(
                f"Step.feed: `index` reaches from {index.min()} to {index.max()}, the sources have "
                f"{rows} rows"
            )
        ready = []
        for source, (shape, dtype) in zip(sources, self.specs, strict=True):
            if tuple(source.shape[1:]) != shape[1:]:
                raise ValueError(f"Step.feed: rows of shape {source.shape[1:]} for an input of shape {shape}")
            kind = NAME.get(source.dtype)
            source = source if kind is not None and feedable(kind, dtype) else source.astype(NUMPY[dtype])
            ready.append(np.ascontiguousarray(source))
        kinds = tuple(NAME[source.dtype] for source in ready)
        if kinds not in self._fed:
            self._fed[kinds] = Plan(self.body, kinds)
        self._feeding = self._fed[kinds]
        self._feeding.feed(ready, index)

    def run(self, first, count):
        """Run `count` steps of what was fed, from step `first`, without Python in between."""
        self._feeding.run(first, count)

    def results(self):
        """The structure that the function returned, with copies of the last step's values."""
        outputs = [array.copy() for array in self._feeding.results]
        return Tensor(outputs[0]) if self.alone else self._pack(outputs)


def _as_tensor(leaf):
    from .variable import convert

    return convert(leaf)
