"""Configurations, shards and weights made to take all memory or time, or to fail in some odd way: refused in words."""

import io
import json
import os
import zipfile

import h5py
import numpy as np
import pytest
from test_hostile_files import archive, config_of, model, parts, refused, with_layer  # noqa: F401 - a fixture
from watching import harmless

import fastnn
from fastnn import layers, saving

EMPTY = io.BytesIO()
with h5py.File(EMPTY, "w"):
    pass


# ---- little text, much work


def tensor(name, shape, call=0):
    config = {"shape": shape, "dtype": "float32", "keras_history": [name, call, 0]}
    return {"class_name": "__keras_tensor__", "config": config}


def functional(name, shape, entry, calls, last):
    start = {
        "module": "keras.layers",
        "class_name": "InputLayer",
        "registered_name": None,
        "config": {"batch_shape": shape, "dtype": "float32", "name": f"{name}_in"},
        "name": f"{name}_in",
        "inbound_nodes": [],
    }
    entry = {**entry, "inbound_nodes": [{"args": [call], "kwargs": {}} for call in calls]}
    return {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "registered_name": "Functional",
        "name": name,
        "config": {
            "name": name,
            "layers": [start, entry],
            "input_layers": [[f"{name}_in", 0, 0]],
            "output_layers": [[entry["name"], last, 0]],
        },
    }


def laughs(depth):
    """A model inside a model inside a model, each calling the next twice: 2**depth calls in a few kilobytes."""
    entry = {**layers.serialize(layers.ReLU(name="relu")), "name": "relu"}
    shape = [None, None, 4]
    for i in range(depth):
        calls = [tensor(f"m{i}_in", shape), tensor(entry["name"], shape)]
        entry = functional(f"m{i}", shape, entry, calls, 2 if i else 1)
    shape = [None, 7, 4]  # another than theirs: all of it is gone through to find the outputs' shapes
    return functional("top", shape, entry, [tensor("top_in", shape)], 1)


def test_models_that_call_each_other_twice(tmp_path):
    fine = archive(tmp_path / "fine.keras", laughs(4), EMPTY.getvalue())
    assert fastnn.models.load_model(fine).output_shape == (None, 7, 4)
    path = archive(tmp_path / "m.keras", laughs(40), EMPTY.getvalue())
    with harmless(path, room=None), pytest.raises(ValueError, match="calls of layers"):
        fastnn.models.load_model(path)


METRICS = [
    ("AUC", {"num_thresholds": 10**10}),
    ("AUC", {"num_thresholds": 10**6, "multi_label": True}),
    ("MeanIoU", {"num_classes": 10**5}),
    ("MeanIoU", {"num_classes": 10**9}),
    ("OneHotMeanIoU", {"num_classes": 10**12}),
    ("PrecisionAtRecall", {"recall": 0.5, "num_thresholds": 10**9}),
    ("R2Score", {"num_regressors": "x", "class_aggregation": 3}),
]


@pytest.mark.parametrize("name, config", METRICS)
def test_metrics_that_ask_for_all_memory(name, config, parts, tmp_path):  # noqa: F811
    entry = {"module": "keras.metrics", "class_name": name, "registered_name": None, "config": config}
    config, weights = parts
    config["compile_config"] = {"optimizer": "adam", "loss": "mse", "metrics": [entry]}
    refused(archive(tmp_path / "m.keras", config, weights), "can hold values for|R2Score")


OPS = [
    ("numpy", "ArraySplit", {"indices_or_sections": 10**9, "axis": 1}),
    ("numpy", "Repeat", {"repeats": [10**12, 1, 1], "axis": 1}),
    ("numpy", "Diff", {"n": 10**9, "axis": 1}),
    ("numpy", "Pad", {"pad_width": [[0, 0], [10**10, 0]], "mode": "reflect"}),
    ("numpy", "Linspace", {"num": 2**31, "stop": 2}),
    ("numpy", "Logspace", {"num": 10**9, "stop": 2}),
    ("numpy", "Geomspace", {"num": 2**31, "stop": 2}),
    ("math", "ExtractSequences", {"sequence_length": 2**31, "sequence_stride": 2}),
    ("nn", "Unfold", {"kernel_size": 2**31}),
    ("math", "STFT", {"sequence_length": 2, "sequence_stride": 1, "fft_length": 2**40}),
]


