"""Checksums of files written in pieces, in any order, over one another."""

import io
import zipfile
import zlib

import numpy as np
import pytest

from fastnn.saving import checksums
from fastnn.saving.safe_zip import stored_member


@pytest.mark.parametrize("lengths", [(0, 0), (5, 0), (0, 7), (1, 1), (1000, 70_000), (3, 2**20 + 1)])
def test_joined(lengths, rng):
    a, b = (rng.bytes(n) for n in lengths)
    assert checksums.joined_checksum(zlib.crc32(a), zlib.crc32(b), len(b)) == zlib.crc32(a + b)


@pytest.mark.parametrize("seed", range(8))
def test_members_of_archives(seed, monkeypatch):
    """Pieces large and small, here and there, and cuts: the archive is whole."""
    monkeypatch.setattr(checksums, "_PIECE", 100)
    rng, file = np.random.default_rng(seed), io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive, stored_member(archive, "x") as member:
        for _ in range(int(rng.integers(1, 30))):
            if rng.random() < 0.2:
                member.truncate(int(rng.integers(0, 3000)))
            else:
                member.seek(int(rng.integers(0, member.size + 1)))
                member.write(rng.bytes(int(rng.integers(0, 500))))
        size = member.size
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None and archive.getinfo("x").file_size == size
