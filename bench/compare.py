"""Whole models, fastnn beside its peers in one run: python bench/compare.py [workload ...] [options]

Each system runs in a process of its own and trains an epoch when asked; the systems take turns (A B C A B C ...), with
equal threads. Systems that run the same Keras source are first checked to predict the same from the same weights.
Peers that are not installed are left out; --python NAME=PATH gives a system its own interpreter. `fastnn@1` is fastnn
on one thread. `fastnn-bf16`, which runs where it is asked for, is fastnn under the policy mixed_bfloat16, and says
where the CPU lacks the instructions: python bench/compare.py big_mlp vgg_block --systems fastnn,fastnn-bf16
A new workload is one function in workloads.py, and where it pays one branch in raw_*.py.
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
import workloads

HERE = Path(__file__).resolve().parent
SYSTEMS = [
    "fastnn",
    "fastnn@1",
    "keras-jax",
    "keras-tf",
    "keras-torch",
    "torch",
    "torch-compile",
    "jax",
    "sklearn",
]
WORKLOADS = [workload.__name__ for workload in workloads.ALL]


class Worker:
    """A system's process."""

    def __init__(self, system, workload, python, threads):
        system, _, given = system.partition("@")
        threads = int(given or threads)
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": str(threads),
            "FASTNN_NUM_THREADS": str(threads),
            "TF_NUM_INTRAOP_THREADS": str(threads),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "PYTHONPATH": os.pathsep.join([str(HERE.parent), str(HERE)]),
        }
        self.process = subprocess.Popen(
            [python, str(HERE / "worker.py"), system, workload],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
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
    for system, worker in workers.items():
        for note in worker.start["notes"]:
            print(f"  {system}: {note}", file=sys.stderr)
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


def best_peer(rows):
    """(system, median ms) of the fastest that is not fastnn; (None, nan) without peers."""
    times = {
        system: statistics.median(row["ms"])
        for system, row in rows.items()
        if not system.startswith("fastnn")
    }
    return min(times.items(), key=lambda pair: pair[1], default=(None, float("nan")))


def draw(results, path):
    """A bar for each system and workload, step time relative to fastnn's, to a PNG or SVG."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    systems = list(dict.fromkeys(system for rows in results.values() for system in rows))
    figure, pane = plt.subplots(figsize=(1.2 + 1.1 * len(results), 4.5))
    for s, system in enumerate(systems):
        for w, rows in enumerate(results.values()):
            if system in rows and "fastnn" in rows:
                height = statistics.median(rows[system]["ms"]) / statistics.median(rows["fastnn"]["ms"])
                pane.bar(
                    w + 0.85 * (s + 0.5) / len(systems),
                    height,
                    0.8 / len(systems),
                    color=f"C{s}",
                    label=system if w == 0 else None,
                )
    pane.set(
        yscale="log", ylabel="step time, relative to fastnn", xticks=[w + 0.42 for w in range(len(results))]
    )
    pane.set_xticklabels(results, rotation=30, ha="right")
    pane.axhline(1.0, color="black", linewidth=0.8)
    pane.legend(fontsize="small", ncols=3)
    figure.tight_layout()
    figure.savefig(path)


def _versions(pythons):
    code = (
        "import importlib.metadata as m, json; print(json.dumps({n: m.version(n) for n in ('numpy', 'torch', 'jax', "
        "'tensorflow-cpu', 'tensorflow', 'keras') if any(d.metadata['Name'] == n for d in m.distributions())}))"
    )
    found = {}
    for python in {sys.executable, *pythons.values()}:
        found.update(
            json.loads(subprocess.run([python, "-c", code], capture_output=True, text=True).stdout or "{}")
        )
    return found


def _cpu():
    try:
        return next(
            line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")
        )
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
    parser.add_argument("--chart", help="draw them here (.png or .svg; needs matplotlib)")
    args = parser.parse_args()
    pythons = dict(pair.split("=", 1) for pair in args.python)
    results = {}
    print(
        f"{'workload':<13}{'system':<15}{'ms/step':>10}{'low':>9}{'high':>9}{'x fastnn':>9}{'one row us':>12}"
        f"{'first s':>9}{'peak MB':>9}"
    )
    for workload in args.workloads:
        rows = results[workload] = measure(
            workload, args.systems.split(","), pythons, args.threads, args.rounds
        )
        ours = statistics.median(rows["fastnn"]["ms"]) if "fastnn" in rows else float("nan")
        for system, row in rows.items():
            middle = statistics.median(row["ms"])
            one = f"{row['one_row_s']['predict'] * 1e6:.0f}" if row["one_row_s"] else ""
            print(
                f"{workload:<13}{system:<15}{middle:>10.4f}{min(row['ms']):>9.4f}{max(row['ms']):>9.4f}"
                f"{middle / ours:>9.2f}{one:>12}{row['first_s']:>9.2f}{row['peak_mb']:>9.0f}",
                flush=True,
            )
        peer, time = best_peer(rows)
        if peer and "fastnn" in rows:
            print(f"{workload:<13}best peer: {peer}, {time / ours:.2f} times fastnn's step", flush=True)
    ratios = [
        best_peer(rows)[1] / statistics.median(rows["fastnn"]["ms"])
        for rows in results.values()
        if "fastnn" in rows and best_peer(rows)[0]
    ]
    if ratios:
        print(
            f"geometric mean over {len(ratios)} workloads: {statistics.geometric_mean(ratios):.2f} times the "
            f"speed of the best peer of each; least {min(ratios):.2f}"
        )
    if args.json:
        commit = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True
        )
        config = subprocess.run(
            [pythons.get("fastnn", sys.executable), "-m", "fastnn"],
            cwd=HERE.parent,
            capture_output=True,
            text=True,
        )
        about = {
            "cpu": _cpu(),
            "threads": args.threads,
            "commit": commit.stdout.strip(),
            "config": config.stdout,
            "versions": _versions(pythons),
        }
        Path(args.json).write_text(json.dumps({"about": about, "results": results}, indent=1))
    if args.chart:
        draw(results, args.chart)


if __name__ == "__main__":
    main()
