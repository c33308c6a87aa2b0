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
from turns import THREADS, in_turns

from fastnn import _core
from fastnn.engine import settings
from fastnn.engine.lower import Buffer, lower
from fastnn.ops import convolution, windows

try:
    import torch
except ImportError:
    torch = None

# name -> batch, height, width, channels, window, filters, stride, padding, groups
LAYERS = {
    "seed_cnn-1": (64, 28, 28, 1, 3, 16, 1, "valid", 1),
    "seed_cnn-2": (64, 26, 26, 16, 3, 16, 2, "valid", 1),
    "mnist_cnn-1": (128, 28, 28, 1, 3, 32, 1, "valid", 1),
    "mnist_cnn-2": (128, 13, 13, 32, 3, 64, 1, "valid", 1),
    "resnet20-16": (128, 32, 32, 16, 3, 16, 1, "same", 1),
    "resnet20-32-down": (128, 32, 32, 16, 3, 32, 2, "same", 1),
    "resnet20-32-short": (128, 32, 32, 16, 1, 32, 2, "same", 1),
    "resnet20-32": (128, 16, 16, 32, 3, 32, 1, "same", 1),
    "resnet20-64": (128, 8, 8, 64, 3, 64, 1, "same", 1),
    "vgg_block-1": (64, 32, 32, 3, 3, 64, 1, "same", 1),
    "vgg_block-2": (64, 32, 32, 64, 3, 64, 1, "same", 1),
    "vgg_block-4": (64, 16, 16, 128, 3, 128, 1, "same", 1),
    "wide-256": (8, 14, 14, 256, 3, 256, 1, "same", 1),
    "pointwise-64": (8, 56, 56, 64, 1, 64, 1, "same", 1),
    "pointwise-256": (8, 14, 14, 256, 1, 256, 1, "same", 1),
    "first-7x7": (4, 112, 112, 3, 7, 64, 2, "same", 1),
    "5x5": (8, 28, 28, 32, 5, 32, 1, "same", 1),
    "depthwise-64": (8, 56, 56, 64, 3, 64, 1, "same", 64),
    "depthwise-128-down": (8, 28, 28, 128, 3, 128, 2, "same", 128),
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
        batch, height, width, channels, window, filters, stride, padding, groups = layer
        rng = np.random.default_rng(0)
        shapes = (batch, height, width, channels), (window, window, channels // groups, filters)
        self.x, self.kernel = (rng.uniform(-1, 1, shape).astype("float32") for shape in shapes)
        strides = (stride, stride)
        pads = windows.resolve_padding(padding, (height, width), (window, window), strides, (1, 1), "bench")
        attributes = {"strides": strides, "padding": pads, "dilation": (1, 1), "groups": groups}
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
        self.flops = 2.0 * prod(output) * prod(self.kernel.shape[:3])
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

    def torch(self, layout):
        torch.set_num_threads(self.team)
        turns = (self.x, (0, 3, 1, 2)), (self.kernel, (3, 2, 0, 1)), (self.dy, (0, 3, 1, 2))
        x, kernel, dy = (torch.from_numpy(np.ascontiguousarray(a.transpose(axes))) for a, axes in turns)
        (top, bottom), (left, right) = self.attributes["padding"]
        pads, strides, groups = (top, left), self.attributes["strides"], self.attributes["groups"]
        if pads != (bottom, right):  # it has no uneven padding: done beforehand, and not timed
            x, pads = torch.nn.functional.pad(x, (left, right, top, bottom)), (0, 0)
        x, kernel, dy = (t.contiguous(memory_format=layout) for t in (x, kernel, dy))
        wanted = [self.what == INPUT_GRAD, self.what == KERNEL_GRAD, False]

        def run(steps):
            with torch.no_grad():
                for _ in range(steps):
                    if self.what == CONV:
                        torch.conv2d(x, kernel, None, strides, pads, 1, groups)
                    else:
                        torch.ops.aten.convolution_backward(
                            dy, x, kernel, None, strides, pads, (1, 1), False, (0, 0), groups, wanted
                        )

        return run


@pytest.fixture(scope="module")
def report():
    rows = []
    yield rows
    if not rows:
        return
    print("\n\n| threads | layer | pass | " + " | ".join(rows[0][3]) + " | of bound |")
    print("|---:|---|---|" + "---:|" * (len(rows[0][3]) + 1))
    for team, layer, what, rates, share in rows:
        print(
            f"| {team} | {layer} | {what} | "
            + " | ".join(f"{rate:.1f}" for rate in rates.values())
            + f" | {share:.0%} |"
        )


@pytest.mark.parametrize("team", THREADS)
@pytest.mark.parametrize("what", OPS)
@pytest.mark.parametrize("layer", LAYERS)
def test_convolution(benchmark, report, bound, layer, what, team):
    case = Case(LAYERS[layer], what, team)
    run, made = case.fastnn()
    run(2)
    case.check(made)
    systems = {"fastnn": run}
    if torch:
        systems["torch channels_last"] = case.torch(torch.channels_last)
        systems["torch"] = case.torch(torch.contiguous_format)
    best = in_turns(benchmark, systems, ROUND, ROUNDS)
    rates = {name: case.flops / seconds / 1e9 for name, seconds in best.items()}
    share = bound(team, case.flops, case.bytes) / best["fastnn"]
    benchmark.extra_info.update({f"{name} GFLOP/s": rate for name, rate in rates.items()}, of_bound=share)
    report.append((team, layer, what, rates, share))
