"""Known networks for pictures, with weights drawn anew, from a file, or as trained on ImageNet (downloaded)."""

import importlib

_NAMES = {
    **{f"ConvNeXt{size}": "convnext" for size in ("Base", "Large", "Small", "Tiny", "XLarge")},
    "DenseNet121": "densenet",
    "DenseNet169": "densenet",
    "DenseNet201": "densenet",
    **{f"EfficientNetB{size}": "efficientnet" for size in range(8)},
    **{f"EfficientNetV2{size}": "efficientnet_v2" for size in ("B0", "B1", "B2", "B3", "L", "M", "S")},
    "InceptionResNetV2": "inception_resnet_v2",
    "InceptionV3": "inception_v3",
    "MobileNet": "mobilenet",
    "MobileNetV2": "mobilenet_v2",
    "MobileNetV3Large": "mobilenet_v3",
    "MobileNetV3Small": "mobilenet_v3",
    "NASNetLarge": "nasnet",
    "NASNetMobile": "nasnet",
    "ResNet101": "resnet",
    "ResNet101V2": "resnet_v2",
    "ResNet152": "resnet",
    "ResNet152V2": "resnet_v2",
    "ResNet50": "resnet",
    "ResNet50V2": "resnet_v2",
    "VGG16": "vgg16",
    "VGG19": "vgg19",
    "Xception": "xception",
}
_MODULES = {*_NAMES.values(), "imagenet_utils", "resnet50"}


def __getattr__(name):
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    if name in _NAMES:
        return getattr(importlib.import_module(f".{_NAMES[name]}", __name__), name)
    raise AttributeError(f"module 'fastnn.applications' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_MODULES, *_NAMES})


__all__ = [*_NAMES]
