"""What a piece of code does to the world around it: files it opens, programs it starts, code it makes."""

import contextlib
import os
import sys
import time
import tracemalloc

_FORBIDDEN = (
    "socket.",
    "subprocess.",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.fork",
    "marshal.loads",
    "pickle.find_class",
    "urllib.",
    "ctypes.dlopen",
    "shutil.",
    "os.rename",
    "os.remove",
    "os.mkdir",
    "os.rmdir",
    "os.symlink",
    "os.link",
    "os.chmod",
    "ftplib.",
    "tempfile.",
)
_watch = (
    None  # a list of (event, args) while something is watched: an audit hook can never be taken off again
)


def _hook(event, args):
    if _watch is not None and (event == "open" or event.startswith(_FORBIDDEN)):
        if event == "marshal.loads" and sys._getframe(1).f_code.co_filename.startswith("<frozen importlib"):
            return  # a module's own .pyc file
        _watch.append((event, args))


sys.addaudithook(_hook)


@contextlib.contextmanager
def harmless(*paths, seconds=5.0, room=80 * 2**20):
    """Fail if the block opens files other than `paths` (and Python's own), writes, starts anything, or takes
    more than `seconds` of computing, or than 4 times the files plus `room` bytes of memory.

    room: None does not measure memory, which makes much Python ten times as slow."""
    global _watch
    allowed = {os.path.realpath(path) for path in paths}
    size = sum(os.path.getsize(path) for path in allowed if os.path.isfile(path))
    _watch = seen = []
    if room is not None:
        tracemalloc.start()
    start = time.process_time()  # of computing: others may have the machine's cores meanwhile
    try:
        yield
    finally:
        _watch = None
        taken = time.process_time() - start
        peak = tracemalloc.get_traced_memory()[1]  # 0 where it was not started
        tracemalloc.stop()
    for event, args in seen:
        if event == "open":
            path, mode, flags = args
            if not isinstance(path, (str, bytes)):
                continue
            real = os.path.realpath(os.fsdecode(path))
            own = real.endswith((".py", ".pyc", ".so")) or real.startswith(("/proc/", "/sys/"))
            assert own or real in allowed, f"opened {real}"
            assert not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) or own, f"opened {real} to write"
        else:
            raise AssertionError(f"{event} {str(args)[:200]}")
    assert taken < seconds, f"took {taken:.1f} s"
    assert peak <= 4 * size + (room or 0), f"took {peak / 2**20:.0f} MB for files of {size / 2**20:.1f} MB"
