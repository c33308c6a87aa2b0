"""Vocabularies that fastnn saves, loaded by Keras, whose layers for them need TensorFlow."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import fastnn

SAVING = Path(__file__).parents[1] / "saving"
sys.path.insert(0, str(SAVING))
import with_words  # noqa: E402


@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="needs tensorflow")
def test_keras_reads_the_vocabularies(tmp_path):
    model = with_words.made(fastnn)
    model.save(tmp_path / "m.keras")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(SAVING / "with_words.py"), str(tmp_path / "m.keras")],
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == with_words.asked(model)
