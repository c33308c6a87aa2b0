"""Recurrent layers against Keras: outputs, states and masks over a grid of their options."""

import keras
import numpy as np
import pytest

import fastnn
from fastnn import ops
from fastnn.engine import masks

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)  # Keras's own variables
EPS32 = float(np.finfo(np.float32).eps)
BATCH, STEPS, FEATURES, UNITS = 3, 5, 4, 6
KINDS = [("SimpleRNN", {}), ("LSTM", {}), ("GRU", {}), ("GRU", {"reset_after": False})]


def pair(name, *args, rng, built_on, **options):
    """A Keras layer and ours with the same weights, drawn at random."""
    ours, theirs = (
        getattr(fastnn.layers, name)(*args, **options),
        getattr(keras.layers, name)(*args, **options),
    )
    return with_weights(ours, theirs, rng, built_on)


def with_weights(ours, theirs, rng, built_on):
    theirs(built_on)
    ours.build(built_on.shape)
    assert [w.shape for w in ours.weights] == [w.shape for w in theirs.weights]
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    weights = [rng.normal(0, 0.5, w.shape).astype("float32") for w in theirs.weights]
    theirs.set_weights(weights)
    ours.set_weights(weights)
    return ours, theirs


def close(ours, theirs, scale=1.0):
    """Both are structures of outputs; each step adds the rounding of its products, relative to the largest
    value."""
    ours = ours if isinstance(ours, (list, tuple)) else [ours]
    theirs = theirs if isinstance(theirs, (list, tuple)) else [theirs]
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=False):
        a, b = np.asarray(a), np.asarray(b)
        assert a.shape == b.shape
        np.testing.assert_allclose(
            a, b, rtol=0, atol=EPS32 * 40 * STEPS * scale * max(1.0, np.abs(b).max(initial=0))
        )


def data(rng, *shape):
    return rng.normal(0, 1, shape).astype("float32")


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("kind", KINDS, ids=["SimpleRNN", "LSTM", "GRU", "GRU-before"])
def test_outputs_states_and_masks(kind, sequences, backwards, rng):
    name, options = kind
    x = data(rng, BATCH, STEPS, FEATURES)
    mask = np.array([[1, 1, 0, 1, 1], [0, 0, 1, 1, 0], [0, 0, 0, 0, 0]], bool)
    for more in (
        {},
        {"use_bias": False, "activation": None},
        {"unroll": True, "activation": "relu"},
        {"zero_output_for_mask": True, "activation": "softsign"},
        {"zero_output_for_mask": True},
    ):
        ours, theirs = pair(
            name,
            UNITS,
            rng=rng,
            built_on=x,
            return_sequences=sequences,
            return_state=True,
            go_backwards=backwards,
            **options,
            **more,
        )
        start = [data(rng, BATCH, UNITS) for _ in range(2 if name == "LSTM" else 1)]
        for state in (None, start):
            for m in (None, mask):
                close(ours(x, mask=m, initial_state=state), theirs(x, mask=m, initial_state=state), scale=10)


@pytest.mark.parametrize("gate", ["hard_sigmoid", "relu"])
@pytest.mark.parametrize("kind", KINDS[1:], ids=["LSTM", "GRU", "GRU-before"])
def test_recurrent_activation(kind, gate, rng):
    x = data(rng, BATCH, STEPS, FEATURES)
    ours, theirs = pair(kind[0], UNITS, rng=rng, built_on=x, recurrent_activation=gate, **kind[1])
    close(ours(x), theirs(x), scale=30)


@pytest.mark.parametrize("name", ["SimpleRNNCell", "LSTMCell", "GRUCell"])
def test_cells_alone(name, rng):
    ours, theirs = getattr(fastnn.layers, name)(UNITS), getattr(keras.layers, name)(UNITS)
    x, states = (
        data(rng, BATCH, FEATURES),
        [data(rng, BATCH, UNITS) for _ in range(2 if name == "LSTMCell" else 1)],
    )
    theirs(x, states)
    ours(x, states)
    weights = [rng.normal(0, 0.5, w.shape).astype("float32") for w in theirs.weights]
    theirs.set_weights(weights)
    ours.set_weights(weights)
    (out, new), (want, wanted) = ours(x, states), theirs(x, states)
    close([out, *new], [want, *wanted])
    assert set(ours.get_config()) - {"dtype"} == set(theirs.get_config()) - {"dtype"}


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_configurations_are_keras_ones(name):
    options = {
        "activation": "relu",
        "dropout": 0.25,
        "recurrent_dropout": 0.5,
        "seed": 3,
        "return_sequences": True,
        "kernel_regularizer": "l2",
        "bias_constraint": "non_neg",
        "stateful": True,
    }
    ours = getattr(fastnn.layers, name)(UNITS, **options)
    theirs = getattr(keras.layers, name)(UNITS, **options)
    assert set(ours.get_config()) - set(theirs.get_config()) <= {"seed"}  # Keras's SimpleRNN forgets it
    assert set(theirs.get_config()) <= set(ours.get_config())
    for key in ("units", "activation", "dropout", "recurrent_dropout", "stateful", "go_backwards"):
        assert ours.get_config()[key] == theirs.get_config()[key]
    twin = type(ours).from_config(ours.get_config())
    assert twin.get_config() == ours.get_config()


