"""Whole models as `.keras` files: a zip archive (or a directory) of metadata.json, config.json and
model.weights.h5."""

import contextlib
import datetime
import io
import json
import os
import zipfile

from ..about import VERSION
from ..engine.allowance import made_from_file
from .assets import FOLDER, assets_of, load_assets
from .atomic import atomic_file
from .backup_file import read_backup, write_backup_to
from .lambda_code import allowing_code
from .object_registration import CustomObjectScope
from .older_keras import current_compile, current_model, is_older
from .safe_h5 import h5py_module, open_h5
from .safe_zip import SafeZip, stored_member
from .serialization import deserialize_keras_object, serialize_sharing, sharing_objects
from .weights_store import read_state, state_size, write_state

KERAS_FORMAT = "3.15.1"  # the Keras whose layout the files have
_LARGEST_CONFIG = 32 * 2**20  # bytes; what Python makes of a text is several times larger
_MOST_UNPACKED = 8 * 2**20  # of a text that an archive holds in few bytes
_MOST_PARTS = 10**6  # lists and dicts in a configuration: an empty one takes 2 bytes of text and 64 of memory
_ROOM_FOR_STATE = 16 * 2**20
CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
TRAINING = "training.h5"  # Keras knows no such member, and passes it by


def save_keras(model, path):
    """Write `model` as the zip archive `path`, whole or not at all."""
    with atomic_file(path) as file:
        write_keras(model, file)


def write_keras(model, file):
    """Write `model` as a zip archive into the binary file `file`, which is read as well."""
    texts = _texts(model)
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in texts.items():
            archive.writestr(name, data)
        for name, data in assets_of(model):
            archive.writestr(name, data)
        if getattr(model, "training_state", None) is not None:
            state = io.BytesIO()
            write_backup_to(state, model.training_state)
            archive.writestr(TRAINING, state.getbuffer())
        with stored_member(archive, WEIGHTS) as member, h5py_module().File(member, "w") as stored:
            write_state(model, stored)


def save_keras_directory(model, path):
    """Write `model` as the directory `path`, each of its files whole or not at all, the configuration
    last."""
    texts = _texts(model)
    os.makedirs(path, exist_ok=True)
    with atomic_file(os.path.join(path, WEIGHTS)) as file, h5py_module().File(file, "w") as stored:
        write_state(model, stored)
    for name, data in [*assets_of(model), *[(name, texts[name]) for name in (METADATA, CONFIG)]]:
        target = os.path.join(path, *name.split("/"))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with atomic_file(target) as file:
            file.write(data)


def _texts(model):
    """{name: bytes} of the small members."""
    config = serialize_sharing(model)
    metadata = {
        "keras_version": KERAS_FORMAT,
        "fastnn_version": VERSION,
        "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S"),
    }
    return {METADATA: json.dumps(metadata).encode(), CONFIG: json.dumps(config).encode()}


def load_keras(file, what, custom_objects=None, compile=True, safe_mode=True):
    """The model in the zip archive `file`, a path or a binary file.

    Raises:
        ValueError: a damaged file, no model, or names that are neither built in nor in `custom_objects`.
    """
    with SafeZip(file, what) as archive:
        config = archive.read(CONFIG, _MOST_UNPACKED)
        metadata = archive.read(METADATA, _MOST_UNPACKED) if METADATA in archive.names else b"{}"
        with made_from_file(archive.size):
            model, older = _model_of_json(config, metadata, what, custom_objects, compile, safe_mode)
        _read_weights(model, archive, what, older=older, fresh=True)
        load_assets(model, archive.names, _bounded(archive, what), what)
        if compile and TRAINING in archive.names:
            most = 4 * archive.size + _ROOM_FOR_STATE
            state = read_backup(archive.open(TRAINING, 0), f"{TRAINING} in {what}", most)
            model.training_state = state if isinstance(state, dict) and "epoch" in state else None
    return model


def _bounded(archive, what):
    """A function (name) -> contents, of assets: many small members may unpack to much in all."""
    left = 4 * archive.size + _ROOM_FOR_STATE

    def read(name):
        nonlocal left
        data = archive.read(name, _MOST_UNPACKED)
        left -= len(data)
        if left < 0:
            raise ValueError(
                f"{what} is refused: its assets unpack to far more than the {archive.size} bytes it has"
            )
        return data

    return read


def _read_weights(model, archive, what, **kwargs):
    with open_h5(archive.open(WEIGHTS, 2 * state_size(model)), f"{WEIGHTS} in {what}") as stored:
        read_state(model, stored, **kwargs)


