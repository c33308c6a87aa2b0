"""The progress bar: one line that updates itself on a terminal, one line a run elsewhere."""

import logging
import os
import sys
import time

import numpy as np

from ..engine import limits


class Progbar:
    """Shows how far a run of `target` steps has come, with running values.

    On a terminal or in a notebook one line is rewritten, at most every `interval` seconds. Into a file or a
    pipe, where rewriting cannot work, one line is written at the end.

    Args:
        target: the number of steps, None if it is not known.
        width: characters of the bar.
        verbose: 0 silent, 1 a bar, 2 a line at the end.
        interval: the least time between two updates, in seconds.
        stateful_metrics: names of values to show as they are; others are averaged over the steps.
        stateless_metrics: the other way round: names of values to average.
        unit_name: what a step is called.
        title: put before the bar, on a line of its own where the bar updates.
    Source: Keras 3 `utils.Progbar`.
    """

    def __init__(
        self,
        target,
        width=20,
        verbose=1,
        interval=0.05,
        stateful_metrics=None,
        stateless_metrics=None,
        unit_name="step",
        title=None,
    ):
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError("Progbar: give `stateful_metrics` or `stateless_metrics`, not both")
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.unit_name = unit_name
        self.title = title
        self._averages = (
            (lambda name: name in set(stateless_metrics))
            if stateless_metrics is not None
            else (lambda name: name not in set(stateful_metrics or ()))
        )
        self.live = verbose == 1 and limits.is_interactive_logging_enabled() and _rewrites(sys.stdout)
        self._values = {}  # name -> [sum, weight]
        self._seen = 0
        self._start = time.perf_counter()
        self._first_done = None  # when step 1 was done: it is slow and not counted in the estimate
        self._last_update = 0.0
        self._shown = 0
        if title and (self.live or verbose == 2):
            _write(title + "\n")

    def update(self, current, values=None, finalize=None):
        """Show that `current` steps are done; `values`: [(name, value)]; `finalize` ends the line."""
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        for name, value in values or ():
            if self._averages(name) and not finalize:
                steps = max(current - self._seen, 1)
                total = self._values.setdefault(name, [0.0, 0])
                total[0] += value * steps
                total[1] += steps
            else:
                self._values[name] = [value, 1]
        self._seen = current
        now = time.perf_counter()
        per_step = self._step_seconds(current, now)
        if self.live:
            if finalize or now - self._last_update >= self.interval:
                self._last_update = now
                self._rewrite(current, now, per_step, finalize)
        elif self.verbose and finalize:
            count = f"{current}/{self.target}" if self.target else f"{current}"
            parts = [
                count,
                f"{now - self._start:.0f}s",
                f"{_duration(per_step)}/{self.unit_name}",
                *self._metrics(),
            ]
            if self.title and self.verbose == 1:
                parts.insert(0, self.title)
            _write(" - ".join(parts) + "\n")

    def due(self):
        """Whether an update is worth while: some time has gone by since the last one, or the start."""
        return self.live and time.perf_counter() - max(self._last_update, self._start) >= self.interval

    def add(self, n, values=None):
        """`n` more steps are done."""
        self.update(self._seen + n, values)

    def _rewrite(self, current, now, per_step, finalize):
        if self.target:
            count = f"{current:>{len(str(self.target))}}/{self.target}"
            done = min(self.width, int(self.width * current / self.target))
            bar = f"\x1b[32m{'━' * done}\x1b[0m" if done else ""
            bar += f"\x1b[37m{'━' * (self.width - done)}\x1b[0m"
            head, length = f"\x1b[1m{count}\x1b[0m {bar}", len(count) + 1 + self.width
        else:
            head = f"{current:7d}/Unknown"
            length = len(head)
        if self.target and not finalize:
            clock = _clock(per_step * (self.target - current))
        else:
            clock = f"{now - self._start:.0f}s"
        tail = "".join(f" - {text}" for text in self._metrics())
        speed = f"{_duration(per_step)}/{self.unit_name}"
        length += 1 + len(clock) + 1 + len(speed) + len(tail)
        blanks = " " * max(0, self._shown - length)
        _write(f"\r{head} \x1b[1m{clock}\x1b[0m {speed}{tail}{blanks}" + ("\n" if finalize else ""))
        self._shown = length

    def _metrics(self):
        texts = []
        for name, (total, weight) in self._values.items():
            value = float(total if type(total) is float else np.mean(total)) / max(1, weight)
            texts.append(f"{name}: {value:.4f}" if abs(value) > 1e-3 else f"{name}: {value:.4e}")
        return texts

    def _step_seconds(self, current, now):
        if not current:
            return 0.0
        if self._first_done is None:
            self._first_done = (current, now)
            return (now - self._start) / current
        steps, since = self._first_done
        return (now - since) / (current - steps) if current > steps else (now - self._start) / current


def _rewrites(stream):
    """Whether a carriage return on `stream` goes back to the line's start: terminals and notebooks."""
    terminal = getattr(stream, "isatty", None)
    return bool(terminal and terminal()) or "ipykernel" in sys.modules or "PYCHARM_HOSTED" in os.environ


def _write(text):
    if not limits.is_interactive_logging_enabled():
        logging.getLogger("fastnn").info(text.rstrip("\n"))
        return
    sys.stdout.write(text)
    sys.stdout.flush()


def _clock(seconds):
    seconds = int(seconds)
    if seconds > 3600:
        return f"{seconds // 3600}:{seconds % 3600 // 60:02d}:{seconds % 60:02d}"
    if seconds > 60:
        return f"{seconds // 60}:{seconds % 60:02d}"
    return f"{seconds}s"


def _duration(seconds):
    if seconds >= 1 or seconds == 0:
        return f"{seconds:.0f}s"
    if seconds >= 1e-3:
        return f"{seconds * 1e3:.0f}ms"
    return f"{seconds * 1e6:.0f}us"
