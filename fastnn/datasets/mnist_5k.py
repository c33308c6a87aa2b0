"""5,000 real handwritten digits, which come with the package.

A shuffled part of MNIST, 500 digits a class, by Yann LeCun, Corinna Cortes and Christopher J. C. Burges; licensed
CC BY-SA 3.0 (see LICENSE-mnist.txt beside this file).
"""

from importlib import resources

import numpy as np

_TRAINING = 4000


def load_data():
    """(x_train, y_train), (x_test, y_test): 4,000 and 1,000 digits; x (n, 28, 28) uint8, y (n,) uint8."""
    with resources.files(__package__).joinpath("mnist_5k.npz").open("rb") as file, np.load(file) as data:
        x, y = data["x"], data["y"]
    return (x[:_TRAINING], y[:_TRAINING]), (x[_TRAINING:], y[_TRAINING:])
