"""Files from the internet: downloaded once, checked, kept; archives unpacked without leaving their folder."""

import hashlib
import http.client
import os
import shutil
import urllib.error
import urllib.parse
import urllib.request

from ..saving.atomic import atomic_file
from .progbar import Progbar
from .unpacking import unpack

_BLOCK = 1 << 16
_SCHEMES = ("https", "http", "ftp", "file")
_BROKEN = (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError)


def get_file(
    fname=None,
    origin=None,
    untar=False,
    md5_hash=None,
    file_hash=None,
    cache_subdir="datasets",
    hash_algorithm="auto",
    extract=False,
    archive_format="auto",
    cache_dir=None,
    force_download=False,
):
    """The path of a file that is downloaded from `origin` unless it is in the cache already.

    Args:
        fname: its name in the cache; the URL's last part by default. With `extract`, the name of the folder.
        origin: the URL (http, https, ftp, file).
        file_hash: the sha256 or md5 it must have; hash_algorithm: "sha256", "md5" or "auto" (by its length).
        md5_hash, untar: older names for a hash of md5 and for `extract`.
        cache_dir, cache_subdir: the folder is cache_dir/cache_subdir; cache_dir is $FASTNN_HOME, $KERAS_HOME or
            ~/.keras by default, which Keras's own downloads share.
        extract: unpack a tar or zip archive; the folder's path is returned.
        archive_format: "auto", "tar", "zip", a list of them, or None.
        force_download: even if it is there.
    Raises:
        ValueError: no `origin`, or of another kind; a path for `fname`; a hash that does not fit; an archive that is
            none, or is not safe to unpack.
        OSError: it cannot be downloaded; says which file to put where.
    Source: Keras 3 `utils.get_file`.
    """
    if origin is None:
        raise ValueError("get_file: `origin`, the URL of the file, is missing")
    scheme = urllib.parse.urlsplit(origin).scheme.lower()
    if scheme not in _SCHEMES:
        raise ValueError(
            f"get_file: `origin` must be a URL that begins with {', '.join(f'{known}://' for known in _SCHEMES)}, "
            f"received {origin!r}"
            + ("; pathlib.Path(...).as_uri() makes one of a file" if not scheme else "")
        )
    name = os.fspath(fname) if fname else os.path.basename(urllib.parse.urlsplit(origin).path)
    if name in ("", ".", "..") or os.path.basename(name) != name or set(name) & set("\\\0"):
        raise ValueError(
            f"get_file: `fname` must be a file's name without folders, received {name!r}; `cache_dir` and "
            "`cache_subdir` say where it goes"
        )
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    folder = os.path.join(
        cache_folder() if cache_dir is None else os.path.expanduser(os.fspath(cache_dir)), cache_subdir
    )
    os.makedirs(folder, exist_ok=True)
    target, unpacked = os.path.join(folder, name), None
    if extract or untar:
        stem = name.split(".")[0]
        unpacked = os.path.join(folder, f"{stem}_extracted" if fname and "." in name else name)
        target = target if fname and "." in name else f"{target}_archive"
    there = os.path.exists(target) and not force_download
    if there and file_hash is not None and not has_hash(target, file_hash, hash_algorithm):
        print(
            f"{target} is incomplete or out of date (its hash differs from {file_hash}); it is downloaded again"
        )
        there = False
    if not there:
        _download(origin, target, file_hash, hash_algorithm)
        if unpacked is not None and os.path.isdir(unpacked):
            shutil.rmtree(unpacked)
    if unpacked is None:
        return target
    if not os.path.isdir(unpacked) or not os.listdir(unpacked):
        unpack(target, unpacked, "tar" if untar else archive_format)
    return unpacked


def cache_folder():
    """Where downloads are kept: $FASTNN_HOME, else $KERAS_HOME, else ~/.keras."""
    return (
        os.environ.get("FASTNN_HOME")
        or os.environ.get("KERAS_HOME")
        or os.path.join(os.path.expanduser("~"), ".keras")
    )


def has_hash(path, wanted, algorithm="auto"):
    """Whether a file has this hash, sha256 or md5 in hexadecimal digits."""
    if algorithm == "auto":
        algorithm = "sha256" if len(wanted) == 64 else "md5"
    if algorithm not in ("sha256", "md5"):
        raise ValueError(
            f"get_file: `hash_algorithm` must be 'sha256', 'md5' or 'auto', received {algorithm!r}"
        )
    digest = hashlib.new(algorithm)
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest() == wanted.lower()


def _download(origin, target, file_hash, algorithm):
    """Download to a file beside `target`, check it, then give it that name: what has the name is whole."""
    print(f"Downloading data from {origin}")
    with atomic_file(target) as file:
        try:
            with urllib.request.urlopen(origin, timeout=60) as response:
                _copy(response, file)
        except _BROKEN as error:
            what = (
                f"{error.code} {error.msg}"
                if isinstance(error, urllib.error.HTTPError)
                else getattr(error, "reason", None) or error or type(error).__name__
            )
            raise OSError(
                f"{origin} could not be downloaded: {what}. Without a connection, get the file on another "
                f"machine and put it at {target}"
            ) from None
        file.flush()
        if file_hash is not None and not has_hash(file.name, file_hash, algorithm):
            raise ValueError(
                f"what came from {origin} is incomplete or not the right file: its hash differs from "
                f"{file_hash}"
            )


def _copy(response, file):
    announced = response.headers.get("Content-Length") or ""
    size = int(announced) if announced.isdecimal() and len(announced) < 20 else None
    bar = Progbar(size or None, unit_name="byte")
    done = 0
    while block := response.read(_BLOCK):
        file.write(block)
        done += len(block)
        if size is not None and done > size:
            raise ConnectionError(f"more came than the {size} bytes that were announced")
        bar.update(done, finalize=False)
    if size is not None and done < size:
        raise ConnectionError(f"the connection ended after {done} of {size} bytes")
    bar.update(done, finalize=True)
