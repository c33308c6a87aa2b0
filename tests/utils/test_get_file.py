"""Downloads from file:// addresses: cached, checked, unpacked whole or not at all."""

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from fastnn.utils import get_file


@pytest.fixture
def served(tmp_path):
    file = tmp_path / "served" / "words.txt"
    file.parent.mkdir()
    file.write_text("one two")
    return file


def read(path):
    return Path(path).read_text()


def test_downloads_once_and_checks(served, tmp_path, capsys):
    digest = hashlib.sha256(b"one two").hexdigest()
    options = dict(origin=served.as_uri(), cache_dir=tmp_path, file_hash=digest)
    path = get_file(**options)
    assert path == str(tmp_path / "datasets" / "words.txt") and read(path) == "one two"
    assert "Downloading data from" in capsys.readouterr().out
    served.write_text("changed")
    assert read(get_file(**options)) == "one two" and capsys.readouterr().out == ""
    served.write_text("one two")
    with open(path, "a") as file:
        file.write("spoilt")
    assert read(get_file(**options)) == "one two" and "incomplete" in capsys.readouterr().out
    served.write_text("forged")
    with pytest.raises(ValueError, match="its hash differs"):
        get_file(**options, force_download=True)
    assert read(path) == "one two"
    assert [p.name for p in (tmp_path / "datasets").iterdir()] == ["words.txt"]
    md5 = hashlib.md5(b"forged").hexdigest()
    assert (
        read(get_file("new.txt", served.as_uri(), md5_hash=md5, cache_dir=tmp_path, cache_subdir="a/b"))
        == "forged"
    )


def test_offline_says_what_to_do(tmp_path):
    with pytest.raises(OSError, match=f"could not be downloaded.*put it at {tmp_path}/datasets/x.npz"):
        get_file("x.npz", (tmp_path / "missing.npz").as_uri(), cache_dir=tmp_path)
    assert not list((tmp_path / "datasets").iterdir())
    with pytest.raises(ValueError, match="`origin`"):
        get_file("x")
    with pytest.raises(ValueError, match="without folders"):
        get_file("a/x", "file:///x", cache_dir=tmp_path)


def test_home_folders(served, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("FASTNN_HOME", raising=False)
    assert get_file(origin=served.as_uri()).startswith(str(tmp_path / "keras"))
    monkeypatch.setenv("FASTNN_HOME", str(tmp_path / "own"))
    assert get_file(origin=served.as_uri()).startswith(str(tmp_path / "own"))


def tar(path, members, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))


def test_unpacks(tmp_path):
    tar(tmp_path / "a.tar.gz", {"inner/x.txt": "x"})
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("inner/y.txt", "y")
    folder = get_file(origin=(tmp_path / "a.tar.gz").as_uri(), extract=True, cache_dir=tmp_path)
    assert read(f"{folder}/inner/x.txt") == "x"
    folder = get_file("plain", origin=(tmp_path / "b.zip").as_uri(), extract=True, cache_dir=tmp_path)
    assert folder.endswith("/plain") and read(f"{folder}/inner/y.txt") == "y"
    assert get_file(
        "named.zip", origin=(tmp_path / "b.zip").as_uri(), extract=True, cache_dir=tmp_path
    ).endswith("/named_extracted")
    (tmp_path / "no.zip").write_text("no archive")
    with pytest.raises(ValueError, match="is no archive"):
        get_file("bad", origin=(tmp_path / "no.zip").as_uri(), extract=True, cache_dir=tmp_path)


@pytest.mark.parametrize("name", ["../outside.txt", "/tmp/fastnn-outside.txt"])
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_refuses_members_outside(name, kind, tmp_path):
    path = tmp_path / f"bad.{kind}"
    if kind == "tar":
        tar(path, {"good.txt": "good", name: "bad"}, "w")
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("good.txt", "good")
            archive.writestr(name, "bad")
    with pytest.raises(ValueError, match="unsafe member"):
        get_file("bad", origin=path.as_uri(), extract=True, cache_dir=tmp_path / "cache")
    assert [p.name for p in (tmp_path / "cache/datasets").iterdir()] == ["bad_archive"]
    assert (
        not (tmp_path / "cache" / "outside.txt").exists()
        and not (tmp_path / "cache/datasets/outside.txt").exists()
    )


def test_refuses_links_outside(tmp_path):
    with tarfile.open(tmp_path / "link.tar", "w") as archive:
        info = tarfile.TarInfo("link")
        info.type, info.linkname = tarfile.SYMTYPE, "../../secret"
        archive.addfile(info)
    with pytest.raises(ValueError, match="unsafe member"):
        get_file("link", origin=(tmp_path / "link.tar").as_uri(), extract=True, cache_dir=tmp_path)
