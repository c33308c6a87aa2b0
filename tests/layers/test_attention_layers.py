"""Attention layers beside Keras's, over a grid of their options: outputs, masks, scores, configurations,
gradients.
"""

import json

import keras
import numpy as np
import pytest
from support import check_function

from fastnn import layers, models, ops, saving
from fastnn.engine.step import Step
from fastnn.engine.tape import GradientTape
from fastnn.engine.tensor import Tensor

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

# layer, its arguments, shapes of query, value and perhaps key
HEADED = [
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3}, [(2, 5, 8), (2, 7, 6)]),
    (
        "MultiHeadAttention",
        {"num_heads": 3, "key_dim": 4, "value_dim": 5, "output_shape": 9, "use_bias": False},
        [(2, 5, 8), (2, 7, 6), (2, 7, 4)],
    ),
    (
        "MultiHeadAttention",
        {"num_heads": 2, "key_dim": 3, "use_gate": True, "bias_initializer": "ones"},
        [(2, 5, 8), (2, 5, 8)],
    ),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "sliding_window": 3}, [(2, 9, 8), (2, 9, 6)]),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "dropout": 0.4}, [(2, 5, 8), (2, 7, 6)]),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "output_shape": (3, 2)}, [(2, 5, 8), (2, 7, 6)]),
    (
        "MultiHeadAttention",
        {"num_heads": 2, "key_dim": 3, "attention_axes": (1, 2)},
        [(2, 3, 4, 6), (2, 2, 5, 6)],
    ),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "attention_axes": 2}, [(2, 3, 4, 6), (2, 3, 5, 6)]),
    (
        "GroupQueryAttention",
        {"head_dim": 4, "num_query_heads": 4, "num_key_value_heads": 2},
        [(2, 5, 8), (2, 7, 8)],
    ),
    (
        "GroupQueryAttention",
        {
            "head_dim": 4,
            "num_query_heads": 3,
            "num_key_value_heads": 1,
            "use_gate": True,
            "use_bias": False,
            "sliding_window": 2,
        },
        [(2, 5, 8), (2, 5, 8)],
    ),
    (
        "GroupQueryAttention",
        {"head_dim": 4, "num_query_heads": 2, "num_key_value_heads": 2, "dropout": 0.2},
        [(2, 5, 8), (2, 7, 8)],
    ),
]
IDS = [f"{i}-{name}" for i, (name, _, _) in enumerate(HEADED)]


def shared(name, arguments, shapes, rng):
    """Ours and Keras's, with the same weights."""
    made = [getattr(module, name)(**arguments, name="it") for module in (layers, keras.layers)]
    for layer in made:
        layer.build(*shapes)
    values = [rng.standard_normal(v.shape).astype("float32") for v in made[1].weights]
    for layer in made:
        layer.set_weights(values)
    return made


def draws(shapes, rng):
    return [rng.standard_normal(shape).astype("float32") for shape in shapes]


def close(got, want):
    assert np.ptp(want) > 0
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=2e-5)  # sums of some tens of products, three deep


@pytest.mark.parametrize(("name", "arguments", "shapes"), HEADED, ids=IDS)
@pytest.mark.parametrize("call", ["plain", "scores", "causal", "mask", "causal mask scores"])
def test_headed_outputs(name, arguments, shapes, call, rng):
    ours, theirs = shared(name, arguments, shapes, rng)
    inputs = draws(shapes, rng)
    axes = len(arguments["attention_axes"]) if isinstance(arguments.get("attention_axes"), tuple) else 1
    if axes > 1 and "causal" in call:
        with pytest.raises(ValueError, match="for one attention axis"):
            ours(*inputs, use_causal_mask=True)
        return
    if arguments.get("attention_axes") == 2 and "causal" in call:  # Keras takes the extents of axis 1 there
        first = ours(*inputs, use_causal_mask=True).numpy()[:, :, 0]
        close(first, ours(inputs[0][:, :, :1], inputs[1][:, :, :1]).numpy()[:, :, 0])
        return
    options = {"use_causal_mask": "causal" in call, "return_attention_scores": "scores" in call}
    if "mask" in call.split():
        axis = 2 if arguments.get("attention_axes") == 2 else 1
        tokens = [s[axis] for s in shapes[:2]]
        if axes > 1:
            tokens = [*shapes[0][1:3], *shapes[1][1:3]]
        mask = rng.random((2, *tokens)) < 0.6
        mask[..., 0] = True
        if axis == 2:
            mask = np.repeat(mask[:, None], shapes[0][1], 1)
        options["attention_mask"] = mask
    got, want = ours(*inputs, **options), theirs(*inputs, **options)
    for g, w in zip(*([x] if "scores" not in call else x for x in (got, want)), strict=True):
        assert tuple(g.shape) == tuple(w.shape)
        close(g, np.asarray(w))


