"""Losses made of a function of (y_true, y_pred)."""

import inspect

from ..engine import nest
from ..engine.variable import convert
from ..saving.serialization import deserialize_keras_object, serialize_keras_object
from .loss import Loss, map_tensors, squeeze_or_expand_to_same_rank

# Loss functions whose targets are class numbers; filled where those are defined. Their integers are passed on as
# they are: made floats, they would be made integers again one op later.
integer_targets = set()


class LossFunctionWrapper(Loss):
    """The loss fn(y_true, y_pred, **kwargs), one value a sample, reduced.

    Args:
        fn: the function.
        reduction, name, dtype: as for `Loss`.
        **kwargs: passed on to `fn` in each call.
    """

    def __init__(self, fn, reduction="sum_over_batch_size", name=None, dtype=None, **kwargs):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.fn = fn
        self._fn_kwargs = kwargs

    def convert_targets(self, y_true):
        """The labels as tensors; integers stay integers where the function takes class numbers."""
        if self.fn not in integer_targets:
            return super().convert_targets(y_true)

        def keep_integers(y):
            y = convert(y)
            return convert(y, dtype=self.dtype) if y.dtype.startswith("float") else y

        return map_tensors(keep_integers, y_true)

    def call(self, y_true, y_pred):
        if isinstance(y_pred, (list, tuple, dict)) or isinstance(y_true, (list, tuple, dict)):
            pairs = [
                squeeze_or_expand_to_same_rank(t, p)
                for t, p in zip(nest.flatten(y_true), nest.flatten(y_pred))
            ]
            y_true = nest.pack(y_true, [t for t, _ in pairs])
            y_pred = nest.pack(y_pred, [p for _, p in pairs])
        else:
            y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
        values = self.fn(y_true, y_pred, **self._fn_kwargs)
        if values is None:
            raise ValueError(
                f"the loss function {getattr(self.fn, '__name__', self.fn)!r} returned None; it must return a tensor, "
                "one loss a sample"
            )
        return values

    def get_config(self):
        return {
            **super().get_config(),
            "fn": serialize_keras_object(self.fn),
            **serialize_keras_object(self._fn_kwargs),
        }

    @classmethod
    def from_config(cls, config):
        if "fn" in config:
            config = deserialize_keras_object(config)
        return cls(**config)

    def __repr__(self):
        return (
            f"<{type(self).__name__} {self.name}: {getattr(self.fn, '__name__', self.fn)}({self._fn_kwargs})>"
        )


class NamedLoss(LossFunctionWrapper):
    """What the built-in losses share: the function's arguments are attributes, and are saved by name.

    `unsaved`: arguments that Keras leaves out of the configuration; they are written only when they are not the
    default, so that files are the same as Keras's wherever Keras's say enough.
    """

    unsaved = ()

    def __init__(self, fn, reduction, name, dtype, **kwargs):
        super().__init__(fn, reduction=reduction, name=name, dtype=dtype, **kwargs)
        for argument, value in kwargs.items():
            setattr(self, argument, value)

    def get_config(self):
        config = Loss.get_config(self)
        defaults = inspect.signature(type(self).__init__).parameters
        for argument, value in self._fn_kwargs.items():
            if argument not in self.unsaved or value != defaults[argument].default:
                config[argument] = value
        return config
