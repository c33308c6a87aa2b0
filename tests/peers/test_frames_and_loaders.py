"""Data of other libraries: pandas frames, PyTorch's DataLoader, tf.data. Those that are not installed are named."""

import importlib.util
import warnings

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
@pytest.mark.filterwarnings("ignore:.*scipy.ndimage:DeprecationWarning")
def test_pictures_that_a_frame_names(tmp_path, rng):
    """ImageDataGenerator.flow_from_dataframe beside Keras's."""
    import keras as keras_itself
    import pandas as pd
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    assert keras_itself.__version__
    for i in range(5):
        keras.utils.save_img(tmp_path / f"{i}.png", rng.uniform(0, 255, (7, 6, 3)))
    frame = pd.DataFrame({"file": [f"{i}.png" for i in range(6)], "kind": list("abacbb")})
    frame["tags"] = [["x"], ["x", "y"], ["z"], ["y"], ["x"], ["y"]]
    frame["a"], frame["b"], frame["weight"] = np.arange(6.0), -np.arange(6.0), np.linspace(1, 2, 6)
    for given in (
        {"y_col": "kind", "weight_col": "weight"},
        {"y_col": "kind", "class_mode": "sparse", "subset": "training"},
        {"y_col": "tags"},
        {"y_col": ["a", "b"], "class_mode": "raw"},
        {"y_col": ["a", "b"], "class_mode": "multi_output"},
        {"y_col": None, "class_mode": None, "shuffle": False},
    ):
        given |= {"x_col": "file", "target_size": (5, 4), "batch_size": 3, "seed": 2}
        made = []
        for kind in (keras.preprocessing.image.ImageDataGenerator, ImageDataGenerator):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Keras's, of the file that is missing
                generator = kind(rotation_range=20, validation_split=0.4)
                made.append(generator.flow_from_dataframe(frame, str(tmp_path), **given))
        assert getattr(made[0], "class_indices", 0) == getattr(made[1], "class_indices", 0)
        assert made[0].filenames == list(made[1].filenames)
        for _ in range(2):
            got, want = (keras_itself.tree.flatten(next(flow)) for flow in made)
            for a, b in zip(got, want, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-5, atol=5e-3)


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


@needs("pandas")
def test_frames_of_mixed_columns(arrays):
    import pandas as pd

    x, y = arrays
    x, labels = x.round().astype("int64"), (y[:, 0] > 0).astype("int64")
    x[:, 2] = x[:, 2] > 0
    want = trained(x.astype("float32"), labels)
    frame = pd.DataFrame({"a": x[:, 0].astype("float64"), "b": x[:, 1], "c": x[:, 2].astype(bool)})
    np.testing.assert_array_equal(trained(frame, pd.Series(labels)), want)
    nullable = frame.astype({"a": "Float64", "b": "Int64", "c": "boolean"})
    np.testing.assert_array_equal(trained(nullable, pd.Series(labels, dtype="Int64")), want)
    np.testing.assert_array_equal(trained(frame, pd.Series(labels == 1, dtype="boolean")), want)
    nullable.loc[3, "b"] = pd.NA
    assert np.isnan(trained(nullable, labels)).any()
    with pytest.raises(ValueError, match="holds Python objects"):
        trained(frame.assign(d="words"), labels)
    layer = keras.layers.Normalization()
    layer.adapt(frame)
    np.testing.assert_allclose(
        np.asarray(layer.mean), np.asarray(frame.astype("float64")).mean(0)[None], atol=1e-6
    )
