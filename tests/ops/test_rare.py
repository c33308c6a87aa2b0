"""Rare ops: each against Keras, gradients against finite differences."""

import math

import keras
import numpy as np
import pytest
from support import check_function

from fastnn import GradientTape, ops

KERAS = keras.ops


def _square(rng, n=4, lead=(2,)):
    return (rng.standard_normal((*lead, n, n)) + 3.0 * np.eye(n)).astype("float32")


def _positive(rng, n=4, lead=(2,)):
    a = rng.standard_normal((*lead, n, n))
    return (a @ np.swapaxes(a, -1, -2) + n * np.eye(n)).astype("float32")


def _holes(rng):
    x = rng.standard_normal((4, 5)).astype("float32")
    x[1, 2] = x[3, 0] = x[0, 4] = np.nan
    return x


def _pair(rng, *shape):
    return tuple(rng.standard_normal(shape).astype("float32") for _ in range(2))


CALLS = {
    "allclose": lambda o, r: o.allclose(np.float32([1.0, 2.0]), np.float32([1.0, 2.0])),
    "amax": lambda o, r: o.amax(r.random((3, 4), "float32"), axis=1),
    "amin": lambda o, r: o.amin(r.random((3, 4), "float32"), axis=0, keepdims=True),
    "bartlett": lambda o, r: o.bartlett(7),
    "blackman": lambda o, r: o.blackman(7),
    "hamming": lambda o, r: o.hamming(7),
    "hanning": lambda o, r: o.hanning(7),
    "kaiser": lambda o, r: o.kaiser(7, 4.0),
    "cdist": lambda o, r: o.cdist(r.random((2, 3, 4), "float32"), r.random((2, 5, 4), "float32")),
    "cholesky": lambda o, r: o.cholesky(_positive(r)),
    "cholesky upper": lambda o, r: o.cholesky(_positive(r), upper=True),
    "cholesky_inverse": lambda o, r: o.cholesky_inverse(np.linalg.cholesky(_positive(r, lead=()))),
    "corrcoef": lambda o, r: o.corrcoef(r.random((3, 9), "float32")),
    "correlate": lambda o, r: o.correlate(r.random(8, "float32"), r.random(3, "float32"), mode="valid"),
    "correlate same": lambda o, r: o.correlate(r.random(8, "float32"), r.random(3, "float32"), mode="same"),
    "correlate full": lambda o, r: o.correlate(r.random(3, "float32"), r.random(8, "float32"), mode="full"),
    "cross": lambda o, r: o.cross(r.random((5, 3), "float32"), r.random((5, 3), "float32")),
    "cumprod": lambda o, r: o.cumprod(r.random((3, 5), "float32"), axis=1),
    "cumsum": lambda o, r: o.cumsum(r.random((3, 5), "float32"), axis=0),
    "cumsum flat": lambda o, r: o.cumsum(r.integers(0, 9, (3, 5)).astype("int32")),
    "depth_to_space": lambda o, r: o.depth_to_space(r.random((2, 3, 4, 8), "float32"), 2),
    "space_to_depth": lambda o, r: o.space_to_depth(r.random((2, 4, 6, 3), "float32"), 2),
    "depth_to_space first": lambda o, r: o.depth_to_space(
        r.random((2, 8, 3, 4), "float32"), 2, "channels_first"
    ),
    "space_to_depth first": lambda o, r: o.space_to_depth(
        r.random((2, 3, 4, 6), "float32"), 2, "channels_first"
    ),
    "det": lambda o, r: o.det(_square(r)),
    "inv": lambda o, r: o.inv(_square(r)),
    "diff": lambda o, r: o.diff(r.random((3, 6), "float32"), n=2, axis=1),
    "eigh values": lambda o, r: o.eigh(_positive(r))[0],
    "extract_sequences": lambda o, r: o.extract_sequences(r.random((2, 17), "float32"), 5, 3),
    "fft": lambda o, r: o.fft(_pair(r, 2, 7)),
    "fft2": lambda o, r: o.fft2(_pair(r, 2, 4, 5)),
    "ifft2": lambda o, r: o.ifft2(_pair(r, 2, 4, 5)),
    "rfft": lambda o, r: o.rfft(r.random((2, 9), "float32")),
    "rfft padded": lambda o, r: o.rfft(r.random((2, 9), "float32"), fft_length=12),
    "irfft": lambda o, r: o.irfft(_pair(r, 2, 5)),
    "irfft odd": lambda o, r: o.irfft(_pair(r, 2, 5), fft_length=7),
    "stft": lambda o, r: o.stft(r.standard_normal((2, 60)).astype("float32"), 8, 4, 16),
    "istft": lambda o, r: o.istft(_pair(r, 2, 10, 9), 16, 4, 16, window="hamming"),
    "istft length": lambda o, r: o.istft(_pair(r, 10, 9), 16, 4, 16, 40, "hamming"),
    "fliplr": lambda o, r: o.fliplr(r.random((3, 4), "float32")),
    "flipud": lambda o, r: o.flipud(r.random((3, 4), "float32")),
    "unfold": lambda o, r: o.unfold(r.random((2, 3, 6, 7), "float32"), (2, 3), padding=1, stride=2),
    "fold": lambda o, r: o.fold(r.random((2, 12, 12), "float32"), (5, 4), 2),
    "histogram": lambda o, r: o.histogram(r.random(50, "float32"), bins=7),
    "isin": lambda o, r: o.isin(r.integers(0, 9, (3, 4)), np.array([1, 4, 7])),
    "kron": lambda o, r: o.kron(r.random((2, 3), "float32"), r.random((3, 2), "float32")),
    "logdet": lambda o, r: o.logdet(_positive(r)),
    "slogdet": lambda o, r: o.slogdet(_square(r)),
    "lstsq": lambda o, r: o.lstsq(r.random((6, 3), "float32"), r.random((6, 2), "float32")),
    "matrix_rank": lambda o, r: o.matrix_rank(np.float32([[1, 2], [2, 4]])),
    "median": lambda o, r: o.median(r.random((3, 4, 5), "float32"), axis=(0, 2)),
    "quantile": lambda o, r: o.quantile(
        r.random((3, 7), "float32"), np.float32([0.1, 0.5, 0.9]), axis=1, keepdims=True
    ),
    "quantile nearest": lambda o, r: o.quantile(r.random((3, 7), "float32"), 0.4, axis=0, method="nearest"),
    "percentile": lambda o, r: o.percentile(r.random((3, 7), "float32"), 30.0, axis=1, method="midpoint"),
    "nanmax": lambda o, r: o.nanmax(_holes(r), axis=1),
    "nanmin": lambda o, r: o.nanmin(_holes(r), axis=0),
    "nanmean": lambda o, r: o.nanmean(_holes(r), axis=1),
    "nanstd": lambda o, r: o.nanstd(_holes(r), axis=0),
    "nansum": lambda o, r: o.nansum(_holes(r)),
    "nanprod": lambda o, r: o.nanprod(_holes(r), axis=1),
    "nanvar": lambda o, r: o.nanvar(_holes(r), axis=1),
    "nanargmax": lambda o, r: o.nanargmax(_holes(r), axis=1),
    "nanargmin": lambda o, r: o.nanargmin(_holes(r)),
    "nancumsum": lambda o, r: o.nancumsum(_holes(r), axis=1),
    "nancumprod": lambda o, r: o.nancumprod(_holes(r), axis=0),
    "nanmedian": lambda o, r: o.nanmedian(_holes(r), axis=1),
    "nanquantile": lambda o, r: o.nanquantile(_holes(r), 0.3, axis=1),
    "nanpercentile": lambda o, r: o.nanpercentile(_holes(r), 60.0, axis=0),
    "norm": lambda o, r: o.norm(r.random((3, 4), "float32")),
    "norm 1": lambda o, r: o.norm(r.random((3, 4), "float32"), 1, axis=1),
    "norm nuc": lambda o, r: o.norm(r.random((2, 3, 4), "float32"), "nuc", axis=(1, 2), keepdims=True),
    "norm inf": lambda o, r: o.norm(r.random((3, 4), "float32"), np.inf, axis=(0, 1)),
    "norm 3": lambda o, r: o.norm(r.random((3, 4), "float32"), 3, axis=0),
    "pinv": lambda o, r: o.pinv(r.random((2, 5, 3), "float32")),
    "psnr": lambda o, r: o.psnr(r.random((3, 4), "float32"), r.random((3, 4), "float32"), 1.0),
    "rearrange": lambda o, r: o.rearrange(r.random((2, 6, 5), "float32"), "b (h p) w -> b w (p h)", p=2),
    "segment_sum": lambda o, r: o.segment_sum(
        r.random((6, 3), "float32"), np.int32([0, 2, 1, 2, 0, 3]), num_segments=5
    ),
    "segment_max": lambda o, r: o.segment_max(
        r.random((6, 3), "float32"), np.int32([0, 2, 1, 2, 0, 3]), num_segments=4
    ),
    "select": lambda o, r: o.select(
        [np.array([True, False, False]), np.array([True, True, False])],
        [np.float32([1, 2, 3]), np.float32([4, 5, 6])],
        9.0,
    ),
    "solve": lambda o, r: o.solve(_square(r), r.random((2, 4, 3), "float32")),
    "solve_triangular": lambda o, r: o.solve_triangular(
        np.triu(_square(r, lead=())), r.random((4, 3), "float32")
    ),
    "svd values": lambda o, r: o.svd(r.random((2, 5, 3), "float32"), compute_uv=False),
    "trace": lambda o, r: o.trace(r.random((3, 4, 5), "float32"), 1, 0, 2),
    "trapezoid": lambda o, r: o.trapezoid(r.random((3, 5), "float32"), dx=0.5),
    "trapezoid at": lambda o, r: o.trapezoid(r.random((3, 5), "float32"), np.float32([0, 1, 3, 4, 7])),
    "unravel_index": lambda o, r: o.unravel_index(np.int32([3, 17, 5]), (4, 5)),
    "vander": lambda o, r: o.vander(np.float32([1, 2, 3]), N=4),
    "view": lambda o, r: o.view(r.random((3, 4), "float32"), "int32"),
}


