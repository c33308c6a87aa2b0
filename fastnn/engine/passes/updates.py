"""A weight gradient that only its optimiser's update reads goes into it from the product's registers."""

from ..lower import Buffer, lower
from ..op import records
from .body import new_call
from .sweeps import SMALL


def fuse_updates(body):
    """A product a' b, then an update by it: one call, where one kernel does both.

    The call stands where the update stood. a and b must live until there and the gradient no more, so it has to be the
    larger of the two.
    """
    users, wanted = body.users(), body.wanted()
    gone, made = set(), {}
    for node in body.nodes:
        op = records.get(f"{node.op.name}_by_product")
        gradient = node.inputs[1] if op else None
        if gradient is None or len(users[id(gradient)]) > 1 or id(gradient) in wanted:
            continue
        product = gradient.node
        call = _joined(op, product, node)
        if call is not None:
            made[id(node)] = call
            gone.add(id(product))
    if not made:
        return body
    return body.rebuilt([made.get(id(node), node) for node in body.nodes if id(node) not in gone])


def _joined(op, product, update):
    """The call that does both, or None."""
    if product is None or product.op.name != "matmul":
        return None
    attrs = product.attrs
    if not attrs.get("transpose_a") or attrs.get("transpose_b"):
        return None
    a, b = product.inputs
    rows, size = a.shape[0], product.output.size
    if len(a.shape) != 2 or len(b.shape) != 2 or size <= max(SMALL, rows * (a.shape[1] + b.shape[1])):
        return None
    weight, _, *rest = update.inputs
    inputs = [a, b, weight, *rest]
    attrs = {**update.attrs, **{name: attrs[name] for name in ("precision",) if name in attrs}}
    memory = [[Buffer(value.shape, value.dtype) for value in values] for values in (inputs, update.outputs)]
    lowering = lower(op, *memory, attrs)
    if lowering is None or len(lowering.instructions) > 1:
        return None
    return new_call(op, inputs, attrs, update.outputs)
