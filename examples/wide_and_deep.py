"""Wide and deep, two inputs and two weighted outputs, as a functional model and as a subclass.

The wide input is where the ink of a digit lies (14 numbers), the deep one its pixels. The main output is whether the
digit is 5 or more; the auxiliary one, from the deep part alone, learns the same.
"""

import numpy as np

import fastnn as keras
from fastnn.layers import Concatenate, Dense, Input, concatenate


def load():
    """(wide, deep, labels) for training and for testing."""
    parts = []
    for x, y in keras.datasets.mnist_5k.load_data():
        rows = x.reshape(len(x), 7, 4, 28).mean((2, 3)) / 255.0
        cols = x.reshape(len(x), 28, 7, 4).mean((1, 3)) / 255.0
        parts.append(
            (
                np.concatenate([rows, cols], axis=1).astype("float32"),
                x.reshape(len(x), -1).astype("float32") / 255.0,
                (y >= 5).astype("float32"),
            )
        )
    return parts


def functional():
    wide, deep = Input((14,), name="wide"), Input((784,), name="deep")
    hidden = Dense(30, activation="relu")(deep)
    hidden = Dense(30, activation="relu")(hidden)
    main = Dense(1, activation="sigmoid", name="main")(concatenate([wide, hidden]))
    aux = Dense(1, activation="sigmoid", name="aux")(hidden)
    return keras.Model(inputs=[wide, deep], outputs=[main, aux])


class WideAndDeep(keras.Model):
    """The same as a subclass."""

    def __init__(self, units=30, activation="relu", **kwargs):
        super().__init__(**kwargs)
        self.hidden = [Dense(units, activation=activation) for _ in range(2)]
        self.join = Concatenate()
        self.main = Dense(1, activation="sigmoid")
        self.aux = Dense(1, activation="sigmoid")

    def call(self, inputs):
        wide, hidden = inputs
        for layer in self.hidden:
            hidden = layer(hidden)
        return self.main(self.join([wide, hidden])), self.aux(hidden)


(wide, deep, labels), (wide_test, deep_test, labels_test) = load()
for build in (functional, WideAndDeep):
    keras.utils.set_random_seed(1)
    model = build()
    model.compile(
        loss=["binary_crossentropy", "binary_crossentropy"],
        loss_weights=[0.9, 0.1],
        optimizer=keras.optimizers.Adam(1e-3),
        metrics=[["accuracy"], ["accuracy"]],
    )
    model.fit([wide, deep], [labels, labels], epochs=6, verbose=0, validation_split=0.1)
    results = model.evaluate([wide_test, deep_test], [labels_test, labels_test], verbose=0, return_dict=True)
    main, aux = model.predict([wide_test, deep_test], verbose=0)
    accuracy = np.mean((main[:, 0] > 0.5) == labels_test)
    print(f"{build.__name__}: {', '.join(f'{name} {value:.3f}' for name, value in results.items())}")
    print(f"test accuracy: {accuracy:.3f}")
