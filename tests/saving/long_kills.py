"""A training run with checkpoints and backups, killed (kill -9) at random instants and begun again until it
ends.

At each kill the files are whole: the checkpoint loads, and no half-written file is tripped over. Each run
ends with the bits of one that was never killed.

    pytest tests/saving/long_kills.py
"""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import fastnn
from fastnn import callbacks, layers

KILLS = int(os.environ.get("KILLS", "300"))


def train(folder):
    """The program that is killed: it may be started any number of times. Writes a digest of the weights at
    its end."""
    fastnn.utils.set_random_seed(11)
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((640, 20)).astype("float32"), rng.integers(0, 3, 640).astype("int32")
    model = fastnn.Sequential(
        [fastnn.Input((20,)), layers.Dense(64, activation="relu"), layers.Dropout(0.3), layers.Dense(3)]
    )
    model.compile(
        "adam", loss=fastnn.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
    )
    model.fit(
        x,
        y,
        batch_size=16,
        epochs=6,
        verbose=0,
        validation_split=0.1,
        callbacks=[
            callbacks.BackupAndRestore(f"{folder}/backup", save_freq=5, delete_checkpoint=False),
            callbacks.ModelCheckpoint(f"{folder}/best.keras", monitor="val_loss", save_best_only=True),
            callbacks.ModelCheckpoint(f"{folder}/last.weights.h5", save_weights_only=True, save_freq=7),
            callbacks.EarlyStopping(monitor="val_loss", patience=4),
        ],
    )
    digest = hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest()
    Path(folder, "digest").write_text(digest)


def start(folder):
    return subprocess.Popen(
        [sys.executable, "-c", f"import long_kills; long_kills.train({str(folder)!r})"],
        cwd=Path(__file__).parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def check_files(folder):
    for path in folder.rglob("*.keras"):
        if not path.name.startswith("."):
            fastnn.models.load_model(path)
    for path in folder.rglob("*.weights.h5"):
        if not path.name.startswith("."):
            fastnn.models.load_model(folder / "best.keras").load_weights(path)


@pytest.mark.filterwarnings("ignore")
def test_kills(tmp_path):
    whole = tmp_path / "whole"
    whole.mkdir()
    begun = time.monotonic()
    assert start(whole).wait() == 0
    seconds = time.monotonic() - begun
    want = (whole / "digest").read_text()
    draw, kills, runs = random.Random(5), 0, 0
    while kills < KILLS:
        folder = tmp_path / f"run{runs}"
        folder.mkdir()
        runs += 1
        while True:
            child = start(folder)
            try:
                assert child.wait(draw.uniform(0.4 * seconds, 1.1 * seconds)) == 0
                break
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
                child.wait()
                kills += 1
                if (folder / "best.keras").exists():
                    check_files(folder)
        assert (folder / "digest").read_text() == want, f"run {runs - 1} ended with other bits"
    print(f"{kills} kills of {runs} runs")
