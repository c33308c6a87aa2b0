"""Archives unpacked without leaving their folder.

No link is ever made: a link to a file of the archive becomes a copy of it. So each name can be judged by itself, and
nothing on the way to it can lead elsewhere, whatever Python's own filters let through.
"""

import os
import shutil
import tarfile
import tempfile
import zipfile
import zlib


def unpack(path, folder, archive_format="auto"):
    """Unpack a tar or zip archive into `folder`, all of it or nothing; what was in the folder is gone then.

    Raises:
        ValueError: it is no such archive, it is damaged, or one of its members would lie outside the folder, or is
            neither a file, a folder nor a link to a file of the archive.
    """
    formats = (
        ("tar", "zip")
        if archive_format == "auto"
        else ([archive_format] if isinstance(archive_format, str) else list(archive_format or ()))
    )
    if "tar" in formats and tarfile.is_tarfile(path):
        members = _tar_members
    elif "zip" in formats and zipfile.is_zipfile(path):
        members = _zip_members
    else:
        raise ValueError(f"get_file: {path} is no archive of the format {' or '.join(formats) or None}")
    scratch = tempfile.mkdtemp(dir=os.path.dirname(os.path.abspath(folder)), prefix=".unpack-")
    try:
        try:
            for name, contents in members(path):
                _put(scratch, name, contents, path)
        except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise ValueError(f"get_file: {path} is damaged, it is not unpacked: {error}") from None
        if os.path.isdir(folder):
            shutil.rmtree(folder)
        os.chmod(scratch, 0o755)
        os.replace(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _tar_members(path):
    """(name, binary file or None for a folder) of each member."""
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isdir():
                yield member.name, None
                continue
            contents = None
            if member.isreg() or member.issym() or member.islnk():
                try:
                    contents = archive.extractfile(member)  # of a link, what it leads to inside the archive
                except (KeyError, RecursionError):
                    contents = None
            if contents is None:
                raise ValueError(
                    f"get_file: {path} is not unpacked, it holds an unsafe member: {member.name!r} is a device, or a "
                    "link to something that is no file of the archive"
                )
            yield member.name, contents


def _zip_members(path):
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.flag_bits & 1:
                raise ValueError(f"get_file: {path} is not unpacked, {member.filename!r} is encrypted")
            if member.is_dir():
                yield member.filename, None
            else:
                with archive.open(member) as contents:
                    yield member.filename, contents


def _put(folder, name, contents, archive):
    parts = name.replace("\\", "/").rstrip("/").split("/")
    parts = [part for i, part in enumerate(parts) if part not in (".", "") or (i == 0 and not part)]
    if any(part in ("", "..") or ":" in part or "\0" in part for part in parts):
        raise ValueError(
            f"get_file: {archive} is not unpacked, it holds an unsafe member: {name!r} lies outside the folder"
        )
    target = os.path.join(folder, *parts)
    try:
        os.makedirs(target if contents is None else os.path.dirname(target), exist_ok=True)
        if contents is not None:
            with open(target, "wb") as file:
                shutil.copyfileobj(contents, file)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise ValueError(
            f"get_file: {archive} is not unpacked, it holds an unsafe member: {name!r} is both file and folder"
        ) from None
