"""What training prints: a line that updates itself on a terminal, one line an epoch elsewhere; Ctrl-C."""

import io
import os
import re
import signal
import sys
import threading
import time

import numpy as np
import pytest

import fastnn as keras


def model():
    made = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    made.compile("sgd", "mse", metrics=["mae"])
    return made


X, Y = np.ones((64, 3), "float32"), np.ones((64, 1), "float32")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def printed(monkeypatch, stream, **options):
    monkeypatch.setattr(sys, "stdout", stream)
    model().fit(X, Y, epochs=2, **options)
    return stream.getvalue()


@pytest.mark.parametrize("verbose", [1, "auto"])
def test_into_a_pipe_one_line_an_epoch(verbose, monkeypatch):
    text = printed(monkeypatch, io.StringIO(), verbose=verbose, validation_split=0.5)
    assert "\r" not in text and "\x1b" not in text and len(text.splitlines()) == 2
    assert re.match(
        r"Epoch 1/2 - 1/1 - \d+s - \S+/step - loss: \S+ - mae: \S+ - val_loss: \S+ - val_mae: \S+$",
        text.splitlines()[0],
    )


def test_on_a_terminal_one_line_in_place(monkeypatch):
    text = printed(monkeypatch, Terminal(), verbose=1)
    lines = text.split("\n")
    assert len(lines) == 5 and lines[0] == "Epoch 1/2" and lines[1].startswith("\r")
    assert "\x1b[1m2/2\x1b[0m" in lines[1] and "loss: " in lines[1]


def test_quiet_and_brief(monkeypatch):
    assert printed(monkeypatch, Terminal(), verbose=0) == ""
    text = printed(monkeypatch, Terminal(), verbose=2)
    assert text.startswith("Epoch 1/2\n2/2 - ") and len(text.splitlines()) == 4 and "\r" not in text


def test_evaluate_and_predict(monkeypatch):
    made, stream = model(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    made.evaluate(X, Y)
    made.predict(X)
    first, second = stream.getvalue().splitlines()
    assert (
        first.startswith("2/2 - ") and "mae" in first and second.startswith("2/2 - ") and "mae" not in second
    )


def test_interrupted_between_steps():
    """Ctrl-C stops a long epoch within a moment, and the model goes on as if nothing had been."""
    made = model()
    many = np.ones((3_000_000, 3), "float32"), np.ones((3_000_000, 1), "float32")
    made.fit(many[0][:320], many[1][:320], batch_size=1, verbose=0)
    before = made.optimizer.iterations.numpy()
    pressed = []

    def press():
        while made.optimizer.iterations.numpy() == before:  # until it is in the midst of steps
            time.sleep(0.05)
        pressed.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    class Impatient(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 0:
                threading.Thread(target=press).start()

    # a shell that starts the tests in the background has them ignore Ctrl-C
    before_the_test = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            made.fit(*many, batch_size=1, epochs=50, shuffle=False, verbose=0, callbacks=[Impatient()])
    finally:
        signal.signal(signal.SIGINT, before_the_test)
    assert time.monotonic() - pressed[0] < 5  # 50 ms on an idle machine
    steps = made.optimizer.iterations.numpy() - before
    assert 0 < steps < 150_000_000
    weights = made.get_weights()[0]
    assert np.isfinite(weights).all()
    made.fit(X, Y, verbose=0)
    assert made.evaluate(X, Y, verbose=0)[0] >= 0 and made.optimizer.iterations.numpy() == before + steps + 2
