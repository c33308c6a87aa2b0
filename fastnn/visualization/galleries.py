"""Galleries: the images of a batch in rows and columns of one figure."""

import math

import numpy as np

from .drawing import batch_of, draw_bounding_boxes, draw_segmentation_masks, masks_of, needs_matplotlib


def plot_image_gallery(
    images,
    y_true=None,
    y_pred=None,
    label_map=None,
    rows=None,
    cols=None,
    value_range=(0, 255),
    scale=2,
    path=None,
    show=None,
    transparent=True,
    dpi=60,
    legend_handles=None,
    data_format=None,
):
    """Show images, or save the figure to `path`.

    Args:
        images: a batch of 4 axes.
        y_true, y_pred: (batch,) classes to write over the images.
        label_map: {class: word}; needed for those.
        rows, cols: of the gallery; as square as can be by default. Further images are left out.
        value_range: the least and greatest value of the images.
        scale: inches an image.
        path: the file, in any form that matplotlib writes.
        show: whether to show the figure; by default where no path is given.
        transparent, dpi: of the file.
        legend_handles: matplotlib's patches for a legend.
    Raises:
        ValueError: other than 4 axes, both `path` and `show`, or classes without a `label_map`.
        ImportError: matplotlib is not installed.
    Source: Keras 3 `visualization.plot_image_gallery`.
    """
    needs_matplotlib("plot_image_gallery")
    from matplotlib import pyplot

    if path is not None and show:
        raise ValueError("plot_image_gallery: give `path` to save the figure, or show=True, not both")
    if (y_true is not None or y_pred is not None) and label_map is None:
        raise ValueError("plot_image_gallery: `y_true` and `y_pred` need `label_map`, {class: word}")
    pictures = _as_bytes(batch_of("plot_image_gallery", images, data_format), value_range)
    if rows is None:
        rows = math.ceil(len(pictures) / cols) if cols else math.ceil(math.sqrt(len(pictures)))
    cols = cols or math.ceil(len(pictures) / max(rows, 1))
    figure, axes = pyplot.subplots(
        nrows=rows,
        ncols=cols,
        figsize=(cols * scale, rows * scale),
        frameon=False,
        layout="tight",
        squeeze=False,
    )
    if legend_handles is not None:
        figure.legend(handles=legend_handles, loc="lower center")
    for place, axis in enumerate(axes.flat):
        axis.axis("off")
        if place >= len(pictures):
            continue
        axis.imshow(pictures[place].squeeze(-1) if pictures.shape[-1] == 1 else pictures[place])
        axis.margins(x=0, y=0)
        said = [
            f"{word}: {label_map.get(int(classes[place]), 'Unknown')}"
            for word, classes in (("Label", y_true), ("Pred", y_pred))
            if classes is not None and place < len(classes)
        ]
        axis.set_title("  ".join(said), fontsize=8)
    if path is not None:
        figure.savefig(path, pad_inches=0, bbox_inches="tight", transparent=transparent, dpi=dpi)
    elif show is None or show:
        pyplot.show()
    else:
        return  # left open, for whoever goes on drawing
    pyplot.close(figure)


def _as_bytes(images, value_range):
    low, high = value_range
    if (low, high) != (0, 255):
        images = (images - np.float32(low)) * np.float32(255.0 / (high - low))
    return np.clip(images, 0, 255).astype("uint8")


def plot_bounding_box_gallery(
    images,
    bounding_box_format,
    y_true=None,
    y_pred=None,
    value_range=(0, 255),
    true_color=(0, 188, 212),
    pred_color=(255, 235, 59),
    line_thickness=2,
    font_scale=1.0,
    text_thickness=None,
    class_mapping=None,
    ground_truth_mapping=None,
    prediction_mapping=None,
    legend=False,
    legend_handles=None,
    rows=None,
    cols=None,
    data_format=None,
    **kwargs,
):
    """Show images with boxes in them, or save the figure.

    Args:
        images, value_range, rows, cols, kwargs: as for `plot_image_gallery`.
        y_true, y_pred: dicts of "boxes" and "labels", as for `draw_bounding_boxes`.
        true_color, pred_color: of their boxes.
        class_mapping: {label: word}; ground_truth_mapping and prediction_mapping: others for either.
        legend: whether to say which colour is which.
    Raises:
        ValueError: other than 4 axes, or both `legend` and `legend_handles`.
        ImportError: matplotlib is not installed.
    Source: Keras 3 `visualization.plot_bounding_box_gallery`.
    """
    needs_matplotlib("plot_bounding_box_gallery")
    from matplotlib.patches import Patch

    if legend and legend_handles:
        raise ValueError("plot_bounding_box_gallery: give `legend` or `legend_handles`, not both")
    drawn = _as_bytes(batch_of("plot_bounding_box_gallery", images, data_format), value_range)
    for boxes, color, words in (
        (y_true, true_color, ground_truth_mapping or class_mapping),
        (y_pred, pred_color, prediction_mapping or class_mapping),
    ):
        if boxes is not None:
            drawn = draw_bounding_boxes(
                drawn,
                boxes,
                bounding_box_format,
                words,
                color,
                line_thickness,
                text_thickness,
                font_scale,
                data_format="channels_last",
            )
    if legend:
        colors = (("Ground Truth", true_color), ("Prediction", pred_color))
        legend_handles = [Patch(color=np.array(color) / 255.0, label=label) for label, color in colors]
    plot_image_gallery(
        drawn, rows=rows, cols=cols, legend_handles=legend_handles, data_format="channels_last", **kwargs
    )


def plot_segmentation_mask_gallery(
    images,
    num_classes,
    value_range=(0, 255),
    y_true=None,
    y_pred=None,
    color_mapping=None,
    blend=True,
    alpha=0.8,
    ignore_index=-1,
    data_format=None,
    **kwargs,
):
    """Show images, a row each, beside themselves with masks over them; or save the figure.

    Args:
        images, value_range, kwargs: as for `plot_image_gallery`.
        y_true, y_pred: masks, as for `draw_segmentation_masks`; so are the other arguments.
    Raises:
        ValueError: other than 4 axes.
        ImportError: matplotlib is not installed.
    Source: Keras 3 `visualization.plot_segmentation_mask_gallery`.
    """
    name = "plot_segmentation_mask_gallery"
    plain = _as_bytes(batch_of(name, images, data_format), value_range)
    columns = [plain]
    for masks in (y_true, y_pred):
        if masks is not None:
            masks = masks_of(name, np.asarray(masks).astype("int32"), plain.shape, data_format)
            columns.append(
                draw_segmentation_masks(
                    plain, masks, num_classes, color_mapping, alpha, blend, ignore_index, "channels_last"
                )
            )
    pictures = np.stack(columns, axis=1).reshape(-1, *plain.shape[1:])
    plot_image_gallery(pictures, rows=len(plain), cols=len(columns), data_format="channels_last", **kwargs)
