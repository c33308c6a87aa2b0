"""Matrix products and einsum: kernels and gradients of the records, public functions against NumPy."""

import numpy as np
import pytest
from support import EPS32, ISAS, check_gradient, check_kernel

from fastnn import ops
from fastnn.engine.op import records
from fastnn.engine.symbolic import KerasTensor
from fastnn.engine.tape import GradientTape
from fastnn.engine.tensor import Tensor

SHAPES = [
    ((4, 5), (5, 3)),
    ((2, 4, 5), (5, 3)),
    ((2, 4, 5), (2, 5, 3)),
    ((3, 1, 4, 5), (2, 5, 3)),
    ((4, 5), (2, 5, 3)),
    ((0, 5), (5, 3)),
    ((4, 0), (0, 3)),
    ((2, 0, 5), (1, 5, 3)),
    ((1, 4, 5), (3, 1, 5, 2)),
]


def _stored(shape, turned):
    return (*shape[:-2], shape[-1], shape[-2]) if turned else shape


@pytest.mark.parametrize("a_shape, b_shape", SHAPES)
@pytest.mark.parametrize("ta", [False, True])
@pytest.mark.parametrize("tb", [False, True])
def test_matmul_record(a_shape, b_shape, ta, tb, rng):
    a, b = rng.standard_normal(_stored(a_shape, ta)), rng.standard_normal(_stored(b_shape, tb))
    attrs = {"transpose_a": ta, "transpose_b": tb}
    check_gradient(records["matmul"], [a, b], rng=rng, **attrs)
    for isa in ISAS:
        narrow = [a.astype("float32"), b.astype("float32")]
        check_kernel(records["matmul"], narrow, isa=isa, atol=EPS32 * 64, **attrs)


@pytest.mark.parametrize(
    "activation, alpha",
    [(None, 0.0), ("relu", 0.0), ("leaky_relu", 0.3), ("sigmoid", 0.0), ("tanh", 0.0), ("elu", 0.7)],
)
@pytest.mark.parametrize("bias", [False, True])
def test_dense_record(activation, alpha, bias, rng):
    x, w, b = rng.standard_normal((2, 3, 7)), rng.standard_normal((7, 19)), rng.standard_normal(19)
    arrays = [x, w, b] if bias else [x, w]
    attrs = {"activation": activation, "alpha": alpha}
    check_gradient(records["dense"], arrays, rng=rng, **attrs)
    for isa in ISAS:
        narrow = [a.astype("float32") for a in arrays]
        check_kernel(records["dense"], narrow, isa=isa, atol=EPS32 * 64, **attrs)


def test_dense_says_what_is_wrong():
    x, w = (Tensor(np.zeros(s, "float32")) for s in ((2, 3), (3, 4)))
    with pytest.raises(ValueError, match="'gelu'.*apply any other"):
        records["dense"](x, w, activation="gelu", alpha=0.0)
    with pytest.raises(ValueError, match=r"bias.*\(4,\).*\(3,\)"):
        records["dense"](x, w, Tensor(np.zeros(3, "float32")), activation=None, alpha=0.0)
    with pytest.raises(ValueError, match=r"\(2, 3\).*first as long.*\(4, 3\)"):
        records["dense"](x, Tensor(np.zeros((4, 3), "float32")), activation=None, alpha=0.0)


