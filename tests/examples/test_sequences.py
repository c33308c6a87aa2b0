"""The examples with sequences, run short."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

import addition  # noqa: E402
import forecasting  # noqa: E402
import text_generation  # noqa: E402


def test_text_generation(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("she sells sea shells by the sea shore. " * 12)
    history, written = text_generation.main(text, units=32, length=20, every=3, epochs=40, count=30)
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert written.startswith("she sells sea shells") and len(written) == 50
    assert any(word in written[20:] for word in (" by ", " the ", " sea ", " shore"))


def test_addition():
    history, right = addition.main(count=600, epochs=4, units=24, shown=1)
    assert history["accuracy"][-1] > 1.3 * history["accuracy"][0]
    assert 0 <= right <= 1


def test_forecasting():
    losses, error, still = forecasting.main(steps=240, epochs=25, units=16, ahead=5)
    assert losses[-1] < 0.2 * losses[0]
    assert error < still
