"""Label encoding and scaling of arrays."""

import numpy as np

from .. import ops


def to_categorical(x, num_classes=None):
    """One-hot rows of integer labels.

    Args:
        x: labels 0..num_classes-1, any shape; a last axis of length 1 is dropped.
        num_classes: the width; max(x) + 1 by default.
    Returns:
        A float64 array of shape (*x.shape, num_classes), as in Keras 3; of a tensor, where `num_classes` is
        given, a float32 tensor, so that it can be asked for inside a model.
    Raises:
        ValueError: labels that are no numbers, below 0 or not below `num_classes`.
    >>> to_categorical([0, 2])
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    if ops.is_tensor(x) and num_classes is not None:
        dropped = len(x.shape) > 1 and x.shape[-1] == 1
        return ops.one_hot(ops.squeeze(x, -1) if dropped else x, num_classes)
    labels = np.asarray(x)
    if labels.dtype.kind not in "biuf":
        raise ValueError(
            f"to_categorical: `x` must hold integers, received dtype {labels.dtype}, such as {labels.ravel()[:1]}; "
            "number the classes first: classes, x = np.unique(x, return_inverse=True)"
        )
    labels = labels.astype("int64")
    shape = labels.shape[:-1] if labels.ndim > 1 and labels.shape[-1] == 1 else labels.shape
    flat = labels.reshape(-1)
    if num_classes is None:
        num_classes = int(flat.max()) + 1 if flat.size else 0
    if flat.size and (flat.min() < 0 or flat.max() >= num_classes):
        raise ValueError(
            f"to_categorical: labels must lie in 0..{num_classes - 1}, received {flat.min()}..{flat.max()}"
        )
    encoded = np.zeros((flat.size, num_classes))
    encoded[np.arange(flat.size), flat] = 1
    return encoded.reshape(*shape, num_classes)


def normalize(x, axis=-1, order=2):
    """`x` divided by its norm of the given `order` along `axis`; zeros stay zeros. Of a tensor, a tensor.

    >>> normalize([[3.0, 4.0]])
    array([[0.6, 0.8]])
    """
    if ops.is_tensor(x):
        return ops.normalize(x, axis=axis, order=order)
    x = np.asarray(x)
    norm = np.atleast_1d(np.linalg.norm(x, order, axis))
    norm[norm == 0] = 1
    return x / np.expand_dims(norm, axis)
