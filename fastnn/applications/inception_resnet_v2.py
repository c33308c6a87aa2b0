"""InceptionResNetV2: Inception's branches, added to what they branch off from."""

from .. import layers
from .building import channel_axis, ended, finished, normalised, pictures, preprocessing
from .imagenet_utils import decode_predictions

preprocess_input = preprocessing("tf")
_HALVED = {"strides": 2, "padding": "valid"}
# The branches of the blocks that are added, each a row of (filters, window).
_ADDED = {
    "block35": ([(32, 1)], [(32, 1), (32, 3)], [(32, 1), (48, 3), (64, 3)]),
    "block17": ([(192, 1)], [(128, 1), (160, (1, 7)), (192, (7, 1))]),
    "block8": ([(192, 1)], [(192, 1), (224, (1, 3)), (256, (3, 1))]),
}


class CustomScaleLayer(layers.Layer):
    """inputs[0] + scale * inputs[1]"""

    def __init__(self, scale, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs):
        return inputs[0] + inputs[1] * self.scale

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


def _conv(x, filters, kernel, strides=1, padding="same", name=None):
    x = layers.Conv2D(filters, kernel, strides=strides, padding=padding, use_bias=False, name=name)(x)
    x = normalised(x, name and f"{name}_bn", scale=False)
    return layers.Activation("relu", name=name and f"{name}_ac")(x)


def _row(x, parts, last=None):
    """Convolutions in a row, the last one with the options `last`."""
    for i, part in enumerate(parts, 1):
        x = _conv(x, *part, **(last if last and i == len(parts) else {}))
    return x


def _joined(branches, name):
    return layers.Concatenate(axis=channel_axis() % 4, name=name)(branches)


def _added(x, kind, number, scale, activation="relu"):
    name = f"{kind}_{number}"
    mixed = _joined([_row(x, parts) for parts in _ADDED[kind]], f"{name}_mixed")
    up = layers.Conv2D(x.shape[channel_axis()], 1, padding="same", name=f"{name}_conv")(mixed)
    x = CustomScaleLayer(scale)([x, up])
    return layers.Activation(activation, name=f"{name}_ac")(x) if activation else x


def InceptionResNetV2(  # noqa: N802
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="inception_resnet_v2",
):
    """InceptionResNetV2, of 55.9 million weights, for pictures of 299 pixels a side; arguments as in `VGG16`.

    Source: Keras 3 `applications.InceptionResNetV2`; Szegedy et al., arXiv 1602.07261.
    """
    start = pictures("InceptionResNetV2", weights, include_top, classes, input_tensor, input_shape, 299, 75)
    x = _conv(start, 32, 3, **_HALVED)
    x = _conv(_conv(x, 32, 3, padding="valid"), 64, 3)
    x = layers.MaxPooling2D(3, strides=2)(x)
    x = _conv(_conv(x, 80, 1, padding="valid"), 192, 3, padding="valid")
    x = layers.MaxPooling2D(3, strides=2)(x)
    rows = [(96, 1)], [(48, 1), (64, 5)], [(64, 1), (96, 3), (96, 3)]
    branches = [_row(x, parts) for parts in rows]
    branches.append(_conv(layers.AveragePooling2D(3, strides=1, padding="same")(x), 64, 1))
    x = _joined(branches, "mixed_5b")
    for number in range(1, 11):
        x = _added(x, "block35", number, 0.17)
    rows = [(384, 3)], [(256, 1), (256, 3), (384, 3)]
    branches = [_row(x, parts, _HALVED) for parts in rows]
    x = _joined([*branches, layers.MaxPooling2D(3, strides=2)(x)], "mixed_6a")
    for number in range(1, 21):
        x = _added(x, "block17", number, 0.1)
    rows = [(256, 1), (384, 3)], [(256, 1), (288, 3)], [(256, 1), (288, 3), (320, 3)]
    branches = [_row(x, parts, _HALVED) for parts in rows]
    x = _joined([*branches, layers.MaxPooling2D(3, strides=2)(x)], "mixed_7a")
    for number in range(1, 10):
        x = _added(x, "block8", number, 0.2)
    x = _added(x, "block8", 10, 1.0, activation=None)
    x = _conv(x, 1536, 1, name="conv_7b")
    x = ended(x, include_top, weights, classes, classifier_activation, pooling, (None, None))
    top, file_hash = (
        ("", "e693bd0210a403b3192acc6073ad2e96")
        if include_top
        else ("_notop", "d19885ff4a710c122648d3b5c3b684e4")
    )
    file = f"inception_resnet_v2/inception_resnet_v2_weights_tf_dim_ordering_tf_kernels{top}.h5"
    return finished(start, x, name, weights, (file, file_hash))


__all__ = ["InceptionResNetV2", "decode_predictions", "preprocess_input"]
