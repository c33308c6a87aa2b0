"""Files made to do harm. Each is refused by fastnn's own error, with nothing run, opened or written, in
little memory."""

import base64
import io
import json
import marshal
import os
import re
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from watching import harmless

import fastnn
from fastnn import layers

PLANTED = []  # what planted code would leave its mark in


def model():
    return fastnn.Sequential([fastnn.Input((3,)), layers.Dense(2, name="dense")])


def config_of(made):
    return json.loads(made.to_json())


@pytest.fixture
def parts():
    """(config, weights) of a harmless file, to be spoilt."""
    made = model()
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        from fastnn.saving.weights_store import write_state

        write_state(made, file)
    return config_of(made), weights.getvalue()


def archive(path, config, weights, **more):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("metadata.json", json.dumps({"keras_version": "3.8.0"}))
        file.writestr("config.json", config if isinstance(config, (str, bytes)) else json.dumps(config))
        file.writestr("model.weights.h5", weights)
        for name, data in more.items():
            file.writestr(name, data)
    return path


def refused(path, match, **kwargs):
    before = sorted(os.listdir(os.path.dirname(path)))
    with harmless(path), pytest.raises(ValueError, match=match):
        fastnn.models.load_model(path, **kwargs)
    assert sorted(os.listdir(os.path.dirname(path))) == before and not PLANTED


def planted_code():
    function = lambda x: __import__("test_hostile_files").PLANTED.append(1) or x  # noqa: E731
    return base64.b64encode(marshal.dumps(function.__code__)).decode()


def with_layer(config, entry):
    config["config"]["layers"].append(entry)
    return config


def lambda_entry(function, **more):
    return {
        "module": "keras.layers",
        "class_name": "Lambda",
        "registered_name": None,
        "config": {"name": "lambda", "trainable": True, "dtype": "float32", "function": function, **more},
    }


# ---- code and names in configurations


@pytest.mark.parametrize("form", ["code", "value"])
def test_cve_2024_3660_a_lambdas_code(form, parts, tmp_path):
    """Marshalled code of a Lambda was run by files of before Keras 2.13."""
    config, weights = parts
    code = (
        {"value": [planted_code(), None, None]}
        if form == "value"
        else {"code": planted_code(), "defaults": None, "closure": None}
    )
    refused(
        archive(
            tmp_path / "m.keras",
            with_layer(config, lambda_entry({"class_name": "__lambda__", "config": code})),
            weights,
        ),
        "safe_mode=False",
    )


@pytest.mark.parametrize("version", ["2.4.0", "3.8.0"])
def test_cve_2025_9905_a_lambda_in_an_h5_file(version, tmp_path):
    """`safe_mode` was not looked at for .h5 files."""
    path = tmp_path / "m.h5"
    model().save(path)
    function = [planted_code(), None, None]
    if version.startswith("3"):
        function = {"class_name": "__lambda__", "config": {"value": function}}
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        config["config"]["layers"].append(
            {
                "class_name": "Lambda",
                "config": {
                    "name": "lambda",
                    "function": function,
                    "function_type": "lambda",
                    "arguments": {},
                },
            }
        )
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = version
    refused(path, "safe_mode=False")


@pytest.mark.parametrize("safe_mode", [None, True])
def test_cve_2026_12481_no_scope_is_no_permission(safe_mode):
    """`Lambda.from_config`, and what calls it, took a missing `safe_mode` for False."""
    entry = lambda_entry(
        {"class_name": "__lambda__", "config": {"code": planted_code(), "defaults": None, "closure": None}}
    )
    with pytest.raises(ValueError, match="safe_mode=False"):
        layers.Lambda.from_config(entry["config"], safe_mode=safe_mode)
    with pytest.raises(ValueError, match="safe_mode=False"):
        layers.deserialize(entry)
    assert not PLANTED


