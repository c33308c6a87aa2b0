"""Whole models as `.keras` files: a zip archive (or a directory) of metadata.json, config.json and model.weights.h5."""

import datetime
import io
import json
import os
import zipfile

from ..about import VERSION
from .atomic import atomic_file
from .safe_h5 import h5py_module, open_h5
from .safe_zip import SafeZip
from .serialization import deserialize_keras_object, serialize_keras_object, sharing_objects
from .weights_store import read_state, write_state

KERAS_FORMAT = "3.15.1"  # the Keras whose layout the files have
CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"


def save_keras(model, path):
    """Write `model` as the zip archive `path`, whole or not at all."""
    with atomic_file(path) as file:
        write_keras(model, file)


def write_keras(model, file):
    """Write `model` as a zip archive into the binary file `file`."""
    members = _members(model)
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def save_keras_directory(model, path):
    """Write `model` as the directory `path`, each of its files whole or not at all, the configuration last."""
    members = _members(model)
    os.makedirs(path, exist_ok=True)
    for name in (METADATA, WEIGHTS, CONFIG):
        with atomic_file(os.path.join(path, name)) as file:
            file.write(members[name])


def _members(model):
    """{name: bytes}; made before anything is written, so that what cannot be saved touches no file."""
    with sharing_objects():
        config = serialize_keras_object(model)
    metadata = {"keras_version": KERAS_FORMAT, "fastnn_version": VERSION,
                "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")}
    weights = io.BytesIO()
    with h5py_module().File(weights, "w") as file:
        write_state(model, file)
    return {METADATA: json.dumps(metadata).encode(), CONFIG: json.dumps(config).encode(),
            WEIGHTS: weights.getvalue()}


def load_keras(file, what, custom_objects=None, compile=True, safe_mode=True):
    """The model in the zip archive `file`, a path or a binary file.

    Raises:
        ValueError: a damaged file, no model, or names that are neither built in nor in `custom_objects`.
    """
    with SafeZip(file, what) as archive:
        config = archive.read(CONFIG)
        model = model_from_json_bytes(config, what, custom_objects, compile, safe_mode)
        weights = io.BytesIO(archive.read(WEIGHTS))
    with open_h5(weights, f"{WEIGHTS} in {what}") as stored:
        read_state(model, stored)
    return model


def load_keras_directory(path, custom_objects=None, compile=True, safe_mode=True):
    """The model in the directory `path`."""
    with open(os.path.join(path, CONFIG), "rb") as file:
        model = model_from_json_bytes(file.read(), path, custom_objects, compile, safe_mode)
    with open_h5(os.path.join(path, WEIGHTS), os.path.join(path, WEIGHTS)) as stored:
        read_state(model, stored)
    return model


def load_keras_weights(model, path, skip_mismatch=False):
    """Set the state of `model` from the weights in the `.keras` file `path`."""
    with SafeZip(path, path) as archive:
        weights = io.BytesIO(archive.read(WEIGHTS))
    with open_h5(weights, f"{WEIGHTS} in {path}") as stored:
        read_state(model, stored, skip_mismatch=skip_mismatch)


def parse_json(data, what):
    """The dict in JSON text.

    Raises:
        ValueError: no JSON, or something that is no dict.
    """
    try:
        config = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{what} is damaged: its configuration is no JSON ({error})") from None
    if not isinstance(config, dict):
        raise ValueError(f"{what} holds no model: its configuration is a {type(config).__name__}")
    return config


def model_from_json_bytes(data, what, custom_objects, compile, safe_mode):
    config = parse_json(data, what)
    if "class_name" not in config or "config" not in config:
        raise ValueError(f"{what} holds no model: its configuration has the keys {sorted(config)}")
    if not compile:
        config["compile_config"] = None
    with sharing_objects():
        model = deserialize_keras_object(config, custom_objects=custom_objects, safe_mode=safe_mode)
    if not hasattr(model, "layers"):
        raise ValueError(f"{what} holds no model but a {type(model).__name__}")
    return model
