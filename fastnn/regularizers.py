"""Regularizers: penalties on weights and activations that are added to the loss."""

import math

from . import ops
from .engine.variable import convert
from .saving.lookup import look_up
from .saving.serialization import deserialize_keras_object, serialize_keras_object


class Regularizer:
    """A function of a tensor, giving a scalar penalty; subclasses write `__call__` and `get_config`."""

    def __call__(self, x):
        return 0.0

    def get_config(self):
        raise NotImplementedError(
            f"{type(self).__name__} has no get_config() method; write one to save models with it"
        )

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class L1L2(Regularizer):
    """l1 * sum(|x|) + l2 * sum(x^2)."""

    def __init__(self, l1=0.0, l2=0.0):
        self.l1 = _factor("l1", 0.0 if l1 is None else l1)
        self.l2 = _factor("l2", 0.0 if l2 is None else l2)

    def __call__(self, x):
        penalty = None
        if self.l1:
            penalty = _scaled(self.l1, ops.absolute(x))
        if self.l2:
            squares = _scaled(self.l2, ops.square(x))
            penalty = squares if penalty is None else ops.add(penalty, squares)
        return convert(0.0, dtype=x.dtype) if penalty is None else penalty

    def get_config(self):
        return {"l1": self.l1, "l2": self.l2}


class L1(Regularizer):
    """l1 * sum(|x|)."""

    def __init__(self, l1=0.01):
        self.l1 = _factor("l1", 0.01 if l1 is None else l1)

    def __call__(self, x):
        return _scaled(self.l1, ops.absolute(x))

    def get_config(self):
        return {"l1": self.l1}


class L2(Regularizer):
    """l2 * sum(x^2)."""

    def __init__(self, l2=0.01):
        self.l2 = _factor("l2", 0.01 if l2 is None else l2)

    def __call__(self, x):
        return _scaled(self.l2, ops.square(x))

    def get_config(self):
        return {"l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """factor * mean over pairs of rows (or columns) of the absolute value of their cosine.

    Args:
        factor: weight of the penalty.
        mode: "rows" or "columns", which of the matrix are to be orthogonal.

    Raises:
        ValueError: another mode; a tensor that is no matrix.
    """

    def __init__(self, factor=0.01, mode="rows"):
        self.factor = _factor("factor", factor)
        if mode not in ("rows", "columns"):
            raise ValueError(f"OrthogonalRegularizer: `mode` must be 'rows' or 'columns', received {mode!r}")
        self.mode = mode

    def __call__(self, x):
        if len(x.shape) != 2:
            raise ValueError(f"OrthogonalRegularizer takes matrices, received shape {tuple(x.shape)}")
        rows = convert(x) if self.mode == "rows" else ops.transpose(x)
        count = rows.shape[0]
        norms = ops.sqrt(ops.sum(ops.square(rows), axis=1, keepdims=True))
        rows = ops.divide(rows, ops.maximum(norms, convert(1e-12, dtype=x.dtype)))
        cosines = ops.abs(ops.matmul(rows, ops.transpose(rows)))
        off_diagonal = ops.sum(cosines) - ops.sum(ops.abs(ops.sum(ops.square(rows), axis=1)))
        return off_diagonal * (0.5 * self.factor / (count * (count - 1.0) / 2.0))

    def get_config(self):
        return {"factor": self.factor, "mode": self.mode}


def _scaled(factor, terms):
    return ops.multiply(ops.sum(terms), convert(factor, dtype=terms.dtype))


def _factor(name, value):
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not math.isfinite(value)
        or value < 0
    ):
        raise ValueError(f"regularizers: `{name}` must be a finite number of at least 0, received {value!r}")
    return float(value)


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer
_OBJECTS = {
    "L1": L1,
    "l1": L1,
    "L2": L2,
    "l2": L2,
    "L1L2": L1L2,
    "l1l2": L1L2,
    "l1_l2": L1L2,
    "OrthogonalRegularizer": OrthogonalRegularizer,
    "orthogonal_regularizer": OrthogonalRegularizer,
    "Regularizer": Regularizer,
    "regularizer": Regularizer,
}


def serialize(regularizer):
    """The configuration of a regularizer; None for None."""
    return serialize_keras_object(regularizer)


def deserialize(config, custom_objects=None):
    """The regularizer that a configuration describes; `custom_objects`: {name: class} that it may name."""
    return deserialize_keras_object(config, custom_objects, module_objects=_OBJECTS)


def get(identifier):
    """A regularizer from an object, a name ("l2"), a configuration; None for None."""
    return None if identifier is None else look_up("regularizer", identifier, _OBJECTS)
