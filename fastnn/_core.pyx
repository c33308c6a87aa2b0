# cython: language_level=3, boundscheck=False, wraparound=False
"""The only binding to csrc/: kernel tables and plans. Imported by fastnn.engine alone."""
cimport numpy as cnp
from cpython.pythread cimport (PyThread_acquire_lock, PyThread_allocate_lock, PyThread_free_lock,
                               PyThread_release_lock, PyThread_type_lock, NOWAIT_LOCK, WAIT_LOCK)
from libc.stdint cimport uint64_t
from libc.string cimport memset

cnp.import_array()


cdef extern from "fnn.h" nogil:
    enum:
        FNN_MAX_BUFS
        FNN_MAX_SIZES
        FNN_MAX_ATTRS
        FNN_MAX_LOOPS
    ctypedef struct fnn_call:
        void *buf[1]
        ptrdiff_t size[1]
        double attr[1]
        ptrdiff_t bufs, sizes, attrs
    ctypedef struct fnn_work:
        ptrdiff_t units, scratch, workspace, made
        double flops, bytes
    ctypedef struct fnn_kernel:
        const char *name
        void (*work)(const fnn_call *, fnn_work *) noexcept
    ctypedef struct fnn_table:
        const char *isa
        const fnn_kernel **parts
    ctypedef enum fnn_status:
        FNN_OK
        FNN_NO_MEMORY
        FNN_BAD_ARGUMENT
    ctypedef struct fnn_operand:
        int slot, access
        ptrdiff_t offset, bytes, span
        ptrdiff_t stride[1]
    ctypedef struct fnn_loop:
        int body, depth, reversed, guarded, counted
        ptrdiff_t most
    ctypedef struct fnn_plan:
        pass
    ctypedef struct fnn_instruction_info:
        uint64_t nanoseconds, runs
        int threads, barrier
        fnn_work work
    const fnn_table *fnn_table_for(const char *isa)
    const char *fnn_best_isa()
    fnn_plan *fnn_plan_new(int instructions, int slots)
    void fnn_plan_free(fnn_plan *plan)
    fnn_status fnn_plan_set(fnn_plan *plan, int at, const fnn_kernel *kernel, const fnn_call *call,
                            const fnn_operand *operands)
    fnn_status fnn_plan_set_loop(fnn_plan *plan, int at, const fnn_loop *loop, const fnn_operand *operands)
    fnn_status fnn_plan_set_choice(fnn_plan *plan, int at, int count, const int *lengths,
                                   const fnn_operand *index)
    void fnn_plan_enter(fnn_plan *plan, int depth, ptrdiff_t step)
    fnn_status fnn_plan_schedule(fnn_plan *plan, int threads)
    void fnn_plan_bind(fnn_plan *plan, int slot, void *memory)
    void fnn_plan_run(fnn_plan *plan, int first, int last, ptrdiff_t steps)
    void fnn_plan_profile(fnn_plan *plan, int on)
    void fnn_plan_info(const fnn_plan *plan, int at, fnn_instruction_info *info)
    bint fnn_plan_guards_hold(const fnn_plan *plan)


READ, WRITE = 1, 2
MAX_LOOPS = FNN_MAX_LOOPS  # inside one another
MAX_CHOICES = FNN_MAX_SIZES
LOOP, CHOICE = "loop", "choice"
ISAS = ("amx", "avx512bf16", "avx512", "avx2", "base")


def best_isa():
    """The fastest instruction set that this CPU and operating system can run."""
    return fnn_best_isa().decode()


def available_isas():
    """The instruction sets that this machine can run, fastest first."""
    return tuple(isa for isa in ISAS if fnn_table_for(isa.encode()) != NULL)


cdef int fill_call(fnn_call *call, object name, Py_ssize_t bufs, object sizes, object attrs) except -1:
    if bufs > FNN_MAX_BUFS or len(sizes) > FNN_MAX_SIZES or len(attrs) > FNN_MAX_ATTRS:
        raise ValueError(f"{name}: at most {FNN_MAX_BUFS} buffers, {FNN_MAX_SIZES} sizes and {FNN_MAX_ATTRS} "
                         f"scalars, received {bufs}, {len(sizes)} and {len(attrs)}")
    memset(call, 0, sizeof(fnn_call))
    call.bufs = bufs
    call.sizes = len(sizes)
    call.attrs = len(attrs)
    for i, size in enumerate(sizes):
        call.size[<int>i] = size
    for i, attr in enumerate(attrs):
        call.attr[<int>i] = attr
    return 0


