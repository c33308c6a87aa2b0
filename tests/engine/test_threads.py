"""How many threads: environment, affinity, control groups; and who may be told otherwise."""

import builtins
import io

import pytest

from fastnn.engine import threads


@pytest.fixture(autouse=True)
def restored(monkeypatch):
    monkeypatch.setattr(threads, "_chosen", None)
    for name in ("FASTNN_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)


def _with_files(monkeypatch, files):
    real = builtins.open
    monkeypatch.setattr(builtins, "open", lambda path, *a, **k: _open(real, files, path, *a, **k))


def _open(real, files, path, *args, **kwargs):
    if str(path).startswith(("/proc", "/sys")):
        if path not in files:
            raise FileNotFoundError(path)
        return io.StringIO(files[path])
    return real(path, *args, **kwargs)


def test_environment_comes_first(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3,2")
    assert threads.num_threads() == 3
    monkeypatch.setattr(threads, "_chosen", None)
    monkeypatch.setenv("FASTNN_NUM_THREADS", "5")
    assert threads.num_threads() == 5


def test_bad_environment_is_named(monkeypatch):
    monkeypatch.setenv("FASTNN_NUM_THREADS", "many")
    with pytest.raises(ValueError, match="FASTNN_NUM_THREADS must be a positive integer, received 'many'"):
        threads.num_threads()


@pytest.mark.parametrize(
    "quota, want", [("150000 100000", 1), ("50000 100000", 1), ("300000 100000", 3), ("max 100000", 4)]
)
def test_quota_of_version_2(monkeypatch, quota, want):
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda pid: {0, 1, 2, 3}, raising=False)
    _with_files(monkeypatch, {"/proc/self/cgroup": "0::/box/inner\n", "/sys/fs/cgroup/box/cpu.max": quota})
    assert threads.num_threads() == want


def test_quota_of_version_1(monkeypatch):
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda pid: {0, 1, 2, 3}, raising=False)
    _with_files(
        monkeypatch,
        {
            "/proc/self/cgroup": "4:cpu,cpuacct:/box\n",
            "/sys/fs/cgroup/cpu/box/cpu.cfs_quota_us": "200000\n",
            "/sys/fs/cgroup/cpu/box/cpu.cfs_period_us": "100000\n",
        },
    )
    assert threads.num_threads() == 2
    assert "quota of 2" in threads.explain()[1]


def test_two_threads_of_a_core_count_once(monkeypatch):
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda pid: {0, 1, 2, 3}, raising=False)
    siblings = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
    _with_files(
        monkeypatch,
        {
            siblings.format(0): "0,2",
            siblings.format(2): "0,2",
            siblings.format(1): "1,3",
            siblings.format(3): "1,3",
        },
    )
    assert threads.num_threads() == 2


def test_set_num_threads_checks(monkeypatch):
    for bad in (0, -1, 1.5, "2"):
        with pytest.raises(ValueError, match="positive integer"):
            threads.set_num_threads(bad)
