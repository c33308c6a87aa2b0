"""DenseNet: each layer sees all that came before it in its block."""

from .. import layers
from .building import channel_axis, ended, finished, normalised, pictures, preprocessing
from .imagenet_utils import decode_predictions

preprocess_input = preprocessing("torch")
_GROWTH = 32  # channels that a layer adds
_BLOCKS = {121: (6, 12, 24, 16), 169: (6, 12, 32, 32), 201: (6, 12, 48, 32)}
_HASHES = {  # with the top, without it
    121: ("9d60b8095a5708f2dcce2bca79d332c7", "30ee3e1110167f948a6b9946edeeb738"),
    169: ("d699b8f76981ab1b30698df4c175e90b", "b8c4d4c20dd625c148057b9ff1c1176b"),
    201: ("1ceb130c1ea1b78c3bf6114dbdfd8807", "c13680b51ded0fb44dff2d8f86ac8bb1"),
}


def _active(x, stem):
    stem = f"{stem}_" if stem else ""
    return layers.Activation("relu", name=f"{stem}relu")(normalised(x, f"{stem}bn", epsilon=1.001e-5))


def _dense_network(
    depth, include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name
):
    which = f"densenet{depth}"
    start = pictures(which, weights, include_top, classes, input_tensor, input_shape, 224, 32)
    x = layers.ZeroPadding2D(3)(start)
    x = _active(layers.Conv2D(64, 7, strides=2, use_bias=False, name="conv1_conv")(x), "conv1")
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(layers.ZeroPadding2D(1)(x))
    for stage, count in enumerate(_BLOCKS[depth], 2):
        for i in range(1, count + 1):
            stem = f"conv{stage}_block{i}"
            new = _active(x, f"{stem}_0")
            new = layers.Conv2D(4 * _GROWTH, 1, use_bias=False, name=f"{stem}_1_conv")(new)
            new = _active(new, f"{stem}_1")
            new = layers.Conv2D(_GROWTH, 3, padding="same", use_bias=False, name=f"{stem}_2_conv")(new)
            x = layers.Concatenate(axis=channel_axis(), name=f"{stem}_concat")([x, new])
        if stage < 5:
            stem, channels = f"pool{stage}", x.shape[channel_axis()]
            x = layers.Conv2D(channels // 2, 1, use_bias=False, name=f"{stem}_conv")(_active(x, stem))
            x = layers.AveragePooling2D(2, strides=2, name=f"{stem}_pool")(x)
    x = _active(x, "")
    x = ended(x, include_top, weights, classes, classifier_activation, pooling)
    top = "" if include_top else "_notop"
    file = f"densenet/{which}_weights_tf_dim_ordering_tf_kernels{top}.h5"
    return finished(start, x, name, weights, (file, _HASHES[depth][not include_top]))


def DenseNet121(  # noqa: N802
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="densenet121",
):
    """A densely connected network of 121 layers, 8.1 million weights; arguments as in `VGG16`.

    Source: Keras 3 `applications.DenseNet121`; Huang et al., arXiv 1608.06993.
    """
    return _dense_network(121, **locals())


def DenseNet169(  # noqa: N802
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="densenet169",
):
    """A densely connected network of 169 layers, 14.3 million weights; arguments as in `VGG16`."""
    return _dense_network(169, **locals())


def DenseNet201(  # noqa: N802
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="densenet201",
):
    """A densely connected network of 201 layers, 20.2 million weights; arguments as in `VGG16`."""
    return _dense_network(201, **locals())


__all__ = ["DenseNet121", "DenseNet169", "DenseNet201", "decode_predictions", "preprocess_input"]