@pytest.mark.parametrize(
    "name, shapes",
    [
        ("matmul", [(3,), (3,)]),
        ("matmul", [(3,), (3, 2)]),
        ("matmul", [(2, 4, 3), (3,)]),
        ("matmul", [(3,), (5, 3, 2)]),
        ("matmul", [(5, 2, 3), (3, 4)]),
        ("dot", [(), (2, 3)]),
        ("dot", [(4, 3), (3,)]),
        ("dot", [(2, 4, 3), (5, 3, 2)]),
        ("inner", [(3,), (3,)]),
        ("inner", [(2, 4, 3), (5, 3)]),
        ("inner", [(2, 3), ()]),
        ("outer", [(2, 2), (3,)]),
        ("vdot", [(2, 6), (3, 4)]),
        ("tensordot", [(4, 3, 2), (3, 2, 5)]),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_functions_match_numpy(name, shapes, dtype, rng):
    arrays = [rng.normal(0, 3, shape).astype(dtype) for shape in shapes]
    got = getattr(ops, name)(*arrays)
    want = getattr(np, name)(*arrays)
    assert got.dtype == dtype and got.shape == want.shape
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-5, atol=EPS32 * 200)


@pytest.mark.parametrize("axes", [0, 1, ((1,), (0,)), ((0, 1), (1, 0)), ([-1, 0], [0, -1])])
def test_tensordot_axes(axes, rng):
    a, b = rng.standard_normal((4, 3)).astype("float32"), rng.standard_normal((3, 4)).astype("float32")
    got = ops.tensordot(a, b, axes=axes).numpy()
    np.testing.assert_allclose(got, np.tensordot(a, b, axes), atol=EPS32 * 100)


def test_int8_sums_are_int32():
    a = np.full((2, 3), 100, "int8")
    assert ops.matmul(a, a.T).dtype == "int32"
    assert ops.matmul(a, a.T).numpy()[0, 0] == 30000
    assert ops.einsum("ij,kj->ik", a, a).numpy()[0, 0] == 30000


def test_matmul_says_what_is_wrong():
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(4, 5\).*3 columns.*4 rows"):
        ops.matmul(np.zeros((2, 3), "float32"), np.zeros((4, 5), "float32"))
    with pytest.raises(ValueError, match="leading axes"):
        ops.matmul(np.zeros((2, 2, 3), "float32"), np.zeros((4, 3, 5), "float32"))
    with pytest.raises(ValueError, match="scalar"):
        ops.matmul(np.float32(2), np.zeros((4, 5), "float32"))
    with pytest.raises(ValueError, match="equally long"):
        ops.tensordot(np.zeros((2, 3), "float32"), np.zeros((4, 5), "float32"), axes=1)


EINSUMS = [
    "ij,jk->ik",
    "ij,jk",
    "ij->ji",
    "ji",
    "ii->i",
    "ii",
    "ij->",
    "ij,ij->ij",
    "ij,kj->kij",
    "i,j->ij",
    "i,i",
    "bij,bjk->bik",
    "bthd,bshd->bhts",
    "bhts,bshd->bthd",
    "...ij,jk->...ik",
    "...j,j",
    "b...i,b...i->b...",
    "ij,jk,kl->il",
    "a,ab,abc->abc",
    "iij,jk->ik",
    "ij,ik,il->jkl",
    "abc,cd->abd",
    "ijk,ilm->km",
]


@pytest.mark.parametrize("subscripts", EINSUMS)
def test_einsum(subscripts, rng):
    extents = {c: n for c, n in zip("abcdhijklmst", (2, 3, 4, 2, 3, 4, 4, 3, 5, 2, 4, 5), strict=True)}
    extents["."] = (2, 3)
    arrays = [
        rng.standard_normal([m for c in term.replace("...", ".") for m in np.atleast_1d(extents[c])])
        for term in subscripts.split("->")[0].split(",")
    ]
    narrow = [a.astype("float32") for a in arrays]
    got = ops.einsum(subscripts, *narrow)
    want = np.einsum(subscripts, *arrays)
    assert got.shape == want.shape and got.dtype == "float32"
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-5, atol=EPS32 * 500)
    inputs = [Tensor(a) for a in arrays]  # the gradient, in float64, against a central difference
    with GradientTape() as tape:
        y = ops.einsum(subscripts, *inputs)
        dy = rng.standard_normal(y.shape)
        loss = ops.sum(y * dy)
    for i, (x, dx) in enumerate(zip(inputs, tape.gradient(loss, inputs), strict=True)):
        v = rng.standard_normal(x.shape)

        def moved(h, i=i, v=v):
            ahead = [a + h * v if j == i else a for j, a in enumerate(arrays)]
            return np.vdot(dy, np.einsum(subscripts, *ahead))

        numeric = (moved(1e-5) - moved(-1e-5)) / 2e-5
        np.testing.assert_allclose(np.vdot(dx.numpy(), v), numeric, rtol=1e-6, atol=1e-8)


def test_einsum_broadcasts_ones_and_spares_diagonals_from_infinity():
    a, b = np.ones((1, 3), "float32"), np.full((4, 1), 2.0, "float32")
    np.testing.assert_array_equal(ops.einsum("ij,ij->ij", a, b).numpy(), np.full((4, 3), 2))
    x = np.full((3, 3), np.inf, "float32")
    np.fill_diagonal(x, [1, 2, 3])
    np.testing.assert_array_equal(ops.einsum("ii->i", x).numpy(), [1, 2, 3])


@pytest.mark.parametrize(
    "subscripts, match",
    [
        ("ij,jk->iz", "'z'"),
        ("ij->ij", "names 1"),
        ("ijk,jk->i", "does not fit"),
        ("ij,kl->ii", "twice"),
        ("ij,j1->i", "letters"),
        ("...j,jk->k", "none"),
        ("ij,ik->j", "extents"),
    ],
)
def test_einsum_says_what_is_wrong(subscripts, match):
    with pytest.raises(ValueError, match=match):
        ops.einsum(subscripts, np.zeros((2, 3), "float32"), np.zeros((4, 5), "float32"))


def test_symbolic_batch():
    assert ops.matmul(KerasTensor((None, 3)), KerasTensor((3, 4))).shape == (None, 4)
    a, b = KerasTensor((None, 2, 3)), KerasTensor((None, 3, 4))
    assert ops.einsum("bij,bjk->bik", a, b).shape == (None, 2, 4)
