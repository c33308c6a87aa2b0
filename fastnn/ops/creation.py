"""Tensors made from nothing: zeros, ranges, identity matrices; and triangles and diagonals of matrices."""

import operator

import numpy as np

from ..engine import dtypes
from ..engine.allowance import check_passing
from ..engine.op import define_op
from ..engine.symbolic import KerasTensor, public
from ..engine.tensor import Spec, Tensor
from ..engine.variable import Variable, convert
from .axes import canonical_axis
from .shape import as_tuple


def _extents(shape):
    return tuple(map(operator.index, as_tuple(shape)))


def zeros(shape, dtype=None):
    """Zeros; `dtype` is `floatx` by default."""
    return Tensor(np.zeros(_extents(shape), dtypes.NUMPY[dtypes.standardize(dtype)]))


def ones(shape, dtype=None):
    """Ones; `dtype` is `floatx` by default."""
    return Tensor(np.ones(_extents(shape), dtypes.NUMPY[dtypes.standardize(dtype)]))


def empty(shape, dtype=None):
    """As `zeros`: a tensor never changes, so there is nothing to gain from leaving it undefined."""
    return zeros(shape, dtype)


@public
def full(shape, fill_value, dtype=None):
    """A tensor of `shape` with `fill_value`, which broadcasts, everywhere; `dtype` is `floatx` by default."""
    from .shape import broadcast

    return broadcast(convert(fill_value, dtype=dtypes.standardize(dtype)), _extents(shape))


@public
def zeros_like(x, dtype=None):
    """Zeros of the shape (and dtype, by default) of `x`."""
    x = convert(x)
    return zeros(x.shape, dtype or x.dtype)


@public
def ones_like(x, dtype=None):
    """Ones of the shape (and dtype, by default) of `x`."""
    x = convert(x)
    return ones(x.shape, dtype or x.dtype)


@public
def empty_like(x, dtype=None):
    """As `zeros_like`."""
    x = convert(x)
    return zeros(x.shape, dtype or x.dtype)


@public
def full_like(x, fill_value, dtype=None):
    """A tensor of the shape (and dtype, by default) of `x` with `fill_value`, which
    broadcasts, everywhere."""
    x = convert(x)
    return full(tuple(x.shape), fill_value, dtype or x.dtype)


def eye(N, M=None, k=0, dtype=None):  # noqa: N803 - Keras's names
    """(N, M) zeros with ones on diagonal `k`; M is N by default."""
    return Tensor(
        np.eye(
            operator.index(N),
            None if M is None else operator.index(M),
            k,
            dtypes.NUMPY[dtypes.standardize(dtype)],
        )
    )


def identity(n, dtype=None):
    """The identity matrix (n, n)."""
    return eye(n, dtype=dtype)


def tri(N, M=None, k=0, dtype=None):  # noqa: N803 - Keras's names
    """(N, M) with ones at and below diagonal `k`, else zeros."""
    return Tensor(np.tri(N, M, k, dtypes.NUMPY[dtypes.standardize(dtype)]))


def _number(value):
    """A number given as a tensor, a variable or a number, and the dtype it speaks for."""
    if isinstance(value, (Tensor, Variable, np.generic, np.ndarray)):
        value = np.asarray(value)
        return value.item(), dtypes.NAME[value.dtype]
    return value, "int32" if isinstance(value, (int, np.integer)) else dtypes.standardize(None)


def arange(start, stop=None, step=None, dtype=None):
    """start, start + step, ... before `stop`; arange(n) starts at 0. int32 for ints, else `floatx`."""
    given = [_number(v) for v in (start, stop, step) if v is not None]
    if dtype is None:
        dtype = dtypes.promote(*[name for _, name in given])
    dtype = dtypes.NUMPY[dtypes.standardize(dtype)]
    if stop is None:
        start, stop = 0, start
    step = 1 if step is None else step
    return Tensor(np.arange(_number(start)[0], _number(stop)[0], _number(step)[0]).astype(dtype))


