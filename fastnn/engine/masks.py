"""Masks: which time steps of a tensor count. They travel beside tensors, not in them.

A side table holds the mask of each tensor that has one, for as long as the tensor lives; it is empty, and costs one
truth test a layer call, in models without masks.
"""

import weakref

table = {}  # id(tensor) -> (weak reference to the tensor, mask)


def get_mask(tensor):
    """The mask attached to `tensor`, or None."""
    entry = table.get(id(tensor))
    return entry[1] if entry is not None and entry[0]() is tensor else None


def set_mask(tensor, mask):
    """Attach `mask`, a boolean tensor of the leading axes of `tensor`; None takes it away."""
    key = id(tensor)
    if mask is None:
        table.pop(key, None)
        return
    table[key] = (weakref.ref(tensor, lambda _: table.pop(key, None)), mask)
