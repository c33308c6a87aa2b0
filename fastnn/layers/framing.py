"""Layers that put zeros around images or cut edges off: ZeroPadding and Cropping, for 1 to 3 spatial axes."""

from .. import ops
from .data_format import join_shape, per_axis, split_shape
from .spatial import Spatial


class _Framing(Spatial):
    """The base: `margins` holds (before, after) for each of `rank` spatial axes; `sign` is +1 to add, -1 to cut."""

    sign = 1
    argument = "padding"

    def __init__(self, margins, data_format, **kwargs):
        super().__init__(data_format, **kwargs)
        setattr(self, self.argument, margins)
        self._margins = (margins,) if self.rank == 1 else margins

    def compute_output_shape(self, input_shape):
        batch, spatial, channels = split_shape(input_shape, self.data_format)
        extents = [
            None if n is None else n + self.sign * (before + after)
            for n, (before, after) in zip(spatial, self._margins)
        ]
        if any(n is not None and n <= 0 for n in extents):
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: `{self.argument}` {self._margins} leaves "
                f"nothing of an input of shape {tuple(input_shape)}"
            )
        return join_shape(batch, extents, channels, self.data_format)

    def get_config(self):
        config = {**super().get_config(), self.argument: getattr(self, self.argument)}
        if self.argument == "padding" or self.rank > 1:
            config["data_format"] = self.data_format
        return config


class _ZeroPadding(_Framing):
    def call(self, inputs):
        return ops.pad(inputs, join_shape((0, 0), self._margins, (0, 0), self.data_format))


class ZeroPadding1D(_ZeroPadding):
    """Zeros before and after the steps of a series.

    Args:
        padding: how many, an int or (before, after).
    Source: Keras 3 `layers.ZeroPadding1D`.
    """

    rank = 1

    def __init__(self, padding=1, data_format=None, **kwargs):
        super().__init__(per_axis("ZeroPadding1D", "padding", padding, 2, least=0), data_format, **kwargs)


class ZeroPadding2D(_ZeroPadding):
    """Zeros around images.

    Args:
        padding: an int, (rows, columns) or ((top, bottom), (left, right)).
    Source: Keras 3 `layers.ZeroPadding2D`.
    >>> ZeroPadding2D(1).compute_output_shape((None, 28, 28, 3))
    (None, 30, 30, 3)
    """

    def __init__(self, padding=(1, 1), data_format=None, **kwargs):
        super().__init__(_margins("ZeroPadding2D", "padding", padding, 2), data_format, **kwargs)


class ZeroPadding3D(_ZeroPadding):
    """Zeros around volumes.

    Args:
        padding: an int, one an axis, or a (before, after) an axis.
    Source: Keras 3 `layers.ZeroPadding3D`.
    """

    rank = 3

    def __init__(self, padding=((1, 1), (1, 1), (1, 1)), data_format=None, **kwargs):
        super().__init__(_margins("ZeroPadding3D", "padding", padding, 3), data_format, **kwargs)


class _Cropping(_Framing):
    sign = -1
    argument = "cropping"

    def call(self, inputs):
        _, spatial, _ = split_shape(self.compute_output_shape(inputs.shape), self.data_format)
        kept = [slice(before, before + n) for n, (before, _) in zip(spatial, self._margins)]
        everything = slice(None)
        return inputs[tuple(join_shape(everything, kept, everything, self.data_format))]


class Cropping1D(_Cropping):
    """Cuts steps off both ends of a series.

    Args:
        cropping: how many, an int or (before, after).
    Source: Keras 3 `layers.Cropping1D`.
    """

    rank = 1

    def __init__(self, cropping=(1, 1), **kwargs):
        super().__init__(per_axis("Cropping1D", "cropping", cropping, 2, least=0), "channels_last", **kwargs)


class Cropping2D(_Cropping):
    """Cuts the edges of images off.

    Args:
        cropping: an int, (rows, columns) or ((top, bottom), (left, right)).
    Source: Keras 3 `layers.Cropping2D`.
    """

    def __init__(self, cropping=((0, 0), (0, 0)), data_format=None, **kwargs):
        super().__init__(_margins("Cropping2D", "cropping", cropping, 2), data_format, **kwargs)


class Cropping3D(_Cropping):
    """Cuts the faces of volumes off.

    Args:
        cropping: an int, one an axis, or a (before, after) an axis.
    Source: Keras 3 `layers.Cropping3D`.
    """

    rank = 3

    def __init__(self, cropping=((1, 1), (1, 1), (1, 1)), data_format=None, **kwargs):
        super().__init__(_margins("Cropping3D", "cropping", cropping, 3), data_format, **kwargs)


def _margins(layer, argument, value, rank):
    """((before, after), ...) for each of `rank` axes, from an int, one an axis, or a pair an axis."""
    values = (value,) * rank if isinstance(value, int) else value
    if not isinstance(values, (list, tuple)) or len(values) != rank:
        raise ValueError(
            f"{layer}: `{argument}` must be an integer, {rank} integers, or {rank} pairs "
            f"(before, after), received {value!r}"
        )
    return tuple([per_axis(layer, argument, one, 2, least=0) for one in values])
