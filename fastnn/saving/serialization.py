"""Objects to JSON-like dicts and back, in the form of Keras 3's files.

An object becomes {"module", "class_name", "config", "registered_name"} (and "build_config", "compile_config"
where it has them). Names are looked up in fastnn's own modules and among what the user registered or passed;
nothing is ever imported because a file names it, and no code stored in a file is run.
"""

import collections
import importlib
import threading
import types
import warnings

import numpy as np

from ..engine import dtypes
from ..engine.symbolic import KerasTensor
from ..engine.tensor import Tensor
from . import object_registration as registration
from .lambda_code import allowing_code, packed, unpacked

# Keras's public module of each of ours; what has no entry is a user's.
_FAMILIES = (
    "layers",
    "activations",
    "initializers",
    "regularizers",
    "constraints",
    "losses",
    "metrics",
    "optimizers",
    "optimizers.schedules",
    "random",
    "models",
    "dtype_policies",
    "distillation",
    "quantizers",
    "utils.feature_space",
    "applications.convnext",
    "applications.inception_resnet_v2",
)
_FUNCTION_FAMILIES = ("activations", "losses", "metrics", "initializers", "regularizers", "constraints")
_NOT_SAVED = {"get", "serialize", "deserialize"}
# Classes that Keras writes under another module than its family's, as (module, class_name).
_CANONICAL = {
    "Model": ("keras", "Model"),
    "Sequential": ("keras", "Sequential"),
    "Functional": ("keras.src.models.functional", "Functional"),
    "DTypePolicy": ("keras", "DTypePolicy"),
    "FeatureSpace": ("keras.utils", "FeatureSpace"),
    "Feature": ("keras.src.layers.preprocessing.feature_space", "Feature"),
    "Cross": ("keras.src.layers.preprocessing.feature_space", "Cross"),
}


class _State(threading.local):
    met = None  # id -> the object, kept so that no other gets its id, inside `sharing_objects`
    objects = None  # shared_object_id -> the object made of it


_state = _State()


class sharing_objects:  # noqa: N801 - reads as a statement: `with sharing_objects():`
    """Inside, objects are marked when serialized; those of one mark are made once when deserialized."""

    def __enter__(self):
        self._outer = _state.met, _state.objects
        _state.met, _state.objects = {}, {}

    def __exit__(self, *exc):
        _state.met, _state.objects = self._outer


def serialize_sharing(obj):
    """`serialize_keras_object(obj)`, with a mark on whatever is met twice: it will be made once."""
    with sharing_objects():
        config = serialize_keras_object(obj)
    counts = collections.Counter(part["shared_object_id"] for part in _marked(config))
    for part in _marked(config):
        if counts[part["shared_object_id"]] == 1:
            del part["shared_object_id"]
    return config


def _marked(config):
    if isinstance(config, dict):
        if "shared_object_id" in config:
            yield config
        config = config.values()
    if not isinstance(config, (str, bytes)) and hasattr(config, "__iter__"):
        for part in list(config):
            yield from _marked(part)


def serialize_keras_object(obj):
    """`obj` (a layer, an optimizer, a function, a tensor, nested containers, ...) as a dict that JSON can
    hold.

    Raises:
        TypeError: an object without a `get_config` method.
    """
    if obj is None or isinstance(obj, (str, int, float, bool)):
        return obj
    if isinstance(obj, (list, tuple)):
        parts = [serialize_keras_object(part) for part in obj]
        return tuple(parts) if isinstance(obj, tuple) else parts
    if isinstance(obj, dict):
        return serialize_dict(obj)
    special = _serialize_special(obj)
    if special is not None:
        return special
    if type(obj).__module__ == "numpy":
        return obj.item()
    if isinstance(obj, types.FunctionType):
        return _serialize_function(obj)
    config = {**_class_entry(type(obj), _own_config(obj))}
    for key, method in (("build_config", "get_build_config"), ("compile_config", "get_compile_config")):
        if hasattr(obj, method):
            value = getattr(obj, method)()
            if value is not None:
                config[key] = serialize_dict(value)
    _note_shared(obj, config)
    return config


def serialize_dict(mapping):
    return {key: serialize_keras_object(value) for key, value in mapping.items()}


def _serialize_special(obj):
    if isinstance(obj, bytes):
        return {"class_name": "__bytes__", "config": {"value": obj.decode("utf-8")}}
    if isinstance(obj, slice):
        parts = {name: serialize_keras_object(getattr(obj, name)) for name in ("start", "stop", "step")}
        return {"class_name": "__slice__", "config": parts}
    if obj is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(obj, KerasTensor):
        history = None
        if obj.node is not None:
            operation = obj.node.operation
            history = [operation.name, operation.inbound_nodes.index(obj.node), obj.index]
        return {
            "class_name": "__keras_tensor__",
            "config": {"shape": obj.shape, "dtype": obj.dtype, "keras_history": history},
        }
    if isinstance(obj, Tensor):
        return {"class_name": "__tensor__", "config": {"value": obj.numpy().tolist(), "dtype": obj.dtype}}
    if isinstance(obj, np.ndarray) and obj.ndim > 0:
        return {
            "class_name": "__numpy__",
            "config": {"value": obj.tolist(), "dtype": dtypes.standardize(obj.dtype)},
        }
    return None


