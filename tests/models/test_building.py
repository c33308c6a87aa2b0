"""Every way to build a model, beside Keras: the same layers, shapes, weights' order and outputs."""

import keras
import numpy as np
import pytest

import fastnn


def sequential_by_adding(k):
    model = k.Sequential()
    model.add(k.layers.Dense(5, activation="relu", input_shape=(6,)))
    model.add(k.layers.Dense(9))
    model.pop()
    model.add(k.layers.Dense(3, name="last"))
    return model


def sequential_input_dim(k):
    return k.Sequential([k.layers.Dense(4, input_dim=6), k.layers.Dense(2)])


def sequential_built_late(k):
    model = k.Sequential([k.layers.Dense(4, activation="tanh"), k.layers.Dense(2)])
    model.build((None, 6))
    return model


def shared_layer(k):
    a, shared = k.Input((6,)), k.layers.Dense(6, activation="tanh")
    return k.Model(a, shared(shared(a)))


def nested(k):
    inner = k.Sequential([k.Input((6,)), k.layers.Dense(4, activation="relu"), k.layers.Dense(6)])
    inputs = k.Input((6,))
    return k.Model(inputs, k.layers.Add()([inner(inputs), inputs]))


def ops_on_symbols(k):
    x = k.Input((6,))
    y = k.layers.Dense(6)(x)
    z = k.ops.concatenate([y + 1, x * 2.0, k.ops.tanh(-y)], axis=-1)
    return k.Model(x, k.layers.Dense(2)(z[:, 2:]) / 3)


def merging_functions(k):
    x = k.Input((6,))
    a, b = k.layers.Dense(4)(x), k.layers.Dense(4)(x)
    merged = [
        getattr(k.layers, name)([a, b])
        for name in ("add", "subtract", "multiply", "average", "maximum", "minimum", "concatenate")
    ]
    return k.Model(x, k.layers.concatenate([*merged, k.layers.dot([a, b], axes=1)]))


def outputs_in_a_dict(k):
    x = k.Input((6,), name="x")
    return k.Model({"x": x}, {"b": k.layers.Dense(2)(x), "a": k.layers.Dense(3)(x)})


def inputs_in_a_tuple(k):
    a, b = k.Input((6,)), k.Input((6,))
    return k.Model((a, b), [k.layers.Dense(2)(a), k.layers.Dense(3)(b)])


def feature_extractor(k):
    model = sequential_by_adding(k)
    return k.Model(model.inputs, [layer.output for layer in model.layers])


def subclass(k):
    class Net(k.Model):
        def __init__(self, units):
            super().__init__()
            self.first = k.layers.Dense(units)
            self.rest = [k.layers.Dense(units, activation="relu"), k.layers.Dense(2)]

        def call(self, x):
            x = self.first(x)
            for layer in self.rest:
                x = layer(x)
            return x

    model = Net(4)
    model(np.zeros((1, 6), "float32"))
    return model


def subclass_of_functional(k):
    class Net(k.Model):
        def __init__(self, units):
            x = k.Input((6,))
            super().__init__(x, k.layers.Dense(units)(x))

    return Net(3)


WAYS = [
    sequential_by_adding,
    sequential_input_dim,
    sequential_built_late,
    shared_layer,
    nested,
    ops_on_symbols,
    merging_functions,
    outputs_in_a_dict,
    inputs_in_a_tuple,
    feature_extractor,
    subclass,
    subclass_of_functional,
]


def inputs_for(way, x):
    return {"x": x} if way is outputs_in_a_dict else (x, x + 1) if way is inputs_in_a_tuple else x


def same(got, want, rtol=2e-5):
    if isinstance(want, dict):
        assert sorted(got) == sorted(want)
        for key in want:
            same(got[key], want[key])
    elif isinstance(want, (list, tuple)):
        assert type(got) is type(want) and len(got) == len(want)
        for g, w in zip(got, want, strict=True):
            same(g, w)
    else:
        np.testing.assert_allclose(np.asarray(got), np.asarray(want), rtol=rtol, atol=1e-5)


# Keras warns of input_shape=..., and its variables know no `copy` in __array__.
@pytest.mark.filterwarnings("ignore:Do not pass an `input_shape`", "ignore:__array__ implementation")
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_as_keras_builds_it(way, rng):
    x = rng.standard_normal((5, 6)).astype("float32")
    theirs, ours = way(keras), way(fastnn)
    weights = [rng.uniform(-0.5, 0.5, w.shape).astype("float32") for w in theirs.get_weights()]
    assert [w.shape for w in ours.get_weights()] == [w.shape for w in weights]
    theirs.set_weights(weights)
    ours.set_weights(weights)
    assert [type(layer).__name__ for layer in ours.layers] == [
        type(layer).__name__ for layer in theirs.layers
    ]
    assert ours.count_params() == theirs.count_params() and ours.built
    data = inputs_for(way, x)
    same(ours(data), theirs(data))
    same(ours.predict(data, verbose=0), theirs.predict(data, verbose=0))
    if way not in (subclass, subclass_of_functional):
        assert ours.output_shape == theirs.output_shape and ours.input_shape == theirs.input_shape
        twin = fastnn.models.clone_model(ours)
        twin.set_weights(weights)
        same(twin(data), theirs(data))


