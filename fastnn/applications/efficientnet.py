"""EfficientNet: inverted blocks with squeeze and excitation, in eight sizes of one design."""

import math

from .. import initializers, layers
from .building import (
    channel_axis,
    classified,
    even_padding,
    finished,
    normalised,
    pictures,
    pooled,
    unchanged,
)
from .imagenet_utils import decode_predictions

preprocess_input = unchanged
_STAGES = (  # kernel, blocks, channels in, channels out, expansion, the first one's stride
    (3, 1, 32, 16, 1, 1),
    (3, 2, 16, 24, 6, 2),
    (5, 2, 24, 40, 6, 2),
    (3, 3, 40, 80, 6, 2),
    (5, 3, 80, 112, 6, 1),
    (5, 4, 112, 192, 6, 2),
    (3, 1, 192, 320, 6, 1),
)
_SIZES = (  # width, depth, side of the pictures, dropout at the end; hashes of the files with the top and without it
    (1.0, 1.0, 224, 0.2, "902e53a9f72be733fc0bcb005b3ebbac", "50bc09e76180e00e4465e1a485ddc09d"),
    (1.0, 1.1, 240, 0.2, "1d254153d4ab51201f1646940f018540", "74c4e6b3e1f6a1eea24c589628592432"),
    (1.1, 1.2, 260, 0.3, "b15cce36ff4dcbd00b6dd88e7857a6ad", "111f8e2ac8aa800a7a99e3239f7bfb39"),
    (1.2, 1.4, 300, 0.3, "ffd1fdc53d0ce67064dc6a9c7960ede0", "af6d107764bb5b1abb91932881670226"),
    (1.4, 1.8, 380, 0.4, "18c95ad55216b8f92d7e70b3a046e2fc", "ebc24e6d6c33eaebbd558eafbeedf1ba"),
    (1.6, 2.2, 456, 0.4, "ace28f2a6363774853a83a0b21b9421a", "38879255a25d3c92d5e44e04ae6cec6f"),
    (1.8, 2.6, 528, 0.5, "165f6e37dce68623721b423839de8be5", "9ecce42647a20130c1f39a5d4cb75743"),
    (2.0, 3.1, 600, 0.5, "8c03f828fec3ef71311cd463b6759d99", "cbcfe4450ddf6f3ad90b1b398090fe4a"),
)
_DEVIATIONS = (0.229, 0.224, 0.225)
_MOST_DROPPED = 0.2  # of the last block's output; the first one's none


def _drawn():
    return initializers.VarianceScaling(2.0, "fan_out", "truncated_normal")


def _conv(x, filters, name, activation=None, use_bias=False):
    return layers.Conv2D(
        filters,
        1,
        padding="same",
        use_bias=use_bias,
        activation=activation,
        kernel_initializer=_drawn(),
        name=name,
    )(x)


def _active(x, norm, name):
    return layers.Activation("swish", name=name)(normalised(x, norm))


def _block(x, kernel, channels, filters, expansion, stride, drop, stem):
    start, wide = x, channels * expansion
    if expansion != 1:
        x = _active(_conv(x, wide, f"{stem}expand_conv"), f"{stem}expand_bn", f"{stem}expand_activation")
    if stride == 2:
        x = layers.ZeroPadding2D(even_padding(x, kernel), name=f"{stem}dwconv_pad")(x)
    x = layers.DepthwiseConv2D(
        kernel,
        strides=stride,
        padding="valid" if stride == 2 else "same",
        use_bias=False,
        depthwise_initializer=_drawn(),
        name=f"{stem}dwconv",
    )(x)
    x = _active(x, f"{stem}bn", f"{stem}activation")
    squeezed = layers.GlobalAveragePooling2D(name=f"{stem}se_squeeze")(x)
    one = (1, 1, wide) if channel_axis() == -1 else (wide, 1, 1)
    squeezed = layers.Reshape(one, name=f"{stem}se_reshape")(squeezed)
    squeezed = _conv(squeezed, max(1, int(channels * 0.25)), f"{stem}se_reduce", "swish", True)
    squeezed = _conv(squeezed, wide, f"{stem}se_expand", "sigmoid", True)
    x = layers.multiply([x, squeezed], name=f"{stem}se_excite")
    x = normalised(_conv(x, filters, f"{stem}project_conv"), f"{stem}project_bn")
    if stride != 1 or channels != filters:
        return x
    if drop > 0:
        x = layers.Dropout(drop, noise_shape=(None, 1, 1, 1), name=f"{stem}drop")(x)
    return layers.add([x, start], name=f"{stem}add")


