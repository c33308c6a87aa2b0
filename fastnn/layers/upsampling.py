"""UpSampling layers: images made larger by whole factors, by repetition or interpolation."""

import functools

import numpy as np

from .. import ops
from ..engine.allowance import check_passing
from ..engine.tensor import Tensor
from .data_format import join_shape, per_axis, split_shape
from .spatial import Spatial


def _triangle(x):
    return np.maximum(0, 1 - np.abs(x))


def _cubic(x):  # Keys, 1981, with a = -1/2
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


def _lanczos(lobes):
    return lambda x: np.where(np.abs(x) < lobes, np.sinc(x) * np.sinc(x / lobes), 0)


_WEIGHTS = {"bilinear": _triangle, "bicubic": _cubic, "lanczos3": _lanczos(3), "lanczos5": _lanczos(5)}


@functools.lru_cache(maxsize=256)
def _matrix(interpolation, extent, factor, dtype):
    """(extent * factor, extent): how much each input cell counts for each output cell; rows sum to 1.

    Cells are squares, so the centre of output cell j lies at (j + 1/2) / factor - 1/2 of the input's cells.
    """
    check_passing(
        64 * extent * extent * factor, "UpSampling2D", f"a matrix of shape {(extent * factor, extent)}"
    )
    centres = (np.arange(extent * factor) + 0.5) / factor - 0.5
    weights = _WEIGHTS[interpolation](centres[:, None] - np.arange(extent))
    return Tensor((weights / weights.sum(1, keepdims=True)).astype(dtype))


class _UpSampling(Spatial):
    """The base: `factors` one a spatial axis."""

    rounds_products = False  # its product only interpolates
    interpolation = "nearest"

    def __init__(self, factors, data_format, **kwargs):
        super().__init__(data_format, **kwargs)
        self._factors = factors

    def call(self, inputs):
        first = 1 if self.data_format == "channels_last" else 2
        for axis, factor in enumerate(self._factors, first):
            if factor > 1:
                inputs = self._resized(inputs, axis, factor)
        return inputs

    def _resized(self, x, axis, factor):
        if self.interpolation == "nearest":
            return ops.repeat(x, factor, axis=axis)
        shape = tuple(x.shape)
        rows = ops.reshape(x, (int(np.prod(shape[:axis])), shape[axis], int(np.prod(shape[axis + 1 :]))))
        y = ops.matmul(_matrix(self.interpolation, shape[axis], factor, x.dtype), rows)
        return ops.reshape(y, (*shape[:axis], shape[axis] * factor, *shape[axis + 1 :]))

    def compute_output_shape(self, input_shape):
        batch, spatial, channels = split_shape(input_shape, self.data_format)
        extents = [None if n is None else n * factor for n, factor in zip(spatial, self._factors)]
        return join_shape(batch, extents, channels, self.data_format)


class UpSampling1D(_UpSampling):
    """Each step of a series `size` times.

    Source: Keras 3 `layers.UpSampling1D`.
    """

    rank = 1

    def __init__(self, size=2, **kwargs):
        factors = per_axis("UpSampling1D", "size", size, 1)
        super().__init__(factors, "channels_last", **kwargs)
        self.size = factors[0]

    def get_config(self):
        return {**super().get_config(), "size": self.size}


class UpSampling2D(_UpSampling):
    """Images `size` times as high and wide.

    Args:
        size: an int or (rows, columns).
        interpolation: "nearest" (repetition), "bilinear", "bicubic", "lanczos3" or "lanczos5".
    Source: Keras 3 `layers.UpSampling2D`.
    """

    def __init__(self, size=(2, 2), data_format=None, interpolation="nearest", **kwargs):
        super().__init__(per_axis("UpSampling2D", "size", size, 2), data_format, **kwargs)
        self.size = self._factors
        self.interpolation = interpolation.lower() if isinstance(interpolation, str) else interpolation
        if self.interpolation not in ("nearest", *_WEIGHTS):
            raise ValueError(
                "UpSampling2D: `interpolation` must be one of 'nearest', "
                f"{', '.join(map(repr, _WEIGHTS))}, received {interpolation!r}"
            )

    def get_config(self):
        return {
            **super().get_config(),
            "size": self.size,
            "data_format": self.data_format,
            "interpolation": self.interpolation,
        }


class UpSampling3D(_UpSampling):
    """Each cell of a volume `size` times along each axis, an int or three.

    Source: Keras 3 `layers.UpSampling3D`.
    """

    rank = 3

    def __init__(self, size=(2, 2, 2), data_format=None, **kwargs):
        super().__init__(per_axis("UpSampling3D", "size", size, 3), data_format, **kwargs)
        self.size = self._factors

    def get_config(self):
        return {**super().get_config(), "size": self.size, "data_format": self.data_format}
