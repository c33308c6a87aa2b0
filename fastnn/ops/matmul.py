"""Matrix products: the records `matmul` and `dense` (with bias and activation), and Keras's functions."""

import math

import numpy as np

from ..engine.op import define_op, records
from ..engine.symbolic import public
from ..engine.tensor import Spec
from ..engine.variable import convert
from .arithmetic import multiply_op
from .epilogue import activated, before_activation, check_activation, kernel_code
from .pointwise import one_dtype, operands, sum_to
from .precision import kernel_name, layer_precision, precision_of, rounded
from .shape import reshaped, transposed

# ---- matmul ----


def _rows_cols(shape, transposed):
    return (shape[-1], shape[-2]) if transposed else (shape[-2], shape[-1])


def _turned(x, transposed):
    return np.swapaxes(x, -1, -2) if transposed else x


def _matmul_shape(a, b, *, transpose_a=False, transpose_b=False, precision=None):
    dtype = one_dtype("matmul", (a, b))
    first, second = tuple(a.shape), tuple(b.shape)
    if len(first) < 2 or len(second) < 2:
        raise ValueError(f"matmul: both operands need two axes or more, received shapes {first} and {second}")
    (m, k), (k2, n) = _rows_cols(first, transpose_a), _rows_cols(second, transpose_b)
    if k != k2:
        raise ValueError(
            f"matmul: the shapes {first} and {second} do not fit together: {k} columns on the left, "
            f"{k2} rows on the right. Transpose or reshape one of them, or swap the two"
        )
    try:
        batch = np.broadcast_shapes(first[:-2], second[:-2])
    except ValueError:
        raise ValueError(
            f"matmul: the leading axes of shapes {first} and {second} do not broadcast: counted "
            "from the last, extents must be equal or 1"
        ) from None
    return Spec((*batch, m, n), dtype)


def _matmul_reference(a, b, *, transpose_a=False, transpose_b=False, precision=None):
    a, b = rounded(precision, a, b)
    with np.errstate(all="ignore"):  # an infinity or a NaN is an answer here, not an accident
        return np.matmul(_turned(a, transpose_a), _turned(b, transpose_b))


def _is_one_matrix(shape):
    return math.prod(shape[:-2]) == 1


def _matmul_grad(call, dy):
    a, b = call.inputs
    ta, tb = call.attrs.get("transpose_a", False), call.attrs.get("transpose_b", False)
    exact = precision_of(call)
    da = db = None
    if call.needs is None or call.needs[0]:
        da = (
            matmul_op(b, dy, transpose_a=tb, transpose_b=True, **exact)
            if ta
            else matmul_op(dy, b, transpose_a=False, transpose_b=not tb, **exact)
        )
        da = sum_to(da, a.shape)
    if call.needs is None or call.needs[1]:
        if not ta and len(a.shape) > 2 and _is_one_matrix(b.shape):  # one product, not a sum of products
            rows = math.prod(a.shape[:-1])
            a, dy = reshaped(a, (rows, a.shape[-1])), reshaped(dy, (rows, dy.shape[-1]))
        db = (
            matmul_op(dy, a, transpose_a=True, transpose_b=ta, **exact)
            if tb
            else matmul_op(a, dy, transpose_a=not ta, transpose_b=False, **exact)
        )
        db = reshaped(db, tuple(b.shape)) if db.size == b.size else sum_to(db, b.shape)
    return [da, db]


def _batch_axes(a_shape, b_shape):
    """(extent, step in a, step in b) of each leading axis in elements, outermost first; neighbours joined."""
    batch = np.broadcast_shapes(a_shape[:-2], b_shape[:-2])

    def steps(shape):
        step, made = math.prod(shape[-2:]), []
        for n in reversed((*(1,) * (len(batch) + 2 - len(shape)), *shape[:-2])):
            made.append(step if n != 1 else 0)
            step *= n
        return made[::-1]

    joined = []
    for n, sa, sb in zip(batch, steps(a_shape), steps(b_shape), strict=True):
        if n == 1:
            continue
        if joined and joined[-1][1] == n * sa and joined[-1][2] == n * sb:
            joined[-1] = (joined[-1][0] * n, sa, sb)
        else:
            joined.append((n, sa, sb))
    return joined


_MOST_BATCH_AXES = 8  # of FNN_MAX_SIZES


