"""Every public op is called: eagerly against Keras, traced and on symbolic tensors against the eager call."""

import warnings

import keras
import numpy as np
import pytest
from every_op import CALLS, Arrays

import fastnn
from fastnn import ops

CASES = [(name, i) for name in sorted(CALLS) for i in range(len(CALLS[name]))]
ELSEWHERE = {"custom_gradient", "jvp"}  # tests/ops/test_rare.py
# Keras on NumPy gives the dtypes of NumPy there, other than Keras on JAX or TensorFlow.
OTHER_DTYPE = {"associative_scan", "histogram", "sparsemax", "top_k", "while_loop"}
NEED_VALUES = {"convert_to_numpy", "nonzero"}
NOT_SYMBOLIC = {"shape", "ndim", "size", "is_tensor", "dtype", "empty", "empty_like"}  # no tensors come out


def leaves(result):
    if isinstance(result, (list, tuple)):
        return [leaf for part in result for leaf in leaves(part)]
    return [result]


def arrays_of(result):
    return [leaf if isinstance(leaf, str) else np.asarray(leaf) for leaf in leaves(result)]


def check(got, want, dtypes=True):
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        if isinstance(a, str):
            assert a == b
            continue
        assert a.shape == b.shape
        assert not dtypes or a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4)  # factorisations of small matrices among them


def test_the_gradient_of_products():
    """Each element's is the product of all others, at zeros too."""
    x = np.float32([[2.0, 3.0, 4.0], [0.0, 5.0, 2.0], [0.0, 0.0, 2.0]])
    tensor = ops.convert_to_tensor(x)
    for axis, want in ((1, [[12, 8, 6], [10, 0, 0], [0, 0, 0]]), (None, np.zeros((3, 3)))):
        with fastnn.GradientTape() as tape:
            tape.watch(tensor)
            product = ops.sum(ops.prod(tensor, axis=axis))
        np.testing.assert_allclose(tape.gradient(product, tensor), want)


def test_all_are_here():
    public = {
        name for name in dir(keras.ops) if not name.startswith("_") and callable(getattr(keras.ops, name))
    }
    assert not public - set(CALLS) - ELSEWHERE


@pytest.mark.parametrize("name, i", CASES)
def test_as_keras(name, i):
    call = CALLS[name][i]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras's istft doubts its window
        want = arrays_of(call(keras.ops, Arrays(keras.ops.convert_to_tensor)))
    check(arrays_of(call(ops, Arrays(ops.convert_to_tensor))), want, name not in OTHER_DTYPE)


@pytest.mark.parametrize("name, i", [case for case in CASES if case[0] not in NEED_VALUES])
def test_traced_and_symbolic(name, i):
    call = CALLS[name][i]
    eager = arrays_of(call(ops, Arrays(ops.convert_to_tensor)))
    if name != "dtype":
        made = vars(Arrays())

        def traced(*tensors):
            arrays = Arrays()
            vars(arrays).update(zip(made, tensors, strict=True))
            return call(ops, arrays)

        check(arrays_of(fastnn.function(traced)(*map(ops.convert_to_tensor, made.values()))), eager, False)
    if name not in NOT_SYMBOLIC:
        specs = leaves(call(ops, Arrays(lambda x: fastnn.KerasTensor(x.shape, x.dtype.name))))
        for spec, array in zip(specs, eager, strict=True):
            assert tuple(spec.shape) == array.shape
            assert spec.dtype == array.dtype or name == "while_loop"
