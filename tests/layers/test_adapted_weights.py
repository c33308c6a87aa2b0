"""Low-rank adapters and weights of 8 bits: what they compute, train and save, and that Keras gets the same."""

import keras
import numpy as np
import pytest

import fastnn as k

L = k.layers
pytestmark = [  # of Keras on NumPy
    pytest.mark.filterwarnings("ignore:(.|\\n)*custom_gradient:UserWarning"),
    pytest.mark.filterwarnings("ignore:(.|\\n)*__array__ implementation:DeprecationWarning"),
]


def layers_of(module):
    """Each layer that can have an adapter: (layer, inputs)."""
    rng = np.random.default_rng(5)
    x = rng.standard_normal((4, 6, 5)).astype("float32")
    return {
        "Dense": (module.layers.Dense(3, activation="tanh"), x),
        "EinsumDense": (module.layers.EinsumDense("abc,cde->abde", (6, 2, 3), bias_axes="de"), x),
        "EinsumDense back": (module.layers.EinsumDense("abcd,cde->abe", (2, 3)), x.reshape(4, 2, 3, 5)),
        "Embedding": (module.layers.Embedding(7, 4), np.arange(6).reshape(2, 3)),
        "Conv1D": (module.layers.Conv1D(4, 3), x),
    }


def same_weights(layer, other):
    rng = np.random.default_rng(6)
    values = [rng.standard_normal(v.shape).astype("float32") for v in layer.weights]
    layer.set_weights(values)
    other.set_weights(values)