def _spaced(function, start, stop, dtype, **options):
    start, stop = np.asarray(start), np.asarray(stop)
    if dtype is None:
        dtype = dtypes.promote(
            dtypes.standardize(None),
            *[dtypes.NAME[a.dtype] for a in (start, stop) if a.dtype in (np.float16, np.float32)],
        )
    return function(start, stop, **options), dtypes.NUMPY[dtypes.standardize(dtype)]


def _are_tensors(*ends):
    return any(isinstance(end, (Tensor, Variable)) for end in ends)


def _between_tensors(start, stop, num, endpoint, dtype, axis):
    """(start, stop, the shares of the way from one to the other that lie along `axis`), as float tensors."""
    from .reduction import as_float
    from .shape import reshaped

    start, stop = as_float(convert(start)), as_float(convert(stop))
    kind = dtypes.standardize(dtype) if dtype is not None else dtypes.promote(start.dtype, stop.dtype)
    check_passing(32 * num, "linspace", f"a list of {num} numbers")
    rank = max(len(start.shape), len(stop.shape))
    axis = canonical_axis("linspace", axis, rank + 1)

    def lifted(x):
        full = (1,) * (rank - len(x.shape)) + tuple(x.shape)
        return reshaped(x, (*full[:axis], 1, *full[axis:]))

    shares = np.linspace(0.0, 1.0, num, endpoint).astype(dtypes.NUMPY[kind])
    return lifted(start), lifted(stop), Tensor(shares.reshape(num, *[1] * (rank - axis))), kind


@public
def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    """`num` evenly spaced numbers from `start` to `stop`; with `retstep`, (them, their distance)."""
    if _are_tensors(start, stop):
        from .casting import cast

        a, b, t, kind = _between_tensors(start, stop, num, endpoint, dtype, axis)
        values = cast(a * (1.0 - t) + b * t, kind)
        steps = num - 1 if endpoint else num
        return (values, (convert(stop) - convert(start)) / (steps or float("nan"))) if retstep else values
    (values, step), dtype = _spaced(
        np.linspace, start, stop, dtype, num=num, endpoint=endpoint, retstep=True, axis=axis
    )
    values = Tensor(values.astype(dtype))
    return (values, Tensor(np.asarray(step, dtype))) if retstep else values


@public
def logspace(start, stop, num=50, endpoint=True, base=10, dtype=None, axis=0):
    """`num` numbers from base**start to base**stop, evenly spaced in their logarithm."""
    if _are_tensors(start, stop):
        from .elementary import exp

        return exp(linspace(start, stop, num, endpoint, dtype=dtype, axis=axis) * float(np.log(base)))
    values, dtype = _spaced(np.logspace, start, stop, dtype, num=num, endpoint=endpoint, base=base, axis=axis)
    return Tensor(values.astype(dtype))


@public
def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    """`num` numbers from `start` to `stop`, each the same multiple of the one before."""
    if _are_tensors(start, stop):
        a, b, t, _ = _between_tensors(start, stop, num, endpoint, dtype, axis)
        return a * (b / a) ** t
    values, dtype = _spaced(np.geomspace, start, stop, dtype, num=num, endpoint=endpoint, axis=axis)
    return Tensor(values.astype(dtype))


# ---- bands of matrices ----


def _band_reference(x, *, low, high):
    rows, cols = np.indices(x.shape[-2:], sparse=True)
    offset = cols - rows
    keep = np.ones(x.shape[-2:], bool)
    if low is not None:
        keep &= offset >= low
    if high is not None:
        keep &= offset <= high
    return np.where(keep, x, np.zeros((), x.dtype))


def _band_shape(x, *, low, high):
    if len(x.shape) < 2:
        raise ValueError(
            f"tril, triu: the input must be a matrix or several, received shape {tuple(x.shape)}"
        )
    return Spec(x.shape, x.dtype)


band_op = define_op(
    "keep_band",
    shape=_band_shape,
    reference=_band_reference,
    grad=lambda call, dy: [band_op(dy, low=call.low, high=call.high)],
)


