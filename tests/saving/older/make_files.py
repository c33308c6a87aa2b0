"""Make the files of this folder with a Keras before 3:

    python -m venv keras2 && keras2/bin/pip install tensorflow-cpu==2.15.1 && keras2/bin/python make_files.py

NAME.h5, NAME.keras: a model after three steps of training. two_ends.weights.h5 and two_ends.legacy.h5: its
    weights alone,
in both layouts. NAME.npz: x (x_0, x_1, ... for several), y, the model's outputs, and its outputs after three
    steps more.
"""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf
from tensorflow import keras

layers = keras.layers
HERE = os.path.dirname(os.path.abspath(__file__))
legacy = keras.optimizers.legacy


def convolutions():
    model = keras.Sequential(
        [
            layers.Conv2D(3, 3, padding="same", input_shape=(7, 6, 2), kernel_initializer="he_normal"),
            layers.BatchNormalization(),
            layers.LeakyReLU(alpha=0.2),
            layers.DepthwiseConv2D(3, depth_multiplier=2),
            layers.SeparableConv2D(4, 2, activation="relu"),
            layers.MaxPooling2D(2),
            layers.SpatialDropout2D(0.0),
            layers.Flatten(),
            layers.Dense(3, activation="softmax", kernel_regularizer="l2"),
        ]
    )
    model.compile(legacy.Adam(0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, [(7, 6, 2)], [3]


def two_ends():
    words = keras.Input((5,), dtype="int32", name="words")
    numbers = keras.Input((4,), name="numbers")
    inner = keras.Sequential([layers.Dense(4, activation="tanh", input_shape=(4,))], name="inner")
    start = keras.Input((4,))
    block = keras.Model(start, layers.Add()([inner(start), start]), name="block")
    x = layers.Embedding(9, 4, input_length=5, mask_zero=True)(words)
    x = layers.LSTM(4)(x)
    joined = layers.Concatenate()([x, block(block(numbers))])
    number = layers.Dense(1, name="number")(joined)
    kind = layers.Dense(3, name="kind")(layers.Dropout(0.0)(joined))
    model = keras.Model([words, numbers], [number, kind])
    model.compile(
        keras.optimizers.RMSprop(0.01, momentum=0.5),
        loss=["mse", keras.losses.SparseCategoricalCrossentropy(from_logits=True)],
        loss_weights=[0.5, 2.0],
        metrics=[["mae"], [keras.metrics.SparseCategoricalAccuracy(name="hits")]],
    )
    return model, ["words", (4,)], [0, 3]


def recurrent():
    model = keras.Sequential(
        [
            layers.Input((6, 3)),
            layers.Bidirectional(layers.GRU(3, return_sequences=True)),
            layers.TimeDistributed(layers.Dense(2)),
            layers.LayerNormalization(),
            layers.SimpleRNN(3),
            layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(0.02, amsgrad=True), loss="mse")
    return model, [(6, 3)], [0]


def deferred():
    model = keras.Sequential([layers.Dense(4, activation="elu"), layers.Dense(1)])
    model.compile(legacy.SGD(0.05, momentum=0.9, nesterov=True, decay=0.1), loss="mae")
    model.build((None, 3))
    return model, [(3,)], [0]


def attention():
    inputs = keras.Input((6, 4))
    x = layers.Add()([layers.MultiHeadAttention(2, 3)(inputs, inputs), inputs])
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))
    model = keras.Model(inputs, layers.Dense(1)(x))
    model.compile(keras.optimizers.Adam(0.01), loss="mse")
    return model, [(6, 4)], [0]


def functions():
    """TensorFlow's functions between layers, with constants first and last, and a shape from a tensor."""
    inputs = keras.Input((3, 4))
    x = layers.Dense(4)(1.0 - inputs / 2)
    x = tf.concat([x, tf.nn.leaky_relu(inputs, alpha=0.3), tf.square(x)[:, :, 1:]], axis=-1)
    scores = tf.nn.softmax(tf.matmul(x, x, transpose_b=True))
    x = tf.matmul(scores, tf.where(x > 0, x, 0.1 * x)) + tf.reduce_mean(x, axis=1, keepdims=True)
    first, rest = tf.split(x, [3, 8], axis=-1)
    x = tf.add_n(
        [first, rest[:, :, :3], tf.tile(tf.cast(tf.argmax(x, -1), tf.float32)[:, :, tf.newaxis], [1, 1, 3])]
    )
    x = tf.reshape(tf.transpose(x, [0, 2, 1]), [tf.shape(x)[0], 9])
    model = keras.Model(inputs, layers.Dense(1)(x))
    model.compile(keras.optimizers.Adam(0.01), loss="mse")
    return model, [(3, 4)], [0]


def main():
    for make in (convolutions, two_ends, recurrent, deferred, attention, functions):
        name = make.__name__
        keras.utils.set_random_seed(5)
        model, inputs, targets = make()
        rng = np.random.default_rng(7)
        x = [
            rng.integers(0, 9, (8, 5)).astype("int32")
            if shape == "words"
            else rng.standard_normal((8, *shape)).astype("float32")
            for shape in inputs
        ]
        y = [
            rng.integers(0, n, 8).astype("int32") if n else rng.standard_normal((8, 1)).astype("float32")
            for n in targets
        ]
        one = lambda parts: parts[0] if len(parts) == 1 else parts  # noqa: E731
        outputs = lambda: [np.asarray(p) for p in tf.nest.flatten(model(one(x), training=False))]  # noqa: B023, E731
        for _ in range(3):
            model.train_on_batch(one(x), one(y))
        path = os.path.join(HERE, name)
        model.save(path + ".h5")
        model.save(path + ".keras")
        if make is two_ends:
            model.save_weights(path + ".legacy.h5")
            model.save_weights(path + ".weights.h5")
        before = outputs()
        for _ in range(3):
            model.train_on_batch(one(x), one(y))
        np.savez_compressed(
            path + ".npz",
            **{f"x_{i}": part for i, part in enumerate(x)},
            **{f"y_{i}": part for i, part in enumerate(y)},
            **{f"before_{i}": part for i, part in enumerate(before)},
            **{f"after_{i}": part for i, part in enumerate(outputs())},
        )


if __name__ == "__main__":
    main()
