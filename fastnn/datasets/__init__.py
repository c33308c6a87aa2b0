"""Data sets. `mnist_5k` comes with the package."""

from . import mnist_5k

__all__ = ["mnist_5k"]