def _efficient_network(
    size, include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name
):
    width, depth, side, dropout, *hashes = _SIZES[size]

    def wide(filters):
        rounded = max(8, int(filters * width + 4) // 8 * 8)
        return rounded + 8 if rounded < 0.9 * filters * width else rounded

    start = pictures(
        f"EfficientNetB{size}", weights, include_top, classes, input_tensor, input_shape, side, 32
    )
    x = layers.Normalization(axis=channel_axis())(layers.Rescaling(1.0 / 255.0)(start))
    if weights == "imagenet":  # those were trained with variances in the place of deviations
        x = layers.Rescaling([1.0 / math.sqrt(deviation) for deviation in _DEVIATIONS])(x)
    x = layers.ZeroPadding2D(even_padding(x, 3), name="stem_conv_pad")(x)
    x = layers.Conv2D(wide(32), 3, strides=2, use_bias=False, kernel_initializer=_drawn(), name="stem_conv")(
        x
    )
    x = _active(x, "stem_bn", "stem_activation")
    counts = [math.ceil(depth * blocks) for _, blocks, *_ in _STAGES]
    done, every = 0, sum(counts)
    for stage, (count, (kernel, _, channels, filters, expansion, stride)) in enumerate(
        zip(counts, _STAGES), 1
    ):
        for i in range(count):
            come, step = (filters, 1) if i else (channels, stride)
            stem = f"block{stage}{chr(ord('a') + i)}_"
            x = _block(
                x, kernel, wide(come), wide(filters), expansion, step, _MOST_DROPPED * done / every, stem
            )
            done += 1
    x = _active(_conv(x, wide(1280), "top_conv"), "top_bn", "top_activation")
    if include_top:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dropout(dropout, name="top_dropout")(x)
        drawn = initializers.VarianceScaling(1.0 / 3.0, "fan_out", "uniform")
        x = classified(x, weights, classes, classifier_activation, kernel_initializer=drawn)
    else:
        x = pooled(x, pooling)
    file = f"efficientnetb{size}{'' if include_top else '_notop'}.h5"
    origin = f"https://storage.googleapis.com/keras-applications/{file}", hashes[not include_top]
    return finished(start, x, name, weights, origin)


def EfficientNetB0(  # noqa: N802
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="efficientnetb0",
):
    """EfficientNet of size 0, 5.3 million weights, for pictures of 224 pixels a side; arguments as in `VGG16`.

    Source: Keras 3 `applications.EfficientNetB0`; Tan and Le, arXiv 1905.11946.
    """
    return _efficient_network(0, **locals())


def EfficientNetB1(  # noqa: N802
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="efficientnetb1",
):
    """EfficientNet of size 1, 7.9 million weights, for pictures of 240 pixels a side; arguments as in `VGG16`."""
    return _efficient_network(1, **locals())


def EfficientNetB2(  # noqa: N802
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="efficientnetb2",
):
    """EfficientNet of size 2, 9.2 million weights, for pictures of 260 pixels a side; arguments as in `VGG16`."""
    return _efficient_network(2, **locals())


def EfficientNetB3(  # noqa: N802
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="efficientnetb3",
):
    """EfficientNet of size 3, 12.3 million weights, for pictures of 300 pixels a side; arguments as in `VGG16`."""
    return _efficient_network(3, **locals())


def EfficientNetB4(  # noqa: N802
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="efficientnetb4",
):
    """EfficientNet of size 4, 19.5 million weights, for pictures of 380 pixels a side; arguments as in `VGG16`."""
    return _efficient_network(4, **locals())


def EfficientNetB5(  # noqa: N802
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="efficientnetb5",
):
    """EfficientNet of size 5, 30.6 million weights, for pictures of 456 pixels a side; arguments as in `VGG16`."""
    return _efficient_network(5, **locals())


def EfficientNetB6(  # noqa: N802
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="efficientnetb6",
):
    """EfficientNet of size 6, 43.3 million weights, for pictures of 528 pixels a side; arguments as in `VGG16`."""
    return _efficient_network(6, **locals())


def EfficientNetB7(  # noqa: N802
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="efficientnetb7",
):
    """EfficientNet of size 7, 66.7 million weights, for pictures of 600 pixels a side; arguments as in `VGG16`."""
    return _efficient_network(7, **locals())


__all__ = [
    "EfficientNetB0",
    "EfficientNetB1",
    "EfficientNetB2",
    "EfficientNetB3",
    "EfficientNetB4",
    "EfficientNetB5",
    "EfficientNetB6",
    "EfficientNetB7",
    "decode_predictions",
    "preprocess_input",
]
