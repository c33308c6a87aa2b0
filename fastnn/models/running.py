"""Going through data: many steps in C between two looks from Python."""

import time

from ..data import fill, leaves_of
from .pass_position import (
    PassNotes,
    array_run_state,
    batch_run_state,
    set_array_run_state,
    set_batch_run_state,
)
from .plain_batch import plain_key
from .programs import MOST_KEPT

CHUNK_SECONDS = 0.05  # how long C may run before Python shows progress and sees Ctrl-C
_GROWTH = 8  # a chunk is at most so many times the one before it


class ArrayRun:
    """A model's steps over an ArraySource. `steps`: of one pass; `program`: the one last run; `rewinds`:
    steps can be run again."""

    rewinds = True

    def __init__(self, model, source, kind):
        self.source = source
        self.steps = source.batches
        self.full = source.rows // source.batch
        self._programs = {}
        if self.full:
            self._programs["full"] = model.program_for(kind, source.data, source.batch)
        if source.tail:
            self._programs["tail"] = model.program_for(kind, source.data, source.tail)
        self.program = next(iter(self._programs.values()))
        self.position = self.steps  # nothing is left of a pass that has not begun
        self._tail_fed = False
        self.notes = PassNotes(hooks=False)

    def begin(self):
        """Start a pass, unless one is under way (`steps_per_epoch` may end an epoch in its middle)."""
        if self.position < self.steps:
            return
        self.position = 0
        self.notes.note("b", 0, self.shuffle)

    def shuffle(self):
        """Take the rows in the order of the source's next pass."""
        self._order = self.source.order()
        if self.full:
            self._programs["full"].step.feed(self.source.leaves, self._order[: self.full * self.source.batch])
        self._tail_fed = False

    def prepare(self):
        """Its programs are made already."""

    def restart(self):
        """Begin anew at the next `begin`."""
        self.position = self.steps

    @property
    def left(self):
        """How many steps of the pass are left."""
        return self.steps - self.position

    def ready(self):
        """Whether there is a step left."""
        return self.left > 0

    def chunk(self):
        """How many steps take about CHUNK_SECONDS."""
        seconds = self.program.seconds
        return 1 if not seconds else max(1, int(CHUNK_SECONDS / seconds))

    def run(self, count):
        """Run at most `count` steps; how many were run."""
        start = time.perf_counter()
        if self.position < self.full:
            count = min(count, self.full - self.position)
            self.program = self._programs["full"]
            self.program.step.run(self.position, count)
        else:
            count = 1
            self.program = self._programs["tail"]
            if not self._tail_fed:
                self.program.step.feed(self.source.leaves, self._order[self.full * self.source.batch :])
                self._tail_fed = True
            self.program.step.run(0, 1)
        self.position += count
        seconds = (time.perf_counter() - start) / count
        before = self.program.seconds
        # The first steps are slow (cold caches, sleeping threads): the estimate may fall fast, and rises
        # slowly.
        self.program.seconds = seconds if before is None else max(min(seconds, 2 * before), before / _GROWTH)
        return count

    def results(self):
        """What the last step returned."""
        return self.program.step.results()

    def rewind(self, count):
        """Let the last `count` steps be run again."""
        self.position -= count

    def last_batch(self):
        """(x, y, sample_weight) of the last step."""
        size = self.source.batch
        rows = self._order[(self.position - 1) * size : self.position * size]
        return fill(self.source.data, [leaf[rows] for leaf in self.source.leaves])

    def end(self, whole):
        """A pass is over."""

    def close(self):
        """Nothing is held open."""

    get_state, set_state = array_run_state, set_array_run_state


