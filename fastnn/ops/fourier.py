"""Discrete Fourier transforms; complex tensors are pairs (real part, imaginary part)."""

import numpy as np

from ..engine.allowance import check_passing
from ..engine.op import define_op
from ..engine.symbolic import public
from ..engine.tensor import Spec
from ..engine.variable import convert
from .arithmetic import negative
from .indexing import get_item
from .joining import concatenate
from .reduction import as_float
from .segments import segment_sum
from .shape import flip, pad, reshaped, transpose
from .taking import take


def _transform_reference(real, imaginary, *, axes, inverse):
    x = real + 1j * imaginary
    size = np.prod([x.shape[axis] for axis in range(-axes, 0)])
    y = (
        np.fft.ifftn(x, axes=tuple(range(-axes, 0))) * size
        if inverse
        else np.fft.fftn(x, axes=tuple(range(-axes, 0)))
    )
    return y.real.astype(real.dtype), y.imag.astype(real.dtype)


# The sum of x exp(-+ 2 pi i jk / n) without a factor, so that the gradient is the same op with the other sign.
transform_op = define_op(
    "fourier",
    reference=_transform_reference,
    shape=lambda real, imaginary, *, axes, inverse: (
        Spec(real.shape, real.dtype),
        Spec(real.shape, real.dtype),
    ),
    grad=lambda call, dr, di: list(transform_op(dr, di, axes=call.axes, inverse=not call.inverse)),
)


def _pair(name, x, rank):
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ValueError(
            f"{name}: `x` must be a pair (real part, imaginary part), received {type(x).__name__}"
        )
    real, imaginary = (as_float(convert(part)) for part in x)
    if real.shape != imaginary.shape or len(real.shape) < rank:
        raise ValueError(
            f"{name}: the real and imaginary parts must have one shape of {rank} or more axes, received "
            f"{tuple(real.shape)} and {tuple(imaginary.shape)}"
        )
    return real, imaginary


@public
def fft(x):
    """The discrete Fourier transform of a pair (real, imaginary) along the last axis; a pair."""
    return transform_op(*_pair("fft", x, 1), axes=1, inverse=False)


@public
def fft2(x):
    """The discrete Fourier transform of a pair along the last two axes; a pair."""
    return transform_op(*_pair("fft2", x, 2), axes=2, inverse=False)


@public
def ifft2(x):
    """The inverse of `fft2`."""
    real, imaginary = _pair("ifft2", x, 2)
    size = float(real.shape[-1] * real.shape[-2])
    return tuple(part / size for part in transform_op(real, imaginary, axes=2, inverse=True))


def _resized(x, length):
    """x with its last axis cut or filled with zeros to `length`."""
    have = x.shape[-1]
    if length < have:
        return get_item(x, (Ellipsis, slice(0, length)))
    return pad(x, [(0, 0)] * (len(x.shape) - 1) + [(0, length - have)]) if length > have else x


@public
def rfft(x, fft_length=None):
    """The transform of a real tensor along the last axis, cut or padded to `fft_length`: the pair of its first
    fft_length // 2 + 1 values; the others mirror them."""
    x = as_float(convert(x))
    x = _resized(x, x.shape[-1] if fft_length is None else fft_length)
    half = x.shape[-1] // 2 + 1
    return tuple(
        get_item(part, (Ellipsis, slice(0, half))) for part in transform_op(x, x * 0.0, axes=1, inverse=False)
    )


@public
def irfft(x, fft_length=None):
    """The inverse of `rfft`: a real tensor of `fft_length` values, by default 2 * (n - 1) for n given ones."""
    real, imaginary = _pair("irfft", x, 1)
    length = 2 * (real.shape[-1] - 1) if fft_length is None else fft_length
    half = length // 2 + 1
    real, imaginary = _resized(real, half), _resized(imaginary, half)
    mirrored = slice(1, half - 1 if length % 2 == 0 else half)
    back = [flip(get_item(part, (Ellipsis, mirrored)), axis=-1) for part in (real, imaginary)]
    real, imaginary = (
        concatenate([real, back[0]], axis=-1),
        concatenate([imaginary, negative(back[1])], axis=-1),
    )
    return transform_op(real, imaginary, axes=1, inverse=True)[0] / float(length)


