"""What is trained for the golden numbers, stated once for whichever library `k` is: Keras or fastnn.

Each case is ten steps of `fit` from fixed weights over fixed rows. `CASES` maps its name to a function
k -> (model, x, y, compile's arguments, fit's further arguments). `k` is also asked for losses, optimizers and
whatever else a case is about, so the same source makes the numbers and checks them.
"""

import zlib

import numpy as np

STEPS, BATCH = 10, 4
ROWS = STEPS * BATCH
CASES = {}


def case(name, build):
    assert name not in CASES, name
    CASES[name] = build


def rng_for(name):
    return np.random.default_rng(zlib.crc32(name.encode()))


def normal(name, *shape):
    return rng_for(name).standard_normal((ROWS, *shape)).astype("float32")


def run(k, name, cases=CASES):
    """(losses by epoch, all weights) of a case; epochs are one step long where `fit` is not told otherwise."""
    model, x, y, compiled, fitting = cases[name](k)
    rng = rng_for("weights of " + name)
    values = []
    for weight in model.weights:
        # Scaled by the inputs of a unit: larger weights diverge, and what diverges multiplies rounding.
        value = (rng.standard_normal(weight.shape) / max(2, np.prod(weight.shape[:-1])) ** 0.5).astype(
            "float32"
        )
        positive = "variance" in weight.path or "gamma" in weight.path or "stddev" in weight.path
        values.append(np.abs(value) + 0.5 if positive else value)
    model.set_weights(values)
    model.compile(**compiled)
    history = model.fit(x, y, **{"batch_size": BATCH, "epochs": 1, "shuffle": False, "verbose": 0, **fitting})
    weights = [np.asarray(w) for w in model.get_weights()]
    return {key: [float(v) for v in values] for key, values in history.history.items()}, weights


# ---- layers: each between weights that its gradient has to reach


def layer_case(name, shape, make, before=None, label=None, dtype="float32"):
    """Ten steps of SGD with momentum on [before,] the layer, and a Dense layer of two units."""
    label = label or name

    def build(k):
        layers = k.layers
        inputs = layers.Input(shape, dtype=dtype)
        middle = before(layers)(inputs) if before else inputs
        flat = layers.Flatten()(make(layers)(middle))
        model = k.Model(inputs, layers.Dense(2)(flat))
        x = normal(label, *shape) if dtype == "float32" else rng_for(label).integers(0, 6, (ROWS, *shape))
        compiled = {"optimizer": k.optimizers.SGD(0.01, momentum=0.5), "loss": "mse"}
        return model, x, normal(label + " labels", 2), compiled, {}

    case(f"layer {label}", build)


def layer(name, shape, before=None, **arguments):
    text = ", ".join(f"{key}={value}" for key, value in arguments.items())
    layer_case(name, shape, lambda layers: getattr(layers, name)(**arguments), before, f"{name}({text})")


def dense(layers):
    return layers.Dense(5)


def conv(rank):
    return lambda layers: getattr(layers, f"Conv{rank}D")(3, 2, padding="same")


IMAGE, LINE, VOLUME = (7, 6, 4), (9, 4), (4, 3, 4, 2)
layer("Dense", (5,), units=3)
layer("Dense", (5,), units=3, use_bias=False, activation="tanh")
layer("Dense", (3, 5), units=4, activation="relu")
for strides in (1, 2, (2, 3)):
    for padding in ("valid", "same"):
        layer(
            "Conv2D",
            IMAGE,
            filters=6,
            kernel_size=3,
            strides=strides,
            padding=padding,
            activation="relu",
            before=conv(2),
        )
