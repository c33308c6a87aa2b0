"""Pictures turned, shifted, sheared, zoomed and coloured by NumPy arrays' means, as Keras 2's programs do it."""

import numpy as np

from ..ops.image import affine_transform
from ..utils.images import array_to_img, img_to_array

_INTERPOLATION = {0: "nearest", 1: "bilinear"}


def apply_affine_transform(
    x,
    theta=0,
    tx=0,
    ty=0,
    shear=0,
    zx=1,
    zy=1,
    row_axis=1,
    col_axis=2,
    channel_axis=0,
    fill_mode="nearest",
    cval=0.0,
    order=1,
):
    """A picture of three axes, turned by `theta` degrees, shifted by (tx, ty) pixels, sheared, zoomed.

    Args:
        row_axis, col_axis, channel_axis: which of `x`'s axes is which.
        fill_mode: what stands beyond the edges: "nearest", "constant" (`cval`), "reflect" or "wrap".
        order: 0 takes the nearest pixel, 1 interpolates.
    Raises:
        ValueError: another order.
    """
    if order not in _INTERPOLATION:
        raise ValueError(f"apply_affine_transform: `order` must be 0 or 1, received {order!r}")
    if (theta, tx, ty, shear, zx, zy) == (0, 0, 0, 0, 1, 1):
        return x
    turn, slant = np.deg2rad(theta), np.deg2rad(shear)
    rotation = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    shift = np.array([[1, 0, tx], [0, 1, ty], [0, 0, 1]])
    slanted = np.array([[1, -np.sin(slant), 0], [0, np.cos(slant), 0], [0, 0, 1]])
    to_middle, back = np.eye(3), np.eye(3)
    to_middle[:2, 2] = x.shape[row_axis] / 2 - 0.5, x.shape[col_axis] / 2 - 0.5
    back[:2, 2] = -to_middle[:2, 2]
    m = to_middle @ rotation @ shift @ slanted @ np.diag([zx, zy, 1]) @ back
    if col_axis < row_axis:
        m = m[[1, 0, 2]][:, [1, 0, 2]]
    # The first coordinate is taken as the columns', as Keras does: what is drawn as a shift of the height moves
    # columns, and a picture that is not square turns about a point beside its middle.
    places = m.ravel()[:8].astype("float32")
    axes = row_axis, col_axis, channel_axis
    moved = affine_transform(
        np.ascontiguousarray(x.transpose(axes), "float32"),
        places,
        interpolation=_INTERPOLATION[order],
        fill_mode=fill_mode,
        fill_value=cval,
        data_format="channels_last",
    )
    return np.asarray(moved).transpose(np.argsort(axes)).astype(x.dtype)


def apply_channel_shift(x, intensity, channel_axis=0):
    """`intensity` added to a picture, within its least and largest value."""
    return np.clip(x + intensity, np.min(x), np.max(x)).astype(x.dtype)


def apply_brightness_shift(x, brightness, scale=True):
    """A picture multiplied with `brightness`, as whole numbers in 0..255; Pillow is needed.

    scale: spread its values over 0..255 first (they are anyway where they lie outside, and then put back).
    """
    from PIL import ImageEnhance

    low, high = np.min(x), np.max(x)
    outside = low < 0 or high > 255
    bright = img_to_array(
        ImageEnhance.Brightness(array_to_img(x, "channels_last", scale or outside)).enhance(brightness)
    )
    return bright / 255 * (high - low) + low if outside and not scale else bright


def flip_axis(x, axis):
    """`x` the other way round along an axis."""
    return np.flip(x, axis)


def _axes(row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order):
    return {
        "row_axis": row_axis,
        "col_axis": col_axis,
        "channel_axis": channel_axis,
        "fill_mode": fill_mode,
        "cval": cval,
        "order": interpolation_order,
    }


def random_rotation(
    x, rg, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0, interpolation_order=1
):
    """A picture turned by up to `rg` degrees."""
    given = _axes(row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    return apply_affine_transform(x, theta=np.random.uniform(-rg, rg), **given)


def random_shift(
    x, wrg, hrg, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0, interpolation_order=1
):
    """A picture shifted by up to the part `wrg` of its width and `hrg` of its height."""
    given = _axes(row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    tx = np.random.uniform(-hrg, hrg) * x.shape[row_axis]
    ty = np.random.uniform(-wrg, wrg) * x.shape[col_axis]
    return apply_affine_transform(x, tx=tx, ty=ty, **given)


def random_shear(
    x, intensity, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0, interpolation_order=1
):
    """A picture sheared by up to `intensity` degrees."""
    given = _axes(row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    return apply_affine_transform(x, shear=np.random.uniform(-intensity, intensity), **given)


def random_zoom(
    x,
    zoom_range,
    row_axis=1,
    col_axis=2,
    channel_axis=0,
    fill_mode="nearest",
    cval=0.0,
    interpolation_order=1,
):
    """A picture zoomed by factors drawn from (low, high), one for each axis."""
    given = _axes(row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    zx, zy = (1, 1) if tuple(zoom_range) == (1, 1) else np.random.uniform(*zoom_range, 2)
    return apply_affine_transform(x, zx=zx, zy=zy, **given)


def random_channel_shift(x, intensity_range, channel_axis=0):
    """A number of -intensity_range..intensity_range added to a picture."""
    return apply_channel_shift(x, np.random.uniform(-intensity_range, intensity_range), channel_axis)


def random_brightness(x, brightness_range, scale=True):
    """A picture multiplied with a number drawn from (low, high)."""
    return apply_brightness_shift(x, np.random.uniform(*brightness_range), scale)
