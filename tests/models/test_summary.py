"""`summary`: line by line what Keras prints, at several widths."""

import keras
import numpy as np
import pytest

import fastnn


def stack(k):
    layers = [
        k.Input((28, 28, 1)),
        k.layers.Conv2D(8, 3, activation="relu"),
        k.layers.BatchNormalization(),
        k.layers.MaxPooling2D(),
        k.layers.Flatten(),
        k.layers.Dense(10),
    ]
    model = k.Sequential(layers, name="stack")
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def graph(k):
    a, b = k.Input((10,), name="a"), k.Input((None, 4), name="b")
    states = k.layers.LSTM(8, return_state=True, name="lstm")(b)
    joined = k.layers.Concatenate()([a, states[0]])
    shared = k.layers.Dense(18, name="a_dense_layer_with_a_long_name")
    return k.Model({"a": a, "b": b}, [k.ops.relu(shared(shared(joined)) + 1.0), states[1]], name="graph")


def nested(k):
    inner = k.Sequential([k.Input((4,)), k.layers.Dense(3), k.layers.Dense(4)], name="inner")
    inner.layers[0].trainable = False
    x = k.Input((4,))
    return k.Model(x, k.layers.Add()([inner(x), x]), name="nested")


def subclassed(k):
    class Two(k.Model):
        def __init__(self):
            super().__init__(name="two")
            self.a, self.b = k.layers.Dense(3, name="first"), k.layers.Dense(2, name="second")

        def call(self, x):
            return self.b(self.a(x))

    model = Two()
    model(np.ones((2, 5), "float32"))
    return model


def of_own_layers(k):
    class Doubled(k.layers.Layer):
        def __init__(self):
            super().__init__(name="doubled")
            self.inner = k.layers.Dense(3)

        def call(self, x):
            return 2.0 * self.inner(x)

    class Model(k.Model):
        def __init__(self):
            super().__init__(name="own")
            self.doubled, self.last = Doubled(), k.layers.Dense(2, name="last")

        def call(self, x):
            return self.last(self.doubled(x))

    model = Model()
    model(np.ones((2, 5), "float32"))
    return model


def unbuilt(k):
    return k.Sequential([k.layers.Dense(3, name="x"), k.layers.Dense(2, name="y")], name="unbuilt")


OPTIONS = [
    {},
    {"line_length": 60},
    {"line_length": 97, "show_trainable": True},
    {"line_length": 90, "expand_nested": True},
]


@pytest.mark.parametrize("make", [stack, graph, nested, subclassed, of_own_layers, unbuilt])
def test_as_keras(make, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    texts = []
    for k in (keras, fastnn):
        k.utils.clear_session()
        model, said = make(k), []
        placed = [0.5, 0.7, 0.8, 1.0] if make in (graph, nested) else [0.4, 0.7, 1.0]
        for options in [*OPTIONS, {"line_length": 120, "positions": placed}]:
            model.summary(print_fn=lambda text, said=said, **_: said.append(text), **options)
        texts.append([line.rstrip() for line in "".join(said).split("\n")])
    assert texts[1] == texts[0]


def test_a_part_and_wrong_use(capsys):
    model = stack(fastnn)
    model.summary(layer_range=["conv2d", "max_.*"], line_length=70)
    printed = capsys.readouterr().out
    assert "Conv2D" in printed and "MaxPooling2D" in printed and "Dense" not in printed
    with pytest.raises(ValueError, match="too narrow"):
        model.summary(line_length=20)
    with pytest.raises(ValueError, match="matches no layers"):
        model.summary(layer_range=["nothing", "dense"])
