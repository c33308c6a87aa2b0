"""Bounding boxes: their formats, and what becomes of them where images are cut, turned or moved.

A box holds four numbers, in the last axis. In "xyxy", in which all is computed, these are the distances in pixels of
its left, top, right and bottom edge from the image's left and top edge: a whole image is (0, 0, width, height).
"""

import math

from ...engine import settings
from ...engine.dtypes import is_float
from ...engine.variable import convert
from ..arithmetic import clip, maximum, minimum, square
from ..casting import cast
from ..elementary import arctan, cos, exp, log, sin, tan
from ..joining import concatenate, split, stack
from ..logic import less, less_equal, logical_or, where
from ..reduction import max as greatest
from ..reduction import min as least
from ..shape import expand_dims, reshape, squeeze

FORMATS = (
    "xyxy",
    "yxyx",
    "xywh",
    "center_xywh",
    "center_yxhw",
    "rel_xyxy",
    "rel_yxyx",
    "rel_xywh",
    "rel_center_xywh",
)


def edges_of(boxes):
    """The four numbers of boxes, each (..., 1)."""
    return split(boxes, 4, axis=-1)


def _edges(kind, a, b, c, d):
    """The left, top, right and bottom of boxes of a format, "rel_" left out."""
    if kind in ("yxyx", "center_yxhw"):
        a, b, c, d = b, a, d, c
    if kind.startswith("center"):
        return a - c / 2.0, b - d / 2.0, a + c / 2.0, b + d / 2.0
    return (a, b, a + c, b + d) if kind == "xywh" else (a, b, c, d)


def _coded(kind, left, top, right, bottom):
    """`_edges` undone."""
    wide, tall = right - left, bottom - top
    if kind.startswith("center"):
        left, top, right, bottom = left + wide / 2.0, top + tall / 2.0, wide, tall
    elif kind == "xywh":
        right, bottom = wide, tall
    if kind in ("yxyx", "center_yxhw"):
        return top, left, bottom, right
    return left, top, right, bottom


def convert_format(boxes, source, target, height=None, width=None, dtype="float32"):
    """Boxes of one format in another.

    Args:
        boxes: (..., 4), or a dict that holds such as "boxes".
        source, target: in any case of letters:
            "xyxy": left, top, right, bottom; "yxyx": top, left, bottom, right;
            "xywh": left, top, width, height;
            "center_xywh": the middle's x and y, width, height; "center_yxhw": the middle's y and x, height, width;
            "rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh": the same as shares of the image's width and height.
        height, width: of the image, between relative and other formats; numbers, or tensors that go with (..., 1).
    Raises:
        ValueError: no such format, other than four numbers a box, or an extent that is missing.
    Source: Keras 3 `utils.bounding_boxes.convert_format`.
    """
    if isinstance(boxes, dict):
        return {**boxes, "boxes": convert_format(boxes["boxes"], source, target, height, width, dtype)}
    boxes = convert(boxes)
    if not boxes.shape or boxes.shape[-1] != 4:
        raise ValueError(
            f"convert_format: `boxes` must hold four numbers a box in the last axis, received shape "
            f"{tuple(boxes.shape)}"
        )
    for argument, given in (("source", source), ("target", target)):
        if not isinstance(given, str) or given.lower() not in FORMATS:
            raise ValueError(
                f"convert_format: `{argument}` must be one of {', '.join(map(repr, FORMATS))}, received {given!r}"
            )
    source, target = source.lower(), target.lower()
    relative = [kind.startswith("rel_") for kind in (source, target)]
    if any(relative) and (height is None or width is None):
        raise ValueError(
            f"convert_format: from {source!r} to {target!r} takes the image's `height` and `width`, received "
            f"{height} and {width}"
        )
    boxes = cast(boxes, dtype)
    if source == target:
        return boxes
    edges = _edges(source.removeprefix("rel_"), *edges_of(boxes))
    if relative[0] != relative[1]:
        extents = [convert(extent, dtype=edges[0].dtype) for extent in (width, height, width, height)]
        edges = [edge * n if relative[0] else edge / n for edge, n in zip(edges, extents)]
    return concatenate(_coded(target.removeprefix("rel_"), *edges), axis=-1)


