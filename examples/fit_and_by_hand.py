"""A convolutional network of 16 channels, trained by `fit`, and by a loop of one's own over `ops` and a tape."""

import numpy as np

import fastnn as keras
from fastnn import GradientTape, Variable, layers, ops

EPOCHS, BATCH = 6, 50
keras.utils.set_random_seed(1)
(x_train, y_train), (x_test, y_test) = keras.datasets.mnist_5k.load_data()
x_train, x_test = ((x[..., None] / 255.0).astype("float32") for x in (x_train, x_test))
y_train, y_test = y_train.astype("int32"), y_test.astype("int32")

model = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        layers.Conv2D(16, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(16, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(10),
    ]
)
model.compile(
    keras.optimizers.Adam(2e-3),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
start = model.get_weights()
model.fit(x_train, y_train, batch_size=BATCH, epochs=EPOCHS, verbose=0)
print(f"by fit, test accuracy: {model.evaluate(x_test, y_test, verbose=0)[1]:.3f}")

weights = [Variable(value, name=f"w{i}") for i, value in enumerate(start)]  # the same beginning
optimizer = keras.optimizers.Adam(2e-3)
optimizer.build(weights)


def network(x):
    k1, b1, k2, b2, k3, b3 = weights
    x = ops.max_pool(ops.relu(ops.conv(x, k1, padding="same") + b1), 2)
    x = ops.max_pool(ops.relu(ops.conv(x, k2, padding="same") + b2), 2)
    return ops.matmul(ops.reshape(x, (x.shape[0], -1)), k3) + b3


@keras.function
def step(x, y):
    with GradientTape(persistent=True) as tape:
        loss = ops.mean(ops.sparse_categorical_crossentropy(y, network(x), from_logits=True))
    optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
    return loss


for _ in range(EPOCHS):
    order = np.random.permutation(len(x_train))
    for first in range(0, len(order), BATCH):
        rows = order[first : first + BATCH]
        loss = step(x_train[rows], y_train[rows])
accuracy = np.mean(np.argmax(network(ops.convert_to_tensor(x_test)), axis=-1) == y_test)
print(f"by hand, test accuracy: {accuracy:.3f}")
