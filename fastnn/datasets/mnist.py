"""MNIST: 70,000 handwritten digits, by Yann LeCun and Corinna Cortes; CC BY-SA 3.0. `mnist_5k` needs no download."""

import numpy as np

from .download import fetch


def load_data(path="mnist.npz"):
    """(x_train, y_train), (x_test, y_test): x (60000 or 10000, 28, 28) uint8, y (n,) uint8."""
    path = fetch(path, "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1", "mnist.npz")
    with np.load(path, allow_pickle=False) as file:
        return (file["x_train"], file["y_train"]), (file["x_test"], file["y_test"])
