"""Summaries and the TensorBoard callback, read back by TensorBoard's own EventAccumulator."""

import gzip
import io
import json
import wave

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

import fastnn as keras
from fastnn import summary


def read(folder):
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    return events


def tensors(events, tag):
    return [(event.step, make_ndarray(event.tensor_proto)) for event in events.Tensors(tag)]


def test_every_kind_of_summary(tmp_path, rng):
    writer = summary.create_file_writer(tmp_path)
    values = rng.standard_normal(1000)
    images = rng.uniform(size=(4, 5, 7, 3))
    grey = rng.integers(0, 256, (1, 5, 7, 1), dtype=np.uint8)
    sound = np.sin(np.linspace(0, 60, 800))[None, :, None]
    with writer.as_default(step=7):
        assert summary.scalar("loss", 0.25) and summary.scalar(
            "loss", keras.ops.convert_to_tensor(0.5), step=8
        )
        summary.histogram("weights", values, buckets=10)
        summary.histogram("same", np.full(5, 3.0))
        summary.histogram("none", [])
        summary.image("colours", images, max_outputs=2)
        summary.image("grey", grey)
        summary.text("words", ["one", "two"])
        summary.text("word", "**bold**")
        summary.audio("sound", sound, sample_rate=8000)
    assert not summary.scalar("nowhere", 1.0, step=1)
    writer.flush()
    writer.close()
    with pytest.raises(RuntimeError, match="is closed"), writer.as_default():
        summary.scalar("late", 1.0, step=1)
    events = read(tmp_path)
    assert tensors(events, "loss") == [(7, 0.25), (8, 0.5)]
    ((step, buckets),) = tensors(events, "weights")
    counts, edges = np.histogram(values, 10)
    assert step == 7 and buckets[:, 2].tolist() == counts.tolist()
    np.testing.assert_allclose(buckets[:, 0], edges[:-1], rtol=1e-6)
    assert tensors(events, "same")[0][1][:, 2].sum() == 5 and len(tensors(events, "none")[0][1])
    ((_, strings),) = tensors(events, "colours")
    assert strings[:2].tolist() == [b"7", b"5"] and len(strings) == 4
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(strings[3]))), np.round(images[1] * 255))
    ((_, strings),) = tensors(events, "grey")
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(strings[2]))), grey[0, :, :, 0])
    assert tensors(events, "words")[0][1].tolist() == [b"one", b"two"]
    ((_, sounds),) = tensors(events, "sound")
    with wave.open(io.BytesIO(sounds[0, 0])) as heard:
        assert (heard.getframerate(), heard.getnframes()) == (8000, 800)
        frames = np.frombuffer(heard.readframes(800), "<i2")
    np.testing.assert_allclose(frames / 32767, sound[0, :, 0], atol=1 / 32767)
    plugins = {tag: events.SummaryMetadata(tag).plugin_data.plugin_name for tag in events.Tags()["tensors"]}
    assert plugins == {
        "loss": "scalars",
        "weights": "histograms",
        "same": "histograms",
        "none": "histograms",
        "colours": "images",
        "grey": "images",
        "words": "text",
        "word": "text",
        "sound": "audio",
    }


def test_steps_and_conditions(tmp_path):
    writer = summary.create_file_writer(tmp_path)
    with writer.as_default():
        with pytest.raises(ValueError, match="'loss' has no step"):
            summary.scalar("loss", 1.0)
        summary.experimental.set_step(3)
        summary.scalar("loss", 1.0)
        with summary.record_if(False):
            summary.scalar("loss", 2.0)
        with summary.record_if(lambda: True):
            summary.scalar("loss", 3.0, step=4)
        with pytest.raises(ValueError, match="received \\(3, 3\\)"):
            summary.image("flat", np.zeros((3, 3)))
    summary.experimental.set_step(None)
    writer.close()
    assert tensors(read(tmp_path), "loss") == [(3, 1.0), (4, 3.0)]


