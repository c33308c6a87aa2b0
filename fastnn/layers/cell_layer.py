"""CellLayer: the base of recurrent layers that make their cell themselves, from arguments of their own."""

import inspect

from .. import regularizers
from ..engine.symbolic import snake_case
from .rnn import RNN


def _parameters(function):
    return [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD and parameter.name != "self"
    ]


class CellLayer(RNN):
    """An RNN of one `cell_class`: its constructor and its configuration have the cell's arguments in the cell's
    place, and it has them as attributes.

    Arguments: the cell's and RNN's, by name.
    """

    rounds_products = False
    cell_class = None

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        for name in _parameters(cls.cell_class.__init__) if cls.cell_class else ():
            if name != "seed" and not hasattr(cls, name):
                setattr(cls, name, _of_cell(name))

    def __init__(self, **arguments):
        of_cell = [*_parameters(self.cell_class.__init__), *self.cell_class.in_kwargs]
        cell = self.cell_class(
            **{name: arguments.pop(name) for name in of_cell if name in arguments},
            **{name: arguments[name] for name in ("dtype", "trainable") if name in arguments},
            name=snake_case(self.cell_class.__name__),
        )
        super().__init__(cell, **arguments)

    def get_config(self):
        config = super().get_config()
        del config["cell"]
        cell = self.cell.get_config()
        for name in ("name", "trainable", "dtype"):
            del cell[name]
        return {**config, **cell, "activity_regularizer": regularizers.serialize(self.activity_regularizer)}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _of_cell(name):
    return property(lambda layer: getattr(layer.cell, name), doc=f"The cell's `{name}`.")
