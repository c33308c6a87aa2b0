"""Dtype policies: which float type a layer computes in and which its variables have."""

import functools
import warnings
from collections.abc import MutableMapping

from .engine import dtypes, settings
from .engine.patterns import check_pattern, fits
from .engine.symbolic import KerasTensor
from .engine.tensor import Tensor
from .engine.variable import convert

# The policies whose tensors have another dtype than they name: all are float32.
_BY_NAME = ("mixed_float16", "mixed_bfloat16", "bfloat16")
_global = None  # set by set_dtype_policy; None: floatx


class DTypePolicy:
    """A named pair of dtypes: "float32" or another dtype's name, "bfloat16", "mixed_bfloat16" or "mixed_float16".

    "mixed_bfloat16": layers round the operands of matrix products and convolutions, and of their gradients'
    products, to bfloat16 and sum in float32. Everything else stays float32: variables, what layers return, norms,
    losses, recurrent and depthwise layers. `compute_dtype` is "bfloat16", as in Keras, though no tensor has this
    dtype: where a dtype is asked for, "bfloat16" makes float32 tensors. Fast on CPUs with AVX512_BF16 or AMX;
    elsewhere results are the same up to the order of sums, and a warning says once that float32 would be faster.

    "bfloat16" computes in the same way. Its variables are float32 too, so that small updates are not lost in them, and
    only called "bfloat16", as a file of Keras's needs it; it takes no less memory than "mixed_bfloat16".

    "mixed_float16" is kept by name, so that files made with it load and save unchanged, and computes in float32,
    which is as exact as it promises and more; a warning says so.

    compute_dtype, variable_dtype: the names, as in Keras. tensor_dtype: what the layer's tensors have. precision:
    "bfloat16" where products round, or None.

    >>> DTypePolicy("float64").compute_dtype
    'float64'
    """

    quantization_mode = None

    def __init__(self, name=None):
        name = dtype_policy().name if name is None else name
        if not isinstance(name, str):
            raise TypeError(f"DTypePolicy: `name` must be a string such as 'float32', received {name!r}")
        self.precision = None
        if name in ("mixed_bfloat16", "bfloat16"):
            self.precision = "bfloat16"
            if settings.bfloat16_speed() == 1:
                _warn_of_speed(name, settings.kernels().isa)
        elif name == "mixed_float16":
            warnings.warn(
                f"{name}: fastnn has no kernels for float16 and computes in float32: results are at least as "
                "exact, and steps take as long as with float32; mixed_bfloat16 is faster on CPUs made for it",
                stacklevel=2,
            )
        self.name = name if name in _BY_NAME else _standard(name)
        self.tensor_dtype = "float32" if name in _BY_NAME else self.name
        self.compute_dtype = self.precision or self.tensor_dtype
        self.variable_dtype = name if name == "bfloat16" else self.tensor_dtype

    def convert_input(self, x, autocast, dtype):
        """An array as a tensor, and, with `autocast`, floats in another dtype as such of `dtype`; what is neither array
        nor tensor stays as it is."""
        if not (isinstance(x, (Tensor, KerasTensor)) or hasattr(x, "__array__")):
            return x
        x = x if isinstance(x, KerasTensor) else convert(x)
        dtype = dtypes.standardize(dtype)
        casts = autocast and dtypes.is_float(dtype) and dtypes.is_float(x.dtype) and x.dtype != dtype
        if not casts:
            return x
        from .ops import cast

        return cast(x, dtype)

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


class QuantizedDTypePolicy(DTypePolicy):
    """The policy of a layer whose weight is kept as int8, from another policy's name: see `Dense.quantize`.

    Raises:
        ValueError: another mode than "int8".
    """

    def __init__(self, mode, source_name=None):
        if mode != "int8":
            raise ValueError(
                f"QuantizedDTypePolicy: `mode` must be 'int8', received {mode!r}; of Keras's modes fastnn has this one"
            )
        super().__init__(source_name)
        self.source_name, self.quantization_mode = self.name, mode
        self.name = f"{mode}_from_{self.source_name}"

    def get_config(self):
        return {"mode": self.quantization_mode, "source_name": self.source_name}


