"""FeatureSpace on a small table; the numbers are Keras's, on TensorFlow, for the same one."""

import numpy as np
import pytest

import fastnn

FS = fastnn.utils.FeatureSpace
TABLE = {
    "age": np.array([20.0, 30, 40, 50]),
    "sex": np.array([0, 1, 1, 0]),
    "thal": np.array(["a", "b", "a", "c"]),
    "chol": np.array([1.0, 2, 3, 4]),
    "slope": np.array([3, 3, 4, 5]),
}
# where the ones stand; chol, normalised, is column 3
ONES = [[0, 5, 7, 11, 15], [1, 4, 7, 13, 17], [2, 4, 9, 11, 20], [2, 5, 9, 12, 19]]


def space(**options):
    return FS(
        features={
            "age": FS.float_discretized(num_bins=3),
            "sex": FS.integer_categorical(num_oov_indices=0),
            "thal": "string_categorical",
            "chol": "float_normalized",
            "slope": FS.integer_hashed(num_bins=4),
        },
        crosses=[("sex", "age")],
        crossing_dim=8,
        **options,
    )


def test_a_table(rng):
    features = space()
    features.adapt(fastnn.data.Dataset.from_tensor_slices(TABLE))
    want = np.zeros((4, 22), np.float32)
    for row, ones in zip(want, ONES):
        row[ones] = 1
    want[:, 3] = (TABLE["chol"] - 2.5) / np.sqrt(1.25)
    np.testing.assert_allclose(features(TABLE), want, rtol=1e-6)
    one = features({name: column[0] for name, column in TABLE.items()})
    np.testing.assert_allclose(one, want[0], rtol=1e-6)
    encoded = features.get_encoded_features()
    assert encoded.shape == (None, 22)
    outputs = fastnn.layers.Dense(1)(encoded)
    trained, whole = fastnn.Model(encoded, outputs), fastnn.Model(features.get_inputs(), outputs)
    trained.compile("sgd", "mse")
    rows = fastnn.data.Dataset.from_tensor_slices((TABLE, np.ones(4))).batch(2)
    trained.fit(rows.map(lambda x, y: (features(x), y)), verbose=0)
    np.testing.assert_allclose(whole.predict(TABLE, verbose=0), trained.predict(want, verbose=0), rtol=1e-5)


def test_as_a_dict():
    features = space(output_mode="dict")
    features.adapt(TABLE)
    found = features(TABLE)
    assert list(found) == ["age", "chol", "sex", "slope", "thal", "sex_X_age"]
    np.testing.assert_array_equal(np.argmax(found["age"], -1), [0, 1, 2, 2])


def test_wrong_use():
    with pytest.raises(ValueError, match="has learnt nothing yet: call adapt"):
        space()(TABLE)
    with pytest.raises(ValueError, match="column 'a' has the unknown way 'number'"):
        FS({"a": "number"})
    with pytest.raises(ValueError, match=r"`crosses` names \['b'\]"):
        FS({"a": "float"}, crosses=[("a", "b")])
    with pytest.raises(ValueError, match=r"the columns \['a'\] are missing"):
        FS({"a": "float"})({"b": [1.0]})
    with pytest.raises(ValueError, match="wants dicts of columns, received a tuple"):
        space().adapt([(TABLE, 1)])
    with pytest.raises(ValueError, match="'a' is encoded as int64"):
        FS({"a": FS.integer_hashed(3, output_mode="int"), "b": "float"})({"a": [1], "b": [1.0]})


def test_a_file(tmp_path):
    features = space()
    features.adapt(TABLE)
    features.save(tmp_path / "space.keras")
    again = fastnn.models.load_model(tmp_path / "space.keras")
    assert isinstance(again, FS)
    np.testing.assert_array_equal(again(TABLE), features(TABLE))
    assert again.get_encoded_features().shape == (None, 22)
    with pytest.raises(ValueError, match=r"'\.keras'"):
        features.save(tmp_path / "space.h5")
