"""One file with all that a training run is: arrays by name, and plain values around them."""

import json

import numpy as np

from .atomic import atomic_file
from .safe_h5 import get_dataset, get_group, h5py_module, open_h5, read_dataset, text

_FORMAT = 1


def write_backup(path, state):
    """Write `state`: nested dicts (with names for keys) and lists of plain values and arrays; whole or not at
    all."""
    with atomic_file(path) as target:
        write_backup_to(target, state)


def write_backup_to(target, state):
    """The same into an open binary file, which is read as well."""
    arrays = []
    plain = json.dumps({"format": _FORMAT, "state": _without_arrays(state, arrays)})
    with h5py_module().File(target, "w") as file:
        file["plain"] = np.frombuffer(plain.encode(), np.uint8)
        group = file.create_group("arrays")
        for i, array in enumerate(arrays):
            group[str(i)] = array


def read_backup(path, what=None, most=None):
    """What `write_backup` wrote.

    Args:
        path: or a binary file; `what` errors call it.
        most: bytes that its arrays may take, if it comes from anywhere.
    Raises:
        ValueError: it did not write this file, or the file is damaged.
    """
    with open_h5(path, what or path) as file:
        try:
            plain = json.loads(bytes(read_dataset(get_dataset(file, "plain"))))
        except (KeyError, ValueError, TypeError) as error:
            raise ValueError(
                f"{what or path!r} is no backup of a training run ({error}); delete it to start anew"
            ) from None
        group = get_group(file, "arrays")
        left = [most]

        def array(name):
            dataset = get_dataset(group, name)
            if most is not None:
                left[0] -= dataset.size * dataset.dtype.itemsize
                if left[0] < 0:
                    raise ValueError(f"{what} is refused: its arrays take more than {most} bytes")
            return read_dataset(dataset)

        try:
            return _with_arrays(plain["state"], array)
        except (KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"{what or path} is damaged: {error}") from None


def is_plain(value):
    """Whether a backup can hold `value`."""
    if value is None or isinstance(value, (bool, int, float, str, np.generic)):
        return not isinstance(value, np.generic) or value.dtype.kind in "fiub"
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fiub"
    if isinstance(value, (list, tuple)):
        return all(map(is_plain, value))
    return (
        type(value) is dict
        and all(isinstance(key, str) for key in value)
        and all(map(is_plain, value.values()))
    )


def _without_arrays(value, arrays):
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"__array__": str(len(arrays) - 1)}
    if isinstance(value, dict):
        return {key: _without_arrays(part, arrays) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_arrays(part, arrays) for part in value]
    return value


def _with_arrays(value, array):
    if isinstance(value, list):
        return [_with_arrays(part, array) for part in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"__array__"}:
        return array(text(value["__array__"]))
    return {key: _with_arrays(part, array) for key, part in value.items()}
