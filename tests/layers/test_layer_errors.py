"""Wrong arguments and inputs: each error names the layer, what came, what was expected and the cure."""

import numpy as np
import pytest

from fastnn import layers, ops

BAD_ARGUMENTS = [
    (lambda: layers.Dense(0), r"Dense: `units` must be an integer of at least 1, received 0"),
    (lambda: layers.Dense(2.5), r"`units`.*received 2.5"),
    (lambda: layers.Dense(3, activation="rleu"), r"'rleu'.*did you mean 'relu'"),
    (lambda: layers.Dense(3, kernel_initializer="glorot"), r"'glorot'"),
    (lambda: layers.Dense(3, kernel_regularizer="l9"), r"'l9'.*did you mean"),
    (lambda: layers.Dense(3, inputs=4), r"no argument 'inputs'"),
    (lambda: layers.Dense(3, name="a/b"), r"`name`"),
    (lambda: layers.Dense(3, trainable="yes"), r"`trainable`"),
    (lambda: layers.Dense(3, dtype="floaty"), r"'floaty'"),
    (
        lambda: layers.Conv2D(8, 3, padding="full"),
        r"Conv2D: `padding` must be 'valid' or 'same', received "
        r"'full'",
    ),
    (lambda: layers.Conv2D(8, 3, padding="causal"), r"Conv2D: `padding`"),
    (lambda: layers.Conv2D(8, (3, 3, 3)), r"Conv2D: `kernel_size` must be an integer or a tuple of 2"),
    (lambda: layers.Conv2D(8, 0), r"`kernel_size`.*received 0"),
    (lambda: layers.Conv2D(8, 3, strides=0), r"`strides`"),
    (lambda: layers.Conv2D(-1, 3), r"`filters`"),
    (lambda: layers.Conv2D(8, 3, groups=3), r"`filters` must be a multiple of `groups`"),
    (lambda: layers.Conv2D(8, 3, strides=2, dilation_rate=2), r"`strides` and `dilation_rate`"),
    (lambda: layers.Conv2D(8, 3, data_format="NHWC"), r"`data_format` must be 'channels_last'"),
    (lambda: layers.Conv2DTranspose(8, 3, strides=2, output_padding=2), r"`output_padding` must be less"),
    (lambda: layers.MaxPooling2D(0), r"MaxPooling2D: `pool_size`"),
    (lambda: layers.MaxPooling2D(padding="causal"), r"`padding`"),
    (lambda: layers.Dropout(1.5), r"Dropout: `rate` must be a number from 0 to 1, received 1.5"),
    (lambda: layers.Dropout(0.5, noise_shape="x"), r"`noise_shape`"),
    (lambda: layers.ReLU(max_value=-1), r"`max_value`"),
    (lambda: layers.Reshape((-1, -1)), r"`target_shape`"),
    (lambda: layers.Permute((0, 1)), r"`dims`"),
    (lambda: layers.ZeroPadding2D((1, 2, 3)), r"`padding`"),
    (lambda: layers.Cropping2D(-1), r"`cropping`"),
    (lambda: layers.UpSampling2D(interpolation="cubic"), r"`interpolation`"),
    (lambda: layers.Embedding(0, 2), r"`input_dim`"),
    (lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"max": 1}), r"`renorm_clipping`"),
    (lambda: layers.Input(28), r"a tuple of one is \(28,\)"),
    (lambda: layers.Input(), r"`shape` is needed"),
    (lambda: layers.Input((3,), batch_shape=(1, 3)), r"`batch_shape` is the whole shape"),
    (lambda: layers.Input((-3,)), r"extents of at least 0"),
]


@pytest.mark.parametrize(("make", "message"), BAD_ARGUMENTS)
def test_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def image(*shape):
    return np.zeros(shape, "float32")