layer("Conv2D", IMAGE, filters=6, kernel_size=1)
layer("Conv2D", IMAGE, filters=6, kernel_size=1, strides=2, use_bias=False, before=conv(2))
layer("Conv2D", IMAGE, filters=3, kernel_size=(2, 5), padding="same", activation="gelu", before=conv(2))
layer("Conv2D", IMAGE, filters=3, kernel_size=2, dilation_rate=2, before=conv(2))
layer("Conv2D", IMAGE, filters=3, kernel_size=3, dilation_rate=(1, 2), padding="same", before=conv(2))
layer("Conv2D", IMAGE, filters=6, kernel_size=3, groups=3, padding="same", before=conv(2))
layer("Conv2D", IMAGE, filters=8, kernel_size=2, groups=4, strides=2)
layer("Conv1D", LINE, filters=3, kernel_size=3, padding="causal", dilation_rate=2, before=conv(1))
layer("Conv1D", LINE, filters=3, kernel_size=3, strides=2, before=conv(1))
layer("Conv3D", VOLUME, filters=3, kernel_size=2, padding="same", before=conv(3))
layer("Conv1DTranspose", LINE, filters=3, kernel_size=3, strides=2, before=conv(1))
layer("Conv2DTranspose", (4, 3, 2), filters=3, kernel_size=3, strides=2, padding="same", before=conv(2))
layer("Conv2DTranspose", (4, 3, 2), filters=3, kernel_size=2, strides=3, before=conv(2))
layer("Conv3DTranspose", (2, 2, 3, 2), filters=2, kernel_size=2, strides=2, before=conv(3))
layer("DepthwiseConv1D", LINE, kernel_size=3, depth_multiplier=2, before=conv(1))
layer("DepthwiseConv2D", IMAGE, kernel_size=3, depth_multiplier=2, padding="same", before=conv(2))
layer("DepthwiseConv2D", IMAGE, kernel_size=3, strides=2, before=conv(2))
layer("SeparableConv1D", LINE, filters=4, kernel_size=3, before=conv(1))
layer("SeparableConv2D", IMAGE, filters=4, kernel_size=3, padding="same", before=conv(2))
for rank, shape in ((1, LINE), (2, IMAGE), (3, VOLUME)):
    for kind in ("Max", "Average"):
        layer(f"{kind}Pooling{rank}D", shape, pool_size=2, before=conv(rank))
        layer(f"{kind}Pooling{rank}D", shape, pool_size=3, strides=2, padding="same", before=conv(rank))
        layer(f"Global{kind}Pooling{rank}D", shape, before=conv(rank))
layer("MaxPooling2D", IMAGE, pool_size=(3, 2), strides=1, before=conv(2))
layer("AveragePooling2D", IMAGE, pool_size=(2, 3), strides=(1, 2), padding="same", before=conv(2))
layer("BatchNormalization", (5,), before=dense)
layer("BatchNormalization", IMAGE, before=conv(2), momentum=0.8)
layer("BatchNormalization", IMAGE, before=conv(2), axis=1, epsilon=0.01, scale=False)
layer("BatchNormalization", LINE, before=conv(1), center=False, momentum=0.5)
layer("LayerNormalization", (5,), before=dense)
layer("LayerNormalization", (3, 5), axis=[1, 2], before=dense)
layer("RMSNormalization", (3, 5), before=dense)
layer("UnitNormalization", (3, 5), before=dense)
layer("Flatten", (3, 4), before=dense)
layer("Reshape", (6, 4), target_shape=(5, -1), before=dense)
layer("Permute", (3, 4), dims=(2, 1), before=dense)
layer("RepeatVector", (4,), n=3, before=dense)
layer("Rescaling", (4,), scale=0.5, offset=0.2, before=dense)
layer("ZeroPadding2D", IMAGE, padding=((1, 0), (2, 1)), before=conv(2))
layer("Cropping2D", IMAGE, cropping=((1, 0), (2, 1)), before=conv(2))
layer("UpSampling2D", (3, 4, 2), size=(2, 3), before=conv(2))
layer("UpSampling2D", (3, 4, 2), interpolation="bilinear", before=conv(2))
layer("PReLU", (3, 5), before=dense)
layer("LeakyReLU", (5,), before=dense)
layer("ELU", (5,), alpha=0.7, before=dense)
layer("ReLU", (5,), max_value=1.0, negative_slope=0.1, threshold=0.1, before=dense)
layer("Softmax", (3, 5), axis=1, before=dense)
layer("ActivityRegularization", (5,), l1=0.01, l2=0.02, before=dense)
layer_case("Embedding", (7,), lambda layers: layers.Embedding(6, 3), dtype="int32")
layer_case("Lambda", (5,), lambda layers: layers.Lambda(lambda x: x * 2 + 1), before=dense)
for activation in (
    "celu",
    "elu",
    "exponential",
    "gelu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "squareplus",
    "tanh",
    "tanh_shrink",
):  # not sparsemax: Keras 3.15's is none
    layer("Activation", (4,), activation=activation, before=dense)


