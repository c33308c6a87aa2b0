"""Weights as a safetensors file: {path of the variable: array}, for other programs. Needs the `safetensors`
package."""

import json
import os
import warnings

import numpy as np

from .atomic import atomic_file

# The names of the format's dtypes whose values NumPy holds.
_NUMPY = {
    "BOOL": "bool",
    "F16": "float16",
    "F32": "float32",
    "F64": "float64",
    **{
        f"{kind}{bits}": f"{name}{bits}"
        for kind, name in (("I", "int"), ("U", "uint"))
        for bits in (8, 16, 32, 64)
    },
}


def _package():
    try:
        import safetensors.numpy
    except ImportError:
        raise ImportError("safetensors files need the safetensors package: pip install safetensors") from None
    return safetensors


def _named(model):
    """{path: variable}; the second of one path gets "_1", and so on."""
    named = {}
    for variable in model.weights:
        name, count = variable.path, 0
        while name in named:
            count += 1
            name = f"{variable.path}_{count}"
        named[name] = variable
    return named


def save_safetensors(model, path):
    """Write the weights of `model`, whole or not at all."""
    arrays = {name: np.asarray(variable.numpy(), order="C") for name, variable in _named(model).items()}
    data = _package().numpy.save(arrays, metadata={"format": "fastnn"})
    with atomic_file(path) as file:
        file.write(data)


def load_safetensors(model, path, skip_mismatch=False):
    """Set the weights of `model`, by their paths; all of them, or none where one does not fit.

    Raises:
        ValueError: a damaged file; a weight that it lacks, or has in another shape, or of another kind of number.
    """
    package = _package()
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path!r} is a directory; give the name of a file")
    chosen, misfits = [], []
    try:
        with package.safe_open(path, framework="numpy") as file:
            stored = set(file.keys())
            for name, variable in _named(model).items():
                if name not in stored:
                    misfits.append(f"{name!r} is not in {path!r}")
                    continue
                part = file.get_slice(name)
                shape, kind = tuple(part.get_shape()), part.get_dtype()
                if shape != tuple(variable.shape):
                    misfits.append(
                        f"{name!r} has shape {tuple(variable.shape)}, {path!r} holds one of shape {shape}"
                    )
                elif not _fits(kind, variable.dtype):
                    misfits.append(f"{name!r} is {variable.dtype}, {path!r} holds elements of type {kind}")
                else:
                    array = _bfloat16(path, name, shape) if kind == "BF16" else file.get_tensor(name)
                    chosen.append((variable, array))
    except package.SafetensorError as error:
        raise ValueError(f"{path!r} is no safetensors file, or is damaged: {error}") from None
    if misfits and not skip_mismatch:
        raise ValueError(
            f"{misfits[0]}. Was the file made by a model of another architecture? "
            f"({len(misfits)} weights do not fit)"
        )
    if misfits:
        warnings.warn(f"not loaded: {'; '.join(misfits)}", stacklevel=4)
    for variable, array in chosen:
        variable.assign(array)


def _fits(kind, dtype):
    """Whether values of the format's dtype `kind` can be a variable's: floats of any width a float's."""
    return np.can_cast("float32" if kind == "BF16" else _NUMPY.get(kind, "S1"), dtype, "same_kind")


def _bfloat16(path, name, shape):
    """A tensor of 16-bit floats that NumPy lacks, as float32; of a file that the package has found to be sound."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        start, end = json.loads(file.read(length))[name]["data_offsets"]
        file.seek(8 + length + start)
        bits = np.frombuffer(file.read(end - start), "<u2").astype(np.uint32) << 16
    return bits.view(np.float32).reshape(shape)
