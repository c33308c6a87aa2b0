"""Linear algebra on stacks of matrices, by NumPy, with gradients.

Gradients after M. Giles, "An extended collection of matrix derivative results" (2008), and J. Townsend,
"Differentiating the singular value decomposition" (2016).
"""

import numpy as np

from ..engine.op import define_op, no_gradient
from ..engine.symbolic import public
from ..engine.tensor import Spec
from ..engine.variable import convert
from . import reduction
from .arithmetic import abs as absolute
from .arithmetic import divide, multiply, negative, power, sqrt, square
from .casting import cast
from .creation import diagonal, eye, tril, triu
from .indexing import get_item
from .logic import greater, where
from .matmul import matmul
from .reduction import as_float
from .shape import expand_dims, moveaxis, reshaped, swapaxes
from .sorting import argsort
from .taking import take_along_axis


def _matrices(name, x, square_too=False):
    x = as_float(convert(x))
    if len(x.shape) < 2 or (square_too and x.shape[-1] != x.shape[-2]):
        raise ValueError(
            f"{name}: `x` must hold {'square ' if square_too else ''}matrices in its last two axes, received "
            f"shape {tuple(x.shape)}"
        )
    return x


def _turned(x):
    return swapaxes(x, -1, -2)


def _same(x, *others, **attrs):
    return Spec(x.shape, x.dtype)


def _of_diagonal(values):
    """Matrices with `values` (..., n) on their diagonals."""
    return expand_dims(values, -1) * eye(values.shape[-1], dtype=values.dtype)


def _careful(name, function):
    """A reference whose failures name the op."""

    def reference(*arrays, **attrs):
        try:
            return function(*arrays, **attrs)
        except np.linalg.LinAlgError as error:
            raise ValueError(f"{name}: {error}") from None

    return reference


def _inv_grad(call, dy):
    turned = _turned(call.output)
    return [negative(matmul(matmul(turned, dy), turned))]


inv_op = define_op("inv", shape=_same, reference=_careful("inv", np.linalg.inv), grad=_inv_grad)


@public
def inv(x):
    """The inverses of square matrices (..., n, n).

    Raises:
        ValueError: a matrix is singular.
    """
    return inv_op(_matrices("inv", x, True))


def _det_grad(call, dy):
    scale = expand_dims(expand_dims(dy * call.output, -1), -1)
    return [scale * _turned(inv_op(call.inputs[0]))]


det_op = define_op(
    "det",
    shape=lambda x: Spec(x.shape[:-2], x.dtype),
    reference=lambda x: np.asarray(np.linalg.det(x)),
    grad=_det_grad,
)


@public
def det(x):
    """The determinants of square matrices (..., n, n): shape (...)."""
    return det_op(_matrices("det", x, True))


slogdet_op = define_op(
    "slogdet",
    shape=lambda x: (Spec(x.shape[:-2], x.dtype), Spec(x.shape[:-2], x.dtype)),
    reference=lambda x: tuple(np.asarray(part) for part in np.linalg.slogdet(x)),
    grad=lambda call, dsign, dlog: [expand_dims(expand_dims(dlog, -1), -1) * _turned(inv_op(call.inputs[0]))],
)


@public
def slogdet(x):
    """(sign, logarithm of the absolute value) of the determinants of (..., n, n)."""
    return slogdet_op(_matrices("slogdet", x, True))


@public
def logdet(x):
    """The logarithms of the determinants of positive definite matrices (..., n, n)."""
    return slogdet_op(_matrices("logdet", x, True))[1]


def _lower_half(x):
    """The lower triangle with half of the diagonal."""
    return tril(x) - _of_diagonal(diagonal(x, axis1=-2, axis2=-1)) * 0.5


def _cholesky_grad(call, dy):
    factor = call.output
    back = inv_op(factor)
    inner = _lower_half(matmul(_turned(factor), dy))
    whole = matmul(matmul(_turned(back), inner), back)
    return [(whole + _turned(whole)) * 0.5]


cholesky_op = define_op(
    "cholesky", shape=_same, reference=_careful("cholesky", np.linalg.cholesky), grad=_cholesky_grad
)


@public
def cholesky(x, upper=False):
    """The lower (or upper) triangular factors L of positive definite matrices: x = L L^T.

    Raises:
        ValueError: a matrix is not positive definite.
    """
    factor = cholesky_op(_matrices("cholesky", x, True))
    return _turned(factor) if upper else factor


