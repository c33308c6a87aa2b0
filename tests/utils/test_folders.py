"""Images and texts in folders as data sets; images against Keras's own reader."""

import io
import os
import struct
import zlib

import keras
import numpy as np
import pytest
from PIL import Image

import fastnn
from fastnn.utils import image_dataset_from_directory, text_dataset_from_directory
from fastnn.utils.images import resize, smart_resize


@pytest.fixture
def pictures(tmp_path, rng):
    for kind in ("cats", "dogs", ".hidden"):
        for i in range(4):
            file = tmp_path / kind / ("deep" if i == 3 else "") / f"{i}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (8 + i, 10, 3), dtype=np.uint8)).save(file)
    (tmp_path / "cats" / "notes.txt").write_text("no picture")
    return tmp_path


def test_classes_and_order(pictures, capsys):
    dataset = image_dataset_from_directory(pictures, image_size=(8, 10), shuffle=False, batch_size=3)
    assert "Found 8 files belonging to 2 classes." in capsys.readouterr().out
    assert dataset.class_names == ["cats", "dogs"] and len(dataset) == 3
    assert [os.path.relpath(path, pictures) for path in dataset.file_paths][:4] == [
        "cats/0.png",
        "cats/1.png",
        "cats/2.png",
        "cats/deep/3.png",
    ]
    images, labels = (np.concatenate(parts) for parts in zip(*dataset))
    assert (
        images.shape == (8, 8, 10, 3) and images.dtype == np.float32 and labels.tolist() == [0] * 4 + [1] * 4
    )
    np.testing.assert_array_equal(images[0], np.asarray(Image.open(pictures / "cats/0.png")))


def test_options(pictures):
    silent = dict(image_size=(6, 6), verbose=False, shuffle=False)
    first = next(
        iter(
            image_dataset_from_directory(pictures, color_mode="grayscale", label_mode="categorical", **silent)
        )
    )
    assert first[0].shape == (8, 6, 6, 1) and first[1].tolist()[0] == [1, 0]
    first = next(
        iter(
            image_dataset_from_directory(
                pictures, label_mode="binary", class_names=["dogs", "cats"], **silent
            )
        )
    )
    assert first[1].tolist()[0] == [0.0] and first[1].shape == (8, 1) and first[1].dtype == np.float32
    assert next(
        iter(image_dataset_from_directory(pictures, labels=None, batch_size=None, **silent))
    ).shape == (6, 6, 3)
    given = image_dataset_from_directory(pictures / "cats", labels=[3, 1, 1, 3], **silent)
    assert given.class_names == ["1", "3"] and next(iter(given))[1].tolist() == [3, 1, 1, 3]


def test_splits_do_not_overlap(pictures):
    options = dict(image_size=(6, 6), verbose=False, validation_split=0.25, seed=5)
    training, validation = image_dataset_from_directory(pictures, subset="both", **options)
    assert len(training.file_paths) == 6 and len(set(training.file_paths + validation.file_paths)) == 8
    alone = image_dataset_from_directory(pictures, subset="validation", **options)
    assert alone.file_paths == validation.file_paths
    for wrong in (
        dict(validation_split=0.5),
        dict(subset="training", validation_split=2),
        dict(label_mode="words"),
        dict(labels=[1]),
        dict(class_names=["birds"]),
        dict(color_mode="cmyk"),
    ):
        with pytest.raises(ValueError):
            image_dataset_from_directory(pictures, verbose=False, **wrong)


