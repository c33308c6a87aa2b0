"""A model's state in an HDF5 file of Keras 3's layout: the group <path>/vars with the datasets "0", "1", ...
for each object of the model (see state_tree)."""

import warnings
from collections.abc import Mapping

import numpy as np

from ..engine.variable import Variable
from .safe_h5 import get_dataset, get_group, is_bfloat16, read_dataset, read_dataset_into
from .state_tree import saveables


def write_state(model, file, skip=()):
    """Write the state of all objects of `model` but those of `skip` into the open HDF5 file or group
    `file`."""
    for place, label, arrays in arrays_of(model, skip):
        group = file.require_group(place)
        if label is not None:
            group.attrs["name"] = label
        for key, array in arrays.items():
            group[key] = array


def arrays_of(model, skip=()):
    """(group in a file, the object's name or None, {key: array}) of all objects with a state or a name."""
    skip = set(map(id, skip))
    for path, thing in saveables(model):
        if id(thing) in skip:
            continue
        own = {}
        thing.save_own_variables(own)
        name = getattr(thing, "name", None)
        if own or isinstance(name, str):
            yield (
                f"{path}/vars" if path else "vars",
                name if isinstance(name, str) else None,
                {key: _in_place(value) for key, value in own.items()},
            )


def state_size(model):
    """About how many bytes the state of all objects of `model` takes in a file."""
    size = 0
    for _, thing in saveables(model):
        own = {}
        thing.save_own_variables(own)
        size += 4096 + sum(1024 + _in_place(value).nbytes for value in own.values())
    return size


def _in_place(value):
    """What an object gave as its state, as an array: of a Variable its own memory, not a copy."""
    return value.storage if isinstance(value, Variable) else np.asarray(value)


def read_state(model, file, skip_mismatch=False, skip=(), older=False, fresh=False):
    """Set the state of all objects of `model` from the open HDF5 file `file`; all of it, or nothing.

    Args:
        file: or a list of files that have a part each.
        skip_mismatch: leave objects as they are that the file does not fit, and warn.
        skip: objects to leave as they are.
        older: a Keras before 3 wrote the file.
        fresh: the model was made for this and is thrown away where it fails: no need to keep what it was.
    Raises:
        ValueError: an object that the file does not fit, named, with both shapes; the model is as it was
            before.
    """
    skip = set(map(id, skip))
    files = file if isinstance(file, list) else [file]
    before, failures = [], []
    try:
        for path, thing in saveables(model):
            if id(thing) in skip:
                continue
            now = {}
            thing.save_own_variables(now)
            now = {
                key: _in_place(value) if fresh else np.array(_in_place(value)) for key, value in now.items()
            }
            store = StoredVariables([_group(file, path) for file in files], thing, now)
            before.append((thing, now))
            if hasattr(thing, "update_step") and _load_as_stored(thing, store, now, older):
                continue
            try:
                thing.load_own_variables(store)
            except (ValueError, TypeError, KeyError, IndexError) as error:
                failures.append((thing, error))
                if skip_mismatch:
                    thing.load_own_variables(now)
        if failures and not skip_mismatch:
            raise ValueError(_failure_message(failures))
    except BaseException:
        for thing, values in before if not fresh else ():
            thing.load_own_variables(values)
        raise
    if failures:
        warnings.warn("not loaded: " + _failure_message(failures), stacklevel=3)


class StoredVariables(Mapping):
    """What files hold for one object: {"0": array, ...}, each checked against the object's own before it is
    read.

    groups: its HDF5 groups; None among them for a file that has none. now: {key: the object's present array}.
    """

    def __init__(self, groups, owner, now):
        self.groups = [group for group in groups if group is not None]
        self.owner = owner
        self.now = now

    def keys(self):
        return [key for group in self.groups for key in group.keys()]

    def __iter__(self):
        return iter(self.keys())

    def __len__(self):
        return len(self.keys())

    def __contains__(self, key):
        return any(key in group for group in self.groups)

    def __getitem__(self, key):
        for group in self.groups:
            if key in group:
                dataset = get_dataset(group, key)
                own = self.now.get(key)
                if own is not None:
                    self._check(key, dataset, np.asarray(own))
                return read_dataset(dataset)
        raise KeyError(key)

    @property
    def as_large_as_stored(self):
        """Whether no array takes more memory than the file spends on it."""
        datasets = [get_dataset(group, key) for group in self.groups for key in group.keys()]
        return all(dataset.nbytes <= dataset.id.get_storage_size() for dataset in datasets)

    def read_into(self, key, array):
        """Read an array into the memory of another of its shape; whether it could be."""
        for group in self.groups:
            if key in group:
                dataset = get_dataset(group, key)
                self._check(key, dataset, array)
                return read_dataset_into(dataset, array)
        raise KeyError(key)

    def _check(self, key, dataset, own):
        who = f"{type(self.owner).__name__} {getattr(self.owner, 'name', '')!r}"
        if tuple(dataset.shape) != own.shape:
            raise ValueError(
                f"{who}: its variable {key} has shape {own.shape}, the file holds one of shape "
                f"{tuple(dataset.shape)}. Was the file made by a model of another architecture?"
            )
        if not is_bfloat16(dataset) and not np.can_cast(dataset.dtype, own.dtype, "same_kind"):
            raise ValueError(f"{who}: its variable {key} is {own.dtype}, the file holds {dataset.dtype}")


def _group(file, path):
    group = get_group(file, f"{path}/vars" if path else "vars")
    if (
        group is None and "_layer_checkpoint_dependencies" in file
    ):  # the first .keras files called the layers so
        group = get_group(file, path.replace("layers", "_layer_checkpoint_dependencies") + "/vars")
    folder, _, name = path.rpartition("/")
    if group is None and folder and not name.startswith("_"):  # Keras 2's MultiHeadAttention: "_query_dense"
        group = get_group(file, f"{folder}/_{name}/vars")
    return group


def _load_as_stored(optimizer, store, now, older):
    """Load what files hold of an optimizer in another form than its own; whether they did.

    One saved before its first step has no slots: then fresh ones are right. Keras before 3 kept no learning
    rate among the variables, and of some optimizers nothing.
    """
    if older and not len(store):
        return True
    if older and len(store) == len(now) - 1:
        chosen = [variable for i, variable in enumerate(optimizer.variables) if i != 1]
    elif 0 < len(store) < len(now) and "0" in store and not np.any(store["0"]):
        chosen = optimizer.variables[: len(store)]
    else:
        return False
    shifted = {str(i): variable.numpy() for i, variable in enumerate(chosen)}
    store = StoredVariables(store.groups, optimizer, shifted)
    for i, variable in enumerate(chosen):
        variable.assign_stored(store, str(i))
    return True


def _failure_message(failures):
    thing, error = failures[0]
    reason = error.args[0] if error.args and isinstance(error.args[0], str) else repr(error)
    if isinstance(error, KeyError):
        reason = f"{type(thing).__name__} {getattr(thing, 'name', '')!r}: the file does not hold its variable {reason}"
    if len(failures) == 1:
        return reason
    others = ", ".join(repr(getattr(other, "name", type(other).__name__)) for other, _ in failures[1:])
    return f"{reason}\n({len(failures)} objects do not fit the file; the others: {others})"
