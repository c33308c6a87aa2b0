"""Write recurrent.json: what Keras on JAX gives for each run of recurrent_runs.py.

python tests/golden/make_recurrent.py
"""

import json
import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"

import keras
from recurrent_runs import RUNS


def _short(values):
    """Nine digits: a float32 exactly."""
    return [float(f"{v:.9g}") for v in values]


def main():
    found = {name: {key: _short(values) for key, values in run(keras).items()} for name, run in RUNS.items()}
    rows = ",\n".join(
        f"{json.dumps(name)}: {json.dumps(found[name], separators=(',', ':'))}" for name in sorted(found)
    )
    Path(__file__).with_name("recurrent.json").write_text("{\n" + rows + "\n}\n")


if __name__ == "__main__":
    main()