def _serialize_function(function):
    if function.__name__ == "<lambda>":
        warnings.warn(
            "a lambda is being saved as code: loading it takes safe_mode=False, and the same version of Python. "
            "Use a named function with @register_keras_serializable() instead",
            stacklevel=3,
        )
        return {"class_name": "__lambda__", "config": {"value": list(packed(function))}}
    name = registration.get_registered_name(function)
    registered = "function" if _family_of(function) is not None else name  # Keras's word for those of its own
    return {"module": "builtins", "class_name": "function", "config": name, "registered_name": registered}


def _own_config(obj):
    if not hasattr(obj, "get_config"):
        raise TypeError(
            f"{obj!r} (of type {type(obj).__name__}) cannot be saved: its class has no "
            "get_config() method. Write one that returns the constructor's arguments as a dict"
        )
    config = obj.get_config()
    if not isinstance(config, dict):
        raise TypeError(f"get_config() of {type(obj).__name__} must return a dict, it returned {config!r}")
    return serialize_dict(config)


def _class_entry(cls, config):
    """The four keys that name `cls` in a file, with `config` among them."""
    family = _family_of(cls)
    if family is not None:
        inner = "src." if family.startswith("applications.") else ""  # layers that Keras keeps to itself
        module, name = _CANONICAL.get(cls.__name__, (f"keras.{inner}{family}", cls.__name__))
        registered = name if module.startswith("keras.src") else None
        return {"module": module, "class_name": name, "config": config, "registered_name": registered}
    module = None if cls.__module__ == "__main__" else cls.__module__
    return {
        "module": module,
        "class_name": cls.__name__,
        "config": config,
        "registered_name": registration.get_registered_name(cls),
    }


def _family_of(thing):
    """The module under fastnn ("layers", ...) whose public name `thing` is, or None."""
    module = getattr(thing, "__module__", None) or ""
    if not module.startswith("fastnn."):
        return None
    parts = module.split(".")[1:]
    for family in (".".join(parts[:2]), parts[0]):
        if family in _FAMILIES and _public(family, thing.__name__) is thing:
            return family
    return None


def _public(family, name):
    """The savable class or function `name` of fastnn's own module `family`, or None."""
    if not isinstance(name, str) or name.startswith("_"):
        return None
    try:
        module = importlib.import_module(f"fastnn.{family}")
    except ModuleNotFoundError:
        return None
    thing = vars(module).get(name)
    if isinstance(thing, type):
        return thing if hasattr(thing, "from_config") else None
    if isinstance(thing, types.FunctionType) and family in _FUNCTION_FAMILIES and name not in _NOT_SAVED:
        return thing
    return None


def _note_shared(obj, config):
    if _state.met is not None:  # models copy their layers' configurations: a later mark would not reach them
        _state.met[id(obj)] = obj
        config["shared_object_id"] = id(obj)


def deserialize_keras_object(config, custom_objects=None, safe_mode=True, module_objects=None):
    """The object that `config`, made by `serialize_keras_object` here or in Keras, describes.

    Args:
        config: the dict; also plain values, lists and, with `module_objects`, a bare name.
        custom_objects: {name: class or function} that the configuration may name besides registered ones.
        safe_mode: False lets it make functions of code in the configuration (Python lambdas). Only for what
            you trust.
        module_objects: {name: class or function} for short forms such as "relu" or {"class_name", "config"}.

    Raises:
        ValueError: a name that is neither fastnn's own nor registered; a stored lambda, with `safe_mode`.
        TypeError: something that is no configuration.
    """
    try:
        with allowing_code(safe_mode is False):
            return _deserialized(config, custom_objects, module_objects)
    except RecursionError:
        raise ValueError("the configuration is refused: it is nested too deeply") from None