class DTypePolicyMap(DTypePolicy, MutableMapping):
    """Policies by the layers' paths, or regular expressions for whole paths; `default_policy` for all others.

    A layer that is given one takes the policy of its own path as it is built.
    Source: Keras 3 `dtype_policies.DTypePolicyMap`.
    """

    def __init__(self, default_policy=None, policy_map=None):
        if isinstance(default_policy, DTypePolicyMap):
            raise ValueError("DTypePolicyMap: `default_policy` cannot be a map itself")
        if policy_map is not None and not isinstance(policy_map, dict):
            raise TypeError(f"DTypePolicyMap: `policy_map` must be a dict, received {policy_map!r}")
        self._given = default_policy
        self.default_policy = get(default_policy)
        self._policies = {}
        for path, policy in (policy_map or {}).items():
            self[path] = policy
        for name in ("precision", "tensor_dtype", "variable_dtype", "compute_dtype", "quantization_mode"):
            setattr(self, name, getattr(self.default_policy, name))
        self.name = f"map_{self.default_policy.name}"

    def __getitem__(self, path):
        if path in self._policies:
            return self._policies[path]
        fitting = [pattern for pattern in self._policies if fits(pattern, path)]
        if len(fitting) > 1:
            raise ValueError(f"DTypePolicyMap: the path {path!r} fits several of its keys, {fitting}")
        return self._policies[fitting[0]] if fitting else self.default_policy

    def __setitem__(self, path, policy):
        if path in self._policies:
            raise ValueError(f"DTypePolicyMap: {path!r} is there already, with {self._policies[path]}")
        check_pattern(path, "DTypePolicyMap")
        self._policies[path] = get(policy)

    def __delitem__(self, path):
        del self._policies[path]

    def __contains__(self, path):
        return path in self._policies

    def __len__(self):
        return len(self._policies)

    def __iter__(self):
        return iter(self._policies)

    def __bool__(self):
        return True

    def __eq__(self, other):
        return (
            isinstance(other, DTypePolicyMap)
            and self.default_policy == other.default_policy
            and self._policies == other._policies
        )

    __hash__ = DTypePolicy.__hash__

    def get_config(self):
        given = self._given
        return {
            "default_policy": serialize(given) if isinstance(given, DTypePolicy) else given,
            "policy_map": {path: serialize(policy) for path, policy in self._policies.items()},
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(get(config["default_policy"]) if config["default_policy"] else None, config["policy_map"])


def _standard(name):
    """The standard name of a dtype that a policy can have."""
    try:
        return dtypes.standardize(name)
    except ValueError:
        raise ValueError(
            f"DTypePolicy: `name` must be {', '.join(map(repr, _BY_NAME))} or the name of a dtype that variables can "
            f"have, received {name!r}"
        ) from None


@functools.cache  # one warning a process
def _warn_of_speed(name, isa):
    warnings.warn(
        f"{name}: the kernels in use ({isa}) have no instructions for bfloat16 (AVX512_BF16 or AMX). Results "
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
        mode, quantized, source = identifier.partition("_from_")
        return QuantizedDTypePolicy(mode, source) if quantized else DTypePolicy(identifier)
    return DTypePolicy(dtypes.standardize(identifier))


def serialize(dtype_policy):
    """The configuration of a policy."""

    from .saving.serialization import serialize_keras_object

    return serialize_keras_object(dtype_policy)


def deserialize(config, custom_objects=None):
    """The policy that a configuration describes."""

    from .saving.serialization import deserialize_keras_object

    return deserialize_keras_object(config, custom_objects, module_objects=_CLASSES)


_CLASSES = {kind.__name__: kind for kind in (DTypePolicy, QuantizedDTypePolicy, DTypePolicyMap)}
