"""Data of other libraries: pandas frames, PyTorch's DataLoader, tf.data. Those that are not installed are named."""

import importlib.util

import numpy as np
import pytest

import fastnn as keras


def needs(name):
    return pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"{name} is not installed")


def model(outputs=1):
    keras.utils.set_random_seed(0)
    made = keras.Sequential([keras.Input((3,)), keras.layers.Dense(outputs)])
    made.compile("sgd", "mse")
    return made


@pytest.fixture
def arrays(rng):
    return rng.standard_normal((20, 3)).astype("float32"), rng.standard_normal((20, 1)).astype("float32")


def trained(*data, **options):
    made = model()
    made.fit(*data, epochs=2, shuffle=False, verbose=0, **options)
    return made.get_weights()[0]


@needs("pandas")
def test_frames_and_series(arrays):
    import pandas as pd

    x, y = arrays
    frame, series = pd.DataFrame(x, columns=["a", "b", "c"]), pd.Series(y[:, 0], index=range(5, 25))
    want = trained(x, y)
    np.testing.assert_array_equal(trained(frame, series), want)
    np.testing.assert_array_equal(trained(frame, pd.DataFrame(y)), want)
    np.testing.assert_allclose(trained(frame.astype("float64"), series.astype("float64")), want, rtol=1e-6)
    weights = pd.Series(np.linspace(0, 1, 20))
    np.testing.assert_array_equal(
        trained(frame, series, sample_weight=weights), trained(x, y, sample_weight=weights.to_numpy())
    )
    made = model()
    assert made.predict(frame, verbose=0).shape == (20, 1)
    assert made.evaluate(frame, series, verbose=0) == made.evaluate(x, y, verbose=0)
    inputs = {name: keras.Input((1,), name=name) for name in "abc"}
    by_name = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.concatenate(list(inputs.values()))))
    by_name.compile("sgd", "mse")
    by_name.fit(dict(frame), series, verbose=0)
    mixed = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]})
    with pytest.raises(ValueError, match="Python objects|strings|mixed"):
        made.predict(mixed, verbose=0)
    ints = pd.DataFrame({"a": [1, 2], "b": [True, False], "c": [0.5, 0.25]})
    assert made.predict(ints.astype("float32"), verbose=0).shape == (2, 1)


@needs("torch")
def test_torch_data_loader(arrays):
    import torch
    from torch.utils.data import DataLoader, IterableDataset, TensorDataset

    x, y = arrays
    want = trained(x, y, batch_size=8)
    loader = DataLoader(TensorDataset(torch.from_numpy(x), torch.from_numpy(y)), batch_size=8)
    np.testing.assert_array_equal(trained(loader), want)
    np.testing.assert_array_equal(trained(loader, validation_data=loader), want)
    np.testing.assert_array_equal(trained(torch.from_numpy(x), torch.from_numpy(y), batch_size=8), want)

    class Stream(IterableDataset):
        def __iter__(self):
            return zip(torch.from_numpy(x), torch.from_numpy(y))

    np.testing.assert_array_equal(trained(DataLoader(Stream(), batch_size=8)), want)
    assert model().predict(DataLoader(TensorDataset(torch.from_numpy(x)), batch_size=8), verbose=0).shape == (
        20,
        1,
    )
    with pytest.raises(ValueError, match="`y` cannot be given beside"):
        model().fit(loader, y)


@needs("tensorflow")
def test_tf_data(arrays):
    import tensorflow as tf

    x, y = arrays
    want = trained(x, y, batch_size=8)
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(8)
    np.testing.assert_array_equal(trained(dataset), want)
    np.testing.assert_array_equal(trained(tf.constant(x), tf.constant(y), batch_size=8), want)
    assert model().predict(dataset.map(lambda a, b: a), verbose=0).shape == (20, 1)
    with pytest.raises(ValueError, match="`steps_per_epoch`"):
        model().fit(dataset.repeat(), verbose=0)
    np.testing.assert_array_equal(trained(dataset.repeat(), steps_per_epoch=3), want)
