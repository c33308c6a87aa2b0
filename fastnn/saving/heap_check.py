"""The collections in which an HDF5 file keeps texts, looked at before the HDF5 library reads them.

A global heap is a row of objects, each of which says how long it is. HDF5 2.0 walks the row without looking
whether a step leads anywhere: an object of length 0 stops it for ever.
"""

_MARK = b"GCOL\x01"  # a collection's signature and version
_HEADER = 16  # bytes, of a collection and of an object in one
_LEAST = 4096  # bytes of a collection: HDF5 itself refuses a smaller one
_PIECE = 2**20


def check_heaps(file, what):
    """Walk all global heap collections of the binary file `file`, which stays open.

    Raises:
        ValueError: an object that is too short, or longer than what is left of its collection.
    """
    size = file.seek(0, 2)
    start = 0
    while start < size:
        file.seek(start)
        piece = file.read(_PIECE + len(_MARK) - 1)
        at = piece.find(_MARK)
        while at >= 0:
            _check_collection(file, start + at, size, what)
            at = piece.find(_MARK, at + 1)
        start += _PIECE


def _check_collection(file, start, size, what):
    file.seek(start)
    length = int.from_bytes(file.read(_HEADER)[8:], "little")
    if not _LEAST <= length <= size - start:
        return  # HDF5 refuses it, or it is none
    left = length - _HEADER
    while left >= _HEADER:
        file.seek(start + length - left)
        header = file.read(_HEADER)
        taken = int.from_bytes(header[8:], "little")
        if header[:2] != b"\0\0":
            taken = _HEADER + (taken + 7) // 8 * 8
        if not _HEADER <= taken <= left:
            raise ValueError(f"{what} is damaged: a text in it is {taken} bytes long, where {left} are left")
        left -= taken
