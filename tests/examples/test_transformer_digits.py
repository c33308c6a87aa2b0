"""The transformer example learns, in a short run of it."""

import importlib.util
from pathlib import Path

PATH = Path(__file__).parents[2] / "examples" / "transformer_digits.py"


def test_a_short_run_learns(capsys):
    spec = importlib.util.spec_from_file_location("transformer_digits", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    accuracy = module.main(epochs=2, rows=2000, verbose=0)
    assert accuracy > 0.5  # chance is 0.1
    assert capsys.readouterr().out == f"test accuracy: {accuracy:.3f}\n"
