"""Whole sequences as one op: kernels against float64, gradients against finite differences, threads."""

import itertools

import numpy as np
import pytest
from support import EPS32, ISAS, check_function, run_in_c

from fastnn.engine import threads
from fastnn.engine.op import records
from fastnn.engine.tape import GradientTape
from fastnn.engine.tensor import Tensor
from fastnn.ops import recurrent
from fastnn.ops.recurrent import GRU, LSTM, SIMPLE

KINDS = [SIMPLE, LSTM, GRU]
NAMES = [kind.name for kind in KINDS]


def inputs(kind, rng, batch, steps, features, units, biased=True, masked=False, dtype="float32"):
    """Tensors as the records take them; the recurrent weights keep the state from growing."""
    width = kind.gates * units

    def draw(*shape, scale=1.0):
        return (rng.standard_normal(shape) * scale).astype(dtype)

    given = [
        draw(batch, steps, features),
        draw(features, width, scale=features**-0.5),
        draw(units, width, scale=units**-0.5),
        *[draw(batch, units) for _ in range(kind.states)],
    ]
    if biased:
        given.append(draw(2, width) if kind is GRU else draw(width))
    if masked:
        given.append(rng.random((batch, steps)) < 0.7)
    return given


def attributes(**changes):
    return {
        "activation": "tanh",
        "recurrent_activation": "sigmoid",
        "biased": True,
        "masked": False,
        "zero_masked": False,
        "sequences": True,
        "keep": True,
        "backwards": False,
        **changes,
    }


def check(kind, given, attrs, isa, steps, features, units):
    """Kernel and gradient kernel against the float64 references."""
    wide = [a.astype("float64") if a.dtype == np.float32 else a for a in given]
    # each step adds the rounding of a sum of features + units products, and passes on what came before
    atol = EPS32 * 4 * (features + units) ** 0.5 * (2 + steps**0.5)
    got = run_in_c(records[kind.name], given, isa, **attrs)
    want = records[kind.name].reference(*wide, **attrs)
    scale = max(1.0, max(np.abs(w).max(initial=0) for w in want))
    mask = given[-1] if attrs["masked"] else np.ones(given[0].shape[:2], bool)
    gates_at = attrs["sequences"] + kind.states + 1
    for at, (g, w) in enumerate(zip(got, want, strict=True)):
        if attrs["keep"] and at == gates_at:  # of a masked step the gates do not count
            g, w = g[mask.T], w[mask.T]
        np.testing.assert_allclose(g, w, rtol=0, atol=atol * scale, err_msg=f"{kind.name} output {at}")
    if not attrs["keep"]:
        return
    rng = np.random.default_rng(steps)
    kept = want[attrs["sequences"] + kind.states :]
    flags = {key: value for key, value in attrs.items() if key not in ("keep", "biased")}
    back = [
        wide[2],
        kept[1],
        *([kept[0]] if kind is GRU else []),
        *([kept[2], wide[4]] if kind is LSTM else []),
        *([given[-1]] if attrs["masked"] else []),
        *([rng.standard_normal(want[0].shape)] if attrs["sequences"] else []),
        *[rng.standard_normal(wide[3].shape) for _ in range(kind.states)],
    ]
    narrow = [a.astype("float32") if a.dtype == np.float64 else a for a in back]
    got = run_in_c(records[f"{kind.name}_grad"], narrow, isa, **flags)
    want = records[f"{kind.name}_grad"].reference(*back, **flags)
    scale = max(1.0, max(np.abs(w).max(initial=0) for w in want))
    for at, (g, w) in enumerate(zip(got, want, strict=True)):
        np.testing.assert_allclose(g, w, rtol=0, atol=atol * scale, err_msg=f"{kind.name}_grad output {at}")


# batch, steps, features, units: one lane either side of a word, few rows and many, x's product inside and
# outside
SHAPES = [
    (1, 1, 1, 1),
    (1, 5, 3, 9),
    (2, 3, 7, 7),
    (3, 4, 8, 8),
    (5, 2, 3, 33),
    (13, 4, 5, 15),
    (13, 3, 2, 17),
    (40, 3, 6, 20),
    (13, 2, 3, 128),  # panels of 48 columns: more room than in the widest ones
]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_kernels_match_float64(isa, kind, rng):
    for batch, steps, features, units in SHAPES:
        for keep, backwards in ((True, False), (False, True), (True, True)):
            given = inputs(kind, rng, batch, steps, features, units)
            check(kind, given, attributes(keep=keep, backwards=backwards), isa, steps, features, units)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("kind, units", [(SIMPLE, 405), (LSTM, 205), (GRU, 235)], ids=NAMES)
