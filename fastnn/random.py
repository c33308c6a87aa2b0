"""Random numbers: Keras's `random` functions, seed generators, and the one global seed.

All draw from a counter (see ops/random_draws.py): the same seed gives the same numbers on any number of threads,
eagerly and in a compiled step, and a compiled step advances the seeds it draws from.
"""

import math
import operator
import random as python_random

import numpy as np

from .engine import dtypes
from .engine.symbolic import public, unique_name
from .engine.tensor import Tensor
from .engine.variable import Variable, convert
from .ops import random_draws as draws
from .ops.elementary import erfinv, log
from .ops.reduction import argmax
from .ops.shape import as_tuple, broadcast, reshaped
from .ops.sorting import argsort
from .ops.taking import take

_global = None  # the SeedGenerator of calls without a seed; made at the first one


class SeedGenerator:
    """A seed that gives another one at each draw; pass it as `seed` to the functions of this module.

    Args:
        seed: an int; drawn from Python's `random` by default.
        name: optional.

    `state` is a Variable, uint32 (2,): the seed and how many seeds were given.
    """

    def __init__(self, seed=None, name=None, **kwargs):
        if kwargs:
            raise ValueError(f"SeedGenerator: unknown arguments {sorted(kwargs)}")
        self.name = name or unique_name("seed_generator")
        self._initial_seed = seed
        if seed is None:
            seed = make_default_seed()
        if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool):
            raise ValueError(f"SeedGenerator: `seed` must be an integer, received {seed!r}")
        self.seed = int(seed)
        self.state = Variable(_seed_array(seed), dtype="uint32", trainable=False, name="seed_generator_state")

    def next(self, ordered=True):
        """The current seed, a uint32 tensor (2,); the next call gives another."""
        state = self.state.read()
        self.state.assign(draws.advance_op(state))
        return state

    def get_config(self):
        return {"seed": self._initial_seed, "name": self.name}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _seed_array(seed):
    return np.array([int(seed) & 0xFFFFFFFF, 0], np.uint32)


def make_default_seed():
    """A seed from Python's `random`, which `set_seed` seeds."""
    return python_random.randint(1, int(1e9))


def global_seed_generator():
    """The SeedGenerator that calls without a seed draw from."""
    global _global
    if _global is None:
        _global = SeedGenerator()
    return _global


def set_seed(seed):
    """Seed Python's `random`, NumPy's global generator and fastnn's own: what `utils.set_random_seed` does."""
    global _global
    if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool):
        raise ValueError(f"set_random_seed: `seed` must be an integer, received {seed!r}")
    python_random.seed(int(seed))
    np.random.seed(int(seed) & 0xFFFFFFFF)
    if _global is None:
        _global = SeedGenerator(int(seed))
    else:  # plans hold the state variable: it must stay the same one
        _global.seed = _global._initial_seed = int(seed)
        _global.state.assign(_seed_array(seed))


def draw_seed(seed):
    """A seed tensor, uint32 (2,), from an int (always the same), a SeedGenerator (its next) or None (the global)."""
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if seed is None:
        return global_seed_generator().next()
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool):
        return Tensor(_seed_array(seed))
    raise ValueError(f"`seed` must be an int, a SeedGenerator or None, received {seed!r}")


def _extents(shape):
    return tuple(map(operator.index, as_tuple(shape)))


def _float_dtype(name, dtype):
    dtype = dtypes.standardize(dtype)
    if not dtypes.is_float(dtype):
        raise ValueError(
            f"{name}: `dtype` must be a float dtype, received {dtype!r}; for integers use randint"
        )
    return dtype


def _number(value):
    return isinstance(value, (int, float, np.number))


def normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Normally distributed numbers of `shape`; `dtype` is `floatx` by default."""
    shape, dtype, seed = _extents(shape), _float_dtype("normal", dtype), draw_seed(seed)
    if _number(mean) and _number(stddev):
        return draws.normal_op(seed, shape=shape, mean=float(mean), stddev=float(stddev), dtype=dtype)
    z = draws.normal_op(seed, shape=shape, mean=0.0, stddev=1.0, dtype=dtype)
    return z * convert(stddev, dtype=dtype) + convert(mean, dtype=dtype)


def uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    """Numbers of `shape` evenly distributed over [minval, maxval); integers where `dtype` is an integer dtype."""
    if dtype is not None and dtypes.is_integer(dtypes.standardize(dtype)):
        return randint(shape, minval, maxval, dtype, seed)
    shape, dtype, seed = _extents(shape), _float_dtype("uniform", dtype), draw_seed(seed)
    if _number(minval) and _number(maxval):
        return draws.uniform_op(seed, shape=shape, minval=float(minval), maxval=float(maxval), dtype=dtype)
    u = draws.uniform_op(seed, shape=shape, minval=0.0, maxval=1.0, dtype=dtype)
    low, high = convert(minval, dtype=dtype), convert(maxval, dtype=dtype)
    return u * (high - low) + low


def randint(shape, minval, maxval, dtype="int32", seed=None):
    """Integers of `shape` evenly distributed over minval ... maxval - 1."""
    dtype = dtypes.standardize(dtype)
    if not dtypes.is_integer(dtype):
        raise ValueError(f"randint: `dtype` must be an integer dtype, received {dtype!r}")
    minval, maxval = int(minval), int(maxval)
    if maxval <= minval:
        raise ValueError(f"randint: `maxval` must exceed `minval`, received {minval} and {maxval}")
    return draws.integers_op(
        draw_seed(seed), shape=_extents(shape), minval=minval, maxval=maxval, dtype=dtype
    )


def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Normally distributed numbers of `shape`, none further than two standard deviations from the mean.

    By the inverse of the distribution: erfinv of numbers uniform over (erf(-2 / sqrt 2), erf(2 / sqrt 2)).
    """
    dtype = _float_dtype("truncated_normal", dtype)
    edge = math.erf(math.sqrt(2.0))
    u = uniform(shape, -edge, edge, dtype=dtype, seed=seed)
    z = erfinv(u) * convert(math.sqrt(2.0), dtype=dtype)
    return z * convert(stddev, dtype=dtype) + convert(mean, dtype=dtype)


@public
def categorical(logits, num_samples, dtype="int32", seed=None):
    """Classes drawn from softmax(logits): (batch, num_samples) integers for logits (batch, classes).

    The largest of logits plus Gumbel noise is distributed so (Gumbel, 1954).
    """
    logits = convert(logits)
    if len(logits.shape) != 2:
        raise ValueError(
            f"categorical: `logits` must have shape (batch, classes), received {tuple(logits.shape)}"
        )
    batch, classes = logits.shape
    half = 2.0**-25  # keeps the logarithms finite
    u = uniform((batch, num_samples, classes), half, 1.0 - half, dtype=logits.dtype, seed=seed)
    noisy = reshaped(logits, (batch, 1, classes)) - log(-log(u))
    return convert(argmax(noisy, axis=-1), dtype=dtypes.standardize(dtype))


@public
def dropout(inputs, rate, noise_shape=None, seed=None):
    """`inputs` with a share `rate` of its elements, drawn at random, 0 and the others divided by 1 - rate.

    noise_shape: broadcasts to the inputs' shape; elements that share one of its places share their fate. None in it
        stands for the input's extent.
    """
    if not 0 <= rate < 1:
        raise ValueError(f"dropout: `rate` must lie in [0, 1), received {rate}")
    x = convert(inputs)
    if not dtypes.is_float(x.dtype):
        x = convert(x, dtype=dtypes.standardize(None))
    seed = draw_seed(seed)
    if noise_shape is not None:
        noise_shape = tuple(n if m is None else m for m, n in zip(noise_shape, x.shape))
        if noise_shape != tuple(x.shape):
            ones = Tensor(np.ones(noise_shape, dtypes.NUMPY[x.dtype]))
            return x * broadcast(draws.dropout_op(ones, seed, rate=float(rate)), tuple(x.shape))
    return draws.dropout_op(x, seed, rate=float(rate))


@public
def shuffle(x, axis=0, seed=None):
    """The slices of `x` along `axis` in random order."""
    x = convert(x)
    keys = draws.uniform_op(draw_seed(seed), shape=(x.shape[axis],), minval=0.0, maxval=1.0, dtype="float32")
    return take(x, argsort(keys), axis=axis)


def gamma(shape, alpha, dtype=None, seed=None):
    """Gamma-distributed numbers of `shape` with shape parameter `alpha` (which broadcasts) and scale 1."""
    dtype = _float_dtype("gamma", dtype)
    return draws.gamma_op(draw_seed(seed), convert(alpha), shape=_extents(shape), dtype=dtype)


def beta(shape, alpha, beta, dtype=None, seed=None):
    """Beta-distributed numbers of `shape` with parameters `alpha` and `beta` (which broadcast)."""
    dtype = _float_dtype("beta", dtype)
    return draws.beta_op(draw_seed(seed), convert(alpha), convert(beta), shape=_extents(shape), dtype=dtype)


def binomial(shape, counts, probabilities, dtype=None, seed=None):
    """How many of `counts` trials succeed with chance `probabilities` (both broadcast), of `shape`."""
    dtype = _float_dtype("binomial", dtype)
    return draws.binomial_op(
        draw_seed(seed), convert(counts), convert(probabilities), shape=_extents(shape), dtype=dtype
    )