def check_harmless(entry, config, shape, tmp_path):
    """A model of this one call is loaded or refused, and takes little either way."""
    called = {**entry, "config": {**config, "name": entry["name"]}}
    spoilt = functional("m", shape, called, [tensor("m_in", shape)], 0)
    path = archive(tmp_path / "m.keras", spoilt, EMPTY.getvalue())
    with harmless(path):
        try:
            fastnn.models.load_model(path)
        except ValueError as error:
            assert "MemoryError" not in str(error)


@pytest.mark.parametrize("module, name, config", OPS)
def test_ops_that_ask_for_all_memory(module, name, config, tmp_path):
    entry = {"module": f"keras.src.ops.{module}", "class_name": name, "registered_name": name, "name": "op"}
    shape = [None, 3, 5, 5] if name == "Unfold" else [None, 3]
    check_harmless(entry, config, shape, tmp_path)


LAYERS = [
    ("MelSpectrogram", {"fft_length": 2**33}, [None, 10**6]),
    ("MelSpectrogram", {"num_mel_bins": 10**9}, [None, 10**4]),
    ("MelSpectrogram", {}, [None, 10**12]),
    ("UpSampling2D", {"size": [10**6, 10**6], "interpolation": "bilinear"}, [None, 9, 9, 1]),
    ("AdaptiveAveragePooling1D", {"output_size": 10**12}, [None, 9, 1]),
    ("AdaptiveMaxPooling2D", {"output_size": [10**12, 1]}, [None, 9, 9, 1]),
    ("Flatten", {}, [None] + [1] * 60),
]


@pytest.mark.parametrize("name, config, shape", LAYERS)
def test_layers_that_ask_for_all_memory(name, config, shape, tmp_path):
    entry = {"module": "keras.layers", "class_name": name, "registered_name": None, "name": "it"}
    check_harmless(entry, config, shape, tmp_path)


def test_weights_of_a_lookup_that_ask_for_all_memory(parts, tmp_path):  # noqa: F811
    config = {"vocabulary": ["a"], "idf_weights": [1.0], "output_mode": "tf_idf", "max_tokens": 10**12}
    entry = {"module": "keras.layers", "class_name": "StringLookup", "registered_name": None}
    spoilt = with_layer(parts[0], {**entry, "config": {"name": "w", "pad_to_max_tokens": True, **config}})
    refused(archive(tmp_path / "m.keras", spoilt, parts[1]), "can hold values for")


WORDS = [
    ("IntegerLookup", {"num_oov_indices": 10**10}, "can hold values for"),
    ("IntegerLookup", {"num_oov_indices": -1}, "at least 0"),
    ("IntegerLookup", {"num_oov_indices": "x"}, "TypeError"),
    ("IntegerLookup", {"max_tokens": -5}, "greater than 1"),
    ("IntegerLookup", {"vocabulary": [1, "b"]}, "invalid literal"),
    ("IntegerLookup", {"vocabulary": "/etc/passwd"}, "names a file"),
    ("IntegerLookup", {"vocabulary": [1, 1]}, "more than once"),
    ("IntegerLookup", {"vocabulary": {"a": [1]}}, "invalid literal"),
    ("IntegerLookup", {"vocabulary": [2**63]}, "no integers of 64 bits"),
    ("IntegerLookup", {"vocabulary": [1e308]}, "no integers of 64 bits"),
    ("IntegerLookup", {"mask_token": [[1, 2]]}, "`mask_token` must be an integer or None"),
    ("StringLookup", {"num_oov_indices": 10**12}, "can hold values for"),
    ("StringLookup", {"mask_token": ["a", 3]}, "`mask_token` must be a string or None"),
    ("StringLookup", {"oov_token": {"a": 1}}, "`oov_token` must be a string or None"),
    ("StringLookup", {"vocabulary": ["a", "a"]}, "more than once"),
    ("TextVectorization", {"output_sequence_length": -5}, "must be a positive integer"),
    ("TextVectorization", {"output_sequence_length": 2.5}, "must be a positive integer"),
    ("TextVectorization", {"ngrams": "x"}, "`ngrams` must be"),
    ("TextVectorization", {"vocabulary": "/etc/passwd"}, "names a file"),
    ("CategoryEncoding", {"num_tokens": -1}, "num_tokens"),
    ("Hashing", {"num_bins": -1}, "num_bins"),
]


