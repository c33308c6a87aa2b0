"""Downloads from file:// addresses: cached, checked, unpacked whole or not at all."""

import hashlib
import http.server
import io
import os
import subprocess
import sys
import tarfile
import threading
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


class _Server(http.server.BaseHTTPRequestHandler):
    """Answers each path with what its name says is wrong."""

    def do_GET(self):
        body = b"x" * 1000
        headers = {
            "/short": {"Content-Length": "5000"},
            "/odd": {"Content-Length": "many"},
            "/negative": {"Content-Length": "-5"},
            "/elsewhere": {"Location": "file:///etc/hostname"},
            "/chunked": {"Transfer-Encoding": "chunked"},
        }[self.path]
        if self.path == "/chunked":
            body = b"5\r\nxxxxx\r\n5\r\nxx"
        self.send_response(302 if self.path == "/elsewhere" else 200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *args):
        pass


@pytest.fixture
def address():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Server) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("way", ["short", "elsewhere", "chunked"])
def test_downloads_that_end_early_or_lead_elsewhere(way, address, tmp_path):
    with pytest.raises(OSError, match="could not be downloaded"):
        get_file("x", f"{address}/{way}", cache_dir=tmp_path)
    assert not list((tmp_path / "datasets").iterdir())


@pytest.mark.parametrize("way", ["odd", "negative"])
def test_lengths_that_are_none(way, address, tmp_path):
    assert read(get_file("x", f"{address}/{way}", cache_dir=tmp_path)) == "x" * 1000


def test_a_file_that_never_ends(tmp_path):
    with pytest.raises(OSError, match="more came than the 0 bytes"):
        get_file("x", "file:///dev/zero", cache_dir=tmp_path)
    assert not list((tmp_path / "datasets").iterdir())


@pytest.mark.parametrize(
    "origin", ["data:text/plain,x", "gopher://x/y", "/etc/hostname", "x.txt", "javascript:1"]
)
def test_addresses_of_other_kinds(origin, tmp_path):
    with pytest.raises(ValueError, match="`origin` must be a URL"):
        get_file("x", origin, cache_dir=tmp_path)


@pytest.mark.parametrize("origin", ["https://h/..", "https://h/.", "https://h/", "https://h/a%5c..\\..\\b"])
@pytest.mark.parametrize("extract", [False, True])
def test_addresses_that_end_in_no_name(origin, extract, tmp_path):
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "kept").touch()
    with pytest.raises(ValueError, match="without folders"):
        get_file(origin=origin, extract=extract, cache_dir=tmp_path)
    assert (tmp_path / "datasets" / "kept").exists()


def test_what_a_killed_download_left_is_removed(served, tmp_path):
    (tmp_path / "datasets").mkdir()
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True
    )
    left = tmp_path / "datasets" / f".words.txt.{gone.stdout.strip()}.{'0' * 12}.tmp"
    left.touch()
    os.utime(left, (0, 0))
    get_file(origin=served.as_uri(), cache_dir=tmp_path)
    assert not left.exists()
