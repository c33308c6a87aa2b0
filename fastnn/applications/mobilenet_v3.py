"""MobileNetV3: MobileNetV2's blocks with squeeze and excitation and hard_swish, as a search found them."""

from .. import layers
from .building import (
    channel_axis,
    check_activation,
    check_weights,
    even_padding,
    finished,
    normalised,
    pictures,
    pooled,
    unchanged,
)
from .imagenet_utils import decode_predictions
from .mobilenet_v2 import in_eights

preprocess_input = unchanged
_BN = {"epsilon": 1e-3, "momentum": 0.999}
_RELU, _SWISH = "relu", "swish"
# Expansion, filters, kernel (5 is 3 in the minimalistic form), stride, squeeze and excitation, activation.
_SMALL = (
    (1, 16, 3, 2, True, _RELU),
    (72 / 16, 24, 3, 2, False, _RELU),
    (88 / 24, 24, 3, 1, False, _RELU),
    (4, 40, 5, 2, True, _SWISH),
    (6, 40, 5, 1, True, _SWISH),
    (6, 40, 5, 1, True, _SWISH),
    (3, 48, 5, 1, True, _SWISH),
    (3, 48, 5, 1, True, _SWISH),
    (6, 96, 5, 2, True, _SWISH),
    (6, 96, 5, 1, True, _SWISH),
    (6, 96, 5, 1, True, _SWISH),
)
_LARGE = (
    (1, 16, 3, 1, False, _RELU),
    (4, 24, 3, 2, False, _RELU),
    (3, 24, 3, 1, False, _RELU),
    (3, 40, 5, 2, True, _RELU),
    (3, 40, 5, 1, True, _RELU),
    (3, 40, 5, 1, True, _RELU),
    (6, 80, 3, 2, False, _SWISH),
    (2.5, 80, 3, 1, False, _SWISH),
    (2.3, 80, 3, 1, False, _SWISH),
    (2.3, 80, 3, 1, False, _SWISH),
    (6, 112, 3, 1, True, _SWISH),
    (6, 112, 3, 1, True, _SWISH),
    (6, 160, 5, 2, True, _SWISH),
    (6, 160, 5, 1, True, _SWISH),
    (6, 160, 5, 1, True, _SWISH),
)
_HASHES = {  # of the files with the top and without it
    "large_224_0.75": ("765b44a33ad4005b3ac83185abf1d0eb", "40af19a13ebea4e2ee0c676887f69a2e"),
    "large_224_1.0": ("59e551e166be033d707958cf9e29a6a7", "07fb09a5933dd0c8eaafa16978110389"),
    "large_minimalistic_224_1.0": ("675e7b876c45c57e9e63e6d90a36599c", "ec5221f64a2f6d1ef965a614bdae7973"),
    "small_224_0.75": ("cb65d4e5be93758266aa0a7f2c6708b7", "ebdb5cc8e0b497cd13a7c275d475c819"),
    "small_224_1.0": ("8768d4c2e7dee89b9d02b2d03d65d862", "d3e8ec802a04aa4fc771ee12a9a9b836"),
    "small_minimalistic_224_1.0": ("99cd97fb2fcdad2bf028eb838de69e37", "cde8136e733e811080d9fcd8a252f7e4"),
}


def _active(x, activation):
    return layers.ReLU()(x) if activation == _RELU else layers.Activation("hard_swish")(x)


def _conv(x, filters, name, **options):
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=name)(x)
    return normalised(x, f"{name}_bn", **_BN)


def _excited(x, filters, stem):
    stem = f"{stem}squeeze_excite_"
    gate = layers.GlobalAveragePooling2D(keepdims=True, name=f"{stem}avg_pool")(x)
    gate = layers.Conv2D(in_eights(filters * 0.25), 1, padding="same", name=f"{stem}conv")(gate)
    gate = layers.ReLU(name=f"{stem}relu")(gate)
    gate = layers.Conv2D(filters, 1, padding="same", name=f"{stem}conv_1")(gate)
    gate = layers.ReLU(6.0)(gate + 3.0) * (1.0 / 6.0)
    return layers.Multiply(name=f"{stem}mul")([x, gate])


