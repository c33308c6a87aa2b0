"""KerasFileEditor: files looked at, compared and changed without their models, then loaded here and in Keras."""

import h5py
import keras
import numpy as np
import pytest

import fastnn
from fastnn.saving import KerasFileEditor

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
LIBRARIES = pytest.mark.parametrize("k", [fastnn, keras], ids=["fastnn", "keras"])


def source(k):
    layers = [
        k.Input((2,)),
        k.layers.Dense(3, name="first"),
        k.layers.Dense(3, use_bias=False),
        k.layers.Dense(4),
    ]
    return k.Sequential(layers, name="source")


def target(k):
    """As `source`, with a bias in the second layer and one more layer before the last."""
    layers = [k.Input((2,)), *(k.layers.Dense(n) for n in (3, 3, 5, 4))]
    return k.Sequential(layers, name="target")


@LIBRARIES
@pytest.mark.parametrize("form", [".keras", ".weights.h5"])
def test_one_architecture_becomes_another(k, form, tmp_path, capsys):
    model = source(k)
    path = str(tmp_path / f"m{form}")
    (model.save if form == ".keras" else model.save_weights)(path)
    editor = KerasFileEditor(path)
    assert (editor.config is None) == (form != ".keras")
    assert editor.compare(model)["status"] == "success"
    wanted = target(k)
    assert editor.compare(wanted)["status"] == "error"
    editor.rename_object("dense_2", "dense_3")
    editor.add_object("layers/dense_2", {"0": np.ones((3, 5), "float32")})
    editor.add_weights("dense_1", {"1": np.full(3, 2.0, "float32")})
    editor.add_weights("layers/dense_2", {"1": np.zeros(5, "float32"), "2": np.zeros(1)})
    assert editor.compare(wanted)["error_count"] == 2  # the added weight, and the last layer's shape
    editor.delete_weight("dense_2", "2")
    editor.delete_object("layers/dense_3")
    report = editor.compare(wanted)
    assert report == {"status": "error", "error_count": 1, "match_count": 6}
    editor.add_object("layers/dense_3", {"0": np.ones((5, 4), "float32"), "1": np.zeros(4, "float32")})
    assert editor.compare(wanted) == {"status": "success", "error_count": 0, "match_count": 8}
    capsys.readouterr()
    editor.summary()
    shown = capsys.readouterr().out
    assert "dense ('first')" in shown and "0: shape=(2, 3), dtype=float32" in shown
    edited = str(tmp_path / "edited.weights.h5")
    editor.save(edited)
    for into in (target(fastnn), target(keras)):
        into.load_weights(edited)
        np.testing.assert_array_equal(into.layers[0].get_weights()[0], model.layers[0].get_weights()[0])
        np.testing.assert_array_equal(into.layers[1].get_weights()[1], [2, 2, 2])
        np.testing.assert_array_equal(into.layers[2].get_weights()[0], np.ones((3, 5)))


def test_optimizers_nested_models_and_names(tmp_path):
    inner = fastnn.Sequential(
        [fastnn.Input((3,)), fastnn.layers.Dense(3), fastnn.layers.BatchNormalization()]
    )
    model = fastnn.Sequential([fastnn.Input((3,)), inner, fastnn.layers.Dense(1)])
    model.compile("adam", loss="mse")
    model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0)
    model.save(tmp_path / "m.keras")
    editor = KerasFileEditor(tmp_path / "m.keras")
    assert editor.metadata["keras_version"] and editor.config["class_name"] == "Sequential"
    assert editor.compare(model)["status"] == "success"
    editor.rename_object("optimizer", "optimiser")
    assert list(editor.weights_dict) == ["layers", "optimiser"]  # at its place
    editor.rename_object("optimiser", "optimizer")
    editor.resave_weights(tmp_path / "again.weights.h5")
    model.save_weights(tmp_path / "own.weights.h5")
    found = []
    for name in ("again", "own"):
        with h5py.File(tmp_path / f"{name}.weights.h5") as file:
            arrays = {}
            file.visititems(
                lambda path, x: arrays.update({path: x[()].tolist()}) if isinstance(x, h5py.Dataset) else None  # noqa: B023
            )
            names = {path: file[path].attrs["name"] for path in ("layers/dense/vars", "vars")}
            found.append((arrays, names))
    assert found[0] == found[1]


def test_errors(tmp_path):
    model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(3), fastnn.layers.Dense(3)])
    model.save(tmp_path / "m.keras")
    editor = KerasFileEditor(tmp_path / "m.keras")
    for call, match in (
        (lambda: editor.rename_object("0", "7"), "stands for 2 objects"),
        (lambda: editor.rename_object("dense", "dense_1"), "already"),
        (lambda: editor.rename_object("dense", "layers/x"), "not a path"),
        (lambda: editor.delete_object("nothing"), "no object"),
        (lambda: editor.delete_object("layers/nothing"), "not in the file"),
        (lambda: editor.add_object("no/where", {}), "there is no 'no'"),
        (lambda: editor.add_object("layers/x", [1]), "dict of arrays"),
        (lambda: editor.add_weights("dense", {"x": {}}), "dict of arrays"),
        (lambda: editor.delete_weight("dense", "9"), "no weight '9'"),
        (lambda: editor.add_weights("layers/dense/0", {}), "is a weight"),
        (lambda: editor.save(tmp_path / "x.keras"), "must end in"),
        (lambda: KerasFileEditor(tmp_path / "m.h5"), "must end in"),
    ):
        with pytest.raises(ValueError, match=match):
            call()


@pytest.mark.parametrize("spoil", ["link", "circle", "many", "virtual", "external"])
def test_hostile_files(spoil, tmp_path):
    """The last two: CVE-2026-1669's kin, which Keras's editor read."""
    path = tmp_path / "m.weights.h5"
    fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(3)]).save_weights(path)
    with h5py.File(path, "r+") as file:
        if spoil == "link":
            file["layers/x"] = h5py.ExternalLink("/etc/passwd", "/x")
        elif spoil == "circle":
            file["layers/x"] = file["layers"]
        elif spoil == "virtual":
            layout = h5py.VirtualLayout((4,), "u1")
            layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", (4,), "u1")
            file.create_virtual_dataset("layers/x", layout)
        elif spoil == "external":
            file.create_dataset("layers/x", (4,), "u1", external=[("/etc/passwd", 0, 4)])
        else:
            zeros = file.create_dataset("layers/x", (2**18,), "float32", compression="gzip")
            zeros[...] = 0
            for i in range(100):
                file[f"layers/x{i}"] = zeros
    with pytest.raises(ValueError, match="is refused"):
        KerasFileEditor(path)
