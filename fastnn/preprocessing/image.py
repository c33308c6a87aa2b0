"""Keras's `preprocessing.image` names, those of Keras 2 among them."""

import numpy as np

from ..ops.image import resize
from ..utils import array_to_img, img_to_array, load_img, save_img
from .image_flows import DataFrameIterator, DirectoryIterator, Iterator, NumpyArrayIterator
from .image_generator import ImageDataGenerator
from .image_transforms import (
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
    flip_axis,
    random_brightness,
    random_channel_shift,
    random_rotation,
    random_shear,
    random_shift,
    random_zoom,
)


def smart_resize(x, size, interpolation="bilinear", data_format="channels_last", backend_module=None):
    """An image, or a batch, resized to `size` (height, width) without stretching: what is too much is cut off.

    An array gives an array of its dtype, a tensor a tensor.
    """
    resized = resize(
        x, tuple(size), interpolation=interpolation, crop_to_aspect_ratio=True, data_format=data_format
    )
    return np.asarray(resized).astype(x.dtype) if isinstance(x, np.ndarray) else resized


__all__ = [
    "DataFrameIterator",
    "DirectoryIterator",
    "ImageDataGenerator",
    "Iterator",
    "NumpyArrayIterator",
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "array_to_img",
    "flip_axis",
    "img_to_array",
    "load_img",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
    "save_img",
    "smart_resize",
]
