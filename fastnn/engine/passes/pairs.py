"""A forward call and its gradient's that do the same work, such as exponentials of
logits, become one call."""

from ..op import records
from .body import depends_on, new_call
from .grouping import in_order

# forward record -> (gradient record, the record of both). The forward call makes (loss, for the gradient
# alone); the gradient's takes the forward's inputs, that second result, and the loss's gradient; both
# together take the forward's inputs and the loss's gradient, and make (loss, the gradient call's result).
_PAIRS = {
    name: (f"{name}_grad", f"{name}_both")
    for name in ("softmax_cross_entropy", "sparse_softmax_cross_entropy")
}


def fuse_pairs(body):
    """Replace each such pair, where the second result has no other reader and the loss's
    gradient not the loss."""
    users, wanted = body.users(), body.wanted()
    calls = {}
    for node in body.nodes:
        if node.op.name not in _PAIRS:
            continue
        grad, both = _PAIRS[node.op.name]
        loss, private = node.outputs
        readers = users.get(id(private), [])
        if len(readers) != 1 or readers[0].op.name != grad or id(private) in wanted or both not in records:
            continue
        second = readers[0]
        dy = second.inputs[-1]
        if second.inputs[:-2] != node.inputs or depends_on(dy, node):
            continue
        calls[id(node)] = calls[id(second)] = new_call(
            records[both], [*node.inputs, dy], {}, [loss, second.output]
        )
    if not calls:
        return body
    return body.rebuilt(in_order([calls.get(id(node), node) for node in body.nodes]))
