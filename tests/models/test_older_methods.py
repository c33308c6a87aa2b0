"""What Keras 2's tutorials call: methods and arguments of models, functions of the backend, scopes."""

import numpy as np
import pytest

import fastnn
from fastnn import backend as K  # noqa: N812 - as programs import it
from fastnn import layers, ops

X = np.linspace(-1, 1, 24).reshape(8, 3).astype("float32")
Y = (X[:, :1] > 0).astype("float32")


class Batches(fastnn.utils.Sequence):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return X[4 * index : 4 * index + 4], Y[4 * index : 4 * index + 4]


def network(units=1):
    model = fastnn.Sequential(
        [fastnn.Input((3,)), fastnn.layers.Dense(units, "sigmoid", kernel_initializer="ones")]
    )
    model.compile("sgd", "binary_crossentropy" if units == 1 else "mse")
    return model


def test_methods():
    model, same = network(), network()
    history = same.fit(Batches(), epochs=2, verbose=0, shuffle=False).history
    with pytest.warns(DeprecationWarning, match="`fit_generator` is Keras 2's; it is fit now"):
        got = model.fit_generator(Batches(), epochs=2, verbose=0, shuffle=False, workers=2)
    np.testing.assert_allclose(got.history["loss"], history["loss"])
    with pytest.warns(DeprecationWarning):
        assert model.evaluate_generator(Batches(), workers=1) == same.evaluate(Batches(), verbose=0)
        np.testing.assert_array_equal(model.predict_generator(Batches()), same.predict(Batches(), verbose=0))
        scores = model.predict_proba(X)
        np.testing.assert_array_equal(model.predict_classes(X), (scores > 0.5).astype(int))
        assert network(2).predict_classes(X).shape == (8,)
    batches = Batches()
    model.fit(batches, verbose=0, workers=3, use_multiprocessing=False, max_queue_size=4)
    assert batches.workers == 3 and batches.max_queue_size == 4
    with pytest.raises(TypeError, match="fit: there is no argument 'nb_epoch'"):
        model.fit(X, Y, nb_epoch=3)


def test_the_backend():
    a, b = K.constant(X), K.variable(X[::-1])
    squares = K.eval(K.mean(K.square(a - b), axis=-1))
    np.testing.assert_allclose(squares, ((X - X[::-1]) ** 2).mean(-1), rtol=1e-6)
    np.testing.assert_allclose(
        K.sum(K.cast(K.greater(a, 0.0), "float32"), axis=0, keepdims=True), [[4, 4, 4]]
    )
    assert K.int_shape(a) == (8, 3) and K.ndim(a) == 2 and K.dtype(a) == "float32"
    np.testing.assert_allclose(K.get_value(K.batch_flatten(K.reshape(a, (4, 2, 3)))), X.reshape(4, 6))
    np.testing.assert_allclose(K.concatenate([a, a]), np.concatenate([X, X], -1))
    K.set_value(b, X)
    K.update_add(b, X)
    np.testing.assert_allclose(K.get_value(b), 2 * X)
    np.testing.assert_allclose(
        K.l2_normalize(a, axis=1), X / np.linalg.norm(X, axis=1, keepdims=True), rtol=1e-5
    )
    model = network()
    inside = K.function([model.input], [model.layers[0].output])
    np.testing.assert_allclose(inside([X])[0], model.predict(X, verbose=0), rtol=1e-6)

    def loss(y_true, y_pred):
        return K.mean(K.maximum(K.square(y_pred - y_true), K.epsilon()), axis=-1)

    model.compile(fastnn.optimizers.SGD(lr=0.1), loss)
    assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"]).all()
    K.set_value(model.optimizer.lr, 0.25)
    assert K.get_value(model.optimizer.learning_rate) == 0.25
    assert [K.get_uid("a"), K.get_uid("a"), K.get_uid("b")] == [1, 2, 1]


def test_scopes():
    with fastnn.name_scope("outer"), fastnn.device("cpu:0"), fastnn.RematScope("full"):
        layer = fastnn.layers.Dense(2, name="d")
        layer.build((None, 3))
    assert layer.kernel.path == "outer/d/kernel"
    assert fastnn.remat(lambda x: 2 * x)(3) == 6
    with pytest.raises(ValueError, match="'gpu:0'"), fastnn.device("gpu:0"):
        pass
    with pytest.raises(ValueError, match="`mode`"):
        fastnn.RematScope("some")
    inputs = fastnn.Input((3,))
    function = fastnn.Function(inputs, {"twice": inputs * 2})
    np.testing.assert_allclose(function(X)["twice"], 2 * X)
    assert function.inputs == [inputs] and len(function.operations) == 2


def test_frozen_after_compile_for_a_gan(rng):
    """A discriminator that is frozen as a part of a GAN still learns by its own steps."""
    judge = fastnn.Sequential([layers.Input((3,)), layers.Dense(4, activation="relu"), layers.Dense(1)])
    judge.compile("sgd", "mse")
    maker = fastnn.Sequential([layers.Input((2,)), layers.Dense(3)])
    judge.trainable = False
    z = layers.Input((2,))
    both = fastnn.Model(z, judge(maker(z)))
    both.compile("sgd", "mse")
    for _ in range(2):
        before = judge.get_weights()
        judge.train_on_batch(rng.normal(size=(4, 3)), np.ones((4, 1)))
        after = judge.get_weights()
        assert all(np.abs(a - b).max() > 0 for a, b in zip(before, after) if a.any())
        own = maker.get_weights()[0].copy()
        both.train_on_batch(rng.normal(size=(4, 2)), np.ones((4, 1)))
        assert np.abs(own - maker.get_weights()[0]).max() > 0
        for a, b in zip(after, judge.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_losses_of_symbolic_tensors(rng):
    """model.add_loss(K.mean(...)) between layers, as in Keras 2's autoencoders."""
    x = layers.Input((3,))
    codes = layers.Dense(2, name="codes")(x)
    scale = layers.Dense(1, name="scale")  # a layer that only the loss uses
    model = fastnn.Model(x, layers.Dense(3)(codes))
    model.add_loss(ops.mean(ops.square(scale(codes))))
    model.compile("sgd", "mse")
    data = rng.normal(size=(8, 3)).astype("float32")
    want = np.mean(np.square(scale(model.get_layer("codes")(data)).numpy()))
    want += np.mean(np.square(model(data).numpy() - data))
    np.testing.assert_allclose(model.evaluate(data, data, verbose=0), want, rtol=1e-5)
    before = scale.get_weights()[0]
    model.fit(data, data, verbose=0)
    assert np.abs(before - scale.get_weights()[0]).max() > 0


def test_the_third_argument_of_compile_may_be_metrics():
    model = fastnn.Sequential([layers.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse", ["mae"])
    assert set(model.evaluate(np.ones((2, 3)), np.ones(2), verbose=0, return_dict=True)) == {"loss", "mae"}


def test_short_names():
    assert fastnn.losses.mse is fastnn.metrics.MSE is fastnn.losses.mean_squared_error
    metric = fastnn.metrics.Mean()
    metric.update_state(3.0)
    metric.reset_states()
    assert float(metric.result()) == 0
