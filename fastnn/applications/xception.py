"""Xception: convolutions in two halves, each channel alone and then all of them, with residual connections."""

from .. import layers
from .building import ended, finished, normalised, pictures, preprocessing
from .imagenet_utils import decode_predictions

preprocess_input = preprocessing("tf")
_ENTRY = ((2, 128, 128), (3, 256, 256), (4, 728, 728))  # block, filters of its two convolutions
_EXIT = (13, 728, 1024)


def _relu(x, name):
    return layers.Activation("relu", name=name)(x)


def _separable(x, filters, name):
    x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
    return normalised(x, f"{name}_bn")


def _smaller(x, block, *filters):
    """A block that halves the picture."""
    shortcut = layers.Conv2D(filters[-1], 1, strides=2, padding="same", use_bias=False)(x)
    shortcut = normalised(shortcut, None)
    for i, count in enumerate(filters, 1):
        if block > 2 or i > 1:
            x = _relu(x, f"block{block}_sepconv{i}_act")
        x = _separable(x, count, f"block{block}_sepconv{i}")
    x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"block{block}_pool")(x)
    return layers.add([x, shortcut])


def Xception(  # noqa: N802
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="xception",
):
    """Xception, of 22.9 million weights, for pictures of 299 pixels a side; arguments as in `VGG16`.

    Source: Keras 3 `applications.Xception`; Chollet, arXiv 1610.02357.
    """
    start = x = pictures("Xception", weights, include_top, classes, input_tensor, input_shape, 299, 71)
    for i, (filters, stride) in enumerate(((32, 2), (64, 1)), 1):
        x = layers.Conv2D(filters, 3, strides=stride, use_bias=False, name=f"block1_conv{i}")(x)
        x = _relu(normalised(x, f"block1_conv{i}_bn"), f"block1_conv{i}_act")
    for block in _ENTRY:
        x = _smaller(x, *block)
    for block in range(5, 13):
        shortcut = x
        for i in (1, 2, 3):
            x = _separable(_relu(x, f"block{block}_sepconv{i}_act"), 728, f"block{block}_sepconv{i}")
        x = layers.add([x, shortcut])
    x = _smaller(x, *_EXIT)
    for i, filters in enumerate((1536, 2048), 1):
        x = _relu(_separable(x, filters, f"block14_sepconv{i}"), f"block14_sepconv{i}_act")
    x = ended(x, include_top, weights, classes, classifier_activation, pooling, (None, None))
    top, file_hash = (
        ("", "0a58e3b7378bc2990ea3b43d5981f1f6")
        if include_top
        else ("_notop", "b0042744bf5b25fce3cb969f33bebb97")
    )
    file = f"xception/xception_weights_tf_dim_ordering_tf_kernels{top}.h5"
    return finished(start, x, name, weights, (file, file_hash))


__all__ = ["Xception", "decode_predictions", "preprocess_input"]
