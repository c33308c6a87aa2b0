"""Maxima and means over sliding windows."""

from .products import channels_first, channels_last, window_padding
from .table import converts


@converts("max_pool", "average_pool")
def _pool(g, call, x):
    rank = len(call.inputs[0].shape)
    y = g.node(
        "MaxPool" if call.op == "max_pool" else "AveragePool",
        [channels_first(g, x, rank)],
        kernel_shape=list(call.pool_size),
        strides=list(call.strides),
        **window_padding(call, call.pool_size, call.strides, (1,) * len(call.pool_size)),
    )
    return channels_last(g, y, rank)
