"""Products whose operands are rounded to bfloat16: what the attribute `precision` of their records means.

`precision="bfloat16"` rounds both operands to nearest even and sums in float32; without the attribute they are
taken as they are. A layer's policy sets it for the products that the layer's call makes, gradient rules hand it on,
and the lowering picks other kernels by it. A layer that computes something else with a product, an average or a
spectrum, has `rounds_products = False`.
"""

import numpy as np

from ..engine.op import context


def layer_precision():
    """The attributes that the policy of the layer being called gives a product: a dict, empty for none."""
    return {} if context.precision is None else {"precision": context.precision}


def precision_of(call):
    """The same attributes of a call, for its gradients' products."""
    precision = call.attrs.get("precision")
    return {} if precision is None else {"precision": precision}


def kernel_name(call, name):
    """The kernel of a product: its name with the operands' type."""
    return name + ("_f32" if call.attrs.get("precision") is None else "_bf16")


def rounded(precision, *arrays):
    """Float arrays with their values rounded as `precision` says, in the dtypes they have."""
    if precision is None:
        return arrays
    return [_bfloat16(x) if x.dtype.kind == "f" else x for x in arrays]


def _bfloat16(x):
    with np.errstate(all="ignore"):
        single = np.ascontiguousarray(x, np.float32)
    bits = single.view(np.uint32)
    up = (bits + np.uint32(0x7FFF) + (bits >> np.uint32(16) & np.uint32(1))) & np.uint32(0xFFFF0000)
    return np.where(np.isnan(single), single, up.view(np.float32)).reshape(x.shape).astype(x.dtype)
