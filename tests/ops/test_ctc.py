"""CTC: the loss against Keras and against all alignments counted, its gradient, decoding."""

import itertools

import keras
import numpy as np
import pytest
from support import check_function

import fastnn
from fastnn import ops


def counted(labels, log_chances, blank):
    """-log of the sum over all sequences of classes that collapse to `labels`."""
    steps, classes = log_chances.shape
    total = -np.inf
    for path in itertools.product(range(classes), repeat=steps):
        collapsed = [k for t, k in enumerate(path) if k != blank and (t == 0 or path[t - 1] != k)]
        if collapsed == list(labels):
            total = np.logaddexp(total, sum(log_chances[t, k] for t, k in enumerate(path)))
    return -total


def test_the_loss_counts_all_alignments(rng):
    logits = rng.normal(0, 1, (3, 5, 3))
    labels = np.array([[1, 1, 0], [2, 1, 2], [1, 0, 0]])
    label_lengths, lengths = np.array([2, 3, 0]), np.array([5, 4, 3])
    got = ops.ctc_loss(labels, logits, label_lengths, lengths).numpy()
    log_chances = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    want = [counted(labels[b, : label_lengths[b]], log_chances[b, : lengths[b]], 0) for b in range(3)]
    np.testing.assert_allclose(got, want, rtol=1e-9)


@pytest.mark.parametrize("blank", [0, 3])
def test_the_loss_is_keras_one(blank, rng):
    logits = rng.normal(0, 2, (6, 9, 5)).astype("float32")
    labels = rng.integers(1, 3, (6, 3)) if blank == 0 else rng.integers(0, 3, (6, 3))
    lengths = np.array([3, 2, 1, 3, 2, 3]), np.array([9, 8, 7, 6, 9, 7])
    got = ops.ctc_loss(labels, logits, *lengths, mask_index=blank)
    want = keras.ops.ctc_loss(labels, logits, *lengths, mask_index=blank)
    np.testing.assert_allclose(got, want, rtol=1e-5)
    y = np.array([[1, 2, 0], [2, 0, 0]])
    np.testing.assert_allclose(
        fastnn.losses.CTC()(y, logits[:2]), keras.losses.CTC()(y, logits[:2]), rtol=1e-5
    )


def test_the_gradient(rng):
    labels, lengths = np.array([[1, 1, 2], [2, 0, 0]]), (np.array([3, 1]), np.array([6, 4]))
    check_function(lambda x: ops.ctc_loss(labels, x, *lengths), [rng.normal(0, 1, (2, 6, 4))], rng=rng)


def test_labels_that_cannot_be_aligned_cost_much(rng):
    loss = ops.ctc_loss([[1, 1, 1]], rng.normal(0, 1, (1, 3, 2)).astype("float32"), [3], [3])
    assert 5e4 < float(loss[0]) < 1e6


def test_training_learns_to_label(rng):
    x = rng.normal(0, 1, (4, 8, 3)).astype("float32")
    y = np.array([[1, 2, 0], [3, 0, 0], [2, 2, 1], [1, 3, 2]], "int32")
    model = fastnn.Sequential(
        [fastnn.Input((8, 3)), fastnn.layers.GRU(24, return_sequences=True), fastnn.layers.Dense(4)]
    )
    model.compile(fastnn.optimizers.Adam(0.03), "ctc")
    model.fit(x, y, epochs=150, batch_size=4, verbose=0)
    paths, _ = ops.ctc_decode(model.predict(x, verbose=0), np.full(4, 8))
    np.testing.assert_array_equal(np.maximum(paths.numpy()[0, :, :3], 0), y)


@pytest.mark.filterwarnings(
    "ignore:divide by zero:RuntimeWarning", "ignore:invalid value:RuntimeWarning"
)  # Keras's own
@pytest.mark.parametrize("blank", [0, 2])
def test_decoding_is_keras_one(blank, rng):
    logits = rng.normal(0, 3, (4, 7, 4)).astype("float32")
    lengths = np.array([7, 5, 1, 6])
    for options in (
        {},
        {"merge_repeated": False},
        {"strategy": "beam_search", "beam_width": 40, "top_paths": 2},
    ):
        got = ops.ctc_decode(logits, lengths, mask_index=blank, **options)
        want = keras.ops.ctc_decode(logits, lengths, mask_index=blank, **options)
        np.testing.assert_array_equal(got[0], want[0])
        np.testing.assert_allclose(got[1], want[1], rtol=1e-4, atol=1e-5)


def test_mistakes_are_named():
    logits = np.zeros((2, 5, 3), "float32")
    with pytest.raises(ValueError, match="target_length"):
        ops.ctc_loss(np.ones((2, 2), int), logits, [1], [5, 5])
    with pytest.raises(ValueError, match="mask_index"):
        ops.ctc_loss(np.ones((2, 2), int), logits, [1, 1], [5, 5], mask_index=3)
    with pytest.raises(ValueError, match="strategy"):
        ops.ctc_decode(logits, [5, 5], strategy="best")
