"""Tensors put together and taken apart along an axis: concatenate, stack, split, unstack and their kin."""

import math
import operator

import numpy as np

from ..engine import dtypes
from ..engine.allowance import check_passing
from ..engine.op import define_op, records
from ..engine.symbolic import public
from ..engine.tensor import Spec
from ..engine.variable import convert
from .axes import canonical_axis
from .shape import as_tuple, reshaped

MOST_PARTS = 16  # of one instruction of csrc/copy.c

_BYTES_A_PIECE = 2**14  # of a graph: a tensor and its call


def converted(xs, name):
    """A list of tensors of one dtype, the promoted one; a ValueError where there is none."""
    parts = [convert(x) for x in xs]
    if not parts:
        raise ValueError(f"{name}: needs at least one tensor, received none")
    dtype = dtypes.promote(*[x.dtype for x in parts])
    return [x if x.dtype == dtype else records["cast"](x, dtype=dtype) for x in parts]


# ---- concatenate and split: each is the other's gradient ----


def _concatenate_shape(*xs, axis):
    first = xs[0].shape
    for i, x in enumerate(xs):
        if len(x.shape) != len(first) or any(
            m != n for a, (m, n) in enumerate(zip(x.shape, first, strict=False)) if a != axis
        ):
            raise ValueError(
                f"concatenate: all inputs must agree in every axis but {axis}, received shapes "
                f"{[tuple(x.shape) for x in xs]}: input {i} does not fit the first"
            )
    return Spec((*first[:axis], sum(x.shape[axis] for x in xs), *first[axis + 1 :]), xs[0].dtype)


