"""Files that are whole or not there: written beside the target, flushed to disk, then put in its place."""

import contextlib
import os
import secrets


@contextlib.contextmanager
def atomic_file(path):
    """`with atomic_file(path) as file`: a binary file, to be written and read, that becomes `path` when the block ends without an error.

    Until then, and if it does not, what was at `path` stays as it was. A symbolic link is followed.
    """
    path = os.path.realpath(path)
    folder, name = os.path.split(path)
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path!r} is a directory; give the name of a file")
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"there is no directory {folder!r} to save {name!r} in; make it first")
    beside = os.path.join(folder, f".{name}.{secrets.token_hex(6)}.tmp")
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