cdef class Kernels:
    """One instruction set's kernels by name.

    Raises:
        ValueError: `isa` is unknown or this machine cannot run it.
    """
    cdef const fnn_table *table
    cdef dict at  # name -> the kernel's address
    cdef readonly str isa

    def __init__(self, str isa not None):
        self.table = fnn_table_for(isa.encode())
        if self.table == NULL:
            raise ValueError(f"FASTNN_ISA: {isa!r} is not an instruction set that this machine can run; choose "
                             f"one of {', '.join(available_isas())}, or leave it unset for the best")
        self.isa = isa
        self.at = {}
        cdef const fnn_kernel **part = <const fnn_kernel **>self.table.parts
        cdef const fnn_kernel *kernel
        while part[0] != NULL:
            kernel = part[0]
            while kernel.name != NULL:
                self.at[kernel.name.decode()] = <size_t>kernel
                kernel += 1
            part += 1

    def __contains__(self, name):
        return name in self.at

    def names(self):
        return tuple(self.at)

    cdef const fnn_kernel *find(self, name) except NULL:
        if name not in self.at:
            raise KeyError(f"no kernel {name!r} in table {self.isa!r}")
        return <const fnn_kernel *><size_t>self.at[name]

    def work(self, str name, sizes, attrs=()):
        """What a call takes: {"units", "scratch", "workspace", "made", "flops", "bytes"}, the memory in bytes."""
        cdef fnn_call call
        cdef fnn_work work
        cdef const fnn_kernel *kernel = self.find(name)
        fill_call(&call, name, 0, sizes, attrs)
        memset(&work, 0, sizeof(work))
        kernel.work(&call, &work)
        return {"units": work.units, "scratch": work.scratch, "workspace": work.workspace,
                "made": work.made, "flops": work.flops, "bytes": work.bytes}


def form(list arrays):
    """Shapes and dtypes of NumPy arrays as one hashable string of bytes: equal for equal ones only."""
    cdef cnp.npy_intp words[256]
    cdef Py_ssize_t at = 0
    cdef int axis, axes
    cdef cnp.ndarray array
    for array in arrays:
        axes = cnp.PyArray_NDIM(array)
        if at + axes + 1 > 256:
            return tuple([(array.dtype.num, (<object>array).shape) for array in arrays])
        words[at] = cnp.PyArray_TYPE(array) * 64 + axes
        at += 1
        for axis in range(axes):
            words[at + axis] = cnp.PyArray_DIM(array, axis)
        at += axes
    return (<char *>words)[:at * sizeof(cnp.npy_intp)]