def test_trains(pictures):
    dataset = image_dataset_from_directory(pictures, image_size=(6, 6), verbose=False, seed=1, batch_size=4)
    model = fastnn.Sequential(
        [
            fastnn.Input((6, 6, 3)),
            fastnn.layers.Rescaling(1 / 255),
            fastnn.layers.Flatten(),
            fastnn.layers.Dense(2),
        ]
    )
    model.compile("sgd", fastnn.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert len(model.fit(dataset, epochs=2, verbose=0).history["loss"]) == 2


@pytest.mark.parametrize("size", [(5, 7), (16, 9), (8, 10)])
@pytest.mark.parametrize(
    "options",
    [{}, {"interpolation": "nearest"}, {"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True}],
)
def test_resizes_as_keras_does(size, options, rng):
    image = rng.uniform(0, 255, (8, 10, 3)).astype("float32")
    want = np.asarray(keras.ops.image.resize(image, size, antialias=False, **options))
    np.testing.assert_allclose(resize(image, size, **options), want, rtol=1e-5, atol=1e-3)
    if not options:
        want = keras.preprocessing.image.smart_resize(image, size)
        np.testing.assert_allclose(smart_resize(image, size), want, rtol=1e-5, atol=1e-3)


def test_single_images(tmp_path, rng):
    pixels = rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)
    fastnn.utils.save_img(tmp_path / "a.png", pixels, scale=False)
    image = fastnn.utils.load_img(tmp_path / "a.png")
    np.testing.assert_array_equal(fastnn.utils.img_to_array(image), pixels)
    for options in (
        {"target_size": (3, 4)},
        {"target_size": (4, 4), "keep_aspect_ratio": True},
        {"color_mode": "grayscale"},
        {"target_size": (9, 9), "interpolation": "bilinear"},
    ):
        np.testing.assert_array_equal(
            fastnn.utils.img_to_array(fastnn.utils.load_img(tmp_path / "a.png", **options)),
            keras.utils.img_to_array(keras.utils.load_img(tmp_path / "a.png", **options)),
        )
    np.testing.assert_array_equal(
        np.asarray(fastnn.utils.array_to_img(pixels / 7.0)),
        np.asarray(keras.utils.array_to_img(pixels / 7.0)),
    )


def test_texts(tmp_path):
    for kind in ("bad", "good"):
        (tmp_path / kind).mkdir()
        for i in range(3):
            (tmp_path / kind / f"{i}.txt").write_text(f"{kind} Überraschung {i}", encoding="utf-8")
    dataset = text_dataset_from_directory(tmp_path, shuffle=False, batch_size=4, max_length=8, verbose=False)
    texts, labels = next(iter(dataset))
    assert texts.tolist() == ["bad Über"] * 3 + ["good Übe"] and labels.tolist() == [0, 0, 0, 1]
    with pytest.raises(ValueError, match="no text files"):
        text_dataset_from_directory(tmp_path / "bad", labels=None, verbose=False) if not os.remove(
            tmp_path / "good/0.txt"
        ) and [os.remove(p) for p in (tmp_path / "bad").iterdir()] else None


# ---- what is no picture


def postscript():
    return b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(x) run\nshowpage\n%%EOF\n"


def bomb():
    """The header of a picture of ten billion pixels."""
    size = struct.pack(">IIBBBBB", 10**5, 10**5, 8, 2, 0, 0, 0)
    chunk = lambda kind, data: (  # noqa: E731
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    )
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", ["garbage", "empty", "cut", "bomb", "postscript"])
def test_broken_pictures_are_named(kind, pictures, monkeypatch):
    """What says that it is a .png may be a program in PostScript, for which Pillow starts Ghostscript."""
    path = pictures / "cats" / "1.png"
    whole = path.read_bytes()
    made = {"garbage": b"x" * 99, "empty": b"", "cut": whole[: len(whole) // 2]}
    path.write_bytes(made[kind] if kind in made else {"bomb": bomb, "postscript": postscript}[kind]())
    monkeypatch.setattr("subprocess.check_call", None)
    with pytest.raises(ValueError, match="cats/1.png is no image that can be read"):
        list(image_dataset_from_directory(pictures, image_size=(6, 6), verbose=False))
    with pytest.raises(OSError, match="cats/1.png is no image that can be read"):
        fastnn.utils.load_img(path)


def test_pipes_devices_and_circles_are_passed_by(pictures):
    os.mkfifo(pictures / "cats" / "pipe.png")
    (pictures / "cats" / "zeros.png").symlink_to("/dev/zero")
    (pictures / "cats" / "gone.png").symlink_to("nowhere.png")
    (pictures / "cats" / "again").symlink_to(pictures / "cats")
    (pictures / "cats" / "linked.png").symlink_to("0.png")
    options = dict(image_size=(6, 6), verbose=False, labels=None, shuffle=False)
    for follow_links in (False, True):
        found = image_dataset_from_directory(pictures / "cats", follow_links=follow_links, **options)
        names = [os.path.relpath(path, pictures / "cats") for path in found.file_paths]
        assert names == ["0.png", "1.png", "2.png", "linked.png", "deep/3.png"]
        assert sum(map(len, found)) == 5


def test_images_are_written_whole_or_not_at_all(tmp_path, rng):
    pixels = rng.integers(0, 256, (5, 6, 4), dtype=np.uint8)
    path = tmp_path / "a.jpg"
    fastnn.utils.save_img(path, pixels)  # of four channels, three are kept
    before = path.read_bytes()
    with pytest.raises(ValueError, match="Invalid quantization"):
        fastnn.utils.save_img(path, pixels, qtables="nonsense")
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["a.jpg"]
    with pytest.raises(ValueError, match="no image can be written as .*endings that can be: .*.png"):
        fastnn.utils.save_img(tmp_path / "a.xyz", pixels)
    for options in ({"file_format": "jpg"}, {"file_format": "PNG"}):
        fastnn.utils.save_img(file := io.BytesIO(), pixels, **options)
        assert fastnn.utils.load_img(file).size == (6, 5)


def test_texts_as_they_are(tmp_path):
    (tmp_path / "a.txt").write_bytes("ä\r\nb\n".encode())
    read = lambda: next(iter(text_dataset_from_directory(tmp_path, labels=None, verbose=False)))  # noqa: E731
    assert read().tolist() == ["ä\r\nb\n"]
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="a.txt is no text in UTF-8"):
        read()
