"""Mistakes in training data that can be told before the first step."""

import numbers

import numpy as np

from ..engine import nest
from .structure import leaves_of


def check_lengths(x, y, sample_weight):
    """Raise ValueError unless all arrays have the same number of rows; returns that number."""
    sizes = {}
    for name, part in (("x", x), ("y", y), ("sample_weight", sample_weight)):
        leaves = leaves_of(part)
        for i, leaf in enumerate(leaves):
            sizes[name if len(leaves) == 1 else f"{name}[{i}]"] = len(leaf)
    if not sizes:
        raise ValueError("`x` must be arrays or a source of batches, received None")
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name}: {size}" for name, size in sizes.items())
        raise ValueError(
            f"all arrays must have the same number of samples (rows), received {listed}. Slice "
            "the longer ones, or check that x and y were not given in the wrong order"
        )
    rows = next(iter(sizes.values()))
    if rows == 0:
        raise ValueError(f"the arrays hold no samples, received {', '.join(sizes)} of length 0")
    return rows


def check_no_nan(y, what="y"):
    """Raise ValueError if a float label array holds NaN."""
    leaves = leaves_of(y)
    for i, leaf in enumerate(leaves):
        if leaf.dtype.kind == "f" and np.isnan(leaf.min(initial=np.inf)):  # min carries a NaN along
            rows = np.unique(np.argwhere(np.isnan(leaf))[:, 0])
            name = what if len(leaves) == 1 else f"{what}[{i}]"
            raise ValueError(
                f"`{name}` holds NaN in {len(rows)} of {len(leaf)} rows, first in row {rows[0]}; remove or "
                f"fill them (np.nan_to_num), for instance keep = ~np.isnan({name})"
            )


# Losses of one number a sample, a class; and of a probability a class.
_SPARSE = {"SparseCategoricalCrossentropy", "sparse_categorical_crossentropy"}
_ONE_HOT = {"CategoricalCrossentropy", "categorical_crossentropy"}
_BINARY = {"BinaryCrossentropy", "binary_crossentropy"}


def check_labels(loss, y, output_shape, what="y", output="the model's output"):
    """Raise ValueError where labels `y` cannot be right for a classification `loss` on outputs of
    `output_shape`.

    loss: a Loss object, a loss function or its name.
    """
    kind = loss_kind(loss)
    if kind is None or y is None or len(output_shape) < 2:
        return
    if kind == "binary":
        _check_binary(y, what)
        return
    axis = _option(loss, "axis", -1)
    if axis not in (-1, len(output_shape) - 1) or output_shape[-1] is None:
        return
    classes = int(output_shape[-1])
    if kind == "sparse":
        _check_sparse(y, classes, len(output_shape), _option(loss, "ignore_class", None), what, output)
    else:
        _check_one_hot(y, classes, len(output_shape), what, output)


def loss_kind(loss):
    """ "sparse", "one-hot", "binary", or None: a loss whose labels are not checked."""
    function = getattr(loss, "fn", loss)
    names = {
        loss if isinstance(loss, str) else None,
        type(loss).__name__,
        getattr(function, "__name__", None),
    }
    if names & _SPARSE:
        return "sparse"
    return "one-hot" if names & _ONE_HOT else "binary" if names & _BINARY else None


def class_limit(loss, output_shape):
    """How many classes integer labels may number, for a sparse loss on outputs of `output_shape`; None for others.

    It serves to look at one batch after another, which `check_labels` would take longer for.
    """
    if (
        loss_kind(loss) != "sparse"
        or len(output_shape) < 2
        or _option(loss, "ignore_class", None) is not None
        or (_option(loss, "axis", -1) not in (-1, len(output_shape) - 1))
    ):
        return None
    return output_shape[-1]


def _option(loss, name, default):
    """A loss's option, whether it keeps it as an attribute or among its function's arguments."""
    given = getattr(loss, "_fn_kwargs", None) or {}
    return given.get(name, getattr(loss, name, default))


def _check_sparse(y, classes, rank, ignored, what, output):
    if y.ndim == rank and y.shape[-1] == classes and classes > 1:
        raise ValueError(
            f"`{what}` has shape {y.shape}: a row of {classes} values a sample looks one-hot, "
            "but sparse_categorical_crossentropy wants one class number a sample. Use "
            f"loss='categorical_crossentropy', or pass np.argmax({what}, axis=-1)"
        )
    if y.size == 0 or y.dtype.kind not in "fiub":
        return
    labels = y if ignored is None else y[y != ignored]
    if labels.size == 0:
        return
    low, high = labels.min(), labels.max()
    if low < 0 or high >= classes:
        cure = (
            f"Subtract 1 ({what} - 1)"
            if low == 1 and high == classes
            else (
                f"Make the last layer {int(high) + 1} units wide" if low >= 0 else "Number the classes from 0"
            )
        )
        raise ValueError(
            f"`{what}` holds class numbers {low:g}..{high:g}, but {output} has {classes} "
            f"classes, which are 0..{classes - 1}. {cure}, or look for wrong labels"
        )


