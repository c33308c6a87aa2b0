"""EfficientNetV2: EfficientNet with blocks of whole convolutions where pictures are large."""

import math

from .. import initializers, layers
from .building import channel_axis, classified, finished, normalised, pictures, pooled, unchanged
from .imagenet_utils import decode_predictions

preprocess_input = unchanged
# Stages: whole convolutions, blocks, channels in, channels out, expansion, squeeze and excitation, the first stride.
_B = (
    (True, 1, 32, 16, 1, 0, 1),
    (True, 2, 16, 32, 4, 0, 2),
    (True, 2, 32, 48, 4, 0, 2),
    (False, 3, 48, 96, 4, 0.25, 2),
    (False, 5, 96, 112, 6, 0.25, 1),
    (False, 8, 112, 192, 6, 0.25, 2),
)
_S = (
    (True, 2, 24, 24, 1, 0, 1),
    (True, 4, 24, 48, 4, 0, 2),
    (True, 4, 48, 64, 4, 0, 2),
    (False, 6, 64, 128, 4, 0.25, 2),
    (False, 9, 128, 160, 6, 0.25, 1),
    (False, 15, 160, 256, 6, 0.25, 2),
)
_M = (
    (True, 3, 24, 24, 1, 0, 1),
    (True, 5, 24, 48, 4, 0, 2),
    (True, 5, 48, 80, 4, 0, 2),
    (False, 7, 80, 160, 4, 0.25, 2),
    (False, 14, 160, 176, 6, 0.25, 1),
    (False, 18, 176, 304, 6, 0.25, 2),
    (False, 5, 304, 512, 6, 0.25, 1),
)
_L = (
    (True, 4, 32, 32, 1, 0, 1),
    (True, 7, 32, 64, 4, 0, 2),
    (True, 7, 64, 96, 4, 0, 2),
    (False, 10, 96, 192, 4, 0.25, 2),
    (False, 19, 192, 224, 6, 0.25, 1),
    (False, 25, 224, 384, 6, 0.25, 2),
    (False, 7, 384, 640, 6, 0.25, 1),
)
_SIZES = {  # stages, width, depth, side of the pictures; hashes of the files with the top and without it
    "b0": (_B, 1.0, 1.0, 224, "21ecbf6da12460d5c40bb2f29ceb2188", "893217f2bb855e2983157299931e43ff"),
    "b1": (_B, 1.0, 1.1, 240, "069f0534ff22adf035c89e2d9547a9dc", "0e80663031ca32d657f9caa404b6ec37"),
    "b2": (_B, 1.1, 1.2, 260, "424e49f28180edbde1e94797771950a7", "1dfe2e7a5d45b6632553a8961ea609eb"),
    "b3": (_B, 1.2, 1.4, 300, "1f1fc43bd98a6e4fd8fdfd551e02c7a0", "f6abf7b5849ac99a89b50dd3fd532856"),
    "s": (_S, 1.0, 1.0, 384, "e1d88a8495beba45748fedd0cecbe016", "af0682fb74e8c54910f2d4393339c070"),
    "m": (_M, 1.0, 1.0, 480, "a3bf6aa3276309f4fc6a34aa114c95cd", "1b8dc055df72dde80d614482840fe342"),
    "l": (_L, 1.0, 1.0, 480, "27e6d408b53c7ebc868fefa357689935", "b0b66b5c863aef5b46e8608fe1711615"),
}
_MEANS, _DEVIATIONS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_MOST_DROPPED = 0.2  # of the last block's output; the first one's none


def _drawn():
    return initializers.VarianceScaling(2.0, "fan_out", "truncated_normal")


def _conv(x, filters, name, kernel=1, strides=1, **options):
    return layers.Conv2D(
        filters,
        kernel,
        strides=strides,
        padding="same",
        kernel_initializer=_drawn(),
        name=name,
        **{"use_bias": False, **options},
    )(x)


def _norm(x, name):
    return normalised(x, name, momentum=0.9)


def _active(x, norm, name):
    return layers.Activation("swish", name=name)(_norm(x, norm))


def _excited(x, channels, wide, part, stem):
    gate = layers.GlobalAveragePooling2D(name=f"{stem}se_squeeze")(x)
    one = (1, 1, wide) if channel_axis() == -1 else (wide, 1, 1)
    gate = layers.Reshape(one, name=f"{stem}se_reshape")(gate)
    few = max(1, int(channels * part))
    gate = _conv(gate, few, f"{stem}se_reduce", activation="swish", use_bias=True)
    gate = _conv(gate, wide, f"{stem}se_expand", activation="sigmoid", use_bias=True)
    return layers.multiply([x, gate], name=f"{stem}se_excite")


def _block(x, whole, channels, filters, expansion, part, stride, drop, stem):
    start, wide, left = x, channels * expansion, stride
    if expansion != 1:
        kernel, now, left = (3, stride, 1) if whole else (1, 1, stride)
        x = _conv(x, wide, f"{stem}expand_conv", kernel, now)
        x = _active(x, f"{stem}expand_bn", f"{stem}expand_activation")
    if not whole:
        x = layers.DepthwiseConv2D(
            3,
            strides=left,
            padding="same",
            use_bias=False,
            depthwise_initializer=_drawn(),
            name=f"{stem}dwconv2",
        )(x)
        x = _active(x, f"{stem}bn", f"{stem}activation")
        left = 1
    if part:
        x = _excited(x, channels, wide, part, stem)
    alone = whole and expansion == 1  # the one convolution of its block
    x = _conv(x, filters, f"{stem}project_conv", 3 if alone else 1, left)
    if alone:
        x = _active(x, f"{stem}project_bn", f"{stem}project_activation")
    else:
        x = _norm(x, f"{stem}project_bn")
    if stride != 1 or channels != filters:
        return x
    if drop:
        x = layers.Dropout(drop, noise_shape=(None, 1, 1, 1), name=f"{stem}drop")(x)
    return layers.add([x, start], name=f"{stem}add")


