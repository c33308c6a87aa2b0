"""Bias and activation move into the product or convolution that feeds them."""

from ..op import records
from .body import new_call

_FUSED = {"matmul": "dense", "conv": "conv_bias_act"}


def _epilogue(call):
    """The fused record's attributes for an activation that the kernels' epilogues know, else None."""
    if call.op.name in ("relu", "sigmoid", "tanh"):
        return {"activation": call.op.name}
    if call.op.name == "elu" and call.attrs["scale"] == 1.0:
        return {"activation": "elu", "alpha": call.attrs["alpha"]}
    if call.op.name == "leaky_relu":
        return {"activation": "leaky_relu", "alpha": call.attrs["negative_slope"]}
    return None


def fuse_epilogues(body):
    """matmul or conv, then add of a vector, then an activation: one call, where nobody else reads between."""
    users, wanted = body.users(), body.wanted()
    gone, made = set(), {}

    def only_user(value):
        found = users.get(id(value), [])
        return found[0] if len(found) == 1 and id(value) not in wanted else None

    def free_user(value):  # of two products of one row that are added up, one becomes the other's bias
        user = only_user(value)
        return None if user is None or id(user) in made or id(user) in gone else user

    for node in body.nodes:
        if _FUSED.get(node.op.name) not in records or not _plain(node):
            continue
        last, inputs, attrs = node, list(node.inputs), {"activation": None}
        add = free_user(node.output)
        if add is not None and add.op.name == "add" and add.output.shape == node.output.shape:
            bias = add.inputs[1] if add.inputs[0] is node.output else add.inputs[0]
            if bias.shape and bias.shape[-1] == bias.size == node.output.shape[-1]:
                inputs.append(bias)
                last = add
        act = free_user(last.output)
        if act is not None and act.inputs[0] is last.output:
            described = _epilogue(act)
            if described is not None:
                attrs = described
                last = act
        if last is node:
            continue
        extra = {name: value for name, value in node.attrs.items() if not name.startswith("transpose_")}
        first = []
        if len(inputs) == 3 and len(inputs[2].shape) != 1:
            reshape = new_call(records["reshape"], [inputs[2]], {"newshape": (inputs[2].size,)})
            inputs[2] = reshape.output
            first.append(reshape)
        call = new_call(records[_FUSED[node.op.name]], inputs, {**extra, **attrs}, last.outputs)
        made[id(last)] = [*first, call]
        step = node
        while step is not last:
            gone.add(id(step))
            step = only_user(step.output)
    nodes = []
    for node in body.nodes:
        if id(node) in made:
            nodes += made[id(node)]
        elif id(node) not in gone:
            nodes.append(node)
    return body.rebuilt(nodes)


def _plain(node):
    """A product without transposes of rows with one matrix, or any convolution."""
    if node.op.name == "conv":
        return True
    return (
        not node.attrs.get("transpose_a")
        and not node.attrs.get("transpose_b")
        and len(node.inputs[1].shape) == 2
        and len(node.inputs[0].shape) >= 2
    )
