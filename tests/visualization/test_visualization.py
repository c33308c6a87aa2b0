"""Boxes, masks and galleries: masks pixel by pixel as Keras paints them, figures as matplotlib saves them."""

import sys

import keras
import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")

from matplotlib import pyplot  # noqa: E402

from fastnn import visualization  # noqa: E402


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (3, 30, 40, 3)).astype("uint8")


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"ignore_index": 2},
        {"alpha": 0.3, "color_mapping": {i: (9 * i, 7, 255) for i in range(4)}},
        {"blend": False},
    ],
)
def test_masks_as_keras_paints_them(images, rng, arguments):
    masks = rng.integers(0, 4, (3, 30, 40, 1)).astype("int32")
    want = np.asarray(keras.visualization.draw_segmentation_masks(images, masks, num_classes=4, **arguments))
    got = visualization.draw_segmentation_masks(images, masks, num_classes=4, **arguments)
    assert got.dtype == want.dtype
    np.testing.assert_allclose(got.astype("float32"), want, atol=1)
    np.testing.assert_array_equal(
        visualization.draw_segmentation_masks(images, masks[..., 0], **arguments), got
    )
    first = visualization.draw_segmentation_masks(
        images.transpose(0, 3, 1, 2), masks.transpose(0, 3, 1, 2), data_format="channels_first", **arguments
    )
    np.testing.assert_array_equal(first, got)


def test_boxes_are_outlines(images):
    boxes = {"boxes": [[[5, 20, 15, 28], [1, 1, 2, 2]]] * 3, "labels": [[4, -1]] * 3}
    drawn = visualization.draw_bounding_boxes(images, boxes, "xyxy", color=(1, 2, 3))
    changed = (drawn != images).any(-1)
    outline = np.zeros((30, 40), bool)
    outline[19:29, 4:16] = True
    outline[21:27, 6:14] = False
    assert not changed[:, ~outline].any() and (drawn[:, outline] == (1, 2, 3)).all()
    assert images.base is None  # not drawn into
    named = visualization.draw_bounding_boxes(
        images.transpose(0, 3, 1, 2) / 255,
        boxes,
        "xyxy",
        {4: "cat"},
        (1, 2, 3),
        font_scale=0.4,
        data_format="channels_first",
    )
    more = (named.transpose(0, 2, 3, 1) != drawn).any(-1)
    assert more[:, 5:20, 5:].any() and not more[:, 20:].any()
    outside = {"boxes": [[[-9, -9, 99, 99]]] * 3, "labels": [[4]] * 3, "confidences": [[0.5]] * 3}
    visualization.draw_bounding_boxes(images, outside, "xyxy", {4: "cat"})


def test_galleries(images, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(pyplot, "show", lambda: shown.append(pyplot.gcf()))
    visualization.plot_image_gallery(images, [0, 1, 2], label_map={0: "a", 1: "b"}, y_pred=[1, 1, 1])
    titles = [axis.get_title() for axis in shown[0].axes]
    assert titles == ["Label: a  Pred: b", "Label: b  Pred: b", "Label: Unknown  Pred: b", ""]
    np.testing.assert_array_equal(shown[0].axes[2].images[0].get_array(), images[2])
    path = tmp_path / "gallery.png"
    visualization.plot_image_gallery(images[..., :1] / 255, rows=1, cols=3, value_range=(0, 1), path=path)
    assert pyplot.imread(path).shape[1] > 2 * pyplot.imread(path).shape[0]
    boxes = {"boxes": np.tile([0.1, 0.5, 0.4, 0.9], (3, 1, 1)), "labels": np.ones((3, 1))}
    visualization.plot_bounding_box_gallery(
        images, "rel_xyxy", boxes, boxes, legend=True, class_mapping={1: "dog"}
    )
    assert [text.get_text() for text in shown[1].legends[0].get_texts()] == ["Ground Truth", "Prediction"]
    masks = np.zeros((3, 30, 40, 1))
    masks[:, 5:] = 2
    visualization.plot_segmentation_mask_gallery(images, 3, y_true=masks, y_pred=masks, ignore_index=0)
    cells = [axis.images[0].get_array() for axis in shown[2].axes]
    assert len(cells) == 9
    np.testing.assert_array_equal(cells[3], images[1])
    np.testing.assert_array_equal(cells[4], cells[5])
    assert (cells[4][:5] == images[1, :5]).all() and (cells[4][5:] != images[1, 5:]).any()
    assert not pyplot.get_fignums() and len(shown) == 3


def test_without_matplotlib(images, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"fastnn\[visualization\]"):
        visualization.plot_image_gallery(images)
    boxes = {"boxes": [[[5, 20, 15, 28]]] * 3, "labels": [[4]] * 3}
    visualization.draw_bounding_boxes(images, boxes, "xyxy")
    with pytest.raises(ImportError, match=r"fastnn\[visualization\]"):
        visualization.draw_bounding_boxes(images, boxes, "xyxy", {4: "cat"})


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda v, x: v.plot_image_gallery(x[0]), "batch of 4 axes"),
        (lambda v, x: v.plot_image_gallery(x, path="a.png", show=True), "not both"),
        (lambda v, x: v.plot_image_gallery(x, [1, 2, 3]), "`label_map`"),
        (lambda v, x: v.draw_bounding_boxes(x, [1], "xyxy"), "must be a dict"),
        (lambda v, x: v.draw_bounding_boxes(x, {"boxes": []}, "xyxy"), "'boxes' and 'labels'"),
        (lambda v, x: v.draw_segmentation_masks(x, x[..., 0] * 0.5), "whole numbers"),
        (lambda v, x: v.draw_segmentation_masks(x, x[:, 1:, :, 0]), "the images' shape"),
        (lambda v, x: v.plot_bounding_box_gallery(x, "xyxy", legend=True, legend_handles=[1]), "not both"),
    ],
)
def test_wrong_use(images, call, says):
    with pytest.raises((ValueError, TypeError), match=says):
        call(visualization, images)
