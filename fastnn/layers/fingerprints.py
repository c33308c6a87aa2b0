"""Hashes of strings that are the same everywhere and always, as TensorFlow computes them: FarmHash64 and SipHash.

Python's own `hash` differs from process to process, so bins found while training would mean nothing later.
"""

import numpy as np

_ALL = (1 << 64) - 1
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
_PAIR = 0xC6A4A7935BD1E995


def _read(data, at, size=8):
    return int.from_bytes(data[at : at + size], "little")


def _rotated(x, bits):
    """To the right."""
    x &= _ALL
    return (x >> bits | x << (64 - bits)) & _ALL


def _folded(x):
    x &= _ALL
    return x ^ (x >> 47)


def _joined(u, v, by):
    """Two words as one."""
    a = _folded((u ^ v) * by)
    return _folded((v ^ a) * by) * by & _ALL


def farmhash64(data):
    """A 64-bit number of bytes. Source: G. Pike, FarmHash, the portable form ("na")."""
    size = len(data)
    if size > 64:
        return _farmhash_long(data)
    by = _K2 + 2 * size
    if size > 32:
        a, b = _read(data, 0) * _K2, _read(data, 8)
        c, d = _read(data, size - 8) * by, _read(data, size - 16) * _K2
        y = _rotated(a + b, 43) + _rotated(c, 30) + d
        z = _joined(y & _ALL, (a + _rotated(b + _K2, 18) + c) & _ALL, by)
        e, f = _read(data, 16) * by, _read(data, 24)
        g, h = (y + _read(data, size - 32)) * by, (z + _read(data, size - 24)) * by
        u = _rotated(e + f, 43) + _rotated(g, 30) + h
        return _joined(u & _ALL, (e + _rotated(f + a, 18) + g) & _ALL, by)
    if size > 16:
        a, b = _read(data, 0) * _K1, _read(data, 8)
        c, d = _read(data, size - 8) * by, _read(data, size - 16) * _K2
        u = _rotated(a + b, 43) + _rotated(c, 30) + d
        return _joined(u & _ALL, (a + _rotated(b + _K2, 18) + c) & _ALL, by)
    if size >= 8:
        a, b = _read(data, 0) + _K2, _read(data, size - 8)
        c, d = _rotated(b, 37) * by + a, (_rotated(a, 25) + b) * by
        return _joined(c & _ALL, d & _ALL, by)
    if size >= 4:
        return _joined(size + (_read(data, 0, 4) << 3), _read(data, size - 4, 4), by)
    if size:
        y, z = data[0] + (data[size >> 1] << 8), size + (data[-1] << 2)
        return _folded(y * _K2 & _ALL ^ z * _K0 & _ALL) * _K2 & _ALL
    return _K2


def _weak(data, at, a, b):
    """32 bytes and two words as two words."""
    w, x, y, z = (_read(data, at + i) for i in (0, 8, 16, 24))
    a += w
    b = _rotated(b + a + z, 21)
    c = a
    a += x + y
    return (a + z) & _ALL, (b + _rotated(a, 44) + c) & _ALL


def _farmhash_long(data):
    last = (len(data) - 1) & 63
    end = len(data) - 1 - last
    x, y = 81, 81 * _K1 + 113
    z = _folded(y * _K2 + 113) * _K2 & _ALL
    v, w = (0, 0), (0, 0)
    x = (x * _K2 + _read(data, 0)) & _ALL

    def turn(at, by, x, y, z, v, w, weight):
        x = _rotated(x + y + v[0] + _read(data, at + 8), 37) * by & _ALL
        y = _rotated(y + v[1] + _read(data, at + 48), 42) * by & _ALL
        x ^= w[1] * weight & _ALL
        y = (y + v[0] * weight + _read(data, at + 40)) & _ALL
        z = _rotated(z + w[0], 33) * by & _ALL
        v = _weak(data, at, v[1] * by, x + w[0])
        w = _weak(data, at + 32, z + w[1], y + _read(data, at + 16))
        return z, y, x, v, w

    for at in range(0, end, 64):
        x, y, z, v, w = turn(at, _K1, x, y, z, v, w, 1)
    by = _K1 + ((z & 0xFF) << 1)
    w = ((w[0] + last) & _ALL, w[1])
    v = ((v[0] + w[0]) & _ALL, v[1])
    w = ((w[0] + v[0]) & _ALL, w[1])
    x, y, z, v, w = turn(len(data) - 64, by, x, y, z, v, w, 9)
    first = _joined(v[0], w[0], by) + _folded(y) * _K0 + z
    return _joined(first & _ALL, (_joined(v[1], w[1], by) + x) & _ALL, by)


def siphash64(data, key):
    """A 64-bit number of bytes and a key, two integers. Source: Aumasson and Bernstein, SipHash-2-4, 2012."""
    k0, k1 = (int(part) & _ALL for part in key)
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def rounds(count):
        for _ in range(count):
            v[0] = (v[0] + v[1]) & _ALL
            v[2] = (v[2] + v[3]) & _ALL
            v[1] = _rotated(v[1], 64 - 13) ^ v[0]
            v[3] = _rotated(v[3], 64 - 16) ^ v[2]
            v[0] = (_rotated(v[0], 32) + v[3]) & _ALL
            v[2] = (v[2] + v[1]) & _ALL
            v[1] = _rotated(v[1], 64 - 17) ^ v[2]
            v[3] = _rotated(v[3], 64 - 21) ^ v[0]
            v[2] = _rotated(v[2], 32)

    whole = len(data) & ~7
    words = [_read(data, at) for at in range(0, whole, 8)]
    words.append(_read(data, whole) | (len(data) & 0xFF) << 56)
    for word in words:
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def crossed(first, second):
    """The hash of a pair from the hashes of its parts."""
    found = (first ^ _PAIR) ^ (_folded(second * _PAIR) * _PAIR & _ALL)
    return _folded(_folded(found * _PAIR) * _PAIR)


def as_words(values, encoding="utf-8"):
    """An array of strings (str) of an array of strings, bytes or numbers; fractions are cut off."""
    values = np.asarray(values)
    if values.dtype.kind == "S":
        return np.char.decode(values, encoding)
    if values.dtype.kind == "O":
        return np.array(
            [x.decode(encoding) if isinstance(x, bytes) else str(x) for x in values.ravel()], dtype=str
        ).reshape(values.shape)
    return values.astype(np.int64).astype(str) if values.dtype.kind == "f" else values.astype(str)


def bins_of(values, bins, salt=None):
    """Which of `bins` each value of an array falls into, int64: by FarmHash64, or with `salt` by SipHash."""
    words, places = np.unique(as_words(values), return_inverse=True)
    hashes = [
        farmhash64(word) if salt is None else siphash64(word, salt)
        for word in map(str.encode, words.tolist())
    ]
    return np.array([number % bins for number in hashes], np.int64)[places].reshape(np.shape(values))


def checked_salt(who, salt):
    """None, or two integers of a `salt` given as one or two."""
    if salt is None or (isinstance(salt, (tuple, list)) and len(salt) == 2):
        return salt if salt is None else list(salt)
    if isinstance(salt, int):
        return [salt, salt]
    raise ValueError(f"{who}: `salt` must be an integer or two, received {salt!r}")
