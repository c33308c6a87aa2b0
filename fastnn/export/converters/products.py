"""Matrix products, and convolutions in one, two and three dimensions with their transposes."""

from ..onnx_graph import Unsayable
from ..sizes import Varying, combined
from .elementwise import formula
from .table import converts


def activated(g, call, y):
    """The activation that a product's record has in it."""
    name, alpha = call.attrs.get("activation"), call.attrs.get("alpha", 0.0)
    if name is None:
        return y
    attrs = {"leaky_relu": {"negative_slope": alpha}, "elu": {"alpha": alpha, "scale": 1.0}}.get(name, {})
    return formula(name, **attrs)(g, call.output.dtype, y)


def turned(g, value, name):
    """The matrices in the last two axes of a tensor, transposed."""
    rank = len(value.shape)
    return g.transpose(name, [*range(rank - 2), rank - 1, rank - 2])


@converts("matmul")
def _matmul(g, call, a, b):
    if call.attrs.get("transpose_a"):
        a = turned(g, call.inputs[0], a)
    if call.attrs.get("transpose_b"):
        b = turned(g, call.inputs[1], b)
    return g.node("MatMul", [a, b])


@converts("dense")
def _dense(g, call, x, w, bias=None):
    y = g.node("MatMul", [x, w])
    return activated(g, call, g.node("Add", [y, bias]) if bias is not None else y)


def channels_first(g, x, rank):
    return g.transpose(x, [0, rank - 1, *range(1, rank - 1)])


def channels_last(g, y, rank):
    return g.transpose(y, [0, *range(2, rank), 1])


def window_padding(call, sizes, strides, dilation):
    """{attribute: value} of the padding: numbers, or the rule of "same" where the extents are unknown."""
    pairs = call.padding
    if not any(isinstance(n, Varying) for pair in pairs for n in pair):
        return {"pads": [*[before for before, _ in pairs], *[after for _, after in pairs]]}
    for (before, after), extent, size, stride, gap in zip(
        pairs, call.inputs[0].shape[1:-1], sizes, strides, dilation
    ):

        def total(n, size=size, stride=stride, gap=gap):
            return max((-(-n // stride) - 1) * stride + (size - 1) * gap + 1 - n, 0)

        same = combined(lambda n: total(n) // 2, extent), combined(lambda n: total(n) - total(n) // 2, extent)
        if same != (before, after):
            raise Unsayable("padding that follows from an unknown extent")
    return {"auto_pad": "SAME_UPPER"}


@converts("conv", "conv_bias_act")
def _conv(g, call, x, kernel, bias=None):
    """Kernel (*window, channels / groups, filters) to ONNX's (filters, channels / groups, *window)."""
    rank = len(call.inputs[0].shape)
    window = call.inputs[1].shape[:-2]
    y = g.node(
        "Conv",
        [channels_first(g, x, rank), g.transpose(kernel, [rank - 1, rank - 2, *range(rank - 2)]), bias],
        kernel_shape=list(window),
        strides=list(call.strides),
        dilations=list(call.dilation),
        group=call.groups,
        **window_padding(call, window, call.strides, call.dilation),
    )
    return activated(g, call, channels_last(g, y, rank))


@converts("conv_input_grad")
def _conv_transpose(g, call, dy, kernel):
    """A transposed convolution: `kernel` (*window, channels / groups, filters), dy has `filters` channels."""
    rank = len(call.inputs[0].shape)
    window = call.inputs[1].shape[:-2]
    extra = []
    for n, count, size, stride, gap, (before, after) in zip(
        call.input_shape[1:-1], call.inputs[0].shape[1:-1], window, call.strides, call.dilation, call.padding
    ):
        least = combined(
            lambda c, b, a, size=size, stride=stride, gap=gap: (
                stride * (c - 1) + (size - 1) * gap + 1 - b - a
            ),
            count,
            before,
            after,
        )
        extra.append(combined(lambda m, k: m - k, n, least))
    pads = [*[before for before, _ in call.padding], *[after for _, after in call.padding]]
    if any(isinstance(n, Varying) for n in (*extra, *pads)):
        raise Unsayable("a transposed convolution whose padding follows from an unknown extent")
    y = g.node(
        "ConvTranspose",
        [channels_first(g, dy, rank), g.transpose(kernel, [rank - 1, rank - 2, *range(rank - 2)])],
        kernel_shape=list(window),
        strides=list(call.strides),
        dilations=list(call.dilation),
        group=call.groups,
        pads=pads,
        output_padding=extra,
    )
    return channels_last(g, y, rank)
