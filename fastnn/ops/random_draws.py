"""Random records: bits from a counter, numbers from bits. See csrc/random.c, which computes the same bits.

Every record takes a seed tensor (uint32, two elements: seed and counter) and gives the same numbers for the
same seed: an element depends on the seed and on its own place, on nothing else. So the gradient of dropout
draws its mask again instead of keeping it.

The generator is Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as
easy as 1, 2, 3", SC 2011).
"""

import math

import numpy as np

from ..engine import dtypes
from ..engine.op import define_op, no_gradient
from ..engine.tensor import Spec

_GROUP = 64  # elements that 16 blocks of 4 words give: word w of block b goes to place 16 w + b
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_STEP = 2.0**-24  # random floats are multiples of it: what a float32 in [0.5, 1) can tell apart


def philox(counters, key, rounds=10):
    """The four output words (a list of uint32 arrays) of Philox4x32 for four counter
    words and a key of two."""
    words = [np.asarray(c, np.uint64) for c in counters]
    key = [int(k) for k in key]
    for _ in range(rounds):
        left, right = words[0] * _MULTIPLIERS[0], words[2] * _MULTIPLIERS[1]
        words = [
            (right >> 32) ^ words[1] ^ key[0],
            right & 0xFFFFFFFF,
            (left >> 32) ^ words[3] ^ key[1],
            left & 0xFFFFFFFF,
        ]
        key = [(k + w) & 0xFFFFFFFF for k, w in zip(key, _WEYL, strict=False)]
    return [word.astype(np.uint32) for word in words]