def _deserialized(config, custom_objects, module_objects):
    if config is None:
        return None
    if isinstance(config, str):
        known = registration.get_registered_object(config, custom_objects, module_objects)
        if known is None:
            return config
        return known() if isinstance(known, type) and module_objects and config in module_objects else known
    if isinstance(config, (bool, int, float)):
        return config
    if isinstance(config, (list, tuple)):
        return [deserialize_keras_object(part, custom_objects) for part in config]
    if not isinstance(config, dict):
        raise TypeError(
            f"a configuration must be a dict, a list or a plain value, received {config!r} "
            f"(of type {type(config).__name__})"
        )
    for key in ("class_name", "registered_name"):
        if not isinstance(config.get(key), (str, types.NoneType)):
            raise ValueError(f"a configuration's {key!r} must be a name, received {config[key]!r}")
    if "class_name" not in config or "config" not in config:
        if module_objects is not None:
            raise ValueError(f"a configuration needs the keys 'class_name' and 'config', received {config!r}")
        return {key: deserialize_keras_object(value, custom_objects) for key, value in config.items()}
    inner = config["config"] if config["config"] is not None else {}
    if config["class_name"] in _SPECIAL:
        return _special(config["class_name"], inner, custom_objects)
    if config["class_name"] == "function":
        if not isinstance(inner, str):
            raise TypeError(f"the 'config' of a function must be its name, received {config!r}")
        found = _find(inner, config, custom_objects, module_objects)
        if isinstance(found, type) and found.__module__.startswith("fastnn."):
            raise ValueError(f"the configuration calls {inner!r} a function, it is a class")
        return found
    if not isinstance(inner, dict):
        raise TypeError(f"the 'config' of {config['class_name']!r} must be a dict, received {inner!r}")
    shared = config.get("shared_object_id")
    if shared is not None and _state.objects and shared in _state.objects:
        return _state.objects[shared]
    cls = _find(config["class_name"], config, custom_objects, module_objects)
    if not isinstance(cls, type):
        return cls
    if not hasattr(cls, "from_config"):
        raise TypeError(
            f"{cls.__name__} cannot be made from a configuration: it has no from_config() class method"
        )
    instance = _make(cls, inner, config, custom_objects)
    if shared is not None and _state.objects is not None:
        _state.objects[shared] = instance
    return instance


def _special(kind, inner, custom_objects):
    try:
        return _SPECIAL[kind](inner, custom_objects)
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(
            f"the configuration holds no {kind.strip('_')}: {type(error).__name__}: {error}"
        ) from None


def _make(cls, inner, config, custom_objects):
    objects = {**(custom_objects or {}), **registration.scoped_objects()}
    with registration.CustomObjectScope(objects):
        instance = cls.from_config(inner)
        if config.get("build_config") and not instance.built:
            instance.build_from_config(config["build_config"])
            instance.built = True
        if config.get("compile_config"):
            instance.compile_from_config(config["compile_config"])
    return instance


class UnknownObject(ValueError, TypeError):
    """A class or function of a configuration is not known here: a TypeError too, which Keras raises."""


def _find(name, config, custom_objects, module_objects):
    module, registered = config.get("module"), config.get("registered_name", name)
    if registered is not None:
        found = registration.get_registered_object(registered, custom_objects)
        if found is not None:
            return found
    found = _builtin(module, name)
    if found is None:
        found = registration.get_registered_object(name, custom_objects, module_objects)
    if found is None:
        raise UnknownObject(
            f"{name!r} (module {module!r}, registered name {registered!r}) is neither part of fastnn nor "
            f"known here. If it is yours, import it first and pass custom_objects={{{name!r}: ...}}, or "
            "decorate it with @register_keras_serializable()"
        )
    return found


def _builtin(module, name):
    """fastnn's own object for a name in one of Keras's (or fastnn's) modules, or None."""
    if module in ("keras", "fastnn", "builtins", "keras.src"):
        families = _FUNCTION_FAMILIES if module == "builtins" else ("models", *_FAMILIES)
    elif isinstance(module, str) and module.split(".")[0] in ("keras", "fastnn"):
        parts = [part for part in module.split(".")[1:] if part != "src"]
        if parts[:2] == ["backend", "torch"]:  # Keras on PyTorch has its optimizers there
            parts = parts[2:]
        if not parts:
            return None
        families = (".".join(parts[:2]), parts[0])
        if (module, name) == _CANONICAL["FeatureSpace"]:
            families = ("utils.feature_space",)  # which `utils` imports when it is asked for
    else:
        return None
    for family in families:
        found = _public(family, name) if family in _FAMILIES else None
        if found is not None:
            return found
    return None


def _symbolic(inner, custom_objects):
    dtype = (
        "float32" if inner["dtype"] == "bfloat16" else inner["dtype"]
    )  # as the policies of that name compute
    tensor = KerasTensor(inner["shape"], dtype)
    tensor.saved_history = inner["keras_history"]
    return tensor


_SPECIAL = {
    "__bytes__": lambda inner, custom: inner["value"].encode("utf-8"),
    "__ellipsis__": lambda inner, custom: Ellipsis,
    "__slice__": lambda inner, custom: slice(
        *(deserialize_keras_object(inner[k]) for k in ("start", "stop", "step"))
    ),
    "__numpy__": lambda inner, custom: np.array(inner["value"], dtypes.standardize(inner["dtype"])),
    "__tensor__": lambda inner, custom: Tensor(np.array(inner["value"], dtypes.standardize(inner["dtype"]))),
    "__keras_tensor__": _symbolic,
    "__lambda__": lambda inner, custom: unpacked(inner),
}
