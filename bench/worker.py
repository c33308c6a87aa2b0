"""One system on one workload, on request: python worker.py SYSTEM WORKLOAD, then lines on standard input.

Answers each line with one line of JSON. `epoch`: train one; seconds and steps. `one`: median seconds of predict on a
row, of model(row) and of train_on_batch. `predict FILE`: set the weights in FILE (.npz), or write them there if it is
missing; the first rows' predictions. `memory`: peak MB so far.
"""

import importlib
import json
import os
import resource
import statistics
import sys
import time
import warnings

import numpy as np

BY_HAND = {"torch": "raw_torch", "torch-compile": "raw_torch", "jax": "raw_jax", "sklearn": "raw_sklearn"}
KERAS = {"keras-tf": "tensorflow", "keras-jax": "jax", "keras-torch": "torch"}


def _median_seconds(call, runs=200, budget=2.0):
    call()
    times = []
    began = time.perf_counter()
    while len(times) < runs and time.perf_counter() - began < budget:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _first(outputs):
    return outputs[0] if isinstance(outputs, (list, tuple)) else outputs


class KerasLike:
    """A workload of workloads.py on any module with Keras's surface. `fastnn-bf16`: under mixed_bfloat16."""

    def __init__(self, system, name):
        start = time.perf_counter()
        if system in KERAS:
            os.environ["KERAS_BACKEND"] = KERAS[system]
        keras = importlib.import_module("fastnn" if system.startswith("fastnn") else "keras")
        self.import_seconds = time.perf_counter() - start
        with warnings.catch_warnings(record=True) as caught:
            if system == "fastnn-bf16":
                keras.config.set_dtype_policy("mixed_bfloat16")
        self.notes = [str(warning.message) for warning in caught]
        workloads = importlib.import_module("workloads")
        self.model, self.x, self.y, self.batch = getattr(workloads, name)(keras)
        rows = len(self.x[0]) if isinstance(self.x, list) else len(self.x)
        self.steps = rows // self.batch

    def epoch(self):
        self.model.fit(self.x, self.y, batch_size=self.batch, epochs=1, verbose=0)

    def _rows(self, data, count):
        return [part[:count] for part in data] if isinstance(data, list) else data[:count]

    def one(self):
        row, x, y = self._rows(self.x, 1), self._rows(self.x, self.batch), self._rows(self.y, self.batch)
        return {
            "predict": _median_seconds(lambda: self.model.predict(row, verbose=0)),
            "call": _median_seconds(lambda: np.asarray(_first(self.model(row)))),
            "train_on_batch": _median_seconds(lambda: self.model.train_on_batch(x, y)),
        }

    def predict(self, path):
        if os.path.exists(path):
            with np.load(path) as saved:
                self.model.set_weights([saved[key] for key in saved.files])
        else:
            np.savez(path, *self.model.get_weights())
        result = self.model.predict(self._rows(self.x, 16), verbose=0)
        return [np.asarray(part).tolist() for part in (result if isinstance(result, list) else [result])]


class ByHand:
    """A workload of raw_torch.py, raw_jax.py or raw_sklearn.py."""

    def __init__(self, system, name):
        start = time.perf_counter()
        self.notes = []
        module = importlib.import_module(BY_HAND[system])
        self.import_seconds = time.perf_counter() - start
        self.epoch, self.steps = module.epoch(name, system == "torch-compile")


def main():
    system, name = sys.argv[1:]
    start = time.perf_counter()
    work = (ByHand if system in BY_HAND else KerasLike)(system, name)
    work.epoch()
    first = time.perf_counter() - start
    answer = {"first": first, "import": work.import_seconds, "steps": work.steps, "notes": work.notes}
    while True:
        print(json.dumps(answer), flush=True)
        words = sys.stdin.readline().split()
        if not words:
            return
        if words[0] == "epoch":
            start = time.perf_counter()
            work.epoch()
            answer = time.perf_counter() - start
        elif words[0] == "memory":
            answer = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        else:
            answer = getattr(work, words[0])(*words[1:]) if hasattr(work, words[0]) else None


main()
