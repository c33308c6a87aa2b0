"""Modules under the names that Keras 2's programs import."""

import importlib
import pickle

import pytest

import fastnn


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("layers.core", "Dense Dropout Flatten Lambda"),
        ("layers.normalization", "BatchNormalization"),
        ("layers.attention", "MultiHeadAttention Attention"),
        ("layers.experimental.preprocessing", "RandomFlip Rescaling"),
        ("optimizers.legacy", "Adam SGD"),
        ("utils.generic_utils", "get_custom_objects Progbar"),
        ("utils.vis_utils", "plot_model"),
        ("engine.topology", "Layer InputSpec"),
        ("engine", "Layer InputSpec"),
        ("callbacks.callbacks", "EarlyStopping"),
        ("objectives", "categorical_crossentropy"),
        ("constraints", "maxnorm"),
    ],
)
def test_imports_of_keras_2(path, names):
    module = importlib.import_module(f"fastnn.{path}")
    found = module if path == "engine" else fastnn
    for part in path.split("."):
        found = module if found is module else getattr(found, part)
    for name in names.split():
        assert getattr(found, name) is getattr(module, name)


def test_what_is_nowhere():
    with pytest.raises(ImportError, match="cannot import name 'Nothing' from 'fastnn.layers.core'"):
        from fastnn.layers.core import Nothing  # noqa: F401
    with pytest.raises(ModuleNotFoundError, match="No module named 'fastnn.layers.nothing'"):
        importlib.import_module("fastnn.layers.nothing")
    with pytest.raises(AttributeError, match="module 'fastnn.layers' has no attribute 'nothing'"):
        fastnn.layers.nothing  # noqa: B018
    from fastnn.layers.core import Dense

    assert pickle.loads(pickle.dumps(Dense)) is fastnn.layers.Dense