def _starts(length, sequence_length, sequence_stride):
    count = (length - (sequence_length - sequence_stride)) // sequence_stride
    check_passing(
        16 * max(count, 1) * sequence_length,
        "extract_sequences",
        f"{count} windows of {sequence_length} values",
    )
    return np.arange(max(count, 0)) * sequence_stride


@public
def extract_sequences(x, sequence_length, sequence_stride):
    """Windows of `sequence_length` values along the last axis, one every `sequence_stride`: shape
    (..., windows, sequence_length)."""
    x = convert(x)
    places = _starts(x.shape[-1], sequence_length, sequence_stride)[:, None] + np.arange(sequence_length)
    return take(x, places.astype("int32"), axis=-1)


def _window(name, window, sequence_length, fft_length, dtype):
    """The window's values in the middle of `fft_length` zeros."""
    if not 0 < sequence_length <= fft_length:
        raise ValueError(
            f"{name}: `fft_length` must be at least `sequence_length`={sequence_length}, received "
            f"{fft_length}"
        )
    check_passing(64 * fft_length, name, f"a window of {fft_length} values")
    if isinstance(window, str):
        if window not in ("hann", "hamming"):
            raise ValueError(
                f"{name}: `window` must be 'hann', 'hamming', a vector or None, received {window!r}"
            )
        turn = 2.0 * np.pi * np.arange(sequence_length) / sequence_length
        base = 0.5 if window == "hann" else 0.54
        values = base - (1.0 - base) * np.cos(turn)
    elif window is None:
        return np.ones(fft_length, dtype)
    else:
        values = np.asarray(window)
        if values.shape != (sequence_length,):
            raise ValueError(
                f"{name}: `window` must be a vector of `sequence_length`={sequence_length} values, received "
                f"shape {values.shape}"
            )
    left = (fft_length - sequence_length) // 2
    return np.pad(values, (left, fft_length - sequence_length - left)).astype(dtype)


@public
def stft(x, sequence_length, sequence_stride, fft_length, window="hann", center=True):
    """Short-time Fourier transform along the last axis: the pair of (..., frames, fft_length // 2 + 1)."""
    x = as_float(convert(x))
    values = _window("stft", window, sequence_length, fft_length, x.dtype)
    if center:
        x = pad(x, [(0, 0)] * (len(x.shape) - 1) + [(fft_length // 2, fft_length // 2)], mode="reflect")
    return rfft(extract_sequences(x, fft_length, sequence_stride) * convert(values), fft_length)


@public
def istft(x, sequence_length, sequence_stride, fft_length, length=None, window="hann", center=True):
    """The inverse of `stft`: frames weighted by the window, added where they overlap, over the sum of its squares."""
    real, imaginary = _pair("istft", x, 2)
    values = _window("istft", window, sequence_length, fft_length, real.dtype)
    frames = irfft((real, imaginary), fft_length) * convert(values)
    count = frames.shape[-2]
    whole = fft_length + sequence_stride * (count - 1)
    places = (np.arange(count)[:, None] * sequence_stride + np.arange(fft_length)).reshape(-1).astype("int32")
    weight = np.zeros(whole, real.dtype)
    np.add.at(weight, places, np.tile(values * values, count))
    lead = frames.shape[:-2]
    flat = reshaped(frames, (int(np.prod(lead)), count * fft_length))

    added = transpose(segment_sum(transpose(flat, (1, 0)), places, num_segments=whole), (1, 0))
    added = reshaped(added, (*lead, whole)) / convert(
        np.where(weight > 1e-11, weight, 1.0).astype(real.dtype)
    )
    start = fft_length // 2 if center else 0
    stop = start + length if length is not None else whole - start if center else whole
    return _resized(get_item(added, (Ellipsis, slice(start, min(stop, whole)))), stop - start)
