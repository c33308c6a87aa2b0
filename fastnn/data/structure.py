"""Batches as nested structures: taken apart into arrays, put together again, None leaves left alone."""

from ..engine import nest


def leaves_of(structure):
    """The leaves that are not None, in `nest` order."""
    return [leaf for leaf in nest.flatten(structure) if leaf is not None]


def form_of(structure):
    """What is left of a structure without its leaves: hashable, equal for structures alike."""
    if isinstance(structure, dict):
        return ("dict", *[(key, form_of(structure[key])) for key in sorted(structure)])
    if isinstance(structure, (list, tuple)):
        return (type(structure).__name__, *[form_of(part) for part in structure])
    return None if structure is None else True


def fill(structure, leaves):
    """`structure` with its leaves that are not None replaced, in order."""
    remaining = iter(leaves)
    return nest.map_leaves(lambda leaf: None if leaf is None else next(remaining), structure)


def unpack_x_y_sample_weight(data):
    """(x, y, sample_weight) of what a data set yields: x, (x,), (x, y) or (x, y, sample_weight)."""
    if isinstance(data, list):
        data = tuple(data)
    if not isinstance(data, tuple):
        return data, None, None
    if 1 <= len(data) <= 3:
        return (*data, None, None)[:3]
    raise ValueError(f"a batch must be x, (x, y) or (x, y, sample_weight), received a tuple of {len(data)}")


def pack_x_y_sample_weight(x, y=None, sample_weight=None):
    """The inverse of `unpack_x_y_sample_weight`."""
    if y is None:
        return (x,) if isinstance(x, (tuple, list)) else x
    if sample_weight is None:
        return (x, y)
    return (x, y, sample_weight)
