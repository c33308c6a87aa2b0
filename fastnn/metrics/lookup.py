"""Metrics by name, by configuration, and as `compile` takes them."""

from ..engine.symbolic import snake_case
from ..saving.lookup import look_up
from ..saving.serialization import deserialize_keras_object, serialize_keras_object
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
    Metric,
    Mean,
    Sum,
    MeanMetricWrapper,
    e.MeanSquaredError,
    e.RootMeanSquaredError,
    e.MeanAbsoluteError,
    e.MeanAbsolutePercentageError,
    e.MeanSquaredLogarithmicError,
    e.CosineSimilarity,
    e.LogCoshError,
    e.R2Score,
    AUC,
    k.FalseNegatives,
    k.FalsePositives,
    k.Precision,
    k.PrecisionAtRecall,
    k.Recall,
    k.RecallAtPrecision,
    k.SensitivityAtSpecificity,
    k.SpecificityAtSensitivity,
    k.TrueNegatives,
    k.TruePositives,
    r.ConcordanceCorrelation,
    r.PearsonCorrelation,
    p.Hinge,
    p.SquaredHinge,
    p.CategoricalHinge,
    p.KLDivergence,
    p.Poisson,
    p.BinaryCrossentropy,
    p.CategoricalCrossentropy,
    p.SparseCategoricalCrossentropy,
    a.Accuracy,
    a.BinaryAccuracy,
    a.CategoricalAccuracy,
    a.SparseCategoricalAccuracy,
    a.TopKCategoricalAccuracy,
    a.SparseTopKCategoricalAccuracy,
    f.F1Score,
    f.FBetaScore,
    i.IoU,
    i.BinaryIoU,
    i.MeanIoU,
    i.OneHotIoU,
    i.OneHotMeanIoU,
)
_SHORT = {
    "bce": p.BinaryCrossentropy,
    "mse": e.MeanSquaredError,
    "mae": e.MeanAbsoluteError,
    "mape": e.MeanAbsolutePercentageError,
    "msle": e.MeanSquaredLogarithmicError,
}
BY_NAME = (
    {thing.__name__: thing for thing in _ALL}
    | {snake_case(thing.__name__): thing for thing in _ALL}
    | _SHORT
    | {name.upper(): thing for name, thing in _SHORT.items()}
)


def get(identifier):
    """The metric that `identifier` means: a Metric or a function of (y_true, y_pred), or None for None.

    Args:
        identifier: a name ("mse", "MeanSquaredError", "mean_squared_error"), a configuration, a Metric (class
            or instance) or a function.
    Raises:
        ValueError: an unknown name (the message has the nearest known one), or something else entirely.
    """
    return None if identifier is None else look_up("metric", identifier, BY_NAME)


def serialize(metric):
    """The configuration of a Metric, or the name of a metric function."""
    return serialize_keras_object(metric)


def deserialize(config, custom_objects=None):
    """The metric that `config` describes.

    Raises:
        ValueError: it names a class or function that is neither built in, registered, nor in `custom_objects`.
    """
    return deserialize_keras_object(config, module_objects=BY_NAME, custom_objects=custom_objects)
