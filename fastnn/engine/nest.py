"""Nested structures: lists, tuples, named tuples and dicts (in sorted key order) of leaves."""


def flatten(structure):
    """The leaves of `structure`, in order; None is a leaf."""
    if isinstance(structure, dict):
        return [leaf for key in sorted(structure) for leaf in flatten(structure[key])]
    if isinstance(structure, (list, tuple)):
        return [leaf for part in structure for leaf in flatten(part)]
    return [structure]


def map_leaves(function, structure):
    """The same structure with function(leaf) in each leaf's place."""
    if isinstance(structure, dict):
        made = {key: map_leaves(function, structure[key]) for key in sorted(structure)}
        return {key: made[key] for key in structure}
    if isinstance(structure, tuple) and hasattr(structure, "_fields"):
        return type(structure)(*(map_leaves(function, part) for part in structure))
    if isinstance(structure, (list, tuple)):
        return type(structure)(map_leaves(function, part) for part in structure)
    return function(structure)


def pack(structure, leaves):
    """`structure` with its leaves replaced, in `flatten` order, by those of `leaves`."""
    remaining = iter(leaves)
    return map_leaves(lambda _: next(remaining), structure)
