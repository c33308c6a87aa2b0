"""What CIFAR-10 and CIFAR-100 share. By Alex Krizhevsky, Vinod Nair and Geoffrey Hinton."""

import os

import numpy as np

from ..config import image_data_format
from ..utils.get_file import get_file
from .download import ArrayUnpickler

_SITE = "https://www.cs.toronto.edu/~kriz/"


def load_files(folder, archive, file_hash, inner, files, label):
    """Images and labels of `files` inside an archive: x (n, 32, 32, 3) uint8, y (n, 1) uint8."""
    path = os.path.join(get_file(folder, origin=_SITE + archive, extract=True, file_hash=file_hash), inner)
    images, labels = [], []
    for name in files:
        with open(os.path.join(path, name), "rb") as file:
            batch = {
                key.decode(): value for key, value in ArrayUnpickler(file, encoding="bytes").load().items()
            }
        images.append(np.asarray(batch["data"], np.uint8).reshape(-1, 3, 32, 32))
        labels.append(np.asarray(batch[label], np.uint8)[:, None])
    x, y = np.concatenate(images), np.concatenate(labels)
    return (
        x if image_data_format() == "channels_first" else np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    ), y
