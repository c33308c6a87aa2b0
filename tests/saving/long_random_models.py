"""Models drawn at random, in files between fastnn and Keras, and five training steps beside Keras on JAX.

Not among the tests that `pytest` runs by itself; MODELS is how many seeds (300) and FIRST the first of them (0):

    pytest tests/saving/long_random_models.py
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from random_models import build, data_for, disturb
from test_random_models import check_files, flat

import fastnn

FIRST, MODELS = int(os.environ.get("FIRST", 0)), int(os.environ.get("MODELS", 300))
BATCH = 10  # seeds a process of Keras on JAX
STEPS = 5

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),  # of Keras finding shapes
    pytest.mark.filterwarnings("ignore:.*(does not know masks|with a mask attached):UserWarning"),
]


@pytest.mark.parametrize("seed", range(FIRST, FIRST + MODELS))
def test_files_of_a_random_model(seed, tmp_path):
    check_files(seed, tmp_path)


def trained(k, model, seed):
    """The losses of five steps, and the outputs after them."""
    model.compile(
        optimizer=k.optimizers.SGD(0.01, momentum=0.9)
        if seed % 2
        else k.optimizers.Adam(0.003, epsilon=1e-2),  # where gradients are only noise, steps stay small
        loss="mse",
    )
    x = data_for(model, seed)
    rng = np.random.default_rng(seed)
    outputs = model.output if isinstance(model.output, (dict, list)) else [model.output]
    draw = [rng.standard_normal((4, *t.shape[1:])).astype("float32") for t in flat(outputs)]
    if isinstance(outputs, dict):
        draw = dict(zip(sorted(outputs), draw, strict=True))
    losses = [float(model.train_on_batch(x, draw, return_dict=True)["loss"]) for _ in range(STEPS)]
    return [np.array(losses), *[np.asarray(y) for y in flat(model.predict(x, verbose=0))]]


def beyond_keras(model):
    """Whether Keras on JAX cannot run it: the attention there wants values that are as wide as keys."""
    return any(
        beyond_keras(layer)
        if hasattr(layer, "layers")
        else isinstance(layer, fastnn.layers.MultiHeadAttention)
        and layer.get_config()["value_dim"] != layer.get_config()["key_dim"]
        for layer in model.layers
    )


def main(folder):
    """Keras's part: load what fastnn saved, and train."""
    import keras

    for path in sorted(Path(folder).glob("*.keras")):
        model = keras.models.load_model(path, compile=False)
        np.savez(path.with_suffix(".npz"), *trained(keras, model, int(path.stem)))


@pytest.mark.parametrize("first", range(FIRST, FIRST + MODELS, BATCH))
def test_random_models_learn_alike(first, tmp_path):
    seeds = range(first, min(first + BATCH, FIRST + MODELS))
    models = {}
    for seed in seeds:
        model = build(fastnn, seed)
        if not beyond_keras(model):
            disturb(model, seed)
            model.save(tmp_path / f"{seed}.keras")
            models[seed] = model
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"import long_random_models as m; m.main({str(tmp_path)!r})"],
        env={**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    wrong = []
    for seed, model in models.items():
        theirs = np.load(tmp_path / f"{seed}.npz")
        for i, (key, got) in enumerate(zip(theirs.files, trained(fastnn, model, seed), strict=True)):
            apart = np.abs(got - theirs[key]).max() / (1 + np.abs(theirs[key]).max())
            if not apart <= 1e-4:
                wrong.append((seed, "losses" if i == 0 else f"output {i}", float(apart)))
    assert not wrong