@pytest.mark.parametrize("name, config, match", WORDS)
def test_layers_of_words_with_odd_settings(name, config, match, tmp_path):
    good = {"IntegerLookup": {"vocabulary": [1, 2]}, "StringLookup": {"vocabulary": ["a"]}}.get(name, {})
    entry = {"module": "keras.layers", "class_name": name, "registered_name": None, "name": "it"}
    entry["config"] = {**good, **config, "name": "it"}
    spoilt = functional("m", [None, 1], entry, [tensor("m_in", [None, 1])], 0)
    spoilt["config"]["layers"][0]["config"]["dtype"] = (
        "string" if name in ("StringLookup", "TextVectorization") else "int32"
    )
    refused(archive(tmp_path / "m.keras", spoilt, EMPTY.getvalue()), match)


def test_more_words_in_a_row_than_any_text_has():
    """Each length up to `ngrams` was looked at: 2**40 of them never end."""
    texts = np.array([["a b"], ["c"]])
    most = layers.TextVectorization(vocabulary=["a", "a b", "c"], ngrams=2**40)
    two = layers.TextVectorization(vocabulary=["a", "a b", "c"], ngrams=2)
    np.testing.assert_array_equal(most(texts), two(texts))


PATTERNS = ["(a+)+b", "a?" * 30 + "a" * 30, "(a|a)" * 40 + "b", ".*a.*a.*a.*b", "[", 3]


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: str(pattern)[:12])
def test_patterns_without_end(pattern, parts, tmp_path):  # noqa: F811
    """Muon and maps of policies compare paths with patterns; `re` may take 2**30 steps for one of them."""
    config, weights = parts
    muon = {"module": "keras.optimizers", "class_name": "Muon", "registered_name": None}
    muon["config"] = {"exclude_layers": [pattern]}
    config["config"]["layers"][1]["config"]["name"] = "a" * 60
    config["compile_config"] = {"optimizer": muon, "loss": "mse"}
    refused(archive(tmp_path / "a.keras", config, weights), "take without end|no regular|must be a text")
    del config["compile_config"]
    policies = {"default_policy": "float32", "policy_map": {str(pattern): "float32"}}
    policy = {"module": "keras.dtype_policies", "class_name": "DTypePolicyMap", "registered_name": None}
    config["config"]["layers"][1]["config"]["dtype"] = {**policy, "config": policies}
    if pattern != 3:
        refused(archive(tmp_path / "b.keras", config, weights), "take without end|no regular")


@pytest.mark.filterwarnings("ignore:the saved state of optimizer")  # the file has none
def test_patterns_that_are_fine(parts, tmp_path):  # noqa: F811
    config, weights = parts
    muon = {"module": "keras.optimizers", "class_name": "Muon", "registered_name": None}
    muon["config"] = {"exclude_layers": ["head|block_[0-9]+/.*bias", r"\(x\)*", "[*+?|]"]}
    config["compile_config"] = {"optimizer": muon, "loss": "mse"}
    with harmless(path := archive(tmp_path / "a.keras", config, weights)):
        assert fastnn.models.load_model(path).optimizer.exclude_layers == muon["config"]["exclude_layers"]
    muon["config"] = {"ns_steps": 2**40}
    refused(archive(path, config, weights), "`ns_steps` must be")


# ---- configurations alone


def dense(**more):
    config = {
        "module": "keras.layers",
        "class_name": "Dense",
        "config": {"units": 3},
        "registered_name": None,
    }
    return {**config, **more}


def inside(config, depth, kind):
    for _ in range(depth):
        config = {
            "list": [config],
            "dict": {"a": config},
            "slice": {"class_name": "__slice__", "config": {"start": config, "stop": None, "step": None}},
            "layer": dense(class_name="Activation", config={"activation": config}),
        }[kind]
    return config


@pytest.mark.parametrize("kind", ["list", "dict", "slice", "layer"])
def test_nests_without_end(kind):
    with pytest.raises(ValueError, match="nested too deeply"):
        saving.deserialize_keras_object(inside(None, 5000, kind))


