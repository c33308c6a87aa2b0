"""Elements of a data set kept in a file: JSON for their structure, NumPy's format for their arrays, no code."""

import json
import os

import numpy as np

from ..saving.atomic import atomic_file

_MAGIC = b"fastnn elements 1\n"


def kept_in(path, make):
    """The elements that make() gives; from `path` where that file is there, else written to it on the way.

    The file comes into being once a pass has gone to its end. Elements hold arrays, numbers and None in nested
    lists, tuples and dicts with strings for keys.

    Raises:
        ValueError: the file is no such file; elements that cannot be written, such as Python objects.
    """
    if os.path.exists(path):
        yield from _read(path)
        return
    folder = os.path.dirname(path)
    if folder:
        os.makedirs(folder, exist_ok=True)
    with atomic_file(path) as file:
        file.write(_MAGIC)
        for element in make():
            _write(file, element, path)
            yield element


def _write(file, element, path):
    leaves = []
    form = _form(element, leaves)
    file.write(json.dumps(form).encode() + b"\n")
    for leaf in leaves:
        try:
            np.lib.format.write_array(file, leaf, allow_pickle=False)
        except ValueError as error:
            raise ValueError(
                f"Dataset.cache: an element holds {leaf.dtype} and cannot be kept in {path!r}; turn it into "
                f"numbers first, or call cache() without a file ({error})"
            ) from None


def _form(element, leaves):
    """The structure of an element, each leaf an empty string; the leaves are appended as arrays."""
    if element is None:
        return None
    if isinstance(element, dict):
        return {"dict": {key: _form(part, leaves) for key, part in element.items()}}
    if isinstance(element, (list, tuple)):
        kind = "tuple" if isinstance(element, tuple) else "list"
        return {kind: [_form(part, leaves) for part in element]}
    leaves.append(np.asarray(element))
    return ""


def _filled(form, file):
    if form is None:
        return None
    if form == "":
        return np.lib.format.read_array(file, allow_pickle=False)
    ((kind, parts),) = form.items()
    if kind == "dict":
        return {key: _filled(part, file) for key, part in parts.items()}
    if kind not in ("list", "tuple"):
        raise ValueError(f"a structure of kind {kind!r}")
    found = [_filled(part, file) for part in parts]
    return tuple(found) if kind == "tuple" else found


def _read(path):
    with open(path, "rb") as file:
        if file.readline() != _MAGIC:
            raise ValueError(
                f"Dataset.cache: {path!r} is no file that a Dataset wrote; remove it, or name another"
            )
        while line := file.readline():
            try:
                element = _filled(json.loads(line), file)
            except (ValueError, AttributeError, EOFError, MemoryError, RecursionError) as error:
                raise ValueError(f"Dataset.cache: {path!r} is damaged; remove it ({error})") from None
            yield element
