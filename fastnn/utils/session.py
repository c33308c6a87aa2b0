"""What concerns the whole process: its names, its symbolic tensors."""

import gc

from ..engine.symbolic import KerasTensor, reset_names


def clear_session(free_memory=True):
    """Number unnamed layers from the beginning again, and forget what was compiled of ops and tapes.

    free_memory: also collect, at once, models that nobody holds any more: they refer to themselves, so Python does it
        late.
    """
    from ..engine import eager, tape_plan

    reset_names()
    if free_memory:
        eager._cache.clear()
        tape_plan.forget()
        gc.collect()


def is_keras_tensor(x):
    """Whether `x` is symbolic, as `Input` makes them.

    Raises:
        ValueError: `x` is no tensor, variable or array at all.
    """
    if not isinstance(x, KerasTensor) and not hasattr(x, "shape"):
        raise ValueError(f"is_keras_tensor: a tensor is expected, received {x!r} of type {type(x).__name__}")
    return isinstance(x, KerasTensor)


def get_source_inputs(tensor):
    """The Inputs that a symbolic tensor follows from."""
    found, waiting, seen = [], [tensor], set()
    while waiting:
        node = waiting.pop(0).node
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if node.input_tensors:
            waiting += node.input_tensors
        else:
            found += node.output_tensors
    return found