def _in_xyxy(change, boxes, kind, height=None, width=None):
    """change(boxes) of boxes of a format, given them, and giving them back, as "xyxy"."""
    boxes = convert(boxes)
    dtype = boxes.dtype if is_float(boxes.dtype) or kind == "xyxy" else "float32"
    made = change(convert_format(boxes, kind, "xyxy", height, width, dtype))
    return convert_format(made, "xyxy", kind, height, width, made.dtype)


def clip_to_image_size(bounding_boxes, height=None, width=None, bounding_box_format="xyxy"):
    """Boxes cut to the image; the labels of those of which nothing is left are -1.

    Args:
        bounding_boxes: a dict of "boxes" (..., 4) and, if there are any, "labels" (...) or (..., classes).
        height, width: of the image; relative boxes do without.
    Raises:
        ValueError: an extent that is missing.
    Source: Keras 3 `utils.bounding_boxes.clip_to_image_size`.
    """
    if bounding_box_format.startswith("rel_"):
        height = width = 1.0
    elif height is None or width is None:
        raise ValueError(
            f"clip_to_image_size: boxes as {bounding_box_format!r} take the image's `height` and `width`, received "
            f"{height} and {width}"
        )
    areas = []

    def cut(boxes):
        left, top, right, bottom = edges_of(boxes)
        zero, wide, tall = (convert(bound, dtype=boxes.dtype) for bound in (0, width, height))
        left, right = (minimum(maximum(edge, zero), wide) for edge in (left, right))
        top, bottom = (minimum(maximum(edge, zero), tall) for edge in (top, bottom))
        areas.append((right - left) * (bottom - top))
        return concatenate([left, top, right, bottom], axis=-1)

    boxes = _in_xyxy(cut, bounding_boxes["boxes"], bounding_box_format, height, width)
    made = {**bounding_boxes, "boxes": boxes}
    if bounding_boxes.get("labels") is not None:
        labels = convert(bounding_boxes["labels"])
        labels = cast(labels, "int32") if labels.dtype.startswith("uint") else labels
        gone = less_equal(areas[0], convert(0, dtype=areas[0].dtype))  # (..., 1)
        gone = gone if len(labels.shape) == len(gone.shape) else squeeze(gone, -1)
        made["labels"] = where(gone, convert(-1, dtype=labels.dtype), labels)
    return made


def around_moved_corners(place, boxes):
    """Boxes around what the corners of boxes become: place(x, y) -> (x, y) of tensors (..., 4)."""
    left, top, right, bottom = edges_of(boxes)
    x, y = place(
        concatenate([left, right, right, left], axis=-1), concatenate([top, top, bottom, bottom], axis=-1)
    )
    ends = [find(at, axis=-1, keepdims=True) for find in (least, greatest) for at in (x, y)]
    return concatenate(ends, axis=-1)


def affine_transform(
    boxes,
    angle,
    translate_x,
    translate_y,
    scale,
    shear_x,
    shear_y,
    height,
    width,
    center_x=None,
    center_y=None,
    bounding_box_format="xyxy",
):
    """Boxes around the given ones turned, sheared, scaled and moved about a point of the image.

    Args:
        boxes: (batch, boxes, 4), or (boxes, 4) with single numbers in place of tensors (batch,).
        angle: how far to turn, in degrees.
        translate_x, translate_y: how far to move, in shares of the width and the height less one pixel.
        scale: how much larger.
        shear_x, shear_y: in degrees.
        height, width: of the image.
        center_x, center_y: the point, as shares of the width and the height less one pixel; None: the middle.
    Source: Keras 3 `utils.bounding_boxes.affine_transform`.
    """
    numbers = [
        convert(n, dtype="float32") for n in (angle, translate_x, translate_y, scale, shear_x, shear_y)
    ]
    turn, right, down, scale, lean, tilt = (reshape(n, (-1, 1, 1)) if n.shape else n for n in numbers)
    turn, lean, tilt = (-n * (math.pi / 180.0) for n in (turn, lean, tilt))
    x0, y0 = (
        (0.5 if share is None else share) * (extent - 1)
        for share, extent in ((center_x, width), (center_y, height))
    )
    a = cos(turn - tilt) / cos(tilt)
    c = -sin(turn - tilt) / cos(tilt)
    across = scale * (cos(turn) - c * tan(lean)), -scale * (a * tan(lean) + sin(turn))
    along = -scale * c, scale * a

    def place(x, y):
        x, y = x - x0 + right * (width - 1.0), y - y0 + down * (height - 1.0)
        return across[0] * x + across[1] * y + x0, along[0] * x + along[1] * y + y0

    def change(boxes):
        return around_moved_corners(place, cast(boxes, "float32"))

    return _in_xyxy(change, boxes, bounding_box_format, height, width)


