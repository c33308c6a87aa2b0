"""Images as PNG, sounds as WAV, in the bytes of such files."""

import io
import struct
import wave
import zlib

import numpy as np

_COLOUR = {1: 0, 2: 4, 3: 2, 4: 6}  # channels -> PNG's colour type


def png(image):
    """An image (height, width, channels) uint8 as a PNG file. Source: PNG specification, ISO/IEC 15948."""
    height, width, channels = image.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), image.reshape(height, width * channels)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR[channels], 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b""))
    )


def wav(sound, sample_rate):
    """A sound (frames, channels), floats in -1..1, as a WAV file of 16 bits a sample."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(sound.shape[1])
        out.setsampwidth(2)
        out.setframerate(sample_rate)
        out.writeframes(np.round(np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return file.getvalue()
