"""Forecast waves with a recurrent layer that remembers: the series is read a short window at a time.

    python examples/forecasting.py

Eight sensors each give a sum of two sines and some noise. Batch k holds the k-th window of all of them, and
the LSTM's state is kept from each batch to the next, so that it knows more than the window. Forecasts are fed
back.
"""

import numpy as np

import fastnn as keras
from fastnn import layers

SENSORS, WINDOW = 8, 20


def series(steps, rng):
    """(SENSORS, steps, 1)"""
    t = np.arange(steps)
    period, phase = rng.uniform(15, 40, (SENSORS, 1)), rng.uniform(0, 6, (SENSORS, 1))
    waves = np.sin(2 * np.pi * t / period + phase) + 0.5 * np.sin(2 * np.pi * t / (2.7 * period) + 2 * phase)
    return (waves + rng.normal(0, 0.02, waves.shape)).astype("float32")[..., None]


def windows(values):
    """Row block k holds window k of every sensor: (windows * SENSORS, WINDOW, 1)."""
    count = values.shape[1] // WINDOW
    return (
        values[:, : count * WINDOW].reshape(SENSORS, count, WINDOW, 1).swapaxes(0, 1).reshape(-1, WINDOW, 1)
    )


def main(steps=1000, epochs=30, units=32, ahead=15):
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(3)
    values = series(steps + WINDOW + ahead + 1, rng)
    model = keras.Sequential(
        [
            keras.Input((None, 1), batch_size=SENSORS),
            layers.LSTM(units, return_sequences=True, stateful=True),
            layers.Dense(1),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(5e-3), loss="mse")
    x, y = windows(values[:, :steps]), windows(values[:, 1 : steps + 1])
    losses = []
    for epoch in range(epochs):
        model.reset_states()  # each pass starts at the beginning of the series
        losses += model.fit(x, y, batch_size=SENSORS, epochs=1, shuffle=False, verbose=0).history["loss"]
        if epoch % 5 == 4:
            print(f"epoch {epoch + 1}: mean squared error {losses[-1]:.5f}")

    model.reset_states()
    seen = values[:, :steps]
    step = model.predict(seen, batch_size=SENSORS, verbose=0)[:, -1:]
    forecast = [step]
    for _ in range(ahead - 1):
        step = model.predict(step, batch_size=SENSORS, verbose=0)
        forecast.append(step)
    truth = values[:, steps : steps + ahead]
    error = float(np.sqrt(np.mean((np.concatenate(forecast, axis=1) - truth) ** 2)))
    still = float(np.sqrt(np.mean((seen[:, -1:] - truth) ** 2)))
    print(f"{ahead} steps ahead: error {error:.3f}; saying that nothing changes: {still:.3f}")
    return losses, error, still


if __name__ == "__main__":
    main()
