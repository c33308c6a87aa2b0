"""Copies between strided views: the one lowering that transposes, slices, flips,
broadcasts and pads share."""

from ..engine import dtypes

MOST_AXES = 6  # of csrc/copy.c


def contiguous_strides(shape):
    """The strides, in elements, of a C-contiguous array of this shape."""
    strides, step = [], 1
    for extent in reversed(shape):
        strides.append(step)
        step *= extent
    return strides[::-1]


def emit_copy(call, source, target, extents, source_strides, target_strides, source_start=0, target_start=0):
    """Emit target[target_start + i . target_strides] = source[source_start + i .
    source_strides] for i < extents.

    Strides and starts count elements; source strides may be 0 or negative. False where no kernel
    fits: an element size other than 1, 4 or 8 bytes, or more than `MOST_AXES` axes that do not merge.
    """
    width = dtypes.NUMPY[source.dtype].itemsize
    if width not in (1, 4, 8) or source.dtype != target.dtype:
        return False
    axes = [(n, s, t) for n, s, t in zip(extents, source_strides, target_strides, strict=False) if n != 1]
    if width == 8:  # an element is two words
        axes = [(n, 2 * s, 2 * t) for n, s, t in axes] + [(2, 1, 1)]
        source_start, target_start = 2 * source_start, 2 * target_start
    axes = _merge(axes)
    if len(axes) > MOST_AXES:
        return False
    if not axes:
        axes = [(1, 1, 1)]
    axes = _order(axes)
    while len(axes) < 2:
        axes.insert(0, (1, 0, 0))
    sizes = [len(axes), source_start, target_start, *[v for axis in axes for v in axis]]
    call.emit(
        "strided_copy_b8" if width == 1 else "strided_copy_b32", reads=[source], writes=[target], sizes=sizes
    )
    return True


def _merge(axes):
    """Neighbours that are one axis on both sides become one."""
    merged = []
    for n, s, t in axes:
        if merged and merged[-1][1] == s * n and merged[-1][2] == t * n:
            m, _, _ = merged.pop()
            n *= m
        merged.append((n, s, t))
    return merged


def _order(axes):
    """Innermost the axis contiguous in the target, before it the one contiguous in the
    source: a tile of rows."""
    last = max(range(len(axes)), key=lambda i: (abs(axes[i][2]) == 1, i))
    inner = axes[last]
    rest = axes[:last] + axes[last + 1 :]
    if inner[1] != 1 and rest:
        near = [i for i, axis in enumerate(rest) if axis[1] == 1]
        if near:
            rest.append(rest.pop(near[-1]))
    return [*rest, inner]
