"""Builds csrc/ and the binding: one set of kernel sources, compiled once for each instruction set."""

import os
import platform
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

DEBUG = os.environ.get("FASTNN_DEBUG") == "1"  # asserts and sanitizers; see `make debug`
CHECKED = os.environ.get("FASTNN_CHECKED") == "1"  # kernels run on guarded copies; see `make checked`
EMULATE = (
    os.environ.get("FASTNN_EMULATE_AVX512") == "1"
)  # the AVX-512 table on any x86-64; see `make emulate`
X86 = platform.machine() in ("x86_64", "AMD64")
ISA_FLAGS = {"base": []}
if X86:
    ISA_FLAGS["avx2"] = ["-DFNN_AVX2", "-mavx2", "-mfma"]
    ISA_FLAGS["avx512"] = [
        "-DFNN_AVX512",
        "-mavx512f",
        "-mavx512bw",
        "-mavx512dq",
        "-mavx512vl",
        "-mfma",
        "-mprefer-vector-width=512",
    ]
    if EMULATE:
        ISA_FLAGS["avx512"] = ["-DFNN_AVX512", "-mavx2", "-mfma", "-include", "tests/csrc/avx512_emulation.h"]


def understood(flag):
    """Whether the C compiler knows an option."""
    compiler = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    command = [*compiler.split(), flag, "-E", "-x", "c", os.devnull]
    return subprocess.run(command, capture_output=True).returncode == 0


# Instructions for bfloat16: the part that has a use for them is compiled for these, too.
BF16_FLAGS = {}
if X86 and (EMULATE or understood("-mavx512bf16")):
    more = [] if EMULATE else ["-mavx512bf16"]
    BF16_FLAGS["avx512bf16"] = [*ISA_FLAGS["avx512"], "-DFNN_PAIRS", *more]
if X86 and (EMULATE or sys.platform == "linux" and understood("-mavx512bf16") and understood("-mamx-bf16")):
    more = [] if EMULATE else ["-mavx512bf16", "-mamx-tile", "-mamx-bf16"]
    BF16_FLAGS["amx"] = [*ISA_FLAGS["avx512"], "-DFNN_PAIRS", "-DFNN_AMX", *more]

# -ffp-contract=off: a multiply and an add are fused only where a kernel says so, so that every build rounds alike.
C_FLAGS = [
    "-std=c11",
    "-fopenmp",
    "-fvisibility=hidden",
    "-Wall",
    "-Wextra",
    "-Wshadow",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
]
if EMULATE:
    C_FLAGS += ["-DFNN_EMULATE_AVX512"]
if CHECKED:
    C_FLAGS += ["-DFNN_CHECKED"]
if DEBUG:
    C_FLAGS += ["-O1", "-g", "-fsanitize=address,undefined", "-fno-omit-frame-pointer", "-UNDEBUG"]
    LINK_FLAGS = ["-fopenmp", "-fsanitize=address,undefined"]
else:
    C_FLAGS += ["-O1" if CHECKED else "-O3", "-g0", "-DNDEBUG"]
    LINK_FLAGS = ["-fopenmp", "-s"]


class BuildKernels(build_ext):
    """Compiles each csrc/part_<part>.c once for each instruction set, then links them into the extension."""

    def build_extension(self, ext):
        sources = [os.path.join("csrc", name) for name in sorted(os.listdir("csrc"))]
        newest = max(os.path.getmtime(path) for path in sources)
        tables = [f"-DFNN_HAS_{isa.upper()}" for isa in BF16_FLAGS]
        jobs = [(f"csrc/{name}.c", "baseline", tables) for name in ("dispatch", "plan", "schedule", "run")]
        for source in sources:
            name = os.path.basename(source)
            if name.startswith("part_"):
                isas = {**ISA_FLAGS, **(BF16_FLAGS if name == "part_bf16.c" else {})}
                jobs += [(source, isa, [f"-DFNN_ISA={isa}", *flags]) for isa, flags in isas.items()]

        def compile_one(job):
            source, isa, flags = job
            folder = os.path.join(self.build_temp, isa)
            made = os.path.join(folder, source[:-2] + ".o")
            if self.force or not os.path.exists(made) or os.path.getmtime(made) < newest:
                self.compiler.compile(
                    [source], output_dir=folder, include_dirs=["csrc"], extra_postargs=C_FLAGS + flags
                )
            return made

        with ThreadPoolExecutor(
            os.cpu_count()
        ) as pool:  # each is a run of the compiler in a process of its own
            ext.extra_objects = list(pool.map(compile_one, jobs))
        super().build_extension(ext)


core = Extension(
    "fastnn._core",
    ["fastnn/_core.pyx"],
    include_dirs=["csrc", numpy.get_include()],
    define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
    depends=[os.path.join("csrc", name) for name in os.listdir("csrc")],
    extra_compile_args=["-O1" if DEBUG else "-O2", "-fvisibility=hidden"],
    extra_link_args=LINK_FLAGS,
)

if "--help" not in sys.argv:
    setup(ext_modules=cythonize([core], quiet=True), cmdclass={"build_ext": BuildKernels})
