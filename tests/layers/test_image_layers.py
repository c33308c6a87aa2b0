"""Layers on images against Keras's: sizes directly, random changes by what they must leave and by Keras's formulas."""

import keras
import numpy as np
import pytest
from support import EPS32

import fastnn
from fastnn import layers
from fastnn.engine.tensor import Tensor

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
SHAPES = {"batch": (3, 8, 6, 2), "single": (8, 6, 2)}


@pytest.fixture(params=SHAPES.values(), ids=SHAPES)
def images(request, rng):
    return rng.uniform(0, 255, request.param).astype("float32")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("Resizing", {"height": 5, "width": 9}),
        ("Resizing", {"height": 4, "width": 3, "interpolation": "nearest"}),
        ("Resizing", {"height": 5, "width": 5, "crop_to_aspect_ratio": True}),
        ("Resizing", {"height": 12, "width": 5, "pad_to_aspect_ratio": True, "fill_value": 7.0}),
        ("Resizing", {"height": 4, "width": 3, "interpolation": "bicubic", "antialias": True}),
        ("CenterCrop", {"height": 4, "width": 3}),
        ("CenterCrop", {"height": 5, "width": 6}),
        ("CenterCrop", {"height": 10, "width": 3}),
    ],
)
def test_sizes(name, arguments, images):
    ours, theirs = getattr(layers, name)(**arguments), getattr(keras.layers, name)(**arguments)
    got, want = np.asarray(ours(images)), np.asarray(theirs(images))
    assert got.shape == want.shape == ours.compute_output_shape(images.shape)
    np.testing.assert_allclose(got, want, rtol=0, atol=255 * 64 * EPS32)
    assert {key: ours.get_config()[key] for key in arguments} == arguments
    assert {*theirs.get_config()} - {"dtype"} <= {*ours.get_config()}


def test_bytes_stay_bytes(rng):
    images = rng.integers(0, 255, (2, 8, 6, 3)).astype("uint8")
    got, want = layers.Resizing(5, 4)(images), keras.layers.Resizing(5, 4)(images)
    assert got.dtype == "uint8"
    np.testing.assert_allclose(np.asarray(got).astype(int), np.asarray(want).astype(int), atol=1)


RANDOM = [
    ("RandomFlip", {}),
    ("RandomRotation", {"factor": 0.2}),
    ("RandomZoom", {"height_factor": 0.3}),
    ("RandomTranslation", {"height_factor": 0.2, "width_factor": 0.3}),
    ("RandomContrast", {"factor": 0.4}),
    ("RandomBrightness", {"factor": 0.4}),
]


@pytest.mark.parametrize(("name", "arguments"), RANDOM, ids=[name for name, _ in RANDOM])
def test_random_layers_work_while_training_only(name, arguments, images):
    layer = getattr(layers, name)(**arguments, seed=3)
    np.testing.assert_array_equal(layer(images, training=False), images)
    first, second = np.asarray(layer(images, training=True)), np.asarray(layer(images, training=True))
    assert first.shape == images.shape and np.isfinite(first).all()
    assert first.min() >= 0 and first.max() <= 255
    if name != "RandomFlip":
        assert np.abs(first - images).max() > 1 and np.abs(first - second).max() > 1e-3
    again = getattr(layers, name).from_config(layer.get_config())
    np.testing.assert_array_equal(again(images, training=True), first)
    theirs = getattr(keras.layers, name)(**arguments, seed=3)
    wanted = theirs.get_config()
    assert {key: layer.get_config()[key] for key in arguments} == {key: wanted[key] for key in arguments}


@pytest.mark.parametrize("mode", ["horizontal", "vertical", "horizontal_and_vertical"])
def test_flips(mode, rng):
    images = rng.uniform(0, 1, (40, 3, 4, 2)).astype("float32")
    got = np.asarray(layers.RandomFlip(mode, seed=1)(images, training=True))
    axes = {"horizontal": (2,), "vertical": (1,), "horizontal_and_vertical": (1, 2)}[mode]
    flipped = np.flip(images, axes)
    kept = (got == images).all((1, 2, 3))
    np.testing.assert_array_equal(got, np.where(kept[:, None, None, None], images, flipped))
    assert 10 < kept.sum() < 30


def test_rotations_are_keras_s(rng):
    angle = rng.uniform(-3, 3, (5, 1)).astype("float32")
    theirs = keras.layers.RandomRotation(0.5)
    zero, one = np.zeros(5, "float32"), np.ones(5, "float32")
    want = theirs._compute_affine_matrix(0.5, 0.5, np.degrees(angle[:, 0]), zero, zero, one, zero, zero, 8, 6)
    got = np.concatenate(
        [np.asarray(part) for part in layers.RandomRotation.rotation(Tensor(angle), 8, 6)], axis=1
    )
    np.testing.assert_allclose(got, want, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "arguments", "want"),
    [
        (
            "RandomTranslation",
            {"height_factor": (0.25, 0.25), "width_factor": (0, 0), "fill_mode": "constant"},
            lambda x: np.concatenate([np.zeros_like(x[:, :2]), x[:, :-2]], axis=1),
        ),
        ("RandomZoom", {"height_factor": (0, 0)}, lambda x: x),
        ("RandomRotation", {"factor": (0.5, 0.5)}, lambda x: x[:, ::-1, ::-1]),
        ("RandomBrightness", {"factor": (0.1, 0.1)}, lambda x: np.clip(x + 25.5, 0, 255)),
        ("RandomContrast", {"factor": (0.0, 0.0)}, lambda x: x),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_fixed_amounts(name, arguments, want, rng):
    images = rng.uniform(0, 255, (3, 8, 6, 2)).astype("float32")
    got = getattr(layers, name)(**arguments)(images, training=True)
    np.testing.assert_allclose(got, want(images), atol=255 * 16 * EPS32)


def test_in_a_model_that_trains(rng):
    images = rng.uniform(0, 255, (20, 8, 8, 1)).astype("float32")
    model = fastnn.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.1),
            layers.RandomZoom(0.1),
            layers.RandomTranslation(0.1, 0.1),
            layers.RandomContrast(0.1),
            layers.RandomBrightness(0.1),
            layers.CenterCrop(6, 6),
            layers.Resizing(4, 4),
            layers.Rescaling(1 / 255),
            layers.Conv2D(2, 3),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    model.compile("adam", "mse")
    history = model.fit(images, np.ones((20, 2)), epochs=2, batch_size=8, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    np.testing.assert_array_equal(model.predict(images, verbose=0), model.predict(images, verbose=0))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.RandomFlip("sideways"), "'sideways'"),
        (lambda: layers.RandomRotation(2), "`factor`.*received 2"),
        (lambda: layers.RandomZoom(0.1, fill_mode="mirror"), "`fill_mode`.*'mirror'"),
        (lambda: layers.RandomContrast((-0.5, 0.5)), "from 0 to 1"),
        (lambda: layers.Resizing(0, 3), "`height`"),
        (lambda: layers.Resizing(3, 3)(np.ones((4, 4))), "3 axes or a batch of 4"),
        (lambda: layers.RandomFlip()(np.ones((4, 4))), r"shape \(4, 4\)"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()
