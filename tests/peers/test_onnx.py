"""Exported models, run by ONNX Runtime: the same outputs, for any batch size."""

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

import fastnn
from fastnn import layers, ops

sys.path.insert(0, str(Path(__file__).parents[1] / "saving"))
from architectures import ARCHITECTURES, data_for  # noqa: E402

Input = fastnn.Input


def floats(*shape):
    return np.random.default_rng(len(shape) + 7).standard_normal(shape).astype("float32")


def whole(limit, *shape):
    return np.random.default_rng(5).integers(0, limit, shape).astype("int32")


def disturb(model, seed=3):
    """Weights as training leaves them: no zeros, no ones; variances stay positive."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        if variable.dtype == "float32":
            noise = rng.normal(0, 0.1, tuple(variable.shape))
            variable.assign(np.abs(np.asarray(variable) + noise).astype("float32") * rng.choice([0.5, 0.7]))


def exported(model, path, **kwargs):
    model.export(path, verbose=False, **kwargs)
    onnx.checker.check_model(str(path), full_check=True)
    return onnxruntime.InferenceSession(str(path))


def run(session, x):
    names = [given.name for given in session.get_inputs()]
    if not isinstance(x, dict):
        x = dict(zip(names, x if isinstance(x, (list, tuple)) else [x], strict=True))
    return dict(zip([made.name for made in session.get_outputs()], session.run(None, x), strict=True))


def check(model, path, *inputs, **kwargs):
    """The exported model's outputs are the model's, for each of the `inputs`."""
    session = exported(model, path, **kwargs)
    for x in inputs:
        want = model(x, training=False)
        got = run(session, x)
        if not isinstance(want, dict):
            want = dict(zip(got, want if isinstance(want, (list, tuple)) else [want], strict=True))
        assert set(want) == set(got)
        for name, y in want.items():
            y = np.asarray(y)
            assert got[name].dtype == y.dtype and got[name].shape == y.shape
            np.testing.assert_allclose(got[name], y, rtol=1e-5, atol=1e-5, err_msg=name)
    return session


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_architectures(name, tmp_path):
    model = ARCHITECTURES[name][0](fastnn)
    model.predict(data_for(name)[0], verbose=0)
    disturb(model)
    check(model, tmp_path / "m.onnx", *[data_for(name, rows=rows)[0] for rows in (1, 6)])


def stack(*parts, shape, dtype="float32"):
    return fastnn.Sequential([Input(shape, dtype=dtype), *parts])


def masked(*parts, shape=(6, 3)):
    return stack(layers.Masking(0.0), *parts, shape=shape)


def gaps(rows):
    x = floats(rows, 6, 3)
    x[0, 4:] = x[-1, :2] = x[-1, 3] = 0
    return x


def transformer():
    tokens = Input((7,), dtype="int32")
    x = layers.Embedding(11, 8, mask_zero=True)(tokens)
    x = x + layers.Embedding(7, 8)(ops.arange(7))
    x = layers.Add()([x, layers.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True)])
    x = layers.LayerNormalization()(x)
    x = layers.Add()([x, layers.Dense(8)(layers.Dense(16, activation="gelu")(x))])
    return fastnn.Model(tokens, layers.Dense(11)(layers.RMSNormalization()(x)))


def attentions():
    q, v = Input((4, 6), name="q"), Input((5, 6), name="v")
    mixed = [
        layers.Attention(use_scale=True)([q, v]),
        layers.AdditiveAttention()([q, v]),
        layers.MultiHeadAttention(3, 2, value_dim=4, output_shape=6)(q, v),
        layers.GroupQueryAttention(4, 2, 2)(q, v),
    ]
    return fastnn.Model([q, v], layers.Concatenate()(mixed))


def normalization():
    layer = layers.Normalization()
    layer.adapt(floats(20, 4))
    return stack(layer, shape=(4,))


def encoder_decoder():
    source, target = Input((None, 3), name="source"), Input((None, 4), name="target")
    _, h, c = layers.LSTM(5, return_state=True)(source)
    x = layers.LSTM(5, return_sequences=True)(target, initial_state=[h, c])
    return fastnn.Model([source, target], layers.Dense(4)(x))


def any_length():
    inputs = Input((None, 3))
    x = layers.MaxPooling1D(2)(layers.Conv1D(4, 3, padding="causal")(inputs))
    x = layers.MultiHeadAttention(2, 3)(x, x, use_causal_mask=True)
    x = layers.Concatenate()([layers.Bidirectional(layers.GRU(3))(x), layers.GlobalAveragePooling1D()(x)])
    return fastnn.Model(inputs, x)


LAYERS = {
    "masked_lstm": (lambda: masked(layers.LSTM(4, return_sequences=True), layers.LSTM(3)), gaps),
    "masked_gru": (lambda: masked(layers.Bidirectional(layers.GRU(4, return_sequences=True))), gaps),
    "masked_rnn": (lambda: masked(layers.SimpleRNN(4, go_backwards=True, activation="relu")), gaps),
    "gru_reset_before": (lambda: masked(layers.GRU(4, reset_after=False, return_sequences=True)), gaps),
    "lstm_odd": (
        lambda: stack(
            layers.LSTM(4, activation="linear", recurrent_activation="hard_sigmoid", use_bias=False),
            shape=(6, 3),
        ),
        gaps,
    ),
    "lstm_backwards": (
        lambda: stack(layers.LSTM(4, go_backwards=True, return_sequences=True), shape=(6, 3)),
        gaps,
    ),
    "gru_backwards": (
        lambda: stack(layers.GRU(4, go_backwards=True, return_sequences=True), shape=(6, 3)),
        gaps,
    ),
    "bidirectional": (
        lambda: stack(
            layers.Bidirectional(layers.LSTM(3, return_sequences=True), merge_mode="sum"),
            layers.Bidirectional(layers.GRU(3)),
            shape=(6, 3),
        ),
        gaps,
    ),
    "cells": (
        lambda: stack(
            layers.RNN([layers.LSTMCell(3), layers.GRUCell(2, activation="softplus")]), shape=(6, 3)
        ),
        gaps,
    ),
    "conv_lstm": (
        lambda: stack(layers.ConvLSTM2D(3, 3, padding="same"), shape=(3, 5, 5, 2)),
        lambda rows: floats(rows, 3, 5, 5, 2),
    ),
    "transformer": (transformer, lambda rows: whole(11, rows, 7)),
    "attentions": (attentions, lambda rows: [floats(rows, 4, 6), floats(rows, 5, 6)]),
    "encoder_decoder": (encoder_decoder, lambda rows: [floats(rows, rows + 2, 3), floats(rows, 4, 4)]),
    "any_length": (any_length, lambda rows: floats(rows, 8 + rows, 3)),
    "any_image": (
        lambda: stack(
            layers.Conv2D(4, 3, strides=2, padding="same"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(3, 2, padding="same"),
            layers.UpSampling2D(2),
            layers.Conv2DTranspose(3, 3, strides=2, padding="same"),
            layers.GlobalMaxPooling2D(),
            shape=(None, None, 2),
        ),
        lambda rows: floats(rows, 9 + rows, 12, 2),
    ),
    "transposed": (
        lambda: stack(
            layers.Conv2DTranspose(4, 3, strides=2, padding="same", output_padding=1),
            layers.Conv2DTranspose(3, (2, 3), strides=(2, 1)),
            shape=(4, 5, 3),
        ),
        lambda rows: floats(rows, 4, 5, 3),
    ),
    "depthwise": (
        lambda: stack(
            layers.DepthwiseConv2D(3, strides=2, depth_multiplier=2, padding="same"),
            layers.SeparableConv2D(4, 3, dilation_rate=2, padding="same"),
            layers.Conv2D(4, 3, groups=2, activation="elu"),
            shape=(9, 9, 3),
        ),
        lambda rows: floats(rows, 9, 9, 3),
    ),
    "volumes": (
        lambda: stack(
            layers.Conv3D(3, 2, activation="leaky_relu"),
            layers.AveragePooling3D(2, 1, padding="same"),
            layers.Conv3DTranspose(2, 2, strides=2),
            layers.ZeroPadding3D(1),
            layers.Cropping3D(2),
            shape=(4, 5, 4, 2),
        ),
        lambda rows: floats(rows, 4, 5, 4, 2),
    ),
    "channels_first": (
        lambda: stack(
            layers.Permute((3, 1, 2)),
            layers.Conv2D(4, 3, data_format="channels_first"),
            layers.AveragePooling2D(2, data_format="channels_first"),
            layers.BatchNormalization(axis=1),
            shape=(8, 8, 3),
        ),
        lambda rows: floats(rows, 8, 8, 3),
    ),
    "norms": (
        lambda: stack(
            layers.GroupNormalization(2),
            layers.LayerNormalization(axis=(1, 2)),
            layers.UnitNormalization(),
            layers.RMSNormalization(),
            layers.SpectralNormalization(layers.Conv2D(4, 1)),
            shape=(3, 3, 4),
        ),
        lambda rows: floats(rows, 3, 3, 4),
    ),
    "activations": (
        lambda: stack(
            layers.PReLU(),
            layers.ELU(0.5),
            layers.LeakyReLU(0.1),
            layers.ReLU(max_value=3, negative_slope=0.1, threshold=0.2),
            layers.Softmax(),
            shape=(6,),
        ),
        lambda rows: floats(rows, 6),
    ),
    "shapes": (
        lambda: stack(
            layers.ZeroPadding2D(((1, 2), (0, 3))),
            layers.Cropping2D(1),
            layers.UpSampling2D(2, interpolation="bilinear"),
            layers.Reshape((-1, 6)),
            layers.Permute((2, 1)),
            layers.Flatten(),
            layers.RepeatVector(3),
            shape=(4, 5, 3),
        ),
        lambda rows: floats(rows, 4, 5, 3),
    ),
    "merging": (
        lambda: fastnn.Model(
            [(a := Input((4,))), (b := Input((4,)))],
            [
                layers.Average()([a, b]),
                layers.Maximum()([a, b]),
                layers.Minimum()([a, b]),
                layers.Dot(1, normalize=True)([a, b]),
                layers.EinsumDense("ab,bc->ac", 3, bias_axes="c")(a),
            ],
        ),
        lambda rows: [floats(rows, 4), floats(rows, 4) + 1],
    ),
    "adaptive": (
        lambda: stack(
            layers.AdaptiveAveragePooling2D((3, 4)), layers.AdaptiveMaxPooling2D((2, 2)), shape=(7, 8, 2)
        ),
        lambda rows: floats(rows, 7, 8, 2),
    ),
    "images": (
        lambda: stack(
            layers.Rescaling(1 / 127.5, offset=-1),
            layers.Resizing(6, 7),
            layers.CenterCrop(4, 4),
            shape=(9, 8, 3),
        ),
        lambda rows: floats(rows, 9, 8, 3),
    ),
    "augmentation": (
        lambda: stack(
            layers.RandomFlip(), layers.RandomRotation(0.2), layers.GaussianNoise(1.0), shape=(5, 5, 3)
        ),
        lambda rows: floats(rows, 5, 5, 3),
    ),
    "normalization": (normalization, lambda rows: floats(rows, 4)),
    "discretization": (
        lambda: stack(layers.Discretization([-1.0, 0.0, 0.5]), shape=(4,)),
        lambda rows: floats(rows, 4),
    ),
    "discretization_counts": (
        lambda: stack(layers.Discretization([-1.0, 0.0, 0.5], output_mode="count"), shape=(4,)),
        lambda rows: floats(rows, 4),
    ),
    "one_hot": (
        lambda: stack(layers.CategoryEncoding(5, output_mode="one_hot"), shape=(1,), dtype="int32"),
        lambda rows: whole(5, rows, 1),
    ),
    "multi_hot": (
        lambda: stack(layers.CategoryEncoding(5, output_mode="multi_hot"), shape=(3,), dtype="int32"),
        lambda rows: whole(5, rows, 3),
    ),
    "counts": (
        lambda: stack(layers.CategoryEncoding(5, output_mode="count"), shape=(3,), dtype="int32"),
        lambda rows: whole(5, rows, 3),
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, tmp_path):
    make, draw = LAYERS[name]
    model = make()
    if name not in ("normalization", "lstm_odd"):
        disturb(model)
    check(model, tmp_path / "m.onnx", draw(2), draw(5))


UNARY = (
    "abs arcsinh arctan cbrt ceil celu cos cosh deg2rad elu erf erfc exp exp2 expm1 floor gelu hard_shrink "
    "hard_sigmoid hard_silu hard_tanh isfinite isinf isnan leaky_relu log_sigmoid logical_not mish negative relu "
    "relu6 selu sigmoid sign signbit silu sin sinc sinh soft_shrink softplus softsign sparse_plus "
    "sparse_sigmoid sparsemax square squareplus tanh tanh_shrink trunc log_softmax softmax real "
    "argmax argmin count_nonzero max min mean sum prod std var any all logsumexp cumsum argsort sort flip ravel"
).split()
POSITIVE = "arccosh log log10 log1p log2 reciprocal rsqrt sqrt".split()
SMALL = "arccos arcsin arctanh".split()
BINARY = (
    "add arctan2 divide divide_no_nan equal floor_divide fmax fmin fmod greater greater_equal heaviside hypot less "
    "less_equal logaddexp logical_and logical_or logical_xor maximum minimum mod multiply not_equal power subtract"
).split()
INTEGERS = (
    "add bitwise_and bitwise_or bitwise_xor equal floor_divide greater left_shift less maximum minimum mod multiply "
    "not_equal right_shift subtract"
).split()


@pytest.mark.parametrize(
    "names, x", [(UNARY, floats(3, 4)), (POSITIVE, np.abs(floats(3, 4)) + 1), (SMALL, floats(3, 4) / 4)]
)
def test_ops_of_one_tensor(names, x, tmp_path):
    x[0, 0] = 2.0 if names is POSITIVE else 0.0
    given = Input((4,))
    whole_batch = {"argmax", "argmin", "argsort", "sort", "sum", "prod"}
    results = [getattr(ops, n)(given, axis=-1) if n in whole_batch else getattr(ops, n)(given) for n in names]
    model = fastnn.Model(given, dict(zip(names, results, strict=True)))
    with np.errstate(all="ignore"):
        check(model, tmp_path / "m.onnx", x)


@pytest.mark.parametrize("names, dtype", [(BINARY, "float32"), (INTEGERS, "int32"), (INTEGERS, "int8")])
def test_ops_of_two_tensors(names, dtype, tmp_path):
    a, b = Input((4,), dtype=dtype, name="a"), Input((4,), dtype=dtype, name="b")
    model = fastnn.Model([a, b], {n: getattr(ops, n)(a, b) for n in names})
    if dtype == "float32":
        x, y = floats(3, 4) * 3, floats(3, 4)[::-1].copy()
        y[0, 0] = x[0, 0]
        x = np.abs(x)  # of powers
    else:
        x, y = whole(20, 3, 4).astype(dtype), whole(5, 3, 4).astype(dtype) + np.int8(1)
    with np.errstate(all="ignore"):
        check(model, tmp_path / "m.onnx", [x, y.astype(x.dtype)])


def picked(x, i):
    """Ops that place and pick, with unknown batch."""
    square = ops.reshape(ops.concatenate([x, x, x, x], axis=1), (-1, 4, 4))
    rows = ops.stop_gradient(i)
    return {
        "take": ops.take(x, [3, 0, -1], axis=1),
        "along": ops.take_along_axis(x, rows, axis=1),
        "index": square[:, [0, 1], [2, 3]],
        "split": ops.split(x, 2, axis=1)[1],
        "stack": ops.stack([x, x + 1], axis=2),
        "slice": square[:, ::-2, 1:3],
        "roll": ops.roll(x, 1, axis=1),
        "pad": ops.pad(x, ((0, 0), (1, 2)), constant_values=2.0),
        "repeat": ops.repeat(x, 2, axis=1),
        "tile": ops.tile(x, (1, 2)),
        "tril": ops.tril(square),
        "triu": ops.triu(square, 1),
        "diagonal": ops.diagonal(square, 1, 1, 2),
        "diag": ops.diag(x[0]),
        "one_hot": ops.one_hot(i, 5),
        "top_k": ops.top_k(x, 2)[1],
        "searchsorted": ops.searchsorted(ops.convert_to_tensor(np.float32([-1, 0, 1])), x),
        "where": ops.where(x > 0, x, -1.0),
        "round": ops.round(x, 1),
        "cast": ops.cast(x > 0, "float32"),
        "swap": ops.swapaxes(square, 1, 2),
        "einsum": ops.einsum("bij,bkj->bik", square, square),
        "matmul": ops.matmul(square, ops.transpose(square, (0, 2, 1))),
        "outer": ops.outer(x[0], x[0]),
        "norm": ops.norm(x, axis=1),
        "over_rows": ops.mean(x, axis=0),
        "like": ops.zeros_like(x) + ops.ones((1, 4)),
        "multi_hot": ops.multi_hot(i, 6),
        "clip": ops.clip(x, -0.5, 0.5),
        "fliplr": ops.fliplr(x),
        "depth": ops.expand_dims(x, (1, 3)),
        "update": ops.scatter_update(ops.zeros((4, 2)), [[1], [3]], x[:2, :2]),
        "scatter": ops.scatter([[0], [2], [0]], x[:1, :3][0], (4,)),
        "moments": ops.moments(x, 1)[1],
    }


def test_ops_that_pick_and_place(tmp_path):
    x, i = Input((4,), name="x"), Input((4,), dtype="int32", name="i")
    model = fastnn.Model({"x": x, "i": i}, picked(x, i))
    for rows in (2, 5):
        check(model, tmp_path / "m.onnx", {"x": floats(rows, 4), "i": whole(4, rows, 4)})


@pytest.mark.parametrize("dtype", ["float64", "float16"])
def test_other_dtypes(dtype, tmp_path):
    kinds = [layers.LSTM(3, dtype=dtype)] if dtype == "float64" else [layers.Flatten(dtype=dtype)]
    model = stack(*kinds, layers.Dense(2, activation="gelu", dtype=dtype), shape=(5, 3), dtype=dtype)
    session = exported(model, tmp_path / "m.onnx")
    x = floats(4, 5, 3).astype(dtype)
    (got,) = run(session, x).values()
    assert got.dtype == dtype
    np.testing.assert_allclose(got, model(x), atol=1e-5 if dtype == "float64" else 3e-3)


def test_outputs_that_are_inputs_and_outputs_twice(tmp_path):
    x, z = Input((3,), name="x"), {"deep": Input((3,), name="deep")}
    y = layers.Dense(2, name="y")(x)
    model = fastnn.Model({"x": x, "z": z}, [x, y, y, z["deep"]])
    session = exported(model, tmp_path / "m.onnx")
    given = {"x": floats(4, 3), "deep": floats(4, 3) + 1}
    got = run(session, given)
    want = model({"x": given["x"], "z": {"deep": given["deep"]}})
    for a, b in zip(got.values(), want, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_names_and_sizes(tmp_path):
    model = ARCHITECTURES["several_ends"][0](fastnn)
    session = exported(model, tmp_path / "m.onnx")
    assert {i.name: i.shape for i in session.get_inputs()} == {"left": ["batch", 5], "right": ["batch", 3]}
    assert {o.name: o.shape for o in session.get_outputs()} == {"number": ["batch", 1], "kind": ["batch", 3]}
    model.export(tmp_path / "no_ending", format="onnx", verbose=False)
    assert (tmp_path / "no_ending").read_bytes() == (tmp_path / "m.onnx").read_bytes()


class Twice(fastnn.Model):
    """A model of two arguments, each a structure."""

    def __init__(self):
        super().__init__()
        self.table = layers.Embedding(9, 4)
        self.dense = layers.Dense(3)

    def call(self, words, more, training=None):
        x = self.table(words) if words.dtype == "int32" else words
        return {"sum": self.dense(ops.mean(x, axis=1) + more["a"]), "other": more["b"] * 2}


def test_a_subclass_with_several_arguments(tmp_path):
    model = Twice()
    given = [whole(9, 2, 5), {"a": floats(2, 4), "b": floats(2, 1)}]
    want = model(given[0], more=given[1])
    session = exported(model, tmp_path / "m.onnx")
    got = run(session, {"words": given[0], **given[1]})
    for name, y in want.items():
        np.testing.assert_allclose(got[name], y, rtol=1e-5, atol=1e-5)


def test_a_signature_of_ones_own(tmp_path):
    model = fastnn.Sequential([layers.Dense(3), layers.Dense(2)])
    model(floats(2, 4))
    fixed = exported(model, tmp_path / "m.onnx", input_signature=[Input(batch_shape=(7, 4), name="seven")])
    assert [(i.name, i.shape) for i in fixed.get_inputs()] == [("seven", [7, 4])]
    free = exported(model, tmp_path / "m.onnx", input_signature=[floats(3, 4)])
    np.testing.assert_allclose(list(run(free, floats(6, 4)).values())[0], model(floats(6, 4)), rtol=1e-5)


def test_what_cannot_be_said_names_op_and_layer(tmp_path):
    @fastnn.saving.register_keras_serializable("tests")
    class Roots(layers.Layer):
        def call(self, x):
            return ops.svd(x, compute_uv=False)

    model = fastnn.Sequential([Input((3, 3)), layers.Dense(3), Roots(name="roots")])
    with pytest.raises(ValueError, match=r"'svd' in layer '.*roots'"):
        model.export(tmp_path / "m.onnx")
    cells = fastnn.Sequential(
        [Input((None, 3)), layers.RNN(layers.LSTMCell(2), name="loop"), layers.Dense(1)]
    )
    with pytest.raises(ValueError, match=r"in layer '.*loop.*' the model computes other things"):
        cells.export(tmp_path / "m.onnx")
    model = fastnn.Sequential(
        [Input((4,)), layers.Lambda(lambda x: x + fastnn.random.normal((4,)), name="noisy")]
    )
    with pytest.raises(ValueError, match=r"'random_\w+' in layer '.*noisy'"):
        model.export(tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_trained_then_exported_learns_no_more(tmp_path):
    """Dropout is off, moving averages are used, and exporting changes nothing in the model."""
    model = stack(
        layers.Dense(8, activation="relu"),
        layers.BatchNormalization(),
        layers.Dropout(0.5),
        layers.Dense(1),
        shape=(4,),
    )
    model.compile("adam", loss="mse")
    model.fit(floats(64, 4), floats(64, 1), epochs=2, verbose=0)
    before = model.get_weights()
    check(model, tmp_path / "m.onnx", floats(5, 4))
    for b, a in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_archives(tmp_path):
    """Endpoints are files of their own: a model, its call, a function of it, a layer."""
    x = fastnn.Input((4,), name="x")
    inner = layers.Dense(5, "tanh", name="inner")
    model = fastnn.Model(x, layers.Dropout(0.5)(layers.Dense(2)(inner(x))))
    data = floats(3, 4)
    archive = fastnn.export.ExportArchive(format="onnx")
    archive.track(model)
    archive.add_endpoint("serve", model)
    archive.add_endpoint("call", model.call)
    archive.add_endpoint(
        "both",
        lambda a, b: {"sum": model(a) + b, "inner": inner(a)},
        [Input((4,)), fastnn.InputSpec(shape=(None, 2))],
    )
    archive.track_and_add_endpoint("inner", inner, input_signature=[floats(1, 4)])
    archive.write_out(tmp_path / "all", verbose=False)
    sessions = {path.stem: onnxruntime.InferenceSession(str(path)) for path in (tmp_path / "all").iterdir()}
    assert set(sessions) == {"serve", "call", "both", "inner"}
    want = np.asarray(model(data))
    for name in ("serve", "call"):
        (got,) = run(sessions[name], data).values()
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    got = run(sessions["both"], [data, floats(3, 2)])
    np.testing.assert_allclose(got["sum"], want + floats(3, 2), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(got["inner"], inner(data), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(*run(sessions["inner"], data).values(), inner(data), rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="one endpoint"):
        archive.write_out(tmp_path / "m.onnx")
    one = fastnn.export.ExportArchive()
    one.add_endpoint("serve", model)
    one.write_out(tmp_path / "m.onnx")
    assert onnxruntime.InferenceSession(str(tmp_path / "m.onnx")).get_inputs()[0].shape == ["batch", 4]