def _parts_kernel(call, kernel, whole, parts):
    """Instructions that copy between the rows of `whole` and those of `parts`, all counted in bytes."""
    width = dtypes.NUMPY[whole.dtype].itemsize
    outer = math.prod(whole.shape[: call.axis])
    start = 0
    for first in range(0, len(parts), MOST_PARTS):
        group = parts[first : first + MOST_PARTS]
        widths = [part.size // max(outer, 1) * width for part in group]
        reads, writes = (group, [whole]) if kernel == "concat_bytes" else ([whole], group)
        call.emit(
            kernel,
            reads=reads,
            writes=writes,
            sizes=[outer, math.prod(whole.shape[call.axis :]) * width, start, len(group), *widths],
        )
        start += sum(widths)


concatenate_op = define_op(
    "concatenate",
    shape=_concatenate_shape,
    reference=lambda *xs, axis: np.concatenate(xs, axis),
    kernel=lambda call: _parts_kernel(call, "concat_bytes", call.output, call.inputs),
    grad=lambda call, dy: _as_list(
        split_op(dy, sizes=tuple(x.shape[call.axis] for x in call.inputs), axis=call.axis)
    ),
)


def _as_list(parts):
    return list(parts) if isinstance(parts, (tuple, list)) else [parts]


def _split_shape(x, *, sizes, axis):
    return tuple(Spec((*x.shape[:axis], n, *x.shape[axis + 1 :]), x.dtype) for n in sizes)


split_op = define_op(
    "split",
    shape=_split_shape,
    reference=lambda x, *, sizes, axis: tuple(np.split(x, np.cumsum(sizes[:-1]), axis)),
    kernel=lambda call: _parts_kernel(call, "split_bytes", call.inputs[0], call.outputs),
    grad=lambda call, *douts: [joined(list(douts), call.axis)],
)


def joined(parts, axis):
    """`parts`, tensors of one dtype, one after the other along `axis`, an int from 0."""
    return parts[0] if len(parts) == 1 else concatenate_op(*parts, axis=axis)


def parted(x, sizes, axis):
    """`x` cut into pieces of these sizes along `axis`, an int from 0."""
    return [x] if len(sizes) == 1 else list(split_op(x, sizes=tuple(sizes), axis=axis))


@public
def concatenate(xs, axis=0):
    """The tensors `xs`, equal in shape except along `axis`, one after the other along it."""
    parts = converted(xs, "concatenate")
    if not parts[0].shape:
        raise ValueError("concatenate: tensors without axes cannot be joined; use stack")
    return joined(parts, canonical_axis("concatenate", axis, len(parts[0].shape)))


def _stack_shape(*xs, axis):
    first = tuple(xs[0].shape)
    if any(tuple(x.shape) != first for x in xs):
        raise ValueError(f"stack: all inputs must have one shape, received {[tuple(x.shape) for x in xs]}")
    return Spec((*first[:axis], len(xs), *first[axis:]), xs[0].dtype)


stack_op = define_op(
    "stack",
    shape=_stack_shape,
    reference=lambda *xs, axis: np.stack(xs, axis),
    kernel=lambda call: _parts_kernel(call, "concat_bytes", call.output, call.inputs),
    grad=lambda call, dy: unstack(dy, axis=call.axis),
)


@public
def stack(x, axis=0):
    """The tensors `x`, of one shape, along a new axis at `axis` of the result."""
    parts = converted(x, "stack")
    return stack_op(*parts, axis=canonical_axis("stack", axis, len(parts[0].shape) + 1))


@public
def unstack(x, num=None, axis=0):
    """A list of the slices of `x` along `axis`, which is gone in them; `num`: their number, for checking."""
    x = convert(x)
    axis = canonical_axis("unstack", axis, len(x.shape))
    if num is not None and num != x.shape[axis]:
        raise ValueError(f"unstack: `num` must be {x.shape[axis]}, the extent of axis {axis}, received {num}")
    shape = (*x.shape[:axis], *x.shape[axis + 1 :])
    if x.shape[axis] == 0:
        return []
    return [reshaped(part, shape) for part in parted(x, (1,) * x.shape[axis], axis)]


@public
def split(x, indices_or_sections, axis=0):
    """A list of pieces of `x` along `axis`: that many equal ones, or cut before each of the given indices."""
    return _split("split", x, indices_or_sections, axis, equal=True)


@public
def array_split(x, indices_or_sections, axis=0):
    """As `split`, where the first pieces are one longer if the extent does not divide."""
    return _split("array_split", x, indices_or_sections, axis, equal=False)


def _split(name, x, indices_or_sections, axis, equal):
    x = convert(x)
    axis = canonical_axis(name, axis, len(x.shape))
    extent = x.shape[axis]
    if isinstance(indices_or_sections, (int, np.integer)):
        count = operator.index(indices_or_sections)
        if count < 1 or (equal and extent % count):
            raise ValueError(
                f"{name}: axis {axis} of extent {extent} does not divide into {count} equal pieces; "
                "give the indices to cut at, or use array_split"
            )
        check_passing(_BYTES_A_PIECE * count, name, f"{count} pieces")
        sizes = [extent // count + (1 if i < extent % count else 0) for i in range(count)]
    else:
        cuts = [
            c + extent if c < 0 else min(c, extent)
            for c in map(operator.index, as_tuple(indices_or_sections))
        ]
        sizes = [max(b - a, 0) for a, b in zip([0, *cuts], [*cuts, extent], strict=False)]
        if sum(sizes) != extent or min(cuts, default=0) < 0:
            raise ValueError(
                f"{name}: the indices must rise within 0..{extent}, received {indices_or_sections}"
            )
    return parted(x, sizes, axis)


def _at_least(x, rank):
    x = convert(x)
    if rank == 2 and len(x.shape) < 2:
        return reshaped(x, (1, x.size))
    if rank == 3 and len(x.shape) < 3:
        return reshaped(x, (*((1,) if len(x.shape) < 2 else ()), *x.shape, *((1,) if x.shape else (1, 1))))
    return reshaped(x, (1,)) if not x.shape else x


@public
def hstack(xs):
    """The tensors joined along the second axis; along the first where they have only one."""
    parts = converted([_at_least(x, 1) for x in xs], "hstack")
    return joined(parts, 0 if len(parts[0].shape) == 1 else 1)


@public
def vstack(xs):
    """The tensors joined along the first axis; vectors count as rows."""
    return joined(converted([_at_least(x, 2) for x in xs], "vstack"), 0)


@public
def dstack(xs):
    """The tensors joined along the third axis, which matrices and vectors are given."""
    return joined(converted([_at_least(x, 3) for x in xs], "dstack"), 2)


@public
def hsplit(x, indices_or_sections):
    """`split` along the second axis; along the first where there is only one."""
    return split(x, indices_or_sections, axis=0 if len(convert(x).shape) == 1 else 1)


@public
def vsplit(x, indices_or_sections):
    """`split` along the first axis."""
    return split(x, indices_or_sections, axis=0)


@public
def dsplit(x, indices_or_sections):
    """`split` along the third axis."""
    return split(x, indices_or_sections, axis=2)


@public
def append(x1, x2, axis=None):
    """`x1`, then `x2`, along `axis`; both flat by default."""
    parts = converted([x1, x2], "append")
    if axis is None:
        return joined([reshaped(x, (x.size,)) for x in parts], 0)
    return joined(parts, canonical_axis("append", axis, len(parts[0].shape)))


@public
def meshgrid(*x, indexing="xy"):
    """A list of grids, one a vector: each varies along its own axis; with "xy" the first
    two axes change places."""
    from .shape import broadcast, transposed

    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: `indexing` must be 'xy' or 'ij', received {indexing!r}")
    parts = [reshaped(p, (p.size,)) for p in map(convert, x)]
    shape = tuple(p.size for p in parts)
    grids = []
    for i, part in enumerate(parts):
        grid = broadcast(reshaped(part, tuple(part.size if a == i else 1 for a in range(len(parts)))), shape)
        if indexing == "xy" and len(parts) > 1:
            grid = transposed(grid, (1, 0, *range(2, len(parts))))
        grids.append(grid)
    return grids