@public
def cholesky_inverse(x, upper=False):
    """The inverses of the matrices whose Cholesky factors are `x`."""
    back = inv_op(_matrices("cholesky_inverse", x, True))
    return matmul(back, _turned(back)) if upper else matmul(_turned(back), back)


def _solve_grad(call, dy):
    a = call.inputs[0]
    db = solve_op(_turned(a), dy)
    return [negative(matmul(db, _turned(call.output))), db]


solve_op = define_op(
    "solve",
    shape=lambda a, b: Spec(b.shape, b.dtype),
    reference=_careful("solve", np.linalg.solve),
    grad=_solve_grad,
)


def _triangle(a, lower):
    return np.tril(a) if lower else np.triu(a)


def _solve_triangular_grad(call, dy):
    a = call.inputs[0]
    db = solve_triangular_op(_turned(a), dy, lower=not call.lower)
    da = negative(matmul(db, _turned(call.output)))
    return [tril(da) if call.lower else triu(da), db]


solve_triangular_op = define_op(
    "solve_triangular",
    shape=lambda a, b, *, lower: Spec(b.shape, b.dtype),
    grad=_solve_triangular_grad,
    reference=_careful("solve_triangular", lambda a, b, *, lower: np.linalg.solve(_triangle(a, lower), b)),
)


def _solved(name, op, a, b, **attrs):
    a, b = _matrices(name, a, True), as_float(convert(b))
    vector = len(b.shape) == len(a.shape) - 1
    b = expand_dims(b, -1) if vector else b
    if b.shape[:-1] != a.shape[:-1]:
        raise ValueError(
            f"{name}: `b` must have shape {tuple(a.shape[:-1])} or {(*a.shape[:-1], 'k')} for matrices of shape "
            f"{tuple(a.shape)}, received {tuple(b.shape)}"
        )
    found = op(a, b, **attrs)
    return found[..., 0] if vector else found


@public
def solve(a, b):
    """x with a x = b, for matrices a (..., n, n) and b (..., n) or (..., n, k).

    Raises:
        ValueError: a matrix is singular.
    """
    return _solved("solve", solve_op, a, b)


@public
def solve_triangular(a, b, lower=False):
    """x with a x = b, of `a` only the upper (or lower) triangle used."""
    return _solved("solve_triangular", solve_triangular_op, a, b, lower=bool(lower))


def _gaps(w):
    """1 / (w_j - w_i), 0 on the diagonal."""
    gap = expand_dims(w, -2) - expand_dims(w, -1)
    same = eye(w.shape[-1], dtype=w.dtype)
    return (1.0 - same) / (gap + same)


def _eigh_grad(call, dw, dv):
    w, v = call.outputs
    inner = _of_diagonal(dw) + matmul(_turned(v), dv) * _gaps(w)
    whole = matmul(matmul(v, inner), _turned(v))
    return [(whole + _turned(whole)) * 0.5]


eigh_op = define_op(
    "eigh",
    shape=lambda x: (Spec(x.shape[:-1], x.dtype), Spec(x.shape, x.dtype)),
    reference=_careful("eigh", lambda x: tuple(np.linalg.eigh(x))),
    grad=_eigh_grad,
)


@public
def eigh(x):
    """(eigenvalues in rising order (..., n), eigenvectors as columns (..., n, n)) of symmetric matrices."""
    return eigh_op(_matrices("eigh", x, True))


def _complex_of(dtype):
    return "complex128" if dtype == "float64" else "complex64"


def _eig_grad(call, *douts):
    raise NotImplementedError(
        "eig: eigenvalues and eigenvectors of general matrices have no gradient here; use ops.eigh for symmetric "
        "matrices, or ops.stop_gradient around what eig returns"
    )


eig_op = define_op(
    "eig",
    shape=lambda x: (Spec(x.shape[:-1], _complex_of(x.dtype)), Spec(x.shape, _complex_of(x.dtype))),
    reference=_careful("eig", lambda x: tuple(np.linalg.eig(x))),
    grad=_eig_grad,
)


@public
def eig(x):
    """(eigenvalues (..., n), eigenvectors as columns (..., n, n)) of square matrices, complex."""
    return eig_op(_matrices("eig", x, True))


def _qr_shape(x, *, mode):
    m, n = x.shape[-2:]
    k = m if mode == "complete" else min(m, n)
    return Spec((*x.shape[:-1], k), x.dtype), Spec((*x.shape[:-2], k, n), x.dtype)


