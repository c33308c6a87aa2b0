"""Filters: Gaussian blur, Sobel's edges, structural similarity."""

import numpy as np

from ...engine.symbolic import public
from ...engine.tensor import Tensor
from ...engine.variable import convert
from .. import reduction
from ..arithmetic import square
from ..convolution import depthwise_conv
from ..elementary import exp
from ..joining import stack
from ..shape import broadcast_to, expand_dims, pad, reshaped
from .layout import Images


def _gaussian(size, sigma):
    """Weights of `size` pixels that add up to 1; `sigma` may be a number or a scalar tensor."""
    at = np.arange(size) - (size - 1) / 2.0
    if isinstance(sigma, Tensor):
        found = exp(-0.5 * square(convert(at, dtype=sigma.dtype) / sigma))
        return found / reduction.sum(found)
    found = np.exp(-0.5 * (at / sigma) ** 2)
    return found / found.sum()


def _filtered(x, kernel, padding):
    """Each channel of a batch, filtered by one kernel (height, width)."""
    kernel = convert(kernel, dtype=x.dtype)
    weights = broadcast_to(reshaped(kernel, (*kernel.shape, 1, 1)), (*kernel.shape, x.shape[-1], 1))
    return depthwise_conv(x, weights, strides=1, padding=padding, data_format="channels_last")


def blurred(x, kernel_size, sigma):
    """A batch, channels last, blurred by a Gaussian; `kernel_size` and `sigma` are (x, y) pairs, as in Keras."""
    across, down = (_gaussian(n, s) for n, s in zip(kernel_size, sigma, strict=True))
    across, down = convert(across, dtype=x.dtype), convert(down, dtype=x.dtype)
    return _filtered(x, expand_dims(down, 1) * expand_dims(across, 0), "same")


@public
def gaussian_blur(images, kernel_size=(3, 3), sigma=(1.0, 1.0), data_format=None):
    """Images blurred by a Gaussian of `sigma` pixels, cut off at `kernel_size`; zeros outside."""
    given = Images("gaussian_blur", images, data_format)
    sigma = [sigma[0], sigma[1]]  # numbers, or scalar tensors
    return given.back(blurred(given.batch, kernel_size, sigma))


@public
def sobel_edges(images, data_format=None):
    """The slopes along rows and columns by Sobel's filters: a last axis of 2, (downwards, rightwards)."""
    given = Images("sobel_edges", images, data_format)
    x = pad(given.batch, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="symmetric")
    down = np.array([[-1.0, -2.0, -1.0], [0.0, 0.0, 0.0], [1.0, 2.0, 1.0]])
    return stack([given.back(_filtered(x, kernel, "valid")) for kernel in (down, down.T)], axis=-1)


@public
def ssim(image1, image2, max_val=1.0, filter_size=11, filter_sigma=1.5, k1=0.01, k2=0.03, data_format=None):
    """Structural similarity of two images or batches, one number an image. Source: Wang et al. (2004)."""
    one, two = (
        Images("ssim", image, data_format, name) for image, name in ((image1, "image1"), (image2, "image2"))
    )
    a, b = one.batch, two.batch
    if a.shape != b.shape:
        raise ValueError(
            f"ssim: both images must have one shape, received {tuple(a.shape)} and {tuple(b.shape)}"
        )
    kernel = np.outer(*[_gaussian(filter_size, filter_sigma)] * 2)
    blur = lambda x: _filtered(x, kernel, "valid")  # noqa: E731
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    mean_a, mean_b = blur(a), blur(b)
    var_a, var_b = blur(square(a)) - square(mean_a), blur(square(b)) - square(mean_b)
    both = blur(a * b) - mean_a * mean_b
    value = ((2.0 * mean_a * mean_b + c1) * (2.0 * both + c2)) / (
        (square(mean_a) + square(mean_b) + c1) * (var_a + var_b + c2)
    )
    found = reduction.mean(value, (1, 2, 3))
    return found[0] if one.single else found