BAD_INPUTS = [
    (
        lambda: layers.Dense(3, name="d")(image(5)),
        r"Dense 'd': expected at least 2 axes, received 1 "
        r".*\(5,\).*x\[None, :\]",
    ),
    (
        lambda: layers.Conv2D(3, 3, name="c")(image(2, 28, 28)),
        r"Conv2D 'c': expected 4 axes, received 3 .*\(2, 28, 28\).*Reshape\(\(28, 28, 1\)\).*x\[..., None\]",
    ),
    (
        lambda: layers.Conv2D(3, 3, data_format="channels_first")(image(2, 28, 28)),
        r"Reshape\(\(1, 28, "
        r"28\)\)",
    ),
    (lambda: layers.Conv2D(3, 3)(layers.Input((28, 28))), r"Reshape\(\(28, 28, 1\)\)"),
    (lambda: layers.MaxPooling2D()(image(2, 28, 28)), r"Reshape\(\(28, 28, 1\)\)"),
    (
        lambda: layers.Conv2D(3, 5, name="c")(image(2, 4, 9, 1)),
        r"Conv2D 'c': its window of \(5, 5\) does not "
        r"fit.*4 is less",
    ),
    (lambda: layers.MaxPooling2D(3)(layers.Input((2, 2, 1))), r"does not fit"),
    (lambda: layers.Conv2D(4, 3, groups=2)(image(1, 5, 5, 3)), r"multiple of `groups`, 2; .* has 3"),
    (lambda: layers.Dense(3)(layers.Input((None,))), r"the extent of the last axis .* is not known"),
    (lambda: layers.Conv2D(3, 3)(layers.Input((8, 8, None))), r"the extent of the last axis"),
    (lambda: layers.Dense(3)(np.array([["a", "b"]])), r"Dense 'dense.*: the input holds strings"),
    (lambda: layers.Dense(3)(np.array([[1, None]], dtype=object)), r"holds Python objects"),
    (lambda: layers.Dense(3)(layers.Dense(4)), r"received <Dense .*call that layer first"),
    (
        lambda: layers.Dropout(0.5)(image(2, 3), True),
        r"only tensors may be passed by position, received "
        r"True",
    ),
    (lambda: layers.Add()(image(2, 3)), r"takes a list of tensors, received one of shape \(2, 3\)"),
    (lambda: layers.Add()([image(2, 3), image(2, 4)]), r"do not match"),
    (lambda: layers.Add()([image(2, 3), image(3, 3)]), r"same batch size"),
    (lambda: layers.Subtract()([image(2, 3)] * 3), r"takes 2 tensors, received 3"),
    (
        lambda: layers.Concatenate(axis=1)([image(2, 3, 4), image(2, 3, 5)]),
        r"must agree along every axis but "
        r"1",
    ),
    (lambda: layers.Dot(axes=1)([image(2, 3), image(2, 4)]), r"equally long, they are 3 and 4"),
    (
        lambda: layers.Reshape((4, 4), name="r")(image(2, 15)),
        r"Reshape 'r': samples of shape \(15,\) hold "
        r"15",
    ),
    (lambda: layers.BatchNormalization(axis=3)(image(2, 3)), r"axis 3|`axis` 3"),
    (lambda: layers.Cropping1D(3)(image(2, 5, 1)), r"leaves nothing"),
]


@pytest.mark.parametrize(("call", "message"), BAD_INPUTS)
def test_inputs(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_built_layers_know_their_input():
    layer = layers.Dense(3, name="d")
    layer(image(2, 5))
    with pytest.raises(
        ValueError,
        match=r"expected 5 elements along axis -1, received 7 .*built for 5 "
        r"features",
    ):
        layer(image(2, 7))
    layer(image(9, 5))  # a new batch size is fine
    with pytest.raises(ValueError, match="expected 5"):
        layer(image(2, 6))


def test_weights_before_building():
    layer = layers.Dense(3, name="d")
    with pytest.raises(AttributeError, match=r"Dense 'd' has no attribute 'kernel'. The layer is not built"):
        layer.kernel  # noqa: B018
    with pytest.raises(ValueError, match="is not built"):
        layer.count_params()
    with pytest.raises(ValueError, match=r"takes 0 arrays.*not built yet"):
        layer.set_weights([np.ones((2, 3))])
    assert not hasattr(layer, "kernel")


def test_set_weights():
    layer = layers.Dense(3, name="d")
    layer.build((None, 2))
    before = layer.get_weights()
    with pytest.raises(ValueError, match=r"shape \(3, 2\) for 'd/kernel', which has shape \(2, 3\)"):
        layer.set_weights([np.ones((3, 2)), np.ones(3)])
    with pytest.raises(ValueError, match=r"shape \(4,\) for 'd/bias'"):
        layer.set_weights([np.ones((2, 3)), np.ones(4)])
    np.testing.assert_array_equal(layer.get_weights()[0], before[0])  # not half done


def test_errors_inside_call_name_the_layer_once():
    class Inner(layers.Layer):
        def call(self, x):
            return ops.reshape(x, (7, 7))

    class Outer(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.inner = Inner(name="inner")

        def call(self, x):
            return self.inner(x)

    with pytest.raises(
        ValueError,
        match=r"in layer Inner 'inner', called on input of shape \(2, "
        r"3\)",
    ) as caught:
        Outer(name="outer")(image(2, 3))
    assert "outer" not in str(caught.value)
    with pytest.raises(TypeError, match=r"Inner 'inner': .*unexpected"):
        Inner(name="inner")(image(2, 3), wrong=1)


def test_a_layer_without_call():
    with pytest.raises(NotImplementedError, match="has no call"):
        layers.Layer()(image(2, 3))