def model():
    made = keras.Sequential(
        [
            keras.Input((6,), name="in"),
            keras.layers.Dense(4, activation="relu", name="a"),
            keras.layers.Dense(3, activation="softmax", name="b"),
        ],
        name="net",
    )
    made.compile(keras.optimizers.SGD(0.125), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return made


@pytest.fixture
def digits(rng):
    return rng.standard_normal((40, 6)).astype("float32"), rng.integers(0, 3, 40)


def test_callback_by_epoch(tmp_path, digits):
    callback = keras.callbacks.TensorBoard(
        tmp_path, histogram_freq=2, write_images=True, write_steps_per_second=True, write_grads=False
    )
    history = (
        model()
        .fit(*digits, epochs=3, batch_size=8, verbose=0, validation_split=0.2, callbacks=[callback])
        .history
    )
    train, validation = read(tmp_path / "train"), read(tmp_path / "validation")
    for events, prefix in ((train, ""), (validation, "val_")):
        for name in ("loss", "accuracy"):
            got = tensors(events, f"epoch_{name}")
            assert [step for step, _ in got] == [0, 1, 2]
            np.testing.assert_allclose([value for _, value in got], history[prefix + name], rtol=1e-6)
    assert [float(value) for _, value in tensors(train, "epoch_learning_rate")] == [0.125] * 3
    assert all(value > 0 for _, value in tensors(train, "epoch_steps_per_second"))
    assert [
        step
        for step, _ in tensors(
            train,
            "net/a/kernel/histogram"
            if "net/a/kernel/histogram" in train.Tags()["tensors"]
            else "a/kernel/histogram",
        )
    ] == [0, 2]
    assert sum(tag.endswith("/image") for tag in train.Tags()["tensors"]) == 4
    assert [step for step, _ in tensors(validation, "evaluation_loss_vs_iterations")] == [4, 8, 12]
    assert {node.name for node in train.Graph().node} >= {"net/a", "net/b"}
    assert json.loads(tensors(train, "keras")[0][1].item())["class_name"] == "Sequential"


def test_callback_by_batch(tmp_path, digits):
    callback = keras.callbacks.TensorBoard(tmp_path, update_freq=2, write_graph=False)
    model().fit(*digits, epochs=2, batch_size=8, verbose=0, callbacks=[callback])
    assert [step for step, _ in tensors(read(tmp_path / "train"), "batch_loss")] == [2, 4, 6, 8, 10]
    with pytest.raises(ValueError, match="`update_freq`"):
        keras.callbacks.TensorBoard(tmp_path, update_freq="never")


@pytest.mark.parametrize("eager", [False, True])
def test_profile(tmp_path, digits, eager):
    made = model()
    made.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=eager)
    callback = keras.callbacks.TensorBoard(tmp_path, profile_batch=(2, 4))
    made.fit(*digits, epochs=2, batch_size=8, verbose=0, callbacks=[callback])
    (path,) = (tmp_path / "train" / "plugins" / "profile").glob("*/*.trace.json.gz")
    with gzip.open(path, "rt") as file:
        events = [event for event in json.load(file)["traceEvents"] if event["ph"] == "X"]
    steps = [event for event in events if event["tid"] == 1]
    assert [step["name"] for step in steps] == ["train 2", "train 3", "train 4"]
    assert all(a["ts"] + a["dur"] < b["ts"] for a, b in zip(steps, steps[1:]))
    inside = [event for event in events if event["tid"] == 2]
    assert bool(inside) is not eager
    assert eager or any("matmul" in event["name"] or "dense" in event["name"] for event in inside)
    for event in inside:
        assert any(
            step["ts"] <= event["ts"] and event["ts"] + event["dur"] <= step["ts"] + step["dur"]
            for step in steps
        )
    assert not callback.wants_batches("train")  # later epochs run many steps at a time again


@pytest.mark.parametrize("wrong", [-1, (4, 2), "a,b", (1, 2, 3), 2.5])
def test_wrong_profile_batch(tmp_path, wrong):
    with pytest.raises(ValueError, match="`profile_batch`"):
        keras.callbacks.TensorBoard(tmp_path, profile_batch=wrong)


def test_graph_of_a_model_built_by_fit(tmp_path, digits):
    made = keras.Sequential([keras.layers.Dense(4, name="a"), keras.layers.Dense(3, name="b")], name="net")
    made.compile("sgd", "mse")
    made.fit(digits[0], digits[0][:, :3], verbose=0, callbacks=[keras.callbacks.TensorBoard(tmp_path)])
    assert {node.name for node in read(tmp_path / "train").Graph().node} >= {"net/a", "net/b"}
    made.evaluate(
        digits[0], digits[0][:, :3], verbose=0, callbacks=[keras.callbacks.TensorBoard(tmp_path / "alone")]
    )
    assert len(tensors(read(tmp_path / "alone" / "validation"), "evaluation_loss_vs_iterations")) == 1


def test_rate_of_each_optimizer(tmp_path, digits):
    made = model()
    choice = keras.optimizers.OptimizerMap(keras.optimizers.SGD(0.5, name="slow"))
    choice["b/kernel"] = keras.optimizers.Adam(0.25, name="fast")
    made.compile(keras.optimizers.MultiOptimizer(choice), "sparse_categorical_crossentropy")
    made.fit(*digits, verbose=0, callbacks=[keras.callbacks.TensorBoard(tmp_path)])
    events = read(tmp_path / "train")
    assert [tensors(events, f"epoch_learning_rate_{name}") for name in ("slow", "fast")] == [
        [(0, 0.5)],
        [(0, 0.25)],
    ]


def test_embeddings(tmp_path):
    made = keras.Sequential(
        [
            keras.Input((3,), dtype="int32"),
            keras.layers.Embedding(5, 2, name="words"),
            keras.layers.Flatten(),
            keras.layers.Dense(1),
        ]
    )
    made.compile("sgd", "mse")
    callback = keras.callbacks.TensorBoard(
        tmp_path, embeddings_freq=1, embeddings_metadata={"words": "words.txt"}
    )
    made.fit(np.ones((4, 3), "int32"), np.ones((4, 1)), verbose=0, callbacks=[callback])
    np.testing.assert_allclose(
        np.loadtxt(tmp_path / "words.tsv"), made.get_layer("words").get_weights()[0], rtol=1e-6
    )
    assert 'metadata_path: "words.txt"' in (tmp_path / "projector_config.pbtxt").read_text()
    with pytest.raises(ValueError, match="names \\['word'\\]"):
        made.fit(
            np.ones((4, 3), "int32"),
            np.ones((4, 1)),
            verbose=0,
            callbacks=[
                keras.callbacks.TensorBoard(
                    tmp_path, embeddings_freq=1, embeddings_metadata={"word": "words.txt"}
                )
            ],
        )
