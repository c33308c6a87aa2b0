"""Layers around sequences that the common grid does not reach: wrappers, and what runs in C."""

import keras
import numpy as np
import pytest
from support import EPS32

from fastnn import layers, ops, saving
from fastnn.engine.step import Step
from fastnn.engine.tape import GradientTape

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.mark.parametrize(
    ("inner", "arguments", "shape"),
    [("Dense", {"units": 4}, (3, 5)), ("Conv2D", {"filters": 3, "kernel_size": 2}, (2, 5, 4, 3))],
)
def test_spectral_normalization(inner, arguments, shape, rng):
    made = []
    for module in (layers, keras.layers):
        layer = module.SpectralNormalization(getattr(module, inner)(**arguments), power_iterations=3)
        layer.build(shape)
        made.append(layer)
    ours, theirs = made
    values = [rng.standard_normal(v.shape).astype("float32") for v in theirs.weights]
    theirs.set_weights(values)
    ours.set_weights(values)
    x = rng.standard_normal(shape).astype("float32")
    for training in (False, True, True):
        np.testing.assert_allclose(
            ours(x, training=training), theirs(x, training=training), rtol=1e-5, atol=1e-5
        )
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=64 * EPS32)  # norms of sums, three times over
    again = layers.deserialize(saving.serialize_keras_object(ours))
    assert again.power_iterations == 3 and type(again.layer) is type(ours.layer)
    ours.set_weights([np.zeros_like(v) for v in values])
    assert np.isfinite(np.asarray(ours(x, training=True))).all()


def test_wrapper_wants_a_layer():
    with pytest.raises(ValueError, match="SpectralNormalization: `layer` must be a layer.*parentheses"):
        layers.SpectralNormalization(layers.Dense)


IN_C = [
    ("Conv1D", {"filters": 4, "kernel_size": 3, "padding": "causal"}, (2, 9, 3)),
    ("Conv3D", {"filters": 4, "kernel_size": 3, "strides": 2}, (2, 5, 6, 7, 3)),
    ("Conv1DTranspose", {"filters": 4, "kernel_size": 3, "strides": 2}, (2, 5, 3)),
    ("Conv2DTranspose", {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same"}, (2, 5, 6, 3)),
    ("Conv3DTranspose", {"filters": 4, "kernel_size": 3}, (2, 3, 4, 3, 3)),
    ("SeparableConv1D", {"filters": 4, "kernel_size": 3}, (2, 9, 3)),
    ("DepthwiseConv2D", {"kernel_size": 3, "depth_multiplier": 2}, (2, 9, 8, 3)),
    ("MaxPooling1D", {}, (2, 9, 3)),
    ("MaxPooling3D", {}, (2, 4, 4, 4, 3)),
    ("AveragePooling3D", {"pool_size": 2, "padding": "same"}, (2, 5, 4, 4, 3)),
    ("GlobalMaxPooling1D", {}, (2, 9, 3)),
    ("GlobalAveragePooling3D", {}, (2, 9, 3, 3, 2)),
    ("AdaptiveAveragePooling2D", {"output_size": 3}, (2, 7, 5, 3)),
    ("AdaptiveMaxPooling1D", {"output_size": 3}, (2, 7, 3)),
    ("UpSampling1D", {}, (2, 9, 3)),
    ("UpSampling3D", {}, (2, 3, 3, 3, 3)),
    ("Cropping1D", {}, (2, 9, 3)),
    ("Cropping3D", {}, (2, 5, 5, 5, 3)),
    ("ZeroPadding1D", {}, (2, 9, 3)),
    ("ZeroPadding3D", {}, (2, 3, 3, 3, 3)),
    ("RepeatVector", {"n": 4}, (2, 3)),
    ("LayerNormalization", {}, (2, 9, 3)),
    ("GroupNormalization", {"groups": 3}, (2, 4, 6)),
    ("UnitNormalization", {}, (2, 9, 3)),
    ("RMSNormalization", {}, (2, 9, 3)),
    (
        "EinsumDense",
        {"equation": "abc,cde->abde", "output_shape": (None, 4, 2), "bias_axes": "de"},
        (2, 3, 5),
    ),
]


@pytest.mark.parametrize(("name", "arguments", "shape"), IN_C, ids=[name for name, _, _ in IN_C])
def test_gradients_run_in_c(name, arguments, shape, rng):
    layer = getattr(layers, name)(**arguments)
    layer.build(shape)

    def step(x):
        with GradientTape() as tape:
            total = ops.sum(ops.square(layer(x)))
        return total, tape.gradient(total, [x, *layer.trainable_variables])

    compiled = Step(step, [(shape, "float32")])
    x = rng.standard_normal(shape).astype("float32")
    _, (dx, *_) = compiled(x)
    assert "0 in NumPy" in compiled.plan.describe()
    v = rng.standard_normal(shape).astype("float32")
    h = 1e-2 / np.linalg.norm(v)  # the square of a layer: differences of a smooth function, in float32
    ahead, behind = (float(compiled((x + s * h * v).astype("float32"))[0]) for s in (1, -1))
    if "Max" not in name:  # a maximum has kinks
        slope = (ahead - behind) / (2 * h)
        bound = 0.02 * np.linalg.norm(dx) * np.linalg.norm(v) / np.sqrt(v.size) + 40 * EPS32 * abs(ahead) / h
        assert abs(np.vdot(dx, v) - slope) <= bound
