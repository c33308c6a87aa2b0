"""Batches that need no looking into: structures of plain arrays, known again by a key made in a microsecond or two."""

import numpy as np

from ..engine.tensor import Tensor


def plain_key(structure, leaves):
    """What tells batches alike apart from others; their arrays are appended to `leaves` in the order of `leaves_of`.

    Two structures have the same key if and only if they have the same nesting and names, None in the same places,
    and arrays of the same shapes and dtypes. Leaves may be NumPy arrays and tensors.

    Returns:
        A hashable key; None for a structure with any other leaf (frames, numbers, other libraries' tensors), or with
        containers of a user's own class.
    """
    kind = type(structure)
    if kind is np.ndarray:
        leaves.append(structure)
        return structure.shape, structure.dtype
    if kind is Tensor:
        structure = structure.array
        leaves.append(structure)
        return structure.shape, structure.dtype
    if structure is None:
        return ()
    key = [kind]
    if kind is dict:
        names = sorted(structure)
        key += names
        structure = [structure[name] for name in names]
    elif kind is not list and kind is not tuple:
        return None
    for part in structure:
        if type(part) is np.ndarray:  # a call less for the usual leaf
            leaves.append(part)
            key.append((part.shape, part.dtype))
            continue
        part = plain_key(part, leaves)
        if part is None:
            return None
        key.append(part)
    return tuple(key)
