"""The CRC-32 of a file that is written in pieces, reckoned while they are on their way to the disk."""

import functools
import threading
import zlib

_PIECE = 2**20  # smaller pieces are read again in the end: a thread for each costs more
_POLYNOMIAL = 0xEDB88320


class PieceSums:
    """Notes the checksums of large pieces as they are written, whatever their order."""

    def __init__(self):
        self.pieces = {}  # start -> (end, CRC-32)

    def write(self, file, start, data):
        """file.write(data), the checksum on another thread meanwhile; data is what lies from `start` on."""
        data = memoryview(data).cast("B")
        end = start + len(data)
        self.forget(start, end)
        if len(data) < _PIECE:
            return file.write(data)
        found = []
        helper = threading.Thread(target=lambda: found.append(zlib.crc32(data)))
        helper.start()
        try:
            count = file.write(data)
        finally:
            helper.join()
        if count == len(data):
            self.pieces[start] = end, found[0]
        return count

    def forget(self, start, end):
        """Bytes `start` to `end` are others now."""
        for other, (last, _) in list(self.pieces.items()):
            if start < last and other < end:
                del self.pieces[other]

    def total(self, file, size):
        """The CRC-32 of the whole `file` of `size` bytes; what no large piece covers is read."""
        checksum, position = 0, 0
        for start, (end, piece) in sorted(self.pieces.items()):
            checksum = read_checksum(file, position, start, checksum)
            checksum = joined_checksum(checksum, piece, end - start)
            position = end
        return read_checksum(file, position, size, checksum)


def read_checksum(file, start, end, checksum=0):
    """The CRC-32 of bytes `start` to `end` of a file, carried on from `checksum`; of fewer where it ends before."""
    file.seek(start)
    piece = bytearray(min(_PIECE, max(end - start, 0)))
    while start < end and (count := file.readinto(memoryview(piece)[: end - start])):
        checksum = zlib.crc32(memoryview(piece)[:count], checksum)
        start += count
    return checksum


def joined_checksum(first, second, length):
    """The CRC-32 of two pieces in a row from those of each; `length`: of the second, in bytes.

    A CRC is linear over bits: the first one's is carried over `length` zero bytes, which is a matrix of 32 x 32 bits
    to the power of 8 `length`, found by squaring.
    """
    bits = 8 * length
    for k in range(bits.bit_length()):
        if bits >> k & 1:
            first = _times(_over_zeros(k), first)
    return first ^ second


@functools.cache  # the same few for all pieces, and the squares take longer to find than the sums of small pieces
def _over_zeros(k):
    """The matrix, as its columns, that carries a CRC over 2**k zero bits."""
    if k == 0:
        return [_POLYNOMIAL, *(1 << i for i in range(31))]
    half = _over_zeros(k - 1)
    return [_times(half, column) for column in half]


def _times(matrix, vector):
    product, i = 0, 0
    while vector:
        if vector & 1:
            product ^= matrix[i]
        vector >>= 1
        i += 1
    return product
