"""Where each value of a graph lives: the arena, a variable's own storage, or memory the caller gives."""

import numpy as np

from .._core import MAX_LOOPS
from . import dtypes
from .loops import Loop
from .lower import Buffer, lower
from .memory import Block, assign_offsets
from .op import define_op, same_shape
from .passes.body import new_call
from .tensor import Traced


def _copy_kernel(call):
    call.emit("copy_bytes", call.inputs, call.outputs, [call.output.nbytes])


identity = define_op(
    "identity", shape=same_shape, reference=lambda x: x, grad=lambda call, dy: [dy], kernel=_copy_kernel
)


MOST_LOOPS = MAX_LOOPS  # inside one another; those further in run by their NumPy references


class Home:
    """Memory outside the arena: kind "input", "output", "variable" or "constant", and which one. In a body a
    carry has the place of a variable."""

    __slots__ = ("kind", "key")

    def __init__(self, kind, key):
        self.kind = kind
        self.key = key


class Inside:
    """A loop's or choice's bodies in memory. block: the part of the arena around that is theirs."""

    def __init__(self, node, control, depth):
        self.node = node
        self.control = control
        self.depth = depth  # how many loops are around it
        inner = depth + isinstance(control, Loop)
        self.placements = [Placement(body, False, inner) for body in control.bodies()]
        self.arena = max(place.arena for place in self.placements)
        self.block = None
        self.in_python = any(place.in_python for place in self.placements)