def _check_one_hot(y, classes, rank, what, output):
    if classes > 1 and (y.ndim == rank - 1 or (y.ndim == rank and y.shape[-1] == 1)):
        raise ValueError(
            f"`{what}` has shape {y.shape}: one class number a sample, but categorical_crossentropy wants a "
            f"row of {classes} values, as {output} has. Use loss='sparse_categorical_crossentropy', or pass "
            f"utils.to_categorical({what}, {classes})"
        )


def _check_binary(y, what):
    """Class numbers other than 0 and 1 have no meaning to a binary loss; fractions are taken as they are."""
    if y.size == 0 or y.dtype.kind not in "fiub":
        return
    low, high = y.min(), y.max()
    if (low >= 0 and high <= 1) or (y.dtype.kind == "f" and not (y == np.round(y)).all()):
        return
    cure = (
        f"({what} + 1) / 2 maps -1 and 1 to them"
        if low == -1 and high == 1
        else (
            f"for {int(high) + 1} classes make the last layer {int(high) + 1} units wide with softmax, and use "
            "loss='sparse_categorical_crossentropy'"
            if low >= 0
            else "look for wrong labels"
        )
    )
    raise ValueError(
        f"`{what}` holds class numbers {low:g}..{high:g}, but binary_crossentropy knows the classes 0 and "
        f"1; {cure}"
    )


def check_weights(y, sample_weight, class_weight):
    """The sample weights in y's structure, class weights turned into them.

    Raises:
        ValueError: both are given, class weights with several outputs, or structures that do not match.
    """
    if class_weight is not None:
        if sample_weight is not None:
            raise ValueError(
                "`class_weight` and `sample_weight` cannot be given together; multiply them "
                "into `sample_weight`"
            )
        if not isinstance(y, np.ndarray):
            raise ValueError(
                "`class_weight` works for models with one output only; pass `sample_weight`, "
                "one array an output"
            )
        return class_weights_of(y, class_weight)
    if sample_weight is None or isinstance(y, np.ndarray) or y is None:
        return sample_weight
    if isinstance(sample_weight, np.ndarray):
        if sample_weight.ndim > 1 and not (sample_weight.ndim == 2 and sample_weight.shape[1] == 1):
            raise ValueError(
                "`sample_weight` for a model with several outputs must be one number a sample, "
                f"shape (samples,), or one array an output; received shape {sample_weight.shape}"
            )
        return nest.map_leaves(lambda leaf: sample_weight, y)
    if isinstance(sample_weight, dict) and isinstance(y, dict) and not set(sample_weight) <= set(y):
        raise ValueError(
            f"`sample_weight` has the key(s) {[key for key in sample_weight if key not in y]}, `y` has {sorted(y)}; "
            "use those names"
        )
    if len(leaves_of(sample_weight)) != len(leaves_of(y)):
        raise ValueError(
            f"`sample_weight` must be one array, or one an output as in `y`: "
            f"{len(leaves_of(y))} labels, {len(leaves_of(sample_weight))} weights"
        )
    return sample_weight


def class_weights_of(y, class_weight):
    """The weight of each row of labels: `class_weight` maps class numbers to weights, 1 where it has none."""
    if not isinstance(class_weight, dict):
        raise ValueError(
            f"`class_weight` must be a dict of class numbers to weights, received "
            f"{class_weight!r}; for a list use dict(enumerate(weights))"
        )
    if not all(isinstance(key, numbers.Integral) for key in class_weight):
        raise ValueError(
            "`class_weight` maps class numbers to weights, received the keys "
            f"{[key for key in class_weight if not isinstance(key, numbers.Integral)]}; use the numbers in `y`"
        )
    labels = y
    if labels.ndim > 1:
        labels = labels[..., 0] if labels.shape[-1] == 1 else labels.argmax(-1)
    labels = np.round(labels).astype(np.int64).reshape(len(y), -1)[:, 0]
    classes, rows = np.unique(labels, return_inverse=True)
    weights = np.array([class_weight.get(int(c), 1.0) for c in classes], np.float32)
    return weights[rows]
