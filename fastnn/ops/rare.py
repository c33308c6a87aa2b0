"""Rare functions of NumPy's that Keras has: windows, histograms, membership, choices."""

import builtins
import math
import re

import numpy as np

from ..engine import dtypes, nest
from ..engine.op import define_op, no_gradient
from ..engine.symbolic import public
from ..engine.tensor import Spec
from ..engine.variable import convert
from . import reduction
from .arithmetic import square
from .axes import canonical_axis
from .casting import cast
from .control import vectorized_map
from .elementary import isclose, log10
from .joining import stack
from .logic import equal, logical_not, where
from .reduction import as_float
from .reduction import max as amax  # noqa: F401 - the same function by two names, as in NumPy
from .reduction import min as amin  # noqa: F401
from .shape import broadcast_to, expand_dims, reshaped
from .taking import take


def _points(name, x):
    """The number of points of a window."""
    count = int(convert(x).numpy()) if not isinstance(x, int) else x
    if count < 0:
        raise ValueError(f"{name}: `x`, the number of points, must be at least 0, received {count}")
    return count


def bartlett(x):
    """A triangular window of `x` points."""
    return convert(np.bartlett(_points("bartlett", x)), dtype="float32")


def blackman(x):
    """A Blackman window of `x` points."""
    return convert(np.blackman(_points("blackman", x)), dtype="float32")


def hamming(x):
    """A Hamming window of `x` points."""
    return convert(np.hamming(_points("hamming", x)), dtype="float32")


def hanning(x):
    """A Hann window of `x` points."""
    return convert(np.hanning(_points("hanning", x)), dtype="float32")


def kaiser(x, beta):
    """A Kaiser window of `x` points with shape `beta`."""
    return convert(np.kaiser(_points("kaiser", x), float(convert(beta).numpy())), dtype="float32")


