"""Where a training step's time goes: each workload's plan, instruction by instruction, as Markdown.

    python bench/instructions.py [workload ...]

`of bound` is the time that arithmetic at the machine's peak, or memory at its full rate, would take, whichever is
longer, over the time taken; above 100% the memory was a cache, or Winograd's form saved arithmetic.
"""

import sys

import peak
import workloads

import fastnn

SHOWN = 0.01  # instructions below this share of a step are added up in one line


def table(name, flops, bytes_a_second):
    model, x, y, batch = getattr(workloads, name)(fastnn)
    model.fit(x, y, batch_size=batch, epochs=1, verbose=0)
    plan = model.plan()
    runs = [plan.profile(steps=20) for _ in range(3)]
    rows = [min(same, key=lambda row: row["us"]) for same in zip(*runs, strict=True)]
    total = sum(row["us"] for row in rows)
    alike = {}
    for row in rows:
        alike.setdefault((row["name"], row["op"], "x".join(map(str, row["shape"]))), []).append(row)
    lines = [
        f"### {name}: {total:,.1f} us a step, {len(rows)} instructions",
        "",
        "| instruction | op | output | times | us | share | of bound |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    rest = 0.0
    for what, group in sorted(alike.items(), key=lambda pair: -sum(row["us"] for row in pair[1])):
        spent = sum(row["us"] for row in group)
        if spent < SHOWN * total:
            rest += spent
            continue
        bound = (
            sum(row["us"] * max(row["gflops"] / flops, row["gbs"] / bytes_a_second) for row in group) / spent
        )
        lines.append(
            f"| {' | '.join(what)} | {len(group)} | {spent:,.1f} | {spent / total:.1%} | {bound:.0%} |"
        )
    lines += [f"| the rest | | | | {rest:,.1f} | {rest / total:.1%} | |", ""]
    return "\n".join(lines)


def main():
    threads = fastnn.config.num_threads()
    flops, bytes_a_second = peak.gflops(threads), peak.gbytes(threads)
    print(f"{threads} threads; peak measured: {flops:.0f} GFLOP/s, {bytes_a_second:.0f} GB/s\n")
    for name in sys.argv[1:] or [workload.__name__ for workload in workloads.ALL]:
        print(table(name, flops, bytes_a_second), flush=True)


if __name__ == "__main__":
    main()
