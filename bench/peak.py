"""The most that this machine can do, measured: fused multiply-adds and reads from memory.

python bench/peak.py [threads]
"""

import ctypes
import functools
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

SOURCE = Path(__file__).with_name("peak.c")
MEMORY = 1 << 28  # bytes to read; far more than any cache


@functools.cache
def _library():
    folder = tempfile.mkdtemp(prefix="fastnn-peak-")
    made = Path(folder) / "peak.so"
    subprocess.run(
        [
            "gcc",
            "-O3",
            "-march=native",
            "-ffast-math",
            "-fno-tree-vectorize",
            "-fopenmp",
            "-shared",
            "-fPIC",
            str(SOURCE),
            "-o",
            str(made),
        ],
        check=True,
    )
    library = ctypes.CDLL(str(made))
    library.fma_seconds.restype = library.read_seconds.restype = ctypes.c_double
    library.read_seconds.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_ssize_t]
    return library


def gflops(threads, tries=5):
    """The best rate of float32 multiply-adds, 10^9 operations a second."""
    done, best = ctypes.c_double(), 0.0
    for _ in range(tries):
        seconds = _library().fma_seconds(threads, ctypes.c_long(4_000_000), ctypes.byref(done))
        best = max(best, done.value / seconds / 1e9)
    return best


def gbytes(threads, tries=5):
    """The best rate of reading memory, 10^9 bytes a second."""
    memory = np.ones(MEMORY // 4, np.float32)
    seconds = min(_library().read_seconds(threads, memory.ctypes.data, MEMORY) for _ in range(tries))
    return MEMORY / seconds / 1e9


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    for n in sorted({1, count}):
        print(f"{n} thread(s): {gflops(n):.1f} GFLOP/s, {gbytes(n):.1f} GB/s")
