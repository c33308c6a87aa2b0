"""ImageDataGenerator beside Keras's own: the same seed gives the same pictures, order and labels."""

import itertools
import warnings

import numpy as np
import pytest
from keras.src.legacy.preprocessing import image as keras_image

import fastnn
from fastnn.preprocessing import image

pytestmark = pytest.mark.filterwarnings("ignore:.*scipy.ndimage:DeprecationWarning")  # in Keras
X = np.random.default_rng(3).uniform(0, 255, (7, 9, 12, 3)).astype("float32")
Y = np.arange(7)
MOVES = {
    "rotation_range": 40,
    "width_shift_range": 0.2,
    "height_shift_range": [1, 3],
    "shear_range": 10,
    "zoom_range": 0.3,
    "horizontal_flip": True,
    "vertical_flip": True,
}


@pytest.mark.parametrize(
    "arguments",
    [
        MOVES,
        {
            **MOVES,
            "fill_mode": "reflect",
            "channel_shift_range": 30.0,
            "interpolation_order": 0,
            "rescale": 0.1,
        },
        {"featurewise_center": True, "featurewise_std_normalization": True, "height_shift_range": 3},
        {
            "samplewise_center": True,
            "samplewise_std_normalization": True,
            "preprocessing_function": lambda x: x + 1,
        },
        {"featurewise_center": True, "zca_whitening": True, "zca_epsilon": 1e-2},
        {"rotation_range": 20, "data_format": "channels_first", "fill_mode": "reflect"},
    ],
)
def test_batches_of_arrays(arguments):
    x = np.moveaxis(X, -1, 1) if arguments.get("data_format") == "channels_first" else X
    ours, theirs = image.ImageDataGenerator(**arguments), keras_image.ImageDataGenerator(**arguments)
    for generator in (ours, theirs):
        generator.fit(x)
    given = {"batch_size": 3, "seed": 5, "sample_weight": Y * 0.5}
    pairs = zip(ours.flow(x, Y, **given), theirs.flow(x, Y, **given))
    for got, want in itertools.islice(pairs, 5):  # of three batches an epoch
        scale = max(1, np.abs(want[0]).max())
        np.testing.assert_allclose(
            got[0] / scale, want[0] / scale, atol=2e-3 if "zca" in str(arguments) else 2e-5
        )
        np.testing.assert_array_equal(got[1], want[1])
        np.testing.assert_array_equal(got[2], want[2])


def test_a_transform_of_ones_own():
    ours, theirs = image.ImageDataGenerator(**MOVES), keras_image.ImageDataGenerator(**MOVES)
    drawn = ours.get_random_transform(X.shape[1:], seed=2)
    assert drawn == theirs.get_random_transform(X.shape[1:], seed=2)
    some = {"theta": 30, "brightness": 0.5, "flip_vertical": True}
    np.testing.assert_allclose(
        ours.apply_transform(X[0], some),
        theirs.apply_transform(X[0], some),
        atol=1.01,  # whole numbers, cut off
    )


def test_parts_and_training():
    generator = image.ImageDataGenerator(rescale=1 / 255, horizontal_flip=True, validation_split=0.3)
    y = np.arange(7) % 2
    train = generator.flow(X, y, subset="training", batch_size=2)
    check = generator.flow(X, y, subset="validation", batch_size=2, shuffle=False)
    assert (len(train), train.n, len(check)) == (3, 5, 1)
    model = fastnn.Sequential(
        [fastnn.layers.Input(X.shape[1:]), fastnn.layers.Flatten(), fastnn.layers.Dense(1)]
    )
    model.compile("adam", "mse")
    history = model.fit(train, epochs=2, validation_data=check, verbose=0)
    assert len(history.history["val_loss"]) == 2
    assert model.predict(generator.flow(X, shuffle=False), verbose=0).shape == (7, 1)
    both = zip(train, train)  # endless
    model.fit(((x, y) for (x, y), _ in both), steps_per_epoch=7, verbose=0)


def test_files_in_folders(tmp_path, capsys):
    for name, count in (("cats", 4), ("dogs", 3)):
        (tmp_path / name).mkdir()
        for i in range(count):
            fastnn.utils.save_img(tmp_path / name / f"{i}.png", X[i])
    arguments = {"target_size": (6, 5), "batch_size": 4, "seed": 1}
    for more in (
        {},
        {"subset": "validation", "class_mode": "binary"},
        {"class_mode": "input", "shuffle": False},
    ):
        made = [
            module.ImageDataGenerator(rotation_range=20, validation_split=0.5).flow_from_directory(
                tmp_path, **arguments, **more
            )
            for module in (image, keras_image)
        ]
        for name in ("class_indices", "filenames", "filepaths", "samples", "image_shape", "num_classes"):
            assert getattr(made[0], name) == getattr(made[1], name)
        np.testing.assert_array_equal(made[0].classes, made[1].classes)
        for got, want in itertools.islice(zip(*made), 3):
            for a, b in zip(got, want, strict=True):
                assert a.dtype == b.dtype
                np.testing.assert_allclose(a, b, atol=5e-3)
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["Found 7 images belonging to 2 classes."] * 2
    (tmp_path / "seen").mkdir()
    next(image.ImageDataGenerator().flow(X, batch_size=3, save_to_dir=tmp_path / "seen", save_prefix="a"))
    assert len(list((tmp_path / "seen").glob("a_*.png"))) == 3


def test_wrong_use():
    generator = image.ImageDataGenerator(featurewise_center=True, validation_split=0.5)
    with pytest.raises(ValueError, match=r"pictures have 4 axes, .* received shape \(9, 12, 3\)"):
        generator.flow(X[0])
    with pytest.raises(ValueError, match="7 pictures and 6 rows in `y`"):
        generator.flow(X, Y[:6])
    with pytest.raises(ValueError, match="different classes"):
        generator.flow(X, Y, subset="training")
    with pytest.raises(ValueError, match="`zoom_range` must be two numbers"):
        image.ImageDataGenerator(zoom_range=(1, 2, 3))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        next(generator.flow(X))
    assert "before fit" in str(caught[0].message)