def _qr_grad(call, dq, dr):
    q, r = call.outputs
    if q.shape[-2] < r.shape[-1] or call.mode == "complete" and q.shape[-2] != r.shape[-1]:
        raise ValueError(
            "qr: there is a gradient for mode='reduced' of matrices at least as high as wide only, received "
            f"shape {tuple(call.inputs[0].shape)}"
        )
    m = matmul(r, _turned(dr)) - matmul(_turned(dq), q)
    symmetric = tril(m, -1) + _turned(tril(m, -1)) + _of_diagonal(diagonal(m, axis1=-2, axis2=-1))
    return [_turned(solve_triangular_op(r, _turned(dq + matmul(q, symmetric)), lower=False))]


qr_op = define_op(
    "qr", shape=_qr_shape, reference=lambda x, *, mode: tuple(np.linalg.qr(x, mode)), grad=_qr_grad
)


@public
def qr(x, mode="reduced"):
    """(q with orthonormal columns, upper triangular r), x = q r; mode "reduced" or "complete"."""
    if mode not in ("reduced", "complete"):
        raise ValueError(f"qr: `mode` must be 'reduced' or 'complete', received {mode!r}")
    return qr_op(_matrices("qr", x), mode=mode)


def _svd_shape(x, *, full):
    m, n = x.shape[-2:]
    k = min(m, n)
    lead = x.shape[:-2]
    return (
        Spec((*lead, m, m if full else k), x.dtype),
        Spec((*lead, k), x.dtype),
        Spec((*lead, n if full else k, n), x.dtype),
    )


def _svd_grad(call, du, ds, dvt):
    u, s, vt = call.outputs
    if call.full and u.shape[-1] != vt.shape[-1]:
        raise ValueError("svd: matrices that are not square have a gradient with full_matrices=False only")
    v, dv, ut = _turned(vt), _turned(dvt), _turned(u)
    gaps = _gaps(square(s))
    row, column = expand_dims(s, -2), expand_dims(s, -1)
    a, b = matmul(ut, du), matmul(vt, dv)
    inner = _of_diagonal(ds) + (gaps * (a - _turned(a))) * row + column * (gaps * (b - _turned(b)))
    whole = matmul(matmul(u, inner), vt)
    if u.shape[-2] > u.shape[-1]:  # what du has outside the columns of u
        rest = du - matmul(u, a)
        whole = whole + matmul(rest / row, vt)
    if v.shape[-2] > v.shape[-1]:
        rest = dv - matmul(v, b)
        whole = whole + matmul(u, _turned(rest / row))
    return [whole]


svd_op = define_op(
    "svd",
    shape=_svd_shape,
    grad=_svd_grad,
    reference=_careful("svd", lambda x, *, full: tuple(np.linalg.svd(x, full_matrices=full))),
)


@public
def svd(x, full_matrices=True, compute_uv=True):
    """(u, singular values in falling order, v^T) of matrices (..., m, n), x = u diag(s) v^T; with
    compute_uv=False the singular values alone."""
    x = _matrices("svd", x)
    return svd_op(x, full=bool(full_matrices)) if compute_uv else svd_op(x, full=False)[1]


@public
def pinv(x, rcond=None):
    """The Moore-Penrose inverses of matrices (..., m, n); singular values below `rcond` of the largest count as 0."""
    x = _matrices("pinv", x)
    u, s, vt = svd_op(x, full=False)
    if rcond is None:
        rcond = 10.0 * max(x.shape[-2:]) * float(np.finfo(x.dtype).eps)
    keep = greater(s, rcond * reduction.max(s, -1, keepdims=True))
    back = where(keep, 1.0 / where(keep, s, convert(1.0, dtype=s.dtype)), convert(0.0, dtype=s.dtype))
    return matmul(_turned(vt), expand_dims(back, -1) * _turned(u))


@public
def lstsq(a, b, rcond=None):
    """x with the least |a x - b|, and of those the least |x|: a (m, n), b (m,) or (m, k)."""
    b = as_float(convert(b))
    back = pinv(a, np.finfo("float32").eps * max(convert(a).shape[-2:]) if rcond is None else rcond)
    return matmul(back, b)


@public
def matrix_rank(x, tol=None):
    """The int32 number of singular values above `tol`, by default the largest times max(m, n) times epsilon."""
    x = _matrices("matrix_rank", x)
    s = svd_op(x, full=False)[1]
    if tol is None:
        tol = reduction.max(s, -1, keepdims=True) * (max(x.shape[-2:]) * float(np.finfo(x.dtype).eps))
    return reduction.sum(cast(greater(s, tol), "int32"), -1)


