"""Dtype policies: which float type a layer computes in and which its variables have."""

import functools
import warnings

from .engine import dtypes, settings

_MIXED = ("mixed_float16", "mixed_bfloat16")
_global = None  # set by set_dtype_policy; None: floatx


class DTypePolicy:
    """A named pair of dtypes: "float32", "float64", another dtype's name, "mixed_bfloat16" or "mixed_float16".

    "mixed_bfloat16": layers round the operands of matrix products and convolutions, and of their gradients'
    products, to bfloat16 and sum in float32. Everything else stays float32: variables, what layers return, norms,
    losses, recurrent and depthwise layers. `compute_dtype` is "bfloat16", as in Keras, though no tensor has this
    dtype: where a dtype is asked for, "bfloat16" makes float32 tensors. Fast on CPUs with AVX512_BF16 or AMX;
    elsewhere results are the same up to the order of sums, and a warning says once that float32 would be faster.

    "mixed_float16" is kept by name, so that files made with it load and save unchanged, and computes in float32,
    which is as exact as it promises and more; a warning says so.

    compute_dtype, variable_dtype: as in Keras. tensor_dtype: what the layer's tensors have. precision: "bfloat16" where
    products round, or None.

    >>> DTypePolicy("float64").compute_dtype
    'float64'
    """

    quantization_mode = None

    def __init__(self, name=None):
        name = dtype_policy().name if name is None else name
        if not isinstance(name, str):
            raise TypeError(f"DTypePolicy: `name` must be a string such as 'float32', received {name!r}")
        self.precision = None
        if name == "mixed_bfloat16":
            self.precision = "bfloat16"
            if settings.bfloat16_speed() == 1:
                _warn_of_speed(settings.kernels().isa)
        elif name == "mixed_float16":
            warnings.warn(
                f"{name}: fastnn has no kernels for float16 and computes in float32: results are at least as "
                "exact, and steps take as long as with float32; mixed_bfloat16 is faster on CPUs made for it",
                stacklevel=2,
            )
        self.name = name if name in _MIXED else _standard(name)
        self.tensor_dtype = self.variable_dtype = "float32" if name in _MIXED else self.name
        self.compute_dtype = self.precision or self.tensor_dtype

    def get_config(self):
        return {"name": self.name}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def __eq__(self, other):
        return isinstance(other, DTypePolicy) and self.name == other.name

    def __hash__(self):
        return hash(self.name)

    def __repr__(self):
        return f'<DTypePolicy "{self.name}">'


FloatDTypePolicy = DTypePolicy


def _standard(name):
    """The standard name of a dtype that a policy can have."""
    try:
        if name == "bfloat16":  # elsewhere another name for float32
            raise ValueError(name)
        return dtypes.standardize(name)
    except ValueError:
        raise ValueError(
            f"DTypePolicy: `name` must be {', '.join(map(repr, _MIXED))} or the name of a dtype that variables can "
            f"have, received {name!r}"
        ) from None


@functools.cache  # one warning a process
def _warn_of_speed(isa):
    warnings.warn(
        f"mixed_bfloat16: the kernels in use ({isa}) have no instructions for bfloat16 (AVX512_BF16 or AMX). Results "
        "are right all the same, but steps are slower than with float32",
        stacklevel=4,
    )


def dtype_policy():
    """The policy of layers that are made without a `dtype`."""
    return _global if _global is not None else DTypePolicy(settings.floatx())


def set_dtype_policy(policy):
    """Make `policy` (a DTypePolicy or its name) the policy of layers that are made without a `dtype`."""
    global _global
    _global = policy if isinstance(policy, DTypePolicy) else DTypePolicy(policy)


def get(identifier):
    """A DTypePolicy from one, a name, a dtype, a configuration, or None (the global one)."""
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        return DTypePolicy(identifier)
    return DTypePolicy(dtypes.standardize(identifier))


def serialize(dtype_policy):
    """The configuration of a policy."""

    from .saving.serialization import serialize_keras_object

    return serialize_keras_object(dtype_policy)


def deserialize(config, custom_objects=None):
    """The policy that a configuration describes."""

    from .saving.serialization import deserialize_keras_object

    return deserialize_keras_object(config, custom_objects, module_objects={"DTypePolicy": DTypePolicy})
