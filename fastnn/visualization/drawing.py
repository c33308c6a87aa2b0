"""Boxes and masks drawn into images, as arrays."""

import numpy as np

from .. import ops
from ..ops.image.boxes import convert_format
from ..ops.image.layout import data_format_of


def needs_matplotlib(name):
    """The package matplotlib.

    Raises:
        ImportError: it is not installed.
    """
    try:
        import matplotlib
    except ImportError:
        raise ImportError(f"{name} needs matplotlib (pip install 'fastnn[visualization]')") from None
    return matplotlib


def batch_of(name, images, data_format):
    """A batch of images as an array, channels last.

    Raises:
        ValueError: it has other than 4 axes.
    """
    images = ops.convert_to_numpy(images)
    if images.ndim != 4:
        raise ValueError(f"{name}: `images` must be a batch of 4 axes, received shape {images.shape}")
    return images.transpose(0, 2, 3, 1) if data_format_of(name, data_format) == "channels_first" else images


def draw_bounding_boxes(
    images,
    bounding_boxes,
    bounding_box_format,
    class_mapping=None,
    color=(128, 128, 128),
    line_thickness=2,
    text_thickness=1,
    font_scale=1.0,
    data_format=None,
):
    """Images with boxes drawn into them, an array of uint8.

    Args:
        images: a batch of 4 axes; floats up to 1 are taken for shares of 255.
        bounding_boxes: a dict of "boxes" (batch, boxes, 4), "labels" (batch, boxes), in which -1 is no box, and, if
            there are any, "confidences" (batch, boxes).
        bounding_box_format: one of `utils.bounding_boxes.convert_format`.
        class_mapping: {label: the word to write beside its boxes}; words need matplotlib.
        color: of lines and words, a number a channel.
        line_thickness: in pixels.
        text_thickness: more than 1 is bold.
        font_scale: 1 is letters of about 22 pixels.
    Raises:
        ValueError, TypeError: images of other than 4 axes; boxes without labels, or no dict.
    Source: Keras 3 `visualization.draw_bounding_boxes`, which draws with OpenCV.
    """
    batch = batch_of("draw_bounding_boxes", images, data_format)
    if not isinstance(bounding_boxes, dict):
        raise TypeError(f"draw_bounding_boxes: `bounding_boxes` must be a dict, received {bounding_boxes!r}")
    if not {"boxes", "labels"} <= set(bounding_boxes):
        raise ValueError(
            f"draw_bounding_boxes: `bounding_boxes` must hold 'boxes' and 'labels', received {list(bounding_boxes)}"
        )
    if batch.dtype.kind == "f":
        batch = np.clip(batch * 255.0 if batch.max(initial=0) <= 1 else batch, 0, 255)
    drawn = batch.astype("uint8")  # a copy, which is drawn into
    boxes = convert_format(bounding_boxes["boxes"], bounding_box_format, "xyxy", *batch.shape[1:3])
    boxes = ops.convert_to_numpy(boxes).astype("int64")
    labels = ops.convert_to_numpy(bounding_boxes["labels"]).astype("int64")
    sure = bounding_boxes.get("confidences")
    sure = None if sure is None else ops.convert_to_numpy(sure)
    words, color = class_mapping or {}, np.asarray(color)[: drawn.shape[-1]]
    for i, image in enumerate(drawn):
        for j, (box, label) in enumerate(zip(boxes[i], labels[i].reshape(-1))):
            if label == -1:
                continue
            _frame(image, box, color, line_thickness)
            if int(label) in words:
                said = words[int(label)] if sure is None else f"{words[int(label)]} | {sure[i][j]:.2f}"
                _write(image, said, box, color, font_scale, text_thickness or line_thickness)
    first = data_format_of("draw_bounding_boxes", data_format) == "channels_first"
    return drawn.transpose(0, 3, 1, 2) if first else drawn


