"""Ten steps of training on attention, on what stands around it, and on masks: cases as in golden_cases.py."""

from golden_cases import ROWS, normal, rng_for

CASES = {}


def case(
    name,
    shape,
    build,
    dtype="float32",
    optimizer=("SGD", {"learning_rate": 0.01, "momentum": 0.5}),
    steps=None,
):
    """build(layers, input) -> what a Dense layer of two units is put on, flattened unless there is a label a
    step.
    """

    def made(k):
        inputs = k.layers.Input(shape, dtype=dtype)
        middle = build(k.layers, inputs)
        outputs = k.layers.Dense(2)(middle if steps else k.layers.Flatten()(middle))
        model = k.Model(inputs, outputs)
        x = normal(name, *shape) if dtype == "float32" else rng_for(name).integers(0, 6, (ROWS, *shape))
        if steps and dtype == "float32":  # series of several lengths
            for i, length in enumerate(rng_for(name).integers(1, shape[0], ROWS)):
                x[i, length:] = 0
        label = normal(name + " labels", *([steps] if steps else []), 2)
        kind, arguments = optimizer
        return model, x, label, {"optimizer": getattr(k.optimizers, kind)(**arguments), "loss": "mse"}, {}

    assert name not in CASES, name
    CASES[name] = made


def to_itself(kind, call=None, **arguments):
    """A layer that is called on (x, x)."""
    return lambda layers, x: getattr(layers, kind)(**arguments)(x, x, **(call or {}))


for label, arguments, call in (
    ("plain", {}, {}),
    ("causal", {}, {"use_causal_mask": True}),
    ("window", {"sliding_window": 2}, {}),
    ("gate, no bias", {"use_gate": True, "use_bias": False}, {}),
    ("output_shape", {"output_shape": 3}, {}),
):
    case(
        f"MultiHeadAttention {label}",
        (5, 6),
        to_itself("MultiHeadAttention", call, num_heads=2, key_dim=4, **arguments),
    )
case(
    "MultiHeadAttention two axes",
    (2, 3, 6),
    to_itself("MultiHeadAttention", num_heads=2, key_dim=3, attention_axes=(1, 2)),
)
case(
    "MultiHeadAttention scores",
    (5, 6),
    lambda layers, x: layers.Concatenate()(
        [layers.Flatten()(y) for y in layers.MultiHeadAttention(2, 4)(x, x, return_attention_scores=True)]
    ),
)
case(
    "GroupQueryAttention",
    (5, 6),
    to_itself(
        "GroupQueryAttention", {"use_causal_mask": True}, head_dim=4, num_query_heads=4, num_key_value_heads=2
    ),
)
case(
    "Attention",
    (5, 6),
    lambda layers, x: layers.Attention(use_scale=True)([layers.Dense(4)(x), layers.Dense(4)(x)]),
)
case(
    "Attention concat",
    (5, 6),
    lambda layers, x: layers.Attention(score_mode="concat")([layers.Dense(4)(x), x[..., :4]]),
)
case("AdditiveAttention", (5, 6), lambda layers, x: layers.AdditiveAttention()([layers.Dense(6)(x), x]))
for kind, arguments in (
    ("LayerNormalization", {}),
    ("RMSNormalization", {}),
    ("UnitNormalization", {}),
    ("GroupNormalization", {"groups": 2}),
    ("AdaptiveAveragePooling1D", {"output_size": 3}),
    ("AdaptiveMaxPooling1D", {"output_size": 3}),
    ("EinsumDense", {"equation": "abc,cde->abde", "output_shape": (5, 2, 3), "bias_axes": "de"}),
):
    case(
        kind,
        (5, 6),
        lambda layers, x, kind=kind, arguments=arguments: getattr(layers, kind)(**arguments)(
            layers.Dense(6)(x)
        ),
    )
case("Masking", (5, 3), lambda layers, x: layers.Dense(4, activation="tanh")(layers.Masking()(x)), steps=5)
case(
    "Embedding mask_zero",
    (7,),
    lambda layers, x: layers.GlobalAveragePooling1D()(layers.Embedding(6, 4, mask_zero=True)(x)),
    dtype="int32",
    optimizer=("Adam", {"learning_rate": 0.01}),
)


def transformer(layers, ids):
    """An encoder block on masked tokens."""
    x = layers.Embedding(6, 8, mask_zero=True)(ids)
    x = layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(2, 4)(x, x)]))
    h = layers.Dense(8)(layers.Dense(16, activation="gelu")(x))
    return layers.GlobalAveragePooling1D()(layers.LayerNormalization()(layers.Add()([x, h])))


case("transformer", (9,), transformer, dtype="int32", optimizer=("Adam", {"learning_rate": 0.001}))
case("transformer, SGD", (9,), transformer, dtype="int32")
