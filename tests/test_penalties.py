"""Activations, regularizers and constraints: their values beside Keras's, and their errors."""

import inspect

import keras
import numpy as np
import pytest
from support import EPS32

from fastnn import activations, constraints, dtype_policies, regularizers

ACTIVATIONS = sorted(set(activations._OBJECTS) - {"threshold", "swish", "hard_swish", "sparsemax"})


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name, rng):
    x = rng.normal(0, 2, (5, 8)).astype("float32")
    want = np.asarray(getattr(keras.activations, name)(x))
    got = activations.get(name)(_tensor(x))
    np.testing.assert_allclose(got, want, rtol=64 * EPS32, atol=16 * EPS32)
    ours, theirs = (inspect.signature(getattr(m, name)) for m in (activations, keras.activations))
    assert [(p.name, p.default) for p in ours.parameters.values()] == [
        (p.name, p.default) for p in theirs.parameters.values()
    ]


def _tensor(x):
    from fastnn import ops

    return ops.convert_to_tensor(x)


@pytest.mark.parametrize(
    "arguments",
    [
        {"negative_slope": 0.3},
        {"max_value": 1.0},
        {"threshold": 0.5},
        {"max_value": 6},
        {"negative_slope": 0.3, "max_value": 2.0, "threshold": 0.5},
        {"negative_slope": 0.1, "max_value": 1.5},
    ],
)
def test_relu_arguments(arguments, rng):
    x = rng.normal(0, 3, (6, 9)).astype("float32")
    np.testing.assert_allclose(
        activations.relu(_tensor(x), **arguments),
        keras.activations.relu(x, **arguments),
        rtol=4 * EPS32,
        atol=4 * EPS32,
    )


def test_threshold(rng):
    x = rng.normal(0, 3, (6, 9)).astype("float32")
    np.testing.assert_array_equal(activations.threshold(_tensor(x), 0.5, 2.0), np.where(x > 0.5, x, 2.0))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("L1", {"l1": 0.3}),
        ("L2", {"l2": 0.2}),
        ("L1L2", {"l1": 0.3, "l2": 0.1}),
        ("L1L2", {}),
        ("OrthogonalRegularizer", {"factor": 0.5}),
        ("OrthogonalRegularizer", {"mode": "rows"}),
    ],
)
def test_regularizers(name, arguments, rng):
    x = rng.standard_normal((4, 6)).astype("float32")
    ours, theirs = getattr(regularizers, name)(**arguments), getattr(keras.regularizers, name)(**arguments)
    np.testing.assert_allclose(float(ours(_tensor(x))), float(theirs(x)), rtol=24 * EPS32)
    assert ours.get_config() == pytest.approx(theirs.get_config())
    assert regularizers.get(regularizers.serialize(ours)).get_config() == ours.get_config()


def test_orthogonal_columns(rng):
    x = rng.standard_normal((4, 6)).astype("float32")
    columns = regularizers.OrthogonalRegularizer(mode="columns")
    np.testing.assert_allclose(
        float(columns(_tensor(x))),
        float(keras.regularizers.OrthogonalRegularizer()(x.T.copy())),
        rtol=24 * EPS32,
    )


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("MaxNorm", {"max_value": 1.5}),
        ("MaxNorm", {"axis": [0, 1]}),
        ("NonNeg", {}),
        ("UnitNorm", {"axis": 1}),
        ("MinMaxNorm", {"min_value": 1.0, "max_value": 2.0, "rate": 0.3}),
    ],
)
def test_constraints(name, arguments, rng):
    w = rng.standard_normal((4, 6)).astype("float32")
    ours, theirs = getattr(constraints, name)(**arguments), getattr(keras.constraints, name)(**arguments)
    np.testing.assert_allclose(ours(_tensor(w)), np.asarray(theirs(w)), rtol=16 * EPS32, atol=4 * EPS32)
    assert ours.get_config() == theirs.get_config()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: regularizers.get("l3"), "did you mean 'l"),
        (lambda: regularizers.L2(-1), "at least 0"),
        (lambda: regularizers.L1(float("nan")), "finite"),
        (lambda: constraints.get("maxnorm"), "did you mean 'MaxNorm'"),
        (lambda: regularizers.OrthogonalRegularizer(mode="rowz"), "'rows' or 'columns'"),
        (lambda: activations.get(3), "of type int"),
        (lambda: dtype_policies.get("float33"), "float33"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_policies():
    policy = dtype_policies.DTypePolicy("float64")
    assert (policy.compute_dtype, policy.variable_dtype) == ("float64", "float64")
    assert dtype_policies.get(dtype_policies.serialize(policy)) == policy
    theirs = keras.dtype_policies.serialize(keras.dtype_policies.DTypePolicy("mixed_float16"))
    with pytest.warns(UserWarning, match="computes in float32"):
        ours = dtype_policies.get("mixed_float16")
    assert dtype_policies.serialize(ours) == theirs
    dtype_policies.set_dtype_policy("float64")
    try:
        assert dtype_policies.dtype_policy().name == "float64"
    finally:
        dtype_policies._global = None
