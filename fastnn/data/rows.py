"""Rows of arrays in some order: what a Dataset is before Python code has touched its elements.

As long as a Dataset is only that, no element is ever made: batches are gathered by index, and `fit` lets C do it.
"""

import itertools

import numpy as np

from ..engine import nest

_BLOCK = 4096  # rows drawn at a time from an order without end


class Rows:
    """Rows of `structure`, arrays of one length.

    parts: a function that yields arrays of row numbers (int64), whose concatenation is the order of one pass; None
    for all rows as they stand. count: rows in a pass, None if there is no end.
    """

    def __init__(self, structure, parts=None, count=None):
        self.structure = structure
        self.leaves = nest.flatten(structure)
        self.straight = parts is None
        self.count = len(self.leaves[0]) if self.straight else count
        self.parts = parts or (lambda: iter([np.arange(self.count, dtype=np.int64)]))

    def order(self):
        """The row numbers of one pass that ends."""
        parts = list(self.parts())
        return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, np.int64), *parts])

    def pick(self, index):
        """The rows `index` (an array of row numbers or a slice) of every array."""
        return nest.pack(self.structure, [leaf[index] for leaf in self.leaves])

    def elements(self):
        """The rows of one pass, one by one."""
        for part in self.parts():
            for i in part.tolist():
                yield self.pick(i)

    def batches(self, size, drop):
        """Batches of `size` rows; the last may be smaller unless `drop`."""
        if self.straight:
            stop = self.count - self.count % size if drop else self.count
            for start in range(0, stop, size):
                yield self.pick(slice(start, start + size))
            return
        rest = np.empty(0, np.int64)
        for part in self.parts():
            order = np.concatenate([rest, part]) if len(rest) else part
            stop = len(order) - len(order) % size
            for start in range(0, stop, size):
                yield self.pick(order[start : start + size])
            rest = order[stop:]
        if len(rest) and not drop:
            yield self.pick(rest)

    # ---- other orders of the same rows

    def cut(self, first, last):
        """Rows first .. last - 1 of each pass (last None: to the end)."""
        if self.straight:
            return Rows(nest.map_leaves(lambda leaf: leaf[first:last], self.structure))
        count = (
            None
            if self.count is None and last is None
            else (len(range(*slice(first, last).indices(self.count if self.count is not None else last))))
        )

        def parts():
            at = 0
            for part in self.parts():
                yield part[max(first - at, 0) : None if last is None else max(last - at, 0)]
                at += len(part)
                if last is not None and at >= last:
                    return

        return Rows(self.structure, parts, count)

    def repeated(self, times):
        """The passes of `times` (None: without end) one after the other."""

        def parts():
            for _ in itertools.count() if times is None else range(times):
                yield from self.parts()

        return Rows(
            self.structure, parts, None if times is None or self.count is None else self.count * times
        )

    def shuffled(self, size, generator):
        """Rows picked from a buffer of `size`; generator() gives each pass its random numbers."""

        def parts():
            if self.count is not None and size >= self.count:
                yield generator().permuted(self.order())
                return
            stream = shuffle(
                itertools.chain.from_iterable(part.tolist() for part in self.parts()), size, generator()
            )
            while len(block := np.fromiter(itertools.islice(stream, _BLOCK), np.int64)):
                yield block

        return Rows(self.structure, parts, self.count)

    def frozen(self):
        """The same, with the first pass's order in every pass."""
        if self.straight or self.count is None:
            return self
        kept = []

        def parts():
            if not kept:
                kept.append(self.order())
            return iter(kept)

        return Rows(self.structure, parts, self.count)


def shuffle(items, size, generator):
    """The items, each drawn at random from the `size` next ones."""
    items = iter(items)
    buffer = list(itertools.islice(items, size))
    draws = iter(())
    for item in items:
        place = next(draws, None)
        if place is None:
            draws = iter(generator.integers(0, len(buffer), 1024).tolist())
            place = next(draws)
        drawn, buffer[place] = buffer[place], item
        yield drawn
    for place in generator.permutation(len(buffer)).tolist():
        yield buffer[place]
