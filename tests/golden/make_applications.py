"""Writes applications.json: what Keras's networks are made of, layer by layer, as a digest each.

python tests/golden/make_applications.py
"""

import hashlib
import json
import os
from pathlib import Path

FILE = Path(__file__).parent / "applications.json"
_TOP = {"classes": 7, "input_shape": (96, 96, 3)}
_NO_TOP = {"include_top": False, "pooling": "avg", "input_shape": (96, 112, 3)}
# One of each design, with and without what tells the classes; the others differ in the tables of blocks alone.
SETTINGS = {
    "ConvNeXtTiny": _NO_TOP,
    "DenseNet121": _NO_TOP,
    "EfficientNetB0": _TOP,
    "EfficientNetV2B0": _TOP,
    "InceptionResNetV2": _NO_TOP,
    "InceptionV3": _TOP,
    "MobileNet": _TOP,
    "MobileNetV2": _NO_TOP,
    "MobileNetV3Small": _TOP,
    "NASNetMobile": _TOP,
    "ResNet50": _TOP,
    "ResNet50V2": _NO_TOP,
    "VGG16": _NO_TOP,
    "Xception": _NO_TOP,
}
_TOLD = (
    "strides",
    "padding",
    "epsilon",
    "momentum",
    "scale",
    "rate",
    "kernel_size",
    "activation",
    "pool_size",
)


def parts(model):
    """Layer by layer: name, class, output shape, the settings that matter, and the shapes of the weights."""
    found = []
    for layer in model.layers:
        config = layer.get_config()
        told = {key: config[key] for key in _TOLD if key in config}
        shapes = [list(weight.shape) for weight in layer.weights]
        found.append([layer.name, type(layer).__name__, list(layer.output.shape), told, shapes])
    return found


def digest(model):
    """The name of the model and a digest of its parts."""
    text = json.dumps(parts(model), sort_keys=True, default=float)
    return [model.name, model.count_params(), hashlib.sha256(text.encode()).hexdigest()[:16]]


def main():
    os.environ["KERAS_BACKEND"] = "jax"  # its shapes take a fraction of the time
    import keras

    made = {}
    for name, arguments in SETTINGS.items():
        keras.utils.clear_session()
        made[name] = digest(getattr(keras.applications, name)(weights=None, **arguments))
    FILE.write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main()
