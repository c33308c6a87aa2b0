"""Keras's `preprocessing.sequence` names."""

from ..utils import pad_sequences
from .windows import TimeseriesGenerator, make_sampling_table, skipgrams

__all__ = ["TimeseriesGenerator", "make_sampling_table", "pad_sequences", "skipgrams"]
