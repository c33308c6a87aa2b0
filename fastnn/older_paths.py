"""Modules where Keras 2 had them: `from fastnn.layers.core import Dense`. Each stands for one that is there."""

import importlib
import importlib.machinery
import sys
import types

_MEANT = {
    "callbacks.callbacks": "callbacks",
    "callbacks.experimental": "callbacks",
    "engine.base_layer": "",
    "engine.functional": "",
    "engine.input_layer": "",
    "engine.input_spec": "",
    "engine.network": "",
    "engine.sequential": "",
    "engine.topology": "",
    "engine.training": "",
    "layers.advanced_activations": "layers",
    "layers.convolutional": "layers",
    "layers.convolutional_recurrent": "layers",
    "layers.core": "layers",
    "layers.embeddings": "layers",
    "layers.experimental": "layers",
    "layers.experimental.preprocessing": "layers",
    "layers.merge": "layers",
    "layers.noise": "layers",
    "layers.preprocessing": "layers",
    "layers.recurrent": "layers",
    "layers.wrappers": "layers",
    "objectives": "losses",
    "optimizers.experimental": "optimizers",
    "optimizers.legacy": "optimizers",
    "preprocessing.timeseries": "preprocessing",
    "utils.data_utils": "utils",
    "utils.generic_utils": "utils",
    "utils.image_utils": "utils",
    "utils.layer_utils": "utils",
    "utils.vis_utils": "utils",
}
_HERE = __name__.rpartition(".")[0]


class _OlderPaths:
    """A finder and loader: the last that Python asks, so it finds what is nowhere else."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        """A spec for a name of the table, else None."""
        if name.removeprefix(f"{_HERE}.") not in _MEANT:
            return None
        return importlib.machinery.ModuleSpec(name, _OlderPaths, is_package=True)

    @staticmethod
    def create_module(spec):
        """A module that has what the one meant has."""
        short = spec.name.removeprefix(f"{_HERE}.")
        meant = importlib.import_module(f"{_HERE}.{_MEANT[short]}".rstrip("."))
        module = types.ModuleType(spec.name, f"What Keras 2 had here; it is in {meant.__name__}.")

        def look_up(name):
            if f"{short}.{name}" in _MEANT:
                return importlib.import_module(f"{spec.name}.{name}")
            return getattr(meant, name)

        module.__getattr__ = look_up
        return module

    @staticmethod
    def exec_module(module):
        """Nothing to do."""


def install():
    """Let `import` find the older names, once."""
    if _OlderPaths not in sys.meta_path:
        sys.meta_path.append(_OlderPaths)


def attribute(package, name):
    """For a package's `__getattr__`: the module that Keras 2 had under `name`.

    Raises:
        AttributeError: there was none.
    """
    if f"{package}.{name}".removeprefix(f"{_HERE}.") not in _MEANT:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    return importlib.import_module(f"{package}.{name}")
