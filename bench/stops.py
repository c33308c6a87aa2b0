"""What each stop costs on the data's way from `fit` to the kernels and back: python bench/stops.py

Prints the table of docs/architecture.md, measured on the smallest workload (784-2-10, batches of 10), where whatever is
not arithmetic shows.
"""

import statistics
import time

import numpy as np
import workloads

import fastnn


def _best(call, runs=50):
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def _middle(call, runs=300):
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main():
    model, x, y, batch = workloads.tiny_mlp(fastnn)
    start = time.perf_counter()
    model.fit(x[:batch], y[:batch], batch_size=batch, verbose=0)
    first = time.perf_counter() - start
    one_step = _best(lambda: model.fit(x[:batch], y[:batch], batch_size=batch, verbose=0))
    epoch = _best(lambda: model.fit(x, y, batch_size=batch, verbose=0), 20)
    steps = len(x) // batch
    rows = model.plan().profile(steps=steps)
    feed = sum(row["us"] for row in rows if row["name"].startswith("feed"))
    smallest = min(row["us"] for row in rows)
    row = x[:1]
    model.predict(row, verbose=0)
    model(row)
    a, b = fastnn.ops.convert_to_tensor(row), fastnn.ops.convert_to_tensor(row)
    stops = [
        ("the first fit: trace, passes, plan, one step", f"{first * 1e3:.1f} ms, once a signature"),
        ("fit with nothing to trace: checks, callbacks, History", f"{one_step * 1e6:.0f} us a call"),
        ("gather of a batch, 10 rows of 784 floats, by C", f"{feed:.1f} us a step"),
        ("an instruction: dispatch and clock, nothing to do", f"{smallest:.2f} us"),
        (f"all {len(rows)} instructions of a step", f"{sum(row['us'] for row in rows):.1f} us a step"),
        ("a whole step inside fit", f"{epoch / steps * 1e6:.1f} us"),
        ("train_on_batch", f"{_middle(lambda: model.train_on_batch(x[:batch], y[:batch])) * 1e6:.0f} us"),
        ("predict of one row", f"{_middle(lambda: model.predict(row, verbose=0)) * 1e6:.0f} us"),
        ("model(row)", f"{_middle(lambda: model(row)) * 1e6:.0f} us"),
        ("an eager op on tensors at hand", f"{_middle(lambda: fastnn.ops.add(a, b)) * 1e6:.1f} us"),
    ]
    width = max(len(what) for what, _ in stops)
    print(f"| {'stop':<{width}} | cost |\n|{'-' * (width + 2)}|---|")
    for what, cost in stops:
        print(f"| {what:<{width}} | {cost} |")
    assert np.isfinite(model.get_weights()[0]).all()


if __name__ == "__main__":
    main()
