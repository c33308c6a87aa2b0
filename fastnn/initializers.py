"""Initializers: functions of (shape, dtype) that give a weight its first values. Keras 3's names and distributions."""

import math

import numpy as np

from . import random
from .engine import dtypes
from .engine.tensor import Tensor
from .engine.variable import Variable, convert
from .ops import creation
from .ops.shape import broadcast
from .saving.lookup import look_up
from .saving.serialization import deserialize_keras_object, serialize_keras_object

# The standard deviation of a standard normal number cut off at two: what a truncated one is stretched by.
_TRUNCATED_STDDEV = 0.87962566103423978


class Initializer:
    """A function (shape, dtype) -> tensor that a configuration can make again; subclasses write `__call__`."""

    def __call__(self, shape, dtype=None):
        raise NotImplementedError(f"{type(self).__name__} must implement __call__(self, shape, dtype=None)")

    def get_config(self):
        """The arguments that make this initializer again."""
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def clone(self):
        """Another one with the same arguments."""
        return self.from_config(self.get_config())


class Zeros(Initializer):
    """Zeros."""

    def __call__(self, shape, dtype=None):
        return creation.zeros(shape, dtype)


class Ones(Initializer):
    """Ones."""

    def __call__(self, shape, dtype=None):
        return creation.ones(shape, dtype)


class Constant(Initializer):
    """`value`, a number or an array that broadcasts to the shape."""

    def __init__(self, value=0.0):
        self.value = value

    def __call__(self, shape, dtype=None):
        return broadcast(convert(self.value, dtypes.standardize(dtype)), tuple(shape))

    def get_config(self):
        return {"value": serialize_keras_object(self.value)}

    @classmethod
    def from_config(cls, config):
        return cls(deserialize_keras_object(config["value"]))


class Identity(Initializer):
    """The identity matrix times `gain`; for shapes of two axes."""

    def __init__(self, gain=1.0):
        self.gain = gain

    def __call__(self, shape, dtype=None):
        if len(shape) != 2:
            raise ValueError(f"Identity: `shape` must have two axes, received {tuple(shape)}")
        dtype = dtypes.standardize(dtype)
        return creation.eye(*shape, dtype=dtype) * convert(self.gain, dtype)


class STFT(Initializer):
    """The kernel (frames, 1, frequencies) of a convolution that takes the real or imaginary part of an STFT.

    Args:
        side: "real" or "imag".
        window: a name that scipy.signal.get_window knows, an array of `frames` numbers, or None.
        scaling: "density" (by the root of the window's squared sum), "spectrum" (by its sum) or None.
        periodic: whether a named window is periodic.
    """

    def __init__(self, side="real", window="hann", scaling="density", periodic=False):
        if side not in ("real", "imag"):
            raise ValueError(f"STFT: `side` must be 'real' or 'imag', received {side!r}")
        if scaling not in ("density", "spectrum", None):
            raise ValueError(f"STFT: `scaling` must be 'density', 'spectrum' or None, received {scaling!r}")
        self.side = side
        self.window = window
        self.scaling = scaling
        self.periodic = periodic

    def __call__(self, shape, dtype=None):
        frames, _, frequencies = shape
        time = np.arange(frames).reshape(-1, 1, 1)
        frequency = np.arange(frequencies).reshape(1, 1, -1) / (2 * (frequencies - 1))
        angle = -2 * np.pi * time * frequency
        kernel = np.cos(angle) if self.side == "real" else np.sin(angle)
        if self.window is not None:
            window = self.window
            if isinstance(window, str):
                from scipy.signal import get_window  # SciPy is needed for this alone

                window = get_window(window, frames, self.periodic)
            window = np.asarray(window, np.float64)
            if window.shape != (frames,):
                raise ValueError(f"STFT: `window` must have {frames} elements, received shape {window.shape}")
            scale = {"density": np.sqrt(np.square(window).sum()), "spectrum": np.abs(window).sum(), None: 1.0}
            kernel = kernel * window.reshape(-1, 1, 1) / scale[self.scaling]
        return Tensor(kernel.astype(dtypes.NUMPY[dtypes.standardize(dtype)]))

    def get_config(self):
        return {"side": self.side, "window": self.window, "periodic": self.periodic, "scaling": self.scaling}