@pytest.mark.parametrize(("name", "arguments", "shapes"), HEADED, ids=IDS)
def test_headed_configuration(name, arguments, shapes, rng):
    ours, theirs = shared(name, arguments, shapes, rng)

    def plain(config):
        return json.loads(json.dumps(config))

    assert plain(saving.serialize_keras_object(ours)) == plain(keras.saving.serialize_keras_object(theirs))
    assert [v.path for v in ours.weights] == [v.path for v in theirs.weights]
    again = layers.deserialize(plain(keras.saving.serialize_keras_object(theirs)))
    assert [v.shape for v in again.weights] == [v.shape for v in ours.weights]
    assert ours.compute_output_shape(*shapes) == tuple(theirs.compute_output_shape(*shapes))
    free = [(None, *shape[1:]) for shape in shapes]
    symbolic = [layers.Input(batch_shape=s) for s in free]
    theirs_symbolic = [keras.layers.Input(batch_shape=s) for s in free]
    assert tuple(ours(*symbolic).shape) == tuple(theirs(*theirs_symbolic).shape)
    scores = ours(*symbolic, return_attention_scores=True)[1]
    made = np.asarray(theirs(*draws(shapes, rng), return_attention_scores=True)[1])
    assert tuple(scores.shape)[1:] == made.shape[1:]


@pytest.mark.parametrize("index", [0, 1, 2, 3, 8, 9])
def test_headed_gradients(index, rng):
    name, arguments, shapes = HEADED[index]
    layer = getattr(layers, name)(**arguments, dtype="float64")
    inputs = draws(shapes, rng)
    layer(*inputs)
    kernel = layer._query_dense.kernel

    def call(*tensors):
        return layer(*tensors, use_causal_mask=True)

    check_function(call, inputs, rng=rng)
    tensors = [Tensor(x.astype("float64")) for x in inputs]
    v, h = rng.standard_normal(kernel.shape), 1e-5
    with GradientTape() as tape:
        total = ops.sum(ops.square(call(*tensors)))
    slope = np.vdot(tape.gradient(total, kernel), v)
    start, found = kernel.numpy(), []
    for sign in (1, -1):
        kernel.assign(start + sign * h * v)
        found.append(float(ops.sum(ops.square(call(*tensors)))))
    np.testing.assert_allclose(slope, (found[0] - found[1]) / (2 * h), rtol=1e-5)


def test_masks_of_the_inputs(rng):
    """Attached masks reach the scores, and the query's goes on to the output; as in Keras."""
    ids = np.array([[1, 2, 3, 0, 0], [4, 5, 0, 0, 0], [1, 1, 1, 1, 2]])
    table = rng.standard_normal((6, 8)).astype("float32")
    for arguments in ({}, {"dropout": 0.3}):
        ours, theirs = shared(
            "MultiHeadAttention", {"num_heads": 2, "key_dim": 3, **arguments}, [(3, 5, 8)] * 2, rng
        )
        made = []
        for module, layer in ((layers, ours), (keras.layers, theirs)):
            x = module.Embedding(6, 8, mask_zero=True, weights=[table])(ids)
            y = layer(x, x)
            made.append((np.asarray(y), np.asarray(module.GlobalAveragePooling1D()(y))))
        close(made[0][0][ids > 0], made[1][0][ids > 0])
        close(made[0][1], made[1][1])


