"""Keras 2's estimators, whose arguments are those of a function that builds a model, and of `fit`."""

import inspect

import numpy as np

from ..models import Model
from ..utils import to_categorical

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
except ImportError:
    raise ImportError(
        "KerasClassifier and KerasRegressor need scikit-learn: pip install 'fastnn[sklearn]'"
    ) from None


class _Built(BaseEstimator):
    """What both share.

    Args:
        build_fn: a function that returns a compiled Model; None: a subclass's `__call__`.
        sk_params: arguments of `build_fn`, and of `Model.fit`, `predict` and `evaluate` (epochs, batch_size...).
    Raises:
        ValueError: an argument that none of these takes.
    """

    def __init__(self, build_fn=None, **sk_params):
        self.build_fn, self.sk_params = build_fn, sk_params
        known = {name for function in self._functions() for name in inspect.signature(function).parameters}
        unknown = sorted(set(sk_params) - known - {"nb_epoch"})
        if unknown:
            raise ValueError(
                f"{type(self).__name__}: {', '.join(unknown)} are no arguments of build_fn or fit"
            )

    def _build(self):
        return self.build_fn or self.__call__

    def _functions(self):
        return self._build(), Model.fit, Model.predict, Model.evaluate

    def _fitting(self, function, given=None):
        """The `sk_params` that a function takes, and what is given beside them."""
        names = inspect.signature(function).parameters
        return {name: value for name, value in self.sk_params.items() if name in names} | (given or {})

    def get_params(self, deep=True):
        """All arguments."""
        return {"build_fn": self.build_fn, **self.sk_params}

    def set_params(self, **params):
        """Change arguments; returns itself."""
        self.build_fn = params.pop("build_fn", self.build_fn)
        type(self)(self.build_fn, **params)  # checks them
        self.sk_params.update(params)
        return self

    def fit(self, x, y, **kwargs):
        """Build a model and train it; returns the History."""
        self.model = self._build()(**self._fitting(self._build()))
        self.history_ = self.model.fit(x, self._targets(np.asarray(y)), **self._fitting(Model.fit, kwargs))
        return self.history_

    def _predicted(self, x, kwargs):
        return self.model.predict(x, **self._fitting(Model.predict, kwargs))

    def __sklearn_is_fitted__(self):
        return hasattr(self, "model")


class KerasClassifier(ClassifierMixin, _Built):
    """A classifier: labels are numbered for the model; one-hot for "categorical_crossentropy".

    Source: Keras 2 `wrappers.scikit_learn.KerasClassifier`.
    """

    __doc__ += _Built.__doc__.split("\n", 1)[1]

    def _targets(self, y):
        if y.ndim == 2 and y.shape[1] > 1:
            self.classes_ = np.arange(y.shape[1])
            return y
        self.classes_, y = np.unique(y, return_inverse=True)
        loss = getattr(self.model.loss, "name", None) or getattr(self.model.loss, "__name__", self.model.loss)
        return to_categorical(y.reshape(-1)) if loss == "categorical_crossentropy" else y.reshape(-1)

    def predict(self, x, **kwargs):
        """The likeliest label of each row."""
        return self.classes_[self.predict_proba(x, **kwargs).argmax(axis=-1)]

    def predict_proba(self, x, **kwargs):
        """(rows, classes): how likely each is."""
        found = self._predicted(x, kwargs)
        return np.hstack([1 - found, found]) if found.shape[-1] == 1 else found


class KerasRegressor(RegressorMixin, _Built):
    """A regressor; its `score` is the loss, negative.

    Source: Keras 2 `wrappers.scikit_learn.KerasRegressor`.
    """

    __doc__ += _Built.__doc__.split("\n", 1)[1]

    def _targets(self, y):
        return y

    def predict(self, x, **kwargs):
        """What the model predicts, an axis of one left out."""
        found = self._predicted(x, kwargs)
        return found[:, 0] if found.shape[-1] == 1 else found

    def score(self, x, y, **kwargs):
        """The loss, negative."""
        loss = self.model.evaluate(x, y, **self._fitting(Model.evaluate, kwargs))
        return -(loss[0] if isinstance(loss, list) else loss)


__all__ = ["KerasClassifier", "KerasRegressor"]
