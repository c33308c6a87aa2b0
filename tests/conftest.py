"""Fixtures for every test."""

import os

os.environ.setdefault("KERAS_BACKEND", "numpy")  # the oracle in parity tests; needs no TensorFlow

import numpy as np
import pytest


@pytest.fixture
def rng(request):
    """A generator seeded by the test's name: the same numbers in every run."""
    return np.random.default_rng(list(request.node.name.encode()))


def pytest_ignore_collect(collection_path, config):
    """tests/peers needs packages that are extras: it runs when it is named, `pytest tests/peers`."""
    if collection_path.name == "peers" and not any("peers" in argument for argument in config.args):
        return True
    return None
