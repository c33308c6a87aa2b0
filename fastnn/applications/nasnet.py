"""NASNet: cells of separable convolutions that a search found, each fed by the two cells before it."""

from .. import layers
from ..engine import settings
from .building import ended, even_padding, finished, pictures, preprocessing
from .imagenet_utils import decode_predictions

preprocess_input = preprocessing("tf")
_BN = {"momentum": 0.9997, "epsilon": 1e-3}


def _norm(x, name):
    return layers.BatchNormalization(axis=-1, name=name, **_BN)(x)


def _conv(x, filters, name):
    return layers.Conv2D(
        filters, 1, padding="same", use_bias=False, kernel_initializer="he_normal", name=name
    )(x)


def _separable(x, filters, kernel, name, halved=False):
    x = layers.Activation("relu")(x)
    if halved:
        x = layers.ZeroPadding2D(even_padding(x, kernel), name=f"separable_conv_1_pad_{name}")(x)
    for i in (1, 2):
        first = {"strides": 2, "padding": "valid"} if halved and i == 1 else {"padding": "same"}
        x = x if i == 1 else layers.Activation("relu")(x)
        x = layers.SeparableConv2D(
            filters, kernel, use_bias=False, name=f"separable_conv_{i}_{name}", **first
        )(x)
        x = _norm(x, f"separable_conv_{i}_bn_{name}")
    return x


def _pooled(kind, x, name, stride=1):
    return kind(3, strides=stride, padding="same" if stride == 1 else "valid", name=name)(x)