@pytest.mark.parametrize(
    "config",
    [
        dense(class_name=["Dense"]),
        dense(class_name={"a": 1}),
        dense(registered_name=["Dense"]),
        dense(registered_name={}),
        {"class_name": "__numpy__", "config": {"value": {"a": 1}, "dtype": "float32"}},
        {"class_name": "__numpy__", "config": {"value": [1], "dtype": "object"}},
        {"class_name": "__numpy__", "config": {"value": [[1], [2, 3]], "dtype": "float32"}},
        {"class_name": "__numpy__", "config": {}},
        {"class_name": "__numpy__", "config": 3},
        {"class_name": "__tensor__", "config": {"value": "x", "dtype": "float32"}},
        {"class_name": "__keras_tensor__", "config": {}},
        {"class_name": "__bytes__", "config": {"value": [1]}},
        {"class_name": "__slice__", "config": {}},
    ],
    ids=lambda config: json.dumps(config)[:60],
)
def test_configurations_of_nothing(config):
    with pytest.raises(ValueError, match="must be a name|holds no|must be one of|inhomogeneous|convert"):
        saving.deserialize_keras_object(config)


@pytest.mark.parametrize(
    "name", ["object", "O", "V8", "M8[s]", "float8_e4m3fn", "x" * 10**5, "complex64", "int32"]
)
def test_policies_of_other_dtypes(name, parts, tmp_path):  # noqa: F811
    config, weights = parts
    policy = {
        "module": "keras",
        "class_name": "DTypePolicy",
        "registered_name": None,
        "config": {"name": name},
    }
    config["config"]["layers"][1]["config"]["dtype"] = policy
    config["config"]["layers"][1].pop("build_config", None)
    try:
        refused(
            archive(tmp_path / "m.keras", config, weights), "`name` must be|the file holds|holds no model"
        )
    except pytest.fail.Exception:
        assert name == "complex64"  # of which real numbers are a kind


@pytest.mark.parametrize("version", [3, [], {}, "x", "", "9" * 10_000, "3." + "1" * 5000, "-1", None])
def test_versions_that_are_none(version, parts, tmp_path):  # noqa: F811
    """Who wrote a file is what it says itself: whatever that is, it is no more than a guess at its form."""
    config, weights = parts
    path = archive(tmp_path / "m.keras", config, weights)
    path = archive(tmp_path / "m.keras", config, weights, metadata=json.dumps({"keras_version": version}))
    with harmless(path):
        fastnn.models.load_model(path)


@pytest.mark.parametrize("version", ["3.15.1", "2.9.0"])
@pytest.mark.parametrize(
    "config", [{}, {"optimizer_config": 3}, {"optimizer_config": {"class_name": "Adam", "config": []}}]
)
def test_compile_settings_that_are_none(config, version, tmp_path):
    path = tmp_path / "m.h5"
    made = model()
    made.compile("adam", "mse")
    made.save(path)
    with h5py.File(path, "r+") as file:
        file.attrs["keras_version"] = version
        file.attrs["training_config"] = json.dumps(config)
    if version == "2.9.0" and len(config) and config["optimizer_config"] != 3:
        with harmless(path):
            fastnn.models.load_model(path)  # then its settings had no place in the configuration
        return
    refused(path, "holds no model that can be made")


@pytest.mark.parametrize(
    "config",
    [
        {"class_name": "Sequential", "config": {"layers": 3}},
        {"class_name": "Sequential", "config": {"layers": [{"class_name": "Sequential", "config": None}]}},
        {"class_name": "Functional", "config": {"layers": [{}], "name": "a"}},
    ],
)
def test_older_configurations_of_nothing(config, tmp_path):
    path = tmp_path / "m.h5"
    model().save(path)
    with h5py.File(path, "r+") as file:
        file.attrs["keras_version"] = "2.9.0"
        file.attrs["model_config"] = json.dumps(config)
    refused(path, "holds no model")


def test_many_assets_that_unpack_to_much(tmp_path):
    """Each is small enough; all of them would take a hundred times what the archive has."""
    inputs = fastnn.Input((1,), dtype="string")
    made = fastnn.Model(inputs, layers.StringLookup(vocabulary=["a", "b"])(inputs))
    made.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras", "a", zipfile.ZIP_DEFLATED) as file:
        for i in range(12):
            file.writestr(f"assets/layers/string_lookup/{i}", b"\0" * 2**22)
    refused(tmp_path / "m.keras", "its assets unpack to far more")


