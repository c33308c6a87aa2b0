"""Elements put elsewhere: pixels into channels and back, patches of images, einops patterns, views."""

import re

import numpy as np

from ..engine import dtypes
from ..engine.allowance import check_passing
from ..engine.op import define_op, no_gradient, records
from ..engine.symbolic import public
from ..engine.tensor import Spec
from ..engine.variable import convert
from .joining import stack
from .segments import segment_sum
from .shape import flip, pad, reshaped, transpose
from .taking import take


@public
def fliplr(x):
    """x with its second axis turned round."""
    return flip(x, axis=1)


@public
def flipud(x):
    """x with its first axis turned round."""
    return flip(x, axis=0)


def _as_last(x, name, block_size, data_format):
    x = convert(x)
    if len(x.shape) != 4 or block_size < 1:
        raise ValueError(
            f"{name}: `x` must have 4 axes and `block_size` be at least 1, received shape {tuple(x.shape)}, "
            f"block_size={block_size}"
        )
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(
            f"{name}: `data_format` must be 'channels_last' or 'channels_first', received {data_format!r}"
        )
    return transpose(x, (0, 2, 3, 1)) if data_format == "channels_first" else x


@public
def depth_to_space(x, block_size, data_format="channels_last"):
    """Channels spread over blocks of pixels: (n, h, w, c) to (n, h * b, w * b, c / b^2)."""
    first = data_format == "channels_first"
    x = _as_last(x, "depth_to_space", block_size, data_format)
    n, h, w, c = x.shape
    if c % block_size**2:
        raise ValueError(f"depth_to_space: {c} channels do not divide by block_size^2 = {block_size**2}")
    new = c // block_size**2
    if first:
        x = transpose(reshaped(x, (n, h, w, new, block_size, block_size)), (0, 1, 4, 2, 5, 3))
    else:
        x = transpose(reshaped(x, (n, h, w, block_size, block_size, new)), (0, 1, 3, 2, 4, 5))
    x = reshaped(x, (n, h * block_size, w * block_size, new))
    return transpose(x, (0, 3, 1, 2)) if first else x