def _frame(image, box, color, thickness):
    """The outline of a box; the part of it that lies in the image."""
    before, after = thickness // 2, (thickness + 1) // 2
    left, top, right, bottom = (int(edge) for edge in box)
    down, across = (top - before, bottom + after), (left - before, right + after)
    for rows, columns in (
        ((top - before, top + after), across),
        ((bottom - before, bottom + after), across),
        (down, (left - before, left + after)),
        (down, (right - before, right + after)),
    ):
        image[max(rows[0], 0) : max(rows[1], 0), max(columns[0], 0) : max(columns[1], 0)] = color


def _write(image, said, box, color, scale, thickness):
    """Words over a box; inside it where there is no room over it."""
    cover = _letters(said, scale, thickness)
    height, width = cover.shape
    top, left = int(box[1]) - 8 - height, int(box[0])
    if top < 0:
        top, left = int(box[1]) + thickness + 3, left + 3
    rows = slice(max(top, 0), max(min(top + height, image.shape[0]), 0))
    columns = slice(max(left, 0), max(min(left + width, image.shape[1]), 0))
    cover = cover[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left, None]
    place = image[rows, columns]
    place[:] = np.rint(place * (1.0 - cover) + color * cover).astype("uint8")


def _letters(said, scale, thickness):
    """How much of each pixel words cover, from 0 to 1: (height, width)."""
    needs_matplotlib("draw_bounding_boxes: writing `class_mapping`'s words")
    from matplotlib import font_manager, ft2font

    face = font_manager.FontProperties(family="DejaVu Sans", weight="bold" if thickness > 1 else "normal")
    font = ft2font.FT2Font(font_manager.findfont(face))
    font.set_size(22.0 * scale, 72)
    font.set_text(said, 0.0)
    font.draw_glyphs_to_bitmap(antialiased=True)
    return np.asarray(font.get_image(), "float32") / 255.0


def draw_segmentation_masks(
    images,
    segmentation_masks,
    num_classes=None,
    color_mapping=None,
    alpha=0.8,
    blend=True,
    ignore_index=-1,
    data_format=None,
):
    """Images with a colour over each class of pixels: an array of uint8, channels last; of float32 without `blend`.

    Args:
        images: a batch of 4 axes.
        segmentation_masks: whole numbers, (batch, height, width), or with an axis of 1 for channels.
        num_classes: classes from this number on are left alone; None: as many as the masks hold.
        color_mapping: {class: (red, green, blue)}; what has no colour is left alone. None: colours of its own, for
            class 0 black.
        alpha: how much of the colour there is, from 0 to 1.
        blend: False: colours alone.
        ignore_index: the class that is left alone.
    Raises:
        ValueError, TypeError: images of other than 4 axes; masks that are no whole numbers.
    Source: Keras 3 `visualization.draw_segmentation_masks`.
    """
    name = "draw_segmentation_masks"
    batch = batch_of(name, images, data_format).astype("float32")
    masks = masks_of(name, segmentation_masks, batch.shape, data_format)
    count = int(masks.max(initial=0)) + 1 if num_classes is None else num_classes
    colors = color_mapping
    if colors is None:
        colors = {i: [i * step % 255 for step in (2**25 - 1, 2**15 - 1, 2**21 - 1)] for i in range(count)}
    painted = batch.copy()
    for kind in range(count):
        if kind in colors and (kind != ignore_index or not blend):
            painted[masks == kind] = colors[kind]
    if not blend:
        return painted
    mixed = batch * np.float32(1 - alpha) + painted * np.float32(alpha)
    return np.where((masks == ignore_index)[..., None], batch, mixed).astype("uint8")


def masks_of(name, masks, shape, data_format):
    """Masks as whole numbers (batch, height, width), for images of this shape, channels last."""
    masks = ops.convert_to_numpy(masks)
    if masks.dtype.kind not in "iu":
        raise TypeError(f"{name}: `segmentation_masks` must hold whole numbers, received {masks.dtype}")
    if masks.ndim == 4:
        masks = masks.squeeze(1 if data_format_of(name, data_format) == "channels_first" else -1)
    if masks.shape != shape[:3]:
        raise ValueError(
            f"{name}: `segmentation_masks` must have the images' shape {shape[:3]}, received {masks.shape}"
        )
    return masks
