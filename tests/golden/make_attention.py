"""Trains the cases of attention_cases.py with the real Keras and writes attention.npz: losses and final
weights.

    KERAS_BACKEND=jax python tests/golden/make_attention.py [names of cases to make anew, beside missing ones]
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras  # noqa: E402
import numpy as np  # noqa: E402

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import golden_cases  # noqa: E402
from attention_cases import CASES  # noqa: E402


def main():
    path = HERE / "attention.npz"
    stored = dict(np.load(path)) if path.exists() else {}
    stored = {key: value for key, value in stored.items() if key.split("/")[0] in CASES}
    for name in CASES:
        if f"{name}/loss" in stored and name not in sys.argv[1:]:
            continue
        keras.utils.clear_session()
        logs, weights = golden_cases.run(keras, name, CASES)
        print(f"{name}: {logs['loss']}", flush=True)
        stored[f"{name}/loss"] = np.array(logs["loss"])
        stored[f"{name}/weights"] = np.concatenate([w.ravel() for w in weights]).astype("float32")
        np.savez_compressed(path, **stored)


if __name__ == "__main__":
    main()
