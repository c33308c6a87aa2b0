"""CIFAR-10: 60,000 small colour pictures in ten classes."""

from .cifar import load_files


def load_data():
    """(x_train, y_train), (x_test, y_test): x (50000 or 10000, 32, 32, 3) uint8, y (n, 1) uint8."""
    archive = (
        "cifar-10-batches-py-target",
        "cifar-10-python.tar.gz",
        "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        "cifar-10-batches-py",
    )
    return (
        load_files(*archive, [f"data_batch_{i}" for i in range(1, 6)], "labels"),
        load_files(*archive, ["test_batch"], "labels"),
    )
