"""Steps of training as a trace that browsers show."""

import gzip
import json
import os
import socket
import time

from ..saving.atomic import atomic_file


class StepTrace:
    """Times steps and the instructions in them, for a file in Chrome's trace format.

    The file lies where TensorBoard's profiler looks for such files; chrome://tracing and ui.perfetto.dev open it too.
    Instructions stand one after the other, in the order in which a step runs them, each as long as it took; what
    NumPy does between them (and a step that runs eagerly) shows as the step alone.
    Source: Google, "Trace Event Format".
    """

    def __init__(self):
        self._begun = time.perf_counter()
        self._events = []
        self._plan = None

    def begin(self, model):
        """A step begins."""
        try:
            self._plan = model.plan("train")
        except ValueError:  # nothing is compiled: the step is timed as a whole
            self._plan = None
        if self._plan is not None:
            self._plan.start_clocks()
        self._start = time.perf_counter()

    def end(self, batch):
        """The step that began has ended; it was that of this batch."""
        seconds = time.perf_counter() - self._start
        at = (self._start - self._begun) * 1e6
        self._add("steps", f"train {batch}", at, seconds * 1e6, {"step_num": batch})
        for row in self._plan.stop_clocks(1, seconds) if self._plan is not None else ():
            if row["us"]:
                told = {key: row[key] for key in ("name", "threads")} | {"shape": str(row["shape"])}
                told |= {key: round(row[key], 3) for key in ("gflops", "gbs")}
                self._add("instructions", row["op"], at, row["us"], told)
                if row["name"] not in ("loop", "choice"):  # those hold what stands after them
                    at += row["us"]

    def _add(self, line, name, start, length, told):
        self._events.append(
            {"ph": "X", "pid": 1, "tid": _LINES[line], "name": name, "ts": start, "dur": length, "args": told}
        )

    def write(self, folder):
        """Write the trace into `plugins/profile/<time>` of a run's folder."""
        names = [{"ph": "M", "pid": 1, "name": "process_name", "args": {"name": "fastnn"}}] + [
            {"ph": "M", "pid": 1, "tid": number, "name": "thread_name", "args": {"name": line}}
            for line, number in _LINES.items()
        ]
        place = os.path.join(folder, "plugins", "profile", time.strftime("%Y_%m_%d_%H_%M_%S"))
        os.makedirs(place, exist_ok=True)
        text = json.dumps({"displayTimeUnit": "ns", "traceEvents": names + self._events})
        with atomic_file(os.path.join(place, f"{socket.gethostname()}.trace.json.gz")) as file:
            file.write(gzip.compress(text.encode()))


_LINES = {"steps": 1, "instructions": 2}
