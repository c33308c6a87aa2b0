"""California housing: 20,640 districts of the 1990 census, 8 numbers each, and the median price of their houses."""

import numpy as np

from .download import fetch, shuffled_split


def load_data(version="large", path="california_housing.npz", test_split=0.2, seed=113):
    """(x_train, y_train), (x_test, y_test): x (n, 8), y (n,) in dollars; the first 600 rows for version="small"."""
    if version not in ("small", "large"):
        raise ValueError(
            f"california_housing.load_data: `version` must be 'small' or 'large', received {version!r}"
        )
    path = fetch(
        path, "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f", "california_housing.npz"
    )
    with np.load(path, allow_pickle=False) as file:
        rows = slice(None, 600 if version == "small" else None)
        return shuffled_split(file["x"][rows], file["y"][rows], test_split, seed)
