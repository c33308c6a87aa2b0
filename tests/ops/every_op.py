"""A call (or several) of every public op, for test_every_op.py: name -> functions of (ops, arrays)."""

import numpy as np


class Arrays:
    """What the calls take; each is made anew, so that a call may be given tensors in their places."""

    def __init__(self, wrap=lambda x: x):
        r = np.random.default_rng(3)
        floats = lambda *shape: r.normal(0, 1, shape).astype("float32")  # noqa: E731
        made = {
            "x": floats(3, 4),
            "y": floats(3, 4),
            "v": floats(6),
            "w": floats(6),
            "p": r.uniform(0.2, 0.9, (3, 4)).astype("float32"),
            "q": r.uniform(1.1, 3.0, (3, 4)).astype("float32"),
            "m": floats(4, 5),
            "c": floats(2, 3, 4),
            "s": (floats(3, 3) + 4 * np.eye(3)).astype("float32"),
            "spd": (lambda a: (a @ a.T + 3 * np.eye(3)).astype("float32"))(r.normal(size=(3, 3))),
            "img": floats(2, 6, 6, 4),
            "seq": floats(2, 8, 3),
            "i": r.integers(0, 4, (3, 4)).astype("int32"),
            "j": r.integers(1, 5, (3, 4)).astype("int32"),
            "n": r.integers(0, 4, 6).astype("int32"),
            "b": r.integers(0, 2, (3, 4)).astype(bool),
            "d": r.integers(0, 2, (3, 4)).astype(bool),
            "h": np.where(r.random((3, 4)) < 0.3, np.nan, r.normal(size=(3, 4))).astype("float32"),
            "sorted": np.sort(floats(5)),
            "e": np.float32([[0.1, 0.2, 0.7], [0.8, 0.1, 0.1]]),
            "hot": np.float32([[0, 0, 1], [1, 0, 0]]),
            "k3": floats(3, 3, 4, 5),
            "dk": floats(3, 3, 4, 2),
            "pk": floats(1, 1, 8, 3),
            "k1": floats(3, 3, 5),
            "tk": floats(3, 3, 2, 4),
            "mean": floats(4),
            "big": floats(2, 4, 3, 8),
        }
        self.__dict__.update({name: wrap(array) for name, array in made.items()})


def _pointwise(name):
    return lambda o, a: getattr(o, name)(a.x)


