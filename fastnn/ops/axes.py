"""Axis arguments, checked and counted from the front."""

import operator


def canonical_axis(op, axis, ndim):
    """`axis` as an int in 0..ndim-1.

    Raises:
        TypeError: `axis` is no integer.
        ValueError: it lies outside -ndim..ndim-1; the message names `op`.
    """
    try:
        number = operator.index(axis)
    except TypeError:
        raise TypeError(f"{op}: `axis` must be an int, received {axis!r}") from None
    if not -ndim <= number < ndim:
        raise ValueError(
            f"{op}: `axis` must lie in {-ndim}..{ndim - 1} for a tensor with {ndim} axes, received {axis!r}"
        )
    return number % ndim


def canonical_axes(op, axis, ndim):
    """None (all axes), an int, or a sequence of ints as a sorted tuple of ints in 0..ndim-1, or None.

    Raises:
        TypeError, ValueError: as `canonical_axis`; or an axis is named twice.
    """
    if axis is None:
        return None
    if not isinstance(axis, (tuple, list)):
        return (canonical_axis(op, axis, ndim),)
    axes = tuple(sorted(canonical_axis(op, a, ndim) for a in axis))
    if len(set(axes)) != len(axes):
        raise ValueError(f"{op}: `axis` names an axis twice, received {axis!r} for a tensor with {ndim} axes")
    return axes


def without_axes(shape, axes, keepdims):
    """The shape that is left when `axes` (a tuple, or None for all) of `shape` are reduced."""
    if axes is None:
        axes = range(len(shape))
    if keepdims:
        return tuple([1 if i in axes else n for i, n in enumerate(shape)])
    return tuple([n for i, n in enumerate(shape) if i not in axes])