# ---- shards


@pytest.fixture
def shards(tmp_path):
    """(folder, the map's contents) of a harmless save in two files."""
    model().save_weights(tmp_path / "s.weights.json", max_shard_size=30 / 2**30)
    return tmp_path, json.loads((tmp_path / "s.weights.json").read_text())


def load_shards(folder, config):
    path = folder / "bad.weights.json"
    path.write_text(config if isinstance(config, str) else json.dumps(config))
    made = model()
    before = made.get_weights()
    with harmless(*folder.iterdir()), pytest.raises((ValueError, FileNotFoundError)) as caught:
        made.load_weights(path)
    for b, a in zip(before, made.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    return str(caught.value)


NAMES = [
    "../s_00000.weights.h5",
    "/etc/passwd.h5",
    "/etc/hostname",
    "a/b.h5",
    "..",
    "",
    "s.h5\0",
    "http://h/x.h5",
    3,
]


@pytest.mark.parametrize(
    "name", [*NAMES, None, {}, [["s_00000.weights.h5"]], [{}], "s_00000.weights.h5\n"], ids=repr
)
def test_shards_that_lie_elsewhere(name, shards):
    folder, config = shards
    config["weight_map"] = dict.fromkeys(config["weight_map"], name)
    assert "no file beside it" in load_shards(folder, config)


def test_shards_that_are_missing_or_say_things_twice(shards):
    folder, config = shards
    named = {"weight_map": {"a": "s_00000.weights.h5", "b": "s_00001.weights.h5"}}
    fastnn_only = lambda *names: {"weight_map": {str(i): name for i, name in enumerate(names)}}  # noqa: E731
    with h5py.File(folder / "twice.h5", "w") as file:
        file["layers/dense/vars/0"] = np.ones((3, 2), "float32")
    assert "which is not beside it" in load_shards(folder, fastnn_only("gone.weights.h5"))
    assert "the saved file holds 1" in load_shards(folder, fastnn_only("s_00000.weights.h5"))
    assert "the saved file holds 3" in load_shards(
        folder, {**fastnn_only("twice.h5"), "weight_map": {**named["weight_map"], "c": "twice.h5"}}
    )
    assert "another save" in load_shards(folder, {**named, "metadata": {"fastnn_save": "0" * 16}})
    assert "no 'weight_map'" in load_shards(folder, {"weight_map": []})
    assert "no JSON" in load_shards(folder, '{"a":' * 5000)
    os.mkdir(folder / "folder.h5")
    path = folder / "bad.weights.json"
    path.write_text(json.dumps(fastnn_only("folder.h5")))
    with pytest.raises(ValueError, match="no HDF5 file"):
        model().load_weights(path)


# ---- the editor


@pytest.mark.filterwarnings("ignore")
def test_groups_inside_each_other_without_end(tmp_path):
    path = tmp_path / "m.weights.h5"
    with h5py.File(path, "w") as file:
        group = file
        for _ in range(3000):
            group = group.create_group("g")
        group["0"] = 1.0
    with harmless(path), pytest.raises(ValueError, match="damaged|too deeply"):
        saving.KerasFileEditor(path)


def test_attributes_of_every_kind(tmp_path, capsys):
    """What a file says of an object beside its name is kept where it can be, and never followed."""
    path = tmp_path / "m.weights.h5"
    model().save_weights(path)
    with h5py.File(path, "r+") as file:
        attributes = file["layers/dense/vars"].attrs
        attributes["empty"] = h5py.Empty("f4")
        attributes.create("reference", file.ref, dtype=h5py.ref_dtype)
        attributes["bytes"] = np.bytes_(b"\xff\xfe")
        attributes["many"] = np.zeros(16_000, "int32")
    with harmless(path):
        editor = saving.KerasFileEditor(path)
        editor.summary()
        assert editor.compare(model())["status"] == "success"
    editor.save(tmp_path / "again.weights.h5")
    model().load_weights(tmp_path / "again.weights.h5")
    assert "dense" in capsys.readouterr().out and config_of(model())
