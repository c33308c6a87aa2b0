"""Summaries for TensorBoard, under tf.summary's names: pip install 'fastnn[tensorboard]'; no TensorFlow needed.

with fastnn.summary.create_file_writer("logs").as_default():
    fastnn.summary.scalar("loss", 0.5, step=1)
"""

from . import experimental
from .record import audio, flush, graph, histogram, image, scalar, text, write
from .writer import SummaryWriter, create_file_writer, record_if, should_record_summaries

__all__ = [
    "SummaryWriter",
    "audio",
    "create_file_writer",
    "experimental",
    "flush",
    "graph",
    "histogram",
    "image",
    "record_if",
    "scalar",
    "should_record_summaries",
    "text",
    "write",
]
