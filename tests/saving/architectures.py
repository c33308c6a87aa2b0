"""Models of many shapes, each written once against the API that fastnn and Keras share.

ARCHITECTURES: {name: (build, inputs, targets)}. build(k) makes the compiled model with the module `k` (fastnn
or keras); inputs and targets map names to (shape without the batch axis, kind); kind is "float", or an int n
for labels 0 .. n - 1.
"""

import numpy as np


def data_for(name, rows=8, seed=0):
    """(x, y) for the model `name`: arrays, or dicts of them by name where there are several."""
    rng = np.random.default_rng(seed)
    _, inputs, targets = ARCHITECTURES[name]
    return _draw(inputs, rows, rng), _draw(targets, rows, rng)


def _draw(wanted, rows, rng):
    arrays = {}
    for key, (shape, kind) in wanted.items():
        size = (rows, *shape)
        arrays[key] = (
            rng.standard_normal(size).astype("float32")
            if kind == "float"
            else rng.integers(0, kind, size).astype("int32")
        )
    return next(iter(arrays.values())) if len(arrays) == 1 else arrays


def _compiled(model, optimizer, **kwargs):
    model.compile(optimizer=optimizer, **kwargs)
    return model


def dense_stack(k):
    model = k.Sequential(
        [
            k.Input((6,)),
            k.layers.Dense(5, activation="relu", kernel_regularizer="l2"),
            k.layers.Dropout(0.0),
            k.layers.Dense(3, name="scores"),
        ]
    )
    return _compiled(
        model,
        k.optimizers.Adam(0.01),
        loss=k.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )


def convnet(k):
    model = k.Sequential(
        [
            k.Input((8, 8, 2)),
            k.layers.Rescaling(0.5),
            k.layers.Conv2D(4, 3, padding="same", use_bias=False),
            k.layers.BatchNormalization(),
            k.layers.ReLU(max_value=6.0),
            k.layers.MaxPooling2D(2),
            k.layers.Conv2D(5, 3, strides=2, activation="gelu"),
            k.layers.GlobalAveragePooling2D(),
            k.layers.Dense(4, activation="softmax"),
        ]
    )
    return _compiled(
        model,
        k.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
        metrics=["accuracy"],
        loss="sparse_categorical_crossentropy",
    )


def every_convolution(k):
    x = inputs = k.Input((9, 8, 3))
    x = k.layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same")(x)
    x = k.layers.SeparableConv2D(4, 3, activation="tanh")(x)
    x = k.layers.Conv2DTranspose(3, 3, strides=2)(x)
    x = k.layers.ZeroPadding2D(1)(x)
    x = k.layers.AveragePooling2D(3)(x)
    x = k.layers.Reshape((-1, 3))(x)
    x = k.layers.Conv1D(4, 3, padding="causal", dilation_rate=2)(x)
    x = k.layers.PReLU(shared_axes=[1])(x)
    x = k.layers.LayerNormalization()(x)
    x = k.layers.Flatten()(x)
    outputs = k.layers.Dense(1)(x)
    return _compiled(
        k.Model(inputs, outputs), k.optimizers.RMSprop(0.01, centered=True), loss="mse", metrics=["mae"]
    )


def several_ends(k):
    left, right = k.Input((5,), name="left"), k.Input((3,), name="right")
    a = k.layers.Dense(4, activation="tanh", name="a")(left)
    b = k.layers.Dense(4, name="b")(right)
    joined = k.layers.Concatenate()([a, b, k.layers.Add()([a, b]), k.layers.Multiply()([a, b])])
    number = k.layers.Dense(1, name="number")(joined)
    kind = k.layers.Dense(3, activation="softmax", name="kind")(k.layers.Subtract()([a, b]))
    model = k.Model({"left": left, "right": right}, {"number": number, "kind": kind}, name="ends")
    return _compiled(
        model,
        k.optimizers.AdamW(0.01, weight_decay=0.02),
        loss={"number": "mse", "kind": "sparse_categorical_crossentropy"},
        loss_weights={"number": 0.5, "kind": 2.0},
        metrics={"number": ["mae"], "kind": [k.metrics.SparseCategoricalAccuracy(name="hits")]},
    )


def nested(k):
    inner = k.Sequential(
        [k.Input((4,)), k.layers.Dense(4, activation="elu"), k.layers.BatchNormalization()], name="inner"
    )
    start = k.Input((4,))
    block = k.Model(start, k.layers.Add()([inner(start), start]), name="block")
    inputs = k.Input((4,))
    outputs = k.layers.Dense(2, name="out")(block(block(inputs)))
    return _compiled(
        k.Model(inputs, outputs, name="outer"), k.optimizers.Adam(0.02, amsgrad=True), loss="mae"
    )


def shared(k):
    layer = k.layers.Dense(5, activation="sigmoid", name="both")
    a, b = k.Input((5,), name="a"), k.Input((5,), name="b")
    once, twice = layer(a), layer(layer(b))
    outputs = k.layers.Dot(axes=1, normalize=True)([once, twice])
    return _compiled(k.Model([a, b], outputs), k.optimizers.Adagrad(0.1), loss="mse")


