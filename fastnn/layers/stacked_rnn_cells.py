"""StackedRNNCells: several cells as one; and what is asked of any cell."""

from .. import ops
from ..engine import nest
from ..saving.serialization import deserialize_keras_object, serialize_keras_object
from .call_signature import CallSignature
from .layer import Layer


def as_cell(owner, cell):
    """`cell` itself, or the error for what is none."""
    for attribute, what in (
        ("call", "a method call(inputs, states)"),
        ("state_size", "an attribute `state_size`: an int, or a list of them"),
    ):
        if not hasattr(type(cell), attribute) and not hasattr(cell, attribute):
            raise ValueError(f"{owner}: a cell needs {what}; received {cell!r}, which has none")
    size = cell.state_size
    if not isinstance(size, (int, list, tuple)):
        raise ValueError(
            f"{owner}: a cell's `state_size` must be an int, or a list of them, received {size!r} of {cell!r}"
        )
    return cell


def takes_training(cell):
    """Whether the cell's call method has an argument `training`."""
    if not isinstance(cell, Layer):
        return False
    return (type(cell)._signature or CallSignature(type(cell).call, False)).has_training


def first_size(state_size):
    """The size of the first state, which is the output's where a cell does not say otherwise."""
    return first_size(state_size[0]) if isinstance(state_size, (list, tuple)) else state_size


class StackedRNNCells(Layer):
    """Cells one on the other: each takes the output of the one before. A state is the list of the cells'
    states.

    Args:
        cells: a list of cells, as RNN takes them.
    Source: Keras 3 `layers.StackedRNNCells`.
    """

    def __init__(self, cells, **kwargs):
        super().__init__(**kwargs)
        self.cells = [as_cell("StackedRNNCells", cell) for cell in cells]
        if not self.cells:
            raise ValueError("StackedRNNCells: `cells` must hold at least one cell, received none")

    @property
    def state_size(self):
        """A list of the cells' state sizes."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self):
        """The last cell's."""
        last = self.cells[-1]
        size = getattr(last, "output_size", None)
        return first_size(last.state_size) if size is None else size

    def build(self, input_shape):
        batch = input_shape[0]
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(input_shape)
            size = getattr(cell, "output_size", None)
            input_shape = (batch, first_size(cell.state_size) if size is None else size)

    def get_initial_state(self, batch_size=None):
        """A list of the cells' own first states, or zeros."""
        states = []
        for cell in self.cells:
            if hasattr(cell, "get_initial_state"):
                states.append(cell.get_initial_state(batch_size=batch_size))
            else:
                states.append(
                    nest.map_leaves(
                        lambda n: ops.zeros((batch_size, n), dtype=self._compute_dtype), cell.state_size
                    )
                )
        return states

    def call(self, inputs, states, training=False, **kwargs):
        made = []
        for cell, own in zip(self.cells, states, strict=False):
            options = {**kwargs, "training": training} if takes_training(cell) else kwargs
            listed = isinstance(own, (list, tuple))
            inputs, new = (cell if callable(cell) else cell.call)(
                inputs, list(own) if listed else [own], **options
            )
            if not isinstance(new, (list, tuple)):
                new = [new]
            made.append(list(new) if listed else new[0])
        return inputs, made

    def get_config(self):
        return {**super().get_config(), "cells": [serialize_keras_object(cell) for cell in self.cells]}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        cells = [
            deserialize_keras_object(cell, custom_objects=custom_objects) for cell in config.pop("cells")
        ]
        return cls(cells, **config)
