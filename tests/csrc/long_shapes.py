"""Kernels at shapes drawn at random, sizes near thresholds above all, against float64 in every table.

Guards lie around all that is written, and the bits must be the same on 1, 2, 3 and 5 threads. A command of its own:
`FASTNN_SHAPES=500 pytest tests/csrc/long_shapes.py`, the number being the cases of each family, whose seeds begin at
FASTNN_SHAPES_SEED. In the build of `make checked` every call is also shared out in other ways, on copies of its memory.
"""

import math
import os

import numpy as np
import pytest
from support import EPS32, ISAS, run_in_c

import fastnn.metrics
import fastnn.ops.table_rows  # noqa: F401 - both make records
from fastnn.engine.op import records
from fastnn.ops.recurrent import GRU, LSTM, SIMPLE

CASES = int(os.environ.get("FASTNN_SHAPES", "40"))
FIRST = int(os.environ.get("FASTNN_SHAPES_SEED", "0"))
NEAR = [
    k
    for n in (8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 320, 512, 768, 1024, 2048)
    for k in (n - 1, n, n + 1)
]
NEAR = [*range(1, 7), *NEAR]
ACTIVATIONS = (None, 0.0), ("relu", 0.0), ("leaky_relu", 0.3), ("sigmoid", 0.0), ("tanh", 0.0), ("elu", 0.7)


