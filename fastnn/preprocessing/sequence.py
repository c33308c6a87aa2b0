"""Keras's `preprocessing.sequence` names."""

from ..utils import pad_sequences

__all__ = ["pad_sequences"]
