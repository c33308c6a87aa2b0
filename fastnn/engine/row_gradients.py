"""What gradients of lookups at hand were added up from: (indices, values), beside the dense tensor.

In a trace the graph tells; a tensor at hand has no history, so the lookup's gradient rule notes it here, for
as long as the gradient lives. Optimizers look it up to update the rows in question alone.
"""

import weakref

from .tensor import Traced

table = {}  # id(gradient) -> (weak reference to it, [(indices, values), ...])


def note(gradient, parts):
    """Remember that `gradient` is the sum over rows of these (indices, values); returns `gradient`."""
    if type(gradient) is not Traced:
        key = id(gradient)
        table[key] = (weakref.ref(gradient, lambda _: table.pop(key, None)), parts)
    return gradient


def parts_of(gradient):
    """What `note` was told of this gradient, or None."""
    entry = table.get(id(gradient))
    return entry[1] if entry is not None and entry[0]() is gradient else None


def note_sum(total, first, second):
    """`total` is the sum of two gradients."""
    if table:
        parts = [parts_of(first), parts_of(second)]
        if None not in parts:
            note(total, parts[0] + parts[1])
    return total
