"""Keras's `preprocessing.image` names."""

import numpy as np

from ..ops.image import resize
from ..utils import array_to_img, img_to_array, load_img, save_img


def smart_resize(x, size, interpolation="bilinear", data_format="channels_last", backend_module=None):
    """An image, or a batch, resized to `size` (height, width) without stretching: what is too much is cut off.

    An array gives an array of its dtype, a tensor a tensor.
    """
    resized = resize(
        x, tuple(size), interpolation=interpolation, crop_to_aspect_ratio=True, data_format=data_format
    )
    return np.asarray(resized).astype(x.dtype) if isinstance(x, np.ndarray) else resized


__all__ = ["array_to_img", "img_to_array", "load_img", "save_img", "smart_resize"]
