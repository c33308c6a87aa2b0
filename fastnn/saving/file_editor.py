"""KerasFileEditor: the weights in a `.keras` or `.weights.h5` file, looked at, compared and changed without a model."""

import os

import numpy as np

from . import model_file
from .atomic import atomic_file
from .safe_h5 import attribute, get_dataset, get_group, h5py_module, is_dataset, open_h5, read_dataset
from .safe_zip import SafeZip
from .weights_store import arrays_of

_ROOM = 16 * 2**20  # what the weights of any file may take, beyond four times its size


class KerasFileEditor:
    """The weights of a saved model as nested dicts, to be edited and saved as `.weights.h5`.

    weights_dict: {"layers": {"dense": {"0": array, "1": array}, ...}, "optimizer": {...}, ...}. object_metadata: what
    else the file says of an object, by its path: {"/layers/dense": {"name": "dense"}}. config, metadata: of a
    `.keras` file, else None.

    Args:
        filepath: ends in `.keras` or `.weights.h5`.
    Raises:
        ValueError: another ending, a damaged file or a hostile one.
    Source: Keras 3 `saving.KerasFileEditor`.
    """

    def __init__(self, filepath):
        self.filepath = filepath = os.fspath(filepath)
        self.metadata = self.config = self.model = None
        self.weights_dict, self.object_metadata = {}, {}
        if filepath.endswith(".keras"):
            with SafeZip(filepath, filepath) as archive:
                texts = [archive.read(name, model_file._LARGEST_CONFIG) for name in _TEXTS]
                self.config, self.metadata = [model_file.parse_json(text, filepath) for text in texts]
                self._read(archive.open(model_file.WEIGHTS, 0), f"{model_file.WEIGHTS} in {filepath}")
        elif filepath.endswith(".weights.h5"):
            if not os.path.exists(filepath):
                raise FileNotFoundError(f"KerasFileEditor: there is no file {filepath!r}")
            self._read(filepath, filepath)
        else:
            raise ValueError(
                f"KerasFileEditor: `filepath` must end in '.keras' or '.weights.h5', received {filepath!r}"
            )
        print(f"Keras model file '{filepath}'")
        if self.metadata is not None:
            version, date = self.metadata.get("keras_version"), self.metadata.get("date_saved")
            print(f"Saved with Keras {version} - date: {date}")

    # ---- reading

    def _read(self, file, what):
        size = os.path.getsize(self.filepath)
        with open_h5(file, what) as stored:
            self._left = 4 * size + _ROOM
            self.weights_dict = self._group(stored, "", set())

    def _group(self, group, path, seen):
        """{name: array or dict} of a group; the arrays of its "vars" stand beside its other members."""
        place = h5py_module().h5o.get_info(group.id).addr
        if place in seen:
            raise ValueError(f"the file is refused: {path or '/'} is a group that is there already")
        seen.add(place)
        found = {}
        said = {name: attribute(group, name) for name in group.attrs}
        if said:
            self.object_metadata.setdefault(path, {}).update(said)
        for name in group:
            if is_dataset(group, name):
                found[name] = self._array(group, name)
                continue
            inner = self._group(get_group(group, name), path if name == "vars" else f"{path}/{name}", seen)
            if name == "vars":
                found.update(inner)
            elif inner:
                found[name] = inner
        return found

    def _array(self, group, name):
        dataset = get_dataset(group, name)
        self._left -= dataset.size * dataset.dtype.itemsize
        if self._left < 0:
            raise ValueError(
                f"{self.filepath!r} is refused: its weights would take more than four times its own size"
            )
        return read_dataset(dataset)

    # ---- looking

    def summary(self):
        """Print all objects, and the shapes and dtypes of their weights."""
        print("Weights structure")
        _print_tree(self.weights_dict, self.object_metadata, "", "  ")

    def compare(self, reference_model):
        """Print how the file differs from what `reference_model` would save.

        Returns:
            {"status": "success" or "error", "error_count": int, "match_count": int}
        """
        print("Running comparison")
        reference = {}
        for place, _, arrays in arrays_of(reference_model):
            part = reference
            for name in place.split("/")[:-1]:  # the last is "vars"
                part = part.setdefault(name, {})
            part.update(arrays)
        errors, matches = _differences(self.weights_dict, _without_empty(reference), "")
        for error in errors:
            print(error)
        if errors:
            print(f"Found {len(errors)} error(s): saved file is not compatible with the reference model")
        else:
            print(
                "Comparison successful: saved file is compatible with the reference model\n"
                f"    Found {matches} matching weight(s)"
            )
        return {
            "status": "error" if errors else "success",
            "error_count": len(errors),
            "match_count": matches,
        }

    # ---- changing

    def rename_object(self, object_name, new_name):
        """Give an object, told by its name ("dense_2") or path ("layers/dense_2"), another name at its place.

        Raises:
            ValueError: there is none, or several of this name; the new name is a path, or taken.
        """
        if "/" in new_name:
            raise ValueError(f"rename_object: `new_name` must be a name, not a path, received {new_name!r}")
        parent, name, path = self._found(object_name)
        if new_name in parent and new_name != name:
            raise ValueError(f"rename_object: there is a {new_name!r} beside {object_name!r} already")
        items = [(new_name if key == name else key, value) for key, value in parent.items()]
        parent.clear()
        parent.update(items)
        renamed = f"{path.rpartition('/')[0]}/{new_name}"
        self.object_metadata = {
            renamed + key[len(path) :] if key == path or key.startswith(f"{path}/") else key: said
            for key, said in self.object_metadata.items()
        }

    def delete_object(self, object_name):
        """Take an object, with all that is in it, out of the file."""
        parent, name, path = self._found(object_name)
        del parent[name]
        for key in [key for key in self.object_metadata if key == path or key.startswith(f"{path}/")]:
            del self.object_metadata[key]

    def add_object(self, object_path, weights):
        """Put an object with `weights` ({"0": array, ...}) at a path whose parent is there."""
        _check_weights("add_object", weights)
        parent = self.weights_dict
        *folders, name = object_path.split("/")
        for folder in folders:
            if not isinstance(parent.get(folder), dict):
                raise ValueError(f"add_object: there is no {'/'.join(folders)!r} in the file")
            parent = parent[folder]
        parent[name] = dict(weights)

    def delete_weight(self, object_name, weight_name):
        """Take one weight ("0") out of an object."""
        weights = self._weights_of("delete_weight", object_name)
        if weight_name not in weights:
            raise ValueError(
                f"delete_weight: {object_name!r} has no weight {weight_name!r}, only {list(weights)}"
            )
        del weights[weight_name]

    def add_weights(self, object_name, weights):
        """Put more weights ({"2": array, ...}) into an object, or others in the place of its own."""
        _check_weights("add_weights", weights)
        self._weights_of("add_weights", object_name).update(weights)

    def _weights_of(self, caller, object_name):
        parent, name, _ = self._found(object_name)
        if not isinstance(parent[name], dict):
            raise ValueError(f"{caller}: {object_name!r} is a weight, not an object")
        return parent[name]

    def _found(self, object_name):
        """(the dict it is in, its name there, its path) of an object.

        Raises:
            ValueError: there is none, or several of a mere name.
        """
        if "/" not in object_name:
            found = list(_named(self.weights_dict, object_name, ""))
            if len(found) > 1:
                raise ValueError(
                    f"the name {object_name!r} stands for {len(found)} objects, {[path for *_, path in found]}; "
                    "give the path of one"
                )
            if not found:
                raise ValueError(f"no object is called {object_name!r}; editor.summary() lists all")
            return found[0]
        parent = self.weights_dict
        *folders, name = object_name.strip("/").split("/")
        for folder in folders:
            parent = parent.get(folder)
            if not isinstance(parent, dict):
                break
        if not isinstance(parent, dict) or name not in parent:
            raise ValueError(f"the path {object_name!r} is not in the file; editor.summary() lists all")
        return parent, name, "/" + "/".join((*folders, name))

    # ---- writing

    def save(self, filepath):
        """Write the weights as they are now, whole or not at all.

        Raises:
            ValueError: `filepath` does not end in `.weights.h5`.
        """
        filepath = os.fspath(filepath)
        if not filepath.endswith(".weights.h5"):
            raise ValueError(f"save: `filepath` must end in '.weights.h5', received {filepath!r}")
        with atomic_file(filepath) as file, h5py_module().File(file, "w") as stored:
            self._write(stored, self.weights_dict, "")

    def resave_weights(self, filepath):
        """The same as `save`."""
        self.save(filepath)

    def _write(self, stored, part, path):
        arrays = {name: value for name, value in part.items() if not isinstance(value, dict)}
        said = self.object_metadata.get(path, {})
        if arrays or "name" in said:
            group = stored.require_group(f"{path}/vars")
            for name, value in said.items():
                group.attrs[name] = value
            for name, array in arrays.items():
                group[name] = np.asarray(array)
        for name, value in part.items():
            if isinstance(value, dict):
                self._write(stored, value, f"{path}/{name}")


