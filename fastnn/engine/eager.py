"""Eager calls: an op on tensors at hand runs now, by a one-op plan kept for its shapes and attributes."""

import numpy as np

from .. import _core
from . import dtypes, settings, threads
from .lower import Buffer, lower
from .tensor import Tensor

_MOST_CACHED = 4096
form = _core.form
_cache = {}  # (op, input shapes and dtypes, attributes) -> _Entry


class _Entry:
    """How to run one op on one signature: `plan` is None where the NumPy reference does it.

    dtypes: of the outputs. forms: (shape, NumPy type number) of what the plan writes: outputs, then workspaces.
    """

    __slots__ = ("dtypes", "forms", "plan", "outputs", "version")

    def __init__(self, op, inputs, attrs):
        if any(x.dtype == dtypes.STRING for x in inputs):
            raise TypeError(
                f"{op.name}: strings cannot be computed with; make numbers of them first, with TextVectorization, "
                "StringLookup or Hashing"
            )
        specs = op.shape(*inputs, **attrs)
        specs = (specs,) if isinstance(specs[1], str) else tuple(specs)
        self.dtypes = [dtypes.NUMPY[dtype] for _, dtype in specs]
        self.plan = None
        self.version = threads.version
        reads = [Buffer(x.shape, x.dtype) for x in inputs]
        writes = [Buffer(shape, dtype) for shape, dtype in specs]
        lowering = lower(op, reads, writes, attrs)
        if lowering is not None:
            written = [*writes, *lowering.workspaces]
            self.outputs = len(writes)
            self.forms = [(tuple(b.shape), dtypes.NUMPY[b.dtype].num) for b in written]
            slot = {id(b): i for i, b in enumerate([*reads, *written])}
            work = set(map(id, lowering.workspaces))
            rows = []
            for step in lowering.instructions:
                operands = [(slot[id(b)], _core.READ, 0, b.nbytes) for b in step.reads]
                operands += [
                    (slot[id(b)], _core.WRITE | (_core.READ if id(b) in work else 0), 0, b.nbytes)
                    for b in step.writes
                ]
                rows.append((step.kernel, operands, step.sizes, step.attrs))
            self.plan = _core.Plan(settings.kernels(), rows, len(slot), threads.num_threads())


def run_now(op, inputs, attrs):
    """The outputs, a tuple of Tensors, of `op` on tensors at hand."""
    arrays = [x.array for x in inputs]
    key = (op, form(arrays), *attrs.items()) if attrs else (op, form(arrays))
    entry = _cache.get(key)
    if entry is None:
        if len(_cache) >= _MOST_CACHED:
            _cache.clear()
        entry = _cache[key] = _Entry(op, inputs, attrs)
    plan = entry.plan
    if plan is None:
        results = op.reference(*arrays, **attrs)
        if type(results) is not tuple:
            results = (results,)
        return tuple([Tensor(np.asarray(result, dtype)) for result, dtype in zip(results, entry.dtypes)])
    if entry.version != threads.version:
        plan.schedule(threads.num_threads())
        entry.version = threads.version
    made = plan.call(arrays, entry.forms)
    if entry.outputs == 1:
        return (Tensor(made[0]),)
    return tuple([Tensor(array) for array in made[: entry.outputs]])