def load_keras_directory(path, custom_objects=None, compile=True, safe_mode=True):
    """The model in the directory `path`."""
    config = _small_file(os.path.join(path, CONFIG))
    metadata = os.path.join(path, METADATA)
    metadata = _small_file(metadata) if os.path.exists(metadata) else b"{}"
    with made_from_file(os.path.getsize(os.path.join(path, WEIGHTS))):
        model, older = _model_of_json(config, metadata, path, custom_objects, compile, safe_mode)
    with open_h5(os.path.join(path, WEIGHTS), os.path.join(path, WEIGHTS)) as stored:
        read_state(model, stored, older=older, fresh=True)
    names = _names_in_directory(path)
    load_assets(model, names, lambda name: _small_file(os.path.join(path, name)), path)
    return model


def _names_in_directory(path):
    """The names of all files below the directory's "assets", relative to it; links are refused."""
    names = []
    for folder, folders, files in os.walk(os.path.join(path, FOLDER)):
        for name in [*folders, *files, ""]:
            if os.path.islink(os.path.join(folder, name).rstrip(os.sep)):
                raise ValueError(f"{path!r} is refused: {os.path.join(folder, name)!r} is a link")
        names += [os.path.relpath(os.path.join(folder, name), path).replace(os.sep, "/") for name in files]
    return names


def _small_file(path):
    if not os.path.isfile(path):  # a pipe would be waited for
        raise ValueError(f"{path!r} is refused: it is no file")
    with open(path, "rb") as file:
        data = file.read(_LARGEST_CONFIG + 1)
    if len(data) > _LARGEST_CONFIG:
        raise ValueError(f"{path!r} is refused: it has more than {_LARGEST_CONFIG} bytes")
    return data


def _model_of_json(config, metadata, what, custom_objects, compile, safe_mode):
    """(model, whether a Keras before 3 wrote it)."""
    entry = parse_json(config, what)
    older = is_older(parse_json(metadata, what).get("keras_version", KERAS_FORMAT))
    if not compile:
        entry["compile_config"] = None
    with failing_in_words(what):
        if older and isinstance(entry.get("compile_config"), dict):
            entry["compile_config"] = current_compile(entry["compile_config"])
        entry = current_model(entry) if older else entry
    with sharing_objects(), allowing_code(not safe_mode), CustomObjectScope(custom_objects):
        return model_of_entry(entry, what), older


@contextlib.contextmanager
def failing_in_words(what):
    """What is made inside of a file's configuration is given what that says, and may fail in every way there is: a
    ValueError that names the file comes of it."""
    try:
        yield
    except (ValueError, ImportError, Warning):
        raise
    except Exception as error:
        raise ValueError(
            f"{what} holds no model that can be made: {type(error).__name__}: {error}"
        ) from error


def known_by_name():
    """{name: class} of the layers and models that `.h5` files name without a module."""
    from .. import layers, models

    known = {**vars(layers), **vars(models)}
    return {**known, **{cls.named_in_files: cls for cls in known.values() if hasattr(cls, "named_in_files")}}


def model_of_entry(entry, what):
    """The model that {"class_name", "config", ...} describes.

    Raises:
        ValueError: it is no model's, or names something unknown.
    """
    from .. import models

    if not isinstance(entry.get("class_name"), str) or "config" not in entry:
        raise ValueError(
            f"{what} holds no model: its configuration has the keys {sorted(map(str, entry))[:10]}"
        )
    known = None if "module" in entry else known_by_name()
    with failing_in_words(what):
        model = deserialize_keras_object(entry, module_objects=known)
    if not isinstance(model, models.Model) and not getattr(type(model), "saved_alone", False):
        raise ValueError(f"{what} holds no model but a {type(model).__name__}")
    return model


def load_keras_weights(model, path, skip_mismatch=False):
    """Set the state of `model` from the weights in the `.keras` file `path`."""
    with SafeZip(path, path) as archive:
        metadata = archive.read(METADATA, _MOST_UNPACKED) if METADATA in archive.names else b"{}"
        older = is_older(parse_json(metadata, path).get("keras_version", KERAS_FORMAT))
        _read_weights(model, archive, path, skip_mismatch=skip_mismatch, older=older)


def parse_json(data, what):
    """The dict in JSON text.

    Raises:
        ValueError: no JSON, or something that is no dict, or of too many parts.
    """
    brackets = ("[", "{") if isinstance(data, str) else (b"[", b"{")
    if sum(map(data.count, brackets)) > _MOST_PARTS:
        raise ValueError(f"{what} is refused: its configuration has more than {_MOST_PARTS} parts")
    try:
        config = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{what} is damaged: its configuration is no JSON ({error})") from None
    if not isinstance(config, dict):
        raise ValueError(f"{what} holds no model: its configuration is a {type(config).__name__}")
    return config
