"""Lowering: from one op on known shapes to instructions of the C table."""

import math

from . import dtypes, settings

_MOST_BYTES = 2**47  # what a process can address
_SLOW_DTYPES = {"float16", "float64", "complex64", "complex128"}  # no kernels: the NumPy reference runs


class Buffer:
    """Memory that instructions name: `shape`, `dtype` (a name), `nbytes`. Always C-contiguous."""

    __slots__ = ("shape", "dtype", "nbytes")

    def __init__(self, shape, dtype):
        self.shape = shape
        self.dtype = dtype
        self.nbytes = dtypes.NUMPY[dtype].itemsize * self.size
        if self.nbytes > _MOST_BYTES:
            raise MemoryError(f"an array of shape {tuple(shape)} and dtype {dtype} has {self.nbytes} bytes")

    @property
    def size(self):
        """How many elements it has."""
        return math.prod(self.shape)


class Instruction:
    """One kernel call: buffers read, buffers written (workspace last), sizes and scalars."""

    __slots__ = ("kernel", "reads", "writes", "sizes", "attrs")

    def __init__(self, kernel, reads, writes, sizes, attrs):
        self.kernel = kernel
        self.reads = reads
        self.writes = writes
        self.sizes = sizes
        self.attrs = attrs


class Lowering:
    """What an op's `kernel` rule works with.

    inputs, outputs: lists of Buffers. attrs: the op's attributes, also as attributes of this object.
    instructions: what `emit` has collected; workspaces: Buffers made on the way.
    """

    def __init__(self, op, inputs, outputs, attrs):
        self.op = op
        self.inputs = inputs
        self.outputs = outputs
        self.attrs = attrs
        self.instructions = []
        self.workspaces = []

    @property
    def output(self):
        """The first output."""
        return self.outputs[0]

    def __getattr__(self, name):
        try:
            return self.__dict__["attrs"][name]
        except KeyError:
            raise AttributeError(f"{self.op.name} has no attribute {name!r}") from None

    def has(self, kernel):
        """Whether the table in use has this kernel."""
        return kernel in settings.kernels()

    def workspace(self, size, dtype="uint8"):
        """A buffer of `size` elements that lives for this op's instructions alone; undefined at first."""
        buffer = Buffer((int(size),), dtype)
        self.workspaces.append(buffer)
        return buffer

    def work_of(self, kernel, sizes, attrs=()):
        """What a call takes: a dict with `units`, `workspace` (bytes) and more, as csrc/fnn.h has it."""
        return settings.kernels().work(kernel, sizes, attrs)

    def emit(self, kernel, reads, writes, sizes, attrs=()):
        """Add one kernel call. Its buffers are `reads`, then `writes`, then the workspace its `work` asks for."""
        sizes = [int(size) for size in sizes]
        attrs = [float(attr) for attr in attrs]
        writes = list(writes)
        needed = self.work_of(kernel, sizes, attrs)["workspace"]
        if needed:
            writes.append(self.workspace(needed))
        self.instructions.append(Instruction(kernel, list(reads), writes, sizes, attrs))

    def reordered(self, kernel, source, sizes):
        """A workspace with what `kernel`, which is emitted, makes of `source` in an order that its table wants."""
        made = self.workspace(self.work_of(kernel, sizes)["made"])
        self.emit(kernel, [source], [made], sizes)
        return made


def lower(op, inputs, outputs, attrs):
    """The Lowering that computes `outputs` from `inputs` (Buffers) in C, or None: the NumPy reference must."""
    if op.kernel is None or any(b.dtype in _SLOW_DTYPES for b in (*inputs, *outputs)):
        return None
    lowering = Lowering(op, inputs, outputs, attrs)
    if op.kernel(lowering) is False:
        return None
    return lowering
