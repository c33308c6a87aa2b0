"""Random changes of images: from the same transformation what Keras makes of it; drawn, what each must leave alone."""

import keras
import numpy as np
import pytest
from support import EPS32

import fastnn
from fastnn import layers
from fastnn.engine.tensor import Tensor

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
N, H, W = 4, 9, 12

# name -> (arguments, the transformation in Keras's form for N images)
GIVEN = {
    "RandomHue": ({"factor": 0.5}, lambda r: {"factor": r.uniform(-0.5, 0.5, N).astype("f4")}),
    "RandomSaturation": ({"factor": 0.5}, lambda r: {"factor": r.uniform(0, 3, N).astype("f4")}),
    "RandomColorDegeneration": (
        {"factor": 0.5},
        lambda r: {"factor": r.uniform(0, 1, (N, 1, 1, 1)).astype("f4")},
    ),
    "RandomInvert": (
        {"value_range": (0, 255)},
        lambda r: {"apply_inversion": np.array([True, False, True, False])},
    ),
    "RandomPosterization": ({"factor": (2, 7)}, lambda r: {"shift_factor": np.array([1, 3, 5, 7], "uint8")}),
    "RandomSharpness": ({"factor": 0.5}, lambda r: {"factor": r.uniform(0, 1, N).astype("f4")}),
    "Solarization": (
        {"addition_factor": 0.3},
        lambda r: {
            "additions": r.uniform(0, 80, (N, 1, 1, 1)).astype("f4"),
            "thresholds": r.uniform(0, 255, (N, 1, 1, 1)).astype("f4"),
        },
    ),
    "RandomGrayscale": ({}, lambda r: np.array([True, False, False, True]).reshape(N, 1, 1, 1)),
    "RandomBrightness": (
        {"factor": 0.5},
        lambda r: {"rgb_delta": r.uniform(-90, 90, (N, 1, 1, 1)).astype("f4")},
    ),
    "RandomContrast": (
        {"factor": 0.5},
        lambda r: {"contrast_factor": r.uniform(0, 2, (N, 1, 1, 1)).astype("f4")},
    ),
    "RandomShear": (
        {"x_factor": 0.5, "y_factor": 0.5},
        lambda r: {"shear_factor": r.uniform(-0.5, 0.5, (N, 2)).astype("f4"), "input_shape": (N, H, W, 3)},
    ),
    "RandomPerspective": (
        {"scale": 0.5},
        lambda r: {
            "apply_perspective": np.array([True, True, False, True]),
            "start_points": (
                start := np.tile(np.array([[0, 0], [W - 1, 0], [0, H - 1], [W - 1, H - 1]], "f4"), (N, 1, 1))
            ),
            "end_points": start * (1 + r.uniform(-0.25, 0.25, (N, 4, 2)).astype("f4")),
            "input_shape": (N, H, W, 3),
        },
    ),
    "RandomErasing": (
        {"fill_value": [10, 20, 30]},
        lambda r: {
            "apply_erasing": np.array([True, False, True, True]),
            "batch_masks": r.uniform(size=(N, H, W, 3)) < 0.3,
            "fill_value": r.uniform(0, 255, (N, H, W, 3)).astype("f4"),
        },
    ),
    "RandomGaussianBlur": (
        {"kernel_size": (3, 5)},
        lambda r: {
            "should_apply_blur": np.array([True, False, True, True]),
            "blur_factor": np.array([0.5, 0.9], "f4"),
        },
    ),
    "CutMix": (
        {},
        lambda r: {
            "permutation_order": np.array([2, 0, 3, 1], "int32"),
            "batch_masks": r.uniform(size=(N, H, W, 3)) < 0.3,
            "mix_weight": r.uniform(0, 1, (N, 1, 1, 1)).astype("f4"),
        },
    ),
    "MixUp": (
        {},
        lambda r: {
            "permutation_order": np.array([2, 0, 3, 1], "int32"),
            "mix_weight": r.uniform(0, 1, N).astype("f4"),
        },
    ),
    "AutoContrast": ({}, lambda r: None),
    "Equalization": ({"bins": 64}, lambda r: None),
    "ContrastLimitedAdaptiveHistogramEqualization": ({"tile_grid_size": (2, 3)}, lambda r: None),
}
ALWAYS = {"AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization"}
DRAWN = {
    **{name: arguments for name, (arguments, _) in GIVEN.items()},
    "RandomColorJitter": {
        "brightness_factor": 0.2,
        "contrast_factor": 0.2,
        "saturation_factor": (0.4, 0.6),
        "hue_factor": 0.2,
    },
    "RandomElasticTransform": {"scale": (0.5, 1.0)},
    "RandAugment": {},
    "AugMix": {},
}


