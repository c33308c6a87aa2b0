"""Pictures on their way into ImageNet's models, and the classes on their way out."""

import json

import numpy as np

from .. import ops
from ..engine import settings
from ..utils import get_file

_CLASSES = "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"
_MODES = {  # channels reversed, divided by, then less this mean, divided by this deviation
    "caffe": (True, 1.0, (103.939, 116.779, 123.68), None),
    "tf": (False, 127.5, (1.0, 1.0, 1.0), None),
    "torch": (False, 255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
_names = {}  # of the classes, once they were read


def preprocess_input(x, data_format=None, mode="caffe"):
    """Pictures with values 0..255, one or a batch of them, as a model trained on ImageNet wants them.

    Args:
        x: an array or tensor, three or four axes, three channels. An array of floats may be overwritten, as in Keras.
        data_format: "channels_last", "channels_first", or None for the configured one.
        mode: "caffe" (BGR, less the mean colour), "tf" (from -1 to 1) or "torch" (normalised in each channel).
    Returns:
        Floats of x's shape; an array for an array.
    Source: Keras 3 `applications.imagenet_utils.preprocess_input`.
    """
    if mode not in _MODES:
        raise ValueError(f"preprocess_input: `mode` must be 'caffe', 'tf' or 'torch', received {mode!r}")
    data_format = data_format or settings.image_data_format()
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(
            f"preprocess_input: `data_format` must be 'channels_last' or 'channels_first', received {data_format!r}"
        )
    reverse, scale, mean, deviation = _MODES[mode]
    axis = len(x.shape) - (1 if data_format == "channels_last" else 3)
    extents = [3 if i == axis else 1 for i in range(len(x.shape))]

    def constant(values):
        return np.reshape(np.asarray(values, np.float32), extents)

    if isinstance(x, np.ndarray):
        x = x if x.dtype.kind == "f" else x.astype(settings.float_dtype())
        x = np.flip(x, axis) if reverse else x
        x /= scale
        x -= constant(mean)
        if deviation is not None:
            x /= constant(deviation)
        return x
    x = ops.flip(x, axis) if reverse else x
    x = x / scale - ops.convert_to_tensor(constant(mean))
    return x if deviation is None else x / ops.convert_to_tensor(constant(deviation))


def decode_predictions(preds, top=5):
    """The `top` likeliest classes of each prediction: lists of (WordNet number, name, probability).

    The classes' names are downloaded once.
    Args:
        preds: (samples, 1000).
    Raises:
        ValueError: another shape.
        OSError: the names cannot be downloaded; says which file to put where.
    """
    preds = np.asarray(preds)
    if preds.ndim != 2 or preds.shape[1] != 1000:
        raise ValueError(
            f"decode_predictions: `preds` must have shape (samples, 1000), received {preds.shape}"
        )
    if not _names:
        path = get_file(
            "imagenet_class_index.json",
            _CLASSES,
            cache_subdir="models",
            file_hash="c2c37ea517e94d9795004a39431a14cb",
        )
        with open(path, encoding="utf-8") as file:
            _names.update(json.load(file))
    return [
        [(*_names[str(i)], scores[i]) for i in np.argsort(scores)[::-1][:top].tolist()] for scores in preds
    ]
