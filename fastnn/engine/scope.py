"""Where the values of a placement lie in a plan's slots: the plan's own, or those of a body inside loops."""

from .._core import MAX_LOOPS
from .dtypes import NUMPY
from .placement import Inside

ARENA = 0  # the slot


class Place:
    """slot, byte offset; strides: bytes further at each step of the loops around; beyond: bytes that all steps reach
    more than one."""

    __slots__ = ("slot", "offset", "strides", "beyond")

    def __init__(self, slot, offset, strides=(0,) * MAX_LOOPS, beyond=0):
        self.slot, self.offset, self.strides, self.beyond = slot, offset, strides, beyond

    def further(self, nbytes):
        return Place(self.slot, self.offset + nbytes, self.strides, self.beyond)

    def stepping(self, depth, stride, steps):
        strides = (*self.strides[:depth], stride, *self.strides[depth + 1 :])
        return Place(self.slot, self.offset, strides, self.beyond + stride * max(steps - 1, 0))


class Scope:
    """A placement's values in a plan.

    first: {kind: slot of the first "input", "output", "variable", "constant"}. constants: all arrays so far that
    slots are to be bound to; the placement's own are added. outer, inside, number: the scope around a body, and whose
    body it is, which one.
    inner: {position of a loop or choice: [the scopes of its bodies]}.
    """

    def __init__(self, placement, first, constants, outer=None, inside=None, number=0):
        self.placement = placement
        self.first = first
        self.outer, self.inside, self.number = outer, inside, number
        self.constants_at = first["constant"] + len(constants)
        constants += placement.constants
        self.inner = {
            at: [Scope(body, first, constants, self, one, i) for i, body in enumerate(one.placements)]
            for at, one in enumerate(placement.lowered)
            if isinstance(one, Inside)
        }

    def where(self, block):
        """The Place of a block."""
        home = block.home
        if home is not None and home.kind == "constant":
            return Place(self.constants_at + home.key, 0)
        if self.outer is None:
            return Place(ARENA, block.offset) if home is None else Place(self.first[home.kind] + home.key, 0)
        if home is None:
            return self.outer.where(self.inside.block).further(block.offset)
        key = self.placement.variables[home.key] if home.kind == "variable" else home.key
        control = self.inside.control
        value, moves = control.outer(self.inside.node, self.number, home.kind, key)
        place = self.outer.where(self.outer.placement.block[id(value)])
        if not moves:
            return place
        stride = NUMPY[value.dtype].itemsize * (value.size // max(control.steps, 1))
        return place.stepping(self.inside.depth, stride, control.steps)

    def operand(self, buffer, access):
        """An instruction's operand for a Buffer of the placement."""
        return self._operand(self.placement.buffer_block[id(buffer)], buffer.nbytes, access)

    def operand_of(self, value, access):
        """An instruction's operand for a value."""
        nbytes = NUMPY[value.dtype].itemsize * value.size
        return self._operand(self.placement.block[id(value)], nbytes, access)

    def _operand(self, block, nbytes, access):
        place = self.where(block)
        if not place.beyond:
            return place.slot, access, place.offset, nbytes
        return place.slot, access, place.offset, nbytes, nbytes + place.beyond, place.strides

    def view(self, value, memory, steps):
        """The array that a value's memory is. memory: {slot: array}; steps: where the loops around are."""
        place = self.where(self.placement.block[id(value)])
        offset = place.offset + sum(stride * step for stride, step in zip(place.strides, steps))
        dtype = NUMPY[value.dtype]
        raw = memory[place.slot].reshape(-1).view("uint8")[offset : offset + dtype.itemsize * value.size]
        return raw.view(dtype).reshape(value.shape)
