"""Where a training step's time goes: each workload's plan, instruction by instruction, as Markdown.

    python bench/instructions.py [workload ...]

`of bound` is the time that arithmetic at the machine's peak, or memory at its full rate, would take, whichever is
longer, over the time taken; above 100% the memory was a cache, or Winograd's form saved arithmetic. What is below 60%
is named with the reason.
"""

import sys

import peak
import workloads

import fastnn

SHOWN = 0.01  # instructions below this share of a step are added up in one line
ENOUGH = 0.6  # of the bound; below it the table says why
SHORT_US = 5.0
# What keeps a kernel from its bound, by the beginning of its name; the first that fits.
REASONS = (
    ("feed_", "rows picked at random from an array larger than the caches: latency, not bandwidth"),
    ("gather_", "rows picked at random: latency, not bandwidth"),
    ("scatter_", "rows picked at random, each added to by one thread"),
    ("recurrent", "each step waits for the step before it, and its rows are few"),
    ("gemm_join", "the parts come from other cores' caches"),
    ("gemm", "few rows or columns: partly filled tiles, operands packed for little arithmetic"),
    ("attention", "products of a head's few columns, between exponentials"),
    ("chain", "exponentials and divisions count as single operations"),
    ("layer_norm", "three passes over rows that the bound counts once"),
    ("batch_norm", "three passes over rows that the bound counts once"),
    ("depthwise", "filters of single channels: loads, not multiplications"),
    ("conv_kernel", "sums over all pixels with few channels between loads"),
    ("conv", "few channels: short sums, partly filled tiles"),
    ("winograd", "transforms of tiles with few channels outweigh their products"),
    ("pool", "windows overlap: elements are compared more often than counted"),
    ("max_pool", "windows overlap: elements are compared more often than counted"),
    ("softmax", "exponentials count as single operations"),
)


def reason(row, threads):
    """Why an instruction, a row of Plan.profile(), stays below its bound."""
    if row["us"] < SHORT_US:
        return "short: starting it and its first cache misses take as long as its work"
    if row["threads"] < threads:
        return "too little to share: one core of those that the bound counts"
    return next((why for start, why in REASONS if row["name"].startswith(start)), "")


def table(name, flops, bytes_a_second, threads):
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
        "| instruction | op | output | times | us | share | of bound | below 60% because |",
        "|---|---|---|---:|---:|---:|---:|---|",
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
        why = "" if bound >= ENOUGH else reason(max(group, key=lambda row: row["us"]), threads)
        cells = [*what, len(group), f"{spent:,.1f}", f"{spent / total:.1%}", f"{bound:.0%}", why]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    lines += [f"| the rest | | | | {rest:,.1f} | {rest / total:.1%} | | |", ""]
    return "\n".join(lines)


def main():
    threads = fastnn.config.num_threads()
    flops, bytes_a_second = peak.gflops(threads), peak.gbytes(threads)
    print(f"{threads} threads; peak measured: {flops:.0f} GFLOP/s, {bytes_a_second:.0f} GB/s\n")
    for name in sys.argv[1:] or [workload.__name__ for workload in workloads.ALL]:
        print(table(name, flops, bytes_a_second, threads), flush=True)


if __name__ == "__main__":
    main()
