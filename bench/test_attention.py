"""MultiHeadAttention beside PyTorch's, forward and training: pytest bench/test_attention.py -s

Self-attention of 8 heads, as a layer with its four products. As in test_recurrent.py both run in this process and take
turns. Needs torch.
"""

import itertools

import numpy as np
import pytest
from test_recurrent import compare, compiled

import fastnn

torch = pytest.importorskip("torch")
TOKENS, WIDTHS, HEADS, ROWS = (64, 128, 256, 512, 1024, 2048), (128, 512), 8, 8192


def ours(x):
    layer = fastnn.layers.MultiHeadAttention(HEADS, x.shape[2] // HEADS)
    layer.build(x.shape, x.shape)
    return compiled(layer, lambda x, **how: layer(x, x, **how), x)


def theirs(x):
    layer = torch.nn.MultiheadAttention(x.shape[2], HEADS, batch_first=True)
    given = torch.from_numpy(x).requires_grad_(True)

    def forward():
        with torch.no_grad():
            layer(given, given, given, need_weights=False)

    def step():
        layer.zero_grad()
        given.grad = None
        layer(given, given, given, need_weights=False)[0].sum().backward()

    return forward, step


def test_never_slower_than_torch():
    def cases():
        for width, tokens in itertools.product(WIDTHS, TOKENS):
            batch = max(1, ROWS // tokens // (width // 128))
            x = np.random.default_rng(0).standard_normal((batch, tokens, width)).astype("float32")
            yield f"width {width}, {tokens} tokens, batch {batch}", ours(x), theirs(x)

    compare("MultiHeadAttention", cases())
