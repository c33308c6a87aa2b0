"""Data sets. `mnist_5k` comes with the package; the others are downloaded once and kept in a cache folder."""

import importlib

_NAMES = (
    "boston_housing",
    "california_housing",
    "cifar10",
    "cifar100",
    "fashion_mnist",
    "imdb",
    "mnist",
    "mnist_5k",
    "reuters",
)


def __getattr__(name):
    if name in _NAMES:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module 'fastnn.datasets' has no attribute {name!r}; there are {', '.join(_NAMES)}")


def __dir__():
    return sorted([*globals(), *_NAMES])


__all__ = list(_NAMES)
