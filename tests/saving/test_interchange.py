"""Files between fastnn and Keras: what one writes the other loads, with equal outputs, and learns on from."""

import h5py
import keras
import numpy as np
import pytest
from architectures import ARCHITECTURES, branch_class, data_for
from support import EPS32

import fastnn

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*HDF5 file via:UserWarning"),
]
FORMATS = [".keras", ".h5", ".weights.h5", ".weights.json"]
SHARD = 2000 / 2**30  # gigabytes; the largest array of all is smaller
WAYS = pytest.mark.parametrize(
    "writer, reader",
    [(keras, fastnn), (fastnn, keras), (fastnn, fastnn)],
    ids=["from_keras", "to_keras", "own"],
)


def predicted(model, x):
    outputs = model.predict(x, verbose=0)
    return outputs if isinstance(outputs, dict) else {"": outputs}


def disturb(model, seed=1):
    """Give every weight another value, as training would; variances and the like stay positive."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        variable.assign(
            np.abs(np.asarray(variable) + rng.normal(0, 0.1, tuple(variable.shape))).astype(variable.dtype)
        )


def update(model, seed):
    """A step of the model's optimizer with gradients drawn at random: what training is without forward and
    backward."""
    rng = np.random.default_rng(seed)
    weights = model.trainable_weights
    gradients = [rng.normal(0, 1, tuple(weight.shape)).astype("float32") for weight in weights]
    if model.optimizer.__module__.startswith("keras"):
        model.optimizer.apply(gradients, weights)
    else:
        model.optimizer.apply([fastnn.ops.convert_to_tensor(gradient) for gradient in gradients], weights)


def carried(name, form, writer, reader, path):
    """A model after two updates, and the one that `reader` makes of the file of it."""
    build = ARCHITECTURES[name][0]
    writer.utils.set_random_seed(
        4
    )  # a normalisation over few channels may meet a variance near 0 with other weights
    model = build(writer)
    disturb(model)
    for seed in (10, 11):
        update(model, seed)
    if form.startswith(".weights"):
        model.save_weights(path, max_shard_size=SHARD if form == ".weights.json" else None)
        loaded = build(reader)
        loaded.optimizer.build(loaded.trainable_variables)
        loaded.load_weights(path)
        return model, loaded
    model.save(path)
    # Keras does not restore the optimizers of its own .h5 files of Functional and Sequential models.
    return model, reader.models.load_model(path, compile=reader is fastnn or form == ".keras")


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if name != "subclassed"])
@WAYS
def test_outputs_and_updates_survive(name, form, writer, reader, tmp_path):
    model, loaded = carried(name, form, writer, reader, str(tmp_path / f"model{form}"))
    x, _ = data_for(name)
    want, got = predicted(model, x), predicted(loaded, x)
    assert set(want) == set(got)
    for key in want:
        # 3e-5: a dozen layers, one of them a normalisation over few channels, each rounded in its own way
        np.testing.assert_allclose(got[key], want[key], rtol=1e-5, atol=3e-5)
    if reader is keras and form == ".h5":
        return
    for seed in (12, 13, 14):
        update(model, seed)
        update(loaded, seed)
    for mine, theirs in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_allclose(
            np.asarray(theirs), np.asarray(mine), rtol=1e-5, atol=1e-6, err_msg=mine.path
        )


# Keras's NumPy backend finds shapes by computing with memory as it comes, which may overflow.
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("form", [".keras", ".weights.h5"])
@WAYS
def test_subclassed_model(form, writer, reader, tmp_path):
    build, path = ARCHITECTURES["subclassed"][0], str(tmp_path / f"model{form}")
    x, _ = data_for("subclassed")
    model, loaded = build(writer), build(reader)
    for some in (model, loaded):
        some.predict(x, verbose=0)
    branch_class(reader)  # registers it
    disturb(model)
    model.optimizer.build(model.trainable_variables)
    loaded.optimizer.build(loaded.trainable_variables)
    if form == ".weights.h5":
        model.save_weights(path)
        loaded.load_weights(path)
    else:
        model.save(path)
        loaded = reader.models.load_model(path)
    np.testing.assert_allclose(
        loaded.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5, atol=1e-5
    )


def layout(path):
    """{path in the file: shape and dtype of an array, or a group's attributes}"""
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: found.update(
                {
                    name: (
                        (item.shape, str(item.dtype)) if isinstance(item, h5py.Dataset) else dict(item.attrs)
                    )
                }
            )
        )
    return found


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_weights_lie_where_keras_puts_them(name, tmp_path):
    layouts = []
    for k in (keras, fastnn):
        k.utils.clear_session()
        model = ARCHITECTURES[name][0](k)
        model.predict(data_for(name)[0], verbose=0)
        model.optimizer.build(model.trainable_variables)
        model.save_weights(str(tmp_path / "a.weights.h5"))
        layouts.append(layout(tmp_path / "a.weights.h5"))
    assert layouts[0] == layouts[1]


