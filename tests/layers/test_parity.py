"""Every layer beside Keras's: signature, configuration, weights, shapes, and outputs for the same weights."""

import inspect
import json

import keras
import numpy as np
import pytest
from support import EPS32

from fastnn import layers, saving
from fastnn.engine.tensor import Tensor

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)  # Keras's own variables

# class, arguments, input shape (a list of shapes for several inputs)
CASES = [
    ("Dense", {"units": 3}, (4, 5)),
    (
        "Dense",
        {
            "units": 3,
            "activation": "relu",
            "use_bias": False,
            "kernel_initializer": "he_normal",
            "kernel_regularizer": "l2",
            "kernel_constraint": "max_norm",
            "activity_regularizer": "l2",
        },
        (4, 2, 5),
    ),
    ("Flatten", {}, (2, 3, 4)),
    ("Flatten", {"data_format": "channels_first"}, (2, 3, 4, 2)),
    ("Flatten", {}, (5,)),
    ("Reshape", {"target_shape": (4, -1)}, (2, 8, 3)),
    ("Permute", {"dims": (2, 1)}, (2, 3, 4)),
    ("RepeatVector", {"n": 3}, (2, 4)),
    ("Activation", {"activation": "tanh"}, (2, 3)),
    ("ReLU", {"max_value": 1.5, "negative_slope": 0.1, "threshold": 0.25}, (4, 7)),
    ("ReLU", {}, (4, 7)),
    ("LeakyReLU", {"negative_slope": 0.2}, (4, 7)),
    ("LeakyReLU", {}, (4, 7)),
    ("PReLU", {}, (2, 3, 4)),
    ("PReLU", {"shared_axes": [1], "alpha_initializer": "ones"}, (2, 3, 4)),
    ("ELU", {"alpha": 0.5}, (4, 7)),
    ("Softmax", {}, (4, 7)),
    ("Softmax", {"axis": (1, 2)}, (4, 3, 5)),
    ("Dropout", {"rate": 0.5, "noise_shape": (None, 1, 4), "seed": 3}, (2, 3, 4)),
    ("SpatialDropout1D", {"rate": 0.5}, (2, 3, 4)),
    ("SpatialDropout2D", {"rate": 0.5, "data_format": "channels_first"}, (2, 3, 4, 5)),
    ("SpatialDropout3D", {"rate": 0.5}, (2, 3, 4, 5, 2)),
    ("GaussianNoise", {"stddev": 0.5}, (2, 3)),
    ("GaussianDropout", {"rate": 0.5}, (2, 3)),
    ("AlphaDropout", {"rate": 0.5}, (2, 3)),
    ("Conv1D", {"filters": 4, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}, (2, 9, 3)),
    ("Conv1D", {"filters": 4, "kernel_size": 3, "strides": 2, "data_format": "channels_first"}, (2, 3, 9)),
    ("Conv2D", {"filters": 5, "kernel_size": 3, "activation": "relu"}, (2, 8, 7, 3)),
    (
        "Conv2D",
        {
            "filters": 6,
            "kernel_size": (3, 2),
            "strides": (2, 3),
            "padding": "same",
            "groups": 2,
            "bias_initializer": "ones",
        },
        (2, 8, 7, 4),
    ),
    (
        "Conv2D",
        {
            "filters": 4,
            "kernel_size": 3,
            "dilation_rate": (2, 1),
            "data_format": "channels_first",
            "use_bias": True,
        },
        (2, 3, 8, 7),
    ),
    ("Conv3D", {"filters": 2, "kernel_size": 2, "padding": "same"}, (1, 4, 3, 5, 2)),
    ("Conv1DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2}, (2, 5, 2)),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"}, (2, 5, 4, 2)),
    (
        "Conv2DTranspose",
        {"filters": 3, "kernel_size": (2, 4), "strides": (3, 2), "output_padding": 1, "padding": "same"},
        (2, 5, 4, 2),
    ),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2, "output_padding": 1}, (2, 5, 4, 2)),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 2, "strides": 3}, (2, 5, 4, 2)),
    ("Conv3DTranspose", {"filters": 2, "kernel_size": 2, "strides": 2}, (1, 3, 2, 2, 2)),
    ("DepthwiseConv1D", {"kernel_size": 3, "depth_multiplier": 2}, (2, 8, 3)),
    ("DepthwiseConv2D", {"kernel_size": 3, "depth_multiplier": 2, "padding": "same"}, (2, 6, 7, 3)),
    ("SeparableConv1D", {"filters": 4, "kernel_size": 3}, (2, 8, 3)),
    ("SeparableConv2D", {"filters": 4, "kernel_size": 3, "depth_multiplier": 2, "strides": 2}, (2, 7, 8, 3)),
    ("MaxPooling1D", {}, (2, 7, 3)),
    ("MaxPooling2D", {}, (2, 7, 6, 3)),
    ("MaxPooling2D", {"pool_size": 3, "strides": (2, 1), "padding": "same"}, (2, 7, 6, 3)),
    ("MaxPooling3D", {"pool_size": 2}, (1, 4, 5, 4, 2)),
    ("AveragePooling1D", {"pool_size": 3, "padding": "same"}, (2, 7, 3)),
    ("AveragePooling2D", {"pool_size": (3, 2), "data_format": "channels_first"}, (2, 3, 7, 6)),
    ("AveragePooling2D", {"pool_size": 3, "strides": 2, "padding": "same"}, (2, 8, 7, 3)),
    ("AveragePooling3D", {"pool_size": 2}, (1, 4, 5, 4, 2)),
    ("GlobalMaxPooling1D", {}, (2, 7, 3)),
    ("GlobalMaxPooling2D", {"keepdims": True}, (2, 7, 6, 3)),
    ("GlobalMaxPooling3D", {"data_format": "channels_first"}, (2, 3, 2, 4, 5)),
    ("GlobalAveragePooling1D", {}, (2, 7, 3)),
    ("GlobalAveragePooling2D", {}, (2, 7, 6, 3)),
    ("GlobalAveragePooling2D", {"data_format": "channels_first", "keepdims": True}, (2, 3, 7, 6)),
    ("GlobalAveragePooling3D", {}, (2, 3, 2, 4, 5)),
    ("AdaptiveAveragePooling1D", {"output_size": 3}, (2, 7, 3)),
    ("AdaptiveAveragePooling2D", {"output_size": (5, 2)}, (2, 4, 6, 3)),
    ("AdaptiveAveragePooling3D", {"output_size": 2, "data_format": "channels_first"}, (1, 2, 3, 5, 4)),
    ("AdaptiveMaxPooling1D", {"output_size": 3, "data_format": "channels_first"}, (2, 3, 5)),
    ("AdaptiveMaxPooling2D", {"output_size": 3}, (2, 7, 4, 3)),
    ("AdaptiveMaxPooling3D", {"output_size": (1, 2, 3)}, (1, 3, 5, 4, 2)),
    ("Conv3D", {"filters": 2, "kernel_size": 2, "data_format": "channels_first"}, (1, 2, 4, 3, 5)),
    (
        "Conv1DTranspose",
        {"filters": 3, "kernel_size": 3, "strides": 2, "data_format": "channels_first"},
        (2, 2, 5),
    ),
    ("Conv3DTranspose", {"filters": 2, "kernel_size": 2, "data_format": "channels_first"}, (1, 2, 2, 3, 2)),
    ("DepthwiseConv1D", {"kernel_size": 3, "padding": "same", "data_format": "channels_first"}, (2, 3, 8)),
    (
        "SeparableConv1D",
        {"filters": 4, "kernel_size": 3, "padding": "same", "data_format": "channels_first"},
        (2, 3, 9),
    ),
    (
        "EinsumDense",
        {"equation": "abc,cd->abd", "output_shape": (None, 4), "bias_axes": "d", "activation": "relu"},
        (2, 3, 5),
    ),
    (
        "EinsumDense",
        {"equation": "abc,cde->abde", "output_shape": (None, 4, 2), "bias_axes": "de"},
        (2, 3, 5),
    ),
    ("EinsumDense", {"equation": "abcd,cde->abe", "output_shape": (None, 6), "bias_axes": "e"}, (2, 3, 4, 2)),
    ("EinsumDense", {"equation": "...x,xy->...y", "output_shape": 4, "bias_axes": "y"}, (2, 3, 5)),
    ("EinsumDense", {"equation": "ab...,bc->ac...", "output_shape": (4,), "bias_axes": "c"}, (2, 3, 5)),
    ("EinsumDense", {"equation": "abc,cd->adb", "output_shape": (4, None), "bias_axes": "d"}, (2, 3, 5)),
    ("EinsumDense", {"equation": "abc,bcd->abd", "output_shape": (3, 4), "bias_axes": "bd"}, (2, 3, 5)),
    ("GroupNormalization", {"groups": 2}, (3, 4, 6)),
    ("GroupNormalization", {"groups": -1, "axis": 1, "beta_initializer": "ones"}, (3, 4, 2, 5)),
    ("GroupNormalization", {"groups": 3, "axis": 2, "scale": False}, (3, 2, 6, 4)),
    ("BatchNormalization", {}, (6, 5)),
    (
        "BatchNormalization",
        {"axis": 1, "momentum": 0.7, "epsilon": 1e-2, "beta_regularizer": "l2"},
        (4, 3, 2, 5),
    ),
    ("BatchNormalization", {"scale": False, "center": False}, (2, 4, 3, 5)),
    (
        "BatchNormalization",
        {"renorm": True, "renorm_clipping": {"rmax": 2.0, "rmin": 0.5, "dmax": 1.0}},
        (6, 5),
    ),
    ("LayerNormalization", {}, (3, 4, 5)),
    ("LayerNormalization", {"axis": [1, 2], "center": False}, (3, 4, 5)),
    ("RMSNormalization", {}, (3, 4, 5)),
    ("UnitNormalization", {}, (3, 4, 5)),
    ("ZeroPadding1D", {"padding": (1, 2)}, (2, 3, 4)),
    ("ZeroPadding2D", {"padding": ((1, 0), (2, 3))}, (2, 3, 4, 2)),
    ("ZeroPadding2D", {"padding": (1, 2), "data_format": "channels_first"}, (2, 3, 4, 2)),
    ("ZeroPadding3D", {"padding": 1}, (1, 2, 3, 2, 2)),
    ("Cropping1D", {"cropping": (1, 0)}, (2, 5, 3)),
    ("Cropping2D", {"cropping": ((1, 0), (2, 1))}, (2, 5, 6, 3)),
    ("Cropping2D", {"cropping": 1, "data_format": "channels_first"}, (2, 3, 5, 6)),
    ("Cropping3D", {}, (2, 4, 5, 6, 3)),
    ("UpSampling1D", {"size": 3}, (2, 4, 3)),
    ("UpSampling2D", {"size": (2, 3)}, (2, 4, 3, 2)),
    ("UpSampling2D", {"size": (2, 3), "interpolation": "bilinear"}, (2, 4, 3, 2)),
    ("UpSampling2D", {"interpolation": "bicubic", "data_format": "channels_first"}, (2, 3, 4, 5)),
    ("UpSampling2D", {"interpolation": "lanczos3"}, (2, 9, 8, 2)),
    ("UpSampling3D", {"size": (1, 2, 2)}, (2, 2, 3, 2, 2)),
    ("Add", {}, [(2, 3), (2, 3), (2, 3)]),
    ("Add", {}, [(2, 4, 3), (2, 3)]),
    ("Subtract", {}, [(2, 3), (2, 1)]),
    ("Multiply", {}, [(2, 3), (2, 3), (2, 3)]),
    ("Average", {}, [(2, 3), (2, 3), (2, 3)]),
    ("Maximum", {}, [(2, 3), (2, 3)]),
    ("Minimum", {}, [(2, 3), (2, 3)]),
    ("Concatenate", {}, [(2, 3), (2, 4)]),
    ("Concatenate", {"axis": 1}, [(2, 3, 5), (2, 4, 5), (2, 1, 5)]),
    ("Dot", {"axes": 1}, [(2, 3), (2, 3)]),
    ("Dot", {"axes": (1, 2), "normalize": True}, [(2, 3, 5), (2, 4, 3)]),
    ("Dot", {"axes": -1}, [(2, 3, 5), (2, 5)]),
    ("Rescaling", {"scale": 0.5, "offset": -1.0}, (2, 3)),
    ("Rescaling", {"scale": [1.0, 2.0, 3.0]}, (2, 4, 3)),
    ("Identity", {}, (2, 3)),
    ("ActivityRegularization", {"l1": 0.1, "l2": 0.2}, (2, 3)),
    ("Masking", {"mask_value": 0.5}, (2, 3)),
    ("Embedding", {"input_dim": 7, "output_dim": 3, "mask_zero": True}, (2, 5)),
]
IDS = [f"{i}-{name}" for i, (name, _, _) in enumerate(CASES)]


