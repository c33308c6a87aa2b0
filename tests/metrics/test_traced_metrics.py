"""Every loss and metric as part of a compiled step: the same numbers as eagerly, state gathered in place."""

import numpy as np
import pytest
from test_metrics import CASES, IDS, _batches

from fastnn import metrics
from fastnn.engine.function import function

EPS32 = float(np.finfo(np.float32).eps)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_updates_inside_a_plan(case, rng):
    name, arguments, inputs, epsilons = case
    eager, traced = getattr(metrics, name)(**arguments), getattr(metrics, name)(**arguments)

    @function
    def step(y_true, y_pred, weight):
        traced.update_state(y_true, y_pred, sample_weight=weight)

    for y_true, y_pred in _batches(inputs, rng):
        weight = np.full(y_true.shape if "ignore_class" in arguments else len(y_true), 2.0, "float32")
        if "IoU" in name:
            weight = np.full(y_true.shape[:1] if y_true.shape[-1] == 6 else y_true.shape, 2, "int32")
        eager.update_state(y_true, y_pred, sample_weight=weight)
        step(y_true, y_pred, weight)
    for a, b in zip(eager.variables, traced.variables, strict=True):
        assert a.numpy().any() or name in ("FalseNegatives",)
        np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=EPS32 * epsilons, atol=EPS32 * epsilons)
