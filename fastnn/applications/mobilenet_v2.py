"""MobileNetV2: blocks that are wide inside and narrow between, without an activation where they are narrow."""

from .. import layers
from .building import (
    channel_axis,
    classified,
    even_padding,
    finished,
    normalised,
    pictures,
    pooled,
    preprocessing,
)
from .imagenet_utils import decode_predictions
from .mobilenet import trained_side

preprocess_input = preprocessing("tf")
_STAGES = (  # filters, blocks, the first one's stride
    (16, 1, 1),
    (24, 2, 2),
    (32, 3, 2),
    (64, 4, 2),
    (96, 3, 1),
    (160, 3, 2),
    (320, 1, 1),
)
_SIDES = (96, 128, 160, 192, 224)
_BN = {"epsilon": 1e-3, "momentum": 0.999}


def in_eights(count):
    """`count` rounded to a multiple of 8 that is at least 90% of it."""
    rounded = max(8, int(count + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * count else rounded


def _block(x, number, filters, stride):
    start, channels = x, x.shape[channel_axis()]
    stem = f"block_{number}_" if number else "expanded_conv_"
    if number:
        x = layers.Conv2D(6 * channels, 1, padding="same", use_bias=False, name=f"{stem}expand")(x)
        x = normalised(x, f"{stem}expand_BN", **_BN)
        x = layers.ReLU(6.0, name=f"{stem}expand_relu")(x)
    if stride == 2:
        x = layers.ZeroPadding2D(even_padding(x, 3), name=f"{stem}pad")(x)
    x = layers.DepthwiseConv2D(
        3, strides=stride, use_bias=False, padding="same" if stride == 1 else "valid", name=f"{stem}depthwise"
    )(x)
    x = normalised(x, f"{stem}depthwise_BN", **_BN)
    x = layers.ReLU(6.0, name=f"{stem}depthwise_relu")(x)
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=f"{stem}project")(x)
    x = normalised(x, f"{stem}project_BN", **_BN)
    return layers.Add(name=f"{stem}add")([start, x]) if channels == filters and stride == 1 else x


def MobileNetV2(  # noqa: N802
    input_shape=None,
    alpha=1.0,
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name=None,
):
    """MobileNetV2, of 3.5 million weights.

    Args:
        alpha: how many filters, as a factor. Others as in `VGG16`.
    Source: Keras 3 `applications.MobileNetV2`; Sandler et al., arXiv 1801.04381.
    """
    given = input_tensor.shape[1:] if input_shape is None and input_tensor is not None else input_shape
    side = trained_side(given, _SIDES)
    start = pictures("MobileNetV2", weights, include_top, classes, input_tensor, input_shape, side, 32)
    if weights == "imagenet" and alpha not in (0.35, 0.5, 0.75, 1.0, 1.3, 1.4):
        raise ValueError(
            "MobileNetV2: weights='imagenet' are there for alpha 0.35, 0.5, 0.75, 1.0, 1.3 and 1.4, received "
            f"{alpha}"
        )
    x = layers.Conv2D(in_eights(32 * alpha), 3, strides=2, padding="same", use_bias=False, name="Conv1")(
        start
    )
    x = layers.ReLU(6.0, name="Conv1_relu")(normalised(x, "bn_Conv1", **_BN))
    number = 0
    for filters, blocks, stride in _STAGES:
        for i in range(blocks):
            x = _block(x, number, in_eights(int(filters * alpha)), 1 if i else stride)
            number += 1
    last = in_eights(1280 * alpha) if alpha > 1 else 1280
    x = layers.Conv2D(last, 1, use_bias=False, name="Conv_1")(x)
    x = layers.ReLU(6.0, name="out_relu")(normalised(x, "Conv_1_bn", **_BN))
    if include_top:
        x = layers.GlobalAveragePooling2D()(x)
        x = classified(x, weights, classes, classifier_activation)
    else:
        x = pooled(x, pooling, None, None)
    rows = side if input_shape is None and include_top else start.shape[1 if channel_axis() == -1 else 2]
    top = "" if include_top else "_no_top"
    file = f"mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{float(alpha)}_{side}{top}.h5"
    return finished(start, x, name or f"mobilenetv2_{alpha:0.2f}_{rows}", weights, (file, None))


__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]