def random_bits(seed, count):
    """`count` uint32 words of the stream of `seed`."""
    blocks = np.arange(-(-count // _GROUP) * 16, dtype=np.uint64)
    words = philox([blocks & 0xFFFFFFFF, blocks >> 32, np.zeros_like(blocks), np.zeros_like(blocks)], seed)
    return np.stack([word.reshape(-1, 16) for word in words], axis=1).reshape(-1)[:count]


def unit_floats(seed, count):
    """`count` float32 multiples of 2**-24 in [0, 1)."""
    return (random_bits(seed, count) >> 8).astype(np.float32) * np.float32(_STEP)


def _drawn(name):
    """The shape rule of a record of a seed and no other input."""

    def rule(seed, *, shape, dtype, **attrs):
        check_seed(name, seed)
        return Spec(shape, dtype)

    return rule


def check_seed(name, seed):
    if seed.dtype != "uint32" or tuple(seed.shape) != (2,):
        raise ValueError(
            f"{name}: a seed is a uint32 tensor of shape (2,), received {seed.dtype}, shape "
            f"{tuple(seed.shape)}; fastnn.random.draw_seed makes one"
        )


def _drawing_kernel(name, attributes=(), dtype="float32"):
    def kernel(call):
        if call.dtype != dtype:
            return False
        call.emit(
            name,
            reads=call.inputs,
            writes=call.outputs,
            sizes=[call.output.size],
            attrs=[call.attrs[a] for a in attributes],
        )

    return kernel


_NONE = no_gradient("drawn numbers depend on no input")


def _uniform_reference(seed, *, shape, minval, maxval, dtype):
    dtype = np.dtype(dtype)
    low, high = dtype.type(minval), dtype.type(maxval)
    u = unit_floats(seed, math.prod(shape)).reshape(shape)
    y = u.astype(dtype) * (high - low) + low
    return np.minimum(y, np.nextafter(high, low)) if high > low else y  # rounding may reach maxval


uniform_op = define_op(
    "random_uniform",
    shape=_drawn("uniform"),
    reference=_uniform_reference,
    grad=_NONE,
    kernel=_drawing_kernel("random_uniform_f32", ("minval", "maxval")),
)


def _normal_reference(seed, *, shape, mean, stddev, dtype):
    """Box and Muller, 1958: of words (a, b), r cos t and r sin t with r = sqrt(-2 log
    u(a)), t = 2 pi u(b)."""
    count = math.prod(shape)
    words = random_bits(seed, -(-count // _GROUP) * _GROUP).reshape(-1, 2, 2, 16)
    wide = np.float64 if dtype == "float64" else np.float32
    u = ((words[:, :, 0] >> 8).astype(wide) + wide(1)) * wide(_STEP)  # in (0, 1]: the logarithm is finite
    t = (words[:, :, 1] >> 8).astype(wide) * wide(_STEP * 2 * np.pi)
    r = np.sqrt(wide(-2) * np.log(u))
    z = np.stack([r * np.cos(t), r * np.sin(t)], axis=2).reshape(-1)[:count].reshape(shape)
    return (z * wide(stddev) + wide(mean)).astype(dtype)


normal_op = define_op(
    "random_normal",
    shape=_drawn("normal"),
    reference=_normal_reference,
    grad=_NONE,
    kernel=_drawing_kernel("random_normal_f32", ("mean", "stddev")),
)


def _integers_reference(seed, *, shape, minval, maxval, dtype):
    count, span = math.prod(shape), maxval - minval
    if span > 2**32:  # two words each
        bits = random_bits(seed, 2 * count).astype(np.uint64)
        drawn = [
            minval + (int(a) << 32 | int(b)) * span // 2**64
            for a, b in zip(bits[:count], bits[count:], strict=False)
        ]
        return np.array(drawn, dtype).reshape(shape)
    offsets = (random_bits(seed, count).astype(np.uint64) * span) >> 32
    return (offsets.astype(np.int64) + minval).astype(dtype).reshape(shape)


def _integers_kernel(call):
    span = call.maxval - call.minval
    if call.dtype != "int32" or span >= 2**32:
        return False
    call.emit(
        "random_integers_i32",
        reads=call.inputs,
        writes=call.outputs,
        sizes=[call.output.size],
        attrs=[call.minval, span],
    )


integers_op = define_op(
    "random_integers",
    shape=_drawn("randint"),
    reference=_integers_reference,
    grad=_NONE,
    kernel=_integers_kernel,
)
bits_op = define_op(
    "random_bits",
    shape=_drawn("random_bits"),
    grad=_NONE,
    reference=lambda seed, *, shape, dtype: random_bits(seed, math.prod(shape)).reshape(shape),
)


# ---- dropout ----


def _dropout_reference(x, seed, *, rate):
    keep = unit_floats(seed, x.size).reshape(x.shape) >= np.float32(rate)
    return np.where(keep, x * x.dtype.type(1 / (1 - rate)), x.dtype.type(0))


def _dropout_shape(x, seed, *, rate):
    check_seed("dropout", seed)
    return Spec(x.shape, x.dtype)


def _dropout_kernel(call):
    if call.output.dtype != "float32":
        return False
    call.emit(
        "dropout_f32", reads=call.inputs, writes=call.outputs, sizes=[call.output.size], attrs=[call.rate]
    )


dropout_op = define_op(
    "dropout",
    shape=_dropout_shape,
    reference=_dropout_reference,
    kernel=_dropout_kernel,
    inplace=(0,),
    grad=lambda call, dy: [dropout_op(dy, call.inputs[1], rate=call.rate), None],
)


# ---- the state of a seed generator ----


def _advance_reference(state):
    with np.errstate(over="ignore"):
        return state + np.array([0, 1], np.uint32)


def _advance_kernel(call):
    call.emit("advance_seed", reads=call.inputs, writes=call.outputs, sizes=[])


advance_op = define_op(
    "advance_seed",
    shape=lambda state: Spec(state.shape, state.dtype),
    inplace=(0,),
    reference=_advance_reference,
    kernel=_advance_kernel,
    grad=no_gradient("integer output"),
)


# ---- distributions that reject: NumPy's own Philox, keyed by the seed ----


def _generator(seed):
    return np.random.Generator(np.random.Philox(key=int(seed[0]) | int(seed[1]) << 32))


def _from_numpy(name, draw):
    """A record whose parameters broadcast to `shape`; drawn by draw(generator, *parameters, size)."""

    def shape_rule(seed, *parameters, shape, dtype):
        check_seed(name, seed)
        return Spec(shape, dtype)

    def reference(seed, *parameters, shape, dtype):
        wide = [np.asarray(p, np.float64) for p in parameters]
        return draw(_generator(seed), *wide, shape).astype(dtypes.NUMPY[dtype])

    return define_op(
        "random_" + name,
        shape=shape_rule,
        reference=reference,
        grad=no_gradient("samples are not differentiated through their parameters"),
    )


gamma_op = _from_numpy("gamma", lambda g, alpha, size: g.gamma(alpha, size=size))
beta_op = _from_numpy("beta", lambda g, alpha, beta, size: g.beta(alpha, beta, size=size))
binomial_op = _from_numpy("binomial", lambda g, n, p, size: g.binomial(n.astype(np.int64), p, size=size))
