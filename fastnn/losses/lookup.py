"""Losses by name, by configuration, and as `compile` takes them."""

from ..saving.lookup import look_up
from ..saving.serialization import deserialize_keras_object, serialize_keras_object
from . import categorical as c
from . import margin as h
from . import probabilistic as p
from . import regression as r
from . import segmentation, sequence, similarity
from .function_loss import LossFunctionWrapper
from .loss import Loss

_ALL = (
    Loss,
    LossFunctionWrapper,
    r.MeanSquaredError,
    r.MeanAbsoluteError,
    r.MeanAbsolutePercentageError,
    r.MeanSquaredLogarithmicError,
    r.CosineSimilarity,
    r.Huber,
    r.LogCosh,
    r.mean_squared_error,
    r.mean_absolute_error,
    r.mean_absolute_percentage_error,
    r.mean_squared_logarithmic_error,
    r.cosine_similarity,
    r.huber,
    r.log_cosh,
    h.Hinge,
    h.SquaredHinge,
    h.CategoricalHinge,
    h.hinge,
    h.squared_hinge,
    h.categorical_hinge,
    p.KLDivergence,
    p.Poisson,
    p.BinaryCrossentropy,
    p.BinaryFocalCrossentropy,
    p.kl_divergence,
    p.poisson,
    p.binary_crossentropy,
    p.binary_focal_crossentropy,
    c.CategoricalCrossentropy,
    c.CategoricalFocalCrossentropy,
    c.SparseCategoricalCrossentropy,
    c.CategoricalGeneralizedCrossEntropy,
    c.categorical_crossentropy,
    c.categorical_focal_crossentropy,
    c.sparse_categorical_crossentropy,
    c.categorical_generalized_cross_entropy,
    segmentation.Dice,
    segmentation.Tversky,
    segmentation.dice,
    segmentation.tversky,
    similarity.Circle,
    similarity.circle,
    sequence.CTC,
    sequence.ctc,
)
_SHORT = {
    "bce": p.binary_crossentropy,
    "kld": p.kl_divergence,
    "mae": r.mean_absolute_error,
    "mse": r.mean_squared_error,
    "mape": r.mean_absolute_percentage_error,
    "msle": r.mean_squared_logarithmic_error,
    "logcosh": r.log_cosh,
    "kullback_leibler_divergence": p.kl_divergence,
}
BY_NAME = (
    {thing.__name__: thing for thing in _ALL}
    | _SHORT
    | {name.upper(): _SHORT[name] for name in ("bce", "kld", "mae", "mse", "mape", "msle")}
)


def get(identifier):
    """The loss that `identifier` means: a Loss or a function of (y_true, y_pred), or None for None.

    Args:
        identifier: a name ("mse", "MeanSquaredError", "mean_squared_error"), a configuration, a Loss (class
            or instance) or a function.
    Raises:
        ValueError: an unknown name (the message has the nearest known one), or something else entirely.
    """
    return None if identifier is None else look_up("loss", identifier, BY_NAME)


def serialize(loss):
    """The configuration of a Loss, or the name of a loss function."""
    return serialize_keras_object(loss)


def deserialize(name, custom_objects=None):
    """The loss that the configuration (or name) `name` describes.

    Raises:
        ValueError: it names a class or function that is neither built in, registered, nor in `custom_objects`.
    """
    return deserialize_keras_object(name, module_objects=BY_NAME, custom_objects=custom_objects)
