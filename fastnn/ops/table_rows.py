"""Updates of a few rows of a large table: the gradient of `take` along axis 0 as (rows, values).

The gradient for a table from which a batch takes some rows is zero everywhere else. `rows_of` finds, behind
such a gradient, the indices and the values that were added up; an optimizer then updates these rows alone.
See `optimizers/row_updates.py` for when it does.
"""

import math

import numpy as np

from ..engine import row_gradients
from ..engine.op import define_op, no_gradient, records
from ..engine.tensor import Spec, Traced
from .indices import index_name, located

_NONE = no_gradient("an update is where differentiation ends")


def rows_of(gradient):
    """[(indices, values)] whose sum over rows `gradient` is, or None where it is something else."""
    if type(gradient) is not Traced:
        return row_gradients.parts_of(gradient)
    node = gradient.node
    if node is None:
        return None
    if node.op.name == "take_grad" and node.attrs["axis"] == 0:
        return [(node.inputs[1], node.inputs[0])]
    if node.op.name == "add":
        parts = [rows_of(x) for x in node.inputs]
        return None if None in parts or node.inputs[0].shape != node.inputs[1].shape else parts[0] + parts[1]
    return None


# ---- unique rows ----


def _unique_shape(indices, dy, *, extent):
    if len(indices.shape) != 1 or len(dy.shape) != 2 or dy.shape[0] != indices.shape[0]:
        raise ValueError(
            "unique_rows: one row of values an index is needed, received shapes "
            f"{tuple(indices.shape)} and {tuple(dy.shape)}"
        )
    return Spec(indices.shape, "int32"), Spec(dy.shape, dy.dtype)


def _unique_reference(indices, dy, *, extent):
    inside, outside = located(indices, extent)
    rows = np.full(len(indices), extent, np.int32)
    g = np.zeros_like(dy)
    first = {}
    for i, row in enumerate(inside.tolist()):
        if outside[i]:
            continue
        at = first.setdefault(row, i)
        rows[at] = row
        g[at] += dy[i]
    return rows, g


def _unique_kernel(call):
    indices, dy = call.inputs
    rows, g = call.outputs
    if dy.dtype != "float32" or indices.dtype not in ("int32", "int64") or not indices.size:
        return False
    following = call.workspace(4 * indices.size)
    call.emit(
        "unique_rows_" + index_name(indices),
        reads=[indices],
        writes=[rows, following],
        sizes=[indices.size, call.extent],
    )
    call.emit(
        "sum_rows_f32",
        reads=[rows, following, dy],
        writes=[g],
        sizes=[indices.size, call.extent, dy.shape[1]],
    )


# indices (k,), values (k, cols) -> rows (k,) int32, g (k, cols): each row that the indices name once, at its first
# place, with the sum of its values; at the other places the row is `extent`, one past the table, and g is 0.
unique_rows_op = define_op(
    "unique_rows", shape=_unique_shape, reference=_unique_reference, kernel=_unique_kernel, grad=_NONE
)


# ---- rows put back ----


def _put_reference(x, rows, values):
    y = x.copy()
    there = rows < len(x)
    y[rows[there]] = values[there]
    return y


def _put_kernel(call):
    x, rows, values = call.inputs
    if x.dtype != "float32" or rows.dtype != "int32" or not values.size:
        return False
    call.emit("copy_apart", reads=[x], writes=call.outputs, sizes=[x.nbytes])
    call.emit(
        "put_rows_b32",
        reads=[rows, values],
        writes=call.outputs,
        sizes=[rows.size, x.shape[0], math.prod(x.shape[1:])],
    )


# x (extent, ...), rows as unique_rows gives them, values (k, ...) -> x with these rows replaced.
put_rows_op = define_op(
    "put_rows",
    shape=lambda x, rows, values: Spec(x.shape, x.dtype),
    grad=_NONE,
    inplace=(0,),
    reference=_put_reference,
    kernel=_put_kernel,
)


def collected(parts, extent, cols):
    """(rows, g) of several (indices, values): see `unique_rows`; values flattened to (entries, cols)."""
    indices = [records["reshape"](i, newshape=(i.size,)) for i, _ in parts]
    values = [records["reshape"](v, newshape=(i.size, cols)) for i, v in parts]
    if len(parts) > 1:
        wide = "int64" if any(i.dtype == "int64" for i in indices) else "int32"
        indices = [i if i.dtype == wide else records["cast"](i, dtype=wide) for i in indices]
        indices, values = (
            [records["concatenate"](*indices, axis=0)],
            [records["concatenate"](*values, axis=0)],
        )
    return unique_rows_op(indices[0], values[0], extent=extent)
