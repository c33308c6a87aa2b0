"""Plans: a graph compiled to one flat list of kernel calls over one block of memory."""

import threading
import time

import numpy as np

from .. import _core
from . import settings, threads
from .dtypes import NUMPY
from .placement import Placement
from .variable import aligned_empty

_ARENA = 0
_FEED_NAME = {"float32": "f32", "float64": "f64", "uint8": "u8", "bool": "u8", "int32": "i32", "int64": "i64"}
_COPIED = {1: "u8_u8", 2: "u16_u16", 4: "i32_i32", 8: "i64_i64"}  # bytes of a dtype that stays as it is


def _feed_kernel(source, target):
    """The kernel that gathers rows of dtype `source` as `target`; there may be none of this name."""
    if source == target and NUMPY[source].itemsize in _COPIED:
        return f"feed_rows_{_COPIED[NUMPY[source].itemsize]}"
    return f"feed_rows_{_FEED_NAME.get(target)}_{_FEED_NAME.get(source)}"


def feedable(source, target):
    """Whether C can turn rows of dtype `source` into `target` while it gathers a batch."""
    return _feed_kernel(source, target) in settings.kernels()


class Plan:
    """A compiled body.

    Args:
        body: an optimised `passes.Body`.
        sources: None: inputs are given at each call. Else the dtypes of the arrays whose rows C picks by index, one
            an input (`feed`, then `run`).
    """

    def __init__(self, body, sources=None):
        self.body = body
        self.fed = sources is not None
        self.placement = place = Placement(body, self.fed)
        self.variables = place.variables
        self.updated = [variable for variable, _ in place.updates]
        self.arena = aligned_empty((place.arena,), np.uint8)
        self.output_specs = [(tuple(value.shape), NUMPY[value.dtype]) for value in place.outputs]
        self._number_slots()
        self._assemble(sources)
        self.version = threads.version
        self.core = _core.Plan(settings.kernels(), self.rows, self.slots, threads.num_threads())
        self.core.bind(_ARENA, self.arena)
        for i, variable in enumerate(self.variables):
            self.core.bind(self.first_variable + i, variable.storage)
        for i, array in enumerate(place.constants):
            self.core.bind(self.first_constant + i, array)
        if self.fed:
            self.step = np.zeros(1, np.int64)
            self.core.bind(self.step_slot, self.step)
            self.results = [np.empty(shape, dtype) for shape, dtype in self.output_specs]
            for i, array in enumerate(self.results):
                self.core.bind(self.first_output + i, array)
        self.lock = threading.Lock() if self.python_nodes else None

    # ---- building ----

    def _number_slots(self):
        inputs = len(self.body.inputs)
        self.first_input = 1
        self.first_output = self.first_input + inputs
        self.index_slot = self.first_output + len(self.output_specs)
        self.step_slot = self.index_slot + 1
        self.first_variable = self.step_slot + 1
        self.first_constant = self.first_variable + len(self.variables)
        self.slots = self.first_constant + len(self.placement.constants)

    def _where(self, block):
        """(slot, byte offset) of a block."""
        home = block.home
        if home is None:
            return _ARENA, block.offset
        first = {
            "input": self.first_input,
            "output": self.first_output,
            "variable": self.first_variable,
            "constant": self.first_constant,
        }[home.kind]
        return first + home.key, 0

    def _operand(self, buffer, access):
        slot, offset = self._where(self.placement.buffer_block[id(buffer)])
        return slot, access, offset, buffer.nbytes

    def _assemble(self, sources):
        """rows: the core's instructions. labels: what each is for. segments: ("c", first, last) or ("python", node)."""
        place = self.placement
        self.rows, self.labels, self.segments = [], [], []
        if self.fed:
            for i, (value, dtype) in enumerate(zip(self.body.inputs, sources)):
                self._add_feed(i, value, dtype)
        start = 0
        for node, lowering in zip(place.nodes, place.lowered):
            if lowering == "view":
                continue
            if lowering is None:
                if len(self.rows) > start:
                    self.segments.append(("c", start, len(self.rows)))
                start = len(self.rows)
                self.segments.append(("python", node, None))
                continue
            workspaces = {id(buffer) for buffer in lowering.workspaces}
            for step in lowering.instructions:
                operands = [self._operand(buffer, _core.READ) for buffer in step.reads]
                operands += [
                    self._operand(buffer, _core.WRITE | (_core.READ if id(buffer) in workspaces else 0))
                    for buffer in step.writes
                ]
                self.rows.append((step.kernel, operands, step.sizes, step.attrs))
                self.labels.append((node.op.name, tuple(node.output.shape)))
        if self.fed:
            self.rows.append(("feed_next", [(self.step_slot, _core.READ | _core.WRITE, 0, 8)], [], []))
            self.labels.append(("feed_next", ()))
        if len(self.rows) > start:
            self.segments.append(("c", start, len(self.rows)))
        self.python_nodes = sum(kind == "python" for kind, _, _ in self.segments)

    def _add_feed(self, i, value, dtype):
        rows, cols = value.shape[0], int(np.prod(value.shape[1:]))
        slot, offset = self._where(self.placement.block[id(value)])
        nbytes = NUMPY[value.dtype].itemsize * rows * cols
        self.rows.append(
            (
                _feed_kernel(dtype, value.dtype),
                [
                    (self.first_input + i, _core.READ, 0, 0),
                    (self.index_slot, _core.READ, 0, 0),
                    (self.step_slot, _core.READ, 0, 8),
                    (slot, _core.WRITE, offset, nbytes),
                ],
                [rows, cols],
                [],
            )
        )
        self.labels.append((f"input {i}", tuple(value.shape)))

    # ---- running ----

    def _before(self):
        if self.version != threads.version:
            self.core.schedule(threads.num_threads())
            self.version = threads.version

    def _after(self):
        for variable in self.updated:
            variable.snapshot = None

    def __call__(self, arrays):
        """One run on C-contiguous arrays of the inputs' shapes and dtypes; new arrays, one an output."""
        self._before()
        outputs = [np.empty(shape, dtype) for shape, dtype in self.output_specs]
        if self.lock is None:
            self.core.run_with(self.first_input, [*arrays, *outputs])
        else:
            with self.lock:
                self._run_segments(arrays, outputs)
        self._after()
        return outputs

    def feed(self, sources, index):
        """Let batches be rows of `sources`, picked by `index` (int64); see `run`."""
        for i, source in enumerate(sources):
            self.core.bind(self.first_input + i, source)
        self.core.bind(self.index_slot, index)
        self.steps_fed = len(index) // self.body.inputs[0].shape[0]

    def run(self, first, count):
        """Run `count` steps; step s takes rows index[s * batch : (s + 1) * batch], from s = `first`."""
        if first < 0 or first + count > self.steps_fed:
            raise IndexError(
                f"Plan.run: steps {first}..{first + count} of the {self.steps_fed} that were fed"
            )
        self._before()
        self.step[0] = first
        if self.lock is None:
            self.core.run(count)
        else:
            for _ in range(count):
                self._run_segments((), self.results)
        self._after()

    def _run_segments(self, inputs, outputs):
        for i, array in enumerate([*inputs, *outputs]):
            self.core.bind((self.first_output if self.fed else self.first_input) + i, array)
        for kind, what, last in self.segments:
            if kind == "c":
                self.core.run(1, what, last)
            else:
                self._run_reference(what, inputs, outputs)

    def _run_reference(self, node, inputs, outputs):
        results = node.op.reference(
            *[self._view(value, inputs, outputs) for value in node.inputs], **node.attrs
        )
        for value, result in zip(node.outputs, results if type(results) is tuple else (results,)):
            self._view(value, inputs, outputs)[...] = result

    def _view(self, value, inputs, outputs):
        """The array that a value's memory is."""
        block = self.placement.block[id(value)]
        home = block.home
        if home is None:
            memory = self.arena[block.offset : block.offset + block.nbytes]
        else:
            memory = {
                "input": inputs,
                "output": outputs,
                "constant": self.placement.constants,
                "variable": self.variables,
            }[home.kind][home.key]
            memory = memory.storage if home.kind == "variable" else memory
        return memory.reshape(-1).view(NUMPY[value.dtype])[: value.size].reshape(value.shape)

    # ---- looking ----

    def describe(self):
        """The plan as text: each instruction with its op, output shape, place, units, threads and barrier."""
        info = self.core.info()
        lines = [
            f"plan: {len(self.rows)} instructions in C, {self.python_nodes} in NumPy; arena "
            f"{self.placement.arena:,} bytes; {len(self.variables)} variables, {len(self.updated)} updated; "
            f"{threads.num_threads()} threads",
            f"{'#':>4}  {'op':<28} {'kernel':<28} {'output':<20} {'slot+offset':>16} {'units':>8} threads",
        ]
        for kind, what, last in self.segments:
            if kind == "python":
                lines.append(f"   -  {what.op.name:<28} {'(NumPy reference)':<28} {what.output.shape!s:<20}")
                continue
            for i in range(what, last):
                (name, shape), (_, operands, _, _) = self.labels[i], self.rows[i]
                written = [o for o in operands if o[1] & _core.WRITE] or [(0, 0, 0, 0)]
                place = f"{written[0][0]}+{written[0][2]}"
                lines.append(
                    f"{i:>4}{'|' if info[i]['barrier'] else ' '} {name:<28} {info[i]['name']:<28} {shape!s:<20} "
                    f"{place:>16} {info[i]['units']:>8} {info[i]['threads']}"
                )
        return "\n".join(lines)

    def profile(self, steps=20):
        """Time each instruction over `steps` runs on whatever is bound or fed; variables are put back afterwards.

        A list of dicts: name, op, shape, us (a run, on the first thread, waiting included), share, gflops, gbs,
        threads.
        """
        saved = [variable.storage.copy() for variable in self.updated]
        self.core.profile(True)
        start = time.perf_counter()
        try:
            if self.fed:
                steps = min(steps, self.steps_fed)
                self.run(0, steps)
            else:
                inputs = [np.zeros(value.shape, NUMPY[value.dtype]) for value in self.body.inputs]
                for _ in range(steps):
                    self(inputs)
        finally:
            total = (time.perf_counter() - start) / steps
            info = self.core.info()
            self.core.profile(False)
            for variable, values in zip(self.updated, saved):
                variable.storage[...] = values
                variable.snapshot = None
        rows = []
        for (name, shape), one in zip(self.labels, info):
            ns = one["ns"] / max(one["runs"], 1)
            rows.append(
                {
                    "name": one["name"],
                    "op": name,
                    "shape": shape,
                    "us": ns / 1e3,
                    "share": ns / 1e9 / total,
                    "gflops": one["flops"] / max(ns, 1e-9),
                    "gbs": one["bytes"] / max(ns, 1e-9),
                    "threads": one["threads"],
                }
            )
        return rows
