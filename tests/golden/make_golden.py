"""Trains every case of golden_cases.py with the real Keras and writes the numbers that fastnn has to reach.

    KERAS_BACKEND=jax python tests/golden/make_golden.py [part of a name ...]

With parts of names, only cases with one of them in their name, and new ones, are trained again. golden.npy holds
all final weights in a row; golden.json, for each case, its losses, where its weights start and
their shapes, and the versions that made them.
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import golden_cases as cases  # noqa: E402


def known():
    """{name: (entry, weights)} of the files that stand there."""
    if not (HERE / "golden.json").exists():
        return {}
    stored, found = np.load(HERE / "golden.npy"), {}
    for name, entry in json.loads((HERE / "golden.json").read_text())["cases"].items():
        count = sum(int(np.prod(shape)) for shape in entry["shapes"])
        found[name] = entry, stored[entry["at"] : entry["at"] + count]
    return found


def train(name):
    keras.utils.clear_session()
    logs, weights = cases.run(keras, name)
    print(f"{name}: {logs['loss']}", flush=True)
    entry = {
        "logs": {key: [float(f"{v:.8g}") for v in values] for key, values in logs.items()},
        "shapes": [list(w.shape) for w in weights],
    }
    return entry, np.concatenate([w.ravel() for w in weights])


def main(parts):
    before = known() if parts else {}
    index, values, at = {}, [], 0
    for name in cases.CASES:
        if name not in before or any(part in name for part in parts):
            entry, weights = train(name)
        else:
            entry, weights = before[name]
        index[name] = {**entry, "at": at}
        values.append(weights)
        at += len(weights)
    made_by = {"keras": keras.__version__, "backend": keras.backend.backend(), "jax": jax.__version__}
    np.save(HERE / "golden.npy", np.concatenate(values).astype("float32"))
    rows = ",\n".join(f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in index.items())
    (HERE / "golden.json").write_text(f'{{"made_by": {json.dumps(made_by)}, "cases": {{\n{rows}\n}}}}\n')


if __name__ == "__main__":
    main(sys.argv[1:])
