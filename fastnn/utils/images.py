"""Images as arrays: read, written, resized. Reading and writing needs Pillow."""

import contextlib
import os
import struct

import numpy as np

from ..saving.atomic import atomic_file

_MODES = {"grayscale": (1, "L"), "rgb": (3, "RGB"), "rgba": (4, "RGBA")}
_FILTERS = {
    "nearest": "NEAREST",
    "bilinear": "BILINEAR",
    "bicubic": "BICUBIC",
    "area": "BOX",
    "lanczos": "LANCZOS",
    "lanczos3": "LANCZOS",
    "lanczos5": "LANCZOS",
    "box": "BOX",
    "hamming": "HAMMING",
    "mitchellcubic": "BICUBIC",
    "gaussian": "BILINEAR",
}


def pillow(what):
    """The module PIL.Image, or an ImportError with the cure."""
    try:
        from PIL import Image
    except ImportError:
        raise ImportError(f"{what} needs Pillow: pip install pillow") from None
    return Image


class DamagedImage(OSError, ValueError):
    """A file that is no image, or of which only a part is there, or an image out of all proportion."""


# Pillow starts Ghostscript for them: such a file is a program, whatever its name ends in.
_RUN_BY_OTHERS = {"EPS"}


@contextlib.contextmanager
def opened_image(path):
    """The PIL image in a file, in a `with` block in which it is read; what goes wrong there names the file.

    Raises:
        DamagedImage: no image, a broken one, or one of a format that takes another program to read.
    """
    module = pillow("reading images")
    module.init()
    formats = [name for name in module.ID if name not in _RUN_BY_OTHERS]
    source = path if hasattr(path, "read") else os.fspath(path)
    try:
        with module.open(source, formats=formats) as image:
            yield image
    except (OSError, SyntaxError, EOFError, struct.error, module.DecompressionBombError) as error:
        if getattr(error, "errno", None) is not None:  # of the file, not of what is in it
            raise
        raise DamagedImage(f"{path} is no image that can be read, or is damaged: {error}") from None


