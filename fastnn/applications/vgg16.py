"""The module of VGG16."""

from .building import preprocessing
from .imagenet_utils import decode_predictions
from .vgg import VGG16

preprocess_input = preprocessing("caffe")

__all__ = ["VGG16", "decode_predictions", "preprocess_input"]
