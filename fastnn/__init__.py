"""fastnn: neural networks on CPUs. `import fastnn as keras` has Keras 3's names and ways.

Submodules are imported when they are first used.
"""

import importlib

from . import older_paths
from .about import VERSION as __version__
from .about import show_config

older_paths.install()

_MODULES = (
    "activations",
    "applications",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "data",
    "datasets",
    "distillation",
    "dtype_policies",
    "export",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "ops",
    "optimizers",
    "preprocessing",
    "quantizers",
    "random",
    "regularizers",
    "saving",
    "summary",
    "tree",
    "utils",
    "visualization",
    "wrappers",
)

# name -> the module that has it
_NAMES = {
    "Model": "models",
    "Sequential": "models",
    "Functional": "models",
    "Input": "layers",
    "Layer": "layers",
    "InputSpec": "layers",
    "Initializer": "initializers",
    "Loss": "losses",
    "Quantizer": "quantizers",
    "Metric": "metrics",
    "Optimizer": "optimizers",
    "Regularizer": "regularizers",
    "DTypePolicy": "dtype_policies",
    "FloatDTypePolicy": "dtype_policies",
    "Operation": "engine.symbolic",
    "Tensor": "engine.tensor",
    "GradientTape": "engine.tape",
    "StatelessScope": "engine.stateless",
    "SymbolicScope": "engine.stateless",
    "Variable": "engine.variable",
    "KerasTensor": "engine.symbolic",
    "function": "engine.function",
    "Function": "models.symbolic_function",
    "RematScope": "scopes",
    "device": "scopes",
    "name_scope": "scopes",
    "remat": "scopes",
}


def __getattr__(name):
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    if name in _NAMES:
        value = getattr(importlib.import_module(f".{_NAMES[name]}", __name__), name)
        globals()[name] = value
        return value
    return older_paths.attribute(__name__, name)


def version():
    """fastnn's version."""
    return __version__


def __dir__():
    return sorted({*globals(), *_MODULES, *_NAMES})


__all__ = ["__version__", "show_config", "version", *_MODULES, *_NAMES]
