"""Archives unpacked without leaving their folder, and without filling the disk.

No link is ever made: a link to a file of the archive becomes a copy of it. So each name can be judged by itself, and
nothing on the way to it can lead elsewhere, whatever Python's own filters let through.
"""

import bz2
import errno
import gzip
import lzma
import os
import posixpath
import tarfile
import zipfile
import zlib

from ..saving.atomic import scratch_folder

_MOST_EXPANSION = 200  # texts of numbers shrink 5 to 20 times; packed zeros a thousand times, or a million
_ROOM = 2**28  # bytes that any archive may unpack to
_BYTES_A_MEMBER = 16  # of the archive: the least that a file of its own takes
_ROOM_FOR_MEMBERS = 2_000
_LARGEST_HEADER = 2**20
_BLOCK = 2**16
_MAGIC = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RecursionError,
    ValueError,
)


class UnsafeArchive(ValueError):
    """An archive that is not unpacked, though it can be read."""


def unpack(path, folder, archive_format="auto"):
    """Unpack a tar or zip archive into `folder`, all of it or nothing; what was in the folder is gone then.

    Raises:
        ValueError: it is no such archive, it is damaged, it would unpack out of all proportion, or one of its members
            would lie outside the folder, or is neither a file, a folder nor a link to a file of the archive.
        OSError: the disk is full, or cannot be written to.
    """
    formats = (
        ("tar", "zip")
        if archive_format == "auto"
        else ([archive_format] if isinstance(archive_format, str) else list(archive_format or ()))
    )
    if "tar" in formats and _is_tar(path):
        members = _tar_members
    elif "zip" in formats and zipfile.is_zipfile(path):
        members = _zip_members
    else:
        raise ValueError(f"get_file: {path} is no archive of the format {' or '.join(formats) or None}")
    with scratch_folder(folder) as scratch:
        unpacking = _Unpacking(scratch, path)
        try:
            members(path, unpacking)
        except UnsafeArchive:
            raise
        except _DAMAGE as error:
            raise ValueError(f"get_file: {path} is damaged, it is not unpacked: {error}") from None
        except OSError as error:
            if error.errno is not None or not str(
                error
            ):  # the disk's; of what is no gzip or bzip2, Python has none
                raise
            raise ValueError(f"get_file: {path} is damaged, it is not unpacked: {error}") from None


class _Unpacking:
    """Writes members into a folder, and keeps count of them."""

    def __init__(self, folder, archive):
        self.folder, self.archive = folder, archive
        size = os.path.getsize(archive)
        self.bytes_left = max(_ROOM, _MOST_EXPANSION * size)
        self.members_left = _ROOM_FOR_MEMBERS + size // _BYTES_A_MEMBER
        self.files = set()  # their places, as tuples of names

    def put(self, name, contents=None, size=0):
        """Write a file of at most `size` bytes, or make a folder where `contents` is None."""
        place = self.place(name)
        self.members_left -= 1
        self.bytes_left -= size
        if self.members_left < 0 or self.bytes_left < 0 or size < 0:
            what = "bytes" if self.members_left >= 0 else "files"
            self.refuse(f"it would unpack to far more {what} than an archive of its size can hold")
        target = os.path.join(self.folder, *place)
        try:
            os.makedirs(target if contents is None else os.path.dirname(target), exist_ok=True)
            if contents is not None:
                with open(target, "wb") as file:
                    while size > 0 and (block := contents.read(min(size, _BLOCK))):
                        file.write(block)
                        size -= len(block)
                self.files.add(place)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            self.refuse(f"it holds an unsafe member: {_shown(name)} is both file and folder")
        except OSError as error:
            if error.errno not in (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ):
                raise
            self.refuse(f"it holds an unsafe member: {_shown(name)} is no name that a file can have here")
        except UnicodeError:
            self.refuse(f"it holds an unsafe member: {_shown(name)} is no name that a file can have here")

    def copy(self, name, place):
        """A copy of a file that was put, in the place of a link to it."""
        source = os.path.join(self.folder, *place)
        with open(source, "rb") as contents:
            self.put(name, contents, os.path.getsize(source))

    def place(self, name):
        """A member's place in the folder, a tuple of names."""
        parts = name.replace("\\", "/").rstrip("/").split("/")
        parts = [part for i, part in enumerate(parts) if part not in (".", "") or (i == 0 and not part)]
        if any(part in ("", "..") or ":" in part or "\0" in part for part in parts):
            self.refuse(f"it holds an unsafe member: {_shown(name)} lies outside the folder")
        return tuple(parts)

    def refuse(self, why):
        raise UnsafeArchive(f"get_file: {self.archive} is not unpacked, {why}")


