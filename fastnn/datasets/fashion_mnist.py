"""Fashion-MNIST: 70,000 pictures of clothes in ten classes, by Zalando SE; MIT licence."""

import gzip
import os

import numpy as np

from .download import fetch

_FILES = {
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
}  # md5


def load_data():
    """(x_train, y_train), (x_test, y_test): x (60000 or 10000, 28, 28) uint8, y (n,) uint8."""
    arrays = []
    for name, file_hash in _FILES.items():
        with gzip.open(
            fetch(name, file_hash, cache_subdir=os.path.join("datasets", "fashion-mnist")), "rb"
        ) as file:
            arrays.append(np.frombuffer(file.read(), np.uint8))
    y_train, x_train, y_test, x_test = arrays
    return (
        (x_train[16:].reshape(-1, 28, 28).copy(), y_train[8:].copy()),
        (x_test[16:].reshape(-1, 28, 28).copy(), y_test[8:].copy()),
    )
