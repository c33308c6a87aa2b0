"""Boston housing: 506 suburbs, 13 numbers each, and the median price of their houses.

One of the numbers was made from the share of Black people on racist assumptions; `california_housing` is better.
"""

import numpy as np

from .download import fetch, shuffled_split


def load_data(path="boston_housing.npz", test_split=0.2, seed=113):
    """(x_train, y_train), (x_test, y_test): x (n, 13), y (n,) in thousands of dollars."""
    path = fetch(
        path, "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5", "boston_housing.npz"
    )
    with np.load(path, allow_pickle=False) as file:
        return shuffled_split(file["x"], file["y"], test_split, seed)
