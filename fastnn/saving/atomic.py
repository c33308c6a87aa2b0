"""Files that are whole or not there: written beside the target, flushed to disk, then put in its place."""

import contextlib
import os
import re
import secrets
import shutil
import time


@contextlib.contextmanager
def atomic_file(path):
    """A binary file, to be written and read, that becomes `path` when the `with` block ends without an error.

    Until then, and if it does not, what was at `path` stays as it was. A symbolic link is followed. What a
    killed writer of the same file left behind is removed.
    """
    path = os.path.realpath(path)
    folder, name = os.path.split(path)
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path!r} is a directory; give the name of a file")
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"there is no directory {folder!r} to save {name!r} in; make it first")
    _remove_orphans(folder, name)
    beside = _beside(folder, name)
    try:
        with open(beside, "x+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # else a crash could leave the new name with no contents
        if os.path.exists(path):
            os.chmod(beside, os.stat(path).st_mode & 0o7777)
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)
        raise
    _sync_directory(folder)


@contextlib.contextmanager
def scratch_folder(path):
    """A new folder that becomes `path`, in the place of what was there, when the block ends without an error.

    Else it is removed, with all that is in it, and `path` is as it was.
    """
    path = os.path.abspath(path)
    folder, name = os.path.split(path)
    _remove_orphans(folder, name)
    beside, old = _beside(folder, name), _beside(folder, name)
    os.mkdir(beside)
    try:
        yield beside
        if os.path.isdir(path):
            os.replace(path, old)
        os.replace(beside, path)
    finally:
        for left in (beside, old):
            shutil.rmtree(left, ignore_errors=True)


def _beside(folder, name):
    return os.path.join(folder, f".{name}.{os.getpid()}.{secrets.token_hex(6)}.tmp")


def _remove_orphans(folder, name):
    """Remove unfinished files and folders of writers that are no more. Another machine's would look so too: they keep a
    minute."""
    pattern = re.compile(re.escape(f".{name}.") + r"(\d+)\.[0-9a-f]{12}\.tmp")
    for other in os.listdir(folder):
        match = pattern.fullmatch(other)
        if match is None or int(match[1]) == os.getpid():
            continue
        path = os.path.join(folder, other)
        with contextlib.suppress(OSError):
            if not _is_running(int(match[1])) and time.time() - os.stat(path).st_mtime > 60:
                shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)


def _is_running(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _sync_directory(folder):
    """Make the rename itself last, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)