@public
def space_to_depth(x, block_size, data_format="channels_last"):
    """The inverse of `depth_to_space`."""
    first = data_format == "channels_first"
    x = _as_last(x, "space_to_depth", block_size, data_format)
    n, h, w, c = x.shape
    if h % block_size or w % block_size:
        raise ValueError(f"space_to_depth: an image of {h} x {w} does not divide into blocks of {block_size}")
    x = reshaped(x, (n, h // block_size, block_size, w // block_size, block_size, c))
    x = transpose(x, (0, 1, 3, 5, 2, 4) if first else (0, 1, 3, 2, 4, 5))
    x = reshaped(x, (n, h // block_size, w // block_size, c * block_size**2))
    return transpose(x, (0, 3, 1, 2)) if first else x


def _pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


def _patch_places(size, kernel, dilation, stride):
    """Row numbers of a flat (height * width) image: (kernel cells, patches)."""
    along = []
    for n, k, d, s in zip(size, kernel, dilation, stride, strict=True):
        count = (n - d * (k - 1) - 1) // s + 1
        check_passing(32 * k * max(count, 1), "unfold", f"a table of {k} x {count} places")
        along.append(np.arange(k)[:, None] * d + np.arange(count)[None, :] * s)
    rows, columns = along
    count = along[0].size * along[1].size
    check_passing(16 * count, "unfold", f"a table of {count} places")
    places = rows[:, None, :, None] * size[1] + columns[None, :, None, :]
    return places.reshape(kernel[0] * kernel[1], -1).astype("int32")


@public
def unfold(x, kernel_size, dilation=1, padding=0, stride=1):
    """The patches of images (n, c, h, w) as columns: (n, c * kh * kw, patches)."""
    x = convert(x)
    if len(x.shape) != 4:
        raise ValueError(
            f"unfold: `x` must have shape (n, channels, height, width), received {tuple(x.shape)}"
        )
    kernel, border = _pair(kernel_size), _pair(padding)
    x = pad(x, [(0, 0), (0, 0), (border[0],) * 2, (border[1],) * 2])
    n, c, h, w = x.shape
    places = _patch_places((h, w), kernel, _pair(dilation), _pair(stride))
    patches = take(reshaped(x, (n, c, h * w)), places, axis=2)
    return reshaped(patches, (n, c * kernel[0] * kernel[1], places.shape[1]))


@public
def fold(x, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Columns of patches (n, c * kh * kw, patches) added into images (n, c, *output_size): `unfold` transposed."""
    x = convert(x)
    kernel, border, size = _pair(kernel_size), _pair(padding), _pair(output_size)
    n, columns, count = x.shape
    whole = (size[0] + 2 * border[0], size[1] + 2 * border[1])
    places = _patch_places(whole, kernel, _pair(dilation), _pair(stride))
    if places.shape[1] != count or columns % (kernel[0] * kernel[1]):
        raise ValueError(
            f"fold: images of {size} with this kernel have {places.shape[1]} patches of a multiple of "
            f"{kernel[0] * kernel[1]} values, received shape {tuple(x.shape)}"
        )
    c = columns // (kernel[0] * kernel[1])
    flat = transpose(reshaped(x, (n * c, places.size)), (1, 0))
    image = transpose(segment_sum(flat, places.reshape(-1), num_segments=whole[0] * whole[1]), (1, 0))
    image = reshaped(image, (n, c, *whole))
    return image[:, :, border[0] : whole[0] - border[0], border[1] : whole[1] - border[1]]


def _groups(side):
    """[[axis names] of each axis] of one side of an einops pattern."""
    found, group = [], None
    for word in re.findall(r"\(|\)|[A-Za-z_0-9]+|\S", side):
        if word == "(" and group is None:
            group = []
        elif word == ")" and group is not None:
            found.append(group)
            group = None
        elif re.fullmatch(r"[A-Za-z_]\w*|1", word):
            names = [] if word == "1" else [word]
            if group is None:
                found.append(names)
            else:
                group += names
        else:
            raise ValueError(f"rearrange: {word!r} does not belong into {side!r}")
    if group is not None:
        raise ValueError(f"rearrange: a parenthesis is open in {side!r}")
    return found


@public
def rearrange(tensor, pattern, **axes_lengths):
    """Axes split, turned and joined as an einops pattern says: "b (h p) w -> b w (p h)", p=2."""
    x = convert(tensor)
    if pattern.count("->") != 1:
        raise ValueError(f"rearrange: `pattern` must have the form 'axes -> axes', received {pattern!r}")
    before, after = (_groups(side) for side in pattern.split("->"))
    names = [name for group in before for name in group]
    if sorted(names) != sorted(name for group in after for name in group) or len(set(names)) != len(names):
        raise ValueError(f"rearrange: both sides of {pattern!r} must name the same axes, each once")
    if len(before) != len(x.shape):
        raise ValueError(
            f"rearrange: {pattern!r} names {len(before)} axes, the tensor has shape {tuple(x.shape)}"
        )
    length = dict(axes_lengths)
    for extent, group in zip(x.shape, before, strict=True):
        open_names = [name for name in group if name not in length]
        known = int(np.prod([length[name] for name in group if name in length]))
        if len(open_names) > 1 or extent % max(known, 1) or (not open_names and known != extent):
            raise ValueError(
                f"rearrange: an axis of {extent} cannot be split into {group} with {axes_lengths}"
            )
        if open_names:
            length[open_names[0]] = extent // known
    x = reshaped(x, [length[name] for name in names])
    x = transpose(x, [names.index(name) for group in after for name in group])
    return reshaped(x, [int(np.prod([length[name] for name in group])) for group in after])


def _view_shape(x, *, dtype):
    have, want = dtypes.NUMPY[x.dtype].itemsize, dtypes.NUMPY[dtype].itemsize
    if have == want:
        return Spec(x.shape, dtype)
    if not x.shape or x.shape[-1] * have % want:
        raise ValueError(f"view: {tuple(x.shape)} values of {x.dtype} are no whole number of {dtype}")
    return Spec((*x.shape[:-1], x.shape[-1] * have // want), dtype)


view_op = define_op(
    "view",
    shape=_view_shape,
    grad=no_gradient("other bits"),
    reference=lambda x, *, dtype: np.ascontiguousarray(x).view(dtype),
)


@public
def view(x, dtype=None):
    """The same bytes read as another dtype."""
    x = convert(x)
    return x if dtype is None else view_op(x, dtype=dtypes.standardize(dtype))


@public
def view_as_real(x):
    """(..., 2) real and imaginary parts of a complex tensor."""
    from .elementary import imag, real

    return stack([real(x), imag(x)], axis=-1)


complex_op = define_op(
    "complex",
    grad=lambda call, dy: [records["real"](dy), -records["imag"](dy)],
    shape=lambda real, imaginary: Spec(real.shape, "complex128" if real.dtype == "float64" else "complex64"),
    reference=lambda real, imaginary: (real + 1j * imaginary).astype(
        "complex128" if real.dtype == "float64" else "complex64"
    ),
)


@public
def view_as_complex(x):
    """The complex tensor whose real and imaginary parts the last axis (of 2) holds."""
    x = convert(x)
    if not x.shape or x.shape[-1] != 2:
        raise ValueError(
            f"view_as_complex: the last axis must hold 2 values, received shape {tuple(x.shape)}"
        )
    return complex_op(x[..., 0], x[..., 1])


@public
def polar(abs_, angle):
    """The complex tensor of a length and an angle."""
    from .elementary import cos, sin

    length, turn = convert(abs_), convert(angle)
    return complex_op(length * cos(turn), length * sin(turn))
