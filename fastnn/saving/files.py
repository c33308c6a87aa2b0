"""Saving and loading by file name: `.keras` (or a directory), `.h5`, `.weights.h5`."""

import os
import warnings

from . import legacy_h5, model_file, shards, tensors_file
from .atomic import atomic_file
from .safe_h5 import get_group, h5py_module, open_h5
from .weights_store import read_state, write_state

_H5 = (".h5", ".hdf5")
_SHARDED = (".weights.json",)


def save_model(model, filepath, overwrite=True, zipped=None, **kwargs):
    """Save configuration, weights and, if compiled, the optimizer and its state.

    Args:
        filepath: ends in `.keras`, or in `.h5` or `.hdf5` for the older format.
        overwrite: False is an error where the file is there already.
        zipped: False writes a directory in place of a `.keras` file.
        include_optimizer: for `.h5`: False leaves the optimizer out.
    Raises:
        ValueError: another ending, or an unknown argument.
    """
    filepath = os.fspath(filepath)
    include_optimizer = kwargs.pop("include_optimizer", True)
    save_format = kwargs.pop("save_format", None)
    if kwargs:
        raise ValueError(f"save_model: there is no argument {', '.join(sorted(kwargs))}")
    if save_format is not None and not filepath.endswith((*_H5, ".keras")):
        raise ValueError(
            f"save_model: the format follows from the file's name; end {filepath!r} in '.keras' or '.h5' in place "
            f"of save_format={save_format!r}"
        )
    as_directory = zipped is False
    if as_directory and filepath.endswith(".keras"):
        raise ValueError(
            "save_model: with zipped=False, `filepath` names a directory and must not end in '.keras', received "
            f"{filepath!r}"
        )
    if not as_directory and not filepath.endswith((".keras", *_H5)):
        raise ValueError(
            f"save_model: `filepath` must end in '.keras' (or '.h5' for the older format), received {filepath!r}. "
            "For the weights alone use model.save_weights('name.weights.h5')"
        )
    _check_overwrite("save_model", filepath, overwrite)
    if not model.built:
        warnings.warn(
            f"model {model.name!r} is saved before it is built, so without weights; call it on data, or "
            "build((None, ...)), first",
            stacklevel=3,
        )
    if as_directory:
        model_file.save_keras_directory(model, filepath)
    elif filepath.endswith(".keras"):
        model_file.save_keras(model, filepath)
    else:
        legacy_h5.save_model(model, filepath, include_optimizer)


def load_model(filepath, custom_objects=None, compile=True, safe_mode=True):
    """The model in a file that `save_model`, or Keras's, wrote.

    Nothing in the file is run: classes and functions are looked up by name among fastnn's own, those
    registered with `register_keras_serializable`, and `custom_objects`.

    Args:
        filepath: a `.keras` file (or the directory of one), or an `.h5` file.
        custom_objects: {name: class or function}.
        compile: whether to compile it as it was; False leaves the optimizer's state out as well.
        safe_mode: False loads Python lambdas, which is running code from the file. Only for files you trust.
    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a damaged file, no model, unknown names.
    """
    filepath = os.fspath(filepath)
    if os.path.isdir(filepath):
        if not os.path.exists(os.path.join(filepath, model_file.CONFIG)):
            raise ValueError(
                f"load_model: the directory {filepath!r} holds no model: there is no {model_file.CONFIG} in it. "
                "TensorFlow's SavedModel cannot be loaded; save the model as '.keras' there"
            )
        return model_file.load_keras_directory(filepath, custom_objects, compile, safe_mode)
    _check_exists("load_model", filepath)
    if filepath.endswith(".weights.h5"):
        raise ValueError(
            f"load_model: {filepath!r} holds weights alone; make the model, then call model.load_weights(...)"
        )
    if filepath.endswith(".keras"):
        return model_file.load_keras(filepath, filepath, custom_objects, compile, safe_mode)
    if filepath.endswith(_H5):
        return legacy_h5.load_model(filepath, custom_objects, compile, safe_mode)
    raise ValueError(f"load_model: `filepath` must end in '.keras' or '.h5', received {filepath!r}")