def merge_case(name, **arguments):
    def build(k):
        layers = k.layers
        first, second = layers.Input((4,)), layers.Input((3,))
        parts = [layers.Dense(5, activation="tanh")(first), layers.Dense(5)(second)]
        outputs = layers.Dense(2)(getattr(layers, name)(**arguments)(parts))
        model = k.Model([first, second], outputs)
        x = [normal(name, 4), normal(name + " second", 3)]
        return model, x, normal(name + " labels", 2), {"optimizer": k.optimizers.SGD(0.05), "loss": "mse"}, {}

    case(f"layer {name}({arguments})", build)


for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"):
    merge_case(name)
merge_case("Dot", axes=1)
merge_case("Dot", axes=1, normalize=True)


# ---- losses, optimizers, schedules and the rest: a small network each


def network(k, units=3, activation=None, **first):
    return k.Sequential(
        [
            k.layers.Input((4,)),
            k.layers.Dense(5, activation="tanh", **first),
            k.layers.Dense(units, activation=activation),
        ]
    )


def loss_case(name, labels, activation=None, **arguments):
    label = f"loss {name}({', '.join(f'{key}={value}' for key, value in arguments.items())})"

    def build(k):
        rng = rng_for(label)
        classes = rng.integers(0, 3, ROWS)
        y = {
            "numbers": rng.normal(0, 1, (ROWS, 3)),
            "positive": rng.uniform(0.2, 3, (ROWS, 3)),
            "classes": classes,
            "one-hot": np.eye(3)[classes],
            "bits": rng.integers(0, 2, (ROWS, 3)),
            "signs": rng.choice([-1, 1], (ROWS, 3)),
            "shares": rng.dirichlet(np.ones(3), ROWS),
        }[labels]
        y = y.astype("int32" if labels == "classes" else "float32")
        loss = getattr(k.losses, name)(**arguments)
        rate = (
            0.002 if "Percentage" in name else 0.1
        )  # 100 times the error: few steps would jump over its kinks
        compiled = {"optimizer": k.optimizers.SGD(rate), "loss": loss}
        return network(k, activation=activation), normal(label + " x", 4), y, compiled, {}

    case(label, build)


loss_case("MeanSquaredError", "numbers")
loss_case("MeanSquaredError", "numbers", reduction="sum")
loss_case("MeanAbsoluteError", "numbers")
loss_case("MeanAbsolutePercentageError", "positive", reduction="sum_over_batch_size")
loss_case("MeanSquaredLogarithmicError", "positive", activation="softplus")
loss_case("CosineSimilarity", "numbers")
loss_case("Huber", "numbers", delta=0.4)
loss_case("LogCosh", "numbers")
loss_case("Hinge", "signs")
loss_case("SquaredHinge", "bits")
loss_case("CategoricalHinge", "one-hot")
loss_case("KLDivergence", "shares", activation="softmax")
loss_case("Poisson", "positive", activation="exponential")
loss_case("BinaryCrossentropy", "bits", activation="sigmoid")
loss_case("BinaryCrossentropy", "bits", from_logits=True, label_smoothing=0.1)
loss_case("BinaryFocalCrossentropy", "bits", activation="sigmoid", gamma=1.5)
loss_case("BinaryFocalCrossentropy", "bits", from_logits=True, apply_class_balancing=True)
loss_case("CategoricalCrossentropy", "one-hot", activation="softmax")
loss_case("CategoricalCrossentropy", "shares", from_logits=True, label_smoothing=0.1)
loss_case("CategoricalFocalCrossentropy", "one-hot", activation="softmax")
loss_case("CategoricalFocalCrossentropy", "one-hot", from_logits=True, alpha=0.4, gamma=1.0)
loss_case("SparseCategoricalCrossentropy", "classes", activation="softmax")
loss_case("SparseCategoricalCrossentropy", "classes", from_logits=True)
loss_case("SparseCategoricalCrossentropy", "classes", from_logits=True, ignore_class=1)
loss_case("CategoricalGeneralizedCrossEntropy", "classes", activation="softmax", q=0.7)
loss_case("Dice", "bits", activation="sigmoid")
loss_case("Tversky", "bits", activation="sigmoid", alpha=0.3, beta=0.7)
loss_case("Circle", "classes", gamma=8.0)