def test_weights_larger_than_a_second_level_cache(isa, kind, units, rng):
    for batch, features in ((17, 10), (45, 3), (130, 4)):
        given = inputs(kind, rng, batch, 3, features, units)
        check(kind, given, attributes(), isa, 3, features, units)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_options(isa, kind, rng):
    for masked, zero, sequences, biased in itertools.product((False, True), repeat=4):
        if zero and not masked:
            continue
        given = inputs(kind, rng, 14, 4, 3, 10, biased=biased, masked=masked)
        attrs = attributes(masked=masked, zero_masked=zero, sequences=sequences, biased=biased)
        check(kind, given, attrs, isa, 4, 3, 10)
        check(kind, given, {**attrs, "keep": False, "backwards": True}, isa, 4, 3, 10)


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_activations(kind, rng):
    for act, gate in (
        ("relu", "sigmoid"),
        ("linear", "hard_sigmoid"),
        ("sigmoid", "tanh"),
        ("hard_sigmoid", "relu"),
    ):
        given = inputs(kind, rng, 3, 3, 4, 9)
        check(kind, given, attributes(activation=act, recurrent_activation=gate), ISAS[0], 3, 4, 9)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_steps_shared_out_by_columns(isa, kind, rng, monkeypatch):
    monkeypatch.setattr(recurrent, "_FAR", 100)
    for batch, units in ((2, 70), (9, 50)):
        given = inputs(kind, rng, batch, 4, 5, units, masked=True)
        check(kind, given, attributes(masked=True), isa, 4, 5, units)
        check(kind, given, attributes(masked=True, keep=False, backwards=True), isa, 4, 5, units)


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
@pytest.mark.parametrize("wide", [False, True], ids=["rows", "columns"])
def test_the_same_bits_on_any_number_of_threads(kind, wide, rng, monkeypatch):
    if wide:
        monkeypatch.setattr(recurrent, "_FAR", 100)
    given = inputs(kind, rng, 23, 9, 16, 200)
    results = []
    count = threads.num_threads()
    try:
        for n in (1, 2, 3):
            threads.set_num_threads(n)
            results.append(run_in_c(records[kind.name], given, ISAS[0], **attributes()))
    finally:
        threads.set_num_threads(count)
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
@pytest.mark.parametrize("masked", [False, True])
def test_gradients_by_finite_differences(kind, masked, rng):
    mask = Tensor(rng.random((2, 4)) < 0.6) if masked else None
    for sequences, backwards, act in ((True, False, "tanh"), (False, True, "tanh"), (True, True, "sigmoid")):

        def f(x, kernel, weights, *more, sequences=sequences, backwards=backwards, act=act):
            y, states = recurrent.sequence(
                kind,
                x,
                kernel,
                weights,
                more[: kind.states],
                more[kind.states],
                mask,
                activation=act,
                sequences=sequences,
                backwards=backwards,
                zero_masked=act == "sigmoid",
            )
            total = records["add"](states[0], states[-1])
            return total if y is None else records["add"](records["sum"](y, axis=(1,), keepdims=False), total)

        check_function(f, inputs(kind, rng, 2, 4, 3, 5, dtype="float64"), rng=rng, rtol=1e-5)


def test_the_gradient_of_what_was_not_kept(rng):
    given = [Tensor(a) for a in inputs(LSTM, rng, 3, 4, 5, 6)]
    gradients = []
    for keep in (True, False):
        with GradientTape() as tape:
            outputs = records["lstm"](*given, **attributes(keep=keep))
        gradients.append(tape.gradient(outputs[0], given))
    for a, b in zip(*gradients, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_nan_stays_in_its_row(rng):
    for kind in KINDS:
        given = inputs(kind, rng, 14, 3, 4, 9)
        given[0][3, 1, 0] = np.nan
        y = run_in_c(records[kind.name], given, ISAS[0], **attributes())[0]
        assert (
            np.isnan(y[3, 1:]).all()
            and np.isfinite(np.delete(y, 3, axis=0)).all()
            and np.isfinite(y[3, 0]).all()
        )


def test_shapes_that_do_not_fit(rng):
    given = [Tensor(a) for a in inputs(LSTM, rng, 2, 3, 4, 5)]
    given[1] = Tensor(np.zeros((6, 20), "float32"))
    with pytest.raises(ValueError, match=r"lstm: .* kernel must have shape \(4, 20\), received \(6, 20\)"):
        records["lstm"](*given, **attributes())


_SECOND = [
    {},
    {"return_sequences": True, "go_backwards": True},
    {"return_sequences": True, "masked": True},
    {"activation": "relu", "recurrent_activation": "hard_sigmoid"},
]


@pytest.mark.parametrize("options", _SECOND, ids=["plain", "backwards", "masked", "activations"])
@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_second_derivatives_are_those_of_the_cell_step_by_step(name, options, rng):
    from fastnn import layers, ops
    from fastnn.engine.function import function
    from fastnn.engine.tape import GradientTape

    options = dict(options)
    if name == "SimpleRNN":
        options.pop("recurrent_activation", None)
    mask = {"mask": rng.random((3, 6)) > 0.4} if options.pop("masked", False) else {}
    x = rng.normal(0, 1, (3, 6, 4)).astype("float32")
    fused = getattr(layers, name)(5, **options)
    fused.build(x.shape)
    of_rnn = {key: options.pop(key) for key in ("return_sequences", "go_backwards") if key in options}
    stepped = layers.RNN(fused.cell_class(5, **options), **of_rnn)
    stepped.build(x.shape)
    stepped.set_weights(fused.get_weights())

    def compute(layer, x):
        weights = layer.trainable_variables
        with GradientTape() as outer:
            with GradientTape() as inner:
                loss = ops.sum(ops.sin(layer(x, **mask)))
            first = inner.gradient(loss, [x, *weights])
            penalty = sum(ops.sum(ops.square(g)) for g in first)
        return [*first, *outer.gradient(penalty, [x, *weights])]

    given = ops.convert_to_tensor(x)
    want = [np.asarray(g) for g in compute(stepped, given)]
    for made in (compute(fused, given), function(lambda x: compute(fused, x))(x)):
        for a, b in zip(want, made, strict=True):
            np.testing.assert_allclose(np.asarray(b), a, rtol=0, atol=500 * EPS32 * np.abs(a).max())