@public
def tril(x, k=0):
    """The matrices in the last two axes of `x` with zeros above diagonal `k`."""
    return band_op(convert(x), low=None, high=operator.index(k))


@public
def triu(x, k=0):
    """The matrices in the last two axes of `x` with zeros below diagonal `k`."""
    return band_op(convert(x), low=operator.index(k), high=None)


# ---- diagonals: taking one and making one are each other's gradients ----


def _diagonal_shape(x, *, offset):
    rows, cols = x.shape[-2:]
    length = max(min(rows + min(offset, 0), cols - max(offset, 0)), 0)
    return Spec((*x.shape[:-2], length), x.dtype)


def _from_diagonal_reference(x, *, offset, shape):
    y = np.zeros((*x.shape[:-1], *shape), x.dtype)
    i = np.arange(x.shape[-1])
    y[..., i - min(offset, 0), i + max(offset, 0)] = x
    return y


diagonal_op = define_op(
    "diagonal",
    shape=_diagonal_shape,
    reference=lambda x, *, offset: x.diagonal(offset, -2, -1).copy(),
    grad=lambda call, dy: [from_diagonal_op(dy, offset=call.offset, shape=tuple(call.inputs[0].shape[-2:]))],
)
from_diagonal_op = define_op(
    "from_diagonal",
    reference=_from_diagonal_reference,
    shape=lambda x, *, offset, shape: Spec((*x.shape[:-1], *shape), x.dtype),
    grad=lambda call, dy: [diagonal_op(dy, offset=call.offset)],
)


@public
def diagonal(x, offset=0, axis1=0, axis2=1):
    """The diagonals, `offset` above the main one, of the matrices in two axes of `x`; along the last axis."""
    from .shape import moveaxis

    x = convert(x)
    rank = len(x.shape)
    if rank < 2 or canonical_axis("diagonal", axis1, rank) == canonical_axis("diagonal", axis2, rank):
        raise ValueError(
            f"diagonal: `axis1` and `axis2` must be two different axes of an input of shape "
            f"{tuple(x.shape)}, received {axis1} and {axis2}"
        )
    return diagonal_op(moveaxis(x, (axis1, axis2), (-2, -1)), offset=operator.index(offset))


@public
def diag(x, k=0):
    """A matrix with the vector `x` on diagonal `k`; of a matrix, its diagonal `k`."""
    x = convert(x)
    if len(x.shape) == 1:
        side = x.shape[0] + abs(k)
        return from_diagonal_op(x, offset=k, shape=(side, side))
    if len(x.shape) == 2:
        return diagonal_op(x, offset=k)
    raise ValueError(f"diag: the input must be a vector or a matrix, received shape {tuple(x.shape)}")


@public
def diagflat(x, k=0):
    """A matrix with the elements of `x`, in order, on diagonal `k`."""
    from .shape import ravel

    return diag(ravel(x), k)


# ---- to and from ----


def convert_to_tensor(x, dtype=None, sparse=None, ragged=None):
    """`x` (array, number, list, variable, tensor) as a tensor; Python floats become `floatx`, ints int32."""
    if isinstance(x, KerasTensor):
        return x if dtype is None or dtype == x.dtype else _cast(x, dtype)
    return convert(x, None if dtype is None else dtypes.standardize(dtype))


@public
def _cast(x, dtype):
    return convert(x, dtypes.standardize(dtype))


def convert_to_numpy(x):
    """The values of `x` as a NumPy array that may be written."""
    return np.array(x)


def is_tensor(x):
    """Whether `x` is a tensor: of values, traced or symbolic. Variables and arrays are none."""
    return isinstance(x, (Tensor, KerasTensor))


def array(x, dtype=None):
    """As `convert_to_tensor`."""
    return convert_to_tensor(x, dtype)


@public
def copy(x):
    """`x`: tensors never change, so the copy of one is the tensor itself."""
    return convert(x)
