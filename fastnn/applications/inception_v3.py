"""InceptionV3: several convolutions side by side, large ones in pieces."""

from .. import layers
from .building import channel_axis, ended, finished, normalised, pictures, preprocessing
from .imagenet_utils import decode_predictions

preprocess_input = preprocessing("tf")

# A branch is convolutions in a row, (filters, rows, columns), with "valid" at the end for one of stride 2 without
# padding; "average" and "largest" pool first. Branches are joined in the order they stand in.
_HALVED = "halved"
_MIXED = [
    *[
        (
            [(64, 1, 1)],
            [(48, 1, 1), (64, 5, 5)],
            [(64, 1, 1), (96, 3, 3), (96, 3, 3)],
            ["average", (last, 1, 1)],
        )
        for last in (32, 64, 64)
    ],
    ([(384, 3, 3, _HALVED)], [(64, 1, 1), (96, 3, 3), (96, 3, 3, _HALVED)], ["largest"]),
    *[
        (
            [(192, 1, 1)],
            [(n, 1, 1), (n, 1, 7), (192, 7, 1)],
            [(n, 1, 1), (n, 7, 1), (n, 1, 7), (n, 7, 1), (192, 1, 7)],
            ["average", (192, 1, 1)],
        )
        for n in (128, 160, 160, 192)
    ],
    (
        [(192, 1, 1), (320, 3, 3, _HALVED)],
        [(192, 1, 1), (192, 1, 7), (192, 7, 1), (192, 3, 3, _HALVED)],
        ["largest"],
    ),
]


def _conv(x, filters, rows, columns, way="same"):
    x = layers.Conv2D(
        filters,
        (rows, columns),
        strides=2 if way == _HALVED else 1,
        padding="same" if way == "same" else "valid",
        use_bias=False,
    )(x)
    return layers.Activation("relu")(normalised(x, None, scale=False))


def _branch(x, parts):
    for part in parts:
        if part == "average":
            x = layers.AveragePooling2D(3, strides=1, padding="same")(x)
        elif part == "largest":
            x = layers.MaxPooling2D(3, strides=2)(x)
        else:
            x = _conv(x, *part)
    return x


def _joined(parts, name=None):
    return layers.concatenate(parts, axis=channel_axis(), name=name)


def _forked(x, name=None):
    """A 3 x 3 convolution as a row and a column side by side."""
    return _joined([_conv(x, 384, 1, 3), _conv(x, 384, 3, 1)], name)


def InceptionV3(  # noqa: N802
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="inception_v3",
):
    """InceptionV3, of 23.9 million weights, for pictures of 299 pixels a side; arguments as in `VGG16`.

    Source: Keras 3 `applications.InceptionV3`; Szegedy et al., arXiv 1512.00567.
    """
    start = pictures("InceptionV3", weights, include_top, classes, input_tensor, input_shape, 299, 75)
    x = _branch(start, [(32, 3, 3, _HALVED), (32, 3, 3, "valid"), (64, 3, 3), "largest"])
    x = _branch(x, [(80, 1, 1, "valid"), (192, 3, 3, "valid"), "largest"])
    for i, branches in enumerate(_MIXED):
        x = _joined([_branch(x, parts) for parts in branches], f"mixed{i}")
    for i in (0, 1):
        x = _joined(
            [
                _conv(x, 320, 1, 1),
                _forked(_conv(x, 384, 1, 1), f"mixed9_{i}"),
                _forked(_branch(x, [(448, 1, 1), (384, 3, 3)])),
                _branch(x, ["average", (192, 1, 1)]),
            ],
            f"mixed{9 + i}",
        )
    x = ended(x, include_top, weights, classes, classifier_activation, pooling, (None, None))
    top, file_hash = (
        ("", "9a0d58056eeedaa3f26cb7ebd46da564")
        if include_top
        else ("_notop", "bcbd6486424b2319ff4ef7d526e38f63")
    )
    file = f"inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels{top}.h5"
    return finished(start, x, name, weights, (file, file_hash))


__all__ = ["InceptionV3", "decode_predictions", "preprocess_input"]
