"""Estimators of scikit-learn that train a model."""

import copy

import numpy as np

from ..models import Model, clone_model

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
    from sklearn.utils.multiclass import type_of_target
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError:
    raise ImportError(
        "fastnn.wrappers needs scikit-learn, version 1.6 or newer: pip install 'fastnn[sklearn]'"
    ) from None


class _Estimator(BaseEstimator):
    """What the estimators share.

    Args:
        model: a compiled Model, of which a copy is trained; or a function (X, y, **model_kwargs) that returns one.
        warm_start: go on training the model of the `fit` before.
        model_kwargs: for that function. fit_kwargs: for `Model.fit`.
    """

    def __init__(self, model, warm_start=False, model_kwargs=None, fit_kwargs=None):
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    def __sklearn_clone__(self):
        # A model is shared: it is copied when it is fitted.
        return type(self)(
            model=self.model,
            warm_start=self.warm_start,
            model_kwargs=copy.deepcopy(self.model_kwargs),
            fit_kwargs=copy.deepcopy(self.fit_kwargs),
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True
        return tags

    @property
    def epoch_(self):
        """The number of epochs of the last `fit`."""
        return len(self.history_.epoch) if hasattr(self, "history_") else 0

    def fit(self, X, y, **kwargs):  # noqa: N803 - scikit-learn's names
        """Train a model on X (samples, features) and y; `kwargs` go to Model.fit."""
        X, y = validate_data(self, X, y, multi_output=True)  # noqa: N806
        y = self._encode(y)
        if not (self.warm_start and hasattr(self, "model_")):
            self.model_ = self._new_model(X, y)
        self.history_ = self.model_.fit(X, y, **{**(self.fit_kwargs or {}), **kwargs})
        return self

    def predict(self, X):  # noqa: N803
        """What the model predicts for X, as y was given to `fit`."""
        return self._decode(self._outputs(X))

    def _outputs(self, X):  # noqa: N803
        check_is_fitted(self)
        return self.model_.predict(validate_data(self, X, reset=False), verbose=0)

    def _new_model(self, X, y):  # noqa: N803
        if isinstance(self.model, Model):
            model = _copy_of(self.model)
        else:
            model = self.model(X=X, y=y, **(self.model_kwargs or {}))
        if not model.compiled or model.loss is None:
            raise RuntimeError(
                f"{type(self).__name__}: the model must be compiled, with a loss and an optimizer"
            )
        return model

    def _encode(self, y):
        type_of_target(y, raise_unknown=True)
        self._flat = y.ndim == 1
        return y[:, None] if self._flat else y

    def _decode(self, y):
        return y[:, 0] if self._flat and y.ndim == 2 else y


def _copy_of(model):
    """A model alike with new weights, compiled in the same way."""
    twin = clone_model(model)
    if model.compiled:
        twin.compile_from_config(model.get_compile_config())
    return twin


class SKLearnClassifier(ClassifierMixin, _Estimator):
    """A classifier: labels of any kind become one-hot rows for the model, whose outputs are one number a class.

    Source: Keras 3 `wrappers.SKLearnClassifier`.
    """

    __doc__ += _Estimator.__doc__.split("\n", 1)[1]

    def decision_function(self, X):  # noqa: N803
        """The model's outputs (samples, classes)."""
        return self._outputs(X)

    def predict_proba(self, X):  # noqa: N803
        """The model's outputs (samples, classes), which are probabilities after a softmax."""
        return self._outputs(X)

    def _encode(self, y):
        kind = type_of_target(y, raise_unknown=True)
        if kind not in ("binary", "multiclass"):
            raise ValueError(f"Only binary and multiclass targets are supported. Unknown label type: {kind}")
        self._column = y.ndim > 1
        self.classes_, places = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("Classifier can't train when only one class is present.")
        return np.eye(len(self.classes_))[places.reshape(-1)]

    def _decode(self, y):
        labels = self.classes_[y.argmax(-1)]
        return labels[:, None] if self._column else labels

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True
        return tags


class SKLearnRegressor(RegressorMixin, _Estimator):
    """A regressor.

    Source: Keras 3 `wrappers.SKLearnRegressor`.
    """

    __doc__ += _Estimator.__doc__.split("\n", 1)[1]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags


class SKLearnTransformer(TransformerMixin, _Estimator):
    """A transformer: `transform` gives the model's outputs.

    Source: Keras 3 `wrappers.SKLearnTransformer`.
    """

    __doc__ += _Estimator.__doc__.split("\n", 1)[1]

    def transform(self, X):  # noqa: N803
        """The model's outputs for X."""
        return self._outputs(X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
