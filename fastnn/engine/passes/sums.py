"""Sums over everything that an elementwise run made: the run adds up its tiles itself,
and stores nothing to sum."""

import math

from ..chain import chain_op, chain_sum_op, fits, result_specs
from ..op import records
from .body import new_call


def fuse_sums(body):
    """A sum (or mean) of sums becomes one; one of all that an elementwise call or chain
    makes becomes a part of it."""
    users, wanted = body.users(), body.wanted()
    gone, made = set(), {}

    def read_once(value):
        return len(users.get(id(value), ())) == 1 and id(value) not in wanted

    for node in body.nodes:
        factor = _factor(node) if node.output.size == 1 and node.op.name != "reshape" else None
        if factor is None:
            continue
        source, passed = node.inputs[0], []
        while source.node is not None and read_once(source):
            share = _factor(source.node)
            if share is None:
                break
            factor *= share
            passed.append(source.node)
            source = source.node.inputs[0]
        maker = source.node
        call = None
        if maker is not None and read_once(source) and id(maker) not in made:
            call = _summing(maker, source, node, factor)
        if call is not None:
            made[id(maker)] = call
            gone.update(map(id, (node, *passed)))
        elif passed and not node.output.shape:
            mean = math.isclose(factor * source.size, 1.0, rel_tol=1e-12)
            if mean or factor == 1.0:
                made[id(node)] = new_call(
                    records["mean" if mean else "sum"],
                    [source],
                    {"axis": None, "keepdims": False},
                    node.outputs,
                )
                gone.update(map(id, passed))
    if not made:
        return body
    nodes = [made.get(id(node), node) for node in body.nodes if id(node) not in gone]
    return body.rebuilt(nodes)


def _factor(node):
    """What a call multiplies its elements with before it adds them up (or only passes them on), else None."""
    x = node.inputs[0] if node.inputs else None
    if x is None or x.dtype != "float32" or x.size == 0:
        return None
    if node.op.name == "mean":
        return node.output.size / x.size
    return 1.0 if node.op.name in ("sum", "reshape") else None


def _summing(maker, source, node, factor):
    """The call `maker` with the sum that `node` makes in place of `source`, or None where
    that does not fit."""
    if maker.op is chain_op:
        steps, results = maker.attrs["steps"], maker.attrs["results"]
    elif maker.op.pointwise is not None:
        steps = ((maker.op.name, tuple(range(len(maker.inputs))), tuple(maker.attrs.items())),)
        results = (len(maker.inputs),)
    else:
        return None
    at = next(i for i, value in enumerate(maker.outputs) if value is source)
    results = (*results[:at], *results[at + 1 :], results[at])
    outputs = (*maker.outputs[:at], *maker.outputs[at + 1 :], node.output)
    if not fits(maker.inputs, steps, result_specs(maker.inputs, steps), list(results), sums=True):
        return None
    return new_call(
        chain_sum_op,
        maker.inputs,
        {"steps": steps, "results": results, "factor": factor, "shape": tuple(node.output.shape)},
        outputs,
    )
