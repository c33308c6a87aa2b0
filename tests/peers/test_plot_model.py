"""Drawn models: the boxes and arrows of the graph; the file where Graphviz is installed."""

import shutil

import pytest

import fastnn as keras
from fastnn import layers
from fastnn.utils import model_to_dot, plot_model


@pytest.fixture
def model():
    inner = keras.Sequential(
        [keras.Input((4,)), layers.Dense(4, activation="relu", name="deep")], name="inner"
    )
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    return keras.Model(
        [a, b], layers.Dense(2, name="out")(layers.concatenate([inner(a), inner(b)], name="join")), name="net"
    )


def test_boxes_and_arrows(model):
    text = model_to_dot(
        model, show_shapes=True, show_dtype=True, show_layer_activations=True, show_trainable=True
    ).to_string()
    for name in ("a", "b", "inner", "join", "out"):
        assert f'"{name}"' in text or f"\n{name} [" in text
    arrows = {
        tuple(part.strip(' ";') for part in line.split("->")) for line in text.splitlines() if "->" in line
    }
    assert arrows == {("a", "inner"), ("b", "inner"), ("inner", "join"), ("join", "out")}
    assert "Output shape: (None, 2)" in text and "Input shape: [(None, 4), (None, 4)]" in text
    assert "Output dtype: float32" in text and "Trainable" in text and "out (Dense)" in text


def test_nested(model):
    text = model_to_dot(model, expand_nested=True).to_string()
    assert "cluster" in text and "inner/deep" in text
    assert any("inner/deep" in line and "join" in line and "->" in line for line in text.splitlines())


def test_wrong_use(model):
    with pytest.raises(ValueError, match="is not built"):
        model_to_dot(keras.Sequential([layers.Dense(2)]))
    with pytest.raises(ValueError, match="no argument 'shapes'"):
        plot_model(model, shapes=True)


@pytest.mark.parametrize("ending, begin", [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_files(model, ending, begin, tmp_path):
    path = tmp_path / f"model.{ending}"
    if shutil.which("dot"):
        plot_model(model, path, show_shapes=True)
        assert path.read_bytes().startswith(begin)
    else:
        with pytest.raises(ImportError, match="apt install graphviz"):
            plot_model(model, path)
