"""Normalisation: records' gradients (second ones too), and public functions against Keras."""

import keras
import numpy as np
import pytest
from support import check_function

from fastnn import ops
from fastnn.ops import normalization as n


def _normal(rng, *shapes):
    return [rng.normal(0.5, 2, shape) for shape in shapes]


@pytest.mark.parametrize("shape", [(6, 3), (2, 3, 2, 4)])
@pytest.mark.parametrize("activation", [None, "relu"])
def test_batch_norm_gradients(shape, activation, rng):
    c = shape[-1:]
    arrays = _normal(rng, shape, c, c)
    attrs = {"epsilon": 1e-3, "activation": activation}
    check_function(lambda *a: n.batch_norm_train_op(*a, **attrs)[0], arrays, rng=rng)
    for i in range(3):  # dx, dgamma, dbeta

        def gradient(x, gamma, beta, dy, i=i):
            statistics = n.batch_norm_train_op(x, gamma, beta, **attrs)[1:]
            return n.batch_norm_train_grad_op(x, gamma, beta, *statistics, dy, **attrs)[i] + 0.0 * (
                # some path from each input, so that none is None
                ops.sum(x) + ops.sum(gamma) + ops.sum(beta)
            )

        check_function(gradient, [*arrays, *_normal(rng, shape)], rng=rng, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("shape, axis", [((5, 4), 1), ((2, 3, 4), 1), ((6,), 0)])
def test_layer_norm_gradients(shape, axis, rng):
    arrays = _normal(rng, shape, shape[axis:], shape[axis:])
    attrs = {"axis": axis, "epsilon": 1e-3}
    check_function(lambda *a: n.layer_norm_op(*a, **attrs)[0], arrays, rng=rng)
    check_function(lambda *a: n.rms_norm_op(*a, **attrs)[0], arrays[:2], rng=rng)

    def layer(x, gamma, dy):
        statistics = n.layer_norm_op(x, gamma, gamma, **attrs)[1:]
        return n.layer_norm_grad_op(x, gamma, *statistics, dy, **attrs)[0]

    def rms(x, scale, dy):
        return n.rms_norm_grad_op(x, scale, n.rms_norm_op(x, scale, **attrs)[1], dy, **attrs)[0]

    check_function(layer, [*arrays[:2], *_normal(rng, shape)], rng=rng, rtol=1e-5, atol=1e-7)
    check_function(rms, [*arrays[:2], *_normal(rng, shape)], rng=rng, rtol=1e-5, atol=1e-7)


def _same(got, want, **tolerance):
    for g, w in zip(got if isinstance(got, tuple) else (got,), want if isinstance(want, tuple) else (want,)):
        assert g.dtype == str(w.dtype)
        np.testing.assert_allclose(g.numpy(), w, **tolerance)


@pytest.mark.parametrize("axis", [-1, 1, (1, 2), (0, 2)])
def test_rows_match_keras(axis, rng):
    (x,) = _normal(rng, (3, 4, 5))
    x = x.astype("float32")
    shape = tuple(x.shape[a] for a in (axis if isinstance(axis, tuple) else (axis,)))
    for parameters in ([], [a.astype("float32") for a in _normal(rng, shape, shape)]):
        if axis != (0, 2):  # Keras's reshape of parameters of several axes that do not lie side by side
            _same(
                ops.layer_normalization(x, *parameters, axis=axis, epsilon=1e-3),
                keras.ops.layer_normalization(x, *parameters, axis=axis, epsilon=1e-3),
                rtol=2e-5,
                atol=2e-5,
            )
    _same(
        ops.rms_normalization(x, axis=axis), keras.ops.rms_normalization(x, axis=axis), rtol=1e-5, atol=1e-6
    )
    for order in (1, 2, 3):
        if order == 2 or isinstance(axis, int):  # Keras takes a pair of axes for a matrix norm
            _same(
                ops.normalize(x, axis=axis, order=order),
                keras.ops.normalize(x, axis=axis, order=order),
                rtol=1e-5,
                atol=1e-6,
            )
    for kept in (False, True):
        _same(
            ops.moments(x, axis, keepdims=kept),
            keras.ops.moments(x, axis, keepdims=kept),
            rtol=1e-4,
            atol=1e-5,
        )


@pytest.mark.parametrize("axis", [-1, 1])
def test_batch_normalization_matches_keras(axis, rng):
    x, mean, offset, scale = [a.astype("float32") for a in _normal(rng, (3, 4, 4), 4, 4, 4)]
    variance = np.square(scale) + np.float32(0.1)
    for more in (
        {},
        {"offset": offset},
        {"scale": scale},
        {"offset": offset, "scale": scale, "epsilon": 0.1},
    ):
        _same(
            ops.batch_normalization(x, mean, variance, axis, **more),
            keras.ops.batch_normalization(x, mean, variance, axis, **more),
            rtol=1e-5,
            atol=1e-5,
        )


def test_half_floats_keep_their_dtype_but_not_their_range():
    x = np.array([[300.0, -300.0, 60000.0]], "float16")  # its squares are beyond float16
    mean, variance = ops.moments(x, axes=1)
    assert mean.dtype == variance.dtype == "float16"
    np.testing.assert_allclose(mean.numpy(), [20000.0], rtol=1e-3)
    assert variance.numpy()[0] == np.finfo("float16").max
    assert ops.layer_normalization(x).dtype == "float16"
    assert np.isfinite(ops.layer_normalization(x).numpy()).all()


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda x: ops.layer_normalization(x, gamma=np.ones(3, "float32")), "`gamma`"),
        (lambda x: ops.batch_normalization(x, np.ones(3), np.ones(4), -1), "`mean`"),
        (lambda x: ops.normalize(x, order=0), "`order`"),
        (lambda x: ops.rms_normalization(x, axis=2), "`axis`"),
    ],
)
def test_wrong_arguments_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call(np.ones((2, 4), "float32"))