CALLS = {
    name: [_pointwise(name)]
    for name in (
        "abs absolute arctan arcsinh cbrt ceil celu cos cosh deg2rad elu erf erfc exp exp2 expm1 fabs floor gelu "
        "hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh i0 isfinite isinf isnan isneginf isposinf isreal "
        "leaky_relu log_sigmoid negative rad2deg relu relu6 selu sigmoid sign signbit silu sin sinc sinh "
        "soft_shrink softplus softsign sparse_plus sparse_sigmoid square squareplus swish tan tanh tanh_shrink "
        "trunc ones_like zeros_like real conj conjugate imag angle copy ravel flip fliplr flipud transpose sort "
        "argsort argmax argmin size shape ndim nonzero all any sum mean max min amax amin prod std var median ptp "
        "count_nonzero cumsum cumprod diff logsumexp softmax log_softmax norm matrix_rank stop_gradient "
        "is_tensor convert_to_tensor convert_to_numpy array dtype trace diagonal diag diagflat tril triu "
        "average normalize glu reciprocal threshold"
    ).split()
    if name not in ("threshold", "glu")
}
CALLS.update(
    {
        name: [lambda o, a, f=name: getattr(o, f)(a.p)]
        for name in "arccos arcsin arctanh erfinv log log10 log1p log2 rsqrt sqrt".split()
    }
)
CALLS.update({name: [lambda o, a, f=name: getattr(o, f)(a.q)] for name in "arccosh".split()})
CALLS.update(
    {
        name: [lambda o, a, f=name: getattr(o, f)(a.x, a.y), lambda o, a, f=name: getattr(o, f)(a.x, 0.5)]
        for name in (
            "add subtract multiply divide true_divide maximum minimum fmax fmin arctan2 hypot logaddexp logaddexp2 "
            "nextafter divide_no_nan equal not_equal greater greater_equal less less_equal isclose heaviside "
            "floor_divide mod fmod"
        ).split()
    }
)
CALLS.update(
    {
        name: [lambda o, a, f=name: getattr(o, f)(a.i, a.j)]
        for name in (
            "bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift left_shift right_shift gcd lcm"
        ).split()
    }
)
CALLS.update(
    {
        name: [lambda o, a, f=name: getattr(o, f)(a.b, a.d)]
        for name in "logical_and logical_or logical_xor".split()
    }
)
CALLS.update(
    {name: [lambda o, a, f=name: getattr(o, f)(a.i)] for name in "bitwise_not bitwise_invert".split()}
)
CALLS.update(
    {
        name: [lambda o, a, f=name: getattr(o, f)(a.h), lambda o, a, f=name: getattr(o, f)(a.h, axis=1)]
        for name in (
            "nanmax nanmean nanmin nanprod nanstd nansum nanvar nanmedian nancumsum nancumprod nanargmax nanargmin"
        ).split()
    }
)
CALLS.update(
    {
        name: [lambda o, a, f=name: getattr(o, f)(7)]
        for name in "bartlett blackman hamming hanning identity".split()
    }
)
CALLS.update(
    {
        # elements and their kin
        "logical_not": [lambda o, a: o.logical_not(a.b)],
        "glu": [lambda o, a: o.glu(a.x), lambda o, a: o.glu(a.c, axis=2)],
        "threshold": [lambda o, a: o.threshold(a.x, 0.2, -1.0)],
        "power": [lambda o, a: o.power(a.p, a.y), lambda o, a: o.power(a.x, 2)],
        "clip": [lambda o, a: o.clip(a.x, -0.5, 0.5), lambda o, a: o.clip(a.i, 1, 2)],
        "round": [lambda o, a: o.round(a.x), lambda o, a: o.round(a.x, 1)],
        "ldexp": [lambda o, a: o.ldexp(a.x, a.i)],
        "allclose": [lambda o, a: o.allclose(a.x, a.x)],
        "where": [lambda o, a: o.where(a.b, a.x, a.y), lambda o, a: o.where(a.b, a.x, 0.0)],
        "select": [lambda o, a: o.select([a.b, a.d], [a.x, a.y], 2.0)],
        "nan_to_num": [lambda o, a: o.nan_to_num(a.h, nan=1.0)],
        "cast": [lambda o, a: o.cast(a.x, "int32"), lambda o, a: o.cast(a.b, "float32")],
        "saturate_cast": [lambda o, a: o.saturate_cast(a.x * 300, "uint8")],
        "view": [lambda o, a: o.view(a.x, dtype="int32")],
        # made of nothing
        "arange": [lambda o, a: o.arange(5), lambda o, a: o.arange(1, 9, 2, dtype="float32")],
        "linspace": [
            lambda o, a: o.linspace(0.0, 1.0, 5),
            lambda o, a: o.linspace(a.x, a.y, 3, axis=-1),
            lambda o, a: o.linspace(0, 4, 4, endpoint=False),
        ],
        "logspace": [
            lambda o, a: o.logspace(0.0, 2.0, 5),
            lambda o, a: o.logspace(0.0, 2.0, 4, base=2, endpoint=False),
        ],
        "geomspace": [lambda o, a: o.geomspace(1.0, 64.0, 4)],
        "eye": [lambda o, a: o.eye(3), lambda o, a: o.eye(2, 4, k=1, dtype="int32")],
        "tri": [lambda o, a: o.tri(3), lambda o, a: o.tri(3, 4, k=-1)],
        "full": [lambda o, a: o.full((2, 3), 4.0)],
        "full_like": [lambda o, a: o.full_like(a.x, 3)],
        "ones": [lambda o, a: o.ones((2, 3))],
        "zeros": [lambda o, a: o.zeros((2, 3), dtype="int32")],
        "empty": [lambda o, a: o.shape(o.empty((2, 3)))],
        "empty_like": [lambda o, a: o.shape(o.empty_like(a.x))],
        "kaiser": [lambda o, a: o.kaiser(7, 4.0)],
        "meshgrid": [
            lambda o, a: o.meshgrid(a.v, a.sorted),
            lambda o, a: o.meshgrid(a.v, a.sorted, indexing="ij"),
        ],
        "vander": [lambda o, a: o.vander(a.v, 3), lambda o, a: o.vander(a.v, 4, increasing=True)],
        # shapes
        "append": [lambda o, a: o.append(a.x, a.y), lambda o, a: o.append(a.x, a.y, axis=1)],
        "array_split": [lambda o, a: o.array_split(a.x, 3, axis=1)],
        "split": [lambda o, a: o.split(a.x, 2, axis=1), lambda o, a: o.split(a.x, [1, 2], axis=0)],
        "hsplit": [lambda o, a: o.hsplit(a.x, 2)],
        "vsplit": [lambda o, a: o.vsplit(a.x, 3)],
        "dsplit": [lambda o, a: o.dsplit(a.c, 2)],
        "hstack": [lambda o, a: o.hstack([a.x, a.y]), lambda o, a: o.hstack([a.v, a.w])],
        "vstack": [lambda o, a: o.vstack([a.x, a.y]), lambda o, a: o.vstack([a.v, a.w])],
        "dstack": [lambda o, a: o.dstack([a.x, a.y])],
        "stack": [lambda o, a: o.stack([a.x, a.y]), lambda o, a: o.stack([a.x, a.y], axis=-1)],
        "unstack": [lambda o, a: o.unstack(a.x, axis=1)],
        "concatenate": [lambda o, a: o.concatenate([a.x, a.y], axis=-1)],
        "expand_dims": [lambda o, a: o.expand_dims(a.x, 1), lambda o, a: o.expand_dims(a.x, (0, -1))],
        "squeeze": [
            lambda o, a: o.squeeze(o.expand_dims(a.x, 1)),
            lambda o, a: o.squeeze(o.expand_dims(a.x, 0), 0),
        ],
        "reshape": [lambda o, a: o.reshape(a.x, (2, -1))],
        "broadcast_to": [lambda o, a: o.broadcast_to(a.x, (2, 3, 4))],
        "repeat": [
            lambda o, a: o.repeat(a.x, 2, axis=1),
            lambda o, a: o.repeat(a.x, 2),
            lambda o, a: o.repeat(a.x, [1, 2, 3], axis=0),
        ],
        "tile": [lambda o, a: o.tile(a.x, 2), lambda o, a: o.tile(a.x, (2, 1, 3))],
        "pad": [
            lambda o, a: o.pad(a.x, 1),
            lambda o, a: o.pad(a.x, ((1, 0), (2, 2)), constant_values=3.0),
            lambda o, a: o.pad(a.x, ((1, 1), (2, 2)), mode="reflect"),
            lambda o, a: o.pad(a.x, ((1, 1), (0, 2)), mode="symmetric"),
        ],
        "moveaxis": [lambda o, a: o.moveaxis(a.c, 0, -1), lambda o, a: o.moveaxis(a.c, (0, 1), (2, 0))],
        "swapaxes": [lambda o, a: o.swapaxes(a.c, 0, 2)],
        "rearrange": [lambda o, a: o.rearrange(a.c, "a b c -> (a c) b")],
        "roll": [
            lambda o, a: o.roll(a.x, 2),
            lambda o, a: o.roll(a.x, -1, axis=1),
            lambda o, a: o.roll(a.x, (1, 2), axis=(0, 1)),
        ],
        "rot90": [lambda o, a: o.rot90(a.x), lambda o, a: o.rot90(a.c, k=3, axes=(1, 2))],
        "depth_to_space": [lambda o, a: o.depth_to_space(a.img, 2)],
        "space_to_depth": [lambda o, a: o.space_to_depth(a.img, 3)],
        "unfold": [lambda o, a: o.unfold(o.transpose(a.img, (0, 3, 1, 2)), 2)],
        "fold": [lambda o, a: o.fold(o.unfold(o.transpose(a.img, (0, 3, 1, 2)), 2), (6, 6), 2)],
        # picking and placing
        "take": [lambda o, a: o.take(a.x, a.n[:2] * 0 + 1, axis=0), lambda o, a: o.take(a.x, [0, 5])],
        "take_along_axis": [lambda o, a: o.take_along_axis(a.x, o.argsort(a.x, axis=1), axis=1)],
        "get_item": [lambda o, a: o.get_item(a.x, (slice(0, 2), 1))],
        "slice": [lambda o, a: o.slice(a.x, (1, 0), (2, 3))],
        "slice_update": [lambda o, a: o.slice_update(a.x, (1, 0), a.s[:2, :2])],
        "scatter": [lambda o, a: o.scatter(np.int32([[0], [2]]), a.x[:2], (4, 4))],
        "scatter_update": [lambda o, a: o.scatter_update(a.v, np.int32([[0], [2]]), a.w[:2])],
        "top_k": [lambda o, a: o.top_k(a.x, 2)],
        "in_top_k": [lambda o, a: o.in_top_k(a.n[:3], a.x, 2)],
        "argpartition": [lambda o, a: o.sort(o.argpartition(a.v, 2)[:2])],
        "searchsorted": [
            lambda o, a: o.searchsorted(a.sorted, a.v),
            lambda o, a: o.searchsorted(a.sorted, a.sorted, side="right"),
        ],
        "digitize": [lambda o, a: o.digitize(a.x, np.float32([-1.0, 0.0, 1.0]))],
        "bincount": [lambda o, a: o.bincount(a.n, minlength=5), lambda o, a: o.bincount(a.i, minlength=4)],
        "histogram": [lambda o, a: o.histogram(a.v, bins=4), lambda o, a: o.histogram(a.v, 3, (-1, 1))],
        "isin": [lambda o, a: o.isin(a.i, [1, 3])],
        "unique": [
            lambda o, a: o.unique(a.n, size=4, fill_value=9),
            lambda o, a: o.unique(a.i, axis=0, size=5, fill_value=7),
        ],
        "unravel_index": [lambda o, a: o.unravel_index(np.int32([1, 5, 11]), (3, 4))],
        "one_hot": [lambda o, a: o.one_hot(a.n, 4), lambda o, a: o.one_hot(a.n, 4, axis=0)],
        "multi_hot": [lambda o, a: o.multi_hot(a.i, 4)],
        "segment_sum": [lambda o, a: o.segment_sum(a.v, np.int32([0, 0, 1, 2, 2, 2]), 3)],
        "segment_max": [lambda o, a: o.segment_max(a.v, np.int32([0, 0, 1, 2, 2, 2]), 3)],
        # reductions
        "moments": [lambda o, a: o.moments(a.c, axes=[0, 1])],
        "quantile": [
            lambda o, a: o.quantile(a.x, 0.3),
            lambda o, a: o.quantile(a.x, np.float32([0.1, 0.5]), axis=1),
        ],
        "trapezoid": [lambda o, a: o.trapezoid(a.x), lambda o, a: o.trapezoid(a.v, x=a.sorted[0] + a.w)],
        "corrcoef": [lambda o, a: o.corrcoef(a.x)],
        "correlate": [lambda o, a: o.correlate(a.v, a.w, mode="same")],
        "psnr": [lambda o, a: o.psnr(a.x, a.y, 2.0)],
        # products
        "matmul": [lambda o, a: o.matmul(a.x, a.m)],
        "dot": [lambda o, a: o.dot(a.v, a.w), lambda o, a: o.dot(a.c, a.m)],
        "vdot": [lambda o, a: o.vdot(a.x, a.y)],
        "inner": [lambda o, a: o.inner(a.x, a.y)],
        "outer": [lambda o, a: o.outer(a.v, a.w)],
        "kron": [lambda o, a: o.kron(a.s, a.s)],
        "cross": [lambda o, a: o.cross(a.s, a.spd)],
        "tensordot": [
            lambda o, a: o.tensordot(a.c, a.m, axes=1),
            lambda o, a: o.tensordot(a.x, a.y, axes=[[0, 1], [0, 1]]),
        ],
        "einsum": [
            lambda o, a: o.einsum("ij,jk->ik", a.x, a.m),
            lambda o, a: o.einsum("...ij,ij->...i", a.c, a.x),
        ],
        "cdist": [lambda o, a: o.cdist(a.x, a.y)],
        # linear algebra
        "cholesky": [lambda o, a: o.cholesky(a.spd)],
        "cholesky_inverse": [lambda o, a: o.cholesky_inverse(o.cholesky(a.spd))],
        "det": [lambda o, a: o.det(a.s)],
        "eig": [lambda o, a: o.sort(o.real(o.eig(a.spd)[0]))],
        "eigh": [lambda o, a: o.eigh(a.spd)[0]],
        "inv": [lambda o, a: o.inv(a.s)],
        "logdet": [lambda o, a: o.logdet(a.spd)],
        "slogdet": [lambda o, a: o.slogdet(a.s)],
        "lstsq": [lambda o, a: o.lstsq(a.s, a.spd)],
        "lu_factor": [lambda o, a: o.lu_factor(a.s)],
        "pinv": [lambda o, a: o.pinv(a.x)],
        "qr": [lambda o, a: o.abs(o.qr(a.s)[1])],
        "solve": [lambda o, a: o.solve(a.s, a.spd)],
        "solve_triangular": [
            lambda o, a: o.solve_triangular(a.s, a.spd),
            lambda o, a: o.solve_triangular(a.s, a.spd, lower=True),
        ],
        "svd": [lambda o, a: o.svd(a.x, compute_uv=False)],
        # complex numbers and transforms
        "polar": [lambda o, a: o.real(o.polar(o.abs(a.x), a.y))],
        "view_as_real": [lambda o, a: o.view_as_real(o.view_as_complex(o.stack([a.x, a.y], axis=-1)))],
        "view_as_complex": [lambda o, a: o.imag(o.view_as_complex(o.stack([a.x, a.y], axis=-1)))],
        "fft": [lambda o, a: o.fft((a.x, a.y))],
        "fft2": [lambda o, a: o.fft2((a.x, a.y))],
        "ifft2": [lambda o, a: o.ifft2((a.x, a.y))],
        "rfft": [lambda o, a: o.rfft(a.x), lambda o, a: o.rfft(a.x, 8)],
        "irfft": [lambda o, a: o.irfft(o.rfft(a.x))],
        "stft": [lambda o, a: o.stft(o.tile(a.v, 4), 8, 4, 8)],
        "istft": [lambda o, a: o.istft(o.stft(o.tile(a.v, 4), 8, 4, 8), 8, 4, 8)],
        "extract_sequences": [lambda o, a: o.extract_sequences(a.v, 3, 2)],
        # networks
        # of one row: with several, Keras takes all to have as many elements that are not zero as the fullest
        "sparsemax": [lambda o, a: o.sparsemax(a.x[:1])],
        "softmax": [lambda o, a: o.softmax(a.x), lambda o, a: o.softmax(a.c, axis=(1, 2))],
        "layer_normalization": [lambda o, a: o.layer_normalization(a.x, a.mean, a.mean)],
        "rms_normalization": [lambda o, a: o.rms_normalization(a.x, a.mean)],
        "batch_normalization": [
            lambda o, a: o.batch_normalization(
                a.x, a.mean, o.abs(a.mean), axis=-1, offset=a.mean, scale=a.mean
            )
        ],
        "binary_crossentropy": [
            lambda o, a: o.binary_crossentropy(o.cast(a.b, "float32"), a.p),
            lambda o, a: o.binary_crossentropy(o.cast(a.b, "float32"), a.x, from_logits=True),
        ],
        "categorical_crossentropy": [lambda o, a: o.categorical_crossentropy(a.hot, a.e)],
        "sparse_categorical_crossentropy": [
            lambda o, a: o.sparse_categorical_crossentropy(a.n[:3], a.x, from_logits=True)
        ],
        "conv": [
            lambda o, a: o.conv(a.img, a.k3, padding="same", data_format="channels_last"),
            lambda o, a: o.conv(a.seq, a.k1, strides=2, data_format="channels_last"),
        ],
        "depthwise_conv": [lambda o, a: o.depthwise_conv(a.img, a.dk, data_format="channels_last")],
        "separable_conv": [lambda o, a: o.separable_conv(a.img, a.dk, a.pk, data_format="channels_last")],
        "conv_transpose": [
            lambda o, a: o.conv_transpose(a.img, a.tk, strides=2, padding="same", data_format="channels_last")
        ],
        "max_pool": [
            lambda o, a: o.max_pool(a.img, 2, 2, data_format="channels_last"),
            lambda o, a: o.max_pool(a.seq, 3, 2, "same", data_format="channels_last"),
        ],
        "average_pool": [
            lambda o, a: o.average_pool(a.img, 2, 2, data_format="channels_last"),
            lambda o, a: o.average_pool(a.seq, 3, 2, "same", data_format="channels_last"),
        ],
        "adaptive_average_pool": [
            lambda o, a: o.adaptive_average_pool(a.img, 4, data_format="channels_last")
        ],
        "adaptive_max_pool": [lambda o, a: o.adaptive_max_pool(a.img, 4, data_format="channels_last")],
        "dot_product_attention": [lambda o, a: o.dot_product_attention(a.big, a.big, a.big, is_causal=True)],
        "ctc_loss": [
            lambda o, a: o.ctc_loss(
                np.int32([[1, 2, 0], [2, 1, 1]]), a.seq, np.int32([2, 3]), np.int32([8, 8])
            )
        ],
        "ctc_decode": [lambda o, a: o.ctc_decode(a.seq, np.int32([8, 8]), strategy="greedy")],
        # loops, choices, functions of functions
        "associative_scan": [lambda o, a: o.associative_scan(lambda u, v: u + v, a.x)],
        "scan": [lambda o, a: o.scan(lambda c, t: (c + t, c * t), a.x[0] * 0, a.x)],
        "map": [lambda o, a: o.map(lambda t: t * 2 + 1, a.x)],
        "vectorized_map": [lambda o, a: o.vectorized_map(lambda t: t * 2 + 1, a.x)],
        "vectorize": [
            lambda o, a: o.vectorize(lambda t: t * 2)(a.x),
            lambda o, a: o.vectorize(lambda t, u: o.sum(t * u), signature="(k),(k)->()")(a.x, a.y),
        ],
        "cond": [lambda o, a: o.cond(a.b[0, 0], lambda: a.x, lambda: a.y)],
        "switch": [lambda o, a: o.switch(1, [lambda x: x + 1, lambda x: x - 1], a.x)],
        "fori_loop": [lambda o, a: o.fori_loop(0, 3, lambda i, c: c * 2, a.x)],
        "while_loop": [lambda o, a: o.while_loop(lambda i, c: i < 3, lambda i, c: (i + 1, c * 2), (0, a.x))],
    }
)
REDUCTIONS = "prod std var mean sum max min median all any logsumexp argmax argmin count_nonzero".split()
ALONG_AN_AXIS = "average cumsum cumprod amax amin norm ptp sort argsort flip diff".split()
for one in REDUCTIONS + ALONG_AN_AXIS:
    CALLS[one].append(lambda o, a, f=one: getattr(o, f)(a.x, axis=1))
for one in {*REDUCTIONS, "norm", "ptp"} - {"count_nonzero"}:
    CALLS[one].append(lambda o, a, f=one: getattr(o, f)(a.x, axis=0, keepdims=True))
CALLS["count_nonzero"].append(lambda o, a: o.count_nonzero(a.i, axis=0))
for one in ("min", "prod"):
    CALLS[f"segment_{one}"] = [
        lambda o, a, f=one: getattr(o, f"segment_{f}")(a.v, np.int32([0, 0, 1, 2, 2, 2]), 3)
    ]
for one, at in (("percentile", 30.0), ("nanquantile", 0.3), ("nanpercentile", 30.0)):
    CALLS[one] = [lambda o, a, f=one, q=at: getattr(o, f)(a.h if f[0] == "n" else a.x, q, axis=1)]
