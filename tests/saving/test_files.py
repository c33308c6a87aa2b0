"""Files as files: whole or not there, told apart from what they are not, and what is said about them."""

import os
import stat
import zipfile

import h5py
import numpy as np
import pytest

import fastnn
from fastnn import layers
from fastnn.saving.atomic import atomic_file


def small(units=3, name=None, features=4):
    return fastnn.Sequential(
        [fastnn.Input((features,)), layers.Dense(units, name="first"), layers.Dense(2, name="last")],
        name=name,
    )


@pytest.fixture
def model():
    return small()


# ---- atomic writing


def test_an_error_while_writing_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError), atomic_file(path) as file:
        file.write(b"half")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_permissions_and_links_stay(tmp_path):
    path, link = tmp_path / "file", tmp_path / "link"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link.symlink_to(path)
    with atomic_file(link) as file:
        file.write(b"new")
    assert link.is_symlink() and path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_new_file_has_the_permissions_of_any_other(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    with atomic_file(tmp_path / "new") as file:
        file.write(b"x")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("form", [".keras", ".h5", ".weights.h5"])
def test_a_model_that_cannot_be_saved_leaves_the_old_file(form, tmp_path, monkeypatch):
    path = tmp_path / f"m{form}"
    model = small()
    save = model.save_weights if form == ".weights.h5" else model.save
    save(path)
    before = path.read_bytes()

    def fail(self, *args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(model.layers[1].kernel), "numpy", fail)
    monkeypatch.setattr(type(model.layers[1]), "save_own_variables", fail)
    with pytest.raises(OSError, match="No space"):
        save(path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == [path.name]


# ---- names of files


def test_endings_and_folders(model, tmp_path):
    with pytest.raises(ValueError, match=r"must end in '\.keras'"):
        model.save(tmp_path / "m.txt")
    with pytest.raises(ValueError, match=r"must end in '\.weights\.h5'"):
        model.save_weights(tmp_path / "m.h5")
    with pytest.raises(FileNotFoundError, match="no directory"):
        model.save(tmp_path / "nowhere" / "m.keras")
    with pytest.raises(FileNotFoundError, match="no file"):
        fastnn.models.load_model(tmp_path / "m.keras")
    model.save(tmp_path / "m.keras")
    with pytest.raises(FileExistsError, match="overwrite"):
        model.save(tmp_path / "m.keras", overwrite=False)
    model.save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(ValueError, match="weights alone"):
        fastnn.models.load_model(tmp_path / "m.weights.h5")


def test_a_directory_in_place_of_an_archive(model, tmp_path):
    model.save(tmp_path / "folder", zipped=False)
    assert sorted(os.listdir(tmp_path / "folder")) == ["config.json", "metadata.json", "model.weights.h5"]
    x = np.ones((2, 4), "float32")
    np.testing.assert_array_equal(
        fastnn.models.load_model(tmp_path / "folder").predict(x, verbose=0), model.predict(x, verbose=0)
    )


# ---- damaged files, and files that are something else


@pytest.mark.parametrize("form", [".keras", ".h5", ".weights.h5"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.99])
def test_a_truncated_file_is_told(form, share, model, tmp_path):
    path = tmp_path / f"m{form}"
    (model.save_weights if form == ".weights.h5" else model.save)(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ValueError, match="cut short|damaged"):
        model.load_weights(path) if form == ".weights.h5" else fastnn.models.load_model(path)


def test_a_flipped_bit_in_an_archive_is_told(model, tmp_path):
    path = tmp_path / "m.keras"
    model.save(path)
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("model.weights.h5")
    data[info.header_offset + 100 + info.file_size // 2] ^= 4
    path.write_bytes(data)
    with pytest.raises(ValueError, match="model.weights.h5' cannot be read.*checksum"):
        fastnn.models.load_model(path)


def test_other_files_are_told(model, tmp_path):
    other = tmp_path / "photo.keras"
    other.write_bytes(b"\x89PNG and so on" * 50)
    with pytest.raises(ValueError, match="no .keras file"):
        fastnn.models.load_model(other)
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("letter.txt", "hello")
    with pytest.raises(ValueError, match="holds no model: 'config.json' is not in it.*letter.txt"):
        fastnn.models.load_model(other)
    other = tmp_path / "data.h5"
    with h5py.File(other, "w") as file:
        file["x"] = np.ones(3)
    with pytest.raises(ValueError, match="holds no model: it was made by something else"):
        fastnn.models.load_model(other)
    model.save_weights(tmp_path / "w.weights.h5")
    os.rename(tmp_path / "w.weights.h5", tmp_path / "w.h5")
    with pytest.raises(ValueError, match="weights alone"):
        fastnn.models.load_model(tmp_path / "w.h5")


# ---- weights of another architecture


@pytest.mark.parametrize("form", [".keras", ".h5", ".weights.h5"])
def test_wrong_shapes_name_the_layer_and_both_shapes_and_change_nothing(form, tmp_path):
    path = tmp_path / f"m{form}"
    (small(5).save_weights if form == ".weights.h5" else small(5).save)(path)
    model = small(3)
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"(?s)'first'.*\(4, 3\).*\(4, 5\).*architecture"):
        model.load_weights(path)
    for b, a in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("form", [".keras", ".h5", ".weights.h5"])
def test_skip_mismatch_takes_what_fits(form, tmp_path):
    path = tmp_path / f"m{form}"
    saved = fastnn.Sequential(
        [fastnn.Input((4,)), layers.Dense(3, name="first"), layers.Dense(7, name="other")]
    )
    (saved.save_weights if form == ".weights.h5" else saved.save)(path)
    model = small(3)
    last = model.layers[1].get_weights()
    with pytest.warns(UserWarning, match="not loaded.*'last'"):
        model.load_weights(path, skip_mismatch=True)
    np.testing.assert_array_equal(model.layers[0].get_weights()[0], saved.layers[0].get_weights()[0])
    np.testing.assert_array_equal(model.layers[1].get_weights()[0], last[0])


def test_by_name(tmp_path):
    path = tmp_path / "m.h5"
    saved = small(3)
    saved.save(path)
    model = fastnn.Sequential(
        [fastnn.Input((4,)), layers.Dense(4, name="new"), layers.Dense(3, name="first")]
    )
    before = model.layers[0].get_weights()[0]
    model.load_weights(path, by_name=True)
    np.testing.assert_array_equal(model.layers[1].get_weights()[0], saved.layers[0].get_weights()[0])
    np.testing.assert_array_equal(model.layers[0].get_weights()[0], before)
    with pytest.raises(ValueError, match="by_name"):
        model.load_weights(tmp_path / "m.weights.h5", by_name=True)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's own variables
def test_shards(tmp_path):
    import keras

    def big(k):
        model = k.Sequential([k.Input((64,)), k.layers.Dense(64, name="a"), k.layers.Dense(64, name="b")])
        model.compile("adam", loss="mse")
        model.optimizer.build(model.trainable_variables)
        return model

    path = tmp_path / "m.weights.json"
    saved = big(fastnn)
    saved.save_weights(path, max_shard_size=40_000 / 2**30)
    names = sorted(os.listdir(tmp_path))
    assert names[0] == "m.weights.json" and names[1:] == [
        f"m_{i:05}.weights.h5" for i in range(len(names) - 1)
    ]
    assert len(names) > 2 and all(os.path.getsize(tmp_path / name) < 60_000 for name in names)
    for k in (fastnn, keras):
        model = big(k)
        model.load_weights(str(path))
        for w, v in zip(saved.weights, model.weights, strict=True):
            np.testing.assert_array_equal(np.asarray(v), w.numpy())
    theirs = big(keras)
    theirs.save_weights(str(tmp_path / "k.weights.json"), max_shard_size=40_000 / 2**30)
    model = big(fastnn)
    model.load_weights(tmp_path / "k.weights.json")
    np.testing.assert_array_equal(model.get_weights()[0], np.asarray(theirs.weights[0]))
    with pytest.raises(ValueError, match="max_shard_size"):
        saved.save_weights(path, max_shard_size=10_000 / 2**30)
    data = (tmp_path / names[1]).read_bytes()
    saved.save_weights(path, max_shard_size=40_000 / 2**30)
    (tmp_path / names[1]).write_bytes(data)
    with pytest.raises(ValueError, match="another save"):
        big(fastnn).load_weights(path)
    os.remove(tmp_path / names[1])
    with pytest.raises(FileNotFoundError, match="copy all files"):
        big(fastnn).load_weights(path)
    path.write_text(path.read_text().replace("m_00000", "../m_00000"))
    with pytest.raises(ValueError, match="no file beside it"):
        big(fastnn).load_weights(path)


def test_what_a_killed_writer_left_is_removed(tmp_path):
    left = tmp_path / ".file.999999999.0123456789ab.tmp"
    young = tmp_path / ".file.999999998.0123456789ab.tmp"
    for orphan in (left, young):
        orphan.write_bytes(b"half")
    os.utime(left, (0, 0))
    with atomic_file(tmp_path / "file") as file:
        file.write(b"whole")
    assert sorted(os.listdir(tmp_path)) == [young.name, "file"]


def test_a_missing_layer_is_named(tmp_path):
    path = tmp_path / "m.weights.h5"
    fastnn.Sequential([fastnn.Input((4,)), layers.Dense(3)]).save_weights(path)
    with pytest.raises(ValueError, match="'last'"):
        small(3).load_weights(path)


def test_unknown_class_is_named_with_the_cure(tmp_path):
    class Mine(layers.Layer):
        def call(self, x):
            return x

    path = tmp_path / "m.keras"
    fastnn.Sequential([fastnn.Input((4,)), Mine()]).save(path)
    with pytest.raises(ValueError, match=r"'Mine'.*custom_objects=\{'Mine': ...\}"):
        fastnn.models.load_model(path)
    assert isinstance(fastnn.models.load_model(path, custom_objects={"Mine": Mine}).layers[0], Mine)
    with fastnn.saving.custom_object_scope({"Mine": Mine}):
        assert isinstance(fastnn.models.load_model(path).layers[0], Mine)


def test_an_unbuilt_model(tmp_path):
    model = fastnn.Sequential([layers.Dense(2)])
    with pytest.raises(ValueError, match="not built"):
        model.save_weights(tmp_path / "m.weights.h5")
    with pytest.warns(UserWarning, match="before it is built"):
        model.save(tmp_path / "m.keras")


def test_compile_false_leaves_the_optimizer_out(tmp_path):
    model = small()
    model.compile("adam", loss="mse", metrics=["mae"])
    for form in (".keras", ".h5"):
        model.save(tmp_path / f"m{form}")
        assert not fastnn.models.load_model(tmp_path / f"m{form}", compile=False).compiled
        loaded = fastnn.models.load_model(tmp_path / f"m{form}")
        assert (
            loaded.compiled
            and type(loaded.optimizer).__name__ == "Adam"
            and loaded.loss == "mse"
            or form == ".h5"
        )


def test_json(model):
    x = np.ones((2, 4), "float32")
    again = fastnn.models.model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_lambda_layers_take_safe_mode_false(tmp_path):
    model = fastnn.Sequential([fastnn.Input((4,)), layers.Lambda(lambda x: x * 2.0)])
    for form in (".keras", ".h5"):
        path = tmp_path / f"m{form}"
        model.save(path)
        with pytest.raises(ValueError, match="safe_mode=False"):
            fastnn.models.load_model(path)
        loaded = fastnn.models.load_model(path, safe_mode=False)
        np.testing.assert_array_equal(
            loaded.predict(np.ones((1, 4), "float32"), verbose=0), 2 * np.ones((1, 4))
        )
