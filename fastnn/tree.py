"""Nested structures, under Keras 3's `tree` names: lists, tuples and dicts (in the order of their sorted
keys)."""

from .engine.nest import flatten, pack


def is_nested(structure):
    """Whether `structure` is a list, a tuple or a dict."""
    return isinstance(structure, (list, tuple, dict))


def pack_sequence_as(structure, flat_sequence):
    """`structure` with its leaves replaced, in the order of `flatten`, by those of `flat_sequence`.

    Raises:
        ValueError: there are more or fewer of them.
    """
    leaves = list(flat_sequence)
    if len(leaves) != len(flatten(structure)):
        raise ValueError(
            f"pack_sequence_as: `structure` has {len(flatten(structure))} leaves, `flat_sequence` {len(leaves)}"
        )
    return pack(structure, leaves)


def map_structure(func, *structures, none_is_leaf=True):
    """func(leaves) for the leaves at each place of structures that are alike; the results in their structure.

    >>> map_structure(lambda a, b: a + b, [1, (2,)], [10, (20,)])
    [11, (22,)]
    """
    for other in structures[1:]:
        assert_same_structure(structures[0], other)
    results = [
        None if not none_is_leaf and leaves[0] is None else func(*leaves)
        for leaves in zip(*map(flatten, structures))
    ]
    return pack_sequence_as(structures[0], results)


def assert_same_structure(a, b, check_types=None):
    """Raise ValueError unless two structures differ in nothing but their leaves.

    Dicts of all kinds are alike, and so are lists; named tuples only with others of their own. check_types: accepted
    as in Keras.
    """
    same = _kind(a) is _kind(b)
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


def _kind(part):
    if isinstance(part, tuple) and hasattr(part, "_fields"):
        return type(part)
    return next((kind for kind in (list, tuple, dict) if isinstance(part, kind)), None)


class MAP_TO_NONE:  # noqa: N801 - Keras's name
    """What a function gives to `traverse` so that None takes a part's place."""


def traverse(func, structure, top_down=True):
    """`structure` with parts replaced: by func(part) where that is not None; then, or else, by its own parts.

    Args:
        func: called on each list, tuple, dict and leaf; gives what replaces it (MAP_TO_NONE: None), or None.
        top_down: whole structures first, and their parts only where they stay; else parts first.
    """
    if top_down:
        found = func(structure)
        if found is not None:
            return None if found is MAP_TO_NONE else found
    if isinstance(structure, dict):
        parts = {key: traverse(func, structure[key], top_down) for key in sorted(structure)}
        structure = {key: parts[key] for key in structure}
    elif isinstance(structure, (list, tuple)):
        parts = [traverse(func, part, top_down) for part in structure]
        structure = type(structure)(*parts) if hasattr(structure, "_fields") else type(structure)(parts)
    if top_down:
        return structure
    found = func(structure)
    return None if found is MAP_TO_NONE else structure if found is None else found


def flatten_with_path(structure):
    """[(path, leaf)]; a path is a tuple of places in lists and keys of dicts."""
    if isinstance(structure, dict):
        parts = [(key, structure[key]) for key in sorted(structure)]
    elif isinstance(structure, (list, tuple)):
        parts = list(enumerate(structure))
    else:
        return [((), structure)]
    return [((key, *path), leaf) for key, part in parts for path, leaf in flatten_with_path(part)]


def map_structure_up_to(shallow_structure, func, *structures):
    """func(parts) for the parts of structures at the places of the leaves of `shallow_structure`."""
    parts = [[_part(one, path) for path, _ in flatten_with_path(shallow_structure)] for one in structures]
    return pack_sequence_as(shallow_structure, [func(*some) for some in zip(*parts, strict=True)])


def _part(structure, path):
    for key in path:
        structure = structure[key]
    return structure


def assert_same_paths(a, b):
    """Raise ValueError unless two structures have leaves at the same paths; lists and tuples count as the same."""
    one, other = ({path for path, _ in flatten_with_path(x)} for x in (a, b))
    if one != other:
        raise ValueError(
            f"the structures have other paths: in the first alone {sorted(one - other, key=str)}, in the second alone "
            f"{sorted(other - one, key=str)}"
        )


def lists_to_tuples(structure):
    """`structure` with tuples in the place of lists."""
    return traverse(lambda part: tuple(part) if isinstance(part, list) else None, structure, top_down=False)


def map_shape_structure(func, structure):
    """func(shape) for each shape (a list or tuple of integers and None) in a structure of shapes."""

    def change(part):
        if isinstance(part, (list, tuple)) and all(isinstance(n, (int, type(None))) for n in part):
            found = func(tuple(part))
            return MAP_TO_NONE if found is None else found
        return None

    return traverse(change, structure)


__all__ = [
    "MAP_TO_NONE",
    "assert_same_paths",
    "assert_same_structure",
    "flatten",
    "flatten_with_path",
    "is_nested",
    "lists_to_tuples",
    "map_shape_structure",
    "map_structure",
    "map_structure_up_to",
    "pack_sequence_as",
    "traverse",
]
