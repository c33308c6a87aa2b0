"""Sequence layers in shapes and combinations that the grids leave out, beside Keras's: one step, widths that fill no
register, thousands of rows, states of several widths, keys of another length than the queries."""

import keras
import numpy as np
import pytest

import fastnn

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
EPS32 = float(np.finfo(np.float32).eps)


def together(make, x, rng, **options):
    """Our layer's outputs and Keras's with the same weights; `make(module)` gives the layer."""
    theirs, ours = make(keras), make(fastnn)
    for layer in (theirs, ours):
        layer(*x)
    weights = [rng.normal(0, 0.4, w.shape).astype("float32") for w in theirs.get_weights()]
    theirs.set_weights(weights)
    ours.set_weights(weights)
    flat = [module.tree.flatten(layer(*x, **options)) for module, layer in ((fastnn, ours), (keras, theirs))]
    return [[np.asarray(part) for part in parts] for parts in flat]


def alike(make, x, rng, steps, **options):
    got, want = together(make, x, rng, **options)
    assert [a.shape for a in got] == [b.shape for b in want]
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=EPS32 * 60 * steps * max(1.0, np.abs(b).max(initial=0)))


def normal(rng, *shape):
    return rng.standard_normal(shape).astype("float32")


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
@pytest.mark.parametrize(("batch", "steps", "units"), [(3, 1, 1), (2, 7, 13), (37, 2, 41), (3000, 3, 5)])
def test_odd_shapes_and_masks_with_gaps(name, batch, steps, units, rng):
    mask = rng.random((batch, steps)) > 0.4
    alike(
        lambda module: getattr(module.layers, name)(units, return_sequences=True, return_state=True),
        [normal(rng, batch, steps, 6)],
        rng,
        steps,
        mask=mask,
    )


@pytest.mark.parametrize("name", ["LSTM", "GRU"])
def test_two_ways_over_two_ways(name, rng):
    def make(module):
        layers = module.layers
        kind = getattr(layers, name)
        inner = layers.Bidirectional(kind(5, return_sequences=True), merge_mode="mul")
        other = layers.Bidirectional(
            kind(4, return_sequences=True),
            backward_layer=layers.SimpleRNN(4, go_backwards=True, return_sequences=True),
        )
        last = layers.Bidirectional(kind(3))
        return module.Sequential([layers.Masking(), inner, other, last])

    x = normal(rng, 4, 9, 3)
    x[rng.random((4, 9)) > 0.6] = 0.0
    alike(make, [x], rng, 27)


def three_states(module):
    class Cell(module.layers.Layer):
        def __init__(self, **options):
            super().__init__(**options)
            self.state_size, self.output_size = [4, 6, 3], 5

        def build(self, input_shape):
            self.w = self.add_weight(shape=(input_shape[-1], 13), name="w")
            self.u = self.add_weight(shape=(4, 5), name="u")

        def call(self, inputs, states):
            ops = module.ops
            a, b, c = states
            z = ops.matmul(inputs, self.w)
            a = ops.tanh(z[:, :4] + a)
            b = ops.sigmoid(z[:, 4:10]) * b + 1.0
            c = c + ops.sum(b, axis=-1, keepdims=True) * z[:, 10:]
            return ops.matmul(a, self.u) + ops.mean(c, axis=-1, keepdims=True), [a, b, c]

    return Cell


@pytest.mark.parametrize("backwards", [False, True])
def test_a_users_cell_with_states_of_three_widths(backwards, rng):
    alike(
        lambda module: module.layers.RNN(
            three_states(module)(), return_sequences=True, return_state=True, go_backwards=backwards
        ),
        [normal(rng, 3, 7, 2)],
        rng,
        7,
    )


def test_steps_of_images_and_a_pyramid_of_convolutions(rng):
    def frames(module):
        layers = module.layers
        each = layers.TimeDistributed(layers.Conv2D(4, 3, activation="relu"))
        return module.Sequential([each, layers.TimeDistributed(layers.Flatten()), layers.LSTM(5)])

    def pyramid(module):
        layers = module.layers
        return module.Sequential(
            [
                layers.Conv1D(8, 3, padding="causal", activation="gelu"),
                layers.MaxPooling1D(2),
                layers.LSTM(7, return_sequences=True),
                layers.Conv1D(4, 5, padding="same", dilation_rate=2),
                layers.Bidirectional(layers.GRU(3)),
            ]
        )

    alike(frames, [normal(rng, 2, 3, 8, 9, 3)], rng, 12)
    alike(pyramid, [normal(rng, 3, 20, 5)], rng, 40)


@pytest.mark.parametrize("kind", ["MultiHeadAttention", "GroupQueryAttention"])
@pytest.mark.parametrize("causal", [False, True])
def test_causal_and_padding_masks_with_more_keys_than_queries(kind, causal, rng):
    def make(module):
        if kind == "MultiHeadAttention":
            return module.layers.MultiHeadAttention(3, 5, value_dim=4)
        return module.layers.GroupQueryAttention(5, 6, 3)

    padding = np.arange(11) < np.array([[11], [6], [1]])  # the first key counts: every query sees one
    alike(
        make,
        [normal(rng, 3, 7, 12), normal(rng, 3, 11, 12)],
        rng,
        11,
        value_mask=padding,
        use_causal_mask=causal,
    )