def ctc(k):
    inputs = k.layers.Input((8, 4))
    model = k.Model(inputs, k.layers.Dense(5)(k.layers.Dense(5, activation="tanh")(inputs)))
    y = rng_for("ctc labels").integers(1, 5, (ROWS, 3))
    return model, normal("ctc", 8, 4), y, {"optimizer": k.optimizers.SGD(0.02), "loss": k.losses.CTC()}, {}


case("loss CTC()", ctc)


def training_case(label, compiled, fitting=None, **first):
    """`compiled`: k -> compile's arguments; `first`: arguments of the first layer, or functions k -> one."""

    def build(k):
        made = {key: value(k) if callable(value) else value for key, value in first.items()}
        return (
            network(k, **made),
            normal(label, 4),
            normal(label + " labels", 3),
            {"loss": "mse", **compiled(k)},
            fitting(label) if fitting else {},
        )

    case(label, build)


def optimizer_case(name, schedule=None, **arguments):
    shown = {**arguments, **({"learning_rate": schedule[0]} if schedule else {})}
    label = f"optimizer {name}({', '.join(f'{key}={value}' for key, value in shown.items())})"

    def compiled(k):
        more = (
            {"learning_rate": getattr(k.optimizers.schedules, schedule[0])(**schedule[1])} if schedule else {}
        )
        return {"optimizer": getattr(k.optimizers, name)(**arguments, **more)}

    training_case(label, compiled)


optimizer_case("SGD", learning_rate=0.1)
optimizer_case("SGD", learning_rate=0.1, momentum=0.8)
optimizer_case("SGD", learning_rate=0.1, momentum=0.8, nesterov=True)
optimizer_case("RMSprop")
optimizer_case("RMSprop", learning_rate=0.01, rho=0.8, momentum=0.5)
optimizer_case("RMSprop", learning_rate=0.01, centered=True)
optimizer_case("RMSprop", learning_rate=0.01, centered=True, momentum=0.5)
optimizer_case("Adam")
optimizer_case("Adam", learning_rate=0.02, amsgrad=True)
optimizer_case("AdamW", learning_rate=0.02)
optimizer_case("AdamW", learning_rate=0.02, weight_decay=0.1, amsgrad=True)
optimizer_case("Adamax", learning_rate=0.02)
optimizer_case("Nadam", learning_rate=0.02)
optimizer_case("Adagrad", learning_rate=0.05)
optimizer_case("Adadelta", learning_rate=0.5)
optimizer_case("Adafactor", learning_rate=0.02)
optimizer_case("Adafactor", learning_rate=0.02, relative_step=False, clip_threshold=0.5)
optimizer_case("Ftrl", learning_rate=0.05)
optimizer_case(
    "Ftrl",
    learning_rate=0.05,
    l1_regularization_strength=0.01,
    l2_regularization_strength=0.02,
    l2_shrinkage_regularization_strength=0.01,
    beta=0.1,
    learning_rate_power=-0.4,
)
optimizer_case("Lion", learning_rate=0.01)
optimizer_case("Lamb", learning_rate=0.02)
optimizer_case("Muon", learning_rate=0.02)
optimizer_case("ScheduleFreeAdamW", learning_rate=0.02)
optimizer_case("ScheduleFreeAdamW", learning_rate=0.02, warmup_steps=4, weight_decay=0.05)
for name in ("SGD", "Adam"):
    for extra in (
        {"clipnorm": 0.1},
        {"clipvalue": 0.02},
        {"global_clipnorm": 0.1},
        {"weight_decay": 0.1},
        {"use_ema": True, "ema_momentum": 0.8},
        {"use_ema": True, "ema_overwrite_frequency": 3},
        {"loss_scale_factor": 16.0},
        {"gradient_accumulation_steps": 3},
    ):
        optimizer_case(name, learning_rate=0.05, **extra)
