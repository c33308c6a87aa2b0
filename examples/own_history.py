"""A history callback of one's own over many calls of `fit`, one epoch each, with work of one's own in between."""

import fastnn as keras


class OwnHistory(keras.callbacks.Callback):
    """Keeps the loss of every batch and the logs of every epoch, over all calls of `fit`."""

    def __init__(self):
        super().__init__()
        self.batch_losses, self.epochs = [], []

    def on_train_batch_end(self, batch, logs=None):
        self.batch_losses.append(logs["loss"])

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(dict(logs))


keras.utils.set_random_seed(1)
(x_train, y_train), (x_test, y_test) = keras.datasets.mnist_5k.load_data()
x_train, x_test = x_train.reshape(-1, 784) / 255.0, x_test.reshape(-1, 784) / 255.0

model = keras.Sequential(
    [
        keras.Input((784,)),
        keras.layers.Dense(32, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
own = OwnHistory()
for turn in range(20):
    model.fit(x_train, y_train, epochs=1, verbose=0, validation_data=(x_test, y_test), callbacks=[own])
    if turn % 5 == 4:
        print(
            f"after {turn + 1} epochs: loss {own.epochs[-1]['loss']:.4f}, "
            f"test accuracy {own.epochs[-1]['val_accuracy']:.3f}"
        )
assert len(own.epochs) == 20 and len(own.batch_losses) == 20 * 125
print(f"test accuracy: {own.epochs[-1]['val_accuracy']:.3f}")
