"""Odds and ends around models, under Keras 3's names."""

from .numerical import normalize, to_categorical
from .progbar import Progbar

__all__ = ["Progbar", "normalize", "to_categorical"]
