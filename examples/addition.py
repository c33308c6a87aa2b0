"""Learn to add from examples of sums, written out: "48+129" goes in character by character, "177" comes out.

    python examples/addition.py

One LSTM reads the question; the state it ends in starts another, which writes the answer. While it learns,
the writer is shown the right answer, one character behind; on its own it is fed what it wrote.
"""

import numpy as np

import fastnn as keras
from fastnn import layers

DIGITS = 2  # of each number; with 3, make more questions and epochs
ALPHABET = "0123456789+ ="  # "=" starts an answer
QUESTION, ANSWER = 2 * DIGITS + 1, DIGITS + 1


def encode(texts, length):
    return np.array([[ALPHABET.index(c) for c in text.ljust(length)] for text in texts], "int32")


def questions(count, rng):
    """Different sums: (questions, answers)."""
    pairs = rng.permutation(10 ** (2 * DIGITS))[:count]
    a, b = pairs // 10**DIGITS, pairs % 10**DIGITS
    return [f"{i}+{j}" for i, j in zip(a, b, strict=False)], [str(i + j) for i, j in zip(a, b, strict=False)]


def network(units):
    question, answer = keras.Input((QUESTION,), dtype="int32"), keras.Input((ANSWER,), dtype="int32")
    embed = layers.Embedding(len(ALPHABET), 16)
    _, *state = layers.LSTM(units, return_state=True)(embed(question))
    hidden = layers.LSTM(units, return_sequences=True)(embed(answer), initial_state=state)
    return keras.Model([question, answer], layers.Dense(len(ALPHABET), activation="softmax")(hidden))


def behind(answers):
    """The answers one character later, "=" first."""
    return np.concatenate([np.full((len(answers), 1), ALPHABET.index("="), "int32"), answers[:, :-1]], axis=1)


def solve(model, x):
    """Answers, written one character after the other, the likeliest each time."""
    written = np.full((len(x), ANSWER), ALPHABET.index(" "), "int32")
    for at in range(ANSWER):
        chances = model.predict([x, behind(written)], batch_size=500, verbose=0)
        written[:, at] = chances[:, at].argmax(-1)
    return written


def main(count=7000, epochs=40, units=128, shown=6):
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(1)
    asked, answered = questions(count, rng)
    x, y = encode(asked, QUESTION), encode(answered, ANSWER)
    held = count // 10
    model = network(units)
    model.compile(
        optimizer=keras.optimizers.Adam(4e-3), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    history = model.fit([x[held:], behind(y[held:])], y[held:], batch_size=64, epochs=epochs, verbose=2)
    solved = solve(model, x[:held])
    right = float((solved == y[:held]).all(1).mean())
    for i in range(min(shown, held)):
        print(
            asked[i],
            "=",
            "".join(ALPHABET[c] for c in solved[i]),
            "" if (solved[i] == y[i]).all() else "(wrong)",
        )
    print(f"sums it never saw, right: {right:.3f}")
    return history.history, right


if __name__ == "__main__":
    main()
