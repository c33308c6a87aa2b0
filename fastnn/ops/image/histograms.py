"""Contrast by histograms: equalisation of whole images, and of tiles. These run in NumPy: they look values up."""

import numpy as np

from ...engine.op import define_op, no_gradient, same_shape

_LOOKED_UP = no_gradient("values are looked up in a table")


def _equalized(x, *, bins):
    """x: values in 0..255, channels last; each channel (of all images together) spread evenly over 0..255."""
    made = np.empty_like(x)
    for i in range(x.shape[-1]):
        channel = x[..., i].astype(np.float32)
        places = np.clip((channel * (bins - 1) / 255).astype(np.int64), 0, bins - 1)
        counts = np.bincount(places.ravel(), minlength=bins)
        if np.count_nonzero(counts) <= 1:
            made[..., i] = channel
            continue
        below = counts.cumsum()
        least = below[np.flatnonzero(below)[0]]
        table = np.clip(np.round((below - least) * 255 / (below[-1] - least)), 0, 255)
        shades = np.clip(channel / 255.0 * (bins - 1), 0, bins - 1).astype(np.int64)
        made[..., i] = table[shades]
    return made


equalize_op = define_op("equalize", shape=same_shape, reference=_equalized, grad=_LOOKED_UP)


def _tile_tables(pixels, tiles, clip_limit):
    """The table of new shades (tile rows, tile columns, 256) of one channel, padded to whole tiles."""
    (rows, columns), (height, width) = tiles, (pixels.shape[0] // tiles[0], pixels.shape[1] // tiles[1])
    numbers = (np.arange(rows)[:, None] * columns + np.arange(columns)).repeat(height, 0).repeat(width, 1)
    counts = np.bincount((numbers * 256 + pixels).ravel(), minlength=rows * columns * 256)
    counts = counts.reshape(rows, columns, 256).astype(np.float32)
    size = height * width
    if clip_limit > 0:
        kept = np.minimum(counts, clip_limit * size / 256.0)
        counts = kept + (counts - kept).sum(-1, keepdims=True) / 256.0
    below = counts.cumsum(-1, dtype=np.float32)
    least = below.min(-1, keepdims=True)
    room = size - least
    return np.clip((below - least) * 255.0 / np.where(room == 0, 1.0, room), 0, 255)


def _between(extent, tile, tiles):
    """For each pixel along an axis: the tiles before and after its place, and how near the second is."""
    at = (np.arange(extent, dtype=np.float32) - tile / 2.0) / tile + 1.0
    low = np.floor(at)
    return (*(np.clip(part, 0, tiles + 1).astype(np.int64) for part in (low, low + 1)), at - low)


def _tiles_equalized(x, *, clip_limit, tiles):
    """x: (batch, height, width, channels), values in 0..255. Source: Zuiderveld, Graphics Gems IV, 1994."""
    height, width = x.shape[1:3]
    tall, wide = -(-height // tiles[0]), -(-width // tiles[1])
    spread = [(0, 0), (0, tall * tiles[0] - height), (0, wide * tiles[1] - width), (0, 0)]
    pixels = np.clip(np.pad(x, spread, mode="symmetric"), 0, 255).astype(np.int64)
    top, bottom, down = _between(pixels.shape[1], tall, tiles[0])
    left, right, across = _between(pixels.shape[2], wide, tiles[1])
    down = down[:, None]
    made = np.empty_like(x)
    for n in range(len(x)):
        for c in range(x.shape[-1]):
            shades = pixels[n, ..., c]
            table = np.pad(_tile_tables(shades, tiles, clip_limit), [(1, 1), (1, 1), (0, 0)], mode="edge")
            read = lambda rows, columns, shades=shades, table=table: table[rows[:, None], columns, shades]  # noqa: E731
            upper = read(top, left) * (1 - across) + read(top, right) * across
            lower = read(bottom, left) * (1 - across) + read(bottom, right) * across
            made[n, ..., c] = (upper * (1 - down) + lower * down)[:height, :width]
    return made


equalize_tiles_op = define_op("equalize_tiles", shape=same_shape, reference=_tiles_equalized, grad=_LOOKED_UP)
