"""What the tests share: kernels by table, guarded memory, checks of op records against their float64 references."""

import contextlib

import numpy as np

from fastnn import _core
from fastnn.engine import dtypes, eager, settings
from fastnn.engine.op import OpCall
from fastnn.engine.tape import GradientTape, backpropagate
from fastnn.engine.tensor import Tensor
from fastnn.ops import convolution

ISAS_BF16 = _core.available_isas()  # products of bfloat16 have tables of their own
ISAS = tuple(isa for isa in ISAS_BF16 if isa in ("avx512", "avx2", "base"))
EPS32 = float(np.finfo(np.float32).eps)
_GUARD = 64
_WORTH_WAKING = (
    32  # runs of the least work that is shared out, for which a team is woken (csrc/run.c, csrc/schedule.c)
)


def rounded_to_bf16(x):
    """float32 x rounded to 8 significant bits, halves to even; too large for float32's exponents: infinite."""
    mantissa, exponent = np.frexp(np.asarray(x, np.float64))
    with np.errstate(over="ignore"):
        return np.ldexp(np.rint(mantissa * 256), exponent - 8).astype(np.float32)


@contextlib.contextmanager
def on_isa(isa):
    """Run eager ops, and compile plans, with one table."""
    saved = settings._kernels
    settings._kernels = _core.Kernels(isa)
    eager._cache.clear()
    try:
        yield
    finally:
        settings._kernels = saved
        eager._cache.clear()


class _Guarded:
    """`nbytes` of memory with a guard on either side."""

    def __init__(self, nbytes):
        self.memory = np.full(nbytes + 2 * _GUARD, 0xA5, np.uint8)
        self.inner = self.memory[_GUARD : _GUARD + nbytes]
        self.inner[:] = 0xFF  # as float32: NaN

    def holds(self):
        """Whether nothing was written before or behind it."""
        return all((side == 0xA5).all() for side in (self.memory[:_GUARD], self.memory[-_GUARD:]))


def run_kernel(isa, name, reads, writes, sizes, attrs=(), threads=1):
    """Call one kernel on arrays; outputs are filled in place, workspace is added, writes past an end are found."""
    kernels = _core.Kernels(isa)
    guarded = [_Guarded(array.nbytes) for array in writes]
    for array, space in zip(writes, guarded):
        if array.size:
            space.inner[:] = array.reshape(-1).view(np.uint8)
    work = kernels.work(name, sizes, attrs)
    if work["workspace"]:
        guarded.append(_Guarded(work["workspace"]))
    arrays = [np.ascontiguousarray(a) for a in reads] + [space.inner for space in guarded]
    operands = [
        (i, _core.READ if i < len(reads) else _core.READ | _core.WRITE, 0, a.nbytes)
        for i, a in enumerate(arrays)
    ]
    plan = _core.Plan(kernels, [(name, operands, sizes, attrs)], len(arrays), threads)
    for i, array in enumerate(arrays):
        plan.bind(i, array)
    plan.run()
    assert plan.guards_hold(), f"{name} wrote behind its scratch memory"
    assert all(space.holds() for space in guarded), f"{name} wrote outside its output or workspace"
    for array, space in zip(writes, guarded):
        if array.size:
            array.reshape(-1).view(np.uint8)[:] = space.inner


