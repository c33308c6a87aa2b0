"""Plans: a graph compiled to one flat list of kernel calls over one block of memory."""

import threading
import time

import numpy as np

from .. import _core
from . import settings, threads
from .dtypes import NUMPY
from .loops import Loop
from .placement import Inside, Placement
from .scope import Scope
from .variable import aligned_empty

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
        self.core.bind(0, self.arena)
        for i, variable in enumerate(self.variables):
            self.core.bind(self.first_variable + i, variable.storage)
        for i, array in enumerate(self.constants):
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
        self.constants = []
        self.scope = Scope(
            self.placement,
            {
                "input": self.first_input,
                "output": self.first_output,
                "variable": self.first_variable,
                "constant": self.first_constant,
            },
            self.constants,
        )
        self.slots = self.first_constant + len(self.constants)

    def _assemble(self, sources):
        """rows: the core's instructions. labels: what each is for. segments: what runs in turn, ("c", first, last),
        ("python", node, scope), ("loop" or "choice", Inside, [segments of its scopes])."""
        self.rows, self.labels = [], []
        if self.fed:
            for i, (value, dtype) in enumerate(zip(self.body.inputs, sources)):
                self._add_feed(i, value, dtype)
        self.segments = []
        start = self._emit(self.scope, self.segments, 0)
        if self.fed:
            self.rows.append(("feed_next", [(self.step_slot, _core.READ | _core.WRITE, 0, 8)], [], []))
            self.labels.append(("feed_next", ()))
        if len(self.rows) > start:
            self.segments.append(("c", start, len(self.rows)))
        self.python_nodes = _count_python(self.segments)

    def _emit(self, scope, segments, start):
        """Rows for a scope's nodes. What must run in turn goes to `segments`; rows from `start` on are in none yet.
        Returns the new `start`."""
        place = scope.placement

        def end_run():
            if len(self.rows) > start:
                segments.append(("c", start, len(self.rows)))

        for at, (node, lowering) in enumerate(zip(place.nodes, place.lowered)):
            if lowering == "view":
                continue
            if lowering is None:
                end_run()
                segments.append(("python", node, scope))
            elif isinstance(lowering, Inside):
                self._emit_carries(scope, lowering)
                if not lowering.in_python:
                    self._emit_inside(scope, lowering, at)
                    continue
                end_run()
                bodies = []
                for inner in scope.inner[at]:
                    bodies.append([])
                    first = self._emit(inner, bodies[-1], len(self.rows))
                    if len(self.rows) > first:
                        bodies[-1].append(("c", first, len(self.rows)))
                kind = "loop" if isinstance(lowering.control, Loop) else "choice"
                segments.append((kind, (lowering, scope), bodies))
            else:
                self._emit_kernels(scope, node, lowering)
                continue
            start = len(self.rows)
        return start

    def _emit_kernels(self, scope, node, lowering):
        workspaces = {id(buffer) for buffer in lowering.workspaces}
        for step in lowering.instructions:
            operands = [scope.operand(buffer, _core.READ) for buffer in step.reads]
            operands += [
                scope.operand(buffer, _core.WRITE | (_core.READ if id(buffer) in workspaces else 0))
                for buffer in step.writes
            ]
            self._add_row(step.kernel, operands, step.sizes, step.attrs, node.op.name, node.output.shape)

    def _emit_carries(self, scope, inside):
        """Copies of a loop's first carries to where the last ones will be, if that is another place."""
        if not isinstance(inside.control, Loop):
            return
        node = inside.node
        for first, last in list(zip(node.inputs, node.outputs))[: len(inside.control.carries)]:
            reads, writes = scope.operand_of(first, _core.READ), scope.operand_of(last, _core.WRITE)
            if (reads[0], *reads[2:]) != (writes[0], *writes[2:]):
                self._add_row("copy_bytes", [reads, writes], [reads[3]], [], "first carry", first.shape)

    def _emit_inside(self, scope, inside, at):
        """A loop or choice whose bodies are C throughout."""
        row, control, inputs = len(self.rows), inside.control, inside.node.inputs
        self._add_row(None, [], [], [], inside.node.op.name, inside.node.output.shape)
        lengths = []
        for inner in scope.inner[at]:
            first = len(self.rows)
            self._emit(inner, [], first)
            lengths.append(len(self.rows) - first)
        if isinstance(control, Loop):
            guard = [] if control.guard is None else [inside.node.outputs[control.guard]]
            count = [inputs[control.count_at]] if control.counted else []
            operands = [scope.operand_of(value, _core.READ) for value in guard + count]
            sizes = [lengths[0], inside.depth, control.reverse, len(guard), len(count), control.steps]
            self.rows[row] = (_core.LOOP, operands, [int(size) for size in sizes], [])
        else:
            self.rows[row] = (_core.CHOICE, [scope.operand_of(inputs[0], _core.READ)], lengths, [])

    def _add_row(self, kernel, operands, sizes, attrs, name, shape):
        self.rows.append((kernel, operands, sizes, attrs))
        self.labels.append((name, tuple(shape)))

    def _add_feed(self, i, value, dtype):
        rows, cols = value.shape[0], int(np.prod(value.shape[1:]))
        self.rows.append(
            (
                _feed_kernel(dtype, value.dtype),
                [
                    (self.first_input + i, _core.READ, 0, 0),
                    (self.index_slot, _core.READ, 0, 0),
                    (self.step_slot, _core.READ, 0, 8),
                    self.scope.operand_of(value, _core.WRITE),
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
        arrays = [*inputs, *outputs]
        first = self.first_output if self.fed else self.first_input
        for i, array in enumerate(arrays):
            self.core.bind(first + i, array)
        memory = {0: self.arena, **{first + i: array for i, array in enumerate(arrays)}}
        memory.update({self.first_variable + i: v.storage for i, v in enumerate(self.variables)})
        memory.update({self.first_constant + i: array for i, array in enumerate(self.constants)})
        self._run_in_turn(self.segments, memory, [0] * _core.MAX_LOOPS)

    def _run_in_turn(self, segments, memory, steps):
        """steps: where the loops around are, outermost first."""
        for kind, what, more in segments:
            if kind == "c":
                self.core.run(1, what, more)
            elif kind == "python":
                self._run_reference(what, more, memory, steps)
            elif kind == "loop":
                self._run_loop(*what, more[0], memory, steps)
            else:
                inside, scope = what
                index = int(scope.view(inside.node.inputs[0], memory, steps))
                self._run_in_turn(more[min(max(index, 0), len(more) - 1)], memory, steps)

    def _run_loop(self, inside, scope, body, memory, steps):
        control, depth = inside.control, inside.depth
        count = control.steps
        if control.counted:
            count = min(count, int(scope.view(inside.node.inputs[control.count_at], memory, steps)))
        guard = None
        if control.guard is not None:
            guard = scope.view(inside.node.outputs[control.guard], memory, steps)
        for step in range(count):
            if guard is not None and not guard:
                break
            steps[depth] = count - 1 - step if control.reverse else step
            self.core.enter(depth, steps[depth])
            self._run_in_turn(body, memory, steps)
        steps[depth] = 0
        self.core.enter(depth, 0)

    def _run_reference(self, node, scope, memory, steps):
        results = node.op.reference(
            *[scope.view(value, memory, steps) for value in node.inputs], **node.attrs
        )
        for value, result in zip(node.outputs, results if type(results) is tuple else (results,)):
            scope.view(value, memory, steps)[...] = result

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
        self._describe(self.segments, info, lines)
        return "\n".join(lines)

    def _describe(self, segments, info, lines):
        for kind, what, last in segments:
            if kind == "python":
                lines.append(f"   -  {what.op.name:<28} {'(NumPy reference)':<28} {what.output.shape!s:<20}")
            elif kind == "c":
                lines += [self._describe_row(i, info[i]) for i in range(what, last)]
            else:
                lines.append(f"   -  {what[0].node.op.name:<28} (run from Python, {len(last)} bodies)")
                for body in last:
                    self._describe(body, info, lines)

    def _describe_row(self, i, info):
        (name, shape), (_, operands, sizes, _) = self.labels[i], self.rows[i]
        if info["name"] in (_core.LOOP, _core.CHOICE):
            return f"{i:>4}{'|' if info['barrier'] else ' '} {name:<28} {info['name']} {sizes}"
        written = [o for o in operands if o[1] & _core.WRITE] or [(0, 0, 0, 0)]
        place = f"{written[0][0]}+{written[0][2]}"
        return (
            f"{i:>4}{'|' if info['barrier'] else ' '} {name:<28} {info['name']:<28} {shape!s:<20} "
            f"{place:>16} {info['units']:>8} {info['threads']}"
        )

    def profile(self, steps=20):
        """Time each instruction over `steps` runs on whatever is bound or fed; variables are put back afterwards.

        A list of dicts: name, op, shape, us (all its runs in a step, on the first thread, waiting included), share,
        gflops, gbs, threads. A loop's and a choice's times contain those of the instructions inside.
        """
        saved = [variable.storage.copy() for variable in self.updated]
        self.start_clocks()
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
            rows = self.stop_clocks(steps, total)
            for variable, values in zip(self.updated, saved):
                variable.storage[...] = values
                variable.snapshot = None
        return rows

    def start_clocks(self):
        """Time each instruction from now on, which costs two looks at the clock each."""
        self.core.profile(True)

    def stop_clocks(self, steps, total):
        """End what `start_clocks` began, `steps` runs of `total` seconds each ago: the rows of `profile`."""
        info = self.core.info()
        self.core.profile(False)
        rows = []
        for (name, shape), one in zip(self.labels, info):
            ns, runs = one["ns"] / steps, one["runs"] / steps
            rows.append(
                {
                    "name": one["name"],
                    "op": name,
                    "shape": shape,
                    "us": ns / 1e3,
                    "share": ns / 1e9 / total,
                    "gflops": one["flops"] * runs / max(ns, 1e-9),
                    "gbs": one["bytes"] * runs / max(ns, 1e-9),
                    "threads": one["threads"],
                }
            )
        return rows


def _count_python(segments):
    count = 0
    for kind, _, more in segments:
        if kind == "python":
            count += 1
        elif kind != "c":
            count += sum(map(_count_python, more))
    return count
