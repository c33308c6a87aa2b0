"""Optimisers: Keras 3's names, arguments and formulas."""

from .. import older_paths
from ..saving.lookup import look_up
from ..saving.serialization import deserialize_keras_object, serialize_keras_object
from . import schedules
from .adafactor import Adafactor
from .adagrad import Adadelta, Adagrad
from .adam import Adam, AdamW
from .adam_kin import Adamax, Lamb, Nadam, ScheduleFreeAdamW
from .ftrl import Ftrl
from .lion import Lion
from .loss_scale import LossScaleOptimizer
from .multi import MultiOptimizer, OptimizerMap
from .muon import Muon
from .optimizer import Optimizer
from .rmsprop import RMSprop
from .sgd import SGD

_OBJECTS = {
    cls.__name__.lower(): cls
    for cls in (
        Optimizer,
        Adafactor,
        Adadelta,
        Adagrad,
        Adam,
        AdamW,
        Adamax,
        Ftrl,
        Lamb,
        Lion,
        LossScaleOptimizer,
        MultiOptimizer,
        Muon,
        Nadam,
        OptimizerMap,
        RMSprop,
        SGD,
        ScheduleFreeAdamW,
    )
}


def serialize(optimizer):
    """An optimizer's configuration, a dict."""
    return serialize_keras_object(optimizer)


def deserialize(config, custom_objects=None):
    """The optimizer that a configuration describes; fastnn's own names in any case."""
    name = config.get("class_name", "")
    if name.lower() in _OBJECTS:
        config = {**config, "class_name": name.lower()}
    return deserialize_keras_object(config, custom_objects, module_objects=_OBJECTS)


def get(identifier):
    """The optimizer that a name ("adam"), a configuration or an Optimizer means; None for None.

    Raises:
        ValueError: an unknown name, with the nearest known one; or nothing of the kind.
    """
    if identifier is None:
        return None
    name = (
        identifier.lower() if isinstance(identifier, str) and identifier.lower() in _OBJECTS else identifier
    )
    if isinstance(identifier, dict):
        name = deserialize(identifier)
    found = name if isinstance(name, Optimizer) else look_up("optimizer", name, _OBJECTS)
    if not isinstance(found, Optimizer):
        raise ValueError(
            "`optimizer` must be a name, a configuration or an Optimizer, received "
            f"{identifier!r} (of type {type(identifier).__name__})"
        )
    return found


def __getattr__(name):
    return older_paths.attribute(__name__, name)


__all__ = [
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "LossScaleOptimizer",
    "MultiOptimizer",
    "Muon",
    "Nadam",
    "Optimizer",
    "OptimizerMap",
    "RMSprop",
    "SGD",
    "ScheduleFreeAdamW",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]
