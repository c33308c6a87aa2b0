"""CIFAR-100: 60,000 small colour pictures in 100 classes, or 20 groups of classes."""

from .cifar import load_files


def load_data(label_mode="fine"):
    """(x_train, y_train), (x_test, y_test): x (50000 or 10000, 32, 32, 3) uint8, y (n, 1) uint8.

    label_mode: "fine" for the 100 classes, "coarse" for the 20 groups.
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(
            f"cifar100.load_data: `label_mode` must be 'fine' or 'coarse', received {label_mode!r}"
        )
    archive = (
        "cifar-100-python-target",
        "cifar-100-python.tar.gz",
        "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
        "cifar-100-python",
    )
    return (
        load_files(*archive, ["train"], f"{label_mode}_labels"),
        load_files(*archive, ["test"], f"{label_mode}_labels"),
    )
