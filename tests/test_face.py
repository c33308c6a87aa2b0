"""The public face: every name is there, importing is light."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import fastnn


def test_every_name_is_there():
    for name in fastnn.__all__:
        assert getattr(fastnn, name) is not None
    assert set(fastnn.__all__) <= set(dir(fastnn))


def test_importing_is_light():
    code = (
        "import sys, threading, fastnn; fastnn.Sequential; print([m for m in ('h5py', 'matplotlib', 'scipy', 'keras') "
        "if m in sys.modules], threading.active_count())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "1"]


def test_importing_takes_little_time():
    """At most 60 ms over NumPy; the least of several runs."""
    code = (
        "import time, numpy; start = time.perf_counter(); import fastnn; print(time.perf_counter() - start)"
    )
    taken = []
    for _ in range(7):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        taken.append(float(done.stdout))
        if min(taken) <= 0.06:
            break
    assert min(taken) <= 0.06, f"{min(taken) * 1e3:.0f} ms"


def test_the_package_is_small():
    """What a wheel holds, packed as a wheel is: under 5 MB."""
    package = Path(fastnn.__file__).parent
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as wheel:
        for path in package.rglob("*"):
            if (
                path.is_file()
                and path.suffix in (".py", ".so", ".npz", ".txt", "")
                and "__pycache__" not in path.parts
            ):
                wheel.write(path, path.relative_to(package))
    assert len(packed.getvalue()) < 5_000_000


def test_show_config(capsys):
    fastnn.show_config()
    printed = capsys.readouterr().out
    assert fastnn.__version__ in printed and "threads: " in printed and "kernels: " in printed
