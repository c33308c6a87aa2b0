"""The default step of summaries, under its name in tf.summary."""

from .writer import current


def get_step():
    """The step of summaries that are given none."""
    return current.step


def set_step(step):
    """Set the step of summaries that are given none."""
    current.step = step
