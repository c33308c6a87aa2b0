"""Models as scikit-learn estimators: pip install 'fastnn[sklearn]'."""


def __getattr__(name):
    if name in __all__:
        from . import sklearn_wrapper  # scikit-learn takes a while to import

        return getattr(sklearn_wrapper, name)
    raise AttributeError(f"module 'fastnn.wrappers' has no attribute {name!r}")


__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]