def _tensors(transformation):
    if transformation is None:
        return None
    if isinstance(transformation, dict):
        return {k: v if isinstance(v, tuple) else Tensor(v) for k, v in transformation.items()}
    return Tensor(transformation)


@pytest.fixture
def images(rng):
    return rng.uniform(0, 255, (N, H, W, 3)).astype("float32")


@pytest.mark.parametrize("name", GIVEN)
def test_as_keras_with_the_same_transformation(name, images, rng):
    arguments, make = GIVEN[name]
    transformation = make(rng)
    ours, theirs = getattr(layers, name)(**arguments), getattr(keras.layers, name)(**arguments)
    want = np.asarray(theirs.transform_images(images.copy(), transformation))  # it may write to it
    got = np.asarray(ours.transform_images(images, _tensors(transformation)))
    # Where a pixel lies on the border between two, rounding decides; elsewhere it is arithmetic alone.
    differ = np.abs(got - want) > 255 * 64 * EPS32
    assert differ.mean() < 0.005, np.abs(got - want).max()
    assert np.abs(want - images).max() > 1
    if name in ("CutMix", "MixUp"):
        labels = np.eye(N, dtype="float32")
        np.testing.assert_allclose(
            ours.transform_labels(labels, _tensors(transformation)),
            theirs.transform_labels(labels, transformation),
            atol=1e-6,
        )
    config = theirs.get_config()
    assert {*config} <= {*ours.get_config(), "dtype"}
    for key in {*config} - {"name", "dtype", "seed"}:
        assert ours.get_config()[key] == config[key], key


@pytest.mark.parametrize("name", DRAWN)
def test_drawn_alike_in_batches_single_images_and_layouts(name, images):
    make = lambda **more: getattr(layers, name)(**DRAWN[name], **more)  # noqa: E731
    layer = make() if name in ALWAYS | {"Equalization"} else make(seed=5)
    got = np.asarray(layer(images, training=True))
    assert (
        got.shape == images.shape
        and np.isfinite(got).all()
        and got.min() >= -1e-3
        and got.max() <= 255 + 1e-3
    )
    assert layer.compute_output_shape((None, H, W, 3)) == (None, H, W, 3)
    calm = np.asarray(layer(images, training=False))
    assert (np.abs(calm - images).max() > 0) == (name in ALWAYS)
    config = layer.get_config()
    again = type(layer).from_config(config)
    if "seed" in config:
        np.testing.assert_array_equal(again(images, training=True), got)
    first = images.transpose(0, 3, 1, 2)
    if name != "RandomErasing":
        other = type(layer).from_config({**config, "data_format": "channels_first"})
        if "seed" in config:
            np.testing.assert_allclose(other(first, training=True), got.transpose(0, 3, 1, 2), atol=0.02)
    assert np.asarray(layer(images[0], training=True)).shape == images[0].shape
    assert np.asarray(layer(images.astype("uint8"), training=True)).dtype == "float32"


