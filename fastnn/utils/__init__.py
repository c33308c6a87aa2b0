"""Odds and ends around models, under Keras 3's names."""

from ..random import set_seed as set_random_seed
from .numerical import normalize, to_categorical
from .progbar import Progbar

__all__ = ["Progbar", "normalize", "set_random_seed", "to_categorical"]