class RandomInitializer(Initializer):
    """What draws: `seed` is an int (the same values at each call), a SeedGenerator, or None (an int is drawn)."""

    def __init__(self, seed=None):
        self._initial_seed = seed
        if seed is None:
            seed = random.make_default_seed()
        elif isinstance(seed, dict):
            seed = deserialize_keras_object(seed)
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer, random.SeedGenerator)):
            raise ValueError(
                f"{type(self).__name__}: `seed` must be an int, a SeedGenerator or None, received {seed!r}"
            )
        self.seed = seed

    def get_config(self):
        return {"seed": serialize_keras_object(self._initial_seed)}


class RandomNormal(RandomInitializer):
    """Normally distributed numbers."""

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        super().__init__(seed)
        self.mean = mean
        self.stddev = stddev

    def __call__(self, shape, dtype=None):
        return random.normal(shape, self.mean, self.stddev, dtype, self.seed)

    def get_config(self):
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


class TruncatedNormal(RandomNormal):
    """Normally distributed numbers, none further than two standard deviations from the mean."""

    def __call__(self, shape, dtype=None):
        return random.truncated_normal(shape, self.mean, self.stddev, dtype, self.seed)


class RandomUniform(RandomInitializer):
    """Numbers evenly distributed over [minval, maxval)."""

    def __init__(self, minval=-0.05, maxval=0.05, seed=None):
        super().__init__(seed)
        self.minval = minval
        self.maxval = maxval

    def __call__(self, shape, dtype=None):
        return random.uniform(shape, self.minval, self.maxval, dtype, self.seed)

    def get_config(self):
        return {**super().get_config(), "minval": self.minval, "maxval": self.maxval}


class VarianceScaling(RandomInitializer):
    """Random numbers of mean 0 and variance scale / fan.

    Args:
        scale: positive.
        mode: the fan: "fan_in", "fan_out", or "fan_avg", their mean.
        distribution: "truncated_normal" (also "normal"), "untruncated_normal" or "uniform".
        input_axes, output_axes: the axes of the shape whose product is the fan; by default a kernel's convention,
            (..., inputs, outputs), is assumed.
    Raises:
        ValueError: an argument outside what is listed.
    Source: Glorot and Bengio, AISTATS 2010; He et al., ICCV 2015; LeCun et al., Efficient BackProp, 1998.
    """

    def __init__(
        self,
        scale=1.0,
        mode="fan_in",
        distribution="truncated_normal",
        seed=None,
        input_axes=None,
        output_axes=None,
    ):
        super().__init__(seed)
        if scale <= 0:
            raise ValueError(f"{type(self).__name__}: `scale` must be positive, received {scale}")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(
                f"{type(self).__name__}: `mode` must be 'fan_in', 'fan_out' or 'fan_avg', received {mode!r}"
            )
        distribution = {"normal": "truncated_normal"}.get(distribution.lower(), distribution.lower())
        if distribution not in ("uniform", "truncated_normal", "untruncated_normal"):
            raise ValueError(
                f"{type(self).__name__}: `distribution` must be 'uniform', 'truncated_normal' or "
                f"'untruncated_normal', received {distribution!r}"
            )
        self.scale = scale
        self.mode = mode
        self.distribution = distribution
        self.input_axes = input_axes
        self.output_axes = output_axes

    def __call__(self, shape, dtype=None):
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return random.uniform(shape, -limit, limit, dtype, self.seed)
        if self.distribution == "untruncated_normal":
            return random.normal(shape, 0.0, math.sqrt(variance), dtype, self.seed)
        return random.truncated_normal(shape, 0.0, math.sqrt(variance) / _TRUNCATED_STDDEV, dtype, self.seed)

    def get_config(self):
        return {
            **super().get_config(),
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            "input_axes": self.input_axes,
            "output_axes": self.output_axes,
        }


class _NamedScaling(VarianceScaling):
    """A VarianceScaling whose first three arguments have a name of their own: `settings`."""

    settings = None

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(*self.settings, seed, input_axes, output_axes)

    def get_config(self):
        return {
            "seed": serialize_keras_object(self._initial_seed),
            "input_axes": self.input_axes,
            "output_axes": self.output_axes,
        }


class GlorotUniform(_NamedScaling):
    """Uniform over +-sqrt(6 / (fan_in + fan_out))."""

    settings = (1.0, "fan_avg", "uniform")


class GlorotNormal(_NamedScaling):
    """Truncated normal of variance 2 / (fan_in + fan_out)."""

    settings = (1.0, "fan_avg", "truncated_normal")


class LecunNormal(_NamedScaling):
    """Truncated normal of variance 1 / fan_in."""

    settings = (1.0, "fan_in", "truncated_normal")


