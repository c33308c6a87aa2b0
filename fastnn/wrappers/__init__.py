"""Models as scikit-learn estimators: pip install 'fastnn[sklearn]'."""

import importlib


def __getattr__(name):
    if name in __all__:
        from . import sklearn_wrapper  # scikit-learn takes a while to import

        return getattr(sklearn_wrapper, name)
    if name == "scikit_learn":
        return importlib.import_module(f"{__name__}.scikit_learn")
    raise AttributeError(f"module 'fastnn.wrappers' has no attribute {name!r}")


__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]
