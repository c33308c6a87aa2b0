"""What runs here: version, CPU, kernel table, threads."""

import platform

from .engine import settings, threads

VERSION = "0.1.0"


def _cpu():
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def show_config():
    """Print the version, the CPU, the instruction set in use, and how many threads and why that many."""
    count, why = threads.explain()
    halves = (
        "by instructions of its own" if settings.bfloat16_speed() > 1 else "none; mixed_bfloat16 is slow here"
    )
    print(
        f"fastnn {VERSION}\ncpu: {_cpu()}\nkernels: {settings.kernels().isa} (this machine can run "
        f"{', '.join(settings.available_isas())}; FASTNN_ISA forces one)\nbfloat16: {halves}\nthreads: {count} ({why})"
    )
