"""Known networks: layer by layer what Keras's are, with weights from files, and what surrounds them."""

import hashlib
import json
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import fastnn
from fastnn import applications

GOLDEN_FOLDER = Path(__file__).parents[1] / "golden"
sys.path.insert(0, str(GOLDEN_FOLDER))
from make_applications import FILE, SETTINGS, digest  # noqa: E402

GOLDEN = json.loads(FILE.read_text())


@pytest.mark.parametrize("name", SETTINGS)
def test_is_what_keras_builds(name):
    fastnn.utils.clear_session()
    model = getattr(applications, name)(weights=None, **SETTINGS[name])
    assert digest(model) == GOLDEN[name]


def test_weights_from_a_file(tmp_path, rng):
    arguments = {"alpha": 0.25, "include_top": False, "pooling": "avg", "input_shape": (32, 32, 3)}
    model = applications.MobileNet(weights=None, **arguments)
    assert model.name == "mobilenet_0.25_32"
    pictures = applications.mobilenet.preprocess_input(rng.uniform(0, 255, (2, 32, 32, 3)).astype("float32"))
    want = model.predict(pictures, verbose=0)
    for name in ("m.weights.h5", "m.h5"):
        path = tmp_path / name
        (model.save_weights if ".weights" in name else model.save)(path)
        again = applications.MobileNet(weights=str(path), **arguments)
        np.testing.assert_array_equal(again.predict(pictures, verbose=0), want)


def test_as_a_part_of_another_model(rng):
    inputs = fastnn.Input((32, 32, 3))
    x = applications.mobilenet_v2.preprocess_input(inputs)
    base = applications.MobileNetV2(
        alpha=0.35, weights=None, include_top=False, input_tensor=x, pooling="max"
    )
    assert base.inputs == [inputs]
    base.trainable = False
    model = fastnn.Model(base.input, fastnn.layers.Dense(2)(base.output))
    model.compile("adam", "mse")
    before = base.get_weights()
    model.fit(rng.uniform(0, 255, (4, 32, 32, 3)), np.zeros((4, 2)), verbose=0)
    for old, new in zip(before, base.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_preprocessing(mode, data_format, rng):
    from keras.applications.imagenet_utils import preprocess_input as keras_does

    for shape in ((4, 5, 3), (2, 4, 5, 3)):
        x = rng.uniform(0, 255, shape).astype("float32")
        x = np.moveaxis(x, -1, -3) if data_format == "channels_first" else x
        want = keras_does(x.copy(), data_format, mode)
        ours = applications.imagenet_utils.preprocess_input
        np.testing.assert_allclose(ours(x.copy(), data_format, mode), want, rtol=1e-6, atol=1e-5)
        np.testing.assert_allclose(
            ours(fastnn.ops.convert_to_tensor(x), data_format, mode), want, rtol=1e-6, atol=1e-5
        )
        whole = ours(x.astype("uint8"), data_format, mode)
        np.testing.assert_allclose(
            whole, keras_does(x.astype("uint8"), data_format, mode), rtol=1e-6, atol=1e-5
        )


def test_decoding(tmp_path, monkeypatch, rng):
    classes = {str(i): [f"n{i:08}", f"thing {i}"] for i in range(1000)}
    text = json.dumps(classes)
    monkeypatch.setenv("FASTNN_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "imagenet_class_index.json").write_text(text)
    monkeypatch.setattr(
        applications.imagenet_utils,
        "get_file",
        lambda *args, **kwargs: fastnn.utils.get_file(
            *args, **{**kwargs, "file_hash": hashlib.md5(text.encode()).hexdigest()}
        ),
    )
    monkeypatch.setattr(applications.imagenet_utils, "_names", {})
    scores = rng.permutation(1000).astype("float32")[None]
    got = applications.vgg16.decode_predictions(scores, top=2)
    order = np.argsort(scores[0])[::-1]
    assert got == [[(f"n{i:08}", f"thing {i}", scores[0, i]) for i in order[:2]]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weights": "nothing.h5"}, "`weights` must be None, 'imagenet' or the path"),
        ({"classes": 10}, "1000 classes, received classes=10"),
        ({"input_shape": (96, 96, 3)}, r"pictures of shape \(224, 224, 3\), received \(96, 96, 3\)"),
        ({"weights": None, "input_shape": (20, 96, 3)}, r"at least 32 pixels, received \(20, 96, 3\)"),
        ({"weights": None, "input_shape": (None, 96, 3)}, "must be whole"),
        ({"weights": None, "input_tensor": np.zeros(3)}, "`input_tensor` must be a symbolic tensor"),
    ],
)
def test_wrong_use(arguments, message):
    with pytest.raises(ValueError, match=message):
        applications.VGG16(**arguments)


def test_the_activation_of_trained_weights():
    with pytest.raises(ValueError, match="`classifier_activation` must be 'softmax' or None"):
        applications.MobileNet(alpha=0.25, classifier_activation="relu")


def test_layers_of_networks_go_both_ways():
    """ConvNeXt's and InceptionResNetV2's own layers, which Keras has no public name for."""
    from keras.src.applications.convnext import LayerScale
    from keras.src.applications.inception_resnet_v2 import CustomScaleLayer

    for theirs in (LayerScale(0.5, 4, name="scale"), CustomScaleLayer(0.1, name="sum")):
        saved = keras.saving.serialize_keras_object(theirs)
        ours = fastnn.saving.deserialize_keras_object(saved)
        assert ours.__module__.startswith("fastnn.applications")
        back = keras.saving.deserialize_keras_object(fastnn.saving.serialize_keras_object(ours))
        assert type(back) is type(theirs) and back.get_config() == theirs.get_config()
