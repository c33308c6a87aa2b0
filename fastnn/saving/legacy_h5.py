"""Whole models, and weights, in the HDF5 layout that Keras had before `.keras` files and still reads and
writes.

Attributes model_config and training_config hold JSON; the group model_weights has a group for each layer with
its weights under their paths, and lists of names in attributes (in pieces where a list is too long for one).
"""

import json
import os
import warnings

import numpy as np

from ..engine.allowance import made_from_file
from .atomic import atomic_file
from .cudnn_weights import in_our_form
from .lambda_code import allowing_code
from .model_file import KERAS_FORMAT, failing_in_words, model_of_entry, parse_json
from .object_registration import CustomObjectScope
from .older_keras import current_model, current_training, is_older
from .older_state import complete_state, match_state
from .safe_h5 import (
    attribute,
    get_dataset,
    get_group,
    h5py_module,
    is_bfloat16,
    names_in,
    open_h5,
    read_dataset,
    read_dataset_into,
    text,
)
from .serialization import serialize_dict, serialize_keras_object, serialize_sharing, sharing_objects

_LONGEST_ATTRIBUTE = 64512  # HDF5 keeps attributes in object headers of 64 KiB


# ---- writing


def save_model(model, path, include_optimizer=True):
    """Write `model` as the HDF5 file `path`, whole or not at all."""
    attributes = {
        "backend": "fastnn",
        "keras_version": KERAS_FORMAT,
        "model_config": json.dumps(_older_form(serialize_sharing(model))),
    }
    optimizer = getattr(model, "optimizer", None) if include_optimizer else None
    if optimizer is not None and model.compiled:
        attributes["training_config"] = json.dumps(_training_config(model, optimizer))
    h5py = h5py_module()
    with atomic_file(path) as target, h5py.File(target, "w") as file:
        for name, value in attributes.items():
            file.attrs[name] = value.encode()
        _write_weights(model, file.create_group("model_weights"))
        if optimizer is not None:
            _write_arrays(file.create_group("optimizer_weights"), optimizer.variables)


_KEPT = ("module", "class_name", "registered_name", "config", "name", "inbound_nodes")


def _older_form(entry):
    """A model's configuration with its layers named by class alone; calls of ops keep the module they
    need."""
    entry = {key: entry[key] for key in (*_KEPT, "shared_object_id") if key in entry}
    if str(entry.get("module", "")).startswith("keras.src.ops"):
        return entry
    registered = entry.pop("registered_name", None)
    entry.pop("module", None)
    entry["class_name"] = registered or _name_in_keras(entry["class_name"])
    config = entry["config"]
    if isinstance(config, dict) and isinstance(config.get("layers"), list):
        entry["config"] = {**config, "layers": [_older_form(layer) for layer in config["layers"]]}
    return entry


def _name_in_keras(name):
    """What Keras calls the class itself, which may differ from the name it is known by."""
    from .. import layers

    return getattr(vars(layers).get(name), "named_in_files", name)


def _training_config(model, optimizer):
    config = model.get_compile_config()
    config.pop("optimizer", None)
    config = {key: _older_objects(value) for key, value in config.items()}
    config["loss"] = _long_names(config.get("loss"))
    entry = serialize_keras_object(optimizer)
    config["optimizer_config"] = {
        "class_name": entry["registered_name"] or entry["class_name"],
        "config": serialize_dict(optimizer.get_config()),
    }
    return config


