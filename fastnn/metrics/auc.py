"""Area under the ROC, precision-recall and precision-recall-gain curves. Source: Keras 3 `metrics.AUC`."""

import numpy as np

from .. import ops
from ..engine import settings
from ..engine.variable import convert
from ..saving.serialization import deserialize_keras_object
from .confusion import KINDS, count_decisions, even_thresholds, evenly_spaced
from .metric import Metric

_CURVES = ("ROC", "PR", "PRGAIN")
_SUMMATIONS = ("interpolation", "minoring", "majoring")


class AUC(Metric):
    """The area under a curve that the decisions at many thresholds trace.

    Args:
        num_thresholds: how many thresholds, evenly spaced, when `thresholds` is not given.
        curve: "ROC", "PR" (precision over recall) or "PRGAIN" (their gains).
        summation_method: "interpolation" (trapezoids; for PR the curve through the counts), "minoring" (lower
            steps) or "majoring" (upper steps).
        thresholds: floats in [0, 1] to use in place of even ones; 0 and 1 are added.
        multi_label: one area for each column of (batch, labels), then their mean, weighed by `label_weights`.
        num_labels: the columns, when known beforehand.
        label_weights: one weight a column (without `multi_label`: of each value's count).
        from_logits: predictions go through a sigmoid first.
    Raises:
        ValueError: an unknown curve or method, too few thresholds.
    Source of the PR interpolation: Davis and Goadrich, "The Relationship Between Precision-Recall and ROC Curves",
    ICML 2006; of the gains: Flach and Kull, "Precision-Recall-Gain Curves", NeurIPS 2015.
    """

    _direction = "up"

    def __init__(
        self,
        num_thresholds=200,
        curve="ROC",
        summation_method="interpolation",
        name=None,
        dtype=None,
        thresholds=None,
        multi_label=False,
        num_labels=None,
        label_weights=None,
        from_logits=False,
    ):
        super().__init__(name=name, dtype=dtype)
        self.curve = _one_of("curve", str(curve).upper(), _CURVES)
        self.summation_method = _one_of("summation_method", str(summation_method).lower(), _SUMMATIONS)
        self._init_from_thresholds = thresholds is not None
        if thresholds is not None:
            inner = sorted(float(t) for t in thresholds)
            if inner and not (inner[0] >= 0 and inner[-1] <= 1):
                raise ValueError(f"AUC: `thresholds` must lie between 0 and 1, received {thresholds}")
            self.num_thresholds = len(inner) + 2
            self._even = evenly_spaced([0.0, *inner, 1.0])
        elif num_thresholds <= 1:
            raise ValueError(f"AUC: `num_thresholds` must be more than 1, received {num_thresholds}")
        else:
            self.num_thresholds = num_thresholds
            inner = even_thresholds(num_thresholds, "AUC")[1:-1]
            self._even = True
        # the ends lie just outside, so that scores of 0 and 1 fall between two thresholds as well
        self._thresholds = np.array([-settings.epsilon(), *inner, 1.0 + settings.epsilon()])
        self.multi_label = multi_label
        self.num_labels = num_labels
        self.label_weights = None if label_weights is None else np.asarray(label_weights, self.dtype)
        self._from_logits = from_logits
        self._built = False
        if num_labels and not multi_label:
            raise ValueError("AUC: `num_labels` belongs to multi_label=True")
        if not multi_label:
            self._build((self.num_thresholds,))
        elif num_labels:
            self._build((self.num_thresholds, num_labels))

    @property
    def thresholds(self):
        """The thresholds, a list of floats in order."""
        return list(self._thresholds)

    def _build(self, shape):
        for variable in KINDS.values():
            setattr(self, variable, self.add_variable(shape=shape, name=variable))
        self._built = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = convert(y_pred)
        if not self._built:
            if len(y_pred.shape) != 2:
                raise ValueError(
                    "AUC: with multi_label=True, predictions must have shape (batch, labels), received "
                    f"{tuple(y_pred.shape)}"
                )
            self._build((self.num_thresholds, y_pred.shape[1]))
        if self._from_logits:
            y_pred = ops.sigmoid(y_pred)
        count_decisions(
            {kind: getattr(self, variable) for kind, variable in KINDS.items()},
            y_true,
            y_pred,
            self._thresholds,
            even=self._even,
            sample_weight=sample_weight,
            multi_label=self.multi_label,
            label_weights=None if self.multi_label else self.label_weights,
        )

    def result(self):
        if not self._built:
            return convert(0.0, dtype=self.dtype)
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self.interpolate_pr_auc()
        x, y = self._points()
        last = self.num_thresholds - 1
        left, right = y[:last], y[1:]
        if self.summation_method == "interpolation":
            heights = (left + right) / 2.0
        else:
            heights = (ops.minimum if self.summation_method == "minoring" else ops.maximum)(left, right)
        return self._over_labels((x[:last] - x[1:]) * heights)

    def _points(self):
        """The curve's (x, y) at each threshold."""
        tp, fp, tn, fn = (getattr(self, variable).read() for variable in KINDS.values())
        recall = ops.divide_no_nan(tp, tp + fn)
        if self.curve == "ROC":
            return ops.divide_no_nan(fp, fp + tn), recall
        if self.curve == "PR":
            return recall, ops.divide_no_nan(tp, tp + fp)
        odds = ops.divide_no_nan(tp + fn, tn + fp)  # of a positive label
        none = ops.equal(tp, 0.0)
        recall_gain = ops.where(none, 0.0, 1.0 - odds * ops.divide_no_nan(fn, tp))
        precision_gain = ops.where(none, 1.0, 1.0 - odds * ops.divide_no_nan(fp, tp))
        return ops.maximum(recall_gain, 0.0), precision_gain

    def interpolate_pr_auc(self):
        """The area under the curve of precision over recall, through interpolated counts."""
        return self._over_labels(self._interpolated_pr())

    def _interpolated_pr(self):
        """The areas between thresholds, where counts (not precisions) are interpolated: then precision is no line."""
        tp, fp, _, fn = (getattr(self, variable).read() for variable in KINDS.values())
        last = self.num_thresholds - 1
        called = tp + fp
        gained = tp[:last] - tp[1:]
        slope = ops.divide_no_nan(gained, ops.maximum(called[:last] - called[1:], 0.0))
        intercept = tp[1:] - slope * called[1:]
        both = ops.logical_and(ops.greater(called[:last], 0.0), ops.greater(called[1:], 0.0))
        ratio = ops.where(both, ops.divide_no_nan(called[:last], ops.maximum(called[1:], 0.0)), 1.0)
        return ops.divide_no_nan(
            slope * (gained + intercept * ops.log(ratio)), ops.maximum(tp[1:] + fn[1:], 0.0)
        )

    def _over_labels(self, areas):
        if not self.multi_label:
            return ops.sum(areas)
        by_label = ops.sum(areas, axis=0)
        if self.label_weights is None:
            return ops.mean(by_label)
        return ops.divide_no_nan(ops.sum(by_label * self.label_weights), convert(self.label_weights.sum()))

    def get_config(self):
        config = {
            **super().get_config(),
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": None if self.label_weights is None else self.label_weights.tolist(),
            "from_logits": self._from_logits,
        }
        if self._init_from_thresholds:
            config["thresholds"] = [float(t) for t in self._thresholds[1:-1]]
        return config

    @classmethod
    def from_config(cls, config):
        # Keras's label_weights come as an array's configuration.
        return cls(**deserialize_keras_object(config))


def _one_of(argument, value, allowed):
    if value not in allowed:
        raise ValueError(
            f"AUC: `{argument}` must be one of {', '.join(map(repr, allowed))}, received {value!r}"
        )
    return value
