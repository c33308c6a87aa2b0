"""How many threads a plan may use, and why that many."""

import os

_chosen = None  # (count, why)
version = 0  # changes whenever the number does; plans look at it before they run


def _cgroup_quota():
    """CPUs' worth of time that the control group (v2, then v1) grants, or None."""
    try:
        with open("/proc/self/cgroup") as lines:
            groups = [line.strip().split(":", 2) for line in lines]
    except OSError:
        return None
    best = None
    for _, controllers, path in groups:
        if controllers == "":
            root, names = "/sys/fs/cgroup", ("cpu.max",)
        elif "cpu" in controllers.split(","):
            root, names = "/sys/fs/cgroup/cpu", ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        else:
            continue
        while True:  # an ancestor's quota binds too; inside a container the path may not be visible
            try:
                words = []
                for name in names:
                    with open(root + path.rstrip("/") + "/" + name) as file:
                        words += file.read().split()
                if words[0] not in ("max", "-1"):
                    quota = int(words[0]) / int(words[1])
                    best = quota if best is None else min(best, quota)
            except (OSError, ValueError, IndexError):
                pass
            if path in ("", "/"):
                break
            path = os.path.dirname(path)
    return best


def _physical_cores(cpus):
    """How many different cores the logical `cpus` lie on; all of them where the kernel does not say."""
    cores = set()
    for cpu in cpus:
        try:
            with open(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list") as file:
                cores.add(file.read().strip())
        except OSError:
            cores.add(cpu)
    return len(cores)


def _choose():
    for name in ("FASTNN_NUM_THREADS", "OMP_NUM_THREADS"):
        text = os.environ.get(name, "").split(",")[0].strip()
        if text:
            if not text.isdigit() or int(text) < 1:
                raise ValueError(f"{name} must be a positive integer, received {text!r}")
            return int(text), f"{name}={text}"
    cpus = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    cores = _physical_cores(cpus)
    quota = _cgroup_quota()
    if quota is not None and quota < cores:
        return max(1, int(quota)), f"the control group's quota of {quota:g} CPUs"
    return cores, f"{cores} physical core(s) among the {len(cpus)} CPU(s) of this process"


def num_threads():
    """How many threads plans may use."""
    return explain()[0]


def explain():
    """(count, why)."""
    global _chosen
    if _chosen is None:
        _chosen = _choose()
    return _chosen


def set_num_threads(count):
    """Use at most `count` threads from now on; results do not change by it, bit for bit."""
    global _chosen, version
    if not isinstance(count, int) or count < 1:
        raise ValueError(f"set_num_threads: `count` must be a positive integer, received {count!r}")
    _chosen = (count, "set_num_threads")
    version += 1
