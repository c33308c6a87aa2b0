"""Constraints: functions that training applies to a weight after each update."""

from . import ops
from .engine import settings
from .engine.variable import convert
from .saving.lookup import look_up
from .saving.serialization import deserialize_keras_object, serialize_keras_object


class Constraint:
    """A function of a weight, giving what the weight is to become; subclasses write `__call__` and `get_config`."""

    def __call__(self, w):
        raise NotImplementedError(f"{type(self).__name__} has no __call__() method")

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class MaxNorm(Constraint):
    """Scales down what has a norm over `max_value`; norms run along `axis` (an int or several)."""

    def __init__(self, max_value=2, axis=0):
        self.max_value = max_value
        self.axis = axis

    def __call__(self, w):
        w = convert(w)
        norms = _norms(w, self.axis)
        return _to_norm(w, norms, ops.clip(norms, 0, self.max_value))

    def get_config(self):
        return {"max_value": self.max_value, "axis": self.axis}


class NonNeg(Constraint):
    """Makes negative weights 0."""

    def __call__(self, w):
        w = convert(w)
        return ops.maximum(w, convert(0.0, dtype=w.dtype))


class UnitNorm(Constraint):
    """Scales to norm 1 along `axis`."""

    def __init__(self, axis=0):
        self.axis = axis

    def __call__(self, w):
        w = convert(w)
        return ops.divide(w, ops.add(_norms(w, self.axis), convert(settings.epsilon(), dtype=w.dtype)))

    def get_config(self):
        return {"axis": self.axis}


class MinMaxNorm(Constraint):
    """Moves norms along `axis` into [min_value, max_value], by the part `rate` of the way each time."""

    def __init__(self, min_value=0.0, max_value=1.0, rate=1.0, axis=0):
        self.min_value = min_value
        self.max_value = max_value
        self.rate = rate
        self.axis = axis

    def __call__(self, w):
        w = convert(w)
        norms = _norms(w, self.axis)
        wanted = ops.clip(norms, self.min_value, self.max_value)
        return _to_norm(w, norms, wanted * self.rate + norms * (1 - self.rate))

    def get_config(self):
        return {
            "min_value": self.min_value,
            "max_value": self.max_value,
            "rate": self.rate,
            "axis": self.axis,
        }


def _norms(w, axis):
    axis = tuple(axis) if isinstance(axis, (list, tuple)) else axis
    return ops.sqrt(ops.sum(ops.square(w), axis=axis, keepdims=True))


def _to_norm(w, norms, wanted):
    return ops.multiply(w, ops.divide(wanted, ops.add(norms, convert(settings.epsilon(), dtype=w.dtype))))


max_norm, non_neg, unit_norm, min_max_norm = MaxNorm, NonNeg, UnitNorm, MinMaxNorm
maxnorm, nonneg, unitnorm = MaxNorm, NonNeg, UnitNorm
_OBJECTS = {
    "MaxNorm": MaxNorm,
    "max_norm": MaxNorm,
    "NonNeg": NonNeg,
    "non_neg": NonNeg,
    "UnitNorm": UnitNorm,
    "unit_norm": UnitNorm,
    "MinMaxNorm": MinMaxNorm,
    "min_max_norm": MinMaxNorm,
    "Constraint": Constraint,
    "constraint": Constraint,
}


def serialize(constraint):
    """The configuration of a constraint; None for None."""
    return serialize_keras_object(constraint)


def deserialize(config, custom_objects=None):
    """The constraint that a configuration describes; `custom_objects`: {name: class} that it may name."""
    return deserialize_keras_object(config, custom_objects, module_objects=_OBJECTS)


def get(identifier):
    """A constraint from an object, a name ("max_norm"), a configuration; None for None."""
    return None if identifier is None else look_up("constraint", identifier, _OBJECTS)
