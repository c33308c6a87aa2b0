"""Residual networks: blocks that add to what they were given (v1), with the activation before each convolution (v2)."""

from .. import layers
from .building import ended, finished, normalised, pictures, preprocessing
from .imagenet_utils import decode_predictions

preprocess_input = preprocessing("caffe")
_BN = {"epsilon": 1.001e-5}
BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}  # of the four stages
_HASHES = {  # with the top, without it
    "resnet50": ("2cb95161c43110f7111970584f804107", "4d473c1dd8becc155b73f8504c6f6626"),
    "resnet101": ("f1aeb4b969a6efcfb50fad2f0c20cfc5", "88cf7a10940856eca736dc7b7e228a21"),
    "resnet152": ("100835be76be38e30d865e96f2aaae62", "ee4c566cf9a93f14d82f913c2dc6dd0c"),
    "resnet50v2": ("3ef43a0b657b3be2300d5770ece849e0", "fac2f116257151a9d068a22e544a4917"),
    "resnet101v2": ("6343647c601c52e1368623803854d971", "c0ed64b8031c3730f411d2eb4eea35b5"),
    "resnet152v2": ("a49b44d1979771252814e80f8ec446f9", "ed17cf2e0169df9d443503ef94b23b33"),
}


def _active(x, stem):
    return layers.Activation("relu", name=f"{stem}_relu")(normalised(x, f"{stem}_bn", **_BN))


def _block_v1(x, filters, stride, first, name):
    shortcut = x
    if first:
        shortcut = layers.Conv2D(4 * filters, 1, strides=stride, name=f"{name}_0_conv")(x)
        shortcut = normalised(shortcut, f"{name}_0_bn", **_BN)
    x = _active(layers.Conv2D(filters, 1, strides=stride, name=f"{name}_1_conv")(x), f"{name}_1")
    x = _active(layers.Conv2D(filters, 3, padding="same", name=f"{name}_2_conv")(x), f"{name}_2")
    x = normalised(layers.Conv2D(4 * filters, 1, name=f"{name}_3_conv")(x), f"{name}_3_bn", **_BN)
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.Activation("relu", name=f"{name}_out")(x)


def _block_v2(x, filters, stride, first, name):
    ready = _active(x, f"{name}_preact")
    if first:
        shortcut = layers.Conv2D(4 * filters, 1, strides=stride, name=f"{name}_0_conv")(ready)
    else:
        shortcut = layers.MaxPooling2D(1, strides=stride)(x) if stride > 1 else x
    x = _active(layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_1_conv")(ready), f"{name}_1")
    x = layers.ZeroPadding2D(1, name=f"{name}_2_pad")(x)
    x = layers.Conv2D(filters, 3, strides=stride, use_bias=False, name=f"{name}_2_conv")(x)
    x = layers.Conv2D(4 * filters, 1, name=f"{name}_3_conv")(_active(x, f"{name}_2"))
    return layers.Add(name=f"{name}_out")([shortcut, x])


def residual_network(
    depth,
    version,
    include_top,
    weights,
    input_tensor,
    input_shape,
    pooling,
    classes,
    classifier_activation,
    name,
):
    """A residual network of `depth` layers of version 1 or 2; other arguments as in `VGG16`."""
    which = f"resnet{depth}" + ("v2" if version == 2 else "")
    start = pictures(which, weights, include_top, classes, input_tensor, input_shape, 224, 32)
    x = layers.ZeroPadding2D(3, name="conv1_pad")(start)
    x = layers.Conv2D(64, 7, strides=2, name="conv1_conv")(x)
    if version == 1:
        x = _active(x, "conv1")
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
    for stage, blocks in enumerate(BLOCKS[depth]):
        for i in range(1, blocks + 1):
            arguments = 64 << stage, i == 1, f"conv{stage + 2}_block{i}"
            if version == 1:  # the first block of a stage makes pictures smaller, of version 2 the last
                x = _block_v1(x, arguments[0], 2 if i == 1 and stage else 1, *arguments[1:])
            else:
                x = _block_v2(x, arguments[0], 2 if i == blocks and stage < 3 else 1, *arguments[1:])
    if version == 2:
        x = _active(x, "post")
    x = ended(x, include_top, weights, classes, classifier_activation, pooling)
    top = "" if include_top else "_notop"
    file = f"resnet/{which}_weights_tf_dim_ordering_tf_kernels{top}.h5"
    return finished(start, x, name, weights, (file, _HASHES[which][not include_top]))


def ResNet50(  # noqa: N802
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="resnet50",
):
    """A residual network of 50 layers, 25.6 million weights; arguments as in `VGG16`.

    Source: Keras 3 `applications.ResNet50`; He et al., arXiv 1512.03385.
    """
    return residual_network(50, 1, **locals())


def ResNet101(  # noqa: N802
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="resnet101",
):
    """A residual network of 101 layers, 44.7 million weights; arguments as in `VGG16`."""
    return residual_network(101, 1, **locals())


def ResNet152(  # noqa: N802
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="resnet152",
):
    """A residual network of 152 layers, 60.4 million weights; arguments as in `VGG16`."""
    return residual_network(152, 1, **locals())


__all__ = ["ResNet101", "ResNet152", "ResNet50", "decode_predictions", "preprocess_input"]
