"""ExportArchive: functions of a model by name, each an ONNX file."""

import inspect
import os
import re

from ..layers import Layer
from ..saving.atomic import atomic_file, scratch_folder
from .onnx_file import model_arguments, onnx_bytes, specs_of


class ExportArchive:
    """What a served model can be asked, by name; `write_out` makes ONNX files of it. Needs the `onnx` package.

    Args:
        format: "onnx". Keras's "saved_model" is accepted where `write_out` is given a name that ends in ".onnx".
    Source: Keras 3 `export.ExportArchive`.
    """

    def __init__(self, format="saved_model", **kwargs):
        if format not in ("onnx", "saved_model"):
            raise ValueError(f"ExportArchive: `format` must be 'onnx', received {format!r}")
        self.format = format
        self._endpoints = {}

    def track(self, resource):
        """Accepted as in Keras; whatever an endpoint uses is found by itself."""

    def add_endpoint(self, name, fn, input_signature=None, **kwargs):
        """Add a function (or a layer or a model, at inference) under a name; gives the function back.

        Args:
            name: letters, digits, "_", "-" and ".", the name of a file.
            fn: takes tensors, and structures of them; it must not look at values.
            input_signature: one entry an argument: KerasTensors, InputSpecs, arrays, or structures of them; a built
                model does without.
        Raises:
            ValueError: the name is taken or no name; a function without `input_signature`.
        """
        if not isinstance(name, str) or not re.fullmatch(r"[\w.-]+", name) or name.startswith("."):
            raise ValueError(
                f"ExportArchive: an endpoint's name must hold letters, digits, '_', '-' and '.', received {name!r}"
            )
        if name in self._endpoints:
            raise ValueError(f"ExportArchive: there is an endpoint {name!r} already")
        self._endpoints[name] = fn, _arguments(name, fn, input_signature)
        return fn

    def track_and_add_endpoint(self, name, resource, input_signature, **kwargs):
        """`add_endpoint` of a layer or a model."""
        return self.add_endpoint(name, resource, input_signature, **kwargs)

    def add_variable_collection(self, name, variables):
        """Keras's archives hold variables beside endpoints; ONNX files have no place for them.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            "ExportArchive: ONNX files hold no variables beside the endpoints' own; save those with "
            f"model.save_weights(), or add an endpoint that returns {name!r}"
        )

    def write_out(self, filepath, options=None, verbose=True):
        """Write the endpoints, whole or not at all: one as the file `filepath`, where it ends in ".onnx", else as
        NAME.onnx in a new folder of that name.

        Args:
            options: accepted as in Keras.
            verbose: False says nothing when it is done.
        Raises:
            ImportError: the `onnx` package is not installed.
            ValueError: no endpoint, or an op that ONNX has no words for.
        """
        filepath = os.fspath(filepath)
        if not self._endpoints:
            raise ValueError("ExportArchive: there are no endpoints yet; call add_endpoint() first")
        alone = filepath.endswith(".onnx")
        if alone and len(self._endpoints) > 1:
            raise ValueError(
                f"ExportArchive: {filepath!r} can hold one endpoint, there are {', '.join(self._endpoints)}; give the "
                "name of a folder, with format='onnx'"
            )
        if not alone and self.format != "onnx":
            raise ValueError(
                "ExportArchive: a SavedModel needs TensorFlow to write it. Ask for ExportArchive(format='onnx'), or "
                "save the model with model.save('model.keras'), load that in Keras and export it there"
            )
        files = {name: onnx_bytes(name, *endpoint) for name, endpoint in self._endpoints.items()}
        if alone:
            with atomic_file(filepath) as target:
                target.write(*files.values())
        else:
            with scratch_folder(filepath) as folder:
                for name, data in files.items():
                    with open(os.path.join(folder, f"{name}.onnx"), "xb") as target:
                        target.write(data)
        if verbose:
            print(f"Saved artifact at '{filepath}': endpoints {', '.join(files)}.")


def _arguments(name, fn, signature):
    """{name of an argument of fn: structure of KerasTensors}."""
    model = fn if hasattr(fn, "_call_specs") else getattr(fn, "__self__", None)
    if hasattr(model, "_call_specs") and (model is fn or fn.__name__ in ("call", "__call__")):
        return model_arguments(model, signature)
    if signature is None:
        raise ValueError(
            f"ExportArchive: endpoint {name!r} needs `input_signature`, for instance [keras.Input((None, 8))]"
        )
    specs = specs_of(signature)
    call = fn.call if isinstance(fn, Layer) else fn
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [p.name for p in inspect.signature(call).parameters.values() if p.kind in kinds]
    if len(specs) > len(names):
        raise ValueError(
            f"ExportArchive: `input_signature` of endpoint {name!r} has {len(specs)} entries, the function takes "
            f"{', '.join(names) or 'none'}"
        )
    return dict(zip(names, specs))