@pytest.mark.parametrize("name", DRAWN)
def test_inside_a_model(name, images):
    model = fastnn.Sequential(
        [layers.Input((H, W, 3)), getattr(layers, name)(**DRAWN[name]), layers.Flatten(), layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    before = model.layers[0]
    model.fit(images / 255, np.ones((N, 1)), batch_size=2, verbose=0)
    assert np.isfinite(model.predict(images, verbose=0)).all()
    assert before is model.layers[0]


def test_crops(rng):
    images = np.arange(2 * 6 * 7, dtype="float32").reshape(2, 6, 7, 1)
    layer, seen = layers.RandomCrop(3, 4, seed=2), set()
    for _ in range(40):
        got = np.asarray(layer(images, training=True))
        top, left = divmod(int(got[0, 0, 0, 0]), 7)
        np.testing.assert_array_equal(got, images[:, top : top + 3, left : left + 4])
        seen.add((top, left))
    assert {top for top, _ in seen} == {0, 1, 2, 3} and {left for _, left in seen} == {0, 1, 2, 3}
    masks = images.astype("int32")
    both = layer({"images": images, "segmentation_masks": masks}, training=True)
    np.testing.assert_array_equal(both["images"], both["segmentation_masks"])
    assert both["segmentation_masks"].dtype == "int32"
    # Too small, or not training: the middle, resized.
    want = keras.layers.CenterCrop(3, 3)(images[:, :, :6])
    np.testing.assert_allclose(layers.RandomCrop(6, 6)(images[:, :, :6], training=False), images[:, :, :6])
    assert layers.RandomCrop(8, 4)(images, training=True).shape == (2, 8, 4, 1)
    assert want.shape == layers.RandomCrop(3, 3)(images, training=False).shape
    assert layers.RandomCrop(3, 4).compute_output_shape((None, 6, 7, 1)) == (None, 3, 4, 1)


def test_dicts_are_changed_as_a_whole(images, rng):
    labels, masks = np.eye(N, dtype="float32"), rng.integers(0, 3, (N, H, W, 1)).astype("uint8")
    data = {"images": images, "labels": labels, "segmentation_masks": masks, "other": labels}
    got = layers.RandomFlip("horizontal", seed=1)(data, training=True)
    flipped = (np.asarray(got["images"]) != images).any((1, 2, 3))
    assert 0 < flipped.sum() < N
    for i, turned in enumerate(flipped):
        np.testing.assert_array_equal(
            np.asarray(got["segmentation_masks"])[i], masks[i][:, ::-1] if turned else masks[i]
        )
    assert got["segmentation_masks"].dtype == "uint8"
    np.testing.assert_array_equal(got["labels"], labels)
    mixed = layers.CutMix(seed=3)({"images": images, "labels": labels}, training=True)
    np.testing.assert_allclose(np.asarray(mixed["labels"]).sum(1), 1, atol=1e-6)
    new = (np.asarray(mixed["images"]) != images).mean((1, 2, 3))
    kept = np.asarray(mixed["labels"]).diagonal()
    np.testing.assert_allclose(1 - new[new > 0], kept[new > 0], atol=0.2)
    turned = layers.RandomRotation(0.2, seed=4)(data, training=True)
    assert set(np.unique(turned["segmentation_masks"])) <= {0, 1, 2}
    assert np.asarray(layers.RandomFlip()({"images": images[0]})["images"]).shape == images[0].shape
    with pytest.raises(ValueError, match="bounding_box_format"):
        layers.RandomHue(0.1)({"images": images, "bounding_boxes": {}})
    with pytest.raises(ValueError, match="3 axes or a batch of 4"):
        layers.RandomHue(0.1)(images[0, 0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.RandomHue(1.5), "`factor`"),
        (lambda: layers.RandomPosterization(9), "`factor`"),
        (lambda: layers.RandomSharpness((0.1, 0.2, 0.3)), "`factor`"),
        (lambda: layers.Solarization(threshold_factor=-1), "`threshold_factor`"),
        (lambda: layers.RandomGrayscale(2), "`factor`"),
        (lambda: layers.AutoContrast(value_range=3), "`value_range`"),
        (lambda: layers.RandomGaussianBlur(kernel_size=4), "`kernel_size`"),
        (lambda: layers.RandomPerspective(scale=2), "`scale`"),
        (lambda: layers.RandomShear(2.0), "`x_factor`"),
        (lambda: layers.RandomErasing(fill_value=(1, 2)), "`fill_value`"),
        (lambda: layers.RandomElasticTransform(fill_mode="odd"), "`fill_mode`"),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
