"""The policies mixed_bfloat16 and bfloat16: beside Keras's, which kernels they lead to, and how well models learn."""

import warnings

import keras
import numpy as np
import pytest
from support import EPS32, ISAS_BF16, on_isa, rounded_to_bf16

import fastnn
from fastnn import dtype_policies, layers, ops
from fastnn.engine import settings
from fastnn.engine.tape import GradientTape
from fastnn.engine.tensor import Tensor

pytestmark = pytest.mark.filterwarnings("ignore:mixed_bfloat16", "ignore:bfloat16")


@pytest.fixture
def policy():
    """mixed_bfloat16 as the policy of layers made without one."""
    saved = dtype_policies._global
    fastnn.config.set_dtype_policy("mixed_bfloat16")
    yield fastnn.config.dtype_policy()
    dtype_policies._global = saved


def _wide(x):
    return rounded_to_bf16(x).astype("float64")


@pytest.mark.parametrize("named", ["mixed_bfloat16", "bfloat16"])
def test_the_policy_is_what_keras_says(named):
    ours, theirs = (k.dtype_policies.DTypePolicy(named) for k in (fastnn, keras))
    for name in ("name", "compute_dtype", "variable_dtype", "quantization_mode"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert repr(ours) == repr(theirs)
    assert dtype_policies.serialize(ours) == keras.dtype_policies.serialize(theirs)
    assert dtype_policies.deserialize(keras.dtype_policies.serialize(theirs)) == ours
    with pytest.raises(ValueError, match="mixed_float32"):
        dtype_policies.DTypePolicy("mixed_float32")


def test_layers_report_what_keras_layers_report(policy):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        ours, theirs = (k.layers.Dense(3, name="d") for k in (fastnn, keras))
    finally:
        keras.config.set_dtype_policy("float32")
    for layer in (ours, theirs):
        layer.build((None, 4))
    for name in ("dtype", "compute_dtype", "variable_dtype", "input_dtype"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert ours.kernel.dtype == "float32" and str(theirs.kernel.dtype) == "float32"
    assert ours.get_config()["dtype"]["config"] == theirs.get_config()["dtype"]["config"]
    assert layers.Dense.from_config(theirs.get_config()).dtype_policy == policy
    assert layers.Dense(3, dtype="float32").compute_dtype == "float32"


def test_pure_bfloat16_computes_as_mixed_does_and_keeps_small_updates(rng):
    x, y = rng.standard_normal((16, 6)).astype("float32"), rng.standard_normal((16, 2)).astype("float32")
    trained = {}
    for named in ("bfloat16", "mixed_bfloat16"):
        fastnn.utils.set_random_seed(5)
        model = fastnn.Sequential(
            [layers.Dense(4, activation="relu", dtype=named), layers.Dense(2, dtype=named)]
        )
        model.compile(fastnn.optimizers.SGD(1e-4), "mse")
        model.build((None, 6))
        before = model.get_weights()
        model.fit(x, y, epochs=2, verbose=0)
        trained[named] = model.get_weights()
    for a, b, start in zip(*trained.values(), before, strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == "float32" and (a != start).mean() > 0.5  # rounded to bfloat16 few would have moved
    layer = layers.Dense(3, dtype="bfloat16")
    layer.build((None, 4))
    theirs = keras.layers.Dense(3, dtype="bfloat16")
    for name in ("dtype", "compute_dtype", "variable_dtype", "input_dtype"):
        assert getattr(layer, name) == getattr(theirs, name) == "bfloat16"
    assert layer.kernel.dtype == "float32"
    assert layers.Dense.from_config(theirs.get_config()).dtype_policy == layer.dtype_policy


def test_bfloat16_as_floatx(rng):
    fastnn.config.set_floatx("bfloat16")
    try:
        assert fastnn.config.floatx() == fastnn.backend.floatx() == "bfloat16"
        assert fastnn.config.dtype_policy().name == layers.LSTM(2).dtype_policy.name == "bfloat16"
        for made in (ops.zeros(2), ops.cast(ops.ones(2, "int32"), "bfloat16"), fastnn.random.normal((2,))):
            assert made.dtype == "float32"
        model = fastnn.Sequential(
            [
                layers.Input((5, 3)),
                layers.LSTM(4),
                layers.BatchNormalization(),
                layers.Dropout(0.5),
                layers.Dense(1),
            ]
        )
        model.compile("adam", "binary_crossentropy", metrics=["accuracy", "auc"])
        x = rng.standard_normal((8, 5, 3))
        history = model.fit(x, x[:, 0, :1] > 0, epochs=2, verbose=0).history
        assert all(np.isfinite(values).all() for values in history.values())
        assert model.predict(x, verbose=0).dtype == "float32"
    finally:
        fastnn.config.set_floatx("float32")
    with pytest.raises(ValueError, match="'bfloat16', 'float16', 'float32', 'float64', received 'float8'"):
        fastnn.config.set_floatx("float8")


def test_one_warning_where_there_are_no_instructions():
    for isa in ISAS_BF16:
        dtype_policies._warn_of_speed.cache_clear()
        with on_isa(isa), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(3):
                layers.Dense(2, dtype="mixed_bfloat16")
            assert len(caught) == (settings.bfloat16_speed() == 1)
            assert (settings.bfloat16_speed() > 1) == (isa in ("avx512bf16", "amx"))
        assert all("slower than with float32" in str(w.message) and isa in str(w.message) for w in caught)


def test_show_config_says_whether_there_are_instructions(capsys):
    fastnn.show_config()
    assert ("slow here" in capsys.readouterr().out) == (settings.bfloat16_speed() == 1)


def test_dense_and_its_gradients_round_their_operands(rng):
    layer = layers.Dense(5, dtype="mixed_bfloat16", activation="relu", bias_initializer="normal")
    x = rng.standard_normal((9, 7)).astype("float32")
    dy = rng.standard_normal((9, 5)).astype("float32")
    with GradientTape() as tape:
        given = Tensor(x)
        tape.watch(given)
        y = layer(given)
    dx, dw, db = tape.gradient(y, [given, *layer.trainable_variables], Tensor(dy))
    w, b = (v.numpy() for v in layer.trainable_variables)
    assert y.dtype == dw.dtype == "float32"
    want = np.maximum(_wide(x) @ _wide(w) + b, 0)
    np.testing.assert_allclose(y.array, want, rtol=0, atol=32 * EPS32)
    dz = dy * (want > 0)
    np.testing.assert_allclose(dx.array, _wide(dz) @ _wide(w).T, rtol=0, atol=32 * EPS32)
    np.testing.assert_allclose(dw.array, _wide(x).T @ _wide(dz), rtol=0, atol=64 * EPS32)
    np.testing.assert_allclose(db.array, dz.sum(0), rtol=0, atol=32 * EPS32)  # a sum is no product


def _kernels(layer, shape):
    """The names of the kernels that a training step of a model around one layer runs."""
    inputs = layers.Input(shape)
    outputs = layers.Flatten()(layer(inputs))
    model = fastnn.Model(inputs, layers.Dense(1, dtype="float32")(outputs))
    model.compile("sgd", "mse")
    x = np.ones((4, *shape), "float32")
    model.fit(x, np.ones((4, 1), "float32"), batch_size=4, verbose=0)
    return model.plan().describe()


def test_who_rounds_and_who_does_not():
    mixed = {"dtype": "mixed_bfloat16"}
    text = _kernels(layers.Dense(33, **mixed), (40,))
    assert "gemm_nn_bf16" in text and "gemm_tn_bf16" in text
    text = _kernels(layers.Conv2D(8, 3, **mixed), (9, 9, 4))
    assert "conv_bf16" in text and "conv_kernel_grad_bf16" in text
    assert "conv_input_grad_bf16" in _kernels(layers.Conv2DTranspose(8, 3, **mixed), (9, 9, 4))
    text = _kernels(
        fastnn.Sequential([layers.Conv2D(32, 3, **mixed), layers.Conv2D(32, 3, **mixed)]), (16, 16, 32)
    )
    assert ("winograd" in text) == (settings.kernels().isa != "amx")  # which rounds what it reads, too
    assert "bf16" in _kernels(layers.EinsumDense("abc,cd->abd", (6, 16), **mixed), (6, 20))

    class Attending(layers.Layer):
        def __init__(self):
            super().__init__(dtype="float32")
            self.inner = layers.MultiHeadAttention(2, 8, **mixed)

        def call(self, x):
            return self.inner(x, x)

    text = _kernels(Attending(), (6, 16))
    assert "gemm_nn_bf16" in text and "attention" in text
    for layer, shape in (
        (layers.DepthwiseConv2D(3, **mixed), (9, 9, 4)),
        (layers.LSTM(8, **mixed), (5, 4)),
        (layers.UpSampling2D(interpolation="bilinear", **mixed), (4, 4, 3)),
        (layers.LayerNormalization(**mixed), (12,)),
        (layers.Dense(33), (40,)),
    ):
        assert "bf16" not in _kernels(layer, shape), layer


def test_a_layer_of_ones_own_follows_its_policy(policy, rng):
    class Product(layers.Layer):
        def build(self, shape):
            self.w = self.add_weight((shape[-1], 3), name="w")

        def call(self, x):
            assert self.w.dtype == "float32"
            return ops.matmul(ops.cast(x, self.compute_dtype), self.w)

    class Outer(layers.Layer):
        def __init__(self):
            super().__init__()
            self.exact = Product(dtype="float32")

        def call(self, x):
            return self.exact(x), ops.einsum("ij,jk->ik", x, self.exact.w)

    x = rng.standard_normal((4, 6)).astype("float32")
    outer = Outer()
    exact, rounded = outer(x)
    w = outer.exact.w.numpy()
    np.testing.assert_allclose(exact.array, x.astype("float64") @ w, rtol=0, atol=16 * EPS32)
    np.testing.assert_allclose(rounded.array, _wide(x) @ _wide(w), rtol=0, atol=16 * EPS32)
    assert np.abs(exact.array - rounded.array).max() > 1e-4
    np.testing.assert_array_equal(ops.matmul(x, w), ops.matmul(x, w))
    np.testing.assert_allclose(
        ops.matmul(x, w).array, exact.array, rtol=0, atol=16 * EPS32
    )  # no layer, no policy


def test_files_keep_the_policy(policy, tmp_path, rng):
    model = fastnn.Sequential([layers.Input((6,)), layers.Dense(4), layers.Dense(2, dtype="float32")])
    x = rng.standard_normal((5, 6)).astype("float32")
    model.save(tmp_path / "m.keras")
    loaded = fastnn.models.load_model(tmp_path / "m.keras")
    assert [layer.dtype_policy.name for layer in loaded.layers] == ["mixed_bfloat16", "float32"]
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    theirs = keras.models.load_model(tmp_path / "m.keras")
    assert theirs.layers[0].dtype_policy.name == "mixed_bfloat16"


def test_a_convnet_learns_digits_as_well_as_with_float32():
    (x, y), (x_test, y_test) = fastnn.datasets.mnist_5k.load_data()
    x, x_test = (a[..., None].astype("float32") / 255 for a in (x, x_test))
    accuracy = {}
    for name in ("float32", "mixed_bfloat16"):
        fastnn.utils.set_random_seed(7)
        model = fastnn.Sequential(
            [
                layers.Conv2D(16, 3, strides=2, activation="relu", dtype=name),
                layers.Conv2D(32, 3, strides=2, activation="relu", dtype=name),
                layers.Flatten(),
                layers.Dense(64, activation="relu", dtype=name),
                layers.Dense(10, dtype=name),
            ]
        )
        steps = fastnn.optimizers.schedules.CosineDecay(3e-3, 10 * -(-len(x) // 64))
        loss = fastnn.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(fastnn.optimizers.Adam(steps), loss, metrics=["accuracy"])
        model.fit(x, y, batch_size=64, epochs=10, verbose=0)
        accuracy[name] = model.evaluate(x_test, y_test, verbose=0)[1]
    assert accuracy["float32"] > 0.95
    assert accuracy["mixed_bfloat16"] >= accuracy["float32"] - 0.005, accuracy