def _block(x, number, expansion, filters, kernel, stride, excited, activation):
    start, channels = x, x.shape[channel_axis()]
    stem = f"expanded_conv_{number}_" if number else "expanded_conv_"
    wide = in_eights(channels * expansion)
    if number:
        x = _active(_conv(x, wide, f"{stem}expand"), activation)
    if stride == 2:
        x = layers.ZeroPadding2D(even_padding(x, kernel), name=f"{stem}depthwise_pad")(x)
    x = layers.DepthwiseConv2D(
        kernel,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        use_bias=False,
        name=f"{stem}depthwise",
    )(x)
    x = _active(normalised(x, f"{stem}depthwise_bn", **_BN), activation)
    if excited:
        x = _excited(x, wide, stem)
    x = _conv(x, filters, f"{stem}project")
    return layers.Add(name=f"{stem}add")([start, x]) if stride == 1 and channels == filters else x


def _mobile_network(
    size,
    blocks,
    last,
    input_shape,
    alpha,
    minimalistic,
    include_top,
    weights,
    input_tensor,
    classes,
    pooling,
    dropout_rate,
    classifier_activation,
    include_preprocessing,
    name,
):
    model = f"MobileNetV3{size.title()}"
    file = f"{size}{'_minimalistic' if minimalistic else ''}_224_{float(alpha)}"
    if weights == "imagenet" and file not in _HASHES:
        raise ValueError(
            f"{model}: weights='imagenet' are there for alpha 0.75 and 1.0, of the minimalistic form for 1.0 alone, "
            f"received {alpha}"
        )
    check_weights(model, weights, include_top, classes)
    start = x = pictures(model, weights, False, classes, input_tensor, input_shape, None, 32)  # of any size
    if include_preprocessing:
        x = layers.Rescaling(scale=1.0 / 127.5, offset=-1.0)(x)
    swish = _RELU if minimalistic else _SWISH
    x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False, name="conv")(x)
    x = _active(normalised(x, "conv_bn", **_BN), swish)
    for number, (expansion, filters, kernel, stride, excited, activation) in enumerate(blocks):
        if minimalistic:
            kernel, excited, activation = 3, False, _RELU
        x = _block(x, number, expansion, in_eights(filters * alpha), kernel, stride, excited, activation)
    x = _active(_conv(x, in_eights(x.shape[channel_axis()] * 6), "conv_1"), swish)
    if include_top:
        check_activation(classifier_activation, weights)
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        wide = in_eights(last * alpha) if alpha > 1.0 else last
        x = _active(layers.Conv2D(wide, 1, padding="same", name="conv_2")(x), swish)
        if dropout_rate > 0:
            x = layers.Dropout(dropout_rate)(x)
        x = layers.Flatten()(layers.Conv2D(classes, 1, padding="same", name="logits")(x))
        x = layers.Activation(classifier_activation, name="predictions")(x)
    else:
        x = pooled(x, pooling)
    end = "" if include_top else "_no_top_v2"
    origin = f"mobilenet_v3/weights_mobilenet_v3_{file}_float{end}.h5"
    return finished(start, x, name, weights, (origin, _HASHES.get(file, (None, None))[not include_top]))


def MobileNetV3Small(  # noqa: N802
    input_shape=None,
    alpha=1.0,
    minimalistic=False,
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    classes=1000,
    pooling=None,
    dropout_rate=0.2,
    classifier_activation="softmax",
    include_preprocessing=True,
    name="MobileNetV3Small",
):
    """MobileNetV3, small, of 2.6 million weights.

    Args:
        alpha: how many filters, as a factor. minimalistic: without squeeze and excitation, hard_swish and windows of 5.
        dropout_rate: before the last layer. include_preprocessing: scale pictures of values 0..255 inside.
        Others as in `VGG16`.
    Source: Keras 3 `applications.MobileNetV3Small`; Howard et al., arXiv 1905.02244.
    """
    return _mobile_network("small", _SMALL, 1024, **locals())


def MobileNetV3Large(  # noqa: N802
    input_shape=None,
    alpha=1.0,
    minimalistic=False,
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    classes=1000,
    pooling=None,
    dropout_rate=0.2,
    classifier_activation="softmax",
    include_preprocessing=True,
    name="MobileNetV3Large",
):
    """MobileNetV3, large, of 5.5 million weights; arguments as in `MobileNetV3Small`."""
    return _mobile_network("large", _LARGE, 1280, **locals())


__all__ = ["MobileNetV3Large", "MobileNetV3Small", "decode_predictions", "preprocess_input"]
