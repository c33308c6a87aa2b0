"""Passes that make a graph smaller without new ops."""

import numpy as np

from ..eager import run_now
from ..tensor import Tensor, Traced
from .body import new_call, with_inputs

_LARGEST_FOLDED = 1 << 16  # elements; larger constants are cheaper to make again than to keep


def remove_dead_code(body):
    """Drop calls whose results nobody reads, and what loops and choices compute for nobody."""
    needed = body.wanted()
    kept = []
    for node in reversed(body.nodes):
        if any(id(value) in needed for value in node.outputs):
            if "control" in node.attrs:
                control, inputs, outputs = node.attrs["control"].narrowed(node, needed)
                if control is not node.attrs["control"]:
                    node = new_call(node.op, inputs, {"control": control}, outputs)
            kept.append(node)
            needed.update(id(value) for value in node.inputs)
    return body.rebuilt(kept[::-1], {})


def fold_constants(body):
    """Run calls on constants now."""
    replaced, kept = {}, []
    for node in body.nodes:
        inputs = [replaced.get(id(value), value) for value in node.inputs]
        small = all(value.size <= _LARGEST_FOLDED for value in node.outputs)
        if small and inputs and all(value.value is not None for value in inputs):
            results = run_now(node.op, tuple(Tensor(value.value) for value in inputs), node.attrs)
            for value, result in zip(node.outputs, results, strict=False):
                array = np.ascontiguousarray(result.array).reshape(value.shape)
                replaced[id(value)] = Traced(value.shape, value.dtype, value.graph, value=array)
        else:
            kept.append(node)
    return body.rebuilt(kept, replaced)


def share_common(body):
    """Compute equal calls once."""
    replaced, kept, seen = {}, [], {}
    for node in body.nodes:
        inputs = [replaced.get(id(value), value) for value in node.inputs]
        key = (node.op.name, tuple(map(id, inputs)), tuple(node.attrs.items()))
        twin = seen.get(key)
        if twin is None:
            seen[key] = node
            kept.append(node)
        else:
            for value, same in zip(node.outputs, twin.outputs, strict=False):
                replaced[id(value)] = same
    return body.rebuilt(kept, replaced)


def _constant_is(value, number):
    return value.value is not None and value.value.size == 1 and value.value.item() == number


def _same_as_input(node, inputs):
    """The input that the call only passes on, or None."""
    name, x, y = node.op.name, inputs[0], node.output
    if name in ("reshape", "cast", "broadcast_to") and x.shape == y.shape and x.dtype == y.dtype:
        return x
    if name == "transpose" and tuple(node.attrs["axes"]) == tuple(range(len(x.shape))):
        return x
    if len(inputs) == 2 and x.dtype == y.dtype == inputs[1].dtype:
        left, right = inputs
        if name in ("multiply", "divide") and _constant_is(right, 1) and left.shape == y.shape:
            return left
        if name == "multiply" and _constant_is(left, 1) and right.shape == y.shape:
            return right
        if name in ("add", "subtract") and _constant_is(right, 0) and left.shape == y.shape:
            return left
        if name == "add" and _constant_is(left, 0) and right.shape == y.shape:
            return right
    return None


# The place of the largest element is the same before and after these; which inputs of a
# call are looked at so.
_KEEP_PEAKS = ("softmax", "log_softmax")
_SEEK_PEAKS = {"argmax": (0,), "class_hits": (1,), "shared_peak": (0, 1)}


def _before_softmax(node, inputs):
    """The inputs of a call that looks for the largest element of each row, with softmaxes
    of rows left out."""
    seen = list(inputs)
    for i in _SEEK_PEAKS[node.op.name]:
        maker = inputs[i].node
        last = len(inputs[i].shape) - 1
        if (
            maker is not None
            and maker.op.name in _KEEP_PEAKS
            and maker.attrs["axis"] == last
            and node.attrs.get("axis", (last,)) == (last,)
        ):
            seen[i] = maker.inputs[0]
    return seen


def simplify_algebra(body):
    """Remove calls that change nothing, steps that undo or repeat each other (reshapes, transposes), and the
    softmax where only the place of the largest element is asked for."""
    replaced, kept = {}, []
    for node in body.nodes:
        inputs = [replaced.get(id(value), value) for value in node.inputs]
        same = _same_as_input(node, inputs) if inputs else None
        if same is not None and len(node.outputs) == 1:
            replaced[id(node.output)] = same
            continue
        if node.op.name in _SEEK_PEAKS:
            inputs = _before_softmax(node, inputs)
        if any(new is not old for new, old in zip(inputs, node.inputs, strict=False)):
            node = with_inputs(node, inputs)
        before = inputs[0].node if inputs else None
        if before is not None and before.op is node.op and node.op.name == "reshape":
            node = with_inputs(node, before.inputs)
            if node.inputs[0].shape == node.output.shape:
                replaced[id(node.output)] = node.inputs[0]
                continue
        elif before is not None and before.op is node.op and node.op.name == "transpose":
            through = tuple(before.attrs["axes"][axis] for axis in node.attrs["axes"])
            if through == tuple(range(len(through))):
                replaced[id(node.output)] = before.inputs[0]
                continue
        kept.append(node)
    return body.rebuilt(kept, replaced)
