"""Weights as a safetensors file: {path of the variable: array}, for other programs. Needs the `safetensors`
package."""

import warnings

import numpy as np

from .atomic import atomic_file


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
    arrays = {name: np.ascontiguousarray(variable.numpy()) for name, variable in _named(model).items()}
    data = _package().numpy.save(arrays, metadata={"format": "fastnn"})
    with atomic_file(path) as file:
        file.write(data)


def load_safetensors(model, path, skip_mismatch=False):
    """Set the weights of `model`, by their paths; all of them, or none where one does not fit.

    Raises:
        ValueError: a damaged file; a weight that it lacks, or has in another shape.
    """
    package = _package()
    chosen, misfits = [], []
    try:
        with package.safe_open(path, framework="numpy") as file:
            stored = set(file.keys())
            for name, variable in _named(model).items():
                shape = tuple(file.get_slice(name).get_shape()) if name in stored else None
                if shape == tuple(variable.shape):
                    chosen.append((variable, file.get_tensor(name)))
                elif shape is None:
                    misfits.append(f"{name!r} is not in {path!r}")
                else:
                    misfits.append(
                        f"{name!r} has shape {tuple(variable.shape)}, {path!r} holds one of shape {shape}"
                    )
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