def pair(name, arguments):
    """Ours and Keras's layer, with the same name."""
    return (
        getattr(layers, name)(**arguments, name="it"),
        getattr(keras.layers, name)(**arguments, name="it"),
    )


def shapes_of(shape):
    return shape if isinstance(shape, list) else [shape]


def inputs(name, shape, rng):
    """Arrays of these shapes, a list for several inputs."""
    made = [
        rng.integers(0, 7, s) if name == "Embedding" else rng.standard_normal(s).astype("float32")
        for s in shapes_of(shape)
    ]
    return made if isinstance(shape, list) else made[0]


def share_weights(ours, theirs, shape, rng):
    """Build both, and give both the same random weights (positive where a variance is among them)."""
    ours.build(shape)
    if not theirs.built:
        theirs.build(shape)
    values = [
        np.abs(rng.standard_normal(v.shape)).astype("float32") + 0.1
        if "var" in v.name or "stddev" in v.name
        else rng.standard_normal(v.shape).astype("float32")
        for v in theirs.weights
    ]
    theirs.set_weights(values)
    ours.set_weights(values)


def plain(config):
    return json.loads(json.dumps(config))


@pytest.mark.parametrize("name", [n for n in layers.__all__ if hasattr(keras.layers, n)])
def test_signature(name):
    def parameters(thing):
        function = thing.__init__ if inspect.isclass(thing) else thing
        return [(p.name, p.default) for p in inspect.signature(function).parameters.values()]

    def same(a, b):  # 2 stands for (2, 2): both are accepted everywhere, and stored alike
        return a == b or (isinstance(b, tuple) and set(b) == {a})

    ours, theirs = parameters(getattr(layers, name)), parameters(getattr(keras.layers, name))
    if name.endswith("3DTranspose"):
        ours, theirs = ours[:7], theirs[:7]  # ours passes the others on
    names, defaults = list(zip(*ours)), list(zip(*theirs))
    assert names[0][: len(defaults[0])] == defaults[0] or name.endswith("3DTranspose")
    for (argument, a), (_, b) in zip(ours, theirs):
        assert same(a, b) or argument in ("args", "kwargs"), (argument, a, b)


