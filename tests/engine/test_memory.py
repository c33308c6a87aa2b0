"""The memory plan: blocks alive together never overlap, and the arena stays near the least possible."""

import numpy as np
import pytest

from fastnn.engine.memory import Block, assign_offsets


@pytest.mark.parametrize("count", [0, 1, 2, 40, 300])
def test_blocks_alive_together_do_not_overlap(count, rng):
    blocks = []
    for _ in range(count):
        block = Block(int(rng.integers(0, 5000)), first=int(rng.integers(0, 100)))
        block.last = block.first + int(rng.integers(0, 20))
        blocks.append(block)
    total = assign_offsets(blocks)
    for i, a in enumerate(blocks):
        assert a.offset % 64 == 0 and a.offset + a.nbytes <= total
        for b in blocks[:i]:
            if a.first <= b.last and b.first <= a.last:
                assert a.offset + a.nbytes <= b.offset or b.offset + b.nbytes <= a.offset
    sizes = np.zeros(130)
    for block in blocks:
        sizes[block.first : block.last + 1] += -(-block.nbytes // 64) * 64
    assert total <= 1.3 * sizes.max()