def _older_objects(value):
    """Losses and metrics by class and configuration, functions by name."""
    if isinstance(value, list):
        return [_older_objects(part) for part in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "function":
        return value["config"]
    if "class_name" in value and "config" in value:
        return {"class_name": value.get("registered_name") or value["class_name"], "config": value["config"]}
    return {key: _older_objects(part) for key, part in value.items()}


def _long_names(loss):
    """Losses' short names ("mse") in full: Keras 3 does not find the short ones in its .h5 files."""
    from ..losses.lookup import BY_NAME

    if isinstance(loss, list):
        return [_long_names(part) for part in loss]
    if isinstance(loss, dict) and "class_name" not in loss:
        return {key: _long_names(part) for key, part in loss.items()}
    return BY_NAME[loss].__name__ if isinstance(loss, str) and loss in BY_NAME else loss


def _write_weights(model, group):
    group.attrs["backend"] = b"fastnn"
    group.attrs["keras_version"] = KERAS_FORMAT.encode()
    _write_names(group, "layer_names", [layer.name for layer in model.layers])
    for layer in sorted(model.layers, key=lambda layer: layer.name):
        _write_arrays(group.create_group(layer.name), _weights(layer))
    _write_arrays(group.create_group("top_level_model_weights"), _own_weights(model))


def _write_arrays(group, variables):
    names = []
    for variable in variables:
        name, count = variable.path, 0
        while name in names:
            count += 1
            name = f"{variable.path}_{count}"
        names.append(name)
        group.create_dataset(name, data=variable.numpy())
    _write_names(group, "weight_names", names)


def _write_names(group, attribute, names):
    encoded = [name.encode() for name in names]
    longest = max(map(len, encoded), default=0)
    if longest > _LONGEST_ATTRIBUTE:
        raise ValueError(f"the name {names[0][:40]!r}... is too long for an HDF5 file; use a '.keras' file")
    pieces = -(-longest * len(encoded) // _LONGEST_ATTRIBUTE) or 1
    if pieces == 1:
        group.attrs[attribute] = np.array(encoded) if encoded else np.array([], "float64")
        return
    for i, piece in enumerate(np.array_split(np.array(encoded), pieces)):
        group.attrs[f"{attribute}{i}"] = piece


def _weights(layer):
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _own_weights(model):
    """The weights that the model has beside its layers'."""
    return [*model._trainable_variables, *model._non_trainable_variables]


# ---- reading


def load_model(path, custom_objects=None, compile=True, safe_mode=True):
    """The model in the HDF5 file `path`, of any Keras from 2.3 on.

    Raises:
        ValueError: a damaged file, weights without a model, unknown names, weights that do not fit.
    """
    with open_h5(path, path) as file:
        if "model_config" not in file.attrs:
            hint = (
                "it holds weights alone; make the model, then call model.load_weights(...)"
                if "layer_names" in file.attrs or "layers" in file
                else "it was made by something else"
            )
            raise ValueError(f"{path!r} holds no model: {hint}")
        older = is_older(_attribute(file, "keras_version"))
        config = parse_json(_attribute(file, "model_config"), path)
        with (
            sharing_objects(),
            CustomObjectScope(custom_objects),
            allowing_code(not safe_mode),
            made_from_file(os.path.getsize(path)),
        ):
            with failing_in_words(path):
                config = current_model(config) if older else config
            model = model_of_entry(config, path)
            weights = get_group(file, "model_weights")
            if weights is None:
                raise ValueError(f"{path!r} holds no weights: there is no group 'model_weights'")
            read_weights(model, weights, path, fresh=True)
            if compile:
                _compile(model, file, path, older)
    return model


def _attribute(group, name):
    """A text among the attributes; None if there is none."""
    value = attribute(group, name)
    return text(value) if value is not None else None


def read_weights(model, group, what, skip_mismatch=False, by_name=False, fresh=False):
    """Set a model's weights from the open HDF5 `group`; all of them, or (but for a `fresh` model) none.

    Raises:
        ValueError: layers or weights that do not fit, named, with both shapes.
    """
    listed = _read_names(group, "layer_names")
    if len(set(listed)) != len(listed):
        raise ValueError(f"{what!r} is damaged: it lists a layer twice")
    names = [name for name in listed if _read_names(_member(group, name), "weight_names")]
    if by_name:
        by = {layer.name: layer for layer in model.layers}
        pairs = [(by[name], name) for name in names if name in by]
    else:
        layers = [layer for layer in model.layers if _weights(layer)]
        if len(layers) != len(names):
            raise ValueError(
                f"{what!r} holds weights of {len(names)} layers {names}, the model has {len(layers)} with weights, "
                f"{[layer.name for layer in layers]}; was it made by a model of another architecture?"
            )
        pairs = list(zip(layers, names))
    chosen = []
    for layer, name in pairs:
        chosen += _matched(layer, _weights(layer), _member(group, name), what, skip_mismatch)
    own = get_group(group, "top_level_model_weights")
    if own is not None:
        chosen += _matched(model, _own_weights(model), own, what, skip_mismatch)
    if fresh:
        for variable, dataset in chosen:
            _set(variable, dataset)
        return
    arrays = [_values(dataset) for _, dataset in chosen]  # all are read before the first is used
    for (variable, _), array in zip(chosen, arrays):
        variable.assign(array)


def _values(dataset):
    return dataset if isinstance(dataset, np.ndarray) else read_dataset(dataset)


def _set(variable, dataset):
    if isinstance(dataset, np.ndarray):
        variable.assign(dataset)
    elif read_dataset_into(dataset, variable.storage):
        variable.snapshot = None
    else:
        variable.assign(read_dataset(dataset))


def _member(group, name):
    member = get_group(group, name)
    if member is None:
        raise ValueError(f"the file is damaged: it lists {name!r}, but has no such group")
    return member


def _listed(group, name):
    try:
        return get_dataset(group, name)
    except KeyError:
        raise ValueError(f"the file is damaged: it lists {name!r}, but has no such array") from None


def _matched(layer, variables, group, what, skip_mismatch):
    """[(variable, dataset)] of one layer, checked but not read."""
    who = f"{type(layer).__name__} {layer.name!r}"
    datasets = [_listed(group, name) for name in _read_names(group, "weight_names")]
    if len(datasets) != len(variables):
        return _misfit(
            f"{who} has {len(variables)} weights {[v.name for v in variables]}, {what!r} holds "
            f"{len(datasets)} for it",
            skip_mismatch,
        )
    pairs = []
    for variable, dataset in zip(variables, in_our_form(variables, datasets)):
        if tuple(dataset.shape) != tuple(variable.shape):
            pairs += _misfit(
                f"{who}: {variable.path!r} has shape {tuple(variable.shape)}, {what!r} holds one of shape "
                f"{tuple(dataset.shape)}",
                skip_mismatch,
            )
        elif dataset.dtype.kind not in "fiub" and not is_bfloat16(dataset):
            pairs += _misfit(
                f"{who}: {variable.path!r} is stored as {dataset.dtype}, not as numbers", skip_mismatch
            )
        else:
            pairs.append((variable, dataset))
    return pairs


def _misfit(message, skip_mismatch):
    if not skip_mismatch:
        raise ValueError(f"{message}. Was the file made by a model of another architecture?")
    warnings.warn(f"not loaded: {message}", stacklevel=5)
    return []


def _read_names(group, listed):
    """A list of names, which lies in pieces ("weight_names0", ...) where it is long."""
    if listed in group.attrs:
        return names_in(group, listed)
    names, i = [], 0
    while f"{listed}{i}" in group.attrs:
        names += names_in(group, f"{listed}{i}")
        i += 1
    return names


# ---- compiling


def _compile(model, file, path, older):
    if "training_config" not in file.attrs:
        return
    from .. import losses, metrics, optimizers

    config = parse_json(_attribute(file, "training_config"), path)
    with failing_in_words(path):
        if older:
            config = current_training(config)
        optimizer = optimizers.deserialize(config["optimizer_config"])
        model.compile(
            optimizer=optimizer,
            loss=_objects(config.get("loss"), losses.deserialize),
            metrics=_objects(config.get("metrics"), metrics.deserialize),
            weighted_metrics=_objects(config.get("weighted_metrics"), metrics.deserialize),
            loss_weights=config.get("loss_weights"),
        )
    stored = get_group(file, "optimizer_weights")
    if stored is None or not model.built:
        return
    optimizer.build(model.trainable_variables)
    names = _read_names(stored, "weight_names")
    pairs = match_state(optimizer, names) if older else _in_order(optimizer, names)
    datasets = [(variable, _listed(stored, name)) for variable, name in pairs or ()]
    if pairs is None or any(tuple(d.shape) != tuple(v.shape) for v, d in datasets):
        warnings.warn(
            f"the optimizer's state in {path!r} does not fit {type(optimizer).__name__} as it is now, and is not "
            "loaded; training goes on with a fresh one",
            stacklevel=4,
        )
        return
    for variable, dataset in datasets:
        _set(variable, dataset)
    if older:
        complete_state(optimizer)


def _in_order(optimizer, names):
    """[(variable, name)]; None where the numbers differ, unless the file is from before the first step."""
    variables = optimizer.variables
    if len(names) != len(variables) and len(names) != 2:
        return None
    return list(zip(variables, names))


def _objects(config, deserialize):
    """Losses or metrics in the structure they were given to `compile` in; names stay names."""
    if isinstance(config, dict) and "class_name" in config:
        return deserialize(config)
    if isinstance(config, dict):
        return {key: _objects(part, deserialize) for key, part in config.items()}
    if isinstance(config, list):
        return [_objects(part, deserialize) for part in config]
    return config
