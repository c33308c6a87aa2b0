"""Event files, and which of them summaries go to."""

import contextlib
import os
import threading
import time


class _Current(threading.local):
    """What summaries of this thread use by default."""

    writer = None
    step = None
    record = True


current = _Current()


def create_file_writer(logdir, max_queue=10, flush_millis=120_000, filename_suffix="", name=None):
    """A SummaryWriter whose event file lies in the folder `logdir`, which is made.

    Raises:
        ImportError: the package `tensorboard` is not there; says how to install it.
    """
    return SummaryWriter(os.fspath(logdir), max_queue, flush_millis / 1000, filename_suffix or "")


class SummaryWriter:
    """Writes an event file that TensorBoard reads. The file is made with the first summary."""

    def __init__(self, logdir, max_queue=10, flush_seconds=120, suffix=""):
        needs_tensorboard("create_file_writer")
        self.logdir = logdir
        self._options = max_queue, flush_seconds, suffix
        self._events = None
        self.closed = False

    @contextlib.contextmanager
    def as_default(self, step=None):
        """A `with` block whose summaries go here; `step` is their default step."""
        before = current.writer, current.step
        current.writer = self
        if step is not None:
            current.step = step
        try:
            yield self
        finally:
            current.writer, current.step = before

    def set_as_default(self, step=None):
        """From now on summaries go here."""
        current.writer = self
        if step is not None:
            current.step = step

    def add(self, step=None, **what):
        """Write one event: summary=..., graph_def=..."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        if self.closed:
            raise RuntimeError(f"the summary writer of {self.logdir!r} is closed; make a new one")
        if self._events is None:
            self._events = EventFileWriter(self.logdir, *self._options)
        event = Event(wall_time=time.time(), **what)
        if step is not None:
            event.step = int(step)
        self._events.add_event(event)

    def flush(self):
        """Put on disk what was written."""
        if self._events is not None and not self.closed:
            self._events.flush()

    def close(self):
        """Put on disk what was written and end; more cannot be written."""
        closed, self.closed = self.closed, True
        if self._events is not None and not closed:
            try:
                self._events.flush()  # tells of a full disk; its close() does not
            finally:
                self._events.close()

    def __repr__(self):
        return f"<SummaryWriter {self.logdir!r}>"


@contextlib.contextmanager
def record_if(condition):
    """A `with` block whose summaries are written only where `condition` (a truth value or a function) holds."""
    before = current.record
    current.record = condition
    try:
        yield
    finally:
        current.record = before


def should_record_summaries():
    """Whether summaries are written here and now."""
    condition = current.record
    return current.writer is not None and bool(condition() if callable(condition) else condition)


def needs_tensorboard(what):
    """Raise ImportError, with the cure, unless the package tensorboard is there."""
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        raise ImportError(
            f"{what} needs the package tensorboard (TensorFlow is not needed): pip install "
            "'fastnn[tensorboard]'"
        ) from None