def _efficient_network(
    size,
    include_top,
    weights,
    input_tensor,
    input_shape,
    pooling,
    classes,
    classifier_activation,
    include_preprocessing,
    name,
):
    stages, width, depth, side, *hashes = _SIZES[size]

    def wide(filters):
        return max(8, int(filters * width + 4) // 8 * 8)

    start = x = pictures(
        f"EfficientNetV2{size.upper()}", weights, include_top, classes, input_tensor, input_shape, side, 32
    )
    if include_preprocessing and size.startswith("b") and x.shape[channel_axis()] == 3:
        x = layers.Rescaling(1.0 / 255)(x)
        variance = [deviation**2 for deviation in _DEVIATIONS]
        x = layers.Normalization(mean=list(_MEANS), variance=variance, axis=channel_axis() % 4)(x)
    elif include_preprocessing:
        x = layers.Rescaling(1.0 / 128.0, offset=-1)(x)
    x = _active(_conv(x, wide(stages[0][2]), "stem_conv", 3, 2), "stem_bn", "stem_activation")
    done, every = 0, sum(blocks for _, blocks, *_ in stages)
    for i, (whole, blocks, channels, filters, expansion, part, stride) in enumerate(stages, 1):
        for j in range(math.ceil(depth * blocks)):
            come, step = (filters, 1) if j else (channels, stride)
            stem, drop = f"block{i}{chr(ord('a') + j)}_", _MOST_DROPPED * done / every
            x = _block(x, whole, wide(come), wide(filters), expansion, part, step, drop, stem)
            done += 1
    x = _active(_conv(x, wide(1280), "top_conv"), "top_bn", "top_activation")
    if include_top:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dropout(0.2, name="top_dropout")(x)
        drawn = initializers.VarianceScaling(1.0 / 3.0, "fan_out", "uniform")
        x = classified(x, weights, classes, classifier_activation, kernel_initializer=drawn)
    else:
        x = pooled(x, pooling)
    file = f"efficientnet_v2/efficientnetv2-{size}{'' if include_top else '_notop'}.h5"
    return finished(start, x, name, weights, (file, hashes[not include_top]))


def EfficientNetV2B0(  # noqa: N802
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    include_preprocessing=True,
    name="efficientnetv2-b0",
):
    """EfficientNetV2 of size B0, 7.2 million weights, for pictures of 224 pixels a side.

    Args:
        include_preprocessing: scale pictures of values 0..255 inside. Others as in `VGG16`.
    Source: Keras 3 `applications.EfficientNetV2B0`; Tan and Le, arXiv 2104.00298.
    """
    return _efficient_network("b0", **locals())


def EfficientNetV2B1(  # noqa: N802
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    include_preprocessing=True,
    name="efficientnetv2-b1",
):
    """EfficientNetV2 of size B1, 8.2 million weights, for pictures of 240 pixels a side; see `EfficientNetV2B0`."""
    return _efficient_network("b1", **locals())


def EfficientNetV2B2(  # noqa: N802
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    include_preprocessing=True,
    name="efficientnetv2-b2",
):
    """EfficientNetV2 of size B2, 10.2 million weights, for pictures of 260 pixels a side; see `EfficientNetV2B0`."""
    return _efficient_network("b2", **locals())


def EfficientNetV2B3(  # noqa: N802
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    include_preprocessing=True,
    name="efficientnetv2-b3",
):
    """EfficientNetV2 of size B3, 14.5 million weights, for pictures of 300 pixels a side; see `EfficientNetV2B0`."""
    return _efficient_network("b3", **locals())


def EfficientNetV2S(  # noqa: N802
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    include_preprocessing=True,
    name="efficientnetv2-s",
):
    """EfficientNetV2 of size S, 21.6 million weights, for pictures of 384 pixels a side; see `EfficientNetV2B0`."""
    return _efficient_network("s", **locals())


def EfficientNetV2M(  # noqa: N802
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    include_preprocessing=True,
    name="efficientnetv2-m",
):
    """EfficientNetV2 of size M, 54.4 million weights, for pictures of 480 pixels a side; see `EfficientNetV2B0`."""
    return _efficient_network("m", **locals())


def EfficientNetV2L(  # noqa: N802
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    include_preprocessing=True,
    name="efficientnetv2-l",
):
    """EfficientNetV2 of size L, 119.0 million weights, for pictures of 480 pixels a side; see `EfficientNetV2B0`."""
    return _efficient_network("l", **locals())


__all__ = [
    "EfficientNetV2B0",
    "EfficientNetV2B1",
    "EfficientNetV2B2",
    "EfficientNetV2B3",
    "EfficientNetV2L",
    "EfficientNetV2M",
    "EfficientNetV2S",
    "decode_predictions",
    "preprocess_input",
]