@pytest.mark.parametrize(("name", "arguments", "shape"), CASES, ids=IDS)
def test_configuration(name, arguments, shape):
    ours, theirs = pair(name, arguments)
    ours.build(shape)
    theirs.build(shape)
    assert ours.get_config().keys() == theirs.get_config().keys()
    assert plain(saving.serialize_keras_object(ours)) == plain(keras.saving.serialize_keras_object(theirs))
    assert [v.path for v in ours.weights] == [v.path for v in theirs.weights]
    assert [v.trainable for v in ours.weights] == [v.trainable for v in theirs.weights]
    config = plain(keras.saving.serialize_keras_object(theirs))
    again = layers.deserialize(config)
    assert type(again) is type(ours)
    assert plain(again.get_config()) == plain(ours.get_config())
    assert [v.shape for v in again.weights] == [v.shape for v in ours.weights]
    back = keras.layers.deserialize(plain(layers.serialize(ours)))
    assert plain(back.get_config()) == plain(theirs.get_config())


@pytest.mark.parametrize(("name", "arguments", "shape"), CASES, ids=IDS)
def test_outputs(name, arguments, shape, rng):
    ours, theirs = pair(name, arguments)
    share_weights(ours, theirs, shape, rng)
    x = inputs(name, shape, rng)
    got, want = ours(x), np.asarray(theirs(x))
    assert isinstance(got, Tensor) and got.shape == want.shape and got.dtype == str(want.dtype)
    length = max([v.size for v in ours.weights], default=8)
    reach = np.abs(want).max() + 1
    np.testing.assert_allclose(got, want, rtol=8 * EPS32, atol=EPS32 * reach * (8 + np.sqrt(length)))
    assert not ours.weights or np.ptp(want) > 0