def _adjusted(p, x, filters, name):
    """What came before the cell before, `p`, in the extents of `x` with as many channels as the cell's."""
    if p is None:
        return x
    if p.shape[-2] != x.shape[-2]:
        p = layers.Activation("relu", name=f"adjust_relu_1_{name}")(p)
        moved = layers.Cropping2D(((1, 0), (1, 0)))(layers.ZeroPadding2D(((0, 1), (0, 1)))(p))
        halves = []
        for i, half in ((1, p), (2, moved)):
            half = layers.AveragePooling2D(1, strides=2, name=f"adjust_avg_pool_{i}_{name}")(half)
            halves.append(_conv(half, filters // 2, f"adjust_conv_{i}_{name}"))
        return _norm(layers.concatenate(halves, axis=-1), f"adjust_bn_{name}")
    if p.shape[-1] != filters:
        p = _conv(layers.Activation("relu")(p), filters, f"adjust_conv_projection_{name}")
        return _norm(p, f"adjust_bn_{name}")
    return p


def _begun(kind, x, p, filters, name):
    p = _adjusted(p, x, filters, name)
    h = _conv(layers.Activation("relu")(x), filters, f"{kind}_conv_1_{name}")
    return p, _norm(h, f"{kind}_bn_1_{name}")


def _normal(x, p, filters, name):
    before = x
    p, h = _begun("normal", x, p, filters, name)
    average = layers.AveragePooling2D
    pairs = (
        lambda: (
            _separable(h, filters, 5, f"normal_left1_{name}"),
            _separable(p, filters, 3, f"normal_right1_{name}"),
        ),
        lambda: (
            _separable(p, filters, 5, f"normal_left2_{name}"),
            _separable(p, filters, 3, f"normal_right2_{name}"),
        ),
        lambda: (_pooled(average, h, f"normal_left3_{name}"), p),
        lambda: (_pooled(average, p, f"normal_left4_{name}"), _pooled(average, p, f"normal_right4_{name}")),
        lambda: (_separable(h, filters, 3, f"normal_left5_{name}"), h),
    )
    sums = [layers.add(list(pair()), name=f"normal_add_{i}_{name}") for i, pair in enumerate(pairs, 1)]
    return layers.concatenate([p, *sums], axis=-1, name=f"normal_concat_{name}"), before


def _reduced(x, p, filters, name):
    before = x
    p, h = _begun("reduction", x, p, filters, name)
    average, largest = layers.AveragePooling2D, layers.MaxPooling2D
    padded = layers.ZeroPadding2D(even_padding(h, 3), name=f"reduction_pad_1_{name}")(h)
    left = _separable(h, filters, 5, f"reduction_left1_{name}", True)
    right = _separable(p, filters, 7, f"reduction_right1_{name}", True)
    x1 = layers.add([left, right], name=f"reduction_add_1_{name}")
    left = _pooled(largest, padded, f"reduction_left2_{name}", 2)
    right = _separable(p, filters, 7, f"reduction_right2_{name}", True)
    x2 = layers.add([left, right], name=f"reduction_add_2_{name}")
    left = _pooled(average, padded, f"reduction_left3_{name}", 2)
    right = _separable(p, filters, 5, f"reduction_right3_{name}", True)
    x3 = layers.add([left, right], name=f"reduction_add3_{name}")
    x4 = layers.add([x2, _pooled(average, x1, f"reduction_left4_{name}")])
    left = _separable(x1, filters, 3, f"reduction_left4_{name}")
    right = _pooled(largest, padded, f"reduction_right5_{name}", 2)
    x5 = layers.add([left, right], name=f"reduction_add4_{name}")
    return layers.concatenate([x2, x3, x4, x5], axis=-1, name=f"reduction_concat_{name}"), before


def _nas_network(
    size, input_shape, include_top, weights, input_tensor, pooling, classes, classifier_activation, name
):
    if settings.image_data_format() == "channels_first":
        raise ValueError(
            "NASNet: pictures must have their channels last: set_image_data_format('channels_last')"
        )
    mobile = size == "mobile"
    last, blocks, first, side = (1056, 4, 32, 224) if mobile else (4032, 6, 96, 331)
    start = pictures("NASNet", weights, include_top, classes, input_tensor, input_shape, side, 32)
    filters = last // 24
    x = layers.Conv2D(first, 3, strides=2, use_bias=False, kernel_initializer="he_normal", name="stem_conv1")(
        start
    )
    x, p = _reduced(_norm(x, "stem_bn1"), None, filters // 4, "stem_1")
    x, p = _reduced(x, p, filters // 2, "stem_2")
    for stage in range(3):
        if stage:
            x, skipped = _reduced(x, p, filters * 2**stage, f"reduce_{stage * blocks}")
            p = skipped if mobile else p
        for i in range(blocks):
            x, p = _normal(x, p, filters * 2**stage, f"{stage * blocks + i + bool(stage)}")
    x = layers.Activation("relu")(x)
    x = ended(x, include_top, weights, classes, classifier_activation, pooling, (None, None), None)
    hashes = (
        ("020fb642bf7360b370c678b08e0adf61", "1ed92395b5b598bdda52abe5c0dbfd63")
        if mobile
        else ("11577c9a518f0070763c2b964a382f17", "d81d89dc07e6e56530c4e77faddd61b5")
    )
    file = f"nasnet/NASNet-{size}{'' if include_top else '-no-top'}.h5"
    return finished(start, x, name, weights, (file, hashes[not include_top]))


def NASNetMobile(  # noqa: N802
    input_shape=None,
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="nasnet_mobile",
):
    """NASNet, small, of 5.3 million weights, for pictures of 224 pixels a side; arguments as in `VGG16`.

    Source: Keras 3 `applications.NASNetMobile`; Zoph et al., arXiv 1707.07012.
    """
    if not include_top and input_shape is None:
        input_shape = (224, 224, 3)
    return _nas_network("mobile", **locals())


def NASNetLarge(  # noqa: N802
    input_shape=None,
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="nasnet_large",
):
    """NASNet, large, of 88.9 million weights, for pictures of 331 pixels a side; arguments as in `VGG16`."""
    return _nas_network("large", **locals())


__all__ = ["NASNetLarge", "NASNetMobile", "decode_predictions", "preprocess_input"]
