"""Bounding boxes beside Keras: formats, cuts, moves, differences from anchors, overlaps."""

import itertools

import keras
import numpy as np
import pytest

import fastnn
from fastnn.ops.image.boxes import FORMATS

ours, theirs = fastnn.utils.bounding_boxes, keras.utils.bounding_boxes
H, W = 40, 60


@pytest.fixture
def boxes(rng):
    ends = np.sort(rng.uniform(0, 1, (2, 5, 2, 2)), axis=2).reshape(2, 5, 4)
    return (ends * [W, H, W, H]).astype("float32")  # xyxy


@pytest.mark.parametrize("source", FORMATS)
def test_formats(boxes, source):
    given = np.asarray(theirs.convert_format(boxes, "xyxy", source, H, W))
    for target in FORMATS:
        want = theirs.convert_format(given, source, target, height=H, width=W)
        got = ours.convert_format(given, source.upper(), target, height=H, width=W)
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-4, err_msg=target)
    held = {"boxes": given, "labels": 7}
    assert ours.convert_format(held, source, "xyxy", H, W)["labels"] == 7
    assert held["boxes"] is given
    whole = ours.convert_format([[10, 20, 30, 40]], "xyxy", "xywh", dtype="int32")
    assert np.asarray(whole).tolist() == [[10, 20, 20, 20]] and whole.dtype == "int32"


@pytest.mark.parametrize(("kind", "scale"), [("xyxy", (W, H, W, H)), ("rel_xyxy", (1, 1, 1, 1))])
def test_cut_to_the_image(rng, kind, scale):
    boxes = (rng.uniform(-0.5, 1.5, (2, 30, 4)) * scale).astype("float32")
    labels = rng.integers(0, 5, (2, 30)).astype("int32")
    want = theirs.clip_to_image_size({"boxes": boxes, "labels": labels}, H, W, kind)
    got = ours.clip_to_image_size({"boxes": boxes, "labels": labels, "more": 1}, H, W, kind)
    np.testing.assert_allclose(got["boxes"], want["boxes"], rtol=1e-6)
    np.testing.assert_array_equal(got["labels"], want["labels"])
    assert (np.asarray(got["labels"]) == -1).sum() > 5 and got["more"] == 1
    one_hot = np.eye(5, dtype="uint8")[labels]
    again = np.asarray(ours.clip_to_image_size({"boxes": boxes, "labels": one_hot}, H, W, kind)["labels"])
    np.testing.assert_array_equal((again == -1).all(-1), np.asarray(want["labels"]) == -1)


def test_other_formats_are_cut_alike(boxes):
    far = boxes + 20
    want = ours.clip_to_image_size({"boxes": far}, H, W)["boxes"]
    held = {"boxes": ours.convert_format(far, "xyxy", "center_yxhw")}
    got = ours.clip_to_image_size(held, H, W, "center_yxhw")["boxes"]
    np.testing.assert_allclose(ours.convert_format(got, "center_yxhw", "xyxy"), want, atol=1e-4)
    got = ours.crop(ours.convert_format(far, "xyxy", "xywh"), 5, 7, 30, 20, bounding_box_format="xywh")
    np.testing.assert_allclose(
        ours.convert_format(got, "xywh", "xyxy"), ours.crop(far, 5, 7, 30, 20), atol=1e-4
    )


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_turned_sheared_scaled_and_moved(boxes, rng):
    numbers = [rng.uniform(-40, 40, 2), *rng.uniform(-0.3, 0.3, (2, 2)), rng.uniform(0.5, 2, 2)]
    numbers = [part.astype("float32") for part in (*numbers, *rng.uniform(-20, 20, (2, 2)))]
    for center in ({}, {"center_x": 0.2, "center_y": 0.7}):
        want = theirs.affine_transform(boxes, *numbers, H, W, **center)
        got = ours.affine_transform(boxes, *numbers, H, W, **center)
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-3)
        alone = ours.affine_transform(boxes[1], *[float(part[1]) for part in numbers], H, W, **center)
        np.testing.assert_allclose(alone, got[1], rtol=1e-5, atol=1e-4)