def crop(boxes, top, left, height, width, bounding_box_format="xyxy"):
    """Boxes (..., 4) as they lie in a piece of the image, cut to it.

    Args:
        top, left: the piece's place.
        height, width: its extents.
        bounding_box_format: one that is not relative.
    Source: Keras 3 `utils.bounding_boxes.crop`.
    """

    def change(boxes):
        left_edge, top_edge, right_edge, bottom_edge = edges_of(pad(boxes, -top, -left))
        across = [clip(edge, 0, width) for edge in (left_edge, right_edge)]
        down = [clip(edge, 0, height) for edge in (top_edge, bottom_edge)]
        return concatenate([across[0], down[0], across[1], down[1]], axis=-1)

    return _in_xyxy(change, boxes, bounding_box_format)


def pad(boxes, top, left, height=None, width=None, bounding_box_format="xyxy"):
    """Boxes (..., 4) as they lie in an image to which `top` rows and `left` columns were added.

    Args:
        height, width: accepted as in Keras.
        bounding_box_format: one that is not relative.
    Source: Keras 3 `utils.bounding_boxes.pad`.
    """

    def change(boxes):
        right, down = (convert(shift, dtype=boxes.dtype) for shift in (left, top))
        return boxes + stack([right, down, right, down], axis=-1)

    return _in_xyxy(change, boxes, bounding_box_format)


def _centered(name, argument, kind, variance, image_shape):
    """(the variance as a tensor or None, height, width) of the arguments that both directions have."""
    if kind not in ("center_xywh", "center_yxhw"):
        raise ValueError(f"{name}: `{argument}` must be 'center_xywh' or 'center_yxhw', received {kind!r}")
    if variance is not None:
        variance = convert(variance, dtype="float32")
        if not variance.shape or variance.shape[-1] != 4:
            raise ValueError(
                f"{name}: `variance` must hold four numbers, received shape {tuple(variance.shape)}"
            )
    return variance, *_extents(image_shape)


def _extents(image_shape):
    return (None, None) if image_shape is None else tuple(image_shape)[:2]


def encode_box_to_deltas(
    anchors, boxes, anchor_format, box_format, encoding_format="center_yxhw", variance=None, image_shape=None
):
    """How boxes differ from anchors: (middle - anchor's middle) / anchor's extents, log(extents / anchor's extents).

    Args:
        anchors: (boxes, 4).
        boxes: (boxes, 4) or (batch, boxes, 4).
        encoding_format: "center_yxhw" or "center_xywh": in which order.
        variance: four numbers that the differences are divided by.
        image_shape: (height, width, channels), where one format is relative.
    Source: Keras 3 `utils.bounding_boxes.encode_box_to_deltas`.
    """
    variance, *extents = _centered(
        "encode_box_to_deltas", "encoding_format", encoding_format, variance, image_shape
    )
    anchors = convert_format(anchors, anchor_format, encoding_format, *extents)
    boxes = convert_format(boxes, box_format, encoding_format, *extents)
    sizes, wanted = (maximum(some[..., 2:], settings.epsilon()) for some in (anchors, boxes))
    deltas = concatenate([(boxes[..., :2] - anchors[..., :2]) / sizes, log(wanted / sizes)], axis=-1)
    return deltas if variance is None else deltas / variance


def decode_deltas_to_boxes(
    anchors,
    boxes_delta,
    anchor_format,
    box_format,
    encoded_format="center_yxhw",
    variance=None,
    image_shape=None,
):
    """`encode_box_to_deltas` undone; of a dict of anchors (one a level) and a dict of deltas a dict of boxes.

    Source: Keras 3 `utils.bounding_boxes.decode_deltas_to_boxes`.
    """
    variance, *extents = _centered(
        "decode_deltas_to_boxes", "encoded_format", encoded_format, variance, image_shape
    )

    def decoded(anchors, deltas):
        anchors = convert_format(anchors, anchor_format, encoded_format, *extents)
        deltas = convert(deltas, dtype=anchors.dtype)
        deltas = deltas if variance is None else deltas * variance
        sizes = anchors[..., 2:]
        boxes = concatenate(
            [deltas[..., :2] * sizes + anchors[..., :2], exp(deltas[..., 2:]) * sizes], axis=-1
        )
        return convert_format(boxes, encoded_format, box_format, *extents)

    if isinstance(anchors, dict) and isinstance(boxes_delta, dict):
        return {level: decoded(anchors[level], boxes_delta[level]) for level in anchors}
    return decoded(anchors, boxes_delta)