@pytest.mark.parametrize("name", CALLS)
def test_as_in_keras(name):
    got, want = (CALLS[name](module, np.random.default_rng(7)) for module in (ops, KERAS))
    got, want = (list(found) if isinstance(found, (list, tuple)) else [found] for found in (got, want))
    assert len(got) == len(want)
    for g, w in zip(got, want, strict=True):
        np.testing.assert_allclose(np.asarray(g), np.asarray(w), rtol=2e-4, atol=2e-5)
        assert np.shape(g) == np.shape(w)


GRADIENTS = {
    "cumsum": (lambda x: ops.cumsum(x, axis=1), (3, 4)),
    "cumprod": (lambda x: ops.cumprod(x, axis=1), (3, 4)),
    "inv": (lambda x: ops.inv(x + 3.0 * np.eye(3)), (2, 3, 3)),
    "det": (lambda x: ops.det(x + 3.0 * np.eye(3)), (2, 3, 3)),
    "slogdet": (lambda x: ops.slogdet(x + 3.0 * np.eye(3))[1], (2, 3, 3)),
    "cholesky": (lambda x: ops.cholesky(ops.matmul(x, ops.swapaxes(x, -1, -2)) + 3.0 * np.eye(3)), (2, 3, 3)),
    "solve": (lambda x: ops.solve(x + 3.0 * np.eye(3), ops.sin(x)), (2, 3, 3)),
    "solve_triangular": (
        lambda x: ops.solve_triangular(x + 3.0 * np.eye(3), ops.sin(x), lower=True),
        (2, 3, 3),
    ),
    "eigh": (lambda x: ops.eigh(x + ops.swapaxes(x, -1, -2) + np.diag([1.0, 4.0, 9.0]))[0], (3, 3)),
    "qr": (lambda x: ops.qr(x + 3.0 * np.eye(4)[:, :3])[1], (4, 3)),
    "svd": (lambda x: ops.svd(x + np.diag([1.0, 4.0, 9.0, 12.0])[:, :3], full_matrices=False)[1], (4, 3)),
    "pinv": (lambda x: ops.pinv(x + 3.0 * np.eye(4)[:, :3]), (4, 3)),
    "norm": (lambda x: ops.norm(x, axis=1), (3, 4)),
    "fft": (lambda x: ops.fft((x, ops.sin(x)))[1], (2, 5)),
    "rfft": (lambda x: ops.rfft(x)[1], (2, 6)),
    "irfft": (lambda x: ops.irfft((x, ops.sin(x))), (2, 4)),
    "stft": (lambda x: ops.stft(x, 4, 2, 4)[0], (12,)),
    "segment_sum": (lambda x: ops.segment_sum(x, np.int32([1, 0, 1, 5]), num_segments=3), (4, 2)),
    "segment_max": (lambda x: ops.segment_max(x, np.int32([1, 0, 1, 2]), num_segments=3), (4, 2)),
    "segment_prod": (lambda x: ops.segment_prod(x, np.int32([1, 0, 1, 2]), num_segments=3), (4, 2)),
    "median": (lambda x: ops.median(x, axis=1), (3, 5)),
    "nanmean": (lambda x: ops.nanmean(x, axis=0), (3, 4)),
    "correlate": (lambda x: ops.correlate(x, ops.sin(x[:3]), mode="same"), (7,)),
    "correlate full": (lambda x: ops.correlate(x[:3], ops.sin(x), mode="full"), (7,)),
    "correlate valid": (lambda x: ops.correlate(x, ops.sin(x[:3]), mode="valid"), (7,)),
    "unfold": (lambda x: ops.unfold(x, 2), (1, 2, 3, 4)),
    "fold": (lambda x: ops.fold(x, (3, 3), 2), (1, 8, 4)),
    "cross": (lambda x: ops.cross(x, ops.sin(x)), (4, 3)),
    "kron": (lambda x: ops.kron(x, ops.sin(x)), (2, 3)),
    "trapezoid": (lambda x: ops.trapezoid(x, axis=0), (4, 3)),
    "i0": (lambda x: ops.i0(4.0 * x), (3, 4)),
    "nextafter": (lambda x: ops.nextafter(x, ops.stop_gradient(x) + 1.0), (3, 4)),
    "lu_factor": (lambda x: ops.lu_factor(x)[0], (2, 4, 4)),
    "histogram": (lambda x: ops.histogram(x, 5)[1], (3, 4)),
    "ctc_decode": (lambda x: ops.ctc_decode(x, np.int32([5, 3]))[1], (2, 5, 4)),
    # Complex numbers between real ones.
    "complex abs": (lambda x: ops.abs(ops.view_as_complex(x)), (3, 2)),
    "complex angle": (lambda x: ops.angle(ops.square(ops.view_as_complex(x))), (3, 2)),
    "complex products": (lambda x: ops.view_as_real(ops.exp(ops.view_as_complex(x)) * x[:, :1]), (3, 2)),
    "complex conjugate": (lambda x: ops.imag(ops.exp(ops.conj(ops.view_as_complex(x)))), (3, 2)),
    "complex cast": (lambda x: ops.abs(ops.view_as_complex(x) + ops.cast(x[:, 0], "complex128")), (3, 2)),
    "polar": (lambda x: ops.view_as_real(ops.polar(x, ops.sin(x))), (3, 4)),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradient(name, rng):
    function, shape = GRADIENTS[name]
    check_function(function, [rng.standard_normal(shape)], rng=rng, rtol=1e-5, atol=1e-7)


def test_gradients_of_bessel_functions(rng):
    """I0'' is I0 - I1 / x, and 1/2 at 0: the gradient's gradient."""
    x = ops.convert_to_tensor(np.float64([0.0, 0.3, -2.0, 30.0]))
    with GradientTape() as outer:
        outer.watch(x)
        with GradientTape() as tape:
            tape.watch(x)
            y = ops.i0(x)
        slope = tape.gradient(y, x)
    # Series of I1, term by term.
    half, want = np.asarray(x) / 2, np.zeros(4)
    for k in range(60):
        want += half ** (2 * k + 1) / (math.factorial(k) * math.factorial(k + 1))
    np.testing.assert_allclose(slope, want, rtol=1e-14)
    with np.errstate(invalid="ignore", divide="ignore"):
        curve = np.where(half == 0, 0.5, np.i0(2 * half) - want / (2 * half))
    np.testing.assert_allclose(outer.gradient(slope, x), curve, rtol=1e-13)


def test_no_gradient_is_said():
    x = ops.convert_to_tensor(np.float32([[1.0, 2.0], [3.0, 5.0]]))
    for call, message in (
        (lambda: ops.real(ops.eig(x)[0]), "use ops.eigh"),
        (lambda: ops.lu_factor(x[:1])[0], "square matrices only"),
        (lambda: ops.ctc_decode(x[None], np.int32([2]), strategy="beam_search")[1], "ops.ctc_loss"),
    ):
        with GradientTape() as tape:
            tape.watch(x)
            y = call()
        with pytest.raises(NotImplementedError, match=message):
            tape.gradient(y, x)


def test_vectors_of_svd_and_qr_make_up_the_matrix(rng):
    x = rng.standard_normal((2, 5, 3)).astype("float32")
    u, s, vt = ops.svd(x, full_matrices=False)
    np.testing.assert_allclose(ops.matmul(u * ops.expand_dims(s, -2), vt), x, atol=1e-5)
    q, r = ops.qr(x)
    np.testing.assert_allclose(ops.matmul(q, r), x, atol=1e-5)


def test_jvp_is_the_derivative_along_a_direction(rng):
    x, t = rng.random((3, 2), "float32"), rng.random((3, 2), "float32")
    value, moved = ops.jvp(lambda v: ops.sin(v) * v, (x,), (t,))
    np.testing.assert_allclose(value, np.sin(x) * x, rtol=1e-5)
    np.testing.assert_allclose(moved, (np.cos(x) * x + np.sin(x)) * t, rtol=1e-4)


def test_mistakes_are_named():
    with pytest.raises(
        ValueError, match=r"inv: `x` must hold square matrices in its last two axes, received shape \(2, 3\)"
    ):
        ops.inv(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="inv: Singular matrix"):
        ops.inv(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="rearrange: both sides"):
        ops.rearrange(np.zeros((2, 2)), "a b -> a c")
    with pytest.raises(ValueError, match="quantile: `q` must be a number or a vector of numbers in 0..1"):
        ops.quantile(np.zeros(3), 2.0)
