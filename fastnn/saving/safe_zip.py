"""Reading zip archives that may be damaged or hostile: nothing is unpacked to disk, nothing grows without
bound."""

import contextlib
import io
import os
import threading
import zipfile
import zlib

from .checksums import PieceSums, read_checksum

_ROOM = 2**20  # a member may always unpack to so many bytes
_MOST_MEMBERS = 10_000  # a model has three, and one for each vocabulary or other asset


class SafeZip:
    """The members of the zip archive `file` (a path or a binary file), by name; for use in a `with` block.

    Raises:
        ValueError: no zip archive, or one cut short; several members of one name; more members than a model needs.
    """

    def __init__(self, file, what):
        self.what = what
        try:
            self.archive = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError, EOFError) as error:
            raise ValueError(
                f"{what} is no .keras file, or was cut short while it was copied: {error}"
            ) from None
        self.size = self.archive.fp.seek(0, io.SEEK_END)
        self.names = self.archive.namelist()
        if len(self.names) > _MOST_MEMBERS:
            self.archive.close()
            raise ValueError(
                f"{what} is refused: it holds {len(self.names):,} members, more than a model can need "
                f"({_MOST_MEMBERS:,})"
            )
        if len(set(self.names)) != len(self.names):
            self.archive.close()
            raise ValueError(f"{what} is refused: it holds several members of one name")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.archive.close()

    def read(self, name, limit):
        """The contents of a member; see `open`."""
        return self.open(name, limit).read()

    def open(self, name, limit):
        """A member as a binary file that can be sought in; its contents are found whole first.

        limit: the most bytes it may unpack to, where that is more than four times what the archive has of it.
        Raises:
            ValueError: there is none of this name, it is damaged, encrypted, or would grow beyond the limit.
        """
        if name not in self.names:
            raise ValueError(f"{self.what} holds no model: {name!r} is not in it, only {self.names[:10]}")
        info = self.archive.getinfo(name)
        if info.flag_bits & 1:
            raise ValueError(f"{self.what} is refused: {name!r} is encrypted")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(
                f"{self.what} is refused: {name!r} is packed by method {info.compress_type}; files of Keras's are "
                "stored, or deflated"
            )
        if info.file_size > max(limit if limit is not None else 0, 4 * info.compress_size, _ROOM):
            raise ValueError(
                f"{self.what} is refused: {name!r} would unpack from {info.compress_size} to "
                f"{info.file_size} bytes, more than a file of this kind can need"
            )
        try:
            if info.compress_type == zipfile.ZIP_STORED:
                return self._window(info)
            with self.archive.open(info) as member:
                data = member.read(info.file_size + 1)
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            RuntimeError,
            NotImplementedError,
            ValueError,
            OverflowError,
        ) as error:
            raise ValueError(f"{self.what} is damaged: {name!r} cannot be read ({error})") from None
        if len(data) != info.file_size:
            raise ValueError(
                f"{self.what} is damaged: {name!r} has {len(data)} bytes, {info.file_size} are announced"
            )
        return io.BytesIO(data)

    def _window(self, info):
        """A stored member in place: as large as it is, it is never copied as a whole."""
        with self.archive.open(info) as member:  # looks at the member's own header
            start = member._orig_compress_start
        if info.compress_size != info.file_size:
            raise zipfile.BadZipFile("two different sizes are announced")
        window = Window(self.archive.fp, start, info.file_size)
        checksum = read_checksum(window, 0, info.file_size)
        if window.tell() != info.file_size or checksum != info.CRC:
            raise zipfile.BadZipFile("its checksum is wrong")
        window.seek(0)
        return window


@contextlib.contextmanager
def _flushing(file):
    """What was written to `file` is on its way to the disk while the block runs: fsync has less to wait for then."""
    file.flush()
    try:
        handle = file.fileno()
    except OSError:  # a file in memory
        yield
        return
    helper = threading.Thread(target=_flush, args=(handle,))
    helper.start()
    try:
        yield
    finally:
        helper.join()


def _flush(handle):
    with contextlib.suppress(OSError):  # whoever closes the file flushes it again, and hears of what is wrong
        os.fsync(handle)


@contextlib.contextmanager
def stored_member(archive, name):
    """A file to write and read that becomes the last member `name` of an open archive, not packed.

    It lies in the archive from the start, so that large contents are neither copied nor kept in memory.
    """
    file = archive.fp
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o600 << 16
    info.CRC = info.file_size = info.compress_size = 0
    start = info.header_offset = archive.start_dir
    zeros = info.FileHeader(zip64=True)  # of the length it will have in the end
    file.seek(start)
    file.write(zeros)
    window = Window(file, start + len(zeros), 0, growing=True)
    yield window
    with _flushing(file):
        checksum = window.sums.total(window, window.size)
    info.CRC, info.file_size, info.compress_size = checksum, window.size, window.size
    file.seek(start)
    file.write(info.FileHeader(zip64=True))
    file.seek(start + len(zeros) + window.size)
    archive.start_dir = file.tell()
    archive.filelist.append(info)
    archive.NameToInfo[name] = info
    archive._didModify = True  # else closing would not write the list of members


class Window(io.RawIOBase):
    """`size` bytes of the binary file `file`, from `start` on, as a file; `growing`: also to write to."""

    def __init__(self, file, start, size, growing=False):
        self.file, self.start, self.size = file, start, size
        self.growing = growing
        self.position = 0
        self.sums = PieceSums()

    def readable(self):
        return True

    def writable(self):
        return self.growing

    def seekable(self):
        return True

    def seek(self, offset, whence=io.SEEK_SET):
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.size}[whence]
        self.position = max(0, base + offset)
        return self.position

    def tell(self):
        return self.position

    def readinto(self, buffer):
        count = max(0, min(len(buffer), self.size - self.position))
        self.file.seek(self.start + self.position)
        count = self.file.readinto(memoryview(buffer)[:count])
        self.position += count
        return count

    def write(self, data):
        self.file.seek(self.start + self.position)
        count = self.sums.write(self.file, self.position, data)
        self.position += count
        self.size = max(self.size, self.position)
        return count

    def truncate(self, size=None):
        size = self.position if size is None else size
        if size > self.size:
            self.file.seek(self.start + size - 1)
            self.file.write(b"\0")
        self.file.truncate(self.start + size)
        self.sums.forget(min(size, self.size), max(size, self.size))
        self.size = size
        return size

    def flush(self):
        if self.growing and not self.closed:
            self.file.flush()
