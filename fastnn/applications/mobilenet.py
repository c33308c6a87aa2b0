"""MobileNet: convolutions in two halves, each channel alone and then all of them."""

from .. import layers
from .building import channel_axis, check_activation, finished, normalised, pictures, pooled, preprocessing
from .imagenet_utils import decode_predictions

preprocess_input = preprocessing("tf")
_BLOCKS = (  # filters, stride
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *[(512, 1)] * 5,
    (1024, 2),
    (1024, 1),
)
_SIDES = (128, 160, 192, 224)  # of the pictures that there are trained weights for


def trained_side(input_shape, sides):
    """The side of square pictures if it is one of `sides`, else the largest of these."""
    if input_shape is None:
        return sides[-1]
    rows, columns = input_shape[:2] if channel_axis() == -1 else input_shape[1:]
    return rows if rows == columns and rows in sides else sides[-1]


def MobileNet(  # noqa: N802
    input_shape=None,
    alpha=1.0,
    depth_multiplier=1,
    dropout=0.001,
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name=None,
):
    """MobileNet v1, of 4.3 million weights.

    Args:
        alpha: how many filters, as a factor. depth_multiplier: how many a channel gets of its own.
        Others as in `VGG16`.
    Source: Keras 3 `applications.MobileNet`; Howard et al., arXiv 1704.04861.
    """
    side = trained_side(input_shape, _SIDES)
    start = pictures("MobileNet", weights, include_top, classes, input_tensor, input_shape, side, 32)
    if weights == "imagenet" and (depth_multiplier != 1 or alpha not in (0.25, 0.5, 0.75, 1.0)):
        raise ValueError(
            "MobileNet: weights='imagenet' are there for depth_multiplier=1 and alpha 0.25, 0.5, 0.75 and 1.0, "
            f"received {depth_multiplier} and {alpha}"
        )

    def followed(x, stem):
        return layers.ReLU(6.0, name=f"{stem}_relu")(normalised(x, f"{stem}_bn"))

    x = layers.Conv2D(int(32 * alpha), 3, strides=2, padding="same", use_bias=False, name="conv1")(start)
    x = followed(x, "conv1")
    for i, (filters, stride) in enumerate(_BLOCKS, 1):
        if stride == 2:
            x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{i}")(x)
        x = layers.DepthwiseConv2D(
            3,
            padding="same" if stride == 1 else "valid",
            depth_multiplier=depth_multiplier,
            strides=stride,
            use_bias=False,
            name=f"conv_dw_{i}",
        )(x)
        x = followed(x, f"conv_dw_{i}")
        x = layers.Conv2D(int(filters * alpha), 1, padding="same", use_bias=False, name=f"conv_pw_{i}")(x)
        x = followed(x, f"conv_pw_{i}")
    if include_top:
        check_activation(classifier_activation, weights)
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        x = layers.Dropout(dropout, name="dropout")(x)
        x = layers.Conv2D(classes, 1, padding="same", name="conv_preds")(x)
        x = layers.Reshape((classes,), name="reshape_2")(x)
        x = layers.Activation(classifier_activation, name="predictions")(x)
    else:
        x = pooled(x, pooling, None, None)
    rows = start.shape[1 if channel_axis() == -1 else 2]
    top = "" if include_top else "_no_top"
    width = {1.0: "1_0", 0.75: "7_5", 0.5: "5_0"}.get(alpha, "2_5")
    origin = f"mobilenet/mobilenet_{width}_{side}_tf{top}.h5", None
    return finished(start, x, name or f"mobilenet_{alpha:0.2f}_{rows}", weights, origin)


__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]