def _overlap(ones, others):
    """The area that boxes, given by their edges, have in common, and that of both together."""
    edges = [
        pick(one, other)
        for pick, one, other in zip((maximum,) * 2 + (minimum,) * 2, ones, others, strict=True)
    ]
    shared = maximum(edges[2] - edges[0], 0.0) * maximum(edges[3] - edges[1], 0.0)
    areas = [(right - left) * (bottom - top) for left, top, right, bottom in (ones, others)]
    return shared, areas[0] + areas[1] - shared


def compute_iou(boxes1, boxes2, bounding_box_format, use_masking=False, mask_val=-1, image_shape=None):
    """Intersection over union of each of `boxes1` with each of `boxes2`.

    Args:
        boxes1: (m, 4) or (batch, m, 4).
        boxes2: (n, 4) or (batch, n, 4).
        use_masking: `mask_val` where one of both boxes has negative numbers alone.
        image_shape: (height, width, channels), for relative formats.
    Returns:
        (m, n), or (batch, m, n) where either has a batch.
    Source: Keras 3 `utils.bounding_boxes.compute_iou`.
    """
    boxes = []
    for argument, given in (("boxes1", boxes1), ("boxes2", boxes2)):
        given = convert(given)
        if len(given.shape) not in (2, 3):
            raise ValueError(
                f"compute_iou: `{argument}` must have 2 axes, or 3 in a batch, received shape {tuple(given.shape)}"
            )
        kind = bounding_box_format.lower()
        boxes.append(convert_format(given, kind, "xyxy", *_needed(kind, "compute_iou", image_shape)))
    ones, others = edges_of(expand_dims(boxes[0], -2)), edges_of(expand_dims(boxes[1], -3))
    shared, joined = _overlap(*([squeeze(edge, -1) for edge in edges] for edges in (ones, others)))
    found = shared / (joined + settings.epsilon())
    if not use_masking:
        return found
    absent = [less(greatest(some, axis=-1), 0.0) for some in boxes]
    masked = logical_or(expand_dims(absent[0], -1), expand_dims(absent[1], -2))
    return where(masked, convert(mask_val, dtype=found.dtype), found)


def _needed(kind, name, image_shape):
    if kind.startswith("rel_") and image_shape is None:
        raise ValueError(
            f"{name}: boxes as {kind!r} take `image_shape`, (height, width, channels) of the image"
        )
    return _extents(image_shape)


def compute_ciou(boxes1, boxes2, bounding_box_format, image_shape=None):
    """Complete intersection over union of boxes (..., 4) with as many others, (...): it also tells how far apart their
    middles lie and how unlike their aspect ratios are.

    Source: Keras 3 `utils.bounding_boxes.compute_ciou`; Zheng et al., Distance-IoU Loss, AAAI 2020.
    """
    tiny = settings.epsilon()
    kind = bounding_box_format.lower()
    extents = _needed(kind, "compute_ciou", image_shape)
    ones, others = (
        [squeeze(edge, -1) for edge in edges_of(convert_format(boxes, kind, "xyxy", *extents))]
        for boxes in (boxes1, boxes2)
    )
    for edges in (ones, others):
        edges[3] = edges[3] + tiny  # no box is without height, so that the ratio below is finite
    shared, joined = _overlap(ones, others)
    overlap = shared / (joined + 2 * tiny)
    wide, tall = (
        maximum(one[i + 2], other[i + 2]) - minimum(one[i], other[i])
        for i in (0, 1)
        for one, other in [(ones, others)]
    )
    apart = sum(square((ones[i] + ones[i + 2]) / 2.0 - (others[i] + others[i + 2]) / 2.0) for i in (0, 1))
    angles = [arctan((right - left) / (bottom - top)) for left, top, right, bottom in (others, ones)]
    unlike = square(angles[0] - angles[1]) * (4.0 / math.pi**2)
    weight = unlike / (unlike - overlap + (1.0 + tiny))
    return overlap - (apart / (square(wide) + square(tall) + tiny) + unlike * weight)