@public
def allclose(x1, x2, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Whether all elements are close: |x1 - x2| <= atol + rtol |x2|."""
    return reduction.all(isclose(x1, x2, rtol, atol, equal_nan))


def dtype(x):
    """The name of a tensor's dtype."""
    return x.dtype if isinstance(getattr(x, "dtype", None), str) else convert(x).dtype


@public
def isin(x1, x2, assume_unique=False, invert=False):
    """Where the elements of `x1` occur in `x2`."""
    x1, x2 = convert(x1), convert(x2)
    found = reduction.any(equal(expand_dims(x1, -1), reshaped(x2, (x2.size,))), -1)
    return logical_not(found) if invert else found


def _histogram_grad(call, dcounts, dedges):
    """The edges lie evenly between the least and the greatest number; equal ones share."""
    (x,) = call.inputs
    if call.range is not None or not dtypes.is_float(x.dtype):
        return [None]
    part = convert(np.linspace(0, 1, call.bins + 1), dtype=x.dtype)
    dx = 0.0
    for end, share in ((reduction.min(x), 1.0 - part), (reduction.max(x), part)):
        there = cast(equal(x, end), x.dtype)
        dx = dx + there * (reduction.sum(dedges * share) / reduction.sum(there))
    return [dx]


def _histogram_reference(x, *, bins, range):  # noqa: A002
    counts, edges = np.histogram(x, bins, range)
    return counts.astype(np.int32), edges.astype(x.dtype if x.dtype.kind == "f" else np.float32)


histogram_op = define_op(
    "histogram",
    shape=lambda x, *, bins, range: (
        Spec((bins,), "int32"),
        Spec((bins + 1,), x.dtype if dtypes.is_float(x.dtype) else "float32"),
    ),
    grad=_histogram_grad,
    reference=_histogram_reference,
)


@public
def histogram(x, bins=10, range=None):  # noqa: A002 - Keras's name
    """(counts, edges) of `bins` equal bins over `range`, by default over all of `x`."""
    if not isinstance(bins, int) or bins < 1:
        raise ValueError(f"histogram: `bins` must be a positive integer, received {bins!r}")
    if range is not None:
        if len(range) != 2 or not range[0] <= range[1]:
            raise ValueError(f"histogram: `range` must be (lowest, highest), received {range!r}")
        range = float(range[0]), float(range[1])  # noqa: A001
    return histogram_op(convert(x), bins=bins, range=range)


argpartition_op = define_op(
    "argpartition",
    shape=lambda x, *, kth, axis: Spec(x.shape, "int32"),
    grad=no_gradient("integer output"),
    reference=lambda x, *, kth, axis: np.argpartition(x, kth, axis).astype(np.int32),
)


@public
def argpartition(x, kth, axis=-1):
    """int32 places that put the `kth` smallest element where it belongs, smaller ones before it."""
    x = convert(x)
    if axis is None:
        x, axis = reshaped(x, (x.size,)), 0
    return argpartition_op(x, kth=int(kth), axis=canonical_axis("argpartition", axis, len(x.shape)))


@public
def unravel_index(indices, shape):
    """A tuple of the places along each axis of `shape` that flat `indices` stand for."""
    flat = convert(indices)
    found = []
    size = int(np.prod(shape))
    flat = where(flat < 0, flat + size, flat)
    for extent in builtins.reversed(tuple(shape)):
        found.append(flat % extent)
        flat = flat // extent
    return tuple(builtins.reversed(found))


@public
def select(condlist, choicelist, default=0):
    """Each element from the first choice whose condition holds, else `default`."""
    if len(condlist) != len(choicelist):
        raise ValueError(
            f"select: there are {len(condlist)} conditions and {len(choicelist)} choices; they must be as many"
        )
    found = default
    for condition, choice in builtins.reversed(builtins.list(zip(condlist, choicelist, strict=True))):
        found = where(condition, choice, found)
    return found


correlate_op = define_op(
    "correlate",
    grad=lambda call, dy: _correlate_grad(call, dy),
    shape=lambda a, b, *, mode: Spec((_correlated(a.shape[0], b.shape[0], mode),), a.dtype),
    reference=lambda a, b, *, mode: np.correlate(a, b, mode).astype(a.dtype),
)


def _correlated(n, m, mode):
    return n + m - 1 if mode == "full" else max(n, m) if mode == "same" else max(n, m) - min(n, m) + 1


def _correlate_grad(call, dy):
    """By the matrix of which element of the output each pair of elements goes to."""
    a, b = call.inputs
    n, m = a.shape[0], b.shape[0]
    whole = n + m - 1
    cut = (whole - dy.shape[0]) // 2 if call.mode != "full" else 0
    if call.mode == "same":
        cut = (m - 1) // 2 if n >= m else (whole - dy.shape[0]) - (n - 1) // 2
    if call.mode == "valid":
        cut = min(n, m) - 1
    full = stack([dy[k - cut] if 0 <= k - cut < dy.shape[0] else dy[0] * 0.0 for k in builtins.range(whole)])
    index = np.arange(n)[:, None] - np.arange(m)[None, :] + m - 1
    spread = take(full, index.astype("int32"), axis=0)
    return [reduction.sum(spread * b, 1), reduction.sum(spread * expand_dims(a, 1), 0)]


@public
def correlate(x1, x2, mode="valid"):
    """The cross-correlation of two vectors; `mode` "valid", "same" or "full"."""
    a, b = as_float(convert(x1)), as_float(convert(x2))
    if len(a.shape) != 1 or len(b.shape) != 1 or mode not in ("valid", "same", "full"):
        raise ValueError(
            "correlate: `x1` and `x2` must be vectors and `mode` 'valid', 'same' or 'full', received shapes "
            f"{tuple(a.shape)}, {tuple(b.shape)}, mode={mode!r}"
        )
    return correlate_op(a, b, mode=mode)


@public
def psnr(x1, x2, max_val):
    """The peak signal-to-noise ratio of two images in decibels, for values up to `max_val`."""
    a, b = as_float(convert(x1)), as_float(convert(x2))
    if a.shape != b.shape:
        raise ValueError(
            f"psnr: `x1` and `x2` must have one shape, received {tuple(a.shape)} and {tuple(b.shape)}"
        )
    return 20.0 * log10(convert(max_val, dtype=b.dtype)) - 10.0 * log10(reduction.mean(square(a - b)))


def vectorize(pyfunc, *, excluded=None, signature=None):
    """A function of single elements, or of the arrays that `signature` says, made into one of whole tensors.

    Args:
        excluded: places (int) and names (str) of arguments that are handed on whole.
        signature: as NumPy's, "(m,n),(n)->(m)": the last axes of each argument that one call takes; all the axes before
            them broadcast against each other, and the calls' results are stacked along them.
    """
    excluded = set(excluded or ())
    cores = _core_axes(signature) if signature is not None else None

    def over_all(*args, **kwargs):
        kept = {name: value for name, value in kwargs.items() if name in excluded}
        names = [name for name in kwargs if name not in excluded]
        places = [i for i in builtins.range(len(args)) if i not in excluded]
        tensors = [convert(args[i]) for i in places] + [convert(kwargs[name]) for name in names]
        if cores is not None and len(cores) != len(tensors):
            raise ValueError(
                f"vectorize: `signature` {signature!r} is one of {len(cores)} arguments, the function was called "
                f"with {len(tensors)}"
            )
        inner = [0] * len(tensors) if cores is None else cores
        for x, n in zip(tensors, inner, strict=True):
            if len(x.shape) < n:
                raise ValueError(
                    f"vectorize: `signature` {signature!r} asks for {n} axes, received shape {tuple(x.shape)}"
                )
        lead = np.broadcast_shapes(
            *[tuple(x.shape[: len(x.shape) - n]) for x, n in zip(tensors, inner, strict=True)]
        )
        rows = []
        for x, n in zip(tensors, inner, strict=True):
            core = tuple(x.shape[len(x.shape) - n :])
            rows.append(reshaped(broadcast_to(x, (*lead, *core)), (math.prod(lead), *core)))

        def call(row):
            given = list(args)
            for i, x in zip(places, row, strict=False):
                given[i] = x
            return pyfunc(*given, **kept, **dict(zip(names, row[len(places) :], strict=True)))

        found = vectorized_map(call, tuple(rows)) if tensors else pyfunc(*args, **kept)
        return (
            nest.map_leaves(lambda leaf: reshaped(leaf, (*lead, *leaf.shape[1:])), found)
            if tensors
            else found
        )

    return public(over_all)


def _core_axes(signature):
    """How many axes each argument of NumPy's "(m,n),(n)->(m)" has for itself."""
    group = r"\(\s*(?:\w+(?:\s*,\s*\w+)*)?\s*\)"
    if not isinstance(signature, str) or not re.fullmatch(
        rf"\s*{group}(?:\s*,\s*{group})*\s*->\s*{group}(?:\s*,\s*{group})*\s*", signature
    ):
        raise ValueError(f"vectorize: `signature` must look like '(m,n),(n)->(m)', received {signature!r}")
    return [len(re.findall(r"\w+", one)) for one in re.findall(group, signature.partition("->")[0])]


def jvp(fun, primals, tangents, has_aux=False):
    """(fun(*primals), its derivative along `tangents`), forwards: the gradient of the gradient.

    With `has_aux`, `fun` returns (outputs, other) and so does this: (outputs, derivatives, other).
    """
    from ..engine.tape import GradientTape
    from .creation import zeros_like

    primals, tangents = [[convert(x) for x in nest.flatten(part)] for part in (primals, tangents)]
    with GradientTape(persistent=True) as outer:
        with GradientTape(persistent=True) as tape:
            for x in primals:
                tape.watch(x)
            result = fun(*primals)
            outputs, aux = result if has_aux else (result, None)
            leaves = nest.flatten(outputs)
        weights = [zeros_like(leaf) for leaf in leaves]
        for weight in weights:
            outer.watch(weight)
        pulled = tape.gradient(leaves, primals, output_gradients=weights)
        along = sum(
            (reduction.sum(g * t) for g, t in zip(pulled, tangents, strict=True) if g is not None), start=0.0
        )
    moved = outer.gradient(along, weights)
    derivative = nest.pack(
        outputs, [zeros_like(leaf) if m is None else m for leaf, m in zip(leaves, moved, strict=True)]
    )
    return (outputs, derivative, aux) if has_aux else (outputs, derivative)
