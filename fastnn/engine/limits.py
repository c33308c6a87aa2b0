"""Switches for trying a program out quickly, and for how it tells of itself; part of the configuration."""

import os


def _from_environment(name):
    text = os.environ.get(name)
    return int(text) if text else None


_values = {
    "max_epochs": _from_environment("KERAS_MAX_EPOCHS"),
    "max_steps_per_epoch": _from_environment("KERAS_MAX_STEPS_PER_EPOCH"),
    "interactive_logging": True,
    "traceback_filtering": True,
    "flash_attention": None,
}


def max_epochs():
    """The most epochs that any `fit` runs, or None."""
    return _values["max_epochs"]


def set_max_epochs(max_epochs):
    """Run at most so many epochs in any `fit`; None: as many as asked for. Also KERAS_MAX_EPOCHS."""
    _values["max_epochs"] = max_epochs


def max_steps_per_epoch():
    """The most steps that any `fit` (an epoch), `evaluate` or `predict` runs, or None."""
    return _values["max_steps_per_epoch"]


def set_max_steps_per_epoch(max_steps_per_epoch):
    """Run at most so many steps an epoch, an evaluation or a prediction. Also KERAS_MAX_STEPS_PER_EPOCH."""
    _values["max_steps_per_epoch"] = max_steps_per_epoch


def enable_interactive_logging():
    """Write progress to the standard output, as at first."""
    _values["interactive_logging"] = True


def disable_interactive_logging():
    """Write progress to Python's logger "fastnn", a line an epoch."""
    _values["interactive_logging"] = False


def is_interactive_logging_enabled():
    """Whether progress goes to the standard output."""
    return _values["interactive_logging"]


def enable_traceback_filtering():
    """Accepted as in Keras; fastnn's tracebacks are short and are never cut."""
    _values["traceback_filtering"] = True


def disable_traceback_filtering():
    """Accepted as in Keras, as `enable_traceback_filtering`."""
    _values["traceback_filtering"] = False


def is_traceback_filtering_enabled():
    """What was last asked for; it changes nothing."""
    return _values["traceback_filtering"]


def enable_flash_attention():
    """Accepted as in Keras; attention always runs by blocks, without the matrix of all scores."""
    _values["flash_attention"] = True


def disable_flash_attention():
    """Accepted as in Keras, as `enable_flash_attention`."""
    _values["flash_attention"] = False


def is_flash_attention_enabled():
    """What was last asked for, None at first; it changes nothing."""
    return _values["flash_attention"]