@pytest.mark.parametrize("name", list(layers_of(k)))
def test_adapters_compute_as_keras(name):
    (ours, x), (theirs, _) = layers_of(k)[name], layers_of(keras)[name]
    ours(x), theirs(x)
    for layer in (ours, theirs):
        layer.enable_lora(2, lora_alpha=3)
    assert [v.name for v in ours.weights] == [v.name for v in theirs.weights]
    assert [v.name for v in ours.trainable_weights] == [v.name for v in theirs.trainable_weights]
    same_weights(ours, theirs)
    np.testing.assert_allclose(ours(x), keras.ops.convert_to_numpy(theirs(x)), rtol=2e-5, atol=2e-5)
    kept = {}
    ours.save_own_variables(kept)
    np.testing.assert_allclose(
        kept["0"], keras.ops.convert_to_numpy(getattr(theirs, ours.main_weight)), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("name", ["Dense", "EinsumDense", "EinsumDense back", "Embedding"])
def test_quantized_as_keras(name):
    (ours, x), (theirs, _) = layers_of(k)[name], layers_of(keras)[name]
    before = np.asarray(ours(x)), theirs(x)
    same_weights(ours, theirs)
    before = np.asarray(ours(x))
    for layer in (ours, theirs):
        layer.quantize("int8")
    assert [(v.name, v.shape, v.dtype) for v in ours.weights] == [
        (v.name, v.shape, v.dtype) for v in theirs.weights
    ]
    for mine, other in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(mine.numpy(), other.numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        ours(x), keras.ops.convert_to_numpy(theirs(x)), rtol=1e-4, atol=1e-4
    )  # a step of 8 bits of inputs of 3: 0.02
    assert 0 < np.abs(np.asarray(ours(x)) - before).max() < 0.1
    assert ours.dtype_policy.name == theirs.dtype_policy.name == "int8_from_float32"


def test_an_adapter_is_trained_and_merged_in_the_file(tmp_path, rng):
    x = rng.standard_normal((32, 6)).astype("float32")
    y = x[:, :2] * 2
    model = k.Sequential([L.Input((6,)), L.Dense(8, name="a"), L.Dense(2, name="b")])
    model.compile("adam", "mse")
    model.fit(x, y, verbose=0)
    first, before = model.get_layer("a"), model.predict(x, verbose=0)
    kernel = first.kernel.numpy()
    model.get_layer("b").trainable = False
    first.enable_lora(2)
    np.testing.assert_array_equal(model.predict(x, verbose=0), before)
    model.compile("adam", "mse")
    model.fit(x, y, verbose=0)
    np.testing.assert_array_equal(first._kernel.numpy(), kernel)
    assert np.abs(np.asarray(first.kernel) - kernel).max() > 0
    model.save(tmp_path / "adapted.keras")
    loaded, after = k.models.load_model(tmp_path / "adapted.keras"), model.predict(x, verbose=0)
    np.testing.assert_allclose(loaded.predict(x, verbose=0), after, rtol=1e-5, atol=1e-6)
    in_keras = keras.models.load_model(tmp_path / "adapted.keras")
    np.testing.assert_allclose(in_keras.predict(x, verbose=0), after, rtol=1e-5, atol=1e-5)


def test_a_quantized_model_goes_both_ways(tmp_path, rng):
    words = rng.integers(0, 20, (4, 5))
    tokens = L.Input((5,), dtype="int32")
    x = L.Embedding(20, 8)(tokens)
    x = L.MultiHeadAttention(2, 4, name="heads")(x, x)
    model = k.Model(tokens, L.Dense(3)(L.Flatten()(x)))
    before = model.predict(words, verbose=0)
    model.quantize("int8", filters=lambda layer: layer.name != "dense")
    after = model.predict(words, verbose=0)
    assert 0 < np.abs(after - before).max() < 0.05
    model.save(tmp_path / "small.keras")
    np.testing.assert_array_equal(
        k.models.load_model(tmp_path / "small.keras").predict(words, verbose=0), after
    )
    np.testing.assert_allclose(
        keras.models.load_model(tmp_path / "small.keras").predict(words, verbose=0),
        after,
        rtol=1e-3,
        atol=1e-3,
    )


def configs(module):
    """Ways to quantize that are not the default."""
    q = module.quantizers
    return [
        q.Int8QuantizationConfig(activation_quantizer=None),
        q.Int8QuantizationConfig(
            q.AbsMaxQuantizer(axis=0, value_range=(-64, 64)), q.AbsMaxQuantizer(epsilon=0.1)
        ),
    ]


@pytest.mark.parametrize("which", [0, 1])
def test_quantized_in_another_way_and_read_from_a_file_of_keras(tmp_path, which):
    theirs, ours = (
        module.Sequential([module.Input((6,)), module.layers.Dense(5, "relu"), module.layers.Dense(3)])
        for module in (keras, k)
    )
    x = np.random.default_rng(4).standard_normal((8, 6)).astype("float32")
    ours.set_weights(theirs.get_weights())
    for model, module in ((theirs, keras), (ours, k)):
        for layer in model.layers:  # Keras's Model.quantize warns of an InputLayer
            layer.quantize(config=configs(module)[which])
    want = theirs.predict(x, verbose=0)
    np.testing.assert_allclose(ours.predict(x, verbose=0), want, rtol=1e-4, atol=1e-4)
    theirs.save(tmp_path / "small.keras")
    read = k.models.load_model(tmp_path / "small.keras")
    np.testing.assert_allclose(read.predict(x, verbose=0), want, rtol=1e-4, atol=1e-4)
    config = ours.layers[0].get_config()["quantization_config"]
    assert config == theirs.layers[0].get_config()["quantization_config"]
    ours.save(tmp_path / "ours.keras")
    again = keras.models.load_model(tmp_path / "ours.keras")
    np.testing.assert_allclose(again.predict(x, verbose=0), want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "wrong, parts",
    [
        (lambda: L.Dense(2, name="top").enable_lora(2), ["'top'", "built"]),
        (lambda: L.Dense(2, lora_rank=0), ["`lora_rank`", "0", "at least 1"]),
        (
            lambda: L.Dense(2, kernel_constraint="non_neg", lora_rank=1)(np.ones((1, 2))),
            ["kernel_constraint"],
        ),
        (lambda: L.Dropout(0.1, name="drop").quantize("int8"), ["'drop'", "Dense"]),
        (lambda: L.Dense(2).quantize("int4"), ["int8", "int4"]),
        (lambda: L.Dense(2).quantize("int4", config=configs(k)[0]), ["Int8QuantizationConfig", "int4"]),
        (lambda: L.Dense(2, quantization_config={"class_name": "x"}), ["config"]),
        (
            lambda: k.quantizers.Int8QuantizationConfig(k.quantizers.AbsMaxQuantizer(output_dtype="uint8")),
            ["uint8"],
        ),
        (lambda: L.LocallyConnected1D(2, 3), ["LocallyConnected1D", "Conv1D"]),
    ],
)
def test_wrong_use(wrong, parts):
    with pytest.raises((ValueError, NotImplementedError)) as caught:
        wrong()
    assert all(part in str(caught.value) for part in parts), str(caught.value)


def test_int4_goes_in_pairs():
    numbers = np.arange(-8, 7).reshape(5, 3).astype("int8")
    for axis in (0, 1):
        packed, shape, count = k.quantizers.pack_int4(numbers, axis)
        want = keras.quantizers.pack_int4(keras.ops.convert_to_tensor(numbers), axis)
        np.testing.assert_array_equal(packed, want[0])
        assert (shape, count) == want[1:]
        np.testing.assert_array_equal(k.quantizers.unpack_int4(packed, count, axis), numbers)


@pytest.mark.parametrize("form", [".keras", ".h5"])
def test_a_model_that_keras_quantized(form, tmp_path, rng):
    """Keras 3.15's `model.quantize` leaves a configuration of it in each layer's own."""
    x = rng.standard_normal((4, 6)).astype("float32")
    start = keras.Input((6,))
    made = keras.Model(start, keras.layers.Dense(2)(keras.layers.Dense(5, activation="relu")(start)))
    made.quantize("int8", filters="dense")
    made.save(tmp_path / f"m{form}")
    loaded = k.models.load_model(tmp_path / f"m{form}")
    assert loaded.layers[1].kernel.dtype == "int8"
    np.testing.assert_allclose(loaded(x), keras.ops.convert_to_numpy(made(x)), rtol=1e-4, atol=1e-4)
