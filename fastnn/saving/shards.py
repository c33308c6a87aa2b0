"""Weights in several HDF5 files of bounded size, and a JSON file that says which objects lie where, as Keras
3 has them.

NAME.weights.json: {"metadata": {"total_size": bytes}, "weight_map": {"/layers/dense/vars": file or [files],
    ...}};
NAME_00000.weights.h5, NAME_00001.weights.h5, ...: the layout of `weights_store`, each with a part of the
    arrays.
"""

import contextlib
import json
import os
import secrets

from .atomic import atomic_file
from .safe_h5 import attribute, h5py_module, open_h5
from .weights_store import arrays_of, read_state

_LARGEST_MAP = 32 * 2**20
_MARK = "fastnn_save"  # the same in all files of one save: those of two saves are told apart


def save_shards(model, path, max_shard_size):
    """Write the state of `model`; the files take their places only once all of them are written.

    max_shard_size: gigabytes (2**30 bytes) of arrays a file.
    Raises:
        ValueError: one array alone is larger.
    """
    limit = float(max_shard_size) * 2**30
    shards, weight_map, total = _dealt(model, limit)
    folder, name = os.path.split(path)
    stem = name.removesuffix(".json").removesuffix(".weights")
    files = [f"{stem}_{i:05}.weights.h5" for i in range(len(shards))]
    mark = secrets.token_hex(8)
    listed = {place: [files[i] for i in numbers] for place, numbers in weight_map.items()}
    config = {
        "metadata": {"total_size": total, _MARK: mark},
        "weight_map": {place: some[0] if len(some) == 1 else some for place, some in listed.items()},
    }
    h5py = h5py_module()
    with contextlib.ExitStack() as waiting:
        # The map is entered first and so put in place last.
        waiting.enter_context(atomic_file(path)).write(json.dumps(config, indent=4).encode())
        for name, shard in zip(files, shards):
            target = waiting.enter_context(atomic_file(os.path.join(folder, name)))
            with h5py.File(target, "w") as file:
                file.attrs[_MARK] = mark
                for place, label, arrays in shard:
                    group = file.require_group(place)
                    if label is not None:
                        group.attrs["name"] = label
                    for key, array in arrays.items():
                        group[key] = array


def _dealt(model, limit):
    """([[(group, its object's name, {key: array})] for each file], {group: numbers of files}, bytes in
    all)"""
    shards, weight_map, size, total = [[]], {}, 0, 0
    for place, label, arrays in arrays_of(model):
        shards[-1].append((place, label, {}))
        for key, array in arrays.items():
            if array.nbytes > limit:
                raise ValueError(
                    f"save_weights: array {key} of {place!r} has {array.nbytes} bytes, more than `max_shard_size` "
                    f"allows for a file, {int(limit)}; make it larger"
                )
            if size + array.nbytes > limit:
                shards.append([(place, label, {})])
                size = 0
            shards[-1][-1][2][key] = array
            size += array.nbytes
            total += array.nbytes
            numbers = weight_map.setdefault(f"/{place}", [])
            if len(shards) - 1 not in numbers:
                numbers.append(len(shards) - 1)
    return shards, weight_map, total


def load_shards(model, path, skip_mismatch=False, skip=()):
    """Set the state of `model` from the files that the map `path` lists; all of it, or nothing.

    Raises:
        ValueError: a damaged or missing file, one that lies elsewhere or is of another save, weights that do
            not fit.
    """
    from .model_file import parse_json

    with open(path, "rb") as file:
        config = parse_json(file.read(_LARGEST_MAP), path)
    places = config.get("weight_map")
    if not isinstance(places, dict):
        raise ValueError(f"{path!r} is no map of weights: it has no 'weight_map'")
    listed = [name for some in places.values() for name in (some if isinstance(some, list) else [some])]
    for name in listed:
        if not isinstance(name, str) or os.path.basename(name) != name or not name.endswith(".h5"):
            raise ValueError(f"{path!r} is refused: it lists {name!r}, which is no file beside it")
    mark = config["metadata"].get(_MARK) if isinstance(config.get("metadata"), dict) else None
    with contextlib.ExitStack() as opened:
        files = []
        for name in dict.fromkeys(listed):
            shard = os.path.join(os.path.dirname(path), name)
            if not os.path.exists(shard):
                raise FileNotFoundError(
                    f"{path!r} lists {name!r}, which is not beside it; copy all files of one save"
                )
            file = opened.enter_context(open_h5(shard, shard))
            if mark is not None and attribute(file, _MARK) != mark:
                raise ValueError(f"{shard!r} is of another save than {path!r}; copy all files of one save")
            files.append(file)
        read_state(model, files, skip_mismatch, skip)
