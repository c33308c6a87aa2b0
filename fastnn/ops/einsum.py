"""Einstein summation, brought down to products of matrices, elementwise products and sums."""

import string

import numpy as np

from ..engine.op import records
from ..engine.symbolic import public
from ..engine.tensor import Tensor
from ..engine.variable import convert
from .arithmetic import multiply_op
from .matmul import contract
from .pointwise import operands
from .shape import reshaped, transposed


def _parse(subscripts, operands_):
    """(labels of each operand, labels of the result): lists of letters, and ("...", i) for an ellipsis' axes.

    Those are numbered from the ellipsis' last.
    """
    if not isinstance(subscripts, str):
        raise TypeError(f"einsum: `subscripts` must be a string such as 'ij,jk->ik', received {subscripts!r}")
    text = subscripts.replace(" ", "")
    inputs, arrow, output = text.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(operands_):
        raise ValueError(
            f"einsum: `subscripts` {subscripts!r} names {len(terms)} operands, received {len(operands_)}"
        )
    for term in (*terms, output):
        rest = term.replace("...", "", 1)
        if any(c not in string.ascii_letters for c in rest):
            raise ValueError(
                "einsum: `subscripts` may hold letters, commas, one '...' an operand and one '->', "
                f"received {subscripts!r}"
            )
    labels, hidden = [], 0
    for term, x in zip(terms, operands_, strict=True):
        rank, named = len(x.shape), len(term.replace("...", ""))
        if rank < named or ("..." not in term and rank != named):
            raise ValueError(
                f"einsum: {term!r} in {subscripts!r} does not fit an operand of shape {tuple(x.shape)}"
            )
        before, dots, after = term.partition("...")
        count = rank - named if dots else 0
        hidden = max(hidden, count)
        labels.append([*before, *_hidden(count), *after])
    if arrow:
        if len(set(output.replace("...", ""))) != len(output.replace("...", "")):
            raise ValueError(f"einsum: the result in {subscripts!r} names an axis twice")
        before, dots, after = output.partition("...")
        if hidden and not dots:
            raise ValueError(
                f"einsum: {subscripts!r} has '...' among its operands, but its result has none; "
                "write '...' there too, or sum those axes first with ops.sum"
            )
        result = [*before, *(_hidden(hidden) if dots else ()), *after]
    else:
        letters = [c for c in inputs if c in string.ascii_letters]
        result = [*_hidden(hidden), *sorted(c for c in set(letters) if letters.count(c) == 1)]
    unknown = [c for c in result if not any(c in term for term in labels)]
    if unknown:
        raise ValueError(f"einsum: the result in {subscripts!r} names {unknown[0]!r}, which no operand has")
    return labels, result


def _hidden(count):
    return [("...", i) for i in range(count - 1, -1, -1)]


def _extents(labels, tensors, subscripts):
    extents = {}
    for term, x in zip(labels, tensors, strict=True):
        for label, n in zip(term, x.shape, strict=True):
            if extents.setdefault(label, n) != n:
                if 1 not in (n, extents[label]):
                    raise ValueError(
                        f"einsum: in {subscripts!r} the axis {label!r} has extents "
                        f"{extents[label]} and {n}; they must be equal or 1"
                    )
                extents[label] = max(n, extents[label]) if 0 not in (n, extents[label]) else 0
    return extents


def _without_repeats(x, term):
    """(x, term) with a label that one operand has several times kept once: its diagonal."""
    for label in term:
        at = [i for i, other in enumerate(term) if other == label]
        if len(at) > 1:
            first, second = at[:2]
            if x.shape[first] != x.shape[second]:
                raise ValueError(
                    f"einsum: axis {label!r} is a diagonal of extents {x.shape[first]} and "
                    f"{x.shape[second]}, which must be equal"
                )
            shape = [n if i in (first, second) else 1 for i, n in enumerate(x.shape)]
            pick = Tensor(np.eye(x.shape[first], dtype=bool).reshape(shape))
            zero = Tensor(np.zeros((), x.dtype))
            kept = records["where"](pick, x, zero)  # not a product: 0 * inf off the diagonal is NaN
            kept = records["sum"](kept, axis=(second,), keepdims=False)
            return _without_repeats(convert(kept, dtype=x.dtype), [*term[:second], *term[second + 1 :]])
    return x, term