class Draw:
    """Random sizes, choices and arrays."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def size(self, most, least=1):
        if self.chance(0.3):
            return int(math.exp(self.rng.uniform(math.log(least), math.log(most + 0.5))))
        near = [n for n in NEAR if least <= n <= most]
        return near[int(len(near) * self.rng.random() ** 1.2)]

    def one(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def chance(self, share):
        return bool(self.rng.random() < share)

    def array(self, *shape, scale=1.0):
        return self.rng.uniform(-scale, scale, shape).astype(np.float32)

    def axes(self, rank):
        count = int(self.rng.integers(1, rank + 1))
        return tuple(sorted(self.rng.choice(rank, count, replace=False).tolist()))

    def until(self, make, fits):
        """What `make` gives, the first time that it fits."""
        while not fits(made := make()):
            pass
        return made


def compare(name, arrays, tolerance, only=None, **attrs):
    """A record's kernels against its float64 reference, and each team's bits against one thread's.

    tolerance: of the largest element; 0: exactly. only: the outputs that count.
    """
    op = records[name]
    wide = [a.astype(np.float64) if a.dtype == np.float32 else a for a in arrays]
    want = op.reference(*wide, **attrs)
    want = want if type(want) is tuple else (want,)
    for isa in ISAS:
        for at, (got, w) in enumerate(zip(run_in_c(op, arrays, isa, **attrs), want, strict=True)):
            if only is None or at in only:
                error = tolerance * (1 + float(np.abs(w[np.isfinite(w)]).max(initial=0)))
                np.testing.assert_allclose(got, w, rtol=0, atol=error, err_msg=f"{name}, output {at}, {isa}")
    alone = run_in_c(op, arrays, ISAS[0], team=1, **attrs)
    for team in (2, 3, 5):
        for a, b in zip(alone, run_in_c(op, arrays, ISAS[0], team=team, **attrs), strict=True):
            assert a.tobytes() == b.tobytes(), f"{name}: other bits on {team} threads"


def rounding(terms):
    """Of a sum of so many products of numbers up to 1, as a share of the largest of many such sums."""
    return EPS32 * (32 + 8 * math.sqrt(terms))


def products(draw):
    most = draw.one(4e6, 6e7)
    m, n, k = draw.until(lambda: [draw.size(2100) for _ in range(3)], lambda s: math.prod(s) <= most)
    ta, tb, batch = draw.chance(0.5), draw.chance(0.5), (draw.one(2, 3),) if draw.chance(0.2) else ()
    a, b = draw.array(*batch, *((k, m) if ta else (m, k))), draw.array(*((n, k) if tb else (k, n)))
    exact = {"precision": "bfloat16"} if draw.chance(0.3) else {}
    compare("matmul", [a, b], rounding(k), transpose_a=ta, transpose_b=tb, **exact)
    activation, alpha = draw.one(*ACTIVATIONS)
    operands = [draw.array(m, k), draw.array(k, n), *([draw.array(n)] if draw.chance(0.6) else [])]
    compare("dense", operands, rounding(k), activation=activation, alpha=alpha, **exact)


def _convolution(draw, form):
    """Shapes of x, kernel and y, and the attributes."""
    rank = draw.one(2, 2, 3) if form == "tiles" else draw.one(1, 2, 2, 2, 3)
    large = draw.chance(0.3)
    image = [draw.size(12 if large else 60 if rank < 3 else 14) for _ in range(rank)]
    window = [draw.one(1, 2, 3, 3, 4, 5, 7) if rank < 3 else draw.one(1, 2, 3) for _ in image]
    strides, dilation = [draw.one(1, 1, 2, 3) for _ in image], [draw.one(1, 1, 1, 2, 3) for _ in image]
    padding = [(draw.one(-1, 0, 1, 2, 4), draw.one(-1, 0, 1, 2, 3)) for _ in image]
    groups, most = 1, (1100 if large else 140)
    channels, filters = draw.size(most), draw.size(most)
    if form == "tiles":
        window, strides, dilation = [draw.one(1, 2, 3)] * (rank - 2) + [3, 3], [1] * rank, [1] * rank
        channels, filters = draw.size(most, 16), draw.size(most, 16)
    elif form == "depthwise":
        groups = channels = draw.size(2 * most, 2)
        filters = channels * draw.one(1, 1, 2, 3, 5)
    elif draw.chance(0.25):
        groups = draw.one(2, 3, 4)
        channels, filters = groups * draw.size(40), groups * draw.size(40)
    cells = [
        (n + sum(p) - (w - 1) * d - 1) // s + 1
        for n, p, w, d, s in zip(image, padding, window, dilation, strides)
    ]
    x, y = [draw.one(1, 2, 3, 5), *image, channels], [*cells, filters]
    attrs = dict(strides=tuple(strides), padding=tuple(padding), dilation=tuple(dilation), groups=groups)
    return tuple(x), (*window, channels // groups, filters), (x[0], *y), attrs


def _fits(case):
    x, kernel, y, attrs = case
    inside = min(y) > 0 and all(n + sum(p) > 0 for n, p in zip(x[1:], attrs["padding"]))
    return inside and max(math.prod(x), math.prod(y)) < 1e6 and math.prod(y[:-1]) * math.prod(kernel) < 2e7


def convolutions(draw, form="any"):
    x, kernel, y, attrs = draw.until(lambda: _convolution(draw, form), _fits)
    arrays = x, k, dy = draw.array(*x), draw.array(*kernel), draw.array(*y)
    if form != "depthwise" and k.shape[-2] > 1 and draw.chance(0.25):
        attrs["precision"] = "bfloat16"
    more = 4 if form == "tiles" else 1  # Winograd's form
    deep, wide, cells = k[..., 0].size, k[..., 0, :].size, dy[..., 0].size
    compare("conv", arrays[:2], more * rounding(deep), **attrs)
    activation, alpha = draw.one(*ACTIVATIONS)
    bias = [draw.array(kernel[-1])] if draw.chance(0.6) else []
    with_end = {"activation": activation, "alpha": alpha, **attrs}
    compare("conv_bias_act", [x, k, *bias], more * rounding(deep), **with_end)
    compare("conv_input_grad", [dy, k], more * rounding(wide), input_shape=x.shape, **attrs)
    compare("conv_kernel_grad", [x, dy], more * rounding(cells), kernel_shape=k.shape, **attrs)


def convolutions_by_tiles(draw):
    convolutions(draw, "tiles")


def depthwise_convolutions(draw):
    convolutions(draw, "depthwise")


def pooling(draw):
    def make():
        rank = draw.one(1, 2, 2, 3)
        x = [draw.one(1, 2, 3), *[draw.size(70 if rank < 3 else 15) for _ in range(rank)], draw.size(300)]
        window = tuple(draw.one(1, 2, 2, 3, 5, 8) for _ in range(rank))
        strides = tuple(draw.one(1, 2, 2, 3, 4) for _ in range(rank))
        padding = tuple((int(draw.rng.integers(w)), int(draw.rng.integers(w))) for w in window)
        return x, dict(pool_size=window, strides=strides, padding=padding)

    def fits(case):
        x, a = case
        reach = [n + sum(p) - w for n, p, w in zip(x[1:], a["padding"], a["pool_size"])]
        return min(reach) >= 0 and math.prod(x) < 3e5

    shape, attrs = draw.until(make, fits)
    x = (draw.rng.permutation(math.prod(shape)).reshape(shape) / 8).astype(np.float32)  # no ties
    y = records["max_pool"].reference(x, **attrs)
    dy = draw.array(*y.shape)
    compare("max_pool", [x], 0, **attrs)
    compare("average_pool", [x], 64 * EPS32, **attrs)
    compare("max_pool_grad", [x, y, dy], 64 * EPS32, **attrs)
    compare("average_pool_grad", [dy], 64 * EPS32, input_shape=tuple(shape), **attrs)


def normalisations(draw):
    rows, cols = draw.until(lambda: [draw.size(3000), draw.size(3000)], lambda s: math.prod(s) < 4e5)
    x, dy = draw.array(rows, cols, scale=4), draw.array(rows, cols)
    gamma, beta = 1 + draw.array(cols, scale=0.5), draw.array(cols)
    near = 1e-4 if rows > 3 else 1e-2  # of few rows 1 / deviation is large
    for activation in (None, "relu"):
        attrs = {"epsilon": 1e-3, "activation": activation}
        compare("batch_norm_train", [x, gamma, beta], near, **attrs)
        compare("batch_norm_train_add", [x, gamma, beta, dy], near, **attrs)
    mean, variance = (
        x.astype("float64").mean(0).astype("float32"),
        x.astype("float64").var(0).astype("float32"),
    )
    attrs["activation"] = None
    compare("batch_norm_train_grad", [x, gamma, beta, mean, variance, dy], 10 * near, **attrs)
    attrs, near = {"axis": 1, "epsilon": 1e-3}, 1e-3 if cols > 3 else 2e-2
    for name, inputs in (("layer_norm", [x, gamma, beta]), ("rms_norm", [x, gamma])):
        compare(name, inputs, near, **attrs)
        kept = records[name].reference(*(a.astype("float64") for a in inputs), **attrs)[1:]
        compare(f"{name}_grad", [x, gamma, *(a.astype("float32") for a in kept), dy], near, **attrs)


def attention(draw):
    def make():
        kv = draw.one(1, 1, 2, 3)
        h = draw.size(600)
        e = h if draw.chance(0.5) else draw.size(600)
        return draw.one(1, 1, 2, 3), draw.size(500), draw.size(500), kv * draw.one(1, 1, 2, 4), kv, h, e

    shape = draw.until(make, lambda s: s[0] * s[1] * s[2] * s[3] * (s[5] + s[6]) < 1e7)
    batch, t, s, heads, kv, h, e = shape
    attrs = {
        "scale": 1 / math.sqrt(h),
        "causal": draw.chance(0.3),
        "window": draw.one(0, 0, 0, 2, 5, 63, 64, 65, 96, 97, 200),
        "bias": draw.chance(0.3),
        "masks": draw.one(0, 0, 1, 2, 3),
        "rate": draw.one(0.0, 0.0, 0.3),
        "blank": draw.chance(0.2),
    }

    def hidden():
        return [n if draw.chance(0.5) else 1 for n in (batch, heads, t, s)]

    arrays = [draw.array(batch, n, count, size) for n, count, size in ((t, heads, h), (s, kv, h), (s, kv, e))]
    arrays += [draw.array(*hidden())] if attrs["bias"] else []
    arrays += [draw.rng.random(hidden()) < 0.7 for _ in range(attrs["masks"])]
    arrays += [np.array([7, 11], np.uint32)] if attrs["rate"] else []
    near = 16 * EPS32 * (16 + 4 * h**0.5 + s**0.5)
    compare("attention", arrays, near, only=(0,), **attrs)
    wide = [a.astype("float64") if a.dtype == np.float32 else a for a in arrays]
    results = [r.astype("float32") for r in records["attention"].reference(*wide, **attrs)]
    compare("attention_grad", [*arrays, *results, draw.array(*results[0].shape)], 8 * near, **attrs)


def recurrences(draw):
    kind = draw.one(SIMPLE, LSTM, GRU)

    def make():
        return draw.size(140), draw.one(1, 2, 3, 5, 9, 17), draw.size(600), draw.size(1030)

    batch, steps, features, units = draw.until(
        make, lambda s: s[0] * s[1] * (s[2] + s[3]) * s[3] * kind.gates < 3e7
    )
    width, masked, biased = kind.gates * units, draw.chance(0.4), draw.chance(0.7)
    attrs = {
        "activation": draw.one("tanh", "sigmoid", "linear"),
        "recurrent_activation": draw.one("sigmoid", "hard_sigmoid"),
        "biased": biased,
        "masked": masked,
        "zero_masked": masked and draw.chance(0.5),
        "sequences": draw.chance(0.6),
        "keep": True,
        "backwards": draw.chance(0.3),
    }
    given = [draw.array(batch, steps, features), draw.array(features, width, scale=features**-0.5)]
    given += [draw.array(units, width, scale=0.5 * units**-0.5)]
    given += [draw.array(batch, units) for _ in range(kind.states)]
    given += [draw.array(2, width) if kind is GRU else draw.array(width)] if biased else []
    given += [draw.rng.random((batch, steps)) < 0.7] if masked else []
    near = EPS32 * 8 * (features + units) ** 0.5 * (2 + steps**0.5)
    compare(
        kind.name, given, near, only=() if masked else None, **attrs
    )  # a masked step's gates do not count
    compare(kind.name, given, near, **{**attrs, "keep": False})
    wide = [a.astype("float64") if a.dtype == np.float32 else a for a in given]
    want = [np.asarray(w, "float32") for w in records[kind.name].reference(*wide, **attrs)]
    kept = want[attrs["sequences"] + kind.states :]
    back = [given[2], kept[1], *([kept[0]] if kind is GRU else [])]
    back += [kept[2], given[4]] if kind is LSTM else []
    back += [given[-1]] if masked else []
    back += [draw.array(*want[0].shape)] if attrs["sequences"] else []
    back += [draw.array(batch, units) for _ in range(kind.states)]
    flags = {key: value for key, value in attrs.items() if key not in ("keep", "biased")}
    compare(f"{kind.name}_grad", back, 4 * near, **flags)


def rows(draw):
    shape = draw.until(
        lambda: [draw.size(400) for _ in range(draw.one(0, 1, 2))] + [draw.size(4000)],
        lambda s: math.prod(s) < 2e5,
    )
    x, dy, axis = draw.array(*shape, scale=8), draw.array(*shape), len(shape) - 1
    for name in ("softmax", "log_softmax"):
        y = records[name].reference(x.astype("float64"), axis=axis).astype("float32")
        compare(name, [x], 1e-5, axis=axis)
        compare(f"{name}_grad", [y, dy], 1e-4, axis=axis)
    compare("logsumexp", [x], 1e-5, axis=(axis,), keepdims=draw.chance(0.5))
    x, cols = x.reshape(-1, shape[-1]), shape[-1]
    labels, targets = (
        draw.rng.integers(0, cols, len(x)).astype("int32"),
        draw.rng.random(x.shape, dtype="float32"),
    )
    for name, target in (("sparse_softmax_cross_entropy", labels), ("softmax_cross_entropy", targets)):
        compare(name, [x, target], 1e-4)
        compare(f"{name}_both", [x, target, draw.array(len(x))], 1e-4)
    ranked = draw.rng.permutation(x.size).reshape(x.shape).astype("float32")
    compare("top_k", [ranked], 0, k=draw.one(1, min(cols, 3), min(cols, draw.size(128))))
    compare("pick_class", [x, labels], 0)


def reductions(draw):
    def make():
        return [
            draw.size(1500) if draw.chance(0.5) else draw.one(1, 2, 3, 5, 7)
            for _ in range(draw.one(1, 2, 3, 4))
        ]

    shape = draw.until(make, lambda s: math.prod(s) < 4e5)
    axis, keepdims = None if draw.chance(0.2) else draw.axes(len(shape)), draw.chance(0.5)
    x, numbers = (
        draw.array(*shape),
        draw.rng.integers(-3, 4, shape).astype(draw.one("int32", "int64", "uint8")),
    )
    for name in ("sum", "mean"):
        compare(name, [x], 1e-4, axis=axis, keepdims=keepdims)
    compare("prod", [1 + x / 100], 1e-3, axis=axis, keepdims=keepdims)
    for name in ("max", "min"):
        compare(name, [x], 0, axis=axis, keepdims=keepdims)
    for name in ("argmax", "argmin"):
        compare(name, [x], 0, axis=axis and axis[:1], keepdims=keepdims)
    compare("transpose", [x], 0, axes=tuple(int(a) for a in draw.rng.permutation(len(shape))))
    compare("transpose", [numbers], 0, axes=tuple(int(a) for a in draw.rng.permutation(len(shape))))


def indexed(draw):
    outer, count, inner, picked = draw.until(
        lambda: [draw.size(40), draw.size(1500), draw.size(300), draw.size(600)],
        lambda s: s[0] * s[2] * max(s[1], s[3]) < 2e5,
    )
    index = draw.rng.integers(-count, count, picked).astype(draw.one("int32", "int64"))
    x, dy = draw.array(outer, count, inner), draw.array(outer, picked, inner)
    compare("take", [x, index], 0, axis=1)
    compare("take_grad", [dy, index], 1e-5, axis=1, extent=count)
    along = draw.rng.integers(-count, count, dy.shape).astype(index.dtype)
    compare("take_along_axis", [x, along], 0, axis=1)
    compare("take_along_axis_grad", [dy, along], 1e-5, axis=1, extent=count)
    compare("unique_rows", [index, dy[0]], 1e-5, extent=count)
    held, values = records["unique_rows"].reference(index, dy[0], extent=count)
    compare("put_rows", [x[0], held, values], 0)


FAMILIES = [
    products,
    convolutions,
    convolutions_by_tiles,
    depthwise_convolutions,
    pooling,
    normalisations,
    attention,
    recurrences,
    rows,
    reductions,
    indexed,
]


@pytest.mark.parametrize("seed", range(FIRST, FIRST + CASES))
@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.__name__)
def test_a_shape_drawn_at_random(family, seed):
    family(Draw(seed))
