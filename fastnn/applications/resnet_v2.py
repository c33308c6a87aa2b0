"""Residual networks of version 2; the blocks stand in resnet.py."""

from .building import preprocessing
from .imagenet_utils import decode_predictions
from .resnet import residual_network

preprocess_input = preprocessing("tf")


def ResNet50V2(  # noqa: N802
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="resnet50v2",
):
    """A residual network of 50 layers, 25.6 million weights; arguments as in `VGG16`.

    Source: Keras 3 `applications.ResNet50V2`; He et al., arXiv 1603.05027.
    """
    return residual_network(50, 2, **locals())


def ResNet101V2(  # noqa: N802
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="resnet101v2",
):
    """A residual network of 101 layers, 44.7 million weights; arguments as in `VGG16`."""
    return residual_network(101, 2, **locals())


def ResNet152V2(  # noqa: N802
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name="resnet152v2",
):
    """A residual network of 152 layers, 60.4 million weights; arguments as in `VGG16`."""
    return residual_network(152, 2, **locals())


__all__ = ["ResNet101V2", "ResNet152V2", "ResNet50V2", "decode_predictions", "preprocess_input"]