def _shown(name):
    return repr(name) if len(name) < 200 else f"{name[:200]!r}..."


# ---- tar


class _Bounded:
    """A file whose reads are bounded: a header that says it is longer than a header can be is not read whole."""

    def __init__(self, file):
        self.file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size=-1):
        if not 0 <= size <= _LARGEST_HEADER:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self.file.read(size)


def _opened_tar(path):
    """(file of the tar archive's own bytes, the archive, at its first member)."""
    with open(path, "rb") as file:
        start = file.read(6)
    opener = next((opener for magic, opener in _MAGIC.items() if start.startswith(magic)), open)
    file = opener(path, "rb")
    try:
        return file, tarfile.TarFile(fileobj=_Bounded(file))
    except BaseException:
        file.close()
        raise


def _is_tar(path):
    try:
        file, _ = _opened_tar(path)
    except (*_DAMAGE, OSError):
        return False
    file.close()
    return True


def _tar_members(path, unpacking):
    """Put all members in place; links last, as they may lead to what comes after them."""
    file, archive = _opened_tar(path)
    with file:
        links = []
        for member in archive:
            if member.size < 0:
                raise tarfile.ReadError(f"{member.name!r} has a size of {member.size} bytes")
            if member.isdir():
                unpacking.put(member.name)
            elif member.isreg():
                unpacking.put(member.name, archive.extractfile(member), member.size)
            elif member.issym() or member.islnk():
                folder = posixpath.dirname(member.name) if member.issym() else ""
                links.append((member.name, posixpath.join(folder, member.linkname)))
                unpacking.members_left -= 1
            else:
                _refuse_link(unpacking, member.name)
            archive.members = []  # it keeps all of them else
        file.seek(archive.offset)  # where it found no further member, whatever is there
        if file.read(tarfile.BLOCKSIZE).strip(b"\0"):
            raise tarfile.ReadError("there is something else in the place of a member")
        file.read(_LARGEST_HEADER)  # to the end of packed ones, which is where their checksums are
    leads = {unpacking.place(name): target for name, target in links}
    for name, _ in links:
        unpacking.copy(name, _end_of(unpacking, name, leads))


def _end_of(unpacking, name, leads):
    """The place of the file that a link leads to, by way of other links perhaps."""
    met, place = set(), unpacking.place(name)
    while place in leads and place not in met:
        met.add(place)
        target = posixpath.normpath(leads[place])
        if target.startswith(("/", "..")) or len(met) > 40:  # as many as a system follows
            break
        place = unpacking.place(target)
    if place not in unpacking.files or place in leads:
        _refuse_link(unpacking, name)
    return place


def _refuse_link(unpacking, name):
    unpacking.refuse(
        f"it holds an unsafe member: {_shown(name)} is a device, or a link to something that is no file of the archive"
    )


# ---- zip


def _zip_members(path, unpacking):
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.flag_bits & 1:
                unpacking.refuse(f"{_shown(member.filename)} is encrypted")
            if member.is_dir():
                unpacking.put(member.filename)
            else:
                with archive.open(member) as contents:
                    unpacking.put(member.filename, contents, member.file_size)