_TEXTS = (model_file.CONFIG, model_file.METADATA)


def _check_weights(caller, weights):
    if not isinstance(weights, dict) or any(isinstance(value, dict) for value in weights.values()):
        raise ValueError(
            f"{caller}: `weights` must be a dict of arrays, {{'0': kernel, '1': bias}}, received "
            f"{type(weights).__name__}"
        )


def _without_empty(part):
    """Nested dicts without those that hold no arrays."""
    kept = {name: _without_empty(value) if isinstance(value, dict) else value for name, value in part.items()}
    return {name: value for name, value in kept.items() if not isinstance(value, dict) or value}


def _differences(own, other, path):
    """([what differs], number of weights that fit) of a file's part and a model's; an object that is missing counts
    once, with all that is in it."""
    errors, matches = [], 0
    for name in sorted({**own, **other}):
        where = f"{path}/{name}"
        a, b = own.get(name), other.get(name)
        if a is None or b is None or isinstance(a, dict) != isinstance(b, dict):
            present, missing = ("saved file", "reference model")[:: 1 if b is None else -1]
            kind = "Object" if isinstance(a if b is None else b, dict) else "Weight"
            errors.append(f"...{kind} {where} present in {present}, missing from {missing}")
        elif isinstance(a, dict):
            inner, fitting = _differences(a, b, where)
            errors, matches = errors + inner, matches + fitting
        elif np.shape(a) != np.shape(b):
            errors.append(
                f"...Weight shape mismatch for {where}\n    In reference model: shape={np.shape(b)}\n"
                f"    In saved file: shape={np.shape(a)}"
            )
        else:
            matches += 1
    return errors, matches


def _named(part, wanted, path):
    """(dict, name, path) of every object or weight of a name."""
    for name, value in part.items():
        if name == wanted:
            yield part, name, f"{path}/{name}"
        if isinstance(value, dict):
            yield from _named(value, wanted, f"{path}/{name}")


def _print_tree(part, said, path, indent):
    items = list(part.items())
    for i, (name, value) in enumerate(items):
        last = i == len(items) - 1
        branch = "└─ " if last else "├─ "
        if isinstance(value, dict):
            label = said.get(f"{path}/{name}", {}).get("name")
            print(f"{indent}{branch}{name}" + (f" ('{label}')" if label is not None else ""))
            _print_tree(value, said, f"{path}/{name}", indent + ("   " if last else "│  "))
        else:
            print(f"{indent}{branch}{name}: shape={np.shape(value)}, dtype={np.asarray(value).dtype}")