def test_crop_and_pad(boxes):
    for name, arguments in (("crop", (5, 7, 30, 20)), ("pad", (5, 7)), ("pad", (5, 7, 100, 100))):
        for given in (boxes, boxes[0], boxes.astype("int32")):
            got, want = (getattr(module, name)(given, *arguments) for module in (ours, theirs))
            np.testing.assert_allclose(got, want, rtol=1e-6)
            assert got.dtype == str(want.dtype)


@pytest.mark.parametrize("kind", ["center_xywh", "center_yxhw"])
@pytest.mark.parametrize("variance", [None, [0.1, 0.1, 0.2, 0.2]])
def test_differences_from_anchors(boxes, kind, variance):
    anchors = boxes[0] + 1
    given = np.asarray(theirs.convert_format(boxes, "xyxy", "rel_xywh", H, W))
    arguments = ("xyxy", "rel_xywh", kind, variance, (H, W, 3))
    want = theirs.encode_box_to_deltas(anchors, given, *arguments)
    got = ours.encode_box_to_deltas(anchors, given, *arguments)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
    back = ours.decode_deltas_to_boxes(anchors, got, *arguments)
    np.testing.assert_allclose(
        back, theirs.decode_deltas_to_boxes(anchors, np.asarray(want), *arguments), atol=1e-5
    )
    np.testing.assert_allclose(back, given, atol=1e-5)
    levels = ours.decode_deltas_to_boxes({"a": anchors}, {"a": got}, *arguments)
    np.testing.assert_array_equal(levels["a"], back)


def test_overlaps(boxes, rng):
    others = np.where(rng.uniform(size=(2, 3, 1)) < 0.3, -1, boxes[:, :3] + rng.uniform(-4, 4, (2, 3, 1)))
    others = others.astype("float32")
    for one, other in itertools.product((boxes, boxes[0]), (others, others[0])):
        got, want = (np.asarray(k.compute_iou(one, other, "xyxy")) for k in (ours, theirs))
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    masked = [np.asarray(k.compute_iou(boxes, others, "xyxy", use_masking=True)) for k in (ours, theirs)]
    np.testing.assert_allclose(*masked, rtol=1e-5, atol=1e-6)
    assert (masked[0] == -1).any() and (masked[0] > 0).any()
    relative = [ours.convert_format(some, "xyxy", "rel_yxyx", H, W) for some in (boxes, others)]
    got = ours.compute_iou(*relative, "rel_yxyx", image_shape=(H, W, 3))
    np.testing.assert_allclose(got, ours.compute_iou(boxes, others, "xyxy"), atol=1e-4)


def test_complete_overlaps(boxes, rng):
    others = boxes + rng.uniform(0, 9, boxes.shape).astype("float32")
    got, want = (k.compute_ciou(boxes, others, "xyxy") for k in (ours, theirs))
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
    with fastnn.GradientTape() as tape:
        boxes = fastnn.ops.convert_to_tensor(boxes)
        tape.watch(boxes)
        loss = fastnn.ops.sum(1 - ours.compute_ciou(boxes, others, "xyxy"))
    assert np.abs(np.asarray(tape.gradient(loss, boxes))).max() > 1e-3


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: ours.convert_format([[1, 2, 3]], "xyxy", "xywh"), "four numbers"),
        (lambda: ours.convert_format([[1, 2, 3, 4]], "xxyy", "xywh"), "`source`"),
        (lambda: ours.convert_format([[1, 2, 3, 4]], "xyxy", "rel_xywh"), "`height` and `width`"),
        (lambda: ours.clip_to_image_size({"boxes": [[1, 2, 3, 4]]}), "`height` and `width`"),
        (
            lambda: ours.crop([[1, 2, 3, 4]], 0, 0, 2, 2, bounding_box_format="rel_xyxy"),
            "`height` and `width`",
        ),
        (
            lambda: ours.encode_box_to_deltas([[1, 2, 3, 4]], [[1, 2, 3, 4]], "xyxy", "xyxy", "xywh"),
            "`encoding_format`",
        ),
        (lambda: ours.compute_iou([1, 2, 3, 4], [[1, 2, 3, 4]], "xyxy"), "`boxes1`"),
        (lambda: ours.compute_iou([[1, 2, 3, 4]], [[1, 2, 3, 4]], "rel_xyxy"), "`image_shape`"),
    ],
)
def test_wrong_use(call, says):
    with pytest.raises(ValueError, match=says):
        call()