def _lu_reference(x):
    try:
        from scipy.linalg import lu_factor as factor
    except ImportError:
        raise ImportError("lu_factor needs SciPy: pip install 'fastnn[scipy]'") from None
    flat = x.reshape(-1, *x.shape[-2:])
    found = [factor(one) for one in flat]
    lu = np.stack([one[0] for one in found]) if found else flat
    pivots = np.stack([one[1] for one in found]) if found else np.zeros(flat.shape[:2])
    return lu.reshape(x.shape), pivots.reshape(*x.shape[:-2], pivots.shape[-1]).astype(np.int32)


def _row_order_reference(pivots):
    order = np.broadcast_to(np.arange(pivots.shape[-1], dtype=np.int32), pivots.shape).copy()
    for i in range(pivots.shape[-1]):
        other = pivots[..., i : i + 1]
        here = order[..., i : i + 1].copy()
        order[..., i : i + 1] = np.take_along_axis(order, other, -1)
        np.put_along_axis(order, other, here, -1)
    return order


_row_order_op = define_op(  # where LU's rows come from in the matrix, of its row exchanges
    "lu_row_order",
    shape=lambda pivots: Spec(pivots.shape, "int32"),
    reference=_row_order_reference,
    grad=no_gradient("integer output"),
)


def _lu_grad(call, dy, dpivots):
    """Of a = P L U: P L^-T (tril(L^T dL, -1) + triu(dU U^T)) U^-T."""
    lu, pivots = call.outputs
    n = lu.shape[-1]
    if lu.shape[-2] != n:
        raise NotImplementedError(
            f"lu_factor: the gradient is there for square matrices only, received shape {tuple(lu.shape)}"
        )
    upper = triu(lu)
    lower = tril(lu, -1) + eye(n, dtype=lu.dtype)
    inner = tril(matmul(_turned(lower), tril(dy, -1)), -1) + triu(matmul(triu(dy), _turned(upper)))
    left = solve_triangular_op(_turned(lower), inner, lower=False)
    rows = _turned(solve_triangular_op(upper, _turned(left), lower=False))
    back = argsort(_row_order_op(pivots), -1)
    return [take_along_axis(rows, expand_dims(back, -1), -2)]


lu_op = define_op(
    "lu_factor",
    reference=_lu_reference,
    grad=_lu_grad,
    shape=lambda x: (Spec(x.shape, x.dtype), Spec((*x.shape[:-2], min(x.shape[-2:])), "int32")),
)


@public
def lu_factor(x):
    """(the factors L and U in one matrix, int32 row exchanges) of (..., m, n); needs SciPy."""
    return lu_op(_matrices("lu_factor", x))


def _vector_norm(x, ord, axis, keepdims):  # noqa: A002 - Keras's name
    if ord is None or ord == 2:
        return sqrt(reduction.sum(square(x), axis, keepdims))
    if ord == float("inf"):
        return reduction.max(absolute(x), axis, keepdims)
    if ord == float("-inf"):
        return reduction.min(absolute(x), axis, keepdims)
    if ord == 0:
        return reduction.sum(cast(x != 0, x.dtype), axis, keepdims)
    if ord == 1:
        return reduction.sum(absolute(x), axis, keepdims)
    if isinstance(ord, str):
        raise ValueError(f"norm: `ord`={ord!r} is for matrices; give `axis` two axes")
    return power(reduction.sum(power(absolute(x), float(ord)), axis, keepdims), 1.0 / ord)


def _matrix_norm(x, ord, axes, keepdims):  # noqa: A002
    if ord is None or ord == "fro":
        return sqrt(reduction.sum(square(x), axes, keepdims))
    rank = len(x.shape)
    rows, columns = (axis % rank for axis in axes)
    if ord in (1, -1, float("inf"), float("-inf")):
        first, second = (rows, columns) if ord in (1, -1) else (columns, rows)
        pick = reduction.max if ord > 0 else reduction.min
        return pick(reduction.sum(absolute(x), first, True), axes, keepdims)
    if ord not in (2, -2, "nuc"):
        raise ValueError(
            f"norm: `ord` must be None, 'fro', 'nuc', 1, 2, inf or their negatives for matrices, received {ord!r}"
        )
    s = svd_op(moveaxis(x, (rows, columns), (-2, -1)), full=False)[1]
    found = reduction.sum(s, -1) if ord == "nuc" else (reduction.max if ord > 0 else reduction.min)(s, -1)
    return (
        reshaped(found, [1 if a in (rows, columns) else n for a, n in enumerate(x.shape)])
        if keepdims
        else found
    )


