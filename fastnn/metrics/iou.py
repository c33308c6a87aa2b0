"""Intersection over union, from a confusion matrix of classes. Source: Keras 3 `metrics`."""

import warnings

from .. import ops
from ..engine import settings
from ..engine.constructor_arguments import named_arguments
from ..engine.variable import convert
from ..losses.loss import check_broadcast
from .metric import Metric


class _ConfusionMatrix(Metric):
    """Counts how often class i (row) was called class j (column); values outside the classes do not count.

    Args:
        num_classes: how many classes.
        ignore_class: labels of this class do not count.
        sparse_y_true, sparse_y_pred: class numbers; else scores or one-hot, whose largest on `axis` is taken.
        axis: the classes' axis.
        dtype: of the counts, "int32" by default.
    """

    _direction = "up"

    def __init__(
        self,
        num_classes,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_true=True,
        sparse_y_pred=True,
        axis=-1,
    ):
        super().__init__(name=name, dtype=dtype or "int32")
        self.num_classes = num_classes
        self.ignore_class = ignore_class
        self.sparse_y_true = sparse_y_true
        self.sparse_y_pred = sparse_y_pred
        self.axis = axis
        self.total_cm = self.add_variable(
            name="total_confusion_matrix", shape=(num_classes, num_classes), dtype=self.dtype
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = convert(y_true), convert(y_pred)
        if not self.sparse_y_true:
            y_true = ops.argmax(y_true, axis=self.axis)
        if not self.sparse_y_pred:
            y_pred = ops.argmax(y_pred, axis=self.axis)
        y_true = ops.reshape(ops.cast(y_true, "int32"), (-1,))
        y_pred = ops.reshape(ops.cast(y_pred, "int32"), (-1,))
        if tuple(y_true.shape) != tuple(y_pred.shape):
            raise ValueError(
                f"{type(self).__name__}: there are {y_true.shape[0]} labels for {y_pred.shape[0]} "
                "predictions; check sparse_y_true, sparse_y_pred and axis"
            )
        n = self.num_classes
        counts = ops.logical_and(self._in_range(y_true), self._in_range(y_pred))
        if self.ignore_class is not None:
            counts = ops.logical_and(counts, ops.not_equal(y_true, self.ignore_class))
        cell = ops.where(counts, y_true * n + y_pred, -1)  # in the matrix as one row; -1 is in none
        added = ops.bincount(cell, weights=self._weights(sample_weight, y_true.shape), minlength=n * n)
        self.total_cm.assign_add(ops.reshape(added, (n, n)))

    def _in_range(self, classes):
        return ops.logical_and(ops.greater_equal(classes, 0), ops.less(classes, self.num_classes))

    def _weights(self, sample_weight, shape):
        if sample_weight is None:
            return ops.ones(shape, dtype=self.dtype)
        sample_weight = convert(sample_weight)
        if sample_weight.dtype.startswith("float") and "int" in self.dtype:
            warnings.warn(
                f"{self.name}: the sample weights are {sample_weight.dtype}, the counts {self.dtype}, so "
                "the weights' fractions are cut off; use integer weights, or dtype='float32'",
                stacklevel=3,
            )
        sample_weight = ops.cast(sample_weight, self.dtype)
        if len(sample_weight.shape) > 1:
            sample_weight = ops.reshape(sample_weight, (-1,))
        check_broadcast("sample_weight", sample_weight.shape, "the labels", shape)
        return ops.broadcast_to(sample_weight, shape)


class IoU(_ConfusionMatrix):
    """The mean over `target_class_ids` of tp / (tp + fp + fn).

    Args:
        num_classes, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis: see `_ConfusionMatrix`: the number of
            classes, the counts' dtype, the label that does not count, whether class numbers or scores are given,
            and the scores' axis.
        target_class_ids: which classes count.
    """

    def __init__(
        self,
        num_classes,
        target_class_ids,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_true=True,
        sparse_y_pred=True,
        axis=-1,
    ):
        super().__init__(**named_arguments(locals(), but=["target_class_ids"]))
        if max(target_class_ids) >= num_classes:
            raise ValueError(
                f"{type(self).__name__}: `target_class_ids` must be under num_classes={num_classes}, "
                f"received {list(target_class_ids)}"
            )
        self.target_class_ids = list(target_class_ids)

    def result(self):
        matrix = ops.cast(self.total_cm.read(), "float32")
        hits = ops.diagonal(matrix)
        union = ops.sum(matrix, axis=0) + ops.sum(matrix, axis=1) - hits
        hits = ops.take(hits, self.target_class_ids, axis=0)
        union = ops.take(union, self.target_class_ids, axis=0)
        seen = ops.greater(union, 1e-9)
        scores = ops.where(seen, hits / (union + settings.epsilon()), 0.0)
        return ops.sum(scores) / (ops.sum(ops.cast(seen, "float32")) + settings.epsilon())

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "target_class_ids": self.target_class_ids,
            "ignore_class": self.ignore_class,
            "sparse_y_true": self.sparse_y_true,
            "sparse_y_pred": self.sparse_y_pred,
            "axis": self.axis,
        }

    def _config_without(self, *arguments):
        return {key: value for key, value in IoU.get_config(self).items() if key not in arguments}


class BinaryIoU(IoU):
    """`IoU` of two classes: 1 where the prediction reaches `threshold`."""

    def __init__(self, target_class_ids=(0, 1), threshold=0.5, name=None, dtype=None):
        super().__init__(num_classes=2, target_class_ids=target_class_ids, name=name, dtype=dtype)
        self.threshold = threshold

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = ops.greater_equal(convert(y_pred, dtype="float32"), self.threshold)
        super().update_state(y_true, ops.cast(y_pred, "int32"), sample_weight)

    def get_config(self):
        return {
            "name": self.name,
            "dtype": self.dtype,
            "target_class_ids": self.target_class_ids,
            "threshold": self.threshold,
        }


class MeanIoU(IoU):
    """`IoU` over all classes."""

    def __init__(
        self,
        num_classes,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_true=True,
        sparse_y_pred=True,
        axis=-1,
    ):
        super().__init__(target_class_ids=range(num_classes), **named_arguments(locals()))

    def get_config(self):
        return self._config_without("target_class_ids")


class OneHotIoU(IoU):
    """`IoU` of one-hot labels."""

    def __init__(
        self,
        num_classes,
        target_class_ids,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_pred=False,
        axis=-1,
    ):
        super().__init__(sparse_y_true=False, **named_arguments(locals()))

    def get_config(self):
        return self._config_without("sparse_y_true")


class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` of one-hot labels."""

    def __init__(self, num_classes, name=None, dtype=None, ignore_class=None, sparse_y_pred=False, axis=-1):
        super().__init__(sparse_y_true=False, **named_arguments(locals()))

    def get_config(self):
        return self._config_without("target_class_ids", "sparse_y_true")
