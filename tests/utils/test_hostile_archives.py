"""Archives made to do harm, given to get_file: refused whole, with nothing outside their folder touched."""

import bz2
import gzip
import hashlib
import io
import lzma
import os
import tarfile
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from fastnn.utils import get_file


def entry(archive, name, kind=tarfile.REGTYPE, target="", text="bad"):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, target, 0o777
    info.size = len(text) if kind == tarfile.REGTYPE else 0
    archive.addfile(info, io.BytesIO(text.encode()) if info.size else None)


@pytest.fixture
def refused(tmp_path):
    """A function that has a tar archive unpacked, made of what `fill` puts in, and finds it refused."""

    def check(fill, match="unsafe member", suffix="tar"):
        (tmp_path / "secret").write_text("secret")
        path = tmp_path / f"bad.{suffix}"
        if suffix == "zip":
            with zipfile.ZipFile(path, "w") as archive:
                fill(archive)
        else:
            with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
                entry(archive, "first.txt", text="good")
                fill(archive)
        with pytest.raises(ValueError, match=match):
            get_file("bad", origin=path.as_uri(), extract=True, cache_dir=tmp_path / "cache")
        assert sorted(os.listdir(tmp_path)) == [path.name, "cache", "secret"]
        assert os.listdir(tmp_path / "cache/datasets") == ["bad_archive"]
        assert (tmp_path / "secret").read_text() == "secret"
        assert not os.path.exists("/tmp/fastnn-outside")

    return check


OUTSIDE = ["../outside", "a/../../outside", "/tmp/fastnn-outside", "..", "a/..", "C:/outside", "..\\outside"]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("suffix", ["tar", "zip"])
def test_cve_2024_55459_names_that_lead_outside(name, suffix, refused):
    """Members named with '..' were written where they said."""
    refused(
        (lambda archive: archive.writestr(name, "bad"))
        if suffix == "zip"
        else (lambda archive: entry(archive, name)),
        suffix=suffix,
    )


@pytest.mark.parametrize(
    "kind, target",
    [
        (tarfile.SYMTYPE, "../../secret"),
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.LNKTYPE, "../../secret"),
        (tarfile.LNKTYPE, "/etc/passwd"),
        (tarfile.SYMTYPE, "."),
        (tarfile.SYMTYPE, "itself"),
        (tarfile.FIFOTYPE, ""),
        (tarfile.CHRTYPE, ""),
    ],
)
def test_cve_2025_12060_links_and_devices(kind, target, refused):
    """A link out of the folder, then a file through it: what tar's filter is for was not asked of it."""

    def fill(archive):
        entry(archive, "itself" if target == "itself" else "link", kind, target)
        entry(archive, "link/file")

    refused(fill)


def test_cve_2025_12638_links_longer_than_a_path(refused):
    """Chains of links beyond the longest path made the filter's own look at them end early."""

    def fill(archive):
        deep, path = "d" * 247, ""
        for letter in "abcdefghijklmnop":
            entry(archive, os.path.join(path, deep), tarfile.DIRTYPE)
            entry(archive, os.path.join(path, letter), tarfile.SYMTYPE, deep)
            path = os.path.join(path, deep)
        long = os.path.join("/".join("abcdefghijklmnop"), "l" * 254)
        entry(archive, long, tarfile.SYMTYPE, "../" * 16)
        entry(archive, "escape", tarfile.SYMTYPE, long + "/../../../secret")
        entry(archive, "hard", tarfile.LNKTYPE, "escape")
        entry(archive, "hard", text="overwritten")

    refused(fill)


@pytest.mark.parametrize("name", ["../outside", "/tmp/fastnn-outside"])
def test_cve_2026_12480_kin_hard_links_by_name(name, refused):
    """Of a hard link only the target was looked at, not the name that it is put under."""
    refused(lambda archive: entry(archive, name, tarfile.LNKTYPE, "first.txt"))


def test_cve_2026_12480_kin_links_to_here(refused):
    """link -> '.', then link/../outside: judged by the text of its path, it lay inside."""

    def fill(archive):
        entry(archive, "link", tarfile.SYMTYPE, ".")
        entry(archive, "link/../../outside")

    refused(fill)


def test_files_that_are_folders(refused):
    refused(lambda archive: (entry(archive, "x"), entry(archive, "x/y")), "both file and folder")


def test_damaged_archives(refused, tmp_path):
    def cut(archive):
        archive.writestr("a.txt", "a" * 1000)

    refused(lambda archive: [cut(archive), setattr(archive.getinfo("a.txt"), "CRC", 7)], "damaged", "zip")