def _without_ones(x, term, extents):
    """(x, term) without the axes of extent 1 that stand for a longer one: they broadcast."""
    kept = [i for i, label in enumerate(term) if x.shape[i] == extents[label]]
    return reshaped(x, tuple(x.shape[i] for i in kept)), [term[i] for i in kept]


def _summed(x, term, wanted):
    """(x, term) summed over the labels that are not in `wanted`."""
    axes = tuple(i for i, label in enumerate(term) if label not in wanted)
    if axes:
        dtype = x.dtype
        x = convert(records["sum"](x, axis=axes, keepdims=False), dtype=dtype)
    return x, [label for label in term if label in wanted]


def _combine(a, ta, b, tb, wanted):
    """The product of two operands, summed over labels that are not wanted: (tensor, its labels)."""
    a, ta = _summed(a, ta, {*wanted, *tb})
    b, tb = _summed(b, tb, {*wanted, *ta})
    shared = [label for label in ta if label in tb]
    batch = [label for label in shared if label in wanted]
    summed = [label for label in shared if label not in wanted]
    if not summed:
        order = [*ta, *(label for label in tb if label not in ta)]
        return multiply_op(_aligned(a, ta, order), _aligned(b, tb, order)), order

    def pairs(labels):
        return [(ta.index(label), tb.index(label)) for label in labels]

    order = [*batch, *(label for label in (*ta, *tb) if label not in shared)]
    return contract(a, b, pairs(batch), pairs(summed)), order


def _aligned(x, term, order):
    """x with its axes in the order of the labels in `order`, and extent 1 where it has none."""
    present = [label for label in order if label in term]
    x = transposed(x, tuple(term.index(label) for label in present))
    extents = dict(zip(present, x.shape, strict=True))
    return reshaped(x, tuple(extents.get(label, 1) for label in order))


def _path(labels, result, extents):
    """Pairs of positions to combine, in an order that is cheap where there are more than two operands."""
    if len(labels) < 3:
        return [(0, 1)] * (len(labels) - 1)
    letter = {label: c for label, c in zip(extents, string.ascii_letters, strict=False)}
    terms = ["".join(letter[label] for label in term) for term in labels]
    if len(letter) < len(extents):
        return [(0, 1)] * (len(labels) - 1)
    shapes = [np.broadcast_to(np.float32(0), [extents[label] for label in term]) for term in labels]
    path = np.einsum_path(
        f"{','.join(terms)}->{''.join(letter[label] for label in result)}", *shapes, optimize="greedy"
    )[0][1:]
    pairs = []
    for step in path:
        step = sorted(step)
        pairs.append(tuple(step[:2]))
        for _ in step[2:]:  # a step of three: the third joins what the first two made, which now stands last
            remaining = len(labels) - len(pairs)
            pairs.append((step[2] - 2, remaining - 1))
    return pairs


@public
def einsum(subscripts, *operands_):
    """Sums of products after Einstein: "ij,jk->ik" is a matrix product.

    Labels that several operands have are multiplied together; those that the result (after "->") does not
    name are summed. Without "->" the result has the labels that occur once, in alphabetical order. "..."
    stands for any number of broadcast axes; a label twice in one operand takes its diagonal.
    """
    if not operands_:
        raise ValueError("einsum: one operand or more is needed after `subscripts`")
    tensors = list(operands(*operands_))
    if tensors[0].dtype == "int8":  # whose sums would overflow
        tensors = [convert(x, dtype="int32") for x in tensors]
    labels, result = _parse(subscripts, tensors)
    for i, (x, term) in enumerate(zip(tensors, labels, strict=True)):
        tensors[i], labels[i] = _without_repeats(x, term)
    extents = _extents(labels, tensors, subscripts)
    for i, (x, term) in enumerate(zip(tensors, labels, strict=True)):
        tensors[i], labels[i] = _without_ones(x, term, extents)
    for i, j in _path(labels, result, extents):
        b, tb = tensors.pop(j), labels.pop(j)
        a, ta = tensors.pop(i), labels.pop(i)
        wanted = {*result, *(label for term in labels for label in term)}
        y, ty = _combine(a, ta, b, tb, wanted)
        tensors.append(y)
        labels.append(ty)
    y, term = _summed(tensors[0], labels[0], set(result))
    return transposed(y, tuple(term.index(label) for label in result))
