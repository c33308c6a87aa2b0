"""Images in one layout while they are worked on: (batch, height, width, channels)."""

from ...engine import dtypes, settings
from ...engine.variable import convert
from ..casting import cast
from ..shape import expand_dims, squeeze, transpose


def data_format_of(name, given):
    """The data format, the configured one for None.

    Raises:
        ValueError: it is no data format.
    """
    found = settings.image_data_format() if given is None else given
    if found not in ("channels_last", "channels_first"):
        raise ValueError(
            f"{name}: `data_format` must be 'channels_last' or 'channels_first', received {given!r}"
        )
    return found


class Images:
    """A user's images as one batch, channels last, floating; `back` restores what they were."""

    def __init__(self, name, images, data_format, argument="images"):
        images = convert(images)
        if len(images.shape) not in (3, 4):
            raise ValueError(
                f"{name}: `{argument}` must be an image of 3 axes or a batch of 4, received shape "
                f"{tuple(images.shape)}"
            )
        self.first = data_format_of(name, data_format) == "channels_first"
        self.single = len(images.shape) == 3
        self.dtype = images.dtype
        x = images if dtypes.is_float(images.dtype) else cast(images, "float32")
        x = expand_dims(x, 0) if self.single else x
        self.batch = transpose(x, (0, 2, 3, 1)) if self.first else x

    def back(self, batch, dtype=None):
        x = transpose(batch, (0, 3, 1, 2)) if self.first else batch
        x = squeeze(x, 0) if self.single else x
        return cast(x, dtype or self.dtype)