def save_weights(model, filepath, overwrite=True, max_shard_size=None, objects_to_skip=None):
    """Save the weights, and the optimizer's state if it is compiled.

    Args:
        filepath: ends in `.weights.h5`; in `.weights.json` with `max_shard_size`; in `.safetensors` for the
            weights alone, by their paths (needs the `safetensors` package).
        overwrite: False is an error where the file is there already.
        max_shard_size: gigabytes a file; the weights are spread over as many as it takes, beside the `.json`
            one.
        objects_to_skip: layers to leave out.
    Raises:
        ValueError: another ending, or a model that is not built.
    """
    filepath = os.fspath(filepath)
    endings = _SHARDED if max_shard_size is not None else (".weights.h5", ".safetensors")
    if not filepath.endswith(endings):
        hint = " with `max_shard_size`" if max_shard_size is not None else ""
        raise ValueError(f"save_weights: `filepath` must end in '{endings[0]}'{hint}, received {filepath!r}")
    if not model.built:
        raise ValueError(
            f"save_weights: model {model.name!r} is not built, so it has no weights; call it on data, or "
            "build((None, ...)), first"
        )
    _check_overwrite("save_weights", filepath, overwrite)
    if max_shard_size is not None:
        shards.save_shards(model, filepath, max_shard_size)
    elif filepath.endswith(".safetensors"):
        tensors_file.save_safetensors(model, filepath)
    else:
        h5py = h5py_module()
        with atomic_file(filepath) as file, h5py.File(file, "w") as stored:
            write_state(model, stored, objects_to_skip or ())


def load_weights(model, filepath, skip_mismatch=False, by_name=None, objects_to_skip=None):
    """Set the weights of `model` from a file; all of them, or none where one does not fit.

    Args:
        filepath: a `.weights.h5`, `.weights.json`, `.keras`, `.safetensors` or older `.h5` file.
        skip_mismatch: leave layers as they are that the file does not fit, and warn.
        by_name: for older `.h5` files: match layers by name, not by order.
        objects_to_skip: for `.weights.h5` and `.weights.json` files: layers to leave as they are.
    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a damaged file, or one of another architecture: the layer and both shapes are named.
    """
    filepath = os.fspath(filepath)
    older = filepath.endswith(_H5) and not filepath.endswith(".weights.h5")
    if not filepath.endswith((".keras", ".safetensors", *_H5, *_SHARDED)):
        raise ValueError(
            "load_weights: `filepath` must end in '.weights.h5', '.weights.json', '.keras', "
            f"'.safetensors' or '.h5', received {filepath!r}"
        )
    if by_name is not None and not older:
        raise ValueError(f"load_weights: `by_name` is for older '.h5' files, received {filepath!r}")
    if objects_to_skip is not None and not filepath.endswith((".weights.h5", *_SHARDED)):
        raise ValueError(
            f"load_weights: `objects_to_skip` is for '.weights.h5' and '.weights.json' files, received {filepath!r}"
        )
    _check_exists("load_weights", filepath)
    if not model.built:
        raise ValueError(
            f"load_weights: model {model.name!r} is not built, so it has no weights yet; call it on data, or "
            "build((None, ...)), first"
        )
    if filepath.endswith(".keras"):
        model_file.load_keras_weights(model, filepath, skip_mismatch)
    elif filepath.endswith(".safetensors"):
        tensors_file.load_safetensors(model, filepath, skip_mismatch)
    elif filepath.endswith(_SHARDED):
        shards.load_shards(model, filepath, skip_mismatch, objects_to_skip or ())
    else:
        with open_h5(filepath, filepath) as stored:
            if older:
                if "layer_names" not in stored.attrs and "model_weights" in stored:
                    stored = get_group(stored, "model_weights")
                legacy_h5.read_weights(model, stored, filepath, skip_mismatch, by_name)
            else:
                read_state(model, stored, skip_mismatch, objects_to_skip or ())


class NoSuchFile(FileNotFoundError, ValueError):
    """A file to be read is not there: a ValueError too, which Keras's load_model raises."""


def _check_exists(caller, filepath):
    if not os.path.exists(filepath):
        raise NoSuchFile(f"{caller}: there is no file {filepath!r} (working directory {os.getcwd()!r})")


def _check_overwrite(caller, filepath, overwrite):
    if not overwrite and os.path.exists(filepath):
        raise FileExistsError(
            f"{caller}: {filepath!r} is there already, and overwrite=False; remove it, or pass overwrite=True"
        )