@pytest.mark.parametrize(
    "function",
    [
        {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"},
        {"module": "builtins", "class_name": "function", "config": "exec", "registered_name": "exec"},
        {
            "module": "keras.random",
            "class_name": "function",
            "config": "SeedGenerator",
            "registered_name": None,
        },
        {
            "module": "subprocess",
            "class_name": "Popen",
            "config": {"args": ["true"]},
            "registered_name": None,
        },
    ],
)
def test_cve_2025_1550_any_module_and_function(function, parts, tmp_path):
    """A configuration could name any function of any module, with its arguments."""
    config, weights = parts
    refused(
        archive(
            tmp_path / "m.keras",
            with_layer(config, lambda_entry(function, arguments={"command": "true"})),
            weights,
        ),
        "neither part of fastnn|it is a class",
    )


@pytest.mark.parametrize(
    "module, name",
    [
        ("keras.utils", "get_file"),
        ("keras.models", "load_model"),
        ("keras.config", "enable_unsafe_deserialization"),
        ("keras.saving", "load_weights"),
        ("keras.src.utils.python_utils", "func_load"),
        ("fastnn.saving", "save_model"),
        ("keras.src.backend.common.global_state", "set_global_attribute"),
        ("fastnn.saving.lambda_code", "unpacked"),
        ("keras.src.saving.serialization_lib", "SafeModeScope"),
        ("fastnn", "importlib"),
        ("keras.models", "np"),
    ],
)
def test_cve_2025_8747_and_9906_the_librarys_own_functions(module, name, parts, tmp_path):
    """Functions of Keras's own that fetch files, or switch safe mode off, could be named."""
    config, weights = parts
    for entry in (
        lambda_entry({"module": module, "class_name": "function", "config": name, "registered_name": name}),
        {"module": module, "class_name": name, "config": {}, "registered_name": None},
    ):
        spoilt = with_layer(json.loads(json.dumps(config)), entry)
        refused(archive(tmp_path / "m.keras", spoilt, weights), "neither part of fastnn")


@pytest.mark.parametrize(
    "class_name, config",
    [
        ("TFSMLayer", {"filepath": "/etc", "call_endpoint": "serve", "call_training_endpoint": None}),
        (
            "TorchModuleWrapper",
            {"module": {"class_name": "__bytes__", "config": {"value": "x"}}, "output_shape": None},
        ),
    ],
)
def test_cve_2026_1462_and_2025_49655_layers_of_other_libraries(class_name, config, parts, tmp_path):
    """TFSMLayer loaded a program from a path, TorchModuleWrapper a pickle, whatever `safe_mode` said."""
    spoilt = with_layer(
        parts[0],
        {
            "module": "keras.layers",
            "class_name": class_name,
            "registered_name": None,
            "config": {"name": "bad", **config},
        },
    )
    refused(archive(tmp_path / "m.keras", spoilt, parts[1]), "neither part of fastnn")


@pytest.mark.parametrize("class_name", ["StringLookup", "IntegerLookup", "TextVectorization"])
@pytest.mark.parametrize("place", ["/etc/hostname", "http://127.0.0.1:9/words"])
def test_cve_2025_12058_a_vocabularys_path(class_name, place, parts, tmp_path):
    """A vocabulary given as a path or an address was read while loading."""
    spoilt = with_layer(
        parts[0],
        {
            "module": "keras.layers",
            "class_name": class_name,
            "registered_name": None,
            "config": {"name": "words", "trainable": True, "dtype": "int64", "vocabulary": place},
        },
    )
    refused(archive(tmp_path / "m.keras", spoilt, parts[1]), "neither part of fastnn|vocabulary")


def test_cve_2021_37678_yaml():
    """YAML could hold objects to be made; there is no reading of YAML."""
    assert not hasattr(fastnn.models, "model_from_yaml") and not hasattr(fastnn.Model, "to_yaml")
    with pytest.raises(ValueError, match="no JSON"):
        fastnn.models.model_from_json("!!python/object/apply:os.system ['true']")


# ---- archives


def test_cve_2026_12479_names_that_lead_elsewhere(parts, tmp_path):
    """Names of layers and of members became paths of files to write."""
    config, weights = parts
    config["config"]["layers"][1]["config"]["name"] = "../../../outside"
    path = archive(
        tmp_path / "a.keras",
        config,
        weights,
        **{"../../outside": "x", "/tmp/outside": "x", "assets/../../outside": "x"},
    )
    refused(path, "without '/'")


@pytest.mark.parametrize("member", ["config.json", "model.weights.h5"])
def test_members_that_unpack_without_end(member, parts, tmp_path):
    """300 MB of zeros take 300 kB in an archive (CVE-2026-0897's kin, one layer further out)."""
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        contents = {
            "metadata.json": b"{}",
            "config.json": json.dumps(parts[0]).encode(),
            "model.weights.h5": parts[1],
        }
        for name, data in contents.items():
            if name == member:
                with file.open(name, "w", force_zip64=True) as stream:
                    for _ in range(300):
                        stream.write(bytes(2**20))
            else:
                file.writestr(name, data)
    refused(path, "would unpack")


def test_lying_sizes(parts, tmp_path):
    """A member that announces less than it holds is not read beyond what it announces."""
    path = archive(tmp_path / "m.keras", *parts)
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as file:
        info = file.getinfo("model.weights.h5")
    at = data.rindex(b"model.weights.h5") - 46
    assert data[at : at + 4] == b"PK\x01\x02"
    data[at + 24 : at + 28] = (info.file_size // 2).to_bytes(4, "little")
    path.write_bytes(data)
    refused(path, "damaged")


def test_more_members_than_a_model_needs(parts, tmp_path):
    path = archive(tmp_path / "m.keras", *parts)
    with zipfile.ZipFile(path, "a") as file:
        for i in range(10_001):
            file.writestr(f"assets/{i}", "")
    refused(path, "more than a model can need")


def test_members_of_one_name_encryption_and_odd_packing(parts, tmp_path):
    path = tmp_path / "m.keras"
    archive(path, *parts)
    with zipfile.ZipFile(path, "a") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr("config.json", "{}")
    refused(path, "several members of one name")
    archive(path, *parts)
    data = bytearray(path.read_bytes())
    data[data.rindex(b"config.json") - 46 + 8] |= 1
    path.write_bytes(data)
    refused(path, "encrypted")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as file:
        file.writestr("config.json", json.dumps(parts[0]))
    refused(path, "packed by method")


@pytest.mark.parametrize(
    "config, match",
    [
        ("[" * 200_000, "no JSON"),
        ('{"a": [' + "[]," * 1_100_000 + "0]}", "more than 1000000 parts"),
        ("{}", "holds no model"),
        ('{"class_name": 3, "config": {}}', "holds no model"),
        ('{"class_name": "Sequential", "module": "keras", "config": 3}', "must be a dict|holds no model"),
        (
            '{"class_name": "Sequential", "module": "keras", "config": {"layers": 7}}',
            "no model that can be made",
        ),
        (
            '{"class_name": "Dense", "module": "keras.layers", "config": {"units": 3}, "registered_name": null}',
            "but a Dense",
        ),
        (b"\xff\xfe\x00", "no JSON"),
    ],
)
def test_configurations_that_are_none(config, match, parts, tmp_path):
    refused(archive(tmp_path / "m.keras", config, parts[1]), match)


@pytest.mark.parametrize("units", [2**28, 10**12, 10**400])
def test_a_short_file_that_asks_for_all_memory(units, parts, tmp_path):
    config, weights = parts
    config["config"]["layers"][1]["config"]["units"] = units
    refused(archive(tmp_path / "m.keras", config, weights), "more than the file|no model that can be made")


# ---- HDF5


def h5_with(path, spoil):
    model().save_weights(path)
    with h5py.File(path, "r+") as file:
        spoil(file)
    return path


def refused_weights(path, match, *others):
    made = model()
    before = made.get_weights()
    with harmless(path), pytest.raises(ValueError, match=match):
        made.load_weights(path)
    for b, a in zip(before, made.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


KERNEL = "layers/dense/vars/0"


def test_cve_2026_1669_contents_in_other_files(tmp_path):
    """An array whose contents lie in another file showed that file's."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"s" * 24)

    def external(file):
        del file[KERNEL]
        file.create_dataset(KERNEL, (3, 2), "float32", external=[(str(secret), 0, 24)])

    def virtual(file):
        del file[KERNEL]
        layout = h5py.VirtualLayout((3, 2), "float32")
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", (3, 2), "float32")
        file.create_virtual_dataset(KERNEL, layout)

    for spoil in (external, virtual):
        refused_weights(h5_with(tmp_path / "m.weights.h5", spoil), "lie in other files")


@pytest.mark.parametrize("what", ["array", "group", "whole"])
@pytest.mark.parametrize("kind", ["soft", "external"])
def test_links_that_lead_elsewhere(what, kind, tmp_path):
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["x"] = np.zeros((3, 2), "float32")
    link = h5py.SoftLink("/layers/dense/vars/1") if kind == "soft" else h5py.ExternalLink(str(other), "/x")

    def spoil(file):
        place = {"array": KERNEL, "group": "layers/dense", "whole": "layers"}[what]
        del file[place]
        file[place] = link

    refused_weights(h5_with(tmp_path / "m.weights.h5", spoil), "is a link")


def test_cve_2026_0897_shapes_without_contents(tmp_path):
    """An array that declares terabytes and stores nothing was made in memory."""

    def spoil(file):
        del file[KERNEL]
        file.create_dataset(KERNEL, (2**20, 2**20), "float32", chunks=(1024, 1024), compression="gzip")

    refused_weights(h5_with(tmp_path / "m.weights.h5", spoil), "would unpack|architecture")


def test_pieces_far_larger_than_the_array(tmp_path):
    """HDF5 unpacks a piece as a whole, in memory that Python does not count."""

    def spoil(file):
        del file[KERNEL]
        room = {"chunks": (2**10, 2**9), "maxshape": (None, None), "compression": "gzip"}
        file.create_dataset(KERNEL, (3, 2), "float32", data=np.zeros((3, 2)), **room)

    refused_weights(h5_with(tmp_path / "m.weights.h5", spoil), "in pieces that unpack to 2097152 each")


def test_filters_that_hdf5_would_load(tmp_path):
    def spoil(file):
        del file[KERNEL]
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_chunk((3, 2))
        plan.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (3,))
        space = h5py.h5s.create_simple((3, 2))
        made = h5py.h5d.create(file.id, KERNEL.encode(), h5py.h5t.IEEE_F32LE, space, plan)
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, np.ones((3, 2), "float32"))

    refused_weights(h5_with(tmp_path / "m.weights.h5", spoil), r"packed by the filters \[32015\]")


@pytest.mark.parametrize("kind", ["objects", "references", "compound", "text"])
def test_elements_that_are_no_numbers(kind, tmp_path):
    def spoil(file):
        del file[KERNEL]
        dtype = {
            "objects": h5py.string_dtype(),
            "references": h5py.ref_dtype,
            "text": "S8",
            "compound": [("a", "f4"), ("b", "f4")],
        }[kind]
        file.create_dataset(KERNEL, (3, 2), dtype)

    refused_weights(h5_with(tmp_path / "m.weights.h5", spoil), "elements of type|the file holds")


def test_a_group_in_an_arrays_place_and_a_circle(tmp_path):
    def group(file):
        del file[KERNEL]
        file.create_group(KERNEL)

    def circle(file):
        del file["layers/dense"]
        file["layers/dense"] = file["/"]  # a hard link upwards

    refused_weights(h5_with(tmp_path / "a.weights.h5", group), "should be an array")
    refused_weights(h5_with(tmp_path / "b.weights.h5", circle), "does not hold|holds 0|variables")


def test_names_that_are_none(tmp_path):
    path = tmp_path / "m.h5"
    model().save(path)
    with h5py.File(path, "r+") as file:
        del file["model_weights"].attrs["layer_names"]
        file["model_weights"].attrs.create("layer_names", [1, 2, 3])
    refused(path, "not names")
    model().save(path)
    with h5py.File(path, "r+") as file:
        file["model_weights"].attrs["layer_names"] = np.array([b"dense"] * 5000)
    refused(path, "lists a layer twice")


# ---- mutations of good files


def mutated(data, generator):
    """A copy with some bytes, bits or a stretch changed, or the end cut off."""
    data = bytearray(data)
    for _ in range(generator.choice([1, 1, 2, 4, 16])):
        at = int(
            generator.integers(len(data))
            if generator.random() < 0.5
            else generator.integers(min(len(data), 4096))
        )
        way = generator.integers(4)
        if way == 0:
            data[at] ^= 1 << int(generator.integers(8))
        elif way == 1:
            data[at] = int(generator.choice([0, 1, 127, 128, 255]))
        else:
            stretch = generator.bytes(8) if way == 2 else b"\xff" * 8
            data[at : at + 8] = stretch[: len(data) - at]
    if generator.random() < 0.1:
        data = data[: int(generator.integers(len(data)))]
    return bytes(data)


def load_mutations(count, first, folder):
    """Load `count` mutations of each form of file: what comes is a model, or fastnn's own error."""
    made = model()
    for form in (".keras", ".h5", ".weights.h5"):
        path = os.path.join(folder, f"m{form}")
        (made.save_weights if form == ".weights.h5" else made.save)(path)
        good = open(path, "rb").read()
        for seed in range(first, first + count):
            with open(path, "wb") as file:
                file.write(mutated(good, np.random.default_rng(seed)))
            into = model()
            before = into.get_weights()
            try:
                if form == ".weights.h5":
                    into.load_weights(path)
                else:
                    loaded = fastnn.models.load_model(path)
                    assert [w.shape for w in loaded.get_weights()] == [
                        (3, 2),
                        (2,),
                    ] or loaded.built is not None
            except ValueError as error:
                assert str(error), seed
                for b, a in zip(before, into.get_weights(), strict=True):
                    np.testing.assert_array_equal(a, b)
            except Exception as error:
                raise AssertionError(f"seed {seed}, {form}: {error!r}") from error


@pytest.mark.filterwarnings("ignore")
def test_mutations(tmp_path):
    load_mutations(60, 0, tmp_path)


def test_the_docs_have_each_hole_with_its_test():
    root = Path(__file__).parents[2]
    rows = re.findall(r"\| CVE-(\S+) \| `(\S+)` \| (.*) \|", (root / "docs/files.md").read_text())
    assert len(rows) == 17
    for _, file, tests in rows:
        text = (root / file).read_text()
        for test in re.findall(r"`(\w+)`", tests):
            assert f"def {test}(" in text, test