class BatchRun:
    """A model's steps over a BatchSource; a batch is asked for when a step needs it."""

    most = 1 << 20  # batches between two looks, where they are quick
    rewinds = False

    def __init__(self, model, source, kind):
        self.model, self.source, self.kind = model, source, kind
        self.steps = source.batches
        self._iterator = None
        self._next = None
        self._over = False  # the pass has no more batches
        self._seen = 0
        self.total = 0  # batches taken in all passes
        self._quick = {}  # plain_keys of (x, y, weights) -> Program
        self.program = None
        self.notes = PassNotes(source.has_hooks)

    def first(self):
        """The first batch, kept for the first step: what shapes are read from."""
        self.begin()
        if not self.ready():
            raise ValueError("`x` yielded no batch; a generator that was used before is empty now")
        return self._next

    def begin(self):
        """Start a pass, unless one is under way."""
        if self._iterator is not None and not self.source.once and not self.ready():
            self.close()  # the last pass took all there was, which could not be known then
        if self._iterator is None:
            self.notes.note("b", self.total, self.open)

    def open(self):
        """Start a pass."""
        self._iterator = iter(self.source)
        self._over, self._seen = False, 0

    def prepare(self):
        """Make the program for the first batch, and with it all that is made where a step is traced."""
        if self._next is not None:
            self.model.program_for(self.kind, self._next)

    def restart(self):
        """Begin anew at the next `begin`, where the source can be gone through again."""
        if self._seen and not self.source.once:
            self.close()

    @property
    def left(self):
        """Not known."""
        return None

    def ready(self):
        """Whether there is a batch left; asks the source for it."""
        if self._next is None and not self._over:
            self._next = next(self._iterator, None)
            self._over = self._next is None
        return self._next is not None

    def chunk(self):
        """How many batches `run` may take: it looks at the clock itself."""
        return self.most

    def run(self, count):
        """Run up to `count` batches, for CHUNK_SECONDS at most; how many were run."""
        done, until = 0, None
        while done < count and self.ready():
            data, self._next = self._next, None
            self._last = data
            x, y, weights = data
            if self._seen and self.kind != "predict":
                self.model.check_next_targets(self.kind, y)
            self._seen += 1
            self.total += 1
            done += 1
            # Batches alike, the common case: no structure is walked twice, no signature is made.
            arrays = []
            key = plain_key(x, arrays), plain_key(y, arrays), plain_key(weights, arrays)
            program = self._quick.get(key)
            if program is None:
                program = self.model.program_for(self.kind, data)
                if None in key:
                    arrays = leaves_of(data)
                else:
                    if len(self._quick) >= MOST_KEPT:
                        self._quick.clear()
                    self._quick[key] = program
            self.program = program
            self._results = program.step(*arrays)
            if count > 1:
                now = time.perf_counter()
                if until is None:
                    until = now + CHUNK_SECONDS
                elif now > until:
                    break
        return done

    def results(self):
        """What the last step returned."""
        return self._results

    def last_batch(self):
        """(x, y, sample_weight) of the last step."""
        return self._last

    def end(self, whole):
        """A pass is over; `whole` says that it was not cut short by a number of steps."""
        if (self._over or whole or self._seen == self.steps) and not self.source.once:
            self.close()  # begin anew with the next pass
        if self.source.has_hooks:
            self.notes.note("e", self.total, self.source.end_pass)

    def close(self):
        """Give up the pass: threads and processes that make batches end."""
        if self._iterator is not None and hasattr(self._iterator, "close"):
            self._iterator.close()
        self._iterator = self._next = None

    get_state, set_state = batch_run_state, set_batch_run_state


_HOOKS = {
    stage: (f"on_{stage}_batch_begin", f"on_{stage}_batch_end") for stage in ("train", "test", "predict")
}


def run_pass(model, stage, run, callbacks, limit, collect=None, done=0):
    """Run up to `limit` steps (None: all there are), calling the callbacks' hooks; the number of steps run.

    done: so many of them were run before, by a process that was ended.

    stage: "train", "test" or "predict". collect(run, steps): told after each chunk, for predictions; every
    step then counts as a chunk.
    """
    begin_hook, end_hook = (getattr(callbacks, name) for name in _HOOKS[stage])
    singles = callbacks.wants_batches(stage)
    checks = callbacks.chunk_checks()
    listens = callbacks.listens_to_chunks(stage)
    one = collect is not None or (checks and not run.rewinds)
    flag = {"train": "stop_training", "test": "stop_evaluating", "predict": "stop_predicting"}[stage]
    every = max(1, int(model.steps_per_execution)) if singles else None
    shown = time.perf_counter()
    if done and (done == limit or limit is None and not run.ready() or getattr(model, flag, False)):
        return done  # all were
    run.begin()
    while (limit is None or done < limit) and run.ready():
        size = every or (1 if one else run.chunk())
        if limit is not None:
            size = min(size, limit - done)
        first = done
        if singles:
            begin_hook(first)
        steps = 0
        while True:
            for check in checks:
                check.on_chunk_begin(stage, run)
            now = run.run(size - steps)
            for check in checks:
                now = check.check_chunk(stage, run, done + steps, now)
            steps += now
            if collect is not None:
                collect(run, done + steps)
            # A group of `every` steps is run whole: it may take the rest of the full batches, then the last
            # one.
            if every is None or steps >= size or not run.ready() or (checks and getattr(model, flag, False)):
                break
        done += steps
        if singles:
            logs = {"outputs": run.results()} if stage == "predict" else model.running_logs(run)
            end_hook(first + size - 1, logs)  # as in Keras, whose last group counts as a whole one
        elif listens:
            now = time.perf_counter()
            if now - shown >= CHUNK_SECONDS or stage == "predict" or run.left is not None:
                shown = now
                callbacks.on_chunk_end(stage, done - 1, {} if stage == "predict" else model.running_logs(run))
        if getattr(model, flag, False):
            break
    return done
