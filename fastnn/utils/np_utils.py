"""`to_categorical` and `normalize` under Keras 2's module name."""

from .numerical import normalize, to_categorical

__all__ = ["normalize", "to_categorical"]