def recurrent(k):
    inputs = k.Input((5, 3))
    x = k.layers.Bidirectional(k.layers.LSTM(3, return_sequences=True))(inputs)
    x = k.layers.GRU(4, return_sequences=True)(x)
    x = k.layers.TimeDistributed(k.layers.Dense(3, activation="tanh"))(x)
    x = k.layers.RNN([k.layers.SimpleRNNCell(3), k.layers.GRUCell(2)])(x)
    return _compiled(k.Model(inputs, k.layers.Dense(1)(x)), k.optimizers.Adam(0.01), loss="mse")


def embedding(k):
    inputs = k.Input((7,), dtype="int32")
    x = k.layers.Embedding(11, 4, mask_zero=True)(inputs)
    x = k.layers.SpatialDropout1D(0.0)(x)
    x = k.layers.GlobalAveragePooling1D()(x)
    outputs = k.layers.Dense(1, activation="sigmoid")(x)
    return _compiled(
        k.Model(inputs, outputs),
        k.optimizers.Nadam(0.01),
        loss="binary_crossentropy",
        metrics=["accuracy", k.metrics.AUC(num_thresholds=10, name="area")],
    )


def bare_ops(k):
    inputs = k.Input((6,))
    x = k.layers.Dense(6)(inputs)
    x = k.ops.relu(x) + 0.5 * inputs
    x = k.ops.concatenate([x, k.ops.reshape(x, (-1, 6))[:, 1:3]], axis=-1)
    x = k.ops.expand_dims(x, axis=1) - 1.0
    outputs = k.layers.Dense(1)(k.ops.mean(x, axis=1))
    return _compiled(k.Model(inputs, outputs), "sgd", loss="mse")


def scheduled(k):
    rate = k.optimizers.schedules.ExponentialDecay(0.05, decay_steps=3, decay_rate=0.8)
    model = k.Sequential(
        [
            k.Input((4,)),
            k.layers.Dense(3, kernel_constraint=k.constraints.MaxNorm(2.0)),
            k.layers.UnitNormalization(),
            k.layers.Dense(1),
        ]
    )
    return _compiled(model, k.optimizers.Adam(rate, clipnorm=1.0, use_ema=True), loss=k.losses.Huber())


def subclassed(k):
    return _compiled(branch_class(k)(5), k.optimizers.Adam(0.01), loss="mse", metrics=["mae"])


_classes = {}


def branch_class(k):
    """A subclass of k.Model with layers in attributes, a list and a dict, and one that it builds itself."""
    if k in _classes:
        return _classes[k]

    @k.saving.register_keras_serializable(package="tests")
    class Scale(k.layers.Layer):
        def build(self, input_shape):
            self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")
            self.shift = self.add_weight(shape=(), initializer="zeros", trainable=False, name="shift")

        def call(self, x):
            return x * self.factor + self.shift

    @k.saving.register_keras_serializable(package="tests")
    class Branch(k.Model):
        def __init__(self, width, **kwargs):
            super().__init__(**kwargs)
            self.width = width
            self.first = k.layers.Dense(width, activation="relu")
            self.rest = [k.layers.Dense(width) for _ in range(2)]
            self.named = {"scale": Scale(), "out": k.layers.Dense(1)}

        def call(self, x):
            x = self.first(x)
            for layer in self.rest:
                x = x + layer(x)
            return self.named["out"](self.named["scale"](x))

        def get_config(self):
            return {**super().get_config(), "width": self.width}

    _classes[k] = Branch
    return Branch


ARCHITECTURES = {
    "dense_stack": (dense_stack, {"x": ((6,), "float")}, {"y": ((), 3)}),
    "convnet": (convnet, {"x": ((8, 8, 2), "float")}, {"y": ((), 4)}),
    "every_convolution": (every_convolution, {"x": ((9, 8, 3), "float")}, {"y": ((1,), "float")}),
    "several_ends": (
        several_ends,
        {"left": ((5,), "float"), "right": ((3,), "float")},
        {"number": ((1,), "float"), "kind": ((), 3)},
    ),
    "nested": (nested, {"x": ((4,), "float")}, {"y": ((2,), "float")}),
    "shared": (shared, {"a": ((5,), "float"), "b": ((5,), "float")}, {"y": ((1,), "float")}),
    "recurrent": (recurrent, {"x": ((5, 3), "float")}, {"y": ((1,), "float")}),
    "embedding": (embedding, {"x": ((7,), 11)}, {"y": ((1,), 2)}),
    "bare_ops": (bare_ops, {"x": ((6,), "float")}, {"y": ((1,), "float")}),
    "scheduled": (scheduled, {"x": ((4,), "float")}, {"y": ((1,), "float")}),
    "subclassed": (subclassed, {"x": ((5,), "float")}, {"y": ((1,), "float")}),
}
# .h5 holds a model's configuration only where it has layers that can be listed.
WITHOUT_H5 = {"subclassed"}
