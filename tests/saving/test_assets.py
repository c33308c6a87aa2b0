"""Vocabularies and other files of objects in `.keras` files."""

import copy
import json
import os
import zipfile

import numpy as np
import pytest
import with_words
from watching import harmless

import fastnn

Model = fastnn.models.Model


@pytest.fixture
def model():
    return with_words.made(fastnn)


def test_what_keras_wrote(model):
    fastnn.models.load_model(with_words.FILE)  # imports all that it needs
    with harmless(with_words.FILE):
        loaded = fastnn.models.load_model(with_words.FILE)
    assert with_words.asked(loaded) == with_words.asked(model)


@pytest.mark.parametrize("zipped", [True, False])
def test_there_and_back(zipped, model, tmp_path):
    path = tmp_path / ("m.keras" if zipped else "m")
    model.save(path, zipped=zipped)
    assert with_words.asked(fastnn.models.load_model(path)) == with_words.asked(model)
    names = zipfile.ZipFile(path).namelist() if zipped else sorted(os.listdir(path))
    if zipped:
        assert {
            "assets/layers/string_lookup/vocabulary.txt",
            "assets/layers/integer_lookup/vocabulary.txt",
        } < set(names)
        assert with_words.asked(copy.deepcopy(model)) == with_words.asked(model)
    else:
        assert names == ["assets", "config.json", "metadata.json", "model.weights.h5"]


@fastnn.saving.register_keras_serializable("assets")
class Notes(fastnn.layers.Layer):
    """A layer with files of its own."""

    notes = ()

    def call(self, x):
        return x

    def save_assets(self, folder):
        os.makedirs(os.path.join(folder, "deep"))
        for i, note in enumerate(self.notes):
            with open(os.path.join(folder, "deep", f"{i}.txt"), "w") as file:
                file.write(note)

    def load_assets(self, folder):
        names = sorted(os.listdir(os.path.join(folder, "deep")))
        self.notes = [open(os.path.join(folder, "deep", name)).read() for name in names]


def with_notes():
    layer = Notes(name="notes")
    layer.notes = ["one", "two"]
    return fastnn.Sequential([fastnn.Input((2,)), layer])


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_layer_of_ones_own(tmp_path):
    with_notes().save(tmp_path / "m.keras")
    assert fastnn.models.load_model(tmp_path / "m.keras").get_layer("notes").notes == ["one", "two"]


@pytest.mark.parametrize(
    "name", ["../outside", "deep/../../outside", "deep//x", "./x", "a\\..\\x", "c:x", "deep/."]
)
def test_names_that_lead_elsewhere(name, tmp_path):
    path = tmp_path / "m.keras"
    with_notes().save(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"assets/layers/notes/{name}", "x")
    with pytest.raises(ValueError, match="no name of a file"):
        fastnn.models.load_model(path)
    assert os.listdir(tmp_path) == ["m.keras"]


@pytest.mark.parametrize("text", [b"\xff\xfe", b"a\na", b""])
def test_vocabularies_that_are_none(text, model, tmp_path):
    spoilt(model, tmp_path / "m.keras", "assets/layers/string_lookup/vocabulary.txt", text)
    with harmless(tmp_path / "m.keras"), pytest.raises(ValueError, match="damaged|more than once|beginning"):
        fastnn.models.load_model(tmp_path / "m.keras")


def test_numbers_that_are_none(model, tmp_path):
    for text in (b"x", b"1" * 30):
        spoilt(model, tmp_path / "m.keras", "assets/layers/integer_lookup/vocabulary.txt", text)
        with pytest.raises(ValueError):
            fastnn.models.load_model(tmp_path / "m.keras")


@pytest.mark.parametrize("what", ["assets", "assets/layers", "assets/layers/string_lookup/vocabulary.txt"])
def test_links_in_a_directory(what, model, tmp_path):
    """A vocabulary that is a link would show another file's lines."""
    model.save(tmp_path / "m", zipped=False)
    os.rename(tmp_path / "m" / what, tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", tmp_path / "m" / what)
    with pytest.raises(ValueError, match="is a link"):
        fastnn.models.load_model(tmp_path / "m")


def spoilt(model, path, member, data):
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, old in contents.items():
            archive.writestr(name, data if name == member else old)


def test_a_layer_that_never_saw_words(tmp_path):
    model = with_words.model_class(fastnn)()
    model(np.ones((1, 3), "float32"))
    model.save(tmp_path / "m.keras")
    assert not [name for name in zipfile.ZipFile(tmp_path / "m.keras").namelist() if "assets" in name]
    loaded = fastnn.models.load_model(tmp_path / "m.keras")
    with pytest.raises(ValueError, match="no vocabulary"):
        loaded.words(["a"])
    assert json.loads(loaded.to_json())["class_name"] == "Sorter"
