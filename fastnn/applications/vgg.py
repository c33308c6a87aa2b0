"""VGG: small convolutions one on another, and three wide layers at the end."""

from .. import layers
from .building import classified, finished, pictures, pooled

_HASHES = {  # with the top, without it
    "vgg16": ("64373286793e3c8b2b4e3219cbf3544b", "6d6bbae143d832006294945121d1f1fc"),
    "vgg19": ("cbe5617147190e668d6c5d5026f83318", "253f8cb515780f3b799900260a226db6"),
}


def _vgg(
    which, convolutions, include_top, weights, input_tensor, input_shape, pooling, classes, activation, name
):
    start = x = pictures(which.upper(), weights, include_top, classes, input_tensor, input_shape, 224, 32)
    for block, count in enumerate(convolutions, 1):
        for i in range(1, count + 1):
            x = layers.Conv2D(
                64 << min(block - 1, 3), 3, activation="relu", padding="same", name=f"block{block}_conv{i}"
            )(x)
        x = layers.MaxPooling2D(2, strides=2, name=f"block{block}_pool")(x)
    if include_top:
        x = layers.Flatten(name="flatten")(x)
        for i in (1, 2):
            x = layers.Dense(4096, activation="relu", name=f"fc{i}")(x)
        x = classified(x, weights, classes, activation)
    else:
        x = pooled(x, pooling, None, None)
    top = "" if include_top else "_notop"
    file = f"{which}/{which}_weights_tf_dim_ordering_tf_kernels{top}.h5"
    return finished(start, x, name, weights, (file, _HASHES[which][not include_top]))


def VGG16(  # noqa: N802
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="vgg16",
):
    """VGG of 16 layers with weights, 138 million of them.

    Args:
        include_top: whether the layers that tell the classes are there.
        weights: "imagenet" (downloaded once), the path of a file that Keras or fastnn wrote, or None: drawn anew.
        input_tensor: an Input, or what was made of one, to start from.
        input_shape: (rows, columns, channels); may be other than the one it was trained on without the top.
        pooling: without the top: "avg" or "max" over the picture, or None.
        classes: how many there are, with weights=None.
        classifier_activation: of the last layer; None gives logits.
    Raises:
        ValueError: arguments that do not go together.
        OSError: the weights cannot be downloaded; says which file to put where.
    Source: Keras 3 `applications.VGG16`; Simonyan and Zisserman, arXiv 1409.1556.
    """
    return _vgg("vgg16", (2, 2, 3, 3, 3), **_arguments(locals()))


def VGG19(  # noqa: N802
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="vgg19",
):
    """VGG of 19 layers with weights, 144 million of them; arguments as in `VGG16`."""
    return _vgg("vgg19", (2, 2, 4, 4, 4), **_arguments(locals()))


def _arguments(given):
    return {("activation" if key == "classifier_activation" else key): value for key, value in given.items()}
