"""A 784-2-10 network on real digits with one-hot labels, and the curves of its training.

pip install '.[examples]' && python examples/history_plots.py
"""

import matplotlib

matplotlib.use("Agg")  # draws to a file; needs no screen
import matplotlib.pyplot as plt

import fastnn as keras
from fastnn.layers import Dense
from fastnn.models import Sequential
from fastnn.utils import to_categorical

keras.utils.set_random_seed(1)
(x_train, y_train), (x_test, y_test) = keras.datasets.mnist_5k.load_data()
x_train = x_train.reshape(-1, 784) / 255.0
x_test = x_test.reshape(-1, 784) / 255.0
y_train, y_test = to_categorical(y_train, 10), to_categorical(y_test, 10)

model = Sequential()
model.add(Dense(2, activation="sigmoid", input_shape=(784,)))
model.add(Dense(10, activation="softmax"))
model.compile(optimizer=keras.optimizers.Adam(0.01), loss="categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x_train, y_train, epochs=30, batch_size=32, verbose=2, validation_data=(x_test, y_test))

for name in ("accuracy", "loss"):
    plt.figure()
    plt.plot(history.epoch, history.history[name], label="training")
    plt.plot(history.epoch, history.history["val_" + name], label="test")
    plt.xlabel("epoch")
    plt.ylabel(name)
    plt.legend()
    plt.savefig(f"history_{name}.png")
print(f"test accuracy: {model.evaluate(x_test, y_test, verbose=0)[1]:.3f}")
