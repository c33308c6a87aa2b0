"""An image and a time series through Conv2D and Conv1D to two outputs: from lists, from dicts, from data sets of dicts.

The series of a digit is ten bits of noise whose mean tells whether the digit is even, steps of shape (10,).
"""

import numpy as np

import fastnn as keras
from fastnn import layers
from fastnn.data import Dataset


def load():
    rng = np.random.default_rng(0)
    parts = []
    for x, y in keras.datasets.mnist_5k.load_data():
        series = rng.normal((y % 2 == 0)[:, None, None], 1.0, (len(y), 20, 10)).astype("float32")
        parts.append(
            (
                {"image": x[..., None].astype("float32") / 255.0, "series": series},
                {"digit": y, "even": (y % 2 == 0).astype("float32")[:, None]},
            )
        )
    return parts


def build():
    image, series = keras.Input((28, 28, 1), name="image"), keras.Input((None, 10), name="series")
    x1 = layers.Conv2D(8, 3, strides=2, activation="relu")(image)
    x1 = layers.Flatten()(layers.Conv2D(16, 3, strides=2, activation="relu")(x1))
    x2 = layers.GlobalMaxPooling1D()(layers.Conv1D(8, 3, activation="relu")(series))
    x = layers.concatenate([x1, x2])
    model = keras.Model([image, series], [layers.Dense(10, name="digit")(x), layers.Dense(1, name="even")(x)])
    model.compile(
        "adam",
        loss={
            "digit": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            "even": keras.losses.BinaryCrossentropy(from_logits=True),
        },
        loss_weights={"digit": 1.0, "even": 0.5},
        metrics={"digit": ["accuracy"]},
    )
    return model


(x, y), (x_test, y_test) = load()
as_lists = [x["image"], x["series"]], [y["digit"], y["even"]]
ways = {
    "lists": lambda model: model.fit(*as_lists, epochs=3, verbose=0),
    "dicts": lambda model: model.fit(x, y, epochs=3, verbose=0),
    "data set": lambda model: model.fit(
        Dataset.from_tensor_slices((x, y)).shuffle(4000).batch(32), epochs=3, verbose=0
    ),
}
for name, fit in ways.items():
    keras.utils.set_random_seed(1)
    model = build()
    fit(model)
    results = model.evaluate(x_test, y_test, verbose=0, return_dict=True)
    print(f"{name}: {', '.join(f'{key} {value:.3f}' for key, value in results.items())}")
    print(f"test accuracy: {results['digit_accuracy']:.3f}")