@public
def norm(x, ord=None, axis=None, keepdims=False):  # noqa: A002
    """Norms of vectors (one `axis`) or matrices (two), as numpy.linalg.norm; all elements as one vector by default."""
    x = as_float(convert(x))
    if axis is None:
        if ord is None:
            return sqrt(reduction.sum(square(x), None, keepdims))
        axis = tuple(range(len(x.shape)))
    axis = (axis,) if isinstance(axis, int) else tuple(axis)
    if len(axis) not in (1, 2):
        raise ValueError(f"norm: `axis` must name one or two axes, received {axis}")
    return _vector_norm(x, ord, axis, keepdims) if len(axis) == 1 else _matrix_norm(x, ord, axis, keepdims)


@public
def trace(x, offset=0, axis1=0, axis2=1):
    """The sums along the diagonals."""
    return reduction.sum(diagonal(convert(x), offset, axis1, axis2), -1)


@public
def cross(x1, x2, axisa=-1, axisb=-1, axisc=-1, axis=None):
    """The cross products of vectors of 2 or 3 components."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = moveaxis(convert(x1), axisa, -1), moveaxis(convert(x2), axisb, -1)
    if a.shape[-1] not in (2, 3) or b.shape[-1] not in (2, 3):
        raise ValueError(
            f"cross: vectors must have 2 or 3 components, received {a.shape[-1]} and {b.shape[-1]}"
        )
    part = lambda v, i: get_item(v, (Ellipsis, i)) if i < v.shape[-1] else None  # noqa: E731

    def minor(i, j):
        terms = [(part(a, i), part(b, j), 1.0), (part(a, j), part(b, i), -1.0)]
        found = None
        for left, right, sign in terms:
            if left is not None and right is not None:
                term = multiply(left, right) if sign > 0 else negative(multiply(left, right))
                found = term if found is None else found + term
        return found

    if a.shape[-1] == b.shape[-1] == 2:
        return minor(0, 1)
    from .joining import stack

    return moveaxis(stack([minor(1, 2), minor(2, 0), minor(0, 1)], axis=-1), -1, axisc)


@public
def kron(x1, x2):
    """The Kronecker product: each element of x1 times all of x2."""
    a, b = convert(x1), convert(x2)
    rank = max(len(a.shape), len(b.shape))
    first = (1,) * (rank - len(a.shape)) + tuple(a.shape)
    second = (1,) * (rank - len(b.shape)) + tuple(b.shape)
    spread = [n for pair in zip(first, (1,) * rank, strict=True) for n in pair]
    inner = [n for pair in zip((1,) * rank, second, strict=True) for n in pair]
    return reshaped(
        reshaped(a, spread) * reshaped(b, inner), [n * m for n, m in zip(first, second, strict=True)]
    )


@public
def corrcoef(x):
    """Pearson's correlation of the rows of `x`: a symmetric matrix."""
    x = as_float(convert(x))
    x = reshaped(x, (1, x.size)) if len(x.shape) < 2 else x
    far = x - reduction.mean(x, 1, keepdims=True)
    covariance = matmul(far, _turned(far))
    spread = sqrt(diagonal(covariance))
    found = divide(covariance, expand_dims(spread, 0) * expand_dims(spread, 1))
    return found[0, 0] if found.shape == (1, 1) else found


@public
def cdist(x, y):
    """Euclidean distances between the rows of x (..., m, d) and of y (..., n, d): shape (..., m, n)."""
    x, y = _matrices("cdist", x), _matrices("cdist", y)
    if x.shape[-1] != y.shape[-1]:
        raise ValueError(
            f"cdist: the last axes of `x` and `y` must agree, received shapes {tuple(x.shape)} and "
            f"{tuple(y.shape)}"
        )
    return sqrt(reduction.sum(square(expand_dims(x, -2) - expand_dims(y, -3)), -1))


@public
def vander(x, N=None, increasing=False):  # noqa: N803 - Keras's name
    """The matrix of powers of a vector's elements, N columns, falling powers first unless `increasing`."""
    x = convert(x)
    if len(x.shape) != 1:
        raise ValueError(f"vander: `x` must be a vector, received shape {tuple(x.shape)}")
    count = x.shape[0] if N is None else N
    exponents = np.arange(count) if increasing else np.arange(count)[::-1]
    return power(expand_dims(x, -1), convert(exponents.astype(x.dtype)))
