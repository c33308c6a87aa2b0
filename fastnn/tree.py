"""Nested structures, under Keras 3's `tree` names: lists, tuples and dicts (in the order of their sorted
keys)."""

from .engine.nest import flatten
from .engine.nest import pack as pack_sequence_as


def is_nested(structure):
    """Whether `structure` is a list, a tuple or a dict."""
    return isinstance(structure, (list, tuple, dict))


def map_structure(func, *structures):
    """func(leaves) for the leaves at each place of structures that are alike; the results in their structure.

    >>> map_structure(lambda a, b: a + b, [1, (2,)], [10, (20,)])
    [11, (22,)]
    """
    for other in structures[1:]:
        assert_same_structure(structures[0], other)
    return pack_sequence_as(structures[0], [func(*leaves) for leaves in zip(*map(flatten, structures))])


def assert_same_structure(a, b):
    """Raise ValueError unless two structures differ in nothing but their leaves."""
    same = type(a) is type(b) if is_nested(a) or is_nested(b) else True
    if same and isinstance(a, dict):
        same = a.keys() == b.keys()
        parts = [(a[key], b[key]) for key in a] if same else []
    elif same and is_nested(a):
        same = len(a) == len(b)
        parts = list(zip(a, b)) if same else []
    else:
        parts = []
    if not same:
        raise ValueError(f"the structures are not alike: {a!r} and {b!r}")
    for one, other in parts:
        assert_same_structure(one, other)


__all__ = ["assert_same_structure", "flatten", "is_nested", "map_structure", "pack_sequence_as"]
