"""What the models share: the Input, the layers at the end, weights from files, and the names of their modules."""

import os

from .. import layers
from ..engine import settings
from ..engine.symbolic import KerasTensor
from ..models import Functional
from ..utils import get_file, get_source_inputs
from . import imagenet_utils

_SITE = "https://storage.googleapis.com/tensorflow/keras-applications/"


def channel_axis():
    """The axis of the channels in a batch of pictures."""
    return -1 if settings.image_data_format() == "channels_last" else 1


def normalised(x, name, **options):
    """Batch normalisation along the channels."""
    return layers.BatchNormalization(axis=channel_axis(), name=name, **options)(x)


def even_padding(x, kernel):
    """The padding with which a convolution of stride 2 takes the middle of an even extent as TensorFlow does."""
    start = 1 if channel_axis() == -1 else 2
    before = [kernel // 2 - (1 if n is None else 1 - n % 2) for n in x.shape[start : start + 2]]
    return tuple((b, kernel // 2) for b in before)


def pictures(model, weights, include_top, classes, input_tensor, input_shape, size, smallest):
    """The symbolic pictures that a model starts from.

    Args:
        model: its name, for errors.
        size: what a side has where nothing is said and the top is there. smallest: the least a side may have.
    Raises:
        ValueError: shapes or weights that cannot be.
    """
    check_weights(model, weights, include_top, classes)
    shape = _shape(model, weights, include_top, input_shape, size, smallest)
    if input_tensor is None:
        return layers.Input(shape=shape)
    if isinstance(input_tensor, KerasTensor):
        return input_tensor
    raise ValueError(
        f"{model}: `input_tensor` must be a symbolic tensor, an Input or what was made of one, received "
        f"{type(input_tensor).__name__}"
    )


def check_weights(model, weights, include_top, classes):
    """Raise ValueError where `weights` are none, or not for so many classes."""
    if not (weights in ("imagenet", None) or os.path.exists(weights)):
        raise ValueError(
            f"{model}: `weights` must be None, 'imagenet' or the path of a file, received {weights!r}"
        )
    if weights == "imagenet" and include_top and classes != 1000:
        raise ValueError(
            f"{model}: the top of weights='imagenet' has 1000 classes, received classes={classes}; use "
            "include_top=False and a Dense layer of your own, or weights=None"
        )


def _shape(model, weights, include_top, shape, size, smallest):
    last = channel_axis() == -1
    channels = 3
    if shape is not None:
        if len(shape) != 3:
            raise ValueError(
                f"{model}: `input_shape` must have three extents, without the batch, received {shape}"
            )
        shape = tuple(shape)
        channels = shape[-1] if last else shape[0]
        if weights == "imagenet" and channels != 3:
            raise ValueError(f"{model}: with weights='imagenet' pictures have 3 channels, received {shape}")
    own = (size, size, channels) if last else (channels, size, size)
    if weights == "imagenet" and include_top:
        if shape not in (None, own):
            raise ValueError(
                f"{model}: with its top, weights='imagenet' take pictures of shape {own}, received {shape}; use "
                "include_top=False"
            )
        return own
    if shape is None:
        free = (None, None, 3) if last else (3, None, None)
        return own if include_top else free
    sides = shape[:2] if last else shape[1:]
    if any(n is not None and n < smallest for n in sides):
        raise ValueError(
            f"{model}: a side of the pictures must have at least {smallest} pixels, received {shape}"
        )
    if include_top and None in shape:
        raise ValueError(f"{model}: with its top, `input_shape` must be whole, received {shape}")
    return shape


def pooled(x, pooling, average="avg_pool", largest="max_pool"):
    """The end of a model without its top; `average` and `largest` name the layers, None as other layers are."""
    if pooling == "avg":
        return layers.GlobalAveragePooling2D(name=average)(x)
    return layers.GlobalMaxPooling2D(name=largest)(x) if pooling == "max" else x


def ended(
    x, include_top, weights, classes, activation, pooling, names=("avg_pool", "max_pool"), top="avg_pool"
):
    """The end of a model: pooled and classified, or without its top pooled as `pooling` says.

    names: of the layers that pool in a model without its top, as in `pooled`. top: of the one in a model with it.
    """
    if not include_top:
        return pooled(x, pooling, *names)
    return classified(layers.GlobalAveragePooling2D(name=top)(x), weights, classes, activation)


def classified(x, weights, classes, activation, **options):
    """The last layer of a model with its top."""
    check_activation(activation, weights)
    return layers.Dense(classes, activation=activation, name="predictions", **options)(x)


def check_activation(activation, weights):
    """Raise ValueError where weights of a file were trained for another activation."""
    if weights is not None and activation not in (None, "softmax"):
        raise ValueError(
            "`classifier_activation` must be 'softmax' or None (logits) with trained weights, received "
            f"{activation!r}"
        )


def finished(start, x, name, weights, origin):
    """The model from the pictures `start` to `x`, with its weights.

    origin: (the path of ImageNet's file on Keras's site or a whole URL, its hash or None).
    """
    inputs = get_source_inputs(start)
    model = Functional(inputs[0] if len(inputs) == 1 else inputs, x, name=name)
    if weights == "imagenet":
        path, file_hash = origin
        url = path if path.startswith("https:") else _SITE + path
        weights = get_file(url.rsplit("/", 1)[-1], url, cache_subdir="models", file_hash=file_hash)
    if weights is not None:
        model.load_weights(weights)
    return model


def unchanged(x, data_format=None):
    """`x` itself: pictures with values 0..255 are scaled inside the model."""
    return x


def preprocessing(mode):
    """The `preprocess_input` of a model's module."""

    def preprocess_input(x, data_format=None):
        """Pictures with values 0..255 as this model wants them; see `imagenet_utils.preprocess_input`."""
        return imagenet_utils.preprocess_input(x, data_format=data_format, mode=mode)

    return preprocess_input
