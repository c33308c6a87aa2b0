"""A relu before a maximum over windows: its gradient, and the bias's, are taken where there are fewer elements."""

from ..op import records
from .body import Body, new_call, with_inputs


def mask_before_unpooling(body):
    """relu_grad(x, max_pool_grad(x, y, dy)) becomes max_pool_grad(x, y, relu_grad(y, dy)).

    A window's gradient goes to a cell that equals its maximum, so the relu that made x was open there just where y > 0.
    What a sum over all axes but the last then reads of the result, it reads of relu_grad(y, dy): each window's gradient
    goes to one cell, and windows without one were masked.
    """
    users, wanted = body.users(), body.wanted()
    nodes, masked = [], {}  # masked: id of max_pool_grad's output -> its dy
    for node in body.nodes:
        pool = _unpooling(node, users, wanted)
        if pool is not None:
            x, y, dy = pool.inputs
            mask = new_call(records["relu_grad"], [y, dy], {})
            nodes.remove(pool)
            nodes += [mask, new_call(pool.op, [x, y, mask.output], pool.attrs, node.outputs)]
            masked[id(node.output)] = mask.output
        elif node.op.name == "sum" and id(node.inputs[0]) in masked and _over_cells(node):
            nodes.append(with_inputs(node, [masked[id(node.inputs[0])]]))
        else:
            nodes.append(node)
    return Body(nodes, body.inputs, body.outputs, body.updates, body.reads) if masked else body


def _unpooling(node, users, wanted):
    """The max_pool_grad whose result `node`, the gradient of the relu before, alone reads; else None."""
    if node.op.name != "relu_grad":
        return None
    x, dx = node.inputs
    pool = dx.node
    if pool is None or pool.op.name != "max_pool_grad" or pool.inputs[0] is not x:
        return None
    return pool if len(users[id(dx)]) == 1 and id(dx) not in wanted else None


def _over_cells(node):
    last = len(node.inputs[0].shape) - 1
    return tuple(axis % (last + 1) for axis in node.attrs["axis"]) == tuple(range(last))
