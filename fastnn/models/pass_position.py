"""Where a run over data stands, so that another process can go on from there with the same rows in the same
order."""

import itertools

import numpy as np

from ..data.random_state import numpy_random_state, plain_random_state


class PassNotes:
    """What a run asked of its source, in order: "b" for each pass begun, "e" for each end that it was told of.

    Shuffles draw from NumPy's global generator, as may a source's own hooks. So the generator's state is noted too,
    where others had drawn from it since the event before: all such states for a source with hooks, else the first (for
    data sets that keep one order) and the last.
    """

    def __init__(self, hooks):
        self.hooks = hooks
        self.events, self.totals = [], []  # totals: how many batches had been taken by then
        self.states = {}  # number of an event -> the state that it began with
        self.after = None  # the generator's state at the last event's end

    def note(self, event, total, act):
        """act(), which is an `event`; what it returns."""
        before = np.random.get_state()
        if self.after is None or before[2:] != self.after[2:] or (before[1] != self.after[1]).any():
            if not self.hooks:
                self.states = dict(list(self.states.items())[:1])
            self.states[len(self.events)] = before
        self.events.append(event)
        self.totals.append(total)
        result = act()
        self.after = np.random.get_state()
        return result

    def replay(self, begin, end=None):
        """Do again what was noted: begin(number of the pass, whether it is the last), end(batches taken until
        then)."""
        last = "".join(self.events).rfind("b")
        passes = itertools.count()
        for number, event in enumerate(self.events):
            if number in self.states:
                np.random.set_state(self.states[number])
            if event == "b":
                begin(next(passes), number == last)
            else:
                end(self.totals[number] - self.totals[last] if number > last else 0)
        self.after = np.random.get_state()

    def get_state(self):
        """What `set_state` takes: plain values and arrays."""
        return {
            "events": "".join(self.events),
            "totals": np.asarray(self.totals, np.int64),
            "states": [[number, plain_random_state(state)] for number, state in self.states.items()],
        }

    def set_state(self, state):
        """Take over what `get_state` gave.

        Raises:
            ValueError: it is none.
        """
        events, totals = state["events"], [int(total) for total in state["totals"]]
        if not isinstance(events, str) or set(events) - {"b", "e"} or len(totals) != len(events):
            raise ValueError("its passes over the data are of an unknown kind")
        self.events, self.totals = list(events), totals
        if any(type(number) is not int for number, _ in state["states"]):
            raise ValueError("its passes over the data are of an unknown kind")
        self.states = {number: numpy_random_state(kept) for number, kept in state["states"]}


def array_run_state(run):
    """An ArrayRun's place: the steps taken of the pass that is under way."""
    return {"taken": run.position, **run.notes.get_state()}


def set_array_run_state(run, state):
    """Go on from a place that `array_run_state` gave: the same order of rows, the same step of it."""
    taken = _steps_in(state, "taken", run.steps)
    run.notes.set_state(state)
    run.notes.replay(lambda number, last: run.shuffle() if last else run.source.order())
    run.position = taken if run.notes.events else run.steps


def _steps_in(state, key, most=None):
    """A number of steps. What runs them in C reads the rows of that place, wherever it is.

    Raises:
        ValueError: none, or one over `most`.
    """
    number = state[key]
    if type(number) is not int or number < 0 or (most is not None and number > most):
        raise ValueError(f"its {key!r} is {number!r}, which is no number of steps")
    return number


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
    total = _steps_in(state, "total")
    taken = _steps_in(state, "taken", total)
    begun, after = (
        len(run.notes.events),
        run.notes.after,
    )  # one pass was begun already, to look at the first batch
    run.notes.set_state(state)
    if source.once:
        _drop(run, total)
        run.total, run._seen = total, taken
        return
    if source.endless and source.indexed:
        run.close()
        source._count = itertools.count(total - taken)
        begun = 0
    dropped = 0

    def begin(number, last):
        if number < begun:
            np.random.set_state(after)
        else:
            run.close()
            run.open()
        if not last:
            if not source.indexed:
                run.ready()  # a data set counts its passes as their first element is drawn
            run.close()

    def drop(until):
        nonlocal dropped
        if state["open"]:
            _drop(run, until - dropped)
            dropped = until

    def end(until):
        drop(until)
        source.end_pass()

    run.notes.replay(begin, end)
    drop(taken)
    if not state["open"]:
        run.close()
    run.total, run._seen = total, taken


def _drop(run, count):
    while count > 0 and run.ready():
        run._next = None
        count -= 1
