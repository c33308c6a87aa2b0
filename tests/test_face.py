"""The public face: every name is there, importing is light."""

import subprocess
import sys

import fastnn


def test_every_name_is_there():
    for name in fastnn.__all__:
        assert getattr(fastnn, name) is not None
    assert set(fastnn.__all__) <= set(dir(fastnn))


def test_importing_is_light():
    code = ("import sys, threading, fastnn; fastnn.Sequential; print([m for m in ('h5py', 'matplotlib', 'scipy', 'keras') "
            "if m in sys.modules], threading.active_count())")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "1"]


def test_show_config(capsys):
    fastnn.show_config()
    printed = capsys.readouterr().out
    assert fastnn.__version__ in printed and "threads: " in printed and "kernels: " in printed
