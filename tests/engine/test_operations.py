"""Operations of one's own in the layer graph, and what Keras lets one ask of symbolic tensors, layers and policies."""

import collections

import keras
import numpy as np
import pytest

import fastnn
from fastnn import layers, ops
from fastnn.engine.tensor import Tensor
from fastnn.layers.tracking import TrackedList


@fastnn.saving.register_keras_serializable("tests")
class Scale(fastnn.Operation):
    def __init__(self, by=2.0, **kwargs):
        super().__init__(**kwargs)
        self.by = by

    def call(self, x):
        return ops.multiply(x, self.by)


class Said(fastnn.Operation):
    """Its output is told, as NumPy cannot be traced."""

    def call(self, x):
        return Tensor(np.asarray(x).sum(1).astype("int32"))

    def compute_output_spec(self, x):
        return fastnn.KerasTensor((x.shape[0],), dtype="int32")


def test_an_operation_of_ones_own(tmp_path):
    x = fastnn.Input((3,))
    scaled = Scale(3.0, name="three")(x)
    assert scaled.shape == (None, 3) and scaled.name == "three"
    np.testing.assert_array_equal(Scale(3.0)(np.ones(2)), [3, 3])
    model = fastnn.Model(x, layers.Dense(2)(scaled))
    model.save(tmp_path / "m.keras")
    again = fastnn.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again(np.ones((2, 3))), model(np.ones((2, 3))))
    assert again.operations[1].get_config() == {"name": "three", "by": 3.0}
    said = Said()(x)
    assert (said.shape, said.dtype) == ((None,), "int32")
    with pytest.raises(NotImplementedError, match="write call"):
        fastnn.Operation()(np.ones(2))


def test_outputs_are_told_without_a_call():
    x = fastnn.Input((3,))
    for make in (
        lambda k: k.layers.Dense(5),
        lambda k: k.layers.Flatten(),
        lambda k: k.Sequential([k.layers.Dense(4), k.layers.Dense(2)]),
    ):
        ours, theirs = make(fastnn).compute_output_spec(x), make(keras).compute_output_spec(keras.Input((3,)))
        assert (ours.shape, ours.dtype) == (tuple(theirs.shape), theirs.dtype)
        assert ours.node is None
    model = fastnn.Model(x, {"a": layers.Dense(2)(x)})
    assert model.compute_output_spec(x)["a"].shape == (None, 2)

    class Twice(layers.Layer):
        def call(self, x):
            return ops.concatenate([x, x], axis=-1)

        def compute_output_spec(self, x):
            return super().compute_output_spec(x)

    assert Twice()(x).shape == (None, 6)
    assert not hasattr(layers.Dense(2), "output")


def test_symbolic_tensors():
    x = fastnn.KerasTensor((2, 1, 3), "int32", False, name="x")
    assert (x.sparse, x.ragged, x.ragged_rank, x.record_history, x.name) == (False, False, None, True, "x")
    assert x.reshape((3, 2)).shape == (3, 2) and x.squeeze(1).shape == (2, 3)
    with pytest.raises(ValueError, match="dense tensors alone"):
        fastnn.KerasTensor((2,), sparse=True)


def test_policies_convert_inputs():
    policy = fastnn.DTypePolicy("float32")
    assert policy.convert_input(np.ones(2), True, "float32").dtype == "float32"
    assert policy.convert_input(np.ones(2), False, "float32").dtype == "float64"
    assert policy.convert_input(np.ones(2, "int32"), True, "float32").dtype == "int32"
    assert policy.convert_input(fastnn.Input((2,), dtype="float64"), True, "float32").dtype == "float32"
    assert policy.convert_input("text", True, "float32") == "text"


def test_functions_are_operations():
    x = fastnn.Input((3,))
    function = fastnn.Function(x, layers.Dense(2, kernel_initializer="ones")(x))
    np.testing.assert_allclose(function(np.ones((1, 3))), [[3, 3]])
    outer = fastnn.Model(x, function(x))
    np.testing.assert_allclose(outer(np.ones((1, 3))), [[3, 3]])
    assert function.compute_output_spec(x).shape == (None, 2) and function.output.shape == (None, 2)


def test_trees():
    tree = fastnn.tree
    tree.assert_same_structure([1], TrackedList([2]), check_types=None)
    tree.assert_same_structure({"a": 1}, collections.OrderedDict(a=2))
    for a, b in (([1], (1,)), ([1], 1), ({"a": 1}, {"b": 1}), ([1], [1, 2])):
        for k in (tree, keras.tree):
            with pytest.raises(ValueError):  # noqa: PT011 - Keras's says something else
                k.assert_same_structure(a, b)
    assert tree.pack_sequence_as({"b": 0, "a": [0]}, flat_sequence=[1, 2]) == {"b": 2, "a": [1]}
    with pytest.raises(ValueError, match="2 leaves"):
        tree.pack_sequence_as([0, 0], [1])


class Standardized(layers.Conv2D):
    def convolution_op(self, inputs, kernel):
        return super().convolution_op(inputs, kernel - ops.mean(kernel, axis=(0, 1, 2), keepdims=True))


def test_a_convolution_with_a_changed_kernel(rng):
    images = rng.normal(size=(2, 6, 6, 3)).astype("float32")
    layer, plain = Standardized(4, 3, activation="relu"), layers.Conv2D(4, 3, activation="relu")
    got = layer(images)
    plain.build(images.shape)
    kernel = layer.kernel.numpy()
    plain.set_weights([kernel - kernel.mean((0, 1, 2)), layer.bias.numpy()])
    np.testing.assert_allclose(got, plain(images), rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of Keras on NumPy
def test_odds_and_ends(rng):
    y, p = rng.integers(0, 2, 40), rng.uniform(size=40).astype("float32")
    theirs, ours = keras.metrics.AUC(curve="PR"), fastnn.metrics.AUC(curve="PR")
    for metric in (theirs, ours):
        metric.update_state(y, p)
    np.testing.assert_allclose(ours.interpolate_pr_auc(), theirs.interpolate_pr_auc(), rtol=1e-5)
    make = lambda k: k.layers.MelSpectrogram().linear_to_mel_weight_matrix(12, 65)  # noqa: E731
    np.testing.assert_allclose(make(fastnn), make(keras), atol=1e-5)
    cell = layers.LSTMCell(2, dropout=0.5, seed=1)
    cell.reset_dropout_mask()
    cell.hold_masks(True)
    first = np.asarray(cell.get_dropout_mask(np.ones((4, 9), "float32"))[0])
    np.testing.assert_array_equal(cell.get_dropout_mask(np.ones((4, 9), "float32"))[0], first)
    cell.reset_dropout_mask()
    assert (np.asarray(cell.get_dropout_mask(np.ones((4, 9), "float32"))[0]) != first).any()