def emit_gemm(call, turns, sizes, alpha=0.0, operands=None, output=None):
    """Emits the product of two operands, with a third as bias if there is one; `sizes`: as in gemm.c.

    operands, output: the call's, if None.

    `turns`: "nn", "nt", "tn" or "tt". Where it pays k is cut into parts that are joined afterwards.
    """
    (m, n, _, *finish), parts = sizes[:5], kernel_name(call, f"gemm_{turns}_parts")
    size = call.work_of(parts, sizes)["workspace"] if turns in ("nn", "tn") and len(sizes) == 5 else 0
    a, b, *bias = operands or call.inputs
    outputs = call.outputs if output is None else [output]
    if not size:
        call.emit(kernel_name(call, f"gemm_{turns}"), [a, b, *bias], outputs, sizes, attrs=[alpha])
        return
    call.emit(parts, [a, b], [], sizes)
    joined = [m, n, size // (4 * m * n), *finish]
    call.emit("gemm_join_f32", [call.workspaces[-1], *bias], outputs, joined, attrs=[alpha])


def _emit_product(call, ta, tb, bias, activation, alpha):
    """Emits op(a) op(b) [+ bias, activation]; False where no kernel fits."""
    a, b = call.inputs[:2]
    if any(x.dtype != "float32" for x in call.inputs):
        return False
    (m, k), (_, n) = _rows_cols(a.shape, ta), _rows_cols(b.shape, tb)
    axes = _batch_axes(a.shape, b.shape)
    if not ta and len(axes) == 1 and axes[0][2] == 0:  # the same b for all: more rows of one product
        m, axes = m * axes[0][0], []
    if len(axes) > _MOST_BATCH_AXES:
        return False
    sizes = [m, n, k, int(bias), activation, *(number for axis in axes for number in axis)]
    emit_gemm(call, f"{'t' if ta else 'n'}{'t' if tb else 'n'}", sizes, alpha)
    return True


def _matmul_kernel(call):
    ta, tb = call.attrs.get("transpose_a", False), call.attrs.get("transpose_b", False)
    return _emit_product(call, ta, tb, False, 0, 0.0)


# op(a) op(b); a (..., m, k), or (..., k, m) with transpose_a; b (..., k, n), or (..., n, k) with transpose_b.
# Leading axes broadcast as numpy.matmul's do. `precision`: see precision.py.
matmul_op = define_op(
    "matmul", shape=_matmul_shape, reference=_matmul_reference, grad=_matmul_grad, kernel=_matmul_kernel
)

# ---- dense ----


def _dense_shape(x, w, *bias, activation=None, alpha=0.0, precision=None):
    check_activation(activation, "dense")
    dtype = one_dtype("dense", (x, w, *bias))
    if len(w.shape) != 2 or not x.shape or x.shape[-1] != w.shape[0]:
        raise ValueError(
            f"dense: an input of shape {tuple(x.shape)} needs weights of two axes, the first as long as "
            f"the input's last, received shape {tuple(w.shape)}"
        )
    if bias and tuple(bias[0].shape) != (w.shape[1],):
        raise ValueError(f"dense: `bias` must have shape ({w.shape[1]},), received {tuple(bias[0].shape)}")
    return Spec((*x.shape[:-1], w.shape[1]), dtype)


def _dense_reference(x, w, *bias, activation=None, alpha=0.0, precision=None):
    y = _matmul_reference(x, w, precision=precision)
    if bias:
        y = y + bias[0]
    return activated(y, activation, alpha)


def _dense_grad(call, dy):
    x, w = call.inputs[:2]
    dy = before_activation(call.output, dy, call.attrs.get("activation"), call.attrs.get("alpha", 0.0))
    rows = math.prod(x.shape[:-1])
    x_rows, dy_rows = reshaped(x, (rows, x.shape[-1])), reshaped(dy, (rows, dy.shape[-1]))
    needs, exact = call.needs or (True,) * len(call.inputs), precision_of(call)
    gradients = [None] * len(needs)
    if needs[0]:
        dx = matmul_op(dy_rows, w, transpose_a=False, transpose_b=True, **exact)
        gradients[0] = reshaped(dx, tuple(x.shape))
    if needs[1]:
        gradients[1] = matmul_op(x_rows, dy_rows, transpose_a=True, transpose_b=False, **exact)
    if len(needs) > 2 and needs[2]:
        gradients[2] = records["sum"](dy_rows, axis=(0,), keepdims=False)
    return gradients


def _dense_kernel(call):
    x = call.inputs[0]
    if len(x.shape) < 2:
        return False
    activation = kernel_code(call.attrs.get("activation"))
    return _emit_product(call, False, False, len(call.inputs) > 2, activation, call.attrs.get("alpha", 0.0))


# activation(x @ w + bias); x (..., k), w (k, n), bias (n,) or none. `alpha`: leaky_relu's slope, elu's alpha.
dense_op = define_op(
    "dense", shape=_dense_shape, reference=_dense_reference, grad=_dense_grad, kernel=_dense_kernel
)

# ---- the public functions ----


def product_operands(x1, x2):
    """Both as tensors of one dtype; two int8 tensors become int32, whose sums they would overflow."""
    a, b = operands(x1, x2)
    if a.dtype == "int8":
        a, b = convert(a, dtype="int32"), convert(b, dtype="int32")
    return a, b


@public
def matmul(x1, x2):
    """The matrix product of the last two axes; leading axes broadcast.

    A vector on the left is one row, on the right one column, and that axis is missing from the result.
    """
    a, b = product_operands(x1, x2)
    if not a.shape or not b.shape:
        raise ValueError(
            f"matmul: both operands need an axis or more, received shapes {tuple(a.shape)} and "
            f"{tuple(b.shape)}; multiply by a scalar with `*`"
        )
    row, column = len(a.shape) == 1, len(b.shape) == 1
    if row:
        a = reshaped(a, (1, *a.shape))
    if column:
        b = reshaped(b, (*b.shape, 1))
    y = matmul_op(a, b, transpose_a=False, transpose_b=False, **layer_precision())
    if row or column:
        shape = (*y.shape[:-2], *(() if row else y.shape[-2:-1]), *(() if column else y.shape[-1:]))
        y = reshaped(y, shape)
    return y


def _as_matrix(x, batch, rows, cols):
    """x as (*batch, rows, cols), each of the last two one axis, and whether it came out (*batch, cols, rows).

    batch, rows, cols: the axes of x, in the order wanted.
    """
    natural = tuple(range(len(x.shape)))
    turned = (*batch, *rows, *cols) != natural and (*batch, *cols, *rows) == natural
    if not turned:
        x = transposed(x, (*batch, *rows, *cols))
    kept = len(batch)
    split = kept + (len(cols) if turned else len(rows))
    return reshaped(x, (*x.shape[:kept], math.prod(x.shape[kept:split]), math.prod(x.shape[split:]))), turned


def contract(a, b, batch, contracted):
    """sum over contracted axes of a * b, with the batch axes side by side: (*batch, *free of a, *free of b).

    batch, contracted: pairs (axis of a, axis of b).
    """
    free_a = [i for i in range(len(a.shape)) if i not in {p[0] for p in (*batch, *contracted)}]
    free_b = [i for i in range(len(b.shape)) if i not in {p[1] for p in (*batch, *contracted)}]
    shape = (*(a.shape[i] for i, _ in batch), *(a.shape[i] for i in free_a), *(b.shape[i] for i in free_b))
    if len(contracted) > 1:  # any order will do: keep the operand that is larger as it lies
        contracted = sorted(contracted, key=lambda pair: pair[0 if a.size >= b.size else 1])
    left, ta = _as_matrix(a, [i for i, _ in batch], free_a, [i for i, _ in contracted])
    right, tb = _as_matrix(b, [i for _, i in batch], [i for _, i in contracted], free_b)
    return reshaped(matmul_op(left, right, transpose_a=ta, transpose_b=tb, **layer_precision()), shape)


@public
def tensordot(x1, x2, axes=2):
    """The sum of products over some axes; the result has the other axes of `x1`, then those of `x2`.

    axes: how many of the last axes of `x1` and the first of `x2`; or two lists, one for each.
    """
    a, b = product_operands(x1, x2)
    if isinstance(axes, int):
        if not 0 <= axes <= min(len(a.shape), len(b.shape)):
            raise ValueError(
                f"tensordot: `axes` must lie in 0..{min(len(a.shape), len(b.shape))} for tensors of "
                f"shapes {tuple(a.shape)} and {tuple(b.shape)}, received {axes}"
            )
        first, second = list(range(len(a.shape) - axes, len(a.shape))), list(range(axes))
    else:
        first, second = [[n] if isinstance(n, int) else list(n) for n in axes]
        for x, wanted in ((a, first), (b, second)):
            if any(not -len(x.shape) <= i < len(x.shape) for i in wanted):
                raise ValueError(
                    f"tensordot: `axes` {axes} names an axis that a tensor of shape "
                    f"{tuple(x.shape)} does not have"
                )
        first, second = [i % len(a.shape) for i in first], [i % len(b.shape) for i in second]
    if [a.shape[i] for i in first] != [b.shape[i] for i in second]:
        raise ValueError(
            f"tensordot: the summed axes must be equally long, received {first} of shape "
            f"{tuple(a.shape)} and {second} of shape {tuple(b.shape)}"
        )
    return contract(a, b, [], list(zip(first, second, strict=True)))


@public
def dot(x1, x2):
    """The sum of products over the last axis of `x1` and the second to last (a vector: the only) one of `x2`.

    A scalar operand multiplies the other.
    """
    a, b = operands(x1, x2)
    if not a.shape or not b.shape:
        return multiply_op(a, b)
    return tensordot(a, b, axes=((-1,), (-1 if len(b.shape) == 1 else -2,)))


@public
def inner(x1, x2):
    """The sum of products over the last axes; a scalar operand multiplies the other."""
    a, b = operands(x1, x2)
    if not a.shape or not b.shape:
        return multiply_op(a, b)
    return tensordot(a, b, axes=((-1,), (-1,)))


@public
def outer(x1, x2):
    """out[i, j] = x1[i] * x2[j], over all elements of both."""
    a, b = operands(x1, x2)
    return multiply_op(reshaped(a, (a.size, 1)), reshaped(b, (1, b.size)))


@public
def vdot(x1, x2):
    """The sum of products of all elements, the first operand's conjugated where complex."""
    a, b = operands(x1, x2)
    if a.size != b.size:
        raise ValueError(
            f"vdot: both operands must have as many elements, received shapes {tuple(a.shape)} "
            f"and {tuple(b.shape)}"
        )
    if a.dtype in ("complex64", "complex128"):
        a = records["conjugate"](a)
    return matmul(reshaped(a, (a.size,)), reshaped(b, (b.size,)))
