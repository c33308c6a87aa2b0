"""Keras's scopes: of names, of devices, of what is computed again in the backward pass."""

import contextlib
import functools
import re

from .layers.call_state import state


@contextlib.contextmanager
def name_scope(name, caller=None, deduplicate=True, override_parent=None):
    """Put `name` before the paths of the weights that layers make inside; Keras's other arguments change nothing."""
    if not isinstance(name, str):
        raise ValueError(f"name_scope: `name` must be a string, received {name!r}")
    state.scopes.append(name)
    try:
        yield
    finally:
        state.scopes.pop()


@contextlib.contextmanager
def device(device_name):
    """Accepts the names of the one device there is, "cpu" and "cpu:0"; it changes nothing.

    Raises:
        ValueError: another device.
    """
    if not isinstance(device_name, str) or not re.fullmatch(r"/?(device:)?cpu(:0)?", device_name.lower()):
        raise ValueError(f"device: fastnn runs on the CPU, 'cpu:0', alone, received {device_name!r}")
    yield


_REMAT_MODES = ("full", "activations", "larger_than", "list_of_layers", None)


class RematScope:
    """Accepts Keras's arguments; nothing is computed again, since memory for all values is planned anyway."""

    def __init__(self, mode="full", output_size_threshold=1024, layer_names=None):
        if mode not in _REMAT_MODES:
            raise ValueError(
                f"RematScope: `mode` must be one of {', '.join(map(repr, _REMAT_MODES))}, received {mode!r}"
            )
        self.mode, self.output_size_threshold = mode, output_size_threshold
        self.layer_names = layer_names or []

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass


def remat(f):
    """`f` itself under another name: nothing is computed again."""

    @functools.wraps(f)
    def run(*args, **kwargs):
        return f(*args, **kwargs)

    return run
