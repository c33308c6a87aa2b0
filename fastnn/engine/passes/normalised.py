"""Batch normalisation takes over the relu behind it, and at a residual block's end the
addition before that."""

from ..op import records
from .body import depends_on, new_call
from .grouping import in_order


def fuse_normalised(body):
    """batch_norm_train, then an addition of its own shape, a relu, or both: one call,
    where nobody reads between.

    Without an addition the gradient record takes the relu over too; it finds the relu's mask again from x.
    """
    users, wanted = body.users(), body.wanted()
    calls = {}  # id(node) -> what takes its place; None: nothing

    def only_reader(value):
        found = users.get(id(value), ())
        return found[0] if len(found) == 1 and id(value) not in wanted else None

    for node in body.nodes:
        if node.op.name != "batch_norm_train" or node.attrs["activation"] is not None:
            continue
        y, mean, variance = node.outputs
        reader = only_reader(y)
        if reader is None:
            continue
        if reader.op.name == "relu":
            gradients = [user for user in users.get(id(mean), ()) if user.op.name == "batch_norm_train_grad"]
            if all(_through_relu(gradient, reader, only_reader) for gradient in gradients):
                attrs = {**node.attrs, "activation": "relu"}
                calls[id(reader)] = new_call(node.op, node.inputs, attrs, [reader.output, mean, variance])
                calls[id(node)] = None
                for gradient in gradients:
                    mask = gradient.inputs[-1].node
                    calls[id(mask)] = None
                    calls[id(gradient)] = new_call(
                        gradient.op, [*gradient.inputs[:-1], mask.inputs[1]], attrs, gradient.outputs
                    )
        elif reader.op.name == "add" and all(tuple(x.shape) == tuple(y.shape) for x in reader.inputs):
            added = reader.inputs[1] if reader.inputs[0] is y else reader.inputs[0]
            last, attrs, relu = reader, node.attrs, only_reader(reader.output)
            if id(reader) in calls or depends_on(added, node):
                continue
            if relu is not None and relu.op.name == "relu":
                calls[id(reader)] = None
                last, attrs = relu, {**node.attrs, "activation": "relu"}
            calls[id(node)] = None
            calls[id(last)] = new_call(
                records["batch_norm_train_add"], [*node.inputs, added], attrs, [last.output, mean, variance]
            )
    if not calls:
        return body
    nodes = [calls.get(id(node), node) for node in body.nodes]
    return body.rebuilt(in_order([node for node in nodes if node is not None]))


def _through_relu(gradient, relu, only_reader):
    """Whether the gradient that comes in is what `relu` lets through, and nobody else reads it."""
    dy = gradient.inputs[-1]
    return (
        dy.node is not None
        and dy.node.op.name == "relu_grad"
        and dy.node.inputs[0] is relu.output
        and only_reader(dy) is gradient
    )
