"""Metrics by name, by configuration, and as `compile` takes them."""

from ..engine.naming import object_name, to_snake_case, unknown_name
from ..losses.lookup import binary_or_sparse
from . import accuracy as a
from . import confusion as k
from . import correlation as r
from . import f_score as f
from . import iou as i
from . import probabilistic as p
from . import regression as e
from .auc import AUC
from .metric import Metric
from .reduction import Mean, MeanMetricWrapper, Sum

_ALL = (
    Metric, Mean, Sum, MeanMetricWrapper,
    e.MeanSquaredError, e.RootMeanSquaredError, e.MeanAbsoluteError, e.MeanAbsolutePercentageError,
    e.MeanSquaredLogarithmicError, e.CosineSimilarity, e.LogCoshError, e.R2Score,
    AUC, k.FalseNegatives, k.FalsePositives, k.Precision, k.PrecisionAtRecall, k.Recall, k.RecallAtPrecision,
    k.SensitivityAtSpecificity, k.SpecificityAtSensitivity, k.TrueNegatives, k.TruePositives,
    r.ConcordanceCorrelation, r.PearsonCorrelation, p.Hinge, p.SquaredHinge, p.CategoricalHinge,
    p.KLDivergence, p.Poisson, p.BinaryCrossentropy, p.CategoricalCrossentropy, p.SparseCategoricalCrossentropy,
    a.Accuracy, a.BinaryAccuracy, a.CategoricalAccuracy, a.SparseCategoricalAccuracy, a.TopKCategoricalAccuracy,
    a.SparseTopKCategoricalAccuracy, f.F1Score, f.FBetaScore, i.IoU, i.BinaryIoU, i.MeanIoU, i.OneHotIoU,
    i.OneHotMeanIoU,
)
_SHORT = {"bce": p.BinaryCrossentropy, "mse": e.MeanSquaredError, "mae": e.MeanAbsoluteError,
          "mape": e.MeanAbsolutePercentageError, "msle": e.MeanSquaredLogarithmicError}
BY_NAME = ({thing.__name__: thing for thing in _ALL} | {to_snake_case(thing.__name__): thing for thing in _ALL}
           | _SHORT | {name.upper(): thing for name, thing in _SHORT.items()})
_ACCURACY = ("accuracy", "acc")  # which one is decided by the shapes


def get(identifier):
    """The metric that `identifier` means: a Metric or a function of (y_true, y_pred), or None for None.

    Args:
        identifier: a name ("mse", "MeanSquaredError", "mean_squared_error"), a configuration, a Metric (class or
            instance) or a function.
    Raises:
        ValueError: an unknown name (the message has the nearest known one), or something else entirely.
    """
    if identifier is None:
        return None
    if isinstance(identifier, dict):
        metric = deserialize(identifier)
    elif isinstance(identifier, str):
        metric = BY_NAME.get(identifier)
        if metric is None:
            metric = _registered(identifier)
        if metric is None:
            raise ValueError(unknown_name("metric", identifier, [*BY_NAME, *_ACCURACY]))
    else:
        metric = identifier
    if isinstance(metric, type):
        metric = metric()
    if not callable(metric):
        raise ValueError("a metric must be a name, a configuration, a Metric or a function of (y_true, y_pred), "
                         f"received {identifier!r}")
    return metric


def resolve(identifier, y_true, y_pred):
    """The Metric that one entry of `compile(metrics=...)` means for one output; "accuracy" depends on the shapes.

    Args:
        identifier: as for `get`, or "accuracy" or "acc"; a string also names the metric in logs.
        y_true, y_pred: whatever has the `shape` of targets and predictions.
    """
    if isinstance(identifier, str) and identifier.lower() in _ACCURACY:
        binary, sparse = binary_or_sparse(y_true, y_pred)
        kind = a.BinaryAccuracy if binary else a.SparseCategoricalAccuracy if sparse else a.CategoricalAccuracy
        return kind(name=identifier)
    if identifier is None:
        raise ValueError("compile: one of `metrics` is None; a metric must be a name, a Metric or a function")
    metric = get(identifier)
    name = identifier if isinstance(identifier, str) else object_name(metric)
    if not isinstance(metric, Metric):
        metric = MeanMetricWrapper(metric)
    metric.name = name
    return metric


def serialize(metric):
    """The configuration of a Metric, or the name of a metric function."""
    from ..saving.serialization import serialize_keras_object

    return serialize_keras_object(metric)


def deserialize(config, custom_objects=None):
    """The metric that `config` describes.

    Raises:
        ValueError: it names a class or function that is neither built in, registered, nor in `custom_objects`.
    """
    from ..saving.serialization import deserialize_keras_object

    return deserialize_keras_object(config, module_objects=BY_NAME, custom_objects=custom_objects)


def _registered(name):
    from ..saving.object_registration import get_registered_object

    return get_registered_object(name)
