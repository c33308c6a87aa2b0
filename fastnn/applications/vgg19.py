"""The module of VGG19."""

from .building import preprocessing
from .imagenet_utils import decode_predictions
from .vgg import VGG19

preprocess_input = preprocessing("caffe")

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]
