"""Convolutions in the shapes that models make, forward and both gradients, beside PyTorch in both layouts.

    pytest bench/test_conv.py [-k resnet20]

A round times every system once, in turn. The table at the end gives each system's GFLOP/s in its best round,
counted as direct arithmetic, and fastnn's share of its bound: multiply-adds at the rate of bench/peak.py, or
operands that no cache holds read once at the rate of memory, whichever takes longer. Winograd's form may go
beyond that.
"""

from math import prod

import numpy as np
import pytest
from tables import titled
from turns import THREADS, in_turns

from fastnn import _core
from fastnn.engine import settings
from fastnn.engine.lower import Buffer, lower
from fastnn.ops import convolution, windows

try:
    import torch
except ImportError:
    torch = None


def layer(batch, extents, channels, window, filters, stride=1, padding="same", groups=1, dilation=1):
    """A convolution over len(extents) axes, its window the same along each."""
    return (batch, *extents, channels), (window,) * len(extents), filters, stride, padding, groups, dilation


LAYERS = {
    "seed_cnn-1": layer(64, (28, 28), 1, 3, 16, padding="valid"),
    "seed_cnn-2": layer(64, (26, 26), 16, 3, 16, 2, "valid"),
    "mnist_cnn-1": layer(128, (28, 28), 1, 3, 32, padding="valid"),
    "mnist_cnn-2": layer(128, (13, 13), 32, 3, 64, padding="valid"),
    "resnet20-16": layer(128, (32, 32), 16, 3, 16),
    "resnet20-32-down": layer(128, (32, 32), 16, 3, 32, 2),
    "resnet20-32-short": layer(128, (32, 32), 16, 1, 32, 2),
    "resnet20-32": layer(128, (16, 16), 32, 3, 32),
    "resnet20-64": layer(128, (8, 8), 64, 3, 64),
    "vgg_block-1": layer(64, (32, 32), 3, 3, 64),
    "vgg_block-2": layer(64, (32, 32), 64, 3, 64),
    "vgg_block-4": layer(64, (16, 16), 128, 3, 128),
    "wide-256": layer(8, (14, 14), 256, 3, 256),
    "down-64": layer(4, (28, 28), 64, 3, 128, 2),
    "down-128": layer(4, (14, 14), 128, 3, 256, 2),
    "shortcut-128": layer(4, (28, 28), 128, 1, 256, 2),
    "pointwise-16": layer(4, (56, 56), 16, 1, 16),
    "pointwise-64": layer(8, (56, 56), 64, 1, 64),
    "pointwise-256": layer(8, (14, 14), 256, 1, 256),
    "first-7x7": layer(1, (224, 224), 3, 7, 64, 2),
    "first-mobile": layer(1, (224, 224), 3, 3, 32, 2),
    "patches": layer(1, (224, 224), 3, 16, 192, 16, "valid"),
    "halving-64": layer(8, (28, 28), 64, 2, 128, 2, "valid"),
    "patches-4": layer(4, (64, 64), 3, 4, 96, 4, "valid"),
    "5x5": layer(8, (28, 28), 32, 5, 32),
    "7x7": layer(1, (28, 28), 64, 7, 64),
    "lenet-2": layer(64, (14, 14), 6, 5, 16, padding="valid"),
    "odd-7": layer(32, (17, 17), 7, 3, 7),
    "odd-33": layer(16, (13, 13), 33, 3, 50),
    "to-image": layer(8, (32, 32), 64, 3, 3),
    "dilated": layer(4, (28, 28), 64, 3, 64, dilation=2),
    "one-row-64": layer(1, (56, 56), 64, 3, 64),
    "one-row-512": layer(1, (7, 7), 512, 3, 512),
    "groups-2": layer(8, (14, 14), 96, 3, 96, groups=2),
    "groups-32": layer(4, (28, 28), 128, 3, 128, groups=32),
    "depthwise-64": layer(8, (56, 56), 64, 3, 64, groups=64),
    "depthwise-512": layer(8, (14, 14), 512, 3, 512, groups=512),
    "depthwise-96-down": layer(1, (112, 112), 96, 3, 96, 2, groups=96),
    "depthwise-128-down": layer(8, (28, 28), 128, 3, 128, 2, groups=128),
    "depthwise-5x5": layer(8, (28, 28), 120, 5, 120, groups=120),
    "depthwise-twofold": layer(8, (28, 28), 32, 3, 64, groups=32),
    "series": layer(16, (128,), 64, 3, 64),
    "series-first": layer(8, (1000,), 1, 9, 32),
    "series-dilated": layer(8, (512,), 32, 2, 32, dilation=8),
    "volume-16": layer(2, (16, 16, 16), 16, 3, 16),
    "volume-64": layer(2, (8, 8, 8), 64, 3, 64),
}
CONV, INPUT_GRAD, KERNEL_GRAD = "forward", "input gradient", "kernel gradient"
OPS = {
    CONV: convolution.conv_op,
    INPUT_GRAD: convolution.conv_input_grad_op,
    KERNEL_GRAD: convolution.conv_kernel_grad_op,
}
ROUND = 0.005  # seconds a system computes for in a round
ROUNDS = 10


