"""Models: Sequential, Functional and subclassed, and what trains them."""

from .cloning import clone_model
from .functional import Functional
from .model import Model, model_from_json
from .sequential import Sequential


def load_model(filepath, custom_objects=None, compile=True, safe_mode=True):
    """A model from a `.keras` or `.h5` file; see `fastnn.saving.load_model`."""
    from .. import saving

    return saving.load_model(filepath, custom_objects=custom_objects, compile=compile, safe_mode=safe_mode)


def save_model(model, filepath, overwrite=True, zipped=None, **kwargs):
    """Save a model as a `.keras` or `.h5` file; see `fastnn.saving.save_model`."""
    from .. import saving

    return saving.save_model(model, filepath, overwrite=overwrite, zipped=zipped, **kwargs)


__all__ = ["Functional", "Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]