def halves(k, dtype="float16"):
    """Layers that compute in float16, or by another policy, and one that does not."""
    x = inputs = k.Input((6, 5, 3))
    x = k.layers.Conv2D(4, 3, activation="relu", dtype=dtype)(x)
    x = k.layers.BatchNormalization(dtype=dtype)(x)
    x = k.layers.Flatten(dtype=dtype)(x)
    x = k.layers.Dense(5, activation="tanh", dtype=dtype)(x)
    x = k.layers.LayerNormalization(dtype=dtype)(x)
    model = k.Model(inputs, k.layers.Dense(2, dtype="float32")(x))
    model.compile(k.optimizers.SGD(0.01), loss="mse")
    return model


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's own squares of such numbers overflow
@pytest.mark.parametrize("form", FORMATS)
@WAYS
def test_float16(form, writer, reader, tmp_path):
    """Every weight has the same 16 bits afterwards."""
    model, path = halves(writer), str(tmp_path / f"m{form}")
    disturb(model)
    if form.startswith(".weights"):
        model.save_weights(path, max_shard_size=SHARD if form == ".weights.json" else None)
        loaded = halves(reader)
        loaded.load_weights(path)
    else:
        model.save(path)
        loaded = reader.models.load_model(path, compile=reader is fastnn or form == ".keras")
    for mine, theirs in zip(model.weights, loaded.weights, strict=True):
        assert str(mine.dtype) == str(theirs.dtype)
        np.testing.assert_array_equal(np.asarray(theirs), np.asarray(mine))
    x = np.random.default_rng(2).standard_normal((4, 6, 5, 3)).astype("float32")
    want = model.predict(x, verbose=0)
    # 2**-11 a rounding, of values up to about 4, in five layers
    np.testing.assert_allclose(loaded.predict(x, verbose=0), want, rtol=5e-3, atol=2e-2)


@pytest.mark.filterwarnings("ignore:bfloat16:UserWarning", "ignore:mixed_:UserWarning")
@pytest.mark.parametrize("policy", ["bfloat16", "mixed_bfloat16", "mixed_float16", "float64"])
@pytest.mark.parametrize("form", [".keras", ".h5", ".weights.h5"])
@WAYS
def test_policies(form, policy, writer, reader, tmp_path):
    writer.utils.set_random_seed(1)
    model, path = halves(writer, policy), str(tmp_path / f"m{form}")
    disturb(model)
    if form.startswith(".weights"):
        model.save_weights(path)
        loaded = halves(reader, policy)
        loaded.load_weights(path)
    else:
        model.save(path)
        loaded = reader.models.load_model(path, compile=reader is fastnn or form == ".keras")
    names = [[layer.dtype_policy.name for layer in m.layers[1:]] for m in (model, loaded)]
    assert names[0] == names[1] == [policy] * 5 + ["float32"]
    for mine, theirs in zip(model.weights, loaded.weights, strict=True):
        mine, theirs = (np.asarray(w).astype("float64") for w in (mine, theirs))
        # fastnn keeps what a policy calls bfloat16 in float32; Keras rounds it as it loads it
        rounds = policy == "bfloat16" and writer is fastnn
        np.testing.assert_allclose(theirs, mine, rtol=2**-8 if rounds else 0)
    if reader is fastnn:
        assert {str(w.dtype) for w in loaded.weights[:2]} == {"float64" if policy == "float64" else "float32"}
    x = np.random.default_rng(2).standard_normal((4, 6, 5, 3)).astype("float32")
    want, got = (np.asarray(m.predict(x, verbose=0)).astype("float64") for m in (model, loaded))
    # a rounding's size, of values up to about 4, in five layers, spread by the layer normalization of five numbers;
    # Keras on NumPy convolves in float32 under float64, too
    unit = {"bfloat16": 2**-8, "mixed_bfloat16": 2**-8, "mixed_float16": 2**-11, "float64": 4 * EPS32}[policy]
    np.testing.assert_allclose(got, want, rtol=10 * unit, atol=40 * unit)


@pytest.mark.parametrize("form", [".keras", ".h5"])
def test_grouped_queries_go_both_ways(form, tmp_path):
    path = str(tmp_path / f"grouped{form}")
    x = np.random.default_rng(0).standard_normal((2, 5, 4)).astype("float32")
    for writer, reader in ((keras, fastnn), (fastnn, keras)):
        inputs = writer.Input((5, 4))
        model = writer.Model(inputs, writer.layers.GroupQueryAttention(2, 4, 1)(inputs, inputs))
        model.save(path)
        got = reader.models.load_model(path).predict(x, verbose=0)
        np.testing.assert_allclose(got, model.predict(x, verbose=0), atol=1e-6)


@pytest.mark.parametrize("form", [".keras", ".h5"])
@WAYS
def test_what_is_frozen_stays_frozen(form, writer, reader, tmp_path):
    """The model's own "trainable" says nothing of its layers'."""
    layers, x = writer.layers, writer.Input((4,))
    inner = writer.Sequential([writer.Input((3,)), layers.Dense(3, name="b")], name="inner")
    frozen, adapted = layers.Dense(3, trainable=False, name="a"), layers.Dense(2, lora_rank=1, name="c")
    model = writer.Model(x, adapted(inner(frozen(x))))
    model.compile("sgd", loss="mse")
    model.save(tmp_path / f"m{form}")
    loaded = reader.models.load_model(tmp_path / f"m{form}")
    assert [v.name for v in loaded.trainable_weights] == [v.name for v in model.trainable_weights]
    model.trainable = False
    model.save(tmp_path / f"m{form}")
    assert not reader.models.load_model(tmp_path / f"m{form}").trainable_weights
