"""Flatten, Dense(100), Dropout, Dense(10): the best epoch is kept on disk, and training ends when it gets no better."""

import os
import tempfile

import fastnn as keras
from fastnn import layers

keras.utils.set_random_seed(1)
(x_train, y_train), (x_test, y_test) = keras.datasets.mnist_5k.load_data()

model = keras.Sequential(
    [
        keras.Input((28, 28)),
        layers.Rescaling(1 / 255),
        layers.Flatten(),
        layers.Dense(100, activation="relu"),
        layers.Dropout(0.3),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])

with tempfile.TemporaryDirectory() as folder:
    best = os.path.join(folder, "best.keras")
    callbacks = [
        keras.callbacks.ModelCheckpoint(best, monitor="val_loss", save_best_only=True),
        keras.callbacks.ModelCheckpoint(
            os.path.join(folder, "epoch-{epoch:02d}-{val_loss:.3f}.weights.h5"), save_weights_only=True
        ),
        keras.callbacks.EarlyStopping(
            monitor="val_accuracy", patience=5, restore_best_weights=True, verbose=1
        ),
    ]
    history = model.fit(x_train, y_train, epochs=60, validation_split=0.2, verbose=2, callbacks=callbacks)
    loaded = keras.models.load_model(best)
    names = sorted(os.listdir(folder))

print(f"{len(history.epoch)} epochs, {len(names) - 1} files of weights, the first {names[1]}")
for name, one in (("restored", model), ("loaded", loaded)):
    print(
        f"{name}: test accuracy {one.evaluate(x_test, y_test, verbose=0, return_dict=True)['accuracy']:.3f}"
    )
print(f"test accuracy: {loaded.evaluate(x_test, y_test, verbose=0)[1]:.3f}")
