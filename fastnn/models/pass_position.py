"""Where a run over data stands, so that another process can go on from there with the same rows in the same
order."""

import itertools

import numpy as np

from ..data.random_state import numpy_random_state, plain_random_state


class PassNotes:
    """What the passes of a run began with.

    count: how many were begun. first, last: the state of NumPy's global generator, which shuffles draw from,
    before the first and the last of them; the first matters to data sets that keep one order.
    """

    def __init__(self):
        self.count = 0
        self.first = self.last = None

    def note(self):
        """A pass is about to begin."""
        self.last = np.random.get_state()
        if self.first is None:
            self.first = self.last
        self.count += 1

    def replay(self, skip, begin):
        """Begin as many passes as were noted, from the states that were noted; all but the last through
        `skip`."""
        count, last = self.count, self.last
        if not count:
            return
        np.random.set_state(self.first)
        for _ in range(count - 1):
            skip()
        np.random.set_state(last)
        self.count = count - 1  # `begin` notes the last one again
        begin()

    def get_state(self):
        """What `set_state` takes: plain values and arrays."""
        return {
            "count": self.count,
            "first": plain_random_state(self.first),
            "last": plain_random_state(self.last),
        }

    def set_state(self, state):
        """Take over what `get_state` gave."""
        self.count = state["count"]
        self.first, self.last = numpy_random_state(state["first"]), numpy_random_state(state["last"])


def array_run_state(run):
    """An ArrayRun's place: the steps taken of the pass that is under way."""
    return {"taken": run.position, **run.notes.get_state()}


def set_array_run_state(run, state):
    """Go on from a place that `array_run_state` gave: the same order of rows, the same step of it."""
    run.notes.set_state(state)
    run.restart()
    run.notes.replay(run.source.order, run.begin)
    run.position = state["taken"]


def batch_run_state(run):
    """A BatchRun's place: the batches taken of the pass that is under way, and of all."""
    return {
        "taken": run._seen,
        "total": run.total,
        "open": run._iterator is not None,
        **run.notes.get_state(),
    }


def set_batch_run_state(run, state):
    """Go through the source as far as it was gone through before: what it yields there is made, and thrown
    away."""
    source = run.source
    run.notes.set_state(state)
    run.total = state["total"]
    if source.once:
        _drop(run, state["total"])
        run._seen = state["taken"]
        return
    run.close()
    if source.endless and source.indexed:
        source._count = itertools.count(state["total"] - state["taken"])

    def skip():
        batches = iter(source)
        if not source.indexed:
            next(batches, None)  # a data set counts its passes as their first element is drawn
        if hasattr(batches, "close"):
            batches.close()
        source.end_pass()

    run.notes.replay(skip, run.begin)
    if state["open"]:
        _drop(run, state["taken"])
    else:
        run.close()
    run._seen = state["taken"]


def _drop(run, count):
    for _ in range(count):
        if run.ready():
            run._next = None
