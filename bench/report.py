"""Writes docs/benchmarks.md from what was measured:

python bench/compare.py --json results.json --chart docs/benchmarks.svg
python bench/instructions.py > instructions.md
pytest bench/ -s -q --benchmark-quiet > kernels.txt
python bench/report.py results.json instructions.md kernels.txt
"""

import json
import statistics
import sys
from pathlib import Path

from compare import best_peer
from tables import table, tables_in

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
TEMPLATE = """# Benchmarks

Whole models trained by `fit`, fastnn beside its peers: {cpu}, {threads} threads each, commit {commit}, {versions}.
Every system ran in a process of its own and trained an epoch in turn (A B C A B C ...); the numbers are medians of
{rounds} epochs, so ratios say more than milliseconds. Systems that run the same Keras source were first checked to
predict the same from the same weights. `fastnn@1` is fastnn on one thread.

![step time relative to fastnn](benchmarks.svg)

## Milliseconds a training step

{steps}

fastnn is {mean:.2f} times as fast as each workload's best peer in the geometric mean; the least ratio is {least:.2f}
({least_name}).{losses}

## One row, start and memory

Microseconds for `predict` of one row, for `model(row)` and for `train_on_batch`; seconds of import and to the end of
the first epoch; peak memory of the process.

{small}

## One thread and {threads}

{scaling}

## Where a step's time goes

`of bound`: the time that arithmetic at the measured peak, or memory at its measured rate, would take, whichever is
longer, over the time taken. Above 100% the data came from a cache, or Winograd's form saved arithmetic.

{instructions}
## Kernels and layers beside their peers

GFLOP/s, counted as direct arithmetic, or milliseconds; best of the rounds of each, in turn in one process.

{kernels}
## Reproduce

    pip install -e '.[examples]' tensorflow-cpu jax torch scikit-learn   # whichever you want beside it
    python bench/compare.py --json results.json --chart docs/benchmarks.svg
    python bench/instructions.py > instructions.md
    pytest bench/ -s -q --benchmark-quiet > kernels.txt
    python bench/report.py results.json instructions.md kernels.txt

`--systems fastnn,fastnn-bf16` compares the policy mixed_bfloat16 with float32, and says where the CPU has no
instructions for it. `--python keras-tf=/path/to/python` lets a peer live in an environment of its own. A workload
is one function in `bench/workloads.py`; written by hand it is one branch in `bench/raw_torch.py`, `raw_jax.py` or
`raw_sklearn.py`.
"""


def _number(value, digits=3):
    return "" if value is None else f"{value:.{digits}g}" if value < 100 else f"{value:,.0f}"


def _steps(results, systems):
    rows = []
    for name, found in results.items():
        middle = {system: statistics.median(found[system]["ms"]) for system in found}
        peer, time = best_peer(found)
        cells = [
            ("**" + _number(middle[s]) + "**" if s in ("fastnn", peer) else _number(middle[s]))
            if s in middle
            else ""
            for s in systems
        ]
        rows.append([name, *cells, f"{time / middle['fastnn']:.2f}" if peer else ""])
    return table(["workload", *systems, "best peer / fastnn"], rows)


def _small(results):
    rows = []
    for name, found in results.items():
        for system, row in found.items():
            one = row["one_row_s"] or {}
            micro = [
                _number(one[key] * 1e6) if key in one else "" for key in ("predict", "call", "train_on_batch")
            ]
            rows.append(
                [
                    f"{name}, {system}",
                    *micro,
                    _number(row["import_s"]),
                    _number(row["first_s"]),
                    _number(row["peak_mb"]),
                ]
            )
    return table(
        ["", "predict us", "model(row) us", "train_on_batch us", "import s", "first epoch s", "peak MB"], rows
    )


def _scaling(results):
    rows = []
    for name, found in results.items():
        if "fastnn@1" in found:
            one, many = (statistics.median(found[system]["ms"]) for system in ("fastnn@1", "fastnn"))
            rows.append([name, _number(one), _number(many), f"{one / many:.2f}"])
    return (
        table(["workload", "one thread, ms", "all, ms", "times as fast"], rows) if rows else "Not measured."
    )


def main():
    measured = json.loads(Path(sys.argv[1]).read_text())
    about, results = measured["about"], measured["results"]
    systems = list(dict.fromkeys(system for found in results.values() for system in found))
    ratios = {
        name: best_peer(found)[1] / statistics.median(found["fastnn"]["ms"])
        for name, found in results.items()
        if best_peer(found)[0]
    }
    least = min(ratios, key=ratios.get)
    slower = [name for name, ratio in ratios.items() if ratio < 1.0]
    instructions, kernels = ("".join(Path(at).read_text() for at in sys.argv[i : i + 1]) for i in (2, 3))
    rounds = len(next(iter(next(iter(results.values())).values()))["ms"])
    versions = ", ".join(f"{name} {version}" for name, version in sorted(about["versions"].items()))
    PAGE.write_text(
        TEMPLATE.format(
            cpu=about["cpu"],
            threads=about["threads"],
            commit=about["commit"],
            versions=versions,
            rounds=rounds,
            steps=_steps(results, systems),
            mean=statistics.geometric_mean(ratios.values()),
            least=ratios[least],
            least_name=least,
            losses=f" It loses on {', '.join(slower)}." if slower else "",
            small=_small(results),
            scaling=_scaling(results),
            instructions=instructions or "Not measured.\n",
            kernels=tables_in(kernels) if kernels else "Not measured.\n",
        )
    )


if __name__ == "__main__":
    main()
