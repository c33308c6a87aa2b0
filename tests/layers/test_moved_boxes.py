"""Boxes follow what images show: drawn in it, moved by a layer, found again; beside Keras where it is exact."""

import keras
import numpy as np
import pytest

from fastnn import layers
from fastnn.utils.bounding_boxes import convert_format

H, W = 40, 60
BOXES = np.array([[[12, 8, 30, 22]], [[25, 15, 40, 33]], [[30, 10, 52, 24]], [[8, 20, 20, 32]]], "float32")
IMAGES = np.zeros((4, H, W, 1), "float32")
for _image, ((_left, _top, _right, _bottom),) in zip(IMAGES, BOXES.astype(int)):
    _image[_top:_bottom, _left:_right] = 1

MOVING = [
    lambda **more: layers.RandomFlip("horizontal", seed=1, **more),
    lambda **more: layers.RandomFlip("horizontal_and_vertical", seed=2, **more),
    lambda **more: layers.RandomTranslation(0.3, 0.3, "constant", seed=3, **more),
    lambda **more: layers.RandomZoom((-0.3, 0.3), (-0.3, 0.3), "constant", seed=4, **more),
    lambda **more: layers.RandomRotation(0.2, "constant", seed=5, **more),
    lambda **more: layers.RandomShear(0.4, 0.4, fill_mode="constant", seed=6, **more),
    lambda **more: layers.RandomPerspective(scale=0.4, seed=7, **more),
    lambda **more: layers.RandomCrop(30, 41, seed=8, **more),
    lambda **more: layers.RandomCrop(50, 41, seed=8, **more),
    lambda **more: layers.CenterCrop(30, 41, **more),
    lambda **more: layers.CenterCrop(50, 41, **more),
    lambda **more: layers.Resizing(80, 61, **more),
    lambda **more: layers.Resizing(33, 90, crop_to_aspect_ratio=True, **more),
    lambda **more: layers.Resizing(80, 61, pad_to_aspect_ratio=True, **more),
]


def seen(image):
    """(left, top, right, bottom) around what is not 0 in an image."""
    rows, columns = (np.flatnonzero((image[..., 0] > 0.25).any(axis)) for axis in (1, 0))
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


@pytest.mark.parametrize("make", MOVING)
@pytest.mark.parametrize("kind", ["xyxy", "rel_center_xywh"])
def test_boxes_are_where_the_images_show_them(make, kind):
    boxes = convert_format(BOXES, "xyxy", kind, H, W)
    data = {"images": IMAGES, "bounding_boxes": {"boxes": boxes, "labels": np.arange(4).reshape(4, 1)}}
    got = make(bounding_box_format=kind)(data, training=True)
    images = np.asarray(got["images"])
    found = np.asarray(convert_format(got["bounding_boxes"]["boxes"], kind, "xyxy", *images.shape[1:3]))
    for image, (box,) in zip(images, found):
        np.testing.assert_allclose(box, seen(image), atol=1.6)  # pixels of the border may be half in it
    np.testing.assert_array_equal(got["bounding_boxes"]["labels"], np.arange(4).reshape(4, 1))
    alone = {"images": IMAGES[0], "bounding_boxes": {"boxes": boxes[0], "labels": np.array([0])}}
    again = make(bounding_box_format=kind)(alone, training=True)
    assert tuple(again["bounding_boxes"]["boxes"].shape) == (1, 4)
    first = make(bounding_box_format=kind, data_format="channels_first")
    other = first({**data, "images": IMAGES.transpose(0, 3, 1, 2)}, training=True)
    np.testing.assert_allclose(other["bounding_boxes"]["boxes"], got["bounding_boxes"]["boxes"], atol=1e-4)