class Placement:
    """A body's nodes with memory for every value.

    nodes: calls in order, copies included. block: {id(value): Block}. lowered[i]: node i's Lowering, or an Inside,
    or None where the NumPy reference runs it, or "view". variables, constants: what the plan must bind.
    arena: bytes. in_python: whether a NumPy reference runs anywhere. depth: how many loops are around the body.
    """

    def __init__(self, body, fed, depth=0):
        self.body = body
        self.fed = fed
        self.depth = depth
        self.variables = []
        self.constants = []
        self.block = {}
        self._variable_block = {}
        self._place_given()
        self.nodes = list(body.nodes)
        self._copy_given_results()
        self._place_made()
        self._choose_homes()
        self._note_uses()
        self._reuse_dying()
        self.lowered, self.workspaces = self._lower()
        self.arena = assign_offsets(self._arena_blocks())
        self.insides = [lowering for lowering in self.lowered if isinstance(lowering, Inside)]
        self.in_python = None in self.lowered or any(inside.in_python for inside in self.insides)

    def _place_given(self):
        """Blocks for what exists before the first node: inputs, variables, constants."""
        for i, value in enumerate(self.body.inputs):
            self.block[id(value)] = Block(_nbytes(value), None if self.fed else Home("input", i))
        for variable, value in self.body.reads.items():
            self._block_of_variable(variable)
            self.block[id(value)] = self._variable_block[variable]
        for node in self.body.nodes:
            for value in node.inputs:
                self._place_constant(value)
        for value in (*self.body.outputs, *(value for _, value in self.body.updates)):
            self._place_constant(value)

    def _place_constant(self, value):
        if value.value is not None and id(value) not in self.block:
            self.block[id(value)] = Block(_nbytes(value), Home("constant", len(self.constants)))
            self.constants.append(value.value)

    def _block_of_variable(self, variable):
        if variable not in self._variable_block:
            self._variable_block[variable] = Block(_nbytes(variable), Home("variable", len(self.variables)))
            self.variables.append(variable)
        return self._variable_block[variable]

    def _copy_given_results(self):
        """A result that no node makes is copied first of all, before anything is updated."""
        made = {id(value) for node in self.nodes for value in node.outputs}
        views = {id(node.output): node.inputs[0] for node in self.nodes if node.op.view}
        fronts, copies = [], {}

        def solid(value):
            root = value
            while id(root) in views:
                root = views[id(root)]
            if id(root) in made:
                return value
            if id(value) not in copies:
                copy = new_call(identity, [root], {}, [Traced(value.shape, value.dtype, value.graph)])
                fronts.append(copy)
                copies[id(value)] = copy.output
            return copies[id(value)]

        self.outputs = [solid(value) for value in self.body.outputs]
        self.updates = [(variable, solid(value)) for variable, value in self.body.updates]
        self.nodes = fronts + self.nodes

    def _place_made(self):
        for at, node in enumerate(self.nodes):
            for value in node.outputs:
                if node.op.view:
                    self.block[id(value)] = self.block[id(node.inputs[0])]
                else:
                    block = self.block[id(value)] = Block(_nbytes(value), first=at)
                    block.writer = at

    def _readers(self):
        """{id(block): [(node position, input index)]}, views not counted: they read nothing."""
        readers = {}
        for at, node in enumerate(self.nodes):
            if not node.op.view:
                for i, value in enumerate(node.inputs):
                    readers.setdefault(id(self.block[id(value)]), []).append((at, i))
        return readers

    def _may_reuse(self, at, block, onto):
        """Whether node `at` may write `block`'s value into `onto`, which it reads (same size, same elements)."""
        node = self.nodes[at]
        output = next(j for j, value in enumerate(node.outputs) if self.block[id(value)] is block)
        allowed = _inplace(node).get(output, ())
        for i, value in enumerate(node.inputs):
            if self.block[id(value)] is onto:
                if i not in allowed and ... not in allowed:  # ...: any input
                    return False
                if value.shape != node.outputs[output].shape or _nbytes(value) != block.nbytes:
                    return False
        return True

    def _choose_homes(self):
        """Results are made where they are wanted, if nobody still reads what lies there; else copied at the end."""
        readers = self._readers()
        ends = []
        for variable, value in self.updates:
            block, own = self.block[id(value)], self._block_of_variable(variable)
            reads = readers.get(id(own), [])
            if (
                block.home is None
                and block.writer is not None
                and all(at <= block.writer for at, _ in reads)
                and self._may_reuse(block.writer, block, own)
            ):
                block.home = own.home
            else:
                ends.append((value, own.home))
        for i, value in enumerate(self.outputs):
            block = self.block[id(value)]
            if block.home is None:
                block.home = Home("output", i)
            else:
                ends.append((value, Home("output", i)))
        for value, home in ends:
            copy = new_call(identity, [value], {})
            self.block[id(copy.output)] = Block(_nbytes(value), home, first=len(self.nodes))
            self.nodes.append(copy)

    def _note_uses(self):
        for at, node in enumerate(self.nodes):
            for value in node.inputs:
                self.block[id(value)].last = max(self.block[id(value)].last, at)
            for value in node.outputs:
                self.block[id(value)].last = max(self.block[id(value)].last, at)

    def _reuse_dying(self):
        """An output takes over the memory of an input that is read for the last time, where the op allows it."""
        merged = {}
        for at, node in enumerate(self.nodes):
            if node.op.view:
                self.block[id(node.output)] = self.block[id(node.inputs[0])]
                continue
            for value in node.inputs:
                block = self.block[id(value)]
                self.block[id(value)] = merged.get(id(block), block)
            for j, value in enumerate(node.outputs):
                block = self.block[id(value)]
                if block.home is not None:
                    continue
                for i in _inplace(node).get(j, ()):
                    for candidate in node.inputs if i is ... else node.inputs[i : i + 1]:
                        dying = self.block[id(candidate)]
                        if (
                            dying.home is None
                            and dying.last == at
                            and dying.nbytes == block.nbytes
                            and self._may_reuse(at, block, dying)
                        ):
                            dying.last = max(dying.last, block.last)
                            merged[id(block)] = dying
                            self.block[id(value)] = block = dying
                            break
                    if block.first < at:
                        break

    def _lower(self):
        """Each node's Lowering, and the workspaces' blocks by id of their Buffer."""
        self.buffer_block = {}
        self._alive = []  # Buffers: their ids are keys
        lowered, workspaces = [], []
        for at, node in enumerate(self.nodes):
            if node.op.view:
                lowered.append("view")
                continue
            control = node.attrs.get("control")
            if control is not None and self.depth + isinstance(control, Loop) <= MOST_LOOPS:
                inside = Inside(node, control, self.depth)
                inside.block = Block(inside.arena, first=at)
                workspaces.append(inside.block)
                lowered.append(inside)
                continue
            reads = [self._buffer(value) for value in node.inputs]
            writes = [self._buffer(value) for value in node.outputs]
            lowering = lower(node.op, reads, writes, node.attrs)
            lowered.append(lowering)
            for buffer in lowering.workspaces if lowering is not None else ():
                block = self.buffer_block[id(buffer)] = Block(buffer.nbytes, first=at)
                block.last = at
                self._alive.append(buffer)
                workspaces.append(block)
        return lowered, workspaces

    def _buffer(self, value):
        buffer = Buffer(value.shape, value.dtype)
        self._alive.append(buffer)
        self.buffer_block[id(buffer)] = self.block[id(value)]
        return buffer

    def _arena_blocks(self):
        unique = {
            id(block): block for block in (*self.block.values(), *self.workspaces) if block.home is None
        }
        return list(unique.values())


def _inplace(node):
    """{output: inputs whose memory it may take over} of a call: a loop's last carry that of the first."""
    control = node.attrs.get("control")
    if isinstance(control, Loop):
        return {i: (i,) for i in range(len(control.carries))}
    return node.op.inplace


def _nbytes(value):
    return dtypes.NUMPY[value.dtype].itemsize * int(np.prod(value.shape))