cdef class Plan:
    """Instructions over numbered memory slots, run without Python.

    Args:
        kernels: the `Kernels` to take from.
        instructions: a sequence of (kernel name, operands, sizes, attrs); an operand is (slot, access, byte
            offset, bytes) with access READ, WRITE or both; inside loops, where it moves on with their steps,
            (slot, access, byte offset, bytes, span, strides): see `fnn_operand`. In the place of a kernel's name
            LOOP, with the sizes body, depth, reversed, guarded, counted, most of `fnn_loop`; or CHOICE, with the
            lengths of the bodies.
        slots: how many slots there are; bind each to an array before running.
        threads: the most threads that may take part.
    """
    cdef fnn_plan *plan
    cdef PyThread_type_lock lock
    cdef list owners         # slot -> the array whose memory is bound; keeps it alive
    cdef list extents        # slot -> bytes that instructions reach
    cdef readonly Kernels kernels
    cdef int missing         # slots that instructions reach and that are not bound
    cdef readonly int count, slots
    cdef readonly list names

    def __cinit__(self, Kernels kernels not None, instructions, int slots, int threads=1):
        cdef fnn_operand operands[FNN_MAX_BUFS]
        cdef int at = 0
        self.lock = PyThread_allocate_lock()
        self.kernels = kernels
        self.count = len(instructions)
        self.slots = slots
        self.owners = [None] * slots
        self.extents = [0] * slots
        self.names = []
        self.plan = fnn_plan_new(self.count, slots)
        if self.plan == NULL or self.lock == NULL:
            raise MemoryError("no memory for a plan")
        for name, ops, sizes, attrs in instructions:
            self.read_operands(name, ops, operands)
            if self.set_instruction(at, name, len(ops), sizes, attrs, operands) != FNN_OK:
                raise ValueError(f"{name}: an operand names a slot outside 0..{slots - 1}, or a body ends outside "
                                 f"the plan: {sizes}")
            self.names.append(name)
            at += 1
        self.missing = sum(1 for extent in self.extents if extent)
        self.schedule(threads)

    cdef int read_operands(self, name, ops, fnn_operand *operands) except -1:
        cdef int b = 0, level
        if len(ops) > FNN_MAX_BUFS:
            raise ValueError(f"{name}: at most {FNN_MAX_BUFS} buffers, received {len(ops)}")
        for operand in ops:
            slot, access, offset, nbytes = operand[:4]
            span, strides = operand[4:] if len(operand) > 4 else (nbytes, ())
            if offset < 0 or nbytes < 0 or span < nbytes or len(strides) > FNN_MAX_LOOPS:
                raise ValueError(f"{name}: operand {b} lies outside its memory")
            operands[b].slot = slot
            operands[b].access = access
            operands[b].offset = offset
            operands[b].bytes = nbytes
            operands[b].span = span
            for level in range(FNN_MAX_LOOPS):
                operands[b].stride[level] = strides[level] if level < len(strides) else 0
            if nbytes and 0 <= slot < self.slots and offset + span > self.extents[slot]:
                self.extents[slot] = offset + span
            b += 1
        return 0

    cdef fnn_status set_instruction(self, int at, name, int bufs, sizes, attrs, fnn_operand *operands) except *:
        cdef fnn_call call
        cdef fnn_loop loop
        cdef int lengths[FNN_MAX_SIZES]
        if name == LOOP:
            loop.body, loop.depth, loop.reversed, loop.guarded, loop.counted, loop.most = sizes
            return fnn_plan_set_loop(self.plan, at, &loop, operands)
        if name == CHOICE:
            if len(sizes) > FNN_MAX_SIZES:
                raise ValueError(f"{name}: at most {FNN_MAX_SIZES} bodies, received {len(sizes)}")
            for i, length in enumerate(sizes):
                lengths[<int>i] = length
            return fnn_plan_set_choice(self.plan, at, len(sizes), lengths, operands)
        fill_call(&call, name, bufs, sizes, attrs)
        return fnn_plan_set(self.plan, at, self.kernels.find(name), &call, operands)

    def __dealloc__(self):
        fnn_plan_free(self.plan)
        if self.lock != NULL:
            PyThread_free_lock(self.lock)

    def schedule(self, int threads):
        """Share the work among at most `threads` threads."""
        self.take()
        try:
            if fnn_plan_schedule(self.plan, threads) != FNN_OK:
                raise MemoryError("no memory to schedule a plan")
        finally:
            PyThread_release_lock(self.lock)

    cdef int take(self) except -1:
        if not PyThread_acquire_lock(self.lock, NOWAIT_LOCK):
            with nogil:
                PyThread_acquire_lock(self.lock, WAIT_LOCK)
        return 0

    cdef int bind_array(self, Py_ssize_t slot, cnp.ndarray array) except -1:
        if not cnp.PyArray_IS_C_CONTIGUOUS(array) or cnp.PyArray_NBYTES(array) < <Py_ssize_t>self.extents[slot]:
            raise ValueError(f"slot {slot} needs a C-contiguous array of at least {self.extents[slot]} bytes, "
                             f"received {cnp.PyArray_NBYTES(array)} bytes")
        if self.owners[slot] is None and self.extents[slot]:
            self.missing -= 1
        self.owners[slot] = array
        fnn_plan_bind(self.plan, <int>slot, cnp.PyArray_DATA(array))
        return 0

    def bind(self, Py_ssize_t slot, cnp.ndarray array not None):
        """Let `slot` mean this array's memory from now on."""
        if slot < 0 or slot >= self.slots:
            raise IndexError(f"slot {slot} of {self.slots}")
        self.take()
        try:
            self.bind_array(slot, array)
        finally:
            PyThread_release_lock(self.lock)

    def enter(self, int depth, Py_ssize_t step):
        """Say which step of the loop of this depth the next runs of parts of its body belong to."""
        if not 0 <= depth < FNN_MAX_LOOPS:
            raise IndexError(f"a loop at depth {depth} of {FNN_MAX_LOOPS}")
        fnn_plan_enter(self.plan, depth, step)

    def run(self, Py_ssize_t steps=1, int first=0, int last=-1):
        """Run instructions [first, last) in order, `steps` times."""
        if last < 0:
            last = self.count
        if first < 0 or last > self.count:
            raise IndexError(f"instructions {first}..{last} of {self.count}")
        self.take()
        try:
            self.check_bound()
            with nogil:
                fnn_plan_run(self.plan, first, last, steps)
        finally:
            PyThread_release_lock(self.lock)

    cdef int check_bound(self) except -1:
        if self.missing:
            slots = [slot for slot in range(self.slots) if self.owners[slot] is None and self.extents[slot]]
            raise RuntimeError(f"slots {slots} are not bound")
        return 0

    def run_with(self, Py_ssize_t first_slot, arrays):
        """Bind consecutive slots from `first_slot` to `arrays`, run everything once, and let those arrays go."""
        cdef Py_ssize_t slot = first_slot, last = first_slot + len(arrays)
        if first_slot < 0 or last > self.slots:
            raise IndexError(f"slots {first_slot}..{last} of {self.slots}")
        self.take()
        try:
            for array in arrays:
                self.bind_array(slot, <cnp.ndarray?>array)
                slot += 1
            self.check_bound()
            with nogil:
                fnn_plan_run(self.plan, 0, self.count, 1)
        finally:
            for slot in range(first_slot, last):
                if self.owners[slot] is not None and self.extents[slot]:
                    self.missing += 1
                self.owners[slot] = None
            PyThread_release_lock(self.lock)

    def call(self, list inputs, list forms):
        """Run everything once on `inputs` (C-contiguous or not) and new arrays, bound to the slots in this order.

        forms: (shape, NumPy type number) of each new array. Returns them as a list.
        """
        cdef Py_ssize_t slot = 0
        cdef list made = []
        cdef cnp.npy_intp dims[32]
        cdef tuple shape
        cdef int axis
        if len(inputs) + len(forms) > self.slots:
            raise IndexError(f"{len(inputs)} + {len(forms)} arrays for {self.slots} slots")
        for shape, kind in forms:
            for axis in range(<int>len(shape)):
                dims[axis] = shape[axis]
            made.append(cnp.PyArray_EMPTY(<int>len(shape), dims, <int>kind, 0))
        self.take()
        try:
            for array in inputs:
                if not cnp.PyArray_IS_C_CONTIGUOUS(<cnp.ndarray?>array):
                    array = cnp.PyArray_GETCONTIGUOUS(<cnp.ndarray>array)
                self.bind_array(slot, <cnp.ndarray>array)
                slot += 1
            for array in made:
                self.bind_array(slot, <cnp.ndarray>array)
                slot += 1
            self.check_bound()
            with nogil:
                fnn_plan_run(self.plan, 0, self.count, 1)
        finally:
            for i in range(slot):
                if self.owners[i] is not None and self.extents[i]:
                    self.missing += 1
                self.owners[i] = None
            PyThread_release_lock(self.lock)
        return made

    def profile(self, bint on):
        """Start (clearing the clocks) or stop timing each instruction."""
        fnn_plan_profile(self.plan, on)

    def info(self):
        """One dict an instruction: name, ns, runs, threads, barrier, units, flops, bytes."""
        cdef fnn_instruction_info info
        rows = []
        for i in range(self.count):
            fnn_plan_info(self.plan, i, &info)
            rows.append({"name": self.names[i], "ns": info.nanoseconds, "runs": info.runs, "threads": info.threads,
                         "barrier": bool(info.barrier), "units": info.work.units, "flops": info.work.flops,
                         "bytes": info.work.bytes})
        return rows

    def guards_hold(self):
        """Whether what lies behind each thread's scratch memory is as it was: no kernel wrote past its own."""
        return fnn_plan_guards_hold(self.plan)
