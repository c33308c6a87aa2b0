"""Whole models, fastnn beside its peers in one run: python bench/compare.py [workload ...] [options]

Each system runs in a process of its own and trains an epoch when asked; the systems take turns (A B C A B C ...), with
equal threads. Systems that run the same Keras source are first checked to predict the same from the same weights.
Peers that are not installed are left out; --python NAME=PATH gives a system its own interpreter.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
SYSTEMS = ["fastnn", "keras-jax", "keras-tf", "keras-torch", "torch", "torch-compile", "jax"]
WORKLOADS = ["tiny_mlp", "fashion_mlp", "dropout_mlp", "wide_deep", "seed_cnn", "mnist_cnn", "resnet20", "vgg_block",
             "big_mlp"]


class Worker:
    """A system's process."""

    def __init__(self, system, workload, python, threads):
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "FASTNN_NUM_THREADS": str(threads),
                       "TF_NUM_INTRAOP_THREADS": str(threads), "TF_CPP_MIN_LOG_LEVEL": "3",
                       "PYTHONPATH": os.pathsep.join([str(HERE.parent), str(HERE)])}
        self.process = subprocess.Popen([python, str(HERE / "worker.py"), system, workload], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        self.start = self._answer()

    def _answer(self):
        while line := self.process.stdout.readline():
            if line[0] in "{[-0123456789n":  # peers may print greetings
                return json.loads(line)
        raise RuntimeError(self.process.stderr.read().strip().splitlines()[-1:])

    def ask(self, *words):
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def _agree(workers, workload):
    """Systems on the same source predict the same from fastnn's weights; a list of complaints."""
    complaints = []
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "weights.npz")
        want = workers["fastnn"].ask("predict", path) if "fastnn" in workers else None
        for system, worker in workers.items():
            if want is not None and system.startswith("keras"):
                got = worker.ask("predict", path)
                for g, w in zip(got, want):
                    if not np.allclose(g, w, rtol=1e-3, atol=1e-4):
                        complaints.append(f"{workload}: {system} predicts otherwise than fastnn")
    return complaints


def measure(workload, systems, pythons, threads, rounds):
    """{system: {"ms": [a step, one a round], ...}} for one workload."""
    workers, rows = {}, {}
    for system in systems:
        try:
            workers[system] = Worker(system, workload, pythons.get(system, sys.executable), threads)
        except (RuntimeError, OSError) as error:
            print(f"  {system}: left out ({error})", file=sys.stderr)
    for complaint in _agree(workers, workload):
        print(f"  {complaint}", file=sys.stderr)
    for system, worker in workers.items():
        rows[system] = {"ms": [], "first_s": worker.start["first"], "import_s": worker.start["import"]}
    for _ in range(rounds):
        for system, worker in workers.items():
            rows[system]["ms"].append(worker.ask("epoch") / worker.start["steps"] * 1e3)
    for system, worker in workers.items():
        rows[system]["one_row_s"] = worker.ask("one")
        rows[system]["peak_mb"] = worker.ask("memory")
        worker.close()
    return rows


def _versions(pythons):
    code = ("import importlib.metadata as m, json; print(json.dumps({n: m.version(n) for n in ('numpy', 'torch', 'jax', "
            "'tensorflow-cpu', 'tensorflow', 'keras') if any(d.metadata['Name'] == n for d in m.distributions())}))")
    found = {}
    for python in {sys.executable, *pythons.values()}:
        found.update(json.loads(subprocess.run([python, "-c", code], capture_output=True, text=True).stdout or "{}"))
    return found


def _cpu():
    try:
        return next(line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="*", default=WORKLOADS)
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--python", action="append", default=[], metavar="SYSTEM=PATH")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", help="write the results here")
    args = parser.parse_args()
    pythons = dict(pair.split("=", 1) for pair in args.python)
    results = {}
    print(f"{'workload':<13}{'system':<15}{'ms/step':>10}{'low':>9}{'high':>9}{'x fastnn':>9}{'one row us':>12}"
          f"{'first s':>9}{'peak MB':>9}")
    for workload in args.workloads:
        rows = results[workload] = measure(workload, args.systems.split(","), pythons, args.threads, args.rounds)
        ours = statistics.median(rows["fastnn"]["ms"]) if "fastnn" in rows else float("nan")
        for system, row in rows.items():
            middle = statistics.median(row["ms"])
            one = f"{row['one_row_s']['predict'] * 1e6:.0f}" if row["one_row_s"] else ""
            print(f"{workload:<13}{system:<15}{middle:>10.4f}{min(row['ms']):>9.4f}{max(row['ms']):>9.4f}"
                  f"{middle / ours:>9.2f}{one:>12}{row['first_s']:>9.2f}{row['peak_mb']:>9.0f}", flush=True)
    if args.json:
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True)
        about = {"cpu": _cpu(), "threads": args.threads, "commit": commit.stdout.strip(), "versions": _versions(pythons)}
        Path(args.json).write_text(json.dumps({"about": about, "results": results}, indent=1))


main()