class Case:
    """One pass of a layer: its operands, and the systems that compute it."""

    def __init__(self, layer, what, team):
        shape, window, filters, stride, padding, groups, dilation = layer
        self.rank = rank = len(window)
        rng = np.random.default_rng(0)
        shapes = shape, (*window, shape[-1] // groups, filters)
        self.x, self.kernel = (rng.uniform(-1, 1, shape).astype("float32") for shape in shapes)
        strides, gaps = (stride,) * rank, (dilation,) * rank
        pads = windows.resolve_padding(padding, shape[1:-1], window, strides, gaps, "bench")
        attributes = {"strides": strides, "padding": pads, "dilation": gaps, "groups": groups}
        output = convolution.conv_op.shape(self.x, self.kernel, **attributes).shape
        self.dy = rng.uniform(-1, 1, output).astype("float32")
        self.what, self.team, self.attributes = what, team, attributes
        self.op = OPS[what]
        self.inputs, self.output, extra = {
            CONV: ((self.x, self.kernel), self.dy, {}),
            INPUT_GRAD: ((self.dy, self.kernel), self.x, {"input_shape": self.x.shape}),
            KERNEL_GRAD: ((self.x, self.dy), self.kernel, {"kernel_shape": self.kernel.shape}),
        }[what]
        self.all_attributes = {**attributes, **extra}
        self.flops = 2.0 * prod(output) * prod(self.kernel.shape[:-1])
        self.bytes = self.x.nbytes + self.kernel.nbytes + self.dy.nbytes

    def fastnn(self):
        """f(steps), and the output it fills."""
        buffers = [Buffer(a.shape, "float32") for a in (*self.inputs, self.output)]
        lowered = lower(self.op, buffers[:2], buffers[2:], self.all_attributes)
        buffers += lowered.workspaces
        slots = {id(buffer): slot for slot, buffer in enumerate(buffers)}
        steps = []
        for step in lowered.instructions:
            operands = [(slots[id(b)], _core.READ, 0, b.nbytes) for b in step.reads]
            operands += [(slots[id(b)], _core.READ | _core.WRITE, 0, b.nbytes) for b in step.writes]
            steps.append((step.kernel, operands, step.sizes, step.attrs))
        plan = _core.Plan(settings.kernels(), steps, len(buffers), self.team)
        made = np.zeros(self.output.shape, "float32")
        spaces = [np.zeros(buffer.nbytes, "uint8") for buffer in lowered.workspaces]
        for slot, memory in enumerate([*self.inputs, made, *spaces]):
            plan.bind(slot, memory)
        return plan.run, made

    def check(self, made):
        want = self.op.reference(*self.inputs, **self.all_attributes)
        np.testing.assert_allclose(made, want, rtol=0, atol=1e-5 * np.abs(want).max())

    def torch(self, last):
        """f(steps) with channels last, or first; None where PyTorch knows no such layout."""
        layout = {2: torch.channels_last, 3: torch.channels_last_3d}.get(self.rank)
        if last and layout is None:
            return None
        torch.set_num_threads(self.team)
        spatial, channels = range(1, self.rank + 1), self.rank + 1
        image, kernel = (0, channels, *spatial), (channels, self.rank, *range(self.rank))
        x, kernel, dy = (
            torch.from_numpy(np.ascontiguousarray(a.transpose(axes)))
            for a, axes in ((self.x, image), (self.kernel, kernel), (self.dy, image))
        )
        strides, groups, gaps = (self.attributes[name] for name in ("strides", "groups", "dilation"))
        pads = tuple(before for before, _ in self.attributes["padding"])
        if pads != tuple(after for _, after in self.attributes["padding"]):
            # it has no uneven padding: done beforehand, and not timed
            x = torch.nn.functional.pad(x, [n for pair in self.attributes["padding"][::-1] for n in pair])
            pads = (0,) * self.rank
        if last:
            x, kernel, dy = (t.contiguous(memory_format=layout) for t in (x, kernel, dy))
        wanted = [self.what == INPUT_GRAD, self.what == KERNEL_GRAD, False]
        convolve = (torch.conv1d, torch.conv2d, torch.conv3d)[self.rank - 1]

        def run(steps):
            with torch.no_grad():
                for _ in range(steps):
                    if self.what == CONV:
                        convolve(x, kernel, None, strides, pads, gaps, groups)
                    else:
                        torch.ops.aten.convolution_backward(
                            dy, x, kernel, None, strides, pads, gaps, False, (0,) * self.rank, groups, wanted
                        )

        return run


@pytest.fixture(scope="module")
def report():
    rows = []
    yield rows
    if not rows:
        return
    systems = list(dict.fromkeys(name for row in rows for name in row[3]))
    cells = [
        [
            f"{name}, {what}",
            str(team),
            *(f"{rates[x]:.1f}" if x in rates else "" for x in systems),
            f"{share:.0%}",
        ]
        for team, name, what, rates, share in rows
    ]
    print(titled("Convolutions, GFLOP/s", ["layer, pass", "threads", *systems, "of bound"], cells))


@pytest.mark.parametrize("team", THREADS)
@pytest.mark.parametrize("what", OPS)
@pytest.mark.parametrize("name", LAYERS)
def test_convolution(benchmark, report, bound, name, what, team):
    case = Case(LAYERS[name], what, team)
    run, made = case.fastnn()
    run(2)
    case.check(made)
    systems = {"fastnn": run}
    if torch:
        systems |= {"torch channels last": case.torch(True), "torch": case.torch(False)}
        systems = {system: run for system, run in systems.items() if run}
    best = in_turns(benchmark, systems, ROUND, ROUNDS)
    rates = {system: case.flops / seconds / 1e9 for system, seconds in best.items()}
    share = bound(team, case.flops, case.bytes) / best["fastnn"]
    benchmark.extra_info.update({f"{system} GFLOP/s": rate for system, rate in rates.items()}, of_bound=share)
    report.append((team, name, what, rates, share))