def run_maker(isa, name, array, sizes, threads=1):
    """What a kernel makes of `array` in an order of its own, in just as many bytes as it says that it makes."""
    made = np.full(_core.Kernels(isa).work(name, sizes)["made"] // 4, np.nan, np.float32)
    run_kernel(isa, name, [array], [made], sizes, threads=threads)
    return made


def apply_record(op, arrays, **attrs):
    """The record's outputs, as a list of arrays, the way an eager call computes them."""
    return [t.array for t in eager.run_now(op, tuple(Tensor(np.asarray(a)) for a in arrays), attrs)]


def run_in_c(op, arrays, isa, *, team=None, **attrs):
    """The record's outputs, as a list of arrays, by its kernels; fails where none takes it.

    Fails, too, where one writes outside an output or workspace, or behind its scratch memory. team: how many threads
    share the work, if it is shared at all, however short it is.
    """
    with on_isa(isa):
        entry = eager._Entry(op, tuple(Tensor(np.asarray(a)) for a in arrays), attrs)
    assert entry.plan is not None, f"{op.name}: no kernel took this"
    widths = {dtype.num: dtype.itemsize for dtype in dtypes.NUMPY.values()}
    made = [widths[kind] * int(np.prod(shape)) for shape, kind in entry.forms]
    guarded = [_Guarded(nbytes) for nbytes in made]
    inputs = [np.require(a, requirements="C") for a in arrays]
    if team is None:
        entry.plan.run_with(0, [*inputs, *(space.inner for space in guarded)])
    else:
        entry.plan.schedule(team)
        for slot, array in enumerate([*inputs, *(space.inner for space in guarded)]):
            entry.plan.bind(slot, array)
        entry.plan.run(_WORTH_WAKING)
    assert entry.plan.guards_hold(), f"{op.name}: a kernel wrote behind its scratch memory"
    assert all(space.holds() for space in guarded), (
        f"{op.name}: a kernel wrote outside an output or a workspace"
    )
    return [
        space.inner.view(dtype).reshape(shape)
        for space, dtype, (shape, _) in zip(guarded, entry.dtypes, entry.forms)
    ]


def check_kernel(op, arrays, *, isa, rtol=0.0, atol=0.0, **attrs):
    """The float32 kernel of `op` against its own reference in float64. Fails where no kernel fits."""
    got = run_in_c(op, arrays, isa, **attrs)
    wide = [a.astype(np.float64) if a.dtype == np.float32 else a for a in arrays]
    want = op.reference(*wide, **attrs)
    for g, w in zip(got, want if isinstance(want, tuple) else (want,)):
        np.testing.assert_allclose(g, np.asarray(w), rtol=rtol, atol=atol)


def check_convolution(x, kernel, dy, *, isa, **attrs):
    """A convolution and both its gradients, of numbers in -1..1 that are added one after the other."""
    for op, arrays, products, shape in (
        (convolution.conv_op, [x, kernel], kernel[..., 0].size, {}),
        (convolution.conv_input_grad_op, [dy, kernel], kernel[..., 0, :].size, {"input_shape": x.shape}),
        (convolution.conv_kernel_grad_op, [x, dy], max(dy[..., 0].size, 1), {"kernel_shape": kernel.shape}),
    ):
        check_kernel(op, arrays, isa=isa, atol=EPS32 * products, **shape, **attrs)


def activated(z, activation, alpha):
    """z (float64) after the epilogue of that number in csrc/tile.h."""
    return [
        z,
        np.maximum(z, 0),
        np.where(z < 0, alpha * z, z),
        1 / (1 + np.exp(-z)),
        np.tanh(z),
        np.where(z < 0, alpha * np.expm1(z), z),
    ][activation]


def check_gradient(op, arrays, *, wrt=None, rng, h=1e-5, rtol=1e-6, atol=1e-8, **attrs):
    """<dy, J v> by central differences equals <J^T dy, v>, in float64, along one random direction an input."""
    wide = [np.asarray(a, np.float64) if np.asarray(a).dtype.kind == "f" else np.asarray(a) for a in arrays]
    wrt = range(len(wide)) if wrt is None else wrt
    inputs = tuple(Tensor(a) for a in wide)
    outputs = eager.run_now(op, inputs, attrs)
    call = OpCall(op, inputs, outputs, attrs)
    douts = [rng.standard_normal(y.shape) for y in outputs]
    got = backpropagate([call], list(outputs), [inputs[i] for i in wrt], [Tensor(d) for d in douts])

    def value(index, moved):
        results = apply_record(op, [moved if i == index else a for i, a in enumerate(wide)], **attrs)
        return sum(np.vdot(d, r) for d, r in zip(douts, results))

    for i, gradient in zip(wrt, got):
        assert gradient is not None, f"{op.name}: no gradient for input {i}"
        assert gradient.shape == wide[i].shape
        v = rng.standard_normal(wide[i].shape)
        numeric = (value(i, wide[i] + h * v) - value(i, wide[i] - h * v)) / (2 * h)
        np.testing.assert_allclose(np.vdot(gradient.array, v), numeric, rtol=rtol, atol=atol)


def check_function(f, arrays, *, rng, h=1e-5, rtol=1e-6, atol=1e-8):
    """The tape's gradient of f(*tensors) -> tensor, in float64, as `check_gradient` does for a record.

    For records whose further outputs or inputs follow from the first ones, and for gradients of gradients.
    """
    tensors = [Tensor(np.asarray(a, np.float64)) for a in arrays]
    with GradientTape() as tape:
        y = f(*tensors)
    dy = rng.standard_normal(y.shape)
    gradients = tape.gradient(y, tensors, Tensor(dy))
    for i, gradient in enumerate(gradients):
        assert gradient is not None, f"no gradient for input {i}"
        v = rng.standard_normal(tensors[i].shape)
        ahead, behind = [
            f(*[Tensor(t.array + s * h * v) if j == i else t for j, t in enumerate(tensors)]).array
            for s in (1, -1)
        ]
        np.testing.assert_allclose(
            np.vdot(gradient.array, v),
            np.vdot(dy, ahead - behind) / (2 * h),
            rtol=rtol,
            atol=atol,
            err_msg=f"input {i}",
        )
