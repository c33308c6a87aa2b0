"""Losses by name, by configuration, and as `compile` takes them."""

from ..engine.naming import object_name, unknown_name
from . import categorical as c
from . import margin as h
from . import probabilistic as p
from . import regression as r
from . import segmentation, sequence, similarity
from .function_loss import LossFunctionWrapper
from .loss import Loss

_ALL = (
    Loss, LossFunctionWrapper,
    r.MeanSquaredError, r.MeanAbsoluteError, r.MeanAbsolutePercentageError, r.MeanSquaredLogarithmicError,
    r.CosineSimilarity, r.Huber, r.LogCosh, r.mean_squared_error, r.mean_absolute_error,
    r.mean_absolute_percentage_error, r.mean_squared_logarithmic_error, r.cosine_similarity, r.huber, r.log_cosh,
    h.Hinge, h.SquaredHinge, h.CategoricalHinge, h.hinge, h.squared_hinge, h.categorical_hinge,
    p.KLDivergence, p.Poisson, p.BinaryCrossentropy, p.BinaryFocalCrossentropy,
    p.kl_divergence, p.poisson, p.binary_crossentropy, p.binary_focal_crossentropy,
    c.CategoricalCrossentropy, c.CategoricalFocalCrossentropy, c.SparseCategoricalCrossentropy,
    c.CategoricalGeneralizedCrossEntropy, c.categorical_crossentropy, c.categorical_focal_crossentropy,
    c.sparse_categorical_crossentropy, c.categorical_generalized_cross_entropy,
    segmentation.Dice, segmentation.Tversky, segmentation.dice, segmentation.tversky,
    similarity.Circle, similarity.circle, sequence.CTC, sequence.ctc,
)
_SHORT = {
    "bce": p.binary_crossentropy, "kld": p.kl_divergence, "mae": r.mean_absolute_error, "mse": r.mean_squared_error,
    "mape": r.mean_absolute_percentage_error, "msle": r.mean_squared_logarithmic_error, "logcosh": r.log_cosh,
    "kullback_leibler_divergence": p.kl_divergence,
}
BY_NAME = {thing.__name__: thing for thing in _ALL} | _SHORT | {
    name.upper(): _SHORT[name] for name in ("bce", "kld", "mae", "mse", "mape", "msle")}
_CROSSENTROPY = ("crossentropy", "ce")  # which one is decided by the shapes


def get(identifier):
    """The loss that `identifier` means: a Loss or a function of (y_true, y_pred), or None for None.

    Args:
        identifier: a name ("mse", "MeanSquaredError", "mean_squared_error"), a configuration, a Loss (class or
            instance) or a function.
    Raises:
        ValueError: an unknown name (the message has the nearest known one), or something else entirely.
    """
    if identifier is None:
        return None
    if isinstance(identifier, dict):
        loss = deserialize(identifier)
    elif isinstance(identifier, str):
        loss = BY_NAME.get(identifier)
        if loss is None:
            loss = _registered(identifier)
        if loss is None:
            raise ValueError(unknown_name("loss", identifier, [*BY_NAME, *_CROSSENTROPY]))
    else:
        loss = identifier
    if isinstance(loss, type):
        loss = loss()
    if not callable(loss):
        raise ValueError("a loss must be a name, a configuration, a Loss or a function of (y_true, y_pred), received "
                         f"{identifier!r}")
    return loss


def resolve(identifier, y_true, y_pred):
    """The Loss that `compile(loss=identifier)` means for one output; "crossentropy" depends on the shapes.

    Args:
        identifier: as for `get`, or "crossentropy" or "ce".
        y_true, y_pred: whatever has the `shape` of targets and predictions.
    """
    if isinstance(identifier, str) and identifier.lower() in _CROSSENTROPY:
        binary, sparse = binary_or_sparse(y_true, y_pred)
        loss = p.binary_crossentropy if binary else (
            c.sparse_categorical_crossentropy if sparse else c.categorical_crossentropy)
    else:
        loss = get(identifier)
    if loss is None or isinstance(loss, Loss):
        return loss
    return LossFunctionWrapper(loss, name=identifier if isinstance(identifier, str) else object_name(loss))


def binary_or_sparse(y_true, y_pred):
    """(one output only, labels are class numbers), judged by the shapes as Keras does."""
    true, predicted = tuple(y_true.shape), tuple(y_pred.shape)
    binary = bool(predicted) and predicted[-1] == 1
    sparse = len(true) < len(predicted) or (bool(true) and true[-1] == 1 and predicted[-1] > 1)
    return binary, sparse


def serialize(loss):
    """The configuration of a Loss, or the name of a loss function."""
    from ..saving.serialization import serialize_keras_object

    return serialize_keras_object(loss)


def deserialize(name, custom_objects=None):
    """The loss that the configuration (or name) `name` describes.

    Raises:
        ValueError: it names a class or function that is neither built in, registered, nor in `custom_objects`.
    """
    from ..saving.serialization import deserialize_keras_object

    return deserialize_keras_object(name, module_objects=BY_NAME, custom_objects=custom_objects)


def _registered(name):
    from ..saving.object_registration import get_registered_object

    return get_registered_object(name)