for name, arguments in {
    "ExponentialDecay": {"initial_learning_rate": 0.1, "decay_steps": 4, "decay_rate": 0.5},
    "InverseTimeDecay": {
        "initial_learning_rate": 0.1,
        "decay_steps": 4,
        "decay_rate": 0.5,
        "staircase": True,
    },
    "PiecewiseConstantDecay": {"boundaries": [2, 6], "values": [0.1, 0.05, 0.2]},
    "PolynomialDecay": {"initial_learning_rate": 0.1, "decay_steps": 4, "power": 2.0, "cycle": True},
    "CosineDecay": {"initial_learning_rate": 0.02, "decay_steps": 6, "warmup_target": 0.1, "warmup_steps": 3},
    "CosineDecayRestarts": {"initial_learning_rate": 0.1, "first_decay_steps": 3, "m_mul": 0.8},
}.items():
    optimizer_case("SGD", (name, arguments))
optimizer_case("Adam", ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 8}), clipnorm=0.5)


def by_rank(k):
    matrices, vectors = k.optimizers.Adam(0.05), k.optimizers.SGD(0.1, momentum=0.5)
    return k.optimizers.MultiOptimizer(lambda variable: matrices if len(variable.shape) == 2 else vectors)


training_case(
    "optimizer LossScaleOptimizer",
    lambda k: {
        "optimizer": k.optimizers.LossScaleOptimizer(
            k.optimizers.Adam(0.05), initial_scale=2.0**6, dynamic_growth_steps=3
        )
    },
)
training_case(
    "optimizer LossScaleOptimizer, too large at first",
    lambda k: {"optimizer": k.optimizers.LossScaleOptimizer(k.optimizers.SGD(0.1), initial_scale=2.0**127)},
)
training_case("optimizer MultiOptimizer", lambda k: {"optimizer": by_rank(k)})


def sgd(k):
    return {"optimizer": k.optimizers.SGD(0.1)}


for name in ("L1", "L2", "L1L2", "OrthogonalRegularizer"):
    training_case(
        f"regularizer {name}",
        sgd,
        kernel_regularizer=lambda k, name=name: getattr(k.regularizers, name)(),
        bias_regularizer="l2" if name == "L1" else None,
        activity_regularizer="l1" if name == "L2" else None,
    )
for name, arguments in {
    "MaxNorm": {"max_value": 0.8},
    "MinMaxNorm": {"min_value": 0.5, "max_value": 0.7, "rate": 0.6},
    "NonNeg": {},
    "UnitNorm": {},
}.items():
    training_case(
        f"constraint {name}",
        sgd,
        kernel_constraint=lambda k, name=name, arguments=arguments: getattr(k.constraints, name)(**arguments),
    )
training_case(
    "sample weights",
    lambda k: {**sgd(k), "weighted_metrics": ["mae"], "metrics": ["mse"]},
    lambda label: {"sample_weight": rng_for(label).uniform(0, 2, ROWS).astype("float32"), "epochs": 2},
)


def class_weights(k):
    y = rng_for("class weights").integers(0, 3, ROWS)
    compiled = {**sgd(k), "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
    fitting = {"class_weight": {0: 0.5, 2: 3.0}, "epochs": 2}
    return network(k, activation="softmax"), normal("class weights", 4), y, compiled, fitting


def two_outputs(k):
    layers = k.layers
    inputs = layers.Input((4,))
    middle = layers.Dense(5, activation="tanh")(inputs)
    outputs = [layers.Dense(3, name="a")(middle), layers.Dense(2, activation="softmax", name="b")(middle)]
    model = k.Model(inputs, outputs)
    y = [normal("two outputs", 3), rng_for("two").integers(0, 2, ROWS)]
    compiled = {
        **sgd(k),
        "loss": ["mse", "sparse_categorical_crossentropy"],
        "loss_weights": [0.3, 1.5],
        "metrics": [["mae"], ["accuracy"]],
    }
    return model, normal("two outputs x", 4), y, compiled, {"epochs": 2, "validation_split": 0.2}


def ragged_batches(k):
    return (
        network(k),
        normal("ragged", 4),
        normal("ragged labels", 3),
        {**sgd(k), "loss": "mse"},
        {"batch_size": 7, "epochs": 2},
    )


case("class weights", class_weights)
case("two outputs", two_outputs)
case("a last batch of its own size", ragged_batches)
