"""Cross-entropy: records' gradients, public functions against Keras, and the way back to
logits in a trace."""

import keras
import numpy as np
import pytest
from support import check_function

from fastnn import ops
from fastnn.engine.graph import trace
from fastnn.ops import crossentropy as ce


def _softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return (e / e.sum(axis, keepdims=True)).astype(x.dtype)


def _logits(rng, shape=(4, 6)):
    return rng.normal(0, 2, shape).astype("float32")


def _labels():
    return ops.convert_to_tensor(np.array([0, 5, 2, 2], "int32"))


def test_gradients_of_records(rng):
    x, t = _logits(rng), _softmax(_logits(rng))
    check_function(lambda a: ce.sparse_softmax_cross_entropy_op(a, _labels())[0], [x], rng=rng)
    check_function(lambda a, b: ce.softmax_cross_entropy_op(a, b)[0], [x, t], rng=rng)
    check_function(ce.sigmoid_cross_entropy_op, [x, t], rng=rng)
    check_function(lambda a: ce.pick_class_op(a, _labels()), [x], rng=rng)
    check_function(lambda a: ce.place_class_op(_labels(), a, classes=6), [x[:, 0]], rng=rng)


def test_gradients_of_gradients(rng):
    x, t, dy = _logits(rng), _softmax(_logits(rng)), rng.standard_normal(4)

    def sparse(a, d):
        log_sum = ce.sparse_softmax_cross_entropy_op(a, _labels())[1]
        return ce.sparse_softmax_cross_entropy_grad_op(a, _labels(), log_sum, d)

    def dense(a, b, d):
        return ce.softmax_cross_entropy_grad_op(a, b, ce.softmax_cross_entropy_op(a, b)[1], d)

    check_function(sparse, [x, dy], rng=rng)
    check_function(dense, [x, t, dy], rng=rng)


@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.parametrize("from_logits", [False, True])
def test_matches_keras(axis, from_logits, rng):
    x = _logits(rng, (3, 5, 4))
    x = x if from_logits else _softmax(x, axis) * rng.uniform(0.5, 2, (3, 1, 1)).astype("float32")
    target = _softmax(_logits(rng, (3, 5, 4)), axis)
    got = ops.categorical_crossentropy(target, x, from_logits=from_logits, axis=axis)
    want = keras.ops.categorical_crossentropy(target, x, from_logits=from_logits, axis=axis)
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-5, atol=1e-6)
    p = rng.uniform(0, 1, (4, 3)).astype("float32")
    t = rng.integers(0, 2, (4, 3)).astype("float32")
    got = ops.binary_crossentropy(t, p, from_logits=from_logits)
    np.testing.assert_allclose(
        got.numpy(), keras.ops.binary_crossentropy(t, p, from_logits=from_logits), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("from_logits", [False, True])
def test_sparse_matches_keras(from_logits, rng):
    x = _logits(rng, (3, 5, 4))
    x = x if from_logits else _softmax(x)
    labels = rng.integers(0, 4, (3, 5))
    want = keras.ops.sparse_categorical_crossentropy(labels, x, from_logits=from_logits)
    for given in (labels, labels[..., None], labels.astype("float32")):
        got = ops.sparse_categorical_crossentropy(given, x, from_logits=from_logits)
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-5, atol=1e-6)


def test_a_label_that_is_no_class_gives_nan(rng):
    x = _logits(rng, (4, 3))
    for bad in (-1, 3, 2**31 - 1, -(2**31)):
        labels = np.array([0, bad, 2, 1], "int32")
        for from_logits in (True, False):
            loss = ops.sparse_categorical_crossentropy(
                labels, x if from_logits else _softmax(x), from_logits
            ).numpy()
            assert np.isnan(loss).tolist() == [False, True, False, False]
        dx = ce.sparse_softmax_cross_entropy_grad_op(
            *[ops.convert_to_tensor(a) for a in (x, labels, np.zeros(4, "float32"), np.ones(4, "float32"))]
        ).numpy()
        assert np.isnan(dx).all(axis=1).tolist() == [False, True, False, False]


def test_a_trace_finds_the_logits():
    def sparse(x, labels):
        return ops.sparse_categorical_crossentropy(labels, ops.softmax(x))

    def names(f, *specs):
        return [node.op.name for node in trace(f, specs)[0].nodes]

    x, labels = ((4, 3), "float32"), ((4,), "int32")
    assert names(sparse, x, labels)[-1] == "sparse_softmax_cross_entropy"
    assert (
        names(lambda a, t: ops.categorical_crossentropy(t, ops.softmax(a)), x, x)[-1]
        == "softmax_cross_entropy"
    )
    assert names(lambda a, t: ops.binary_crossentropy(t, ops.sigmoid(a)), x, x)[-1] == "sigmoid_cross_entropy"
    other = names(lambda a, t: ops.categorical_crossentropy(t, ops.softmax(a, axis=0)), x, x)
    assert "softmax_cross_entropy" not in other  # the softmax ran along another axis


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda x: ops.sparse_categorical_crossentropy(np.zeros((4, 3), "int32"), x), "one-hot labels"),
        (lambda x: ops.categorical_crossentropy(np.zeros(4, "float32"), x), "sparse form"),
        (lambda x: ops.binary_crossentropy(np.zeros(4, "float32"), x), "shape"),
        (lambda x: ops.categorical_crossentropy(x, x, axis=2), "axis"),
    ],
)
def test_wrong_shapes_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call(np.full((4, 3), 0.3, "float32"))
