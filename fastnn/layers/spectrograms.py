"""Sound as pictures: how strong which frequencies are in each stretch of a signal."""

import math
import warnings

import numpy as np

from .. import initializers, ops
from ..engine import settings
from ..engine.allowance import check_passing
from ..engine.constructor_arguments import named_arguments
from ..engine.dtypes import is_float
from ..engine.symbolic import infer
from ..engine.variable import convert
from .data_format import standard_data_format
from .input_spec import InputSpec
from .layer import Layer

_MEL_BREAK, _MEL_SCALE = 700.0, 1127.0


def _mel(hertz):
    """Pitch as heard. Source: O'Shaughnessy, Speech Communication, 1987."""
    return _MEL_SCALE * np.log(1.0 + hertz / _MEL_BREAK)


class MelSpectrogram(Layer):
    """Signals (batch, samples), or (samples,), to (batch, num_mel_bins, stretches): power by pitch, in decibels.

    Args:
        fft_length, sequence_length, sequence_stride: samples of a transform, of a stretch (at most as many; None: as
            many), and from one stretch to the next.
        window: what stretches are weighted with, "hann", "hamming", an array or None.
        sampling_rate: samples a second.
        num_mel_bins, min_freq, max_freq: how many pitches, from and to which frequency (None: half the rate).
        power_to_db: decibels over `ref_power`, at most `top_db` below the loudest; less than `min_power` counts as it.
        mag_exp: the exponent of magnitudes: 2 for power, 1 for energy.
    Source: Keras 3 `layers.MelSpectrogram`.
    """

    rounds_products = False

    def __init__(
        self,
        fft_length=2048,
        sequence_stride=512,
        sequence_length=None,
        window="hann",
        sampling_rate=16000,
        num_mel_bins=128,
        min_freq=20.0,
        max_freq=None,
        power_to_db=True,
        top_db=80.0,
        mag_exp=2.0,
        min_power=1e-10,
        ref_power=1.0,
        **kwargs,
    ):
        arguments = named_arguments(locals(), but=kwargs)
        super().__init__(**kwargs)
        arguments["sequence_length"] = sequence_length or fft_length
        arguments["max_freq"] = max_freq or int(sampling_rate / 2)
        self._saved = tuple(arguments)
        for name, value in arguments.items():
            setattr(self, name, value)
        if fft_length < self.sequence_length:
            raise ValueError(
                f"MelSpectrogram: `sequence_length` {self.sequence_length} must be at most `fft_length` {fft_length}"
            )

    def linear_to_mel_weight_matrix(
        self,
        num_mel_bins=20,
        num_spectrogram_bins=129,
        sampling_rate=8000,
        lower_edge_hertz=125.0,
        upper_edge_hertz=3800.0,
        dtype="float32",
    ):
        """What spectra, of frequencies up to half the rate, are multiplied with to be ones of pitches: a tensor
        (num_spectrogram_bins, num_mel_bins)."""
        limits = (lower_edge_hertz, upper_edge_hertz)
        return convert(self._filters(num_spectrogram_bins, num_mel_bins, sampling_rate, limits), dtype=dtype)

    def _filters(self, bins, pitches, rate, limits):
        """(bins, pitches): triangles, each from the pitch before to the one after."""
        what = f"a matrix of shape {(bins, pitches)}"
        check_passing(64 * bins * pitches, f"MelSpectrogram {self.name!r}", what)
        heard = _mel(np.linspace(0.0, rate / 2.0, bins)[1:, None])
        edges = np.linspace(*map(_mel, limits), pitches + 2)
        below, at, above = edges[:-2], edges[1:-1], edges[2:]
        weights = np.minimum((heard - below) / (at - below), (above - heard) / (above - at))
        return np.pad(np.maximum(weights, 0.0), [(1, 0), (0, 0)])

    def call(self, inputs):
        dtype = self._compute_dtype if self._compute_dtype in ("float32", "float64") else "float32"
        signal = convert(inputs, dtype=dtype)
        real, imaginary = ops.stft(
            signal,
            self.sequence_length,
            self.sequence_stride,
            self.fft_length,
            window=self.window,
            center=True,
        )
        power = ops.power(ops.sqrt(ops.square(real) + ops.square(imaginary)), float(self.mag_exp))
        limits = (self.min_freq, self.max_freq)
        filters = self._filters(power.shape[-1], self.num_mel_bins, self.sampling_rate, limits)
        power = ops.matmul(power, convert(filters, dtype=dtype))
        if self.power_to_db:
            reference = 10.0 * math.log10(max(abs(self.ref_power), self.min_power))
            power = 10.0 * ops.log10(ops.maximum(power, float(self.min_power))) - reference
            power = ops.maximum(power, ops.max(power) - float(self.top_db))
        return convert(ops.swapaxes(power, -1, -2), dtype=self._compute_dtype)

    def compute_output_shape(self, input_shape):
        samples = input_shape[-1]
        stretches = None if samples is None else (samples + self.sequence_stride + 1) // self.sequence_stride
        return (*input_shape[:-1], self.num_mel_bins, stretches)

    def found_specs(self, *args, **kwargs):
        return infer(self._call_inferred, args, kwargs)

    def get_config(self):
        return {**super().get_config(), **{name: getattr(self, name) for name in self._saved}}


_STFT_MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")


