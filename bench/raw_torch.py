"""The workloads written by hand in PyTorch: data batched as tensors, the shortest loop that trains, convolutions
in channels_last. `epoch(name, compiled)` gives a function that trains one epoch, and the steps it takes."""

import os

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - PyTorch's own habit
from torch import nn

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))


class ResNet20(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)
        self.blocks = nn.ModuleList()
        width = 16
        for filters, first in ((16, 1), (32, 2), (64, 2)):
            for block in range(3):
                stride = first if block == 0 else 1
                self.blocks.append(
                    nn.ModuleList(
                        [
                            nn.Conv2d(width, filters, 3, stride, 1, bias=False),
                            nn.BatchNorm2d(filters),
                            nn.Conv2d(filters, filters, 3, 1, 1, bias=False),
                            nn.BatchNorm2d(filters),
                            nn.Conv2d(width, filters, 1, stride, bias=False)
                            if stride != 1
                            else nn.Identity(),
                        ]
                    )
                )
                width = filters
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        x = F.relu(self.norm(self.conv(x)))
        for conv1, norm1, conv2, norm2, shortcut in self.blocks:
            x = F.relu(norm2(conv2(F.relu(norm1(conv1(x))))) + shortcut(x))
        return self.head(x.mean((2, 3)))


class LastLSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.lstm, self.head = (
            nn.Embedding(10000, 64),
            nn.LSTM(64, 128, batch_first=True),
            nn.Linear(128, 1),
        )

    def forward(self, x):
        return self.head(self.lstm(self.embed(x))[0][:, -1])


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(5000, 128)
        self.blocks = nn.ModuleList(
            [
                nn.ModuleList(
                    [
                        nn.Linear(128, 384),
                        nn.Linear(128, 128),
                        nn.LayerNorm(128),
                        nn.Linear(128, 512),
                        nn.Linear(512, 128),
                        nn.LayerNorm(128),
                    ]
                )
                for _ in range(2)
            ]
        )
        self.head = nn.Linear(128, 10)

    def forward(self, x):
        x = self.embed(x)
        for project, out, norm1, wide, narrow, norm2 in self.blocks:
            rows, tokens, width = x.shape
            q, k, v = project(x).view(rows, tokens, 3, 4, 32).permute(2, 0, 3, 1, 4)
            attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(rows, tokens, width)
            x = norm1(x + out(attended))
            x = norm2(x + narrow(F.gelu(wide(x))))
        return self.head(x.mean(1))


def _mlp(*sizes, flatten=False, between=nn.ReLU):
    parts = [nn.Flatten()] if flatten else []
    for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
        parts += [nn.Linear(a, b)] + ([between()] if i < len(sizes) - 2 else [])
    return nn.Sequential(*parts)


def _images(rng, rows, channels, size):
    pixels = torch.from_numpy(rng.random((rows, channels, size, size), dtype="float32"))
    return pixels.to(memory_format=torch.channels_last)


def _sgd(rate=0.01, momentum=0.0):
    return lambda parameters: torch.optim.SGD(parameters, rate, momentum)


def _make(name):
    """model, inputs, number of classes (0: one sigmoid output), batch size, optimiser."""
    rng = np.random.default_rng(0)
    rows = lambda n, *shape: torch.from_numpy(rng.random((n, *shape), dtype="float32"))  # noqa: E731
    if name == "tiny_mlp":
        return _mlp(784, 2, 10), rows(7000, 784), 10, 10, _sgd()
    if name == "fashion_mlp":
        return _mlp(784, 300, 100, 10, flatten=True), rows(25600, 28, 28), 10, 32, _sgd()
    if name == "dropout_mlp":
        model = nn.Sequential(
            nn.Flatten(), nn.Linear(784, 100), nn.ReLU(), nn.Dropout(0.3), nn.Linear(100, 10)
        )
        return model, rows(25600, 28, 28), 10, 32, torch.optim.Adam
    if name == "seed_cnn":
        parts = [nn.Conv2d(1, 16, 3), nn.ReLU()]
        for _ in range(3):
            parts += [nn.Conv2d(16, 16, 3, 2), nn.ReLU()]
        model = nn.Sequential(*parts, nn.Flatten(), nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 10))
        return model, _images(rng, 9600, 1, 28), 10, 64, _sgd()
    if name == "mnist_cnn":
        model = nn.Sequential(
            nn.Conv2d(1, 32, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.5),
            nn.Linear(1600, 10),
        )
        return model, _images(rng, 3840, 1, 28), 10, 128, torch.optim.Adam
    if name == "resnet20":
        return ResNet20(), _images(rng, 768, 3, 32), 10, 128, _sgd(0.1, 0.9)
    if name == "vgg_block":
        conv = lambda a, b: [nn.Conv2d(a, b, 3, padding=1), nn.ReLU()]  # noqa: E731
        model = nn.Sequential(
            *conv(3, 64),
            *conv(64, 64),
            nn.MaxPool2d(2),
            *conv(64, 128),
            *conv(128, 128),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(8192, 256),
            nn.ReLU(),
            nn.Linear(256, 10),
        )
        return model, _images(rng, 384, 3, 32), 10, 64, torch.optim.Adam
    if name == "big_mlp":
        return (
            _mlp(1024, 2048, 2048, 2048, 1000, between=nn.GELU),
            rows(2048, 1024),
            1000,
            256,
            torch.optim.Adam,
        )
    if name == "lstm":
        return LastLSTM(), torch.from_numpy(rng.integers(0, 10000, (768, 100))), 0, 64, torch.optim.Adam
    if name == "transformer":
        return Transformer(), torch.from_numpy(rng.integers(0, 5000, (640, 64))), 10, 32, torch.optim.Adam
    raise KeyError(name)


def epoch(name, compiled):
    """(train one epoch, steps in it); KeyError for a workload that is not written here."""
    model, x, classes, batch, optimiser = _make(name)
    if x.ndim == 4:
        model = model.to(memory_format=torch.channels_last)
    rng = np.random.default_rng(1)
    if classes:
        y, loss = torch.from_numpy(rng.integers(0, classes, len(x))), nn.CrossEntropyLoss()
    else:
        y, loss = torch.from_numpy(rng.integers(0, 2, (len(x), 1)).astype("float32")), nn.BCEWithLogitsLoss()
    update = optimiser(model.parameters())
    forward = torch.compile(model) if compiled else model
    steps = len(x) // batch

    def train():
        order = torch.randperm(len(x))
        for step in range(steps):
            rows = order[step * batch : (step + 1) * batch]
            update.zero_grad()
            loss(forward(x[rows]), y[rows]).backward()
            update.step()

    return train, steps
