"""Gradients: one walk backwards over op records, for tapes and graphs alike."""

import numpy as np

from . import dtypes, nest, tape_plan
from .op import context, records
from .row_gradients import note_sum
from .tensor import Tensor
from .variable import Variable, convert


def backpropagate(calls, targets, sources, target_gradients=None):
    """Gradients of sum(targets * target_gradients) for each of `sources`: tensors, or None where there is no path.

    calls: OpCalls in the order they were made. Sources: tensors or Variables.
    """
    reached = set(map(id, sources))
    useful, made = [], set()
    for call in calls:
        # A variable that was read twice gave the same tensor twice. The first read comes last on the way back, when
        # all gradients of that tensor are added up; passing them on at the second as well would count some twice.
        outputs = call.outputs
        first = id(outputs[0])
        if first in made:
            continue
        made.add(first)
        needs = [id(x) in reached for x in call.inputs]
        if True in needs:
            reached.add(first)
            if len(outputs) > 1:
                reached.update(map(id, outputs))
            useful.append((call, tuple(needs)))
    gradients = {}
    for i, target in enumerate(targets):
        seed = None if target_gradients is None else target_gradients[i]
        if seed is None:
            seed = Tensor(np.ones(target.shape, dtypes.NUMPY[target.dtype]))
        _accumulate(gradients, target, convert(seed, dtype=target.dtype))
    for call, needs in reversed(useful):
        outputs = call.outputs
        if len(outputs) == 1:
            dout = gradients.get(id(outputs[0]))
            if dout is None:
                continue
            douts = (dout,)
        else:
            douts = [gradients.get(id(y)) for y in outputs]
            if all(d is None for d in douts):
                continue
            douts = [
                Tensor(np.zeros(y.shape, dtypes.NUMPY[y.dtype])) if d is None else d
                for d, y in zip(douts, outputs)
            ]
        call.needs = needs
        for x, wanted, dx in zip(call.inputs, needs, call.op.grad(call, *douts)):
            if wanted and dx is not None:
                _accumulate(gradients, x, dx)
    return [gradients.get(id(source)) for source in sources]


def _accumulate(gradients, x, dx):
    if dx.shape != x.shape and tuple(dx.shape) != tuple(x.shape):
        raise AssertionError(f"a gradient of shape {dx.shape} for a tensor of shape {x.shape}")
    before = gradients.get(id(x))
    gradients[id(x)] = dx if before is None else note_sum(records["add"](before, dx), before, dx)


class GradientTape:
    """Records ops on tensors inside its `with` block; `gradient` differentiates them afterwards.

    Args:
        persistent: allow `gradient` to be called more than once.
        watch_accessed_variables: accepted as in TensorFlow; every op is recorded either way.
    """

    def __init__(self, persistent=False, watch_accessed_variables=True):
        self.persistent = persistent
        self.calls = []
        self._used = False

    def __enter__(self):
        context.tapes = (*context.tapes, self)
        return self

    def __exit__(self, *exc):
        context.tapes = tuple(tape for tape in context.tapes if tape is not self)

    def record(self, call):
        """Note an OpCall; `apply` does for every open tape."""
        self.calls.append(call)

    def watch(self, tensor):
        """Accepted as in TensorFlow; a tape differentiates for any tensor it has seen."""

    def reset(self):
        """Forget what was recorded."""
        self.calls = []

    def stop_recording(self):
        """A `with` block whose ops are not recorded."""
        return _Paused(self)

    def gradient(self, target, sources, output_gradients=None, unconnected_gradients="none"):
        """d(sum of target)/d(source) for each source, in the structure of `sources` (list, tuple, dict or one).

        Raises:
            RuntimeError: a second call on a tape that is not persistent.
        """
        if self._used and not self.persistent:
            raise RuntimeError(
                "GradientTape.gradient was called before on this tape; make it with "
                "GradientTape(persistent=True) to ask several times"
            )
        self._used = True
        calls = list(self.calls)
        if not self.persistent:
            self.calls = []
        targets = [_watched(t) for t in nest.flatten(target)]
        flat = nest.flatten(sources)
        seeds = None if output_gradients is None else nest.flatten(output_gradients)
        with self.stop_recording():
            if context.tapes or context.graph is not None:
                results = backpropagate(calls, targets, flat, seeds)
            else:
                results = tape_plan.gradients(backpropagate, calls, targets, flat, seeds)
        if unconnected_gradients == "zero":
            results = [
                Tensor(np.zeros(s.shape, dtypes.NUMPY[s.dtype])) if r is None else r
                for r, s in zip(results, flat)
            ]
        return nest.pack(sources, results)


def _watched(target):
    return target.read() if isinstance(target, Variable) else target


class _Paused:
    def __init__(self, tape):
        self.tape = tape

    def __enter__(self):
        self.saved = context.tapes
        context.tapes = tuple(tape for tape in context.tapes if tape is not self.tape)

    def __exit__(self, *exc):
        context.tapes = self.saved