class STFTSpectrogram(Layer):
    """Signals (batch, samples, channels) to (batch, stretches, frequencies of each channel), by convolutions.

    Args:
        mode: "log", "magnitude", "psd" (power, both halves of the spectrum), "real", "imag", "angle", or "stft":
            real and imaginary parts.
        frame_length, frame_step, fft_length: samples of a stretch, from one to the next (None: half as many), and of a
            transform (None: the next power of 2).
        window, periodic, scaling: as in `initializers.STFT`.
        padding: "valid" or "same".
        expand_dims: channels on an axis of their own: (batch, stretches, frequencies, channels).
        data_format: "channels_last", or "channels_first": (batch, channels, samples) in, frequencies first out.
    Weights: real_kernel, imag_kernel, which may be trained.
    Source: Keras 3 `layers.STFTSpectrogram`.
    """

    rounds_products = False

    def __init__(
        self,
        mode="log",
        frame_length=256,
        frame_step=None,
        fft_length=None,
        window="hann",
        periodic=False,
        scaling="density",
        padding="valid",
        expand_dims=False,
        data_format=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if frame_step is not None and not 1 <= frame_step <= frame_length:
            raise ValueError(
                f"STFTSpectrogram: `frame_step` must be from 1 to `frame_length` {frame_length}, received {frame_step}"
            )
        if fft_length is not None and fft_length < frame_length:
            raise ValueError(
                f"STFTSpectrogram: `fft_length` must be at least `frame_length` {frame_length}, received {fft_length}"
            )
        if fft_length is not None and fft_length & -fft_length != fft_length:
            warnings.warn(f"`fft_length` is best a power of two, received {fft_length}", stacklevel=2)
        for argument, given, choices in (
            ("mode", mode, _STFT_MODES),
            ("scaling", scaling, (None, "density", "spectrum")),
            ("padding", padding, ("valid", "same")),
        ):
            if given not in choices:
                raise ValueError(
                    f"STFTSpectrogram: `{argument}` must be one of {choices}, received {given!r}"
                )
        self.mode, self.frame_length, self.frame_step, self.fft_length = (
            mode,
            frame_length,
            frame_step,
            fft_length,
        )
        self.window, self.periodic, self.scaling = window, periodic, scaling
        self.padding, self.expand_dims = padding, expand_dims
        self.data_format = standard_data_format("STFTSpectrogram", data_format)
        self._step = frame_step or frame_length // 2
        self._frequencies = (fft_length or 2 ** math.ceil(math.log2(frame_length))) // 2 + 1
        self.input_spec = InputSpec(ndim=3)

    def build(self, input_shape):
        for part, name in (("real", "real_kernel"), ("imag", "imag_kernel")):
            if self.mode not in {"real", "imag"} - {part}:
                kernel = self.add_weight(
                    name=name,
                    shape=(self.frame_length, 1, self._frequencies),
                    initializer=initializers.STFT(part, self.window, self.scaling, self.periodic),
                )
                setattr(self, name, kernel)

    def _transformed(self, signals, kernel):
        """(batch * channels, stretches, frequencies) of signals (batch * channels, samples, 1)."""
        return ops.conv(
            signals,
            convert(kernel, dtype=signals.dtype),
            strides=self._step,
            padding=self.padding,
            data_format="channels_last",
        )

    def call(self, inputs):
        if not is_float(inputs.dtype):
            raise TypeError(
                f"STFTSpectrogram {self.name!r} takes floating point signals, received {inputs.dtype}"
            )
        last = self.data_format == "channels_last"
        channels, samples = inputs.shape[2 if last else 1], inputs.shape[1 if last else 2]
        signals = ops.transpose(inputs, (0, 2, 1)) if last else inputs
        signals = ops.reshape(signals, (-1, samples, 1))
        real = None if self.mode == "imag" else self._transformed(signals, self.real_kernel)
        imaginary = None if self.mode == "real" else self._transformed(signals, self.imag_kernel)
        found = self._as_mode(real, imaginary)
        stretches, frequencies = found.shape[1:]
        found = ops.reshape(found, (-1, channels, stretches, frequencies))
        if self.expand_dims:
            return ops.transpose(found, (0, 2, 3, 1) if last else (0, 1, 2, 3))
        found = ops.transpose(found, (0, 1, 3, 2))
        found = ops.reshape(found, (-1, channels * frequencies, stretches))
        return ops.transpose(found, (0, 2, 1)) if last else found

    def _as_mode(self, real, imaginary):
        if self.mode in ("real", "imag"):
            return real if imaginary is None else imaginary
        if self.mode == "angle":
            return ops.arctan2(imaginary, real)
        if self.mode == "stft":
            return ops.concatenate([real, imaginary], axis=-1)
        power = ops.square(real) + ops.square(imaginary)
        if self.mode == "psd":
            return power + ops.pad(power[:, :, 1:-1], [[0, 0], [0, 0], [1, 1]])
        magnitude = ops.sqrt(ops.maximum(power, settings.epsilon()))
        return magnitude if self.mode == "magnitude" else ops.log(ops.maximum(magnitude, settings.epsilon()))

    def get_config(self):
        names = (
            "mode",
            "frame_length",
            "frame_step",
            "fft_length",
            "window",
            "periodic",
            "scaling",
            "padding",
        )
        names += ("data_format", "expand_dims")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