@pytest.mark.parametrize("padding", [False, True])
@pytest.mark.parametrize(
    "options", [{}, {"use_causal_mask": True}, {"return_attention_scores": True}], ids=str
)
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("Attention", {}),
        ("Attention", {"use_scale": True}),
        ("Attention", {"score_mode": "concat", "use_scale": True}),
        ("Attention", {"dropout": 0.3}),
        ("AdditiveAttention", {}),
        ("AdditiveAttention", {"use_scale": False}),
    ],
    ids=str,
)
def test_attention_outputs(name, arguments, options, padding, rng):
    shapes = [(2, 4, 6), (2, 5, 6)] if padding else [(2, 4, 6), (2, 5, 3), (2, 5, 6)]
    ours, theirs = shared(name, arguments, [shapes], rng)
    inputs = draws(shapes, rng)
    masks = [rng.random((2, n)) < 0.7 for n in (4, 5)] if padding else None
    if padding:
        masks[1][:, 0] = True
    got, want = ours(inputs, mask=masks, **options), theirs(inputs, mask=masks, **options)
    many = "return_attention_scores" in options
    for g, w in zip(*(x if many else [x] for x in (got, want)), strict=True):
        close(g, np.asarray(w))
    assert ours.get_config().keys() == theirs.get_config().keys()
    made = ours([layers.Input(s[1:]) for s in shapes], **options)
    assert tuple((made[0] if many else made).shape) == (None, 4, shapes[1][-1])


@pytest.mark.parametrize("name", ["Attention", "AdditiveAttention"])
def test_attention_gradients(name, rng):
    layer = getattr(layers, name)(use_scale=True, dtype="float64")
    inputs = draws([(2, 4, 3), (2, 5, 3)], rng)
    layer(inputs)
    mask = [None, Tensor(np.array([[True] * 5, [True, True, False, True, False]]))]
    check_function(lambda q, v: layer([q, v], mask=mask, use_causal_mask=True), inputs, rng=rng)


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_a_training_step_runs_in_c_and_holds_no_matrix_of_scores(dropout, rng):
    tokens = 700
    ids = layers.Input((tokens,), dtype="int32")
    x = layers.Embedding(50, 16, mask_zero=True)(ids)
    x = layers.MultiHeadAttention(2, 8, dropout=dropout)(x, x, use_causal_mask=True)
    model = models.Model(ids, layers.Dense(1)(layers.GlobalAveragePooling1D()(x)))

    def step(batch):
        with GradientTape() as tape:
            total = ops.sum(ops.square(model(batch, training=True)))
        return tape.gradient(total, model.trainable_variables)

    compiled = Step(step, [((2, tokens), "int32")])
    for gradient in compiled(rng.integers(0, 50, (2, tokens)).astype("int32")):
        assert np.isfinite(gradient.numpy()).all() and np.abs(gradient.numpy()).max() > 0
    plan = compiled.plan
    assert "0 in NumPy" in plan.describe()
    assert plan.placement.arena < 2 * 2 * tokens * tokens * 4  # one matrix of scores


def test_memory_grows_with_the_tokens():
    layer = layers.MultiHeadAttention(2, 8)

    def step(x):
        with GradientTape() as tape:
            total = ops.sum(layer(x, x))
        return tape.gradient(total, layer.trainable_variables)

    layer.build((2, 256, 16), (2, 256, 16))
    arenas = [Step(step, [((2, n, 16), "float32")]).plan.placement.arena for n in (4096, 8192, 16384)]
    for less, more in zip(arenas, arenas[1:]):
        assert more < 2.01 * less


def test_dropout_draws_while_training(rng):
    layer = layers.MultiHeadAttention(2, 4, dropout=0.5, seed=3)
    x = rng.standard_normal((2, 6, 8)).astype("float32")
    still, first, second = layer(x, x), layer(x, x, training=True), layer(x, x, training=True)
    np.testing.assert_array_equal(still, layer(x, x))
    assert np.abs(first.numpy() - second.numpy()).max() > 0
    mean = np.mean([layer(x, x, training=True).numpy() for _ in range(400)], 0)
    spread = np.abs(mean - still.numpy()).max() / np.abs(still.numpy()).max()
    assert spread < 0.4


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="MultiHeadAttention: `num_heads` must be an integer of at least 1"):
        layers.MultiHeadAttention(0, 4)
    with pytest.raises(ValueError, match="no dropout, received dropout=0.5"):
        layers.MultiHeadAttention(2, 4, dropout=0.5, flash_attention=True)
    with pytest.raises(ValueError, match="`num_query_heads` must be a multiple of `num_key_value_heads`"):
        layers.GroupQueryAttention(4, 3, 2)
    with pytest.raises(ValueError, match="`value` and `key` must have the same tokens"):
        layers.MultiHeadAttention(2, 4)(np.ones((1, 3, 4)), np.ones((1, 5, 4)), np.ones((1, 6, 4)))
    with pytest.raises(ValueError, match=r"Attention 'a' must be called on a list \[query, value\]"):
        layers.Attention(name="a")(np.ones((1, 3, 4)))
