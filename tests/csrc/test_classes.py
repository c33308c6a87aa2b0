"""csrc/classes.c and csrc/reduce_int.c in every table, against the records' NumPy forms."""

import numpy as np
import pytest
from support import EPS32, ISAS, check_kernel

import fastnn.ops  # noqa: F401 - makes the records
from fastnn.engine.op import records
from fastnn.ops import hits  # noqa: F401 - makes its records

COLS = [1, 7, 8, 9, 16, 17, 100]


def scores(rng, cols):
    """Rows with ties, a NaN, infinities and a largest element at either end."""
    x = rng.integers(-3, 4, (9, cols)).astype("float32")
    x[1, 0] = x[2, -1] = 9
    x[3] = 0
    x[4, cols // 2] = np.nan
    x[5, -1] = x[5, 0] = np.nan
    x[6] = -np.inf
    x[7, cols // 3] = np.inf
    return x


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("cols", COLS)
def test_hits(isa, cols, rng):
    x = scores(rng, cols)
    for dtype in ("int32", "int64", "uint8", "float32", "int8", "uint32", "bool"):
        for labels in (x.argmax(1), rng.integers(0, cols, 9)):
            check_kernel(records["class_hits"], [labels.astype(dtype), x], isa=isa)
    outside = np.array([-1, cols, 2**31 - 1, 0.5, np.nan, np.inf, -0.0, 3e9, 1], "float32")
    check_kernel(records["class_hits"], [outside, x], isa=isa)
    other = x[:, ::-1].copy()
    other[::2] = x[::2]
    check_kernel(records["shared_peak"], [x, other], isa=isa)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("cols", COLS)
def test_picked_and_ranked(isa, cols, rng):
    x = scores(rng, cols)
    labels = np.array([0, cols - 1, -1, cols, cols // 2, 0, 0, 2**31 - 1, -(2**31)], "int32")
    check_kernel(records["pick_class"], [x, labels], isa=isa)
    check_kernel(records["place_class"], [labels, np.arange(1, 10, dtype="float32")], isa=isa, classes=cols)
    for k in {1, min(3, cols), min(cols, 100)}:
        check_kernel(records["top_k"], [x], isa=isa, k=k)


@pytest.mark.parametrize("isa", ISAS)
def test_bincount(isa, rng):
    for shape in ((50,), (3, 20), (2, 0)):
        x = rng.integers(-2, 9, shape).astype("int32")
        check_kernel(records["bincount"], [x], isa=isa, size=7)
        check_kernel(records["bincount"], [x, rng.integers(-5, 5, shape).astype("int32")], isa=isa, size=9)
        check_kernel(
            records["bincount"], [x, rng.random(shape, dtype="float32")], isa=isa, size=9, rtol=60 * EPS32
        )


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "bool", "int8", "float32"])
def test_reductions_of_integers(isa, dtype, rng):
    x = rng.integers(-1, 2, (4, 5, 6)).astype(dtype)
    x[1], x[2] = 0, 1
    if dtype == "float32":
        x[3, 2, 1] = np.nan
    names = ["any", "all", "count_nonzero"]
    if dtype != "float32":
        names += ["sum", "prod", "max", "min"]
    for name in names:
        for axis in (None, (0,), (1,), (2,), (1, 2)):
            if name in ("max", "min") and dtype == "bool":
                continue
            check_kernel(records[name], [x], isa=isa, axis=axis, keepdims=False)
