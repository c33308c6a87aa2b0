"""Fixtures for every test."""

import os

os.environ.setdefault("KERAS_BACKEND", "numpy")  # the oracle in parity tests; needs no TensorFlow

import numpy as np
import pytest


@pytest.fixture
def rng(request):
    """A generator seeded by the test's name: the same numbers in every run."""
    return np.random.default_rng(list(request.node.name.encode()))