def test_what_has_left_the_image_has_no_label():
    data = {"images": IMAGES[:1], "bounding_boxes": {"boxes": BOXES[:1], "labels": np.array([[3]], "uint8")}}
    layer = layers.RandomTranslation((0.85, 0.9), (0, 0), "constant", bounding_box_format="xyxy")
    assert np.asarray(layer(data, training=True)["bounding_boxes"]["labels"]) == -1
    assert np.asarray(layer(data, training=False)["bounding_boxes"]["labels"]) == 3


@pytest.mark.parametrize("seed", range(4))
def test_several_changes(seed):
    data = {"images": IMAGES * 255, "bounding_boxes": {"boxes": BOXES, "labels": np.zeros((4, 1))}}
    got = layers.RandAugment(num_ops=3, factor=0.3, seed=seed, bounding_box_format="xyxy")(
        data, training=True
    )
    assert np.asarray(got["bounding_boxes"]["boxes"]).shape == BOXES.shape
    mixed = layers.MixUp(seed=seed, bounding_box_format="xyxy")(data, training=True)["bounding_boxes"]
    assert tuple(mixed["boxes"].shape) == (4, 2, 4) and tuple(mixed["labels"].shape) == (4, 2)
    np.testing.assert_array_equal(np.asarray(mixed["boxes"])[:, 0], BOXES[:, 0])
    same = layers.AugMix(seed=seed, bounding_box_format="xyxy")(data, training=True)["bounding_boxes"]
    np.testing.assert_array_equal(same["boxes"], BOXES)
    for name in ("CutMix", "RandomElasticTransform"):
        with pytest.raises(NotImplementedError, match="leave 'bounding_boxes' out"):
            getattr(layers, name)(bounding_box_format="xyxy")(data, training=True)


@pytest.mark.parametrize("kind", ["xyxy", "rel_yxyx"])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [("CenterCrop", (30, 40)), ("CenterCrop", (50, 40)), ("Resizing", (80, 61)), ("Resizing", (80, 120))],
)
def test_as_keras(name, arguments, kind):
    given = np.asarray(convert_format(BOXES, "xyxy", kind, H, W))
    make = lambda: {  # noqa: E731 - Keras writes to it
        "images": IMAGES.copy(),
        "bounding_boxes": {"boxes": given.copy(), "labels": np.zeros((4, 1), "int32")},
        "labels": np.arange(4),
        "segmentation_masks": IMAGES.astype("int32"),
    }
    want, got = (
        getattr(space, name)(*arguments, bounding_box_format=kind)(make()) for space in (keras.layers, layers)
    )
    np.testing.assert_allclose(
        got["bounding_boxes"]["boxes"], want["bounding_boxes"]["boxes"], rtol=1e-5, atol=1e-4
    )
    np.testing.assert_array_equal(got["bounding_boxes"]["labels"], want["bounding_boxes"]["labels"])
    np.testing.assert_allclose(got["images"], want["images"], atol=1e-5)
    assert got["segmentation_masks"].shape == want["segmentation_masks"].shape
    assert set(np.unique(got["segmentation_masks"])) == {0, 1} and got["segmentation_masks"].dtype == "int32"


def test_one_image_at_a_time():
    layer = layers.RandomFlip("vertical", seed=2, bounding_box_format="xyxy")
    boxes = {"boxes": BOXES[0], "labels": np.array([1])}
    drawn = layer.get_random_transformation({"images": IMAGES[0]})
    while not np.asarray(drawn["flips"]).all():
        drawn = layer.get_random_transformation({"images": IMAGES[0]})
    np.testing.assert_array_equal(layer.transform_single_image(IMAGES[0], drawn), IMAGES[0][::-1])
    np.testing.assert_array_equal(layer.transform_single_segmentation_mask(IMAGES[0], drawn), IMAGES[0][::-1])
    np.testing.assert_array_equal(
        layer.transform_single_bounding_box(boxes, drawn)["boxes"], [[12, 18, 30, 32]]
    )
    np.testing.assert_array_equal(layer.transform_single_label(np.array([1, 0]), drawn), [1, 0])
