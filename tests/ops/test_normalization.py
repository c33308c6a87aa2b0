"""Normalisation: records' gradients (second ones too), and public functions against Keras."""

import numpy as np
import pytest
from support import check_gradient

from fastnn import ops
from fastnn.ops import normalization as n

keras = pytest.importorskip("keras")


def _normal(rng, *shapes):
    return [rng.normal(0.5, 2, shape).astype("float32") for shape in shapes]


@pytest.mark.parametrize("shape", [(6, 3), (2, 3, 2, 4)])
@pytest.mark.parametrize("activation", [None, "relu"])
def test_batch_norm_gradients(shape, activation, rng):
    c = shape[-1:]
    x, gamma, beta, dy = _normal(rng, shape, c, c, shape)
    attrs = {"epsilon": 1e-3, "activation": activation}
    check_first_gradient(n.batch_norm_train_op, [x, gamma, beta], rng, **attrs)
    _, mean, var = n.batch_norm_train_op.reference(x.astype("float64"), gamma, beta, **attrs)
    check_second_gradient(n.batch_norm_train_grad_op, [x, gamma, beta, mean, var, dy], [0, 1, 2, 5], rng,
                          lambda x, gamma, beta: n.batch_norm_train_op.reference(x, gamma, beta, **attrs)[1:], **attrs)