def load_img(path, color_mode="rgb", target_size=None, interpolation="nearest", keep_aspect_ratio=False):
    """A file as a PIL image.

    Args:
        path: a path or io.BytesIO. color_mode: "grayscale", "rgb" or "rgba".
        target_size: (height, width) to resize to, by `interpolation`.
        keep_aspect_ratio: cut the middle out instead of squeezing.
    Raises:
        DamagedImage: it is no image, or a broken one; both an OSError and a ValueError.
    """
    _, mode = color(color_mode)
    with opened_image(path) as image:
        kept = color_mode == "grayscale" and image.mode in ("L", "I;16", "I")
        image = image.copy() if kept or image.mode == mode else image.convert(mode)
    if target_size is None or image.size == (target_size[1], target_size[0]):
        return image
    if interpolation not in _FILTERS:
        raise ValueError(
            f"load_img: `interpolation` must be one of {', '.join(_FILTERS)}, received {interpolation!r}"
        )
    height, width = target_size
    box = None
    if keep_aspect_ratio:
        (w, h) = image.size
        tall, wide = min(h, w * height // width), min(w, h * width // height)
        left, top = (w - wide) // 2, (h - tall) // 2
        box = (left, top, left + wide, top + tall)
    return image.resize((width, height), getattr(pillow("load_img"), _FILTERS[interpolation]), box=box)


def color(color_mode):
    """(channels, PIL's mode) of "grayscale", "rgb" or "rgba"."""
    if color_mode not in _MODES:
        raise ValueError(f"`color_mode` must be one of {', '.join(_MODES)}, received {color_mode!r}")
    return _MODES[color_mode]


def img_to_array(img, data_format=None, dtype=None):
    """A PIL image as an array (height, width, channels), float32 by default."""
    array = np.asarray(img, dtype or "float32")
    if array.ndim not in (2, 3):
        raise ValueError(f"img_to_array: an image has 2 or 3 axes, received shape {array.shape}")
    array = array if array.ndim == 3 else array[..., None]
    return array.transpose(2, 0, 1) if data_format == "channels_first" else array


def array_to_img(x, data_format=None, scale=True, dtype=None):
    """An array (height, width, 1, 3 or 4) as a PIL image; `scale` spreads its values over 0..255."""
    array = np.asarray(x, dtype or "float32")
    if array.ndim != 3:
        raise ValueError(f"array_to_img: shape (height, width, channels) is expected, received {array.shape}")
    if data_format == "channels_first":
        array = array.transpose(1, 2, 0)
    if scale:
        array = array - array.min(initial=0 if array.size == 0 else array.min())
        peak = array.max(initial=0)
        array = array / peak * 255 if peak else array
    modes = {1: "L", 3: "RGB", 4: "RGBA"}
    if array.shape[2] not in modes:
        raise ValueError(f"array_to_img: 1, 3 or 4 channels are expected, received {array.shape[2]}")
    if array.shape[2] == 1 and array.max(initial=0) > 255:
        return pillow("array_to_img").fromarray(array[:, :, 0].astype("int32"))
    pixels = array.astype("uint8")
    return pillow("array_to_img").fromarray(pixels[:, :, 0] if array.shape[2] == 1 else pixels)


def save_img(path, x, data_format=None, file_format=None, scale=True, **kwargs):
    """Write an array as an image file, whole or not at all.

    The format follows from the name unless `file_format` is given.

    Args:
        path: or an open binary file, with `file_format`. kwargs: as PIL's `Image.save` has them.
    Raises:
        ValueError: a format that Pillow does not write.
    """
    write_image(path, array_to_img(x, data_format=data_format, scale=scale), file_format, **kwargs)


def write_image(path, image, file_format=None, **kwargs):
    """The same of a PIL image."""
    module = pillow("save_img")
    module.init()
    is_open = hasattr(path, "write")
    wanted = file_format or ("" if is_open else os.path.splitext(os.fsdecode(path))[1])
    wanted = module.EXTENSION.get(f".{wanted.lower().lstrip('.')}", wanted.upper())
    if wanted not in module.SAVE:
        known = ", ".join(
            sorted({ending for ending, name in module.EXTENSION.items() if name in module.SAVE})
        )
        raise ValueError(
            f"save_img: no image can be written as {file_format or path!r}; endings that can be: {known}"
        )
    if image.mode == "RGBA" and wanted == "JPEG":
        image = image.convert("RGB")
    with contextlib.nullcontext(path) if is_open else atomic_file(path) as file:
        image.save(file, format=wanted, **kwargs)


def resize(image, size, interpolation="bilinear", crop_to_aspect_ratio=False, pad_to_aspect_ratio=False):
    """An image (height, width, channels) float32 in another size, without smoothing before it is made smaller."""
    height, width = image.shape[:2]
    tall, wide = size
    if crop_to_aspect_ratio:
        h, w = max(1, min(height, int(width * tall / wide))), max(1, min(width, int(height * wide / tall)))
        top, left = (height - h) // 2, (width - w) // 2
        image = image[top : top + h, left : left + w]
    elif pad_to_aspect_ratio:
        h, w = max(height, int(width * tall / wide)), max(width, int(height * wide / tall))
        top, left = (h - height) // 2, (w - width) // 2
        image = np.pad(image, ((top, top), (left, left), (0, 0)))  # the same on both sides, as Keras does
    if image.shape[:2] == (tall, wide):
        return image
    if interpolation == "nearest":
        rows = np.minimum(((np.arange(tall) + 0.5) * image.shape[0] / tall).astype(int), image.shape[0] - 1)
        cols = np.minimum(((np.arange(wide) + 0.5) * image.shape[1] / wide).astype(int), image.shape[1] - 1)
        return image[rows][:, cols]
    if interpolation == "bilinear":
        return _between(_between(image, tall, 0), wide, 1)
    if interpolation not in _FILTERS:
        raise ValueError(f"`interpolation` must be one of {', '.join(_FILTERS)}, received {interpolation!r}")
    module = pillow("resizing")
    how = getattr(module, _FILTERS[interpolation])
    planes = [
        np.asarray(module.fromarray(plane).resize((wide, tall), how))
        for plane in np.ascontiguousarray(image.transpose(2, 0, 1), np.float32)
    ]
    return np.stack(planes, axis=-1)


def _between(image, count, axis):
    """Linear interpolation along an axis at `count` places, pixels' centres at half numbers."""
    have = image.shape[axis]
    places = np.clip((np.arange(count) + 0.5) * have / count - 0.5, 0, have - 1)
    low = np.floor(places).astype(int)
    part = (places - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
    first, second = image.take(low, axis), image.take(np.minimum(low + 1, have - 1), axis)
    return first * (1 - part) + second * part


def smart_resize(x, size, interpolation="bilinear", data_format="channels_last"):
    """An image, or a batch of them, resized without squeezing: the middle of the right shape is cut out first."""
    array = np.asarray(x, np.float32)
    if array.ndim not in (3, 4) or len(size) != 2:
        raise ValueError(
            f"smart_resize: images with 3 or 4 axes and a `size` (height, width) are expected, received "
            f"shape {array.shape}, size {size}"
        )
    first = data_format == "channels_first"
    images = array if array.ndim == 4 else array[None]
    images = np.moveaxis(images, 1, -1) if first else images
    done = np.stack([resize(image, size, interpolation, crop_to_aspect_ratio=True) for image in images])
    done = np.moveaxis(done, -1, 1) if first else done
    return done if array.ndim == 4 else done[0]
