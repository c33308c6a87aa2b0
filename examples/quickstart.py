"""Train a small convolutional network on 4,000 real handwritten digits, test it on 1,000 others.

pip install '.[examples]' && python examples/quickstart.py
"""

import matplotlib

matplotlib.use("Agg")  # draws to a file; needs no screen
import matplotlib.pyplot as plt
import numpy as np

import fastnn as keras
from fastnn import layers

keras.utils.set_random_seed(1)
(x_train, y_train), (x_test, y_test) = keras.datasets.mnist_5k.load_data()
x_train = x_train[..., np.newaxis].astype("float32") / 255.0
x_test = x_test[..., np.newaxis].astype("float32") / 255.0

model = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(10, activation="softmax"),
    ]
)
model.summary()
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x_train, y_train, batch_size=32, epochs=10, validation_data=(x_test, y_test))

loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"test accuracy: {accuracy:.3f}")

model.save("quickstart.keras")
again = keras.models.load_model("quickstart.keras")
assert np.array_equal(again.predict(x_test, verbose=0), model.predict(x_test, verbose=0))

figure, panes = plt.subplots(1, 2, figsize=(9, 3.5))
for pane, name in zip(panes, ("loss", "accuracy"), strict=True):
    pane.plot(range(1, 11), history.history[name], label="training")
    pane.plot(range(1, 11), history.history["val_" + name], label="test")
    pane.set(xlabel="epoch", title=name)
    pane.legend()
figure.tight_layout()
figure.savefig("quickstart.png", dpi=120)
print("saved quickstart.keras and quickstart.png")