ZEROS = 2**30  # more than any archive of some kilobytes may unpack to


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "sparse"])
def test_tars_that_unpack_without_end(kind, tmp_path):
    """A gigabyte of zeros; or a file that is nearly all holes, which its header alone describes."""
    path = tmp_path / "bad.tar"
    info = tarfile.TarInfo("zeros")
    info.size = ZEROS
    if kind == "sparse":
        info.size = 0
        info.pax_headers = {
            "GNU.sparse.size": str(2**50),
            "GNU.sparse.map": "0,0",
            "GNU.sparse.numblocks": "1",
        }
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
            archive.addfile(info)
    else:
        opener = {"gz": gzip.open, "bz2": bz2.open, "xz": lzma.open}[kind]
        with opener(path, "wb") as file:
            file.write(info.tobuf())  # what would follow is not looked at
    refused_quickly(path, "far more bytes")


def test_zips_that_unpack_without_end(tmp_path):
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(40):
            archive.writestr(str(i), bytes(2**23))
    assert path.stat().st_size < 2**20
    refused_quickly(path, "far more bytes")


def test_links_that_multiply_a_file(tmp_path):
    path = tmp_path / "bad.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        entry(archive, "a", text="a" * 2**20)
        for i in range(2000):
            entry(archive, f"l{i}", tarfile.LNKTYPE, "a")
    refused_quickly(path, "far more bytes")


def test_more_files_than_the_archive_has_room_for(tmp_path):
    path = tmp_path / "bad.tar.gz"
    with gzip.open(path, "wb") as file:
        for i in range(12_000):
            file.write(tarfile.TarInfo(str(i % 7)).tobuf())
    refused_quickly(path, "far more files|damaged")


def padded(size):
    return size + -size % 512


def member(kind, size, name="././@PaxHeader", contents=b""):
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT) + contents.ljust(padded(len(contents)), b"\0")


@pytest.mark.parametrize(
    "parts",
    [
        [member(tarfile.XHDTYPE, 2**33)],
        [member(tarfile.GNUTYPE_LONGNAME, 2**33)],
        [member(tarfile.XHDTYPE, 12, contents=b"12 size=-99\n"), member(tarfile.REGTYPE, 0, "x")],
        [member(tarfile.REGTYPE, -1024, "x")],
        [member(tarfile.XHDTYPE, -1024)],
        [member(tarfile.XHDTYPE, 10, contents=b"10 a=bcde\n")] * 5000,
        [member(tarfile.XHDTYPE, 12, contents=b"999999999999")],
        [member(tarfile.REGTYPE, 2, "x", b"ab"), b"no header at all".ljust(512, b"!")],
        [member(tarfile.REGTYPE, 5000, "x", b"ab")],
    ],
    ids=["header", "name", "pax_size", "size", "header_size", "chain", "length", "rubbish", "cut"],
)
def test_headers_that_lie(parts, tmp_path):
    """Lengths that Python's tarfile reads into memory whole, or goes backwards by; headers without end."""
    path = tmp_path / "bad.tar.gz"
    with gzip.open(path, "wb") as file:
        file.write(member(tarfile.REGTYPE, 4, "first", b"good"))
        for part in parts:
            file.write(part)
    refused_quickly(path, "damaged|far more|unsafe")


def refused_quickly(path, match):
    """Refused in 5 seconds of work and little memory, with nothing left behind."""
    folder = path.parent / "cache/datasets"
    start = time.process_time()
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=match):
            get_file("bad", origin=path.as_uri(), extract=True, cache_dir=path.parent / "cache")
        assert tracemalloc.get_traced_memory()[1] < 4 * path.stat().st_size + 2**25
    finally:
        tracemalloc.stop()
    assert time.process_time() - start < 5
    assert os.listdir(folder) == ["bad_archive"]


@pytest.mark.parametrize("name", ["a" * 300, "a/" * 3000 + "b"])
def test_names_that_no_file_can_have(name, refused):
    refused(lambda archive: entry(archive, name), "unsafe member|damaged")


def test_links_inside_become_copies(tmp_path):
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        entry(archive, "data/", tarfile.DIRTYPE)
        entry(archive, "data/x.txt", text="x")
        entry(archive, "data/same", tarfile.SYMTYPE, "x.txt")
        entry(archive, "chain", tarfile.SYMTYPE, "./data/../data/same")
        entry(archive, "again", tarfile.LNKTYPE, "data/x.txt")
        entry(archive, "./here.txt", text="y")
    folder = get_file("a", origin=(tmp_path / "a.tar.gz").as_uri(), extract=True, cache_dir=tmp_path)
    found = {name: Path(folder, name).read_text() for name in ("data/same", "chain", "again", "here.txt")}
    assert found == {"data/same": "x", "chain": "x", "again": "x", "here.txt": "y"}
    assert not any(os.path.islink(os.path.join(folder, name)) for name in found)


def test_an_archive_of_another_hash_is_not_opened(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x", "x")
    wanted = hashlib.sha256(b"something else").hexdigest()
    with pytest.raises(ValueError, match="hash differs"):
        get_file("a", origin=path.as_uri(), extract=True, file_hash=wanted, cache_dir=tmp_path / "cache")
    assert not os.listdir(tmp_path / "cache/datasets")
