"""The Layer base: tracking, building, the training flag, losses, traces, configurations."""

import gc
import weakref

import numpy as np
import pytest

from fastnn import layers, models, ops
from fastnn.engine.function import function
from fastnn.engine.graph import Graph, trace
from fastnn.engine.tape import GradientTape
from fastnn.engine.variable import Variable


class Block(layers.Layer):
    """Sublayers as attributes, in a list that grows, and in a dict; a variable of its own."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.some = []
        self.first = layers.Dense(4, name="first")
        self.some.append(layers.Dense(3, name="second"))
        self.named = {"third": layers.Dense(2, name="third")}

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(), initializer="ones", name="scale")

    def call(self, x, training=None):
        x = self.first(x) * self.scale
        return self.named["third"](self.some[0](x))


def test_weights_are_found_in_the_order_of_assignment():
    block = Block(name="block")
    y = block(np.ones((2, 5), "float32"))
    assert y.shape == (2, 2)
    assert [v.path for v in block.weights] == [
        "block/scale",
        "block/first/kernel",
        "block/first/bias",
        "block/second/kernel",
        "block/second/bias",
        "block/third/kernel",
        "block/third/bias",
    ]
    assert block.path == "block" and block.first.path == "block/first"
    assert block.count_params() == 1 + 24 + 15 + 8


def test_unnamed_layers_are_numbered():
    stem = layers.Dense(1).name
    number = int(stem.rpartition("_")[2]) if "_" in stem else 0
    assert layers.Dense(1).name == f"dense_{number + 1}"
    assert layers.MaxPooling2D().name.startswith("max_pooling2d")


def test_trainable_reaches_sublayers():
    block = Block()
    block(np.ones((2, 5), "float32"))
    block.trainable = False
    assert block.trainable_weights == [] and len(block.non_trainable_weights) == 7
    assert not any(v.trainable for v in block.weights)
    block.trainable = True
    block.first.trainable = False
    assert [v.path.rpartition("/")[2] for v in block.trainable_weights] == ["scale"] + ["kernel", "bias"] * 2
    normal = layers.BatchNormalization()
    normal.build((None, 3))
    normal.trainable = False
    normal.trainable = True
    assert [v.name for v in normal.trainable_weights] == ["gamma", "beta"]


def test_variables_hold_seeds_and_weights_do_not():
    layer = layers.Dropout(0.5, seed=1)
    assert layer.weights == [] and len(layer.variables) == 1
    assert layer.non_trainable_variables[0] is layer.seed_generator.state


def test_nothing_can_be_added_after_building():
    layer = layers.Dense(2)
    layer.build((None, 3))
    with pytest.raises(ValueError, match="is built already"):
        layer.more = Variable(1.0)


def test_removed_variables_are_forgotten():
    class Two(layers.Layer):
        def __init__(self):
            super().__init__()
            self.a = self.add_weight(shape=(2,), name="a")
            self.b = self.add_weight(shape=(3,), name="b")

    layer = Two()
    del layer.a
    assert [v.name for v in layer.weights] == ["b"]


def test_the_training_flag_goes_inward():
    seen = []

    class Inner(layers.Layer):
        def call(self, x, training=None):
            seen.append(training)
            return x

    class Outer(layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = Inner()

        def call(self, x):
            return self.inner(self.inner(x, training=False) if len(seen) == 2 else x)

    layer, x = Outer(), np.ones((2, 2), "float32")
    layer(x)
    layer(x, training=True)
    layer(x, training=True)
    assert seen == [None, True, False, True]  # an inner False holds for that call alone


def test_default_of_training():
    class Keen(layers.Layer):
        def call(self, x, training=True):
            return x + 1.0 if training else x

    assert float(Keen()(np.zeros(1, "float32"))[0]) == 1.0


def test_several_arguments_build_by_name():
    class Pair(layers.Layer):
        def build(self, left_shape, right_shape):
            self.shapes = (left_shape, right_shape)

        def call(self, left, right=None):
            return ops.concatenate([left, right], axis=-1)

    pair = Pair()
    y = pair(np.ones((2, 3), "float32"), right=np.ones((2, 4), "float32"))
    assert y.shape == (2, 7) and tuple(pair.shapes) == ((2, 3), (2, 4))
    assert pair.get_build_config() == {"shapes_dict": {"left_shape": (2, 3), "right_shape": (2, 4)}}
    with pytest.raises(ValueError, match="right_shape"):
        Pair()(np.ones((2, 3), "float32"))


def test_inputs_are_converted():
    class Look(layers.Layer):
        def call(self, x):
            self.seen.append(x.dtype)
            return x

    look = Look()
    look.__dict__["seen"] = []
    for x in (np.ones((1, 2)), [[1.0, 2.0]], np.ones((1, 2), "int32"), Variable(np.ones((1, 2)))):
        look(x)
    wide = Look(dtype="float64")
    wide.__dict__["seen"] = look.seen
    wide(np.ones((1, 2), "float32"))
    exact = Look(autocast=False)
    exact.__dict__["seen"] = look.seen
    exact(np.ones((1, 2)))
    assert look.seen == ["float32", "float32", "int32", "float32", "float64", "float64"]


def test_dtype_of_weights():
    layer = layers.Dense(2, dtype="float64")
    assert layer(np.ones((1, 3))).dtype == "float64" and layer.kernel.dtype == "float64"
    with pytest.warns(UserWarning, match="computes in float32"):
        mixed = layers.Dense(2, dtype="mixed_float16")
    assert mixed.get_config()["dtype"]["config"] == {"name": "mixed_float16"}


class Penalised(layers.Layer):
    def call(self, x):
        self.add_loss(ops.sum(x))
        return x


def test_losses_of_the_latest_call_alone():
    outer = Block()
    outer.first.activity_regularizer = None
    layer = Penalised()
    x = np.ones((2, 3), "float32")
    layer(x)
    layer(x)
    assert [float(loss) for loss in layer.losses] == [6.0]


def test_traced_losses_belong_to_their_trace():
    layer = Penalised()

    def run(x):
        layer(x)
        (loss,) = layer.losses
        return loss * 2.0

    graph, loss = trace(run, [((2, 3), "float32")])
    assert loss.graph is graph
    assert layer.losses == []  # not of use outside
    with Graph():
        assert layer.losses == []
    alive = weakref.ref(graph)
    del graph, loss
    gc.collect()
    assert alive() is None  # the layer does not keep a trace in memory
    layer(np.ones((2, 3), "float32"))
    assert [float(loss) for loss in layer.losses] == [6.0]


def test_building_inside_a_trace_runs_initializers_now():
    layer = layers.Dense(3)
    graph, _ = trace(layer, [((2, 4), "float32")])
    assert layer.built and layer.kernel.shape == (4, 3)
    assert set(graph.reads) == {layer.kernel, layer.bias}  # no seed, no initializer
    assert not graph.updates


def test_traced_calls_agree_with_eager_ones(rng):
    block = Block()
    x = rng.standard_normal((3, 5)).astype("float32")
    want = block(x).numpy()
    np.testing.assert_allclose(function(block)(x), want, rtol=1e-6, atol=1e-6)


def test_moving_averages_in_a_compiled_function(rng):
    eager, traced = (layers.BatchNormalization(momentum=0.5) for _ in range(2))
    step = function(lambda x: traced(x, training=True))
    for _ in range(3):
        x = rng.standard_normal((8, 4)).astype("float32")
        np.testing.assert_allclose(step(x), eager(x, training=True), rtol=1e-5, atol=1e-5)
    for a, b in zip(eager.get_weights(), traced.get_weights()):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert np.abs(traced.moving_mean.numpy()).max() > 0


def test_gradients_reach_the_weights(rng):
    layer = layers.Dense(3, activation="tanh")
    x = rng.standard_normal((2, 4)).astype("float32")
    with GradientTape() as tape:
        loss = ops.sum(layer(x))
    dkernel, dbias = tape.gradient(loss, [layer.kernel, layer.bias])
    slope = 1 - np.tanh(x @ layer.kernel.numpy()) ** 2
    np.testing.assert_allclose(dkernel, x.T @ slope, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(dbias, slope.sum(0), rtol=1e-5, atol=1e-5)


def test_shapes_without_compute_output_shape():
    block = Block()
    assert block.compute_output_shape((None, 5)) == (None, 2)
    y = block(layers.Input((5,)))
    assert y.shape == (None, 2) and y.node.operation is block


def test_configuration_without_get_config():
    class Plain(layers.Layer):
        def __init__(self, width, names=("a",), **kwargs):
            super().__init__(**kwargs)
            self.width = width

        def call(self, x):
            return x

    layer = Plain(3, name="plain", trainable=False)
    config = layer.get_config()
    assert (config["width"], config["names"], config["name"], config["trainable"]) == (
        3,
        ("a",),
        "plain",
        False,
    )
    assert Plain.from_config(config).get_config() == config
    with pytest.raises(NotImplementedError, match="write get_config"):
        Plain(np.ones(3)).get_config()


def test_super_init_is_needed():
    class Forgetful(layers.Layer):
        def __init__(self):
            self.units = 3

        def call(self, x):
            return x

    with pytest.raises(RuntimeError, match=r"super\(\).__init__"):
        Forgetful()(np.ones((2, 2), "float32"))


def test_save_and_load_own_variables(rng):
    layer, other = layers.Dense(3), layers.Dense(3)
    store = {}
    for one in (layer, other):
        one.build((None, 4))
    layer.save_own_variables(store)
    assert list(store) == ["0", "1"]
    other.load_own_variables(store)
    np.testing.assert_array_equal(other.kernel.numpy(), layer.kernel.numpy())
    with pytest.raises(ValueError, match="the saved file holds 1"):
        other.load_own_variables({"0": store["0"]})


def test_lambda_layers(rng):
    x = rng.standard_normal((2, 3)).astype("float32")
    twice = layers.Lambda(lambda t, factor: t * factor, arguments={"factor": 2.0})
    np.testing.assert_allclose(twice(x), 2 * x)
    assert twice(layers.Input((3,))).shape == (None, 3)
    wider = layers.Lambda(lambda t: ops.concatenate([t, t]), output_shape=(6,))
    assert wider(layers.Input((3,))).shape == (None, 6)
    with pytest.raises(ValueError, match="pass safe_mode=False"):
        layers.Lambda.from_config(twice.get_config())
    again = layers.Lambda.from_config(twice.get_config(), safe_mode=False)
    np.testing.assert_allclose(again(x), 2 * x)


def test_functional_forms():
    x = np.ones((2, 3), "float32")
    assert layers.concatenate([x, x], axis=0).shape == (4, 3)
    np.testing.assert_array_equal(layers.add([x, x]), 2 * x)
    np.testing.assert_array_equal(layers.dot([x, x]), [[3], [3]])


def test_identity_keeps_structure():
    a, b = layers.Input((3,)), layers.Input((4,), dtype="int32")
    out = layers.Identity()({"a": a, "b": b})
    assert out["a"].shape == (None, 3) and out["b"].dtype == "int32"


def test_metrics_added_inside_a_call():
    """Keras 2's add_metric: the mean over an epoch, in the logs and what evaluate returns."""

    class Watched(layers.Layer):
        def call(self, inputs):
            self.add_metric(ops.max(inputs), name="largest")
            return inputs

    model = models.Sequential([layers.Input((1,)), Watched(name="watched"), layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.arange(4, dtype="float32")[:, None]
    history = model.fit(x, x, batch_size=2, shuffle=False, verbose=0, epochs=2).history
    assert history["largest"] == [2.0, 2.0]  # of 1 and 3
    assert model.evaluate(x, x, verbose=0, return_dict=True)["largest"] == 3.0
    with pytest.raises(ValueError, match="'watched'.*name=None"):
        model.get_layer("watched").add_metric(1.0)