@pytest.mark.parametrize(("name", "arguments", "shape"), CASES, ids=IDS)
def test_symbolic_shapes(name, arguments, shape):
    free = [(None, *s[1:]) for s in shapes_of(shape)]
    ours, theirs = pair(name, arguments)
    dtype = "int32" if name == "Embedding" else "float32"

    def call(module, layer):
        made = [module.Input(batch_shape=s, dtype=dtype) for s in free]
        return layer(made if isinstance(shape, list) else made[0])

    got, want = call(layers, ours), call(keras.layers, theirs)
    assert tuple(got.shape) == tuple(want.shape) and got.dtype == want.dtype
    assert tuple(ours.compute_output_shape(free if isinstance(shape, list) else free[0])) == tuple(want.shape)
    if name not in ("Reshape", "PReLU", "Flatten") and not isinstance(shape, list):
        made = ours(np.zeros(shape, dtype)).shape
        assert made[0] == shape[0] and all(
            n in (m, None) for m, n in zip(made[1:], want.shape[1:], strict=True)
        )


@pytest.mark.parametrize(("name", "arguments", "shape"), [c for c in CASES if c[0] == "BatchNormalization"])
def test_batch_normalization_trains(name, arguments, shape, rng):
    ours, theirs = pair(name, arguments)
    share_weights(ours, theirs, shape, rng)
    for _ in range(3):
        x = rng.normal(1, 2, shape).astype("float32")
        np.testing.assert_allclose(
            ours(x, training=True), np.asarray(theirs(x, training=True)), rtol=1e-5, atol=EPS32 * 200
        )  # a difference over a deviation of about 2, times 3
    for a, b in zip(ours.get_weights(), theirs.get_weights()):
        np.testing.assert_allclose(a, b, rtol=16 * EPS32, atol=16 * EPS32)
    ours.trainable = theirs.trainable = False
    before = ours.get_weights()
    np.testing.assert_allclose(
        ours(x, training=True), np.asarray(theirs(x, training=True)), rtol=1e-5, atol=EPS32 * 200
    )
    for a, b in zip(before, ours.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_batch_normalization_with_a_mask(rng):
    ours, theirs = pair("BatchNormalization", {})
    share_weights(ours, theirs, (3, 4, 5), rng)
    x, mask = rng.standard_normal((3, 4, 5)).astype("float32"), rng.random((3, 4)) < 0.6
    x[~mask] = np.nan
    got = ours(x, training=True, mask=mask)
    want = np.asarray(theirs(x, training=True, mask=mask))
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=EPS32 * 100)
    for a, b in zip(ours.get_weights(), theirs.get_weights()):
        np.testing.assert_allclose(a, b, rtol=16 * EPS32, atol=16 * EPS32)


