"""Spectrograms, reversible embeddings, pipelines and boxes against Keras's."""

import keras
import numpy as np
import pytest

import fastnn
from fastnn import layers

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.mark.parametrize(
    "arguments",
    [
        {"num_mel_bins": 10, "fft_length": 64, "sequence_stride": 16},
        {
            "fft_length": 128,
            "sequence_length": 100,
            "sequence_stride": 50,
            "power_to_db": False,
            "mag_exp": 1.0,
        },
        {"fft_length": 64, "sequence_stride": 32, "window": "hamming", "min_freq": 100.0, "max_freq": 3000.0},
        {"fft_length": 64, "sequence_stride": 32, "top_db": 20.0, "ref_power": 0.1, "sampling_rate": 8000},
    ],
)
@pytest.mark.parametrize("shape", [(3, 500), (400,)])
def test_mel_spectrograms(arguments, shape, rng):
    signal = rng.normal(size=shape).astype("float32")
    ours, theirs = layers.MelSpectrogram(**arguments), keras.layers.MelSpectrogram(**arguments)
    want = np.asarray(theirs(signal))
    got = np.asarray(ours(signal))
    # Keras makes its triangles in float32: near its foot a slope is off by 1e-3, which is 4e-3 decibels.
    np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-2)
    assert tuple(theirs.compute_output_shape(shape)) == ours.compute_output_shape(shape)
    config = theirs.get_config()
    assert {key: ours.get_config()[key] for key in config if key not in ("name", "dtype")} == {
        key: value for key, value in config.items() if key not in ("name", "dtype")
    }
    if len(shape) == 2:
        model = fastnn.Sequential([layers.Input(shape[1:]), ours])
        assert model.output_shape == (None, *got.shape[1:])
        np.testing.assert_allclose(model.predict(signal, verbose=0), got, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("mode", ["log", "magnitude", "psd", "real", "imag", "angle", "stft"])
@pytest.mark.parametrize("last", [True, False])
def test_stft_spectrograms(mode, last, rng):
    signal = rng.normal(size=(2, 60, 3) if last else (2, 3, 60)).astype("float32")
    for more in (
        {},
        {"expand_dims": True, "frame_step": 5},
        {"padding": "same", "scaling": "spectrum", "fft_length": 32},
    ):
        arguments = {
            "mode": mode,
            "frame_length": 16,
            "data_format": "channels_last" if last else "channels_first",
            **more,
        }
        ours, theirs = layers.STFTSpectrogram(**arguments), keras.layers.STFTSpectrogram(**arguments)
        got, want = np.asarray(ours(signal)), np.asarray(theirs(signal))
        if mode == "angle":  # -pi is pi
            got, want = np.cos(got), np.cos(want)
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-4)
        assert ours.compute_output_shape(signal.shape) == tuple(theirs.compute_output_shape(signal.shape))
        assert [w.path.split("/")[-1] for w in ours.weights] == [w.name for w in theirs.weights]
        assert {**theirs.get_config(), "name": 0, "dtype": 0} == {**ours.get_config(), "name": 0, "dtype": 0}


@pytest.mark.parametrize("tied", [True, False])
def test_reversible_embeddings(tied, rng):
    arguments = {"tie_weights": tied, "logit_soft_cap": 2.0, "mask_zero": True}
    ours, theirs = (k.layers.ReversibleEmbedding(6, 3, **arguments) for k in (fastnn, keras))
    tokens, vectors = np.array([[1, 5, 0]]), rng.normal(size=(1, 3, 3)).astype("float32")
    ours(tokens), theirs(tokens)
    assert len(ours.weights) == len(theirs.weights) == (1 if tied else 2)
    theirs.set_weights([3 * rng.normal(size=w.shape) for w in theirs.weights])
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours(tokens), theirs(tokens), rtol=1e-6)
    np.testing.assert_allclose(ours(vectors, reverse=True), theirs(vectors, reverse=True), rtol=1e-5)
    inputs = layers.Input((3,), dtype="int32")
    outputs = ours(layers.LSTM(3, return_sequences=True)(ours(inputs)), reverse=True)
    assert outputs.shape == (None, 3, 6)
    model = fastnn.Model(inputs, outputs)
    assert model.predict(tokens, verbose=0).shape == (1, 3, 6)
    again = fastnn.models.clone_model(model)
    assert again.count_params() == model.count_params()
    assert {*theirs.get_config()} - {*ours.get_config()} <= {"quantization_config"}


def test_pipelines(rng):
    images = rng.uniform(0, 255, (4, 8, 8, 3)).astype("float32")
    made = layers.Pipeline([layers.Rescaling(1 / 255), layers.RandomFlip(seed=1), layers.CenterCrop(4, 4)])
    got = np.asarray(made(images, training=False))
    np.testing.assert_allclose(got, images[:, 2:6, 2:6] / 255, rtol=1e-6)
    assert not np.array_equal(np.asarray(made(images)), got)
    assert made.compute_output_shape((None, 8, 8, 3)) == (None, 4, 4, 3)
    again = layers.Pipeline.from_config(made.get_config())
    np.testing.assert_array_equal(again(images, training=False), got)
    embedded = layers.Pipeline([layers.Embedding(5, 4, mask_zero=True), layers.LSTM(2)])
    tokens = np.array([[1, 2, 0, 0], [3, 0, 0, 0]])
    short = embedded.layers[1](embedded.layers[0](tokens[:, :2]))
    np.testing.assert_allclose(embedded(tokens), short, rtol=1e-5)


@pytest.mark.parametrize("count", [2, 5])
def test_the_number_of_boxes(count):
    data = {
        "images": np.zeros((1, 8, 8, 3), "float32"),
        "bounding_boxes": {
            "boxes": np.arange(12, dtype="float32").reshape(1, 3, 4),
            "labels": np.array([[1.0, 2.0, 3.0]], "float32"),
        },
    }
    make = lambda k: k.layers.MaxNumBoundingBoxes(count, bounding_box_format="xyxy")  # noqa: E731
    want = make(keras)(
        {key: dict(value) if isinstance(value, dict) else value for key, value in data.items()}
    )
    got = make(fastnn)(data)
    for key in ("boxes", "labels"):
        np.testing.assert_array_equal(got["bounding_boxes"][key], want["bounding_boxes"][key])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.MelSpectrogram(fft_length=10, sequence_length=20), "`sequence_length` 20"),
        (lambda: layers.STFTSpectrogram(mode="power"), "`mode`"),
        (lambda: layers.STFTSpectrogram(frame_length=8, frame_step=9), "`frame_step`"),
        (lambda: layers.STFTSpectrogram(frame_length=8, fft_length=4), "`fft_length`"),
        (lambda: layers.STFTSpectrogram(padding="causal"), "`padding`"),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