class LecunUniform(_NamedScaling):
    """Uniform over +-sqrt(3 / fan_in)."""

    settings = (1.0, "fan_in", "uniform")


class HeNormal(_NamedScaling):
    """Truncated normal of variance 2 / fan_in."""

    settings = (2.0, "fan_in", "truncated_normal")


class HeUniform(_NamedScaling):
    """Uniform over +-sqrt(6 / fan_in)."""

    settings = (2.0, "fan_in", "uniform")


class Orthogonal(RandomInitializer):
    """An orthogonal matrix times `gain`: the Q, evenly distributed, of a random normal matrix.

    Shapes of more than two axes count as matrices (all but the last, last). Source: Saxe et al., ICLR 2014.
    """

    def __init__(self, gain=1.0, seed=None):
        super().__init__(seed)
        self.gain = gain

    def __call__(self, shape, dtype=None):
        if len(shape) < 2:
            raise ValueError(f"Orthogonal: `shape` must have at least two axes, received {tuple(shape)}")
        rows, cols = math.prod(shape[:-1]), shape[-1]
        wide = random.normal((max(rows, cols), min(rows, cols)), dtype="float64", seed=self.seed).numpy()
        q, r = np.linalg.qr(wide)
        q = q * np.sign(np.diagonal(r))  # without it the signs, and so the distribution, are LAPACK's
        q = q.T if rows < cols else q
        return Tensor((self.gain * q).reshape(shape).astype(dtypes.NUMPY[dtypes.standardize(dtype)]))

    def get_config(self):
        return {**super().get_config(), "gain": self.gain}


def compute_fans(shape, input_axes=None, output_axes=None):
    """(inputs, outputs) of one unit of a kernel (..., inputs, outputs); the leading axes count for both."""
    shape = tuple(shape)
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[a] for a in input_axes), math.prod(shape[a] for a in output_axes)
    if not shape:
        return 1, 1
    if len(shape) == 1:
        return shape[0], shape[0]
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


_SNAKE = {
    "constant": Constant,
    "glorot_normal": GlorotNormal,
    "glorot_uniform": GlorotUniform,
    "he_normal": HeNormal,
    "he_uniform": HeUniform,
    "identity": Identity,
    "initializer": Initializer,
    "lecun_normal": LecunNormal,
    "lecun_uniform": LecunUniform,
    "ones": Ones,
    "orthogonal": Orthogonal,
    "random_normal": RandomNormal,
    "random_uniform": RandomUniform,
    "stft": STFT,
    "truncated_normal": TruncatedNormal,
    "variance_scaling": VarianceScaling,
    "zeros": Zeros,
}
constant, glorot_normal, glorot_uniform, he_normal, he_uniform = (
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
)
identity, lecun_normal, lecun_uniform, orthogonal, random_normal, random_uniform = (
    Identity,
    LecunNormal,
    LecunUniform,
    Orthogonal,
    RandomNormal,
    RandomUniform,
)
ones, stft, truncated_normal, variance_scaling, zeros = Ones, STFT, TruncatedNormal, VarianceScaling, Zeros
IdentityInitializer, OrthogonalInitializer, STFTInitializer = Identity, Orthogonal, STFT
_OBJECTS = (
    _SNAKE
    | {cls.__name__: cls for cls in _SNAKE.values()}
    | {
        "IdentityInitializer": Identity,
        "OrthogonalInitializer": Orthogonal,
        "STFTInitializer": STFT,
        "normal": RandomNormal,
        "one": Ones,
        "uniform": RandomUniform,
        "zero": Zeros,
    }
)


def serialize(initializer):
    """An initializer's configuration, a dict."""
    return serialize_keras_object(initializer)


def deserialize(config, custom_objects=None):
    """The initializer that a configuration describes."""
    return deserialize_keras_object(config, custom_objects, module_objects=_OBJECTS)


def get(identifier):
    """The initializer that a name, a configuration, a class, a function or an array (its own values) means.

    Raises:
        ValueError: nothing of the kind; the message has the nearest known name.
    """
    if identifier is None:
        return None
    if isinstance(identifier, (Tensor, Variable, np.ndarray, np.generic)):
        return _exactly(convert(identifier))
    return look_up("initializer", identifier, _OBJECTS)


def _exactly(values):
    def initialize(shape, dtype=None):
        if tuple(shape) != tuple(values.shape):
            raise ValueError(
                f"an array of shape {tuple(values.shape)} was given as initializer of a weight of shape "
                f"{tuple(shape)}; they must agree"
            )
        return convert(values, dtypes.standardize(dtype))

    return initialize