def test_losses(rng):
    ours, theirs = pair(
        "Dense",
        {"units": 3, "kernel_regularizer": "l1l2", "bias_regularizer": "l2", "activity_regularizer": "l2"},
    )
    share_weights(ours, theirs, (4, 5), rng)
    x = rng.standard_normal((4, 5)).astype("float32")
    ours(x), theirs(x)
    np.testing.assert_allclose(
        sorted(float(loss) for loss in ours.losses), sorted(float(loss) for loss in theirs.losses), rtol=1e-5
    )
    assert len(ours.losses) == 3


def test_masks_reach_the_layers_that_take_them(rng):
    ids = np.array([[1, 2, 0, 0], [3, 0, 4, 5]])
    table = rng.standard_normal((7, 3)).astype("float32")

    def run(module):
        x = module.Embedding(7, 3, mask_zero=True, weights=[table])(ids)
        y = module.Embedding(7, 3, mask_zero=True, weights=[table])(ids[::-1].copy())
        merged = [
            module.Add()([x, y]),
            module.Concatenate(axis=1)([x, y]),
            module.Multiply()([x, y]),
            module.Maximum()([x, y]),
            module.Dropout(0.5)(x),
            module.Activation("relu")(x),
        ]
        return [np.asarray(module.GlobalAveragePooling1D()(z)) for z in merged]

    for got, want in zip(run(layers), run(keras.layers)):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
