"""Dtype policies: which float type a layer computes in and which its variables have."""

import warnings

from .engine import dtypes, settings

_MIXED = ("mixed_float16", "mixed_bfloat16")
_global = None  # set by set_dtype_policy; None: floatx


class DTypePolicy:
    """A named pair of dtypes: "float32", "float64", another dtype's name, "mixed_float16" or
    "mixed_bfloat16".

    The mixed policies are kept by name, so that files made with them load and save unchanged, and compute in
    float32, which is as exact as they promise and more; a warning says so.

    >>> DTypePolicy("float64").compute_dtype
    'float64'
    """

    quantization_mode = None

    def __init__(self, name=None):
        name = dtype_policy().name if name is None else name
        if not isinstance(name, str):
            raise TypeError(f"DTypePolicy: `name` must be a string such as 'float32', received {name!r}")
        if name in _MIXED:
            warnings.warn(
                f"{name}: fastnn has no kernels for 16-bit floats and computes in float32: results are at least as "
                "exact, and steps take as long as with float32",
                stacklevel=2,
            )
            self.compute_dtype = self.variable_dtype = "float32"
        else:
            try:
                name = dtypes.standardize(name)
            except ValueError:
                raise ValueError(
                    f"DTypePolicy: `name` must be {', '.join(map(repr, _MIXED))} or the name of "
                    f"a dtype, received {name!r}"
                ) from None
            self.compute_dtype = self.variable_dtype = name
        self.name = name

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
