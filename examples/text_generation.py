"""Learn to write, character by character, from a text in this repository; then write some.

    python examples/text_generation.py [text file]

A GRU reads a piece of the text and says at each place which character comes next. To write, a second model
with the same weights keeps its state from call to call: each character that is drawn goes in next.
"""

import sys
from pathlib import Path

import numpy as np

import fastnn as keras
from fastnn import layers

LICENCE = Path(__file__).resolve().parents[1] / "LICENSE"


def network(characters, units, batch_size=None, length=None, stateful=False):
    return keras.Sequential(
        [
            keras.Input((length,), batch_size=batch_size, dtype="int32"),
            layers.Embedding(characters, 32),
            layers.GRU(units, return_sequences=True, stateful=stateful),
            layers.Dense(characters),
        ]
    )


def pieces(codes, length, every):
    """Pieces of `length` characters, and each one's next characters."""
    starts = range(0, len(codes) - length - 1, every)
    windows = np.stack([codes[start : start + length + 1] for start in starts])
    return windows[:, :-1], windows[:, 1:]


def write(writer, alphabet, start, count, temperature, rng):
    """`start` and `count` characters more, each drawn from what the network expects."""
    writer.reset_states()
    text = start
    logits = writer.predict(np.array([[alphabet.index(c) for c in start]]), verbose=0)[0, -1]
    for _ in range(count):
        chances = np.exp((logits - logits.max()) / temperature)
        code = rng.choice(len(alphabet), p=chances / chances.sum())
        text += alphabet[code]
        logits = writer.predict(np.array([[code]]), verbose=0)[0, -1]
    return text


def main(path=LICENCE, units=128, length=60, every=10, epochs=25, count=300):
    keras.utils.set_random_seed(1)
    text = Path(path).read_text(encoding="utf-8")
    alphabet = sorted(set(text))
    codes = np.array([alphabet.index(c) for c in text], "int32")
    x, y = pieces(codes, length, every)
    print(f"{len(text)} characters, {len(alphabet)} different ones, {len(x)} pieces of {length}")

    model = network(len(alphabet), units, length=length)
    model.compile(
        optimizer=keras.optimizers.Adam(5e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    history = model.fit(x, y, batch_size=64, epochs=epochs, verbose=2)

    writer = network(len(alphabet), units, batch_size=1, stateful=True)
    writer.set_weights(model.get_weights())
    start = text[:length].lstrip()[:20]
    written = write(writer, alphabet, start, count, temperature=0.5, rng=np.random.default_rng(0))
    print(written)
    return history.history, written


if __name__ == "__main__":
    main(*sys.argv[1:])
