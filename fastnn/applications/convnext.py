"""ConvNeXt: residual blocks after the manner of transformers, of convolutions with large windows."""

from .. import initializers, layers, ops, random
from ..engine import settings
from ..models import Sequential
from .building import check_activation, finished, pictures, pooled, unchanged
from .imagenet_utils import decode_predictions

preprocess_input = unchanged
_DEPTHS = (3, 3, 9, 3), (3, 3, 27, 3)
_SIZES = {  # blocks of the four stages, filters of the first (each has twice those before), hashes of the files
    "convnext_tiny": (
        _DEPTHS[0],
        96,
        "8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff",
        "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
    ),
    "convnext_small": (
        _DEPTHS[1],
        96,
        "ce1277d8f1ee5a0ef0e171469089c18f5233860ceaf9b168049cb9263fd7483c",
        "6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab",
    ),
    "convnext_base": (
        _DEPTHS[1],
        128,
        "52cbb006d3dadd03f6e095a8ca1aca47aecdd75acb4bc74bce1f5c695d0086e6",
        "40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45",
    ),
    "convnext_large": (
        _DEPTHS[1],
        192,
        "070c5ed9ed289581e477741d3b34beffa920db8cf590899d6d2c67fba2a198a6",
        "96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd",
    ),
    "convnext_xlarge": (
        _DEPTHS[1],
        256,
        "c1f5ccab661354fc3a79a10fa99af82f0fbf10ec65cb894a3ae0815f17a889ee",
        "de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05",
    ),
}
_MEANS, _DEVIATIONS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class StochasticDepth(layers.Layer):
    """While training a part `drop_path_rate` of the samples as zeros, the others scaled up."""

    def __init__(self, drop_path_rate, **kwargs):
        super().__init__(**kwargs)
        self.drop_path_rate = drop_path_rate

    def call(self, x, training=None):
        if not training:
            return x
        keep = 1 - self.drop_path_rate
        drawn = random.uniform((ops.shape(x)[0], *[1] * (len(x.shape) - 1)))
        return (x / keep) * ops.floor(keep + drawn)

    def get_config(self):
        return {**super().get_config(), "drop_path_rate": self.drop_path_rate}


class LayerScale(layers.Layer):
    """x * gamma, a weight for each of `projection_dim` channels, at first `init_values`."""

    def __init__(self, init_values, projection_dim, **kwargs):
        super().__init__(**kwargs)
        self.init_values, self.projection_dim = init_values, projection_dim

    def build(self, input_shape):
        self.gamma = self.add_weight(
            shape=(self.projection_dim,), initializer=initializers.Constant(self.init_values), name="gamma"
        )

    def call(self, x):
        return x * self.gamma

    def get_config(self):
        config = {"init_values": self.init_values, "projection_dim": self.projection_dim}
        return {**super().get_config(), **config}


def _norm(name=None):
    return layers.LayerNormalization(epsilon=1e-6, name=name)


def _block(x, filters, stem):
    start = x
    x = layers.Conv2D(filters, 7, padding="same", groups=filters, name=f"{stem}_depthwise_conv")(x)
    x = layers.Dense(4 * filters, name=f"{stem}_pointwise_conv_1")(_norm(f"{stem}_layernorm")(x))
    x = layers.Activation("gelu", name=f"{stem}_gelu")(x)
    x = layers.Dense(filters, name=f"{stem}_pointwise_conv_2")(x)
    x = LayerScale(1e-6, filters, name=f"{stem}_layer_scale")(x)
    return start + layers.Activation("linear", name=f"{stem}_identity")(x)


def _conv_network(
    size,
    include_top,
    include_preprocessing,
    weights,
    input_tensor,
    input_shape,
    pooling,
    classes,
    classifier_activation,
    name,
):
    if settings.image_data_format() == "channels_first":
        raise ValueError(
            "ConvNeXt: pictures must have their channels last: set_image_data_format('channels_last')"
        )
    depths, first, *hashes = _SIZES[size]
    filters = [first * 2**i for i in range(4)]
    start = x = pictures("ConvNeXt", weights, include_top, classes, input_tensor, input_shape, 224, 32)
    if include_preprocessing and x.shape[-1] == 3:
        x = layers.Normalization(
            mean=[255 * mean for mean in _MEANS],
            variance=[(255 * deviation) ** 2 for deviation in _DEVIATIONS],
            name=f"{name}_prestem_normalization",
        )(x)
    smaller = [
        Sequential(
            [layers.Conv2D(first, 4, strides=4, name=f"{name}_stem_conv"), _norm(f"{name}_stem_layernorm")],
            name=f"{name}_stem",
        )
    ]
    for i, count in enumerate(filters[1:]):
        parts = [
            _norm(f"{name}_downsampling_layernorm_{i}"),
            layers.Conv2D(count, 2, strides=2, name=f"{name}_downsampling_conv_{i}"),
        ]
        smaller.append(Sequential(parts, name=f"{name}_downsampling_block_{i}"))
    for i, (depth, count) in enumerate(zip(depths, filters)):
        x = smaller[i](x)
        for j in range(depth):
            x = _block(x, count, f"{name}_stage_{i}_block_{j}")
    if include_top:
        check_activation(classifier_activation, weights)
        x = layers.GlobalAveragePooling2D(name=f"{name}_head_gap")(x)
        x = _norm(f"{name}_head_layernorm")(x)
        x = layers.Dense(classes, activation=classifier_activation, name=f"{name}_head_dense")(x)
    else:
        x = _norm()(pooled(x, pooling, None, None))
    file = f"convnext/{size}{'' if include_top else '_notop'}.h5"
    return finished(start, x, name, weights, (file, hashes[not include_top]))


def ConvNeXtTiny(  # noqa: N802
    include_top=True,
    include_preprocessing=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="convnext_tiny",
):
    """ConvNeXt, tiny, of 28.6 million weights, for pictures of 224 pixels a side.

    Args:
        include_preprocessing: scale pictures of values 0..255 inside. Others as in `VGG16`.
    Source: Keras 3 `applications.ConvNeXtTiny`; Liu et al., arXiv 2201.03545.
    """
    return _conv_network("convnext_tiny", **locals())


def ConvNeXtSmall(  # noqa: N802
    include_top=True,
    include_preprocessing=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="convnext_small",
):
    """ConvNeXt, small, of 50.2 million weights; arguments as in `ConvNeXtTiny`."""
    return _conv_network("convnext_small", **locals())


def ConvNeXtBase(  # noqa: N802
    include_top=True,
    include_preprocessing=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="convnext_base",
):
    """ConvNeXt, base, of 88.6 million weights; arguments as in `ConvNeXtTiny`."""
    return _conv_network("convnext_base", **locals())


def ConvNeXtLarge(  # noqa: N802
    include_top=True,
    include_preprocessing=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="convnext_large",
):
    """ConvNeXt, large, of 197.8 million weights; arguments as in `ConvNeXtTiny`."""
    return _conv_network("convnext_large", **locals())


def ConvNeXtXLarge(  # noqa: N802
    include_top=True,
    include_preprocessing=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="convnext_xlarge",
):
    """ConvNeXt, xlarge, of 350.2 million weights; arguments as in `ConvNeXtTiny`."""
    return _conv_network("convnext_xlarge", **locals())


__all__ = [
    "ConvNeXtBase",
    "ConvNeXtLarge",
    "ConvNeXtSmall",
    "ConvNeXtTiny",
    "ConvNeXtXLarge",
    "decode_predictions",
    "preprocess_input",
]
