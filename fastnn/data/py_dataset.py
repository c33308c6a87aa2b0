"""PyDataset: batches that Python code makes, by number."""

import itertools
import warnings


class PyDataset:
    """Base class of data sets that make a whole batch for an index; also known as `Sequence`.

    Subclasses write `__getitem__(index)`, returning x, (x, y) or (x, y, sample_weight), and `__len__` (the number of
    batches), or in its place the property `num_batches`, None for a data set without end.

    Args:
        workers: how many batches are made at a time; above 1 by threads.
        use_multiprocessing: by processes in place of threads; each has a copy of this object.
        max_queue_size: how many batches may be ready before they are needed.
    Source: Keras 3 `utils.PyDataset`.
    """

    def __init__(self, workers=1, use_multiprocessing=False, max_queue_size=10):
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getattr__(self, name):  # reached where a subclass's constructor did not call this one's
        if name in _DEFAULTS:
            warnings.warn(
                f"{type(self).__name__}.__init__ should call super().__init__(**kwargs), with `workers`, "
                "`use_multiprocessing` and `max_queue_size` among the arguments it takes; the defaults are "
                "used",
                stacklevel=2,
            )
            self.__dict__.update({key: value for key, value in _DEFAULTS.items() if key not in self.__dict__})
            return self.__dict__[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __getitem__(self, index):
        raise NotImplementedError(
            f"{type(self).__name__} must have __getitem__(self, index), which returns batch number `index`"
        )

    @property
    def num_batches(self):
        """How many batches there are; None if there is no end."""
        if hasattr(type(self), "__len__"):
            return len(self)
        raise NotImplementedError(
            f"{type(self).__name__} must have __len__ (the number of batches) or a property `num_batches`"
        )

    def __iter__(self):
        """The batches one after the other, made here and now."""
        try:
            count = self.num_batches
        except NotImplementedError:
            count = None
        for index in itertools.count() if count is None else range(count):
            yield self[index]

    def on_epoch_begin(self):
        """Called before each pass."""

    def on_epoch_end(self):
        """Called after each pass."""


_DEFAULTS = {"workers": 1, "use_multiprocessing": False, "max_queue_size": 10}
