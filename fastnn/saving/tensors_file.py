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
_KINDS = {name: kind for kind, name in _NUMPY.items()}


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
    """Write the weights of `model`, whole or not at all: the header's length, the header (JSON), all arrays in a row.

    The arrays go to the file as they lie in memory: the package would copy them twice.
    Source: the format's description, https://huggingface.co/docs/safetensors.
    Raises:
        ValueError: a weight of a dtype that the format lacks.
    """
    _package()  # a file that this machine could not load again would be found out too late
    header, arrays, end = {"__metadata__": {"format": "fastnn"}}, [], 0
    named = [(name, _in_place(variable)) for name, variable in _named(model).items()]
    named.sort(key=lambda pair: (-pair[1].itemsize, pair[0]))  # so that each one is aligned
    for name, array in named:
        if str(array.dtype) not in _KINDS:
            raise ValueError(
                f"save_weights: {name!r} is {array.dtype}, for which safetensors files have no word; save "
                "'.weights.h5' instead"
            )
        start, end = end, end + array.nbytes
        kind = _KINDS[str(array.dtype)]
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [start, end]}
        arrays.append(array)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with atomic_file(path) as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in arrays:
            file.write(
                array.astype(array.dtype.newbyteorder("<"), copy=False).reshape(-1).view(np.uint8).data
            )


def _in_place(variable):
    return np.asarray(variable.storage, order="C")


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