def test_batch_input_shape_and_legacy_arguments():
    layer = fastnn.layers.Dense(2, batch_input_shape=(8, 6))
    model = fastnn.Sequential([layer])
    assert model.input_shape == (8, 6) and model.built


def test_looking_inside(rng):
    model = sequential_by_adding(fastnn)
    assert model.get_layer("last") is model.layers[-1] and model.get_layer(index=0) is model.layers[0]
    with pytest.raises(ValueError, match="no layer is called 'lost'; there are"):
        model.get_layer("lost")
    model.layers[0].trainable = False
    assert len(model.trainable_weights) == 2 and len(model.non_trainable_weights) == 2
    copied = fastnn.models.clone_model(model)
    assert copied.layers[0].trainable is False


def test_a_sequential_model_inside_another_is_cut_at_its_call(rng):
    def build(k):
        inner = k.Sequential([k.Input((6,)), k.layers.Dense(3), k.layers.Dense(2)])
        outer = k.Model(x := k.Input((6,)), k.layers.Dense(1)(inner(x)))
        return outer, k.Model(outer.input, outer.layers[1].output)

    (ours, cut), (theirs, cut_there) = build(fastnn), build(keras)
    theirs.set_weights([rng.normal(size=w.shape) for w in theirs.weights])
    ours.set_weights([np.asarray(w) for w in theirs.weights])
    x = rng.normal(size=(2, 6)).astype("float32")
    np.testing.assert_allclose(cut.predict(x, verbose=0), np.asarray(cut_there(x)), rtol=1e-5)


def test_a_model_as_a_layer_of_a_layer(rng):
    class Twice(fastnn.layers.Layer):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def call(self, x):
            return self.inner(self.inner(x))

    inner = fastnn.Sequential([fastnn.Input((3,)), fastnn.layers.Dense(3)])
    model = fastnn.Sequential([fastnn.Input((3,)), Twice(inner), fastnn.layers.Dense(1)])
    x = rng.standard_normal((4, 3)).astype("float32")
    model.compile("sgd", "mse")
    before = inner.get_weights()[0]
    model.fit(x, np.ones((4, 1)), verbose=0)
    assert not np.array_equal(before, inner.get_weights()[0]) and len(model.trainable_weights) == 4


def test_copies_and_pickles(rng):
    import copy
    import pickle

    model = sequential_by_adding(fastnn)
    model.compile("adam", "mse")
    x = rng.standard_normal((5, 6)).astype("float32")
    model.fit(x, np.ones((5, 3)), verbose=0)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(twin.predict(x, verbose=0), model.predict(x, verbose=0))
        assert twin.optimizer.iterations.numpy() == 1
        twin.fit(x, np.ones((5, 3)), verbose=0)
    assert model.optimizer.iterations.numpy() == 1


def test_a_training_flag_in_the_graph_yields_to_an_outer_one(rng):
    """As in Keras: what a call in the graph said of `training` holds only where nobody says otherwise."""
    x = rng.normal(4, 1, (6, 2)).astype("float32")
    results = []
    for k in (keras, fastnn):
        inputs = k.Input((2,))
        models = [
            k.Model(inputs, k.layers.BatchNormalization()(inputs, training=flag)) for flag in (False, True)
        ]
        calls = ({}, {"training": False}, {"training": True}, {})  # the third changes what the fourth sees
        results.append([np.asarray(model(x, **call)) for model in models for call in calls])
    same(*results, rtol=1e-5)


def test_sequences_of_other_lengths(rng):
    """A Sequential built by data, or inside a layer of unknown length, takes longer sequences, as in Keras."""

    class Block(fastnn.layers.Layer):
        def __init__(self):
            super().__init__()
            self.stack = fastnn.Sequential(
                [fastnn.layers.Dense(4, activation="relu"), fastnn.layers.Dense(2)]
            )

        def call(self, x):
            return self.stack(x)

    x = fastnn.Input((None, 2))
    model = fastnn.Model(x, Block()(Block()(x)))
    block = model.layers[1]
    assert block.stack.input_shape == (None, None, 2)
    for length in (3, 83, 89, 5):
        assert model(rng.normal(size=(2, length, 2)).astype("float32")).shape == (2, length, 2)
    late = fastnn.Sequential([fastnn.layers.Embedding(9, 2), fastnn.layers.GRU(3)])
    for length in (4, 6):
        assert late.predict(rng.integers(0, 9, (2, length)), verbose=0).shape == (2, 3)
    with pytest.raises(ValueError, match="must have shape"):
        late.predict(rng.integers(0, 9, (2, 4, 5)), verbose=0)