def test_initial_weights():
    layer = fastnn.layers.LSTM(UNITS)
    layer.build((None, None, FEATURES))
    kernel, recurrent, bias = layer.get_weights()
    np.testing.assert_array_equal(bias, np.repeat([0, 1, 0, 0], UNITS))
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(UNITS), atol=EPS32 * 50)
    assert 0 < np.abs(kernel).max() <= np.sqrt(6 / (FEATURES + 4 * UNITS))
    assert (
        not fastnn.layers.LSTM(2, unit_forget_bias=False)(np.ones((1, 2, 3), "float32")).numpy().mean() == 0
    )


class Decay(fastnn.layers.Layer):
    """A user's cell."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")

    def call(self, inputs, states):
        y = ops.tanh(ops.matmul(inputs, self.kernel)) + 0.5 * states[0]
        return y, [y]


def test_a_users_cell_and_stacked_cells(rng):
    x = data(rng, BATCH, STEPS, FEATURES)
    layer = fastnn.layers.RNN(Decay(UNITS), return_sequences=True)
    got = layer(x).numpy()
    drive = np.tanh(x @ layer.get_weights()[0])
    want = np.zeros_like(drive)
    for t in range(STEPS):
        want[:, t] = drive[:, t] + (0.5 * want[:, t - 1] if t else 0)
    np.testing.assert_allclose(got, want, atol=EPS32 * 20)

    def stack(module):
        cells = [module.layers.GRUCell(4), module.layers.LSTMCell(5), module.layers.SimpleRNNCell(3)]
        return module.layers.RNN(cells, return_sequences=True, return_state=True)

    ours, theirs = with_weights(stack(fastnn), stack(keras), rng, x)
    flat = lambda y: [y[0]] + [leaf for part in y[1:] for leaf in fastnn.tree.flatten(part)]  # noqa: E731
    theirs_flat = lambda y: [y[0]] + [leaf for part in y[1:] for leaf in keras.tree.flatten(part)]  # noqa: E731
    close(flat(ours(x)), theirs_flat(theirs(x)))
    assert fastnn.tree.flatten(ours.compute_output_shape(x.shape)) == fastnn.tree.flatten(
        theirs.compute_output_shape(x.shape)
    )
    twin = fastnn.layers.RNN.from_config(ours.get_config())
    assert twin.cell.state_size == ours.cell.state_size == [4, [5, 5], 3]


@pytest.mark.parametrize("mode", ["concat", "sum", "ave", "mul", None])
@pytest.mark.parametrize("state", [False, True])
def test_bidirectional(mode, state, rng):
    x = data(rng, BATCH, STEPS, FEATURES)
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]], bool)
    for sequences in (True, False):

        def make(module, sequences=sequences):
            inner = module.layers.LSTM(UNITS, return_sequences=sequences, return_state=state)
            return module.layers.Bidirectional(inner, merge_mode=mode)

        ours, theirs = with_weights(make(fastnn), make(keras), rng, x)
        for m in (None, mask):
            close(ours(x, mask=m), theirs(x, mask=m))
        shapes = theirs.compute_output_shape(x.shape)
        assert fastnn.tree.flatten(ours.compute_output_shape(x.shape)) == fastnn.tree.flatten(shapes)
        twin = fastnn.layers.Bidirectional.from_config(ours.get_config())
        twin.build(x.shape)
        twin.set_weights(ours.get_weights())
        np.testing.assert_array_equal(
            np.asarray(fastnn.tree.flatten(twin(x))[0]), np.asarray(fastnn.tree.flatten(ours(x))[0])
        )


def test_bidirectional_refuses_what_does_not_fit():
    lstm = fastnn.layers.LSTM
    with pytest.raises(ValueError, match="merge_mode.*'max'"):
        fastnn.layers.Bidirectional(lstm(2), merge_mode="max")
    with pytest.raises(ValueError, match="opposite ways"):
        fastnn.layers.Bidirectional(lstm(2), backward_layer=lstm(2))
    with pytest.raises(ValueError, match="return_sequences"):
        fastnn.layers.Bidirectional(lstm(2), backward_layer=lstm(2, go_backwards=True, return_sequences=True))
    with pytest.raises(ValueError, match="recurrent layer"):
        fastnn.layers.Bidirectional(3)


@pytest.mark.parametrize("inner", [("Dense", (3,)), ("Conv1D", (3, 2)), ("LSTM", (3,)), ("Flatten", ())])
def test_time_distributed(inner, rng):
    name, args = inner
    x = data(rng, BATCH, STEPS, 7, FEATURES)
    make = lambda module: module.layers.TimeDistributed(getattr(module.layers, name)(*args))  # noqa: E731
    ours, theirs = with_weights(make(fastnn), make(keras), rng, x)
    close(ours(x), theirs(x))
    assert tuple(ours.compute_output_shape(x.shape)) == tuple(theirs.compute_output_shape(x.shape))


def test_time_distributed_keeps_steps_apart_where_it_matters(rng):
    x = data(rng, 8, STEPS, FEATURES)
    ours = fastnn.layers.TimeDistributed(fastnn.layers.BatchNormalization())
    theirs = keras.layers.TimeDistributed(keras.layers.BatchNormalization())
    close(ours(x, training=True), theirs(x, training=True), scale=4)
    close(ours.layer.moving_mean, theirs.layer.moving_mean)
    with pytest.raises(ValueError, match="mask must have shape"):
        ours(x, mask=np.ones((8, 2), bool))
    with pytest.raises(ValueError, match="three axes"):
        fastnn.layers.TimeDistributed(fastnn.layers.Dense(2))(np.ones((2, 3), "float32"))


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_conv_lstm(rank, rng):
    x = data(rng, 2, 3, *(6, 5, 4)[:rank], 2)
    for options in (
        {},
        {"padding": "same", "return_sequences": True, "return_state": True},
        {"strides": 2, "padding": "same", "go_backwards": True},
        {"dilation_rate": 2, "use_bias": False},
    ):
        if rank == 3 and options and "strides" not in options:
            continue
        ours, theirs = pair(f"ConvLSTM{rank}D", 3, 2, rng=rng, built_on=x, **options)
        close(ours(x), theirs(x), scale=4)
        shapes = fastnn.tree.flatten(theirs.compute_output_shape(x.shape))
        assert fastnn.tree.flatten(ours.compute_output_shape(x.shape)) == shapes
        config = ours.get_config()
        assert set(config) - {"unroll"} == set(theirs.get_config()) - {"unroll"}
        assert type(ours).from_config(config).get_config() == config


def test_states_are_kept_and_reset(rng):
    x = data(rng, BATCH, STEPS, FEATURES)
    for name in ("SimpleRNN", "LSTM", "GRU"):
        layer = getattr(fastnn.layers, name)(UNITS, stateful=True, return_sequences=True)
        whole = getattr(fastnn.layers, name)(UNITS, return_sequences=True)
        model = fastnn.Sequential([fastnn.Input(batch_shape=(BATCH, None, FEATURES)), layer])
        whole.build(x.shape)
        whole.set_weights(layer.get_weights())
        assert len(layer.weights) == 3  # the states are none of them
        for run in (
            lambda part, model=model: model(part),
            lambda part, model=model: model.predict(part, batch_size=BATCH, verbose=0),
        ):
            parts = [np.asarray(run(x[:, :2])), np.asarray(run(x[:, 2:]))]
            np.testing.assert_allclose(np.concatenate(parts, 1), whole(x), atol=EPS32 * 20)
            assert np.abs(np.asarray(layer.states[0])).max() > 0
            model.reset_states()
            assert np.abs(np.asarray(layer.states[0])).max() == 0
        with pytest.raises(ValueError, match=f"keeps the states of {BATCH} rows, received a batch of 2"):
            layer(x[:2])
    with pytest.raises(ValueError, match="must be known"):
        fastnn.Sequential([fastnn.Input((None, FEATURES)), fastnn.layers.LSTM(2, stateful=True)])


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_sequences_of_length_zero_and_masks_without_a_step(name, rng):
    layer = getattr(fastnn.layers, name)(UNITS, return_sequences=True, return_state=True)
    start = [data(rng, BATCH, UNITS) for _ in range(2 if name == "LSTM" else 1)]
    y, *states = layer(np.zeros((BATCH, 0, FEATURES), "float32"), initial_state=start)
    assert y.shape == (BATCH, 0, UNITS)
    for state, first in zip(states, start, strict=False):
        np.testing.assert_array_equal(state, first)
    x = data(rng, BATCH, STEPS, FEATURES)
    y, *states = layer(x, initial_state=start, mask=np.zeros((BATCH, STEPS), bool))
    np.testing.assert_array_equal(y, np.repeat(start[0][:, None], STEPS, axis=1))
    for state, first in zip(states, start, strict=False):
        np.testing.assert_array_equal(state, first)
    generic = fastnn.layers.RNN(Decay(UNITS), return_sequences=True)
    assert generic(np.zeros((BATCH, 0, FEATURES), "float32")).shape == (BATCH, 0, UNITS)


def test_dropout_draws_one_mask_a_sequence(rng):
    x = np.ones((BATCH, STEPS, FEATURES), "float32")
    for name, recurrent in (("SimpleRNN", 0.0), ("LSTM", 0.5), ("GRU", 0.5), ("LSTM", 0.0)):
        layer = getattr(fastnn.layers, name)(UNITS, dropout=0.5, recurrent_dropout=recurrent, seed=1)
        quiet = np.asarray(layer(x))
        loud = [np.asarray(layer(x, training=True)) for _ in range(2)]
        assert np.abs(loud[0] - quiet).max() > 1e-3
        assert np.abs(loud[0] - loud[1]).max() > 1e-3  # a new mask at each call
        np.testing.assert_array_equal(layer(x), quiet)
    # With a cell that only adds up its input, the mask shows: every step added the same columns.
    layer = fastnn.layers.SimpleRNN(FEATURES, activation=None, dropout=0.5, use_bias=False)
    layer.build(x.shape)
    layer.set_weights([np.eye(FEATURES, dtype="float32"), np.eye(FEATURES, dtype="float32")])
    total = np.asarray(layer(x, training=True))
    assert set(np.unique(total)) <= {0.0, 2.0 * STEPS} and len(np.unique(total)) == 2


def test_masks_pass_through_models(rng):
    tokens = rng.integers(0, 5, (BATCH, STEPS))
    tokens[:, 0] = 1
    embed = fastnn.layers.Embedding(5, FEATURES, mask_zero=True)
    rnn = fastnn.layers.GRU(UNITS, return_sequences=True)
    vectors = embed(tokens)
    y = rnn(vectors)
    np.testing.assert_array_equal(masks.get_mask(y), tokens != 0)
    np.testing.assert_array_equal(y, rnn(np.asarray(vectors), mask=tokens != 0))
    model = fastnn.Sequential([fastnn.Input((STEPS,), dtype="int32"), embed, rnn, fastnn.layers.LSTM(2)])
    got = model.predict(tokens, verbose=0)
    last = model.layers[-1]
    np.testing.assert_allclose(got, last(np.asarray(y), mask=tokens != 0), atol=EPS32 * 10)


class _Noting(fastnn.layers.Layer):
    """A cell that adds to the loss and updates a weight at each step."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.state_size = 4

    def build(self, shape):
        self.k = self.add_weight(shape=(shape[-1], 4), initializer="glorot_uniform")
        self.steps = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x, states):
        h = ops.tanh(ops.matmul(x, self.k) + states[0])
        self.add_loss(ops.sum(h) * 0.1)
        self.steps.assign_add(1.0)
        return h, [h]


def test_a_cell_that_adds_losses_and_updates_weights_trains_as_it_does_step_by_step(rng):
    x, y = rng.normal(0, 1, (2, 5, 3)).astype("float32"), rng.normal(0, 1, (2, 1)).astype("float32")
    weights, losses = None, []
    for eagerly in (True, False):
        layer = fastnn.layers.RNN(_Noting())
        model = fastnn.Sequential([fastnn.Input((5, 3)), layer, fastnn.layers.Dense(1)])
        model.compile("sgd", "mse", run_eagerly=eagerly)
        weights = weights or model.get_weights()
        model.set_weights(weights)
        losses.append([model.train_on_batch(x, y) for _ in range(3)])
        assert layer.cell.steps.numpy() == 15
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)
