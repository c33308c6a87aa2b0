"""Ten training steps of recurrent models, written once for Keras and fastnn; `RUNS[name](module)` gives plain
values.

`make_recurrent.py` notes what Keras gives, tests/layers/test_recurrent_training.py compares. Stateful layers
are not among them: in `fit`, Keras on JAX forgets their states from batch to batch.
"""

import numpy as np

ROWS, STEPS, FEATURES, UNITS = 4, 5, 3, 3
RUNS = {}


def _data(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def _train(k, model, x, y, **fit):
    rng = np.random.default_rng(7)
    model.set_weights([rng.uniform(-0.5, 0.5, w.shape).astype("float32") for w in model.get_weights()])
    model.compile(optimizer=k.optimizers.Adam(0.02), loss="mse")
    history = model.fit(x, y, batch_size=ROWS, epochs=5, shuffle=False, verbose=0, **fit)
    return {
        "loss": [float(v) for v in history.history["loss"]],
        "weights": [float(v) for w in model.get_weights() for v in np.ravel(w)],
        "outputs": [float(v) for v in np.ravel(model.predict(x, batch_size=ROWS, verbose=0))],
    }


def _over_sequences(name, make, sequences=False, masked=False):
    def run(k):
        inputs = k.Input((STEPS, FEATURES))
        x = k.layers.Masking()(inputs) if masked else inputs
        outputs = k.layers.Dense(2)(make(k.layers)(x))
        data = _data(1, 2 * ROWS, STEPS, FEATURES)
        if masked:
            data[:3, -2:] = 0.0
            data[3, :2] = 0.0
        target = _data(2, 2 * ROWS, STEPS, 2) if sequences else _data(2, 2 * ROWS, 2)
        return _train(k, k.Model(inputs, outputs), data, target)

    RUNS[name] = run


for _name, _options in (("SimpleRNN", {}), ("LSTM", {}), ("GRU", {}), ("GRU", {"reset_after": False})):
    _label = _name + ("_reset_before" if _options else "")
    for _suffix, _more, _how in (
        ("", {}, {}),
        ("_sequences", {"return_sequences": True}, {"sequences": True}),
        ("_backwards", {"go_backwards": True, "use_bias": False}, {}),
        ("_masked", {}, {"masked": True}),
        (
            "_masked_sequences",
            {"return_sequences": True, "go_backwards": True},
            {"sequences": True, "masked": True},
        ),
        ("_relu", {"activation": "relu"}, {}),
        ("_unrolled", {"unroll": True}, {}),
    ):
        _over_sequences(
            _label + _suffix,
            lambda layers, n=_name, o={**_options, **_more}: getattr(layers, n)(UNITS, **o),
            **_how,
        )
_over_sequences("LSTM_hard_sigmoid", lambda layers: layers.LSTM(UNITS, recurrent_activation="hard_sigmoid"))
_over_sequences("LSTM_softsign", lambda layers: layers.LSTM(UNITS, activation="softsign"))
for _mode in ("concat", "sum", "ave", "mul"):
    _over_sequences(
        f"bidirectional_{_mode}",
        lambda layers, m=_mode: layers.Bidirectional(layers.LSTM(UNITS, return_sequences=True), merge_mode=m),
        sequences=True,
        masked=_mode == "sum",
    )
_over_sequences("bidirectional_gru", lambda layers: layers.Bidirectional(layers.GRU(UNITS)))
_over_sequences("stacked", lambda layers: layers.RNN([layers.LSTMCell(UNITS), layers.GRUCell(2)]))
_over_sequences(
    "time_distributed",
    lambda layers: layers.TimeDistributed(layers.Dense(UNITS, activation="tanh")),
    sequences=True,
)


def _two_layers(k):
    inputs = k.Input((STEPS, FEATURES))
    y = k.layers.LSTM(4, return_sequences=True)(inputs)
    y, h = k.layers.GRU(UNITS, return_sequences=True, return_state=True)(y)
    model = k.Model(inputs, k.layers.Dense(2)(k.layers.Concatenate()([h, k.layers.LSTM(2)(y)])))
    return _train(k, model, _data(3, 2 * ROWS, STEPS, FEATURES), _data(4, 2 * ROWS, 2))


def _encoder_decoder(k):
    source, target = k.Input((STEPS, FEATURES)), k.Input((4, FEATURES))
    _, *states = k.layers.LSTM(UNITS, return_state=True)(source)
    y = k.layers.LSTM(UNITS, return_sequences=True)(target, initial_state=states)
    return _train(
        k,
        k.Model([source, target], k.layers.Dense(2)(y)),
        [_data(5, 2 * ROWS, STEPS, FEATURES), _data(6, 2 * ROWS, 4, FEATURES)],
        _data(8, 2 * ROWS, 4, 2),
    )


def _tokens(k):
    inputs = k.Input((STEPS,), dtype="int32")
    y = k.layers.Embedding(6, FEATURES, mask_zero=True)(inputs)
    y = k.layers.LSTM(UNITS)(k.layers.GRU(4, return_sequences=True)(y))
    tokens = np.random.default_rng(9).integers(0, 6, (2 * ROWS, STEPS))
    tokens[:, 0] = 1
    return _train(k, k.Model(inputs, k.layers.Dense(2)(y)), tokens.astype("int32"), _data(10, 2 * ROWS, 2))


def _conv_lstm(k):
    inputs = k.Input((3, 5, 4, 2))
    y = k.layers.ConvLSTM2D(2, 3, padding="same", return_sequences=True)(inputs)
    y = k.layers.ConvLSTM2D(2, 2, strides=2)(y)
    return _train(
        k,
        k.Model(inputs, k.layers.Dense(2)(k.layers.Flatten()(y))),
        _data(11, 2 * ROWS, 3, 5, 4, 2),
        _data(12, 2 * ROWS, 2),
    )


RUNS |= {
    "two_layers": _two_layers,
    "encoder_decoder": _encoder_decoder,
    "tokens": _tokens,
    "conv_lstm": _conv_lstm,
}
