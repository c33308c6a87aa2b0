"""Models drawn at random from one seed, against the API that fastnn and Keras share.

build(k, seed) makes the same model with the module `k` (fastnn or keras) each time: several inputs of four kinds,
layers that fit what is there, layers called twice, models in models, and one to three outputs.
"""

import numpy as np

SIZES = {1: (6,), 2: (6, 4), 3: (6, 5, 4)}  # an input's shape without the batch axis, by its rank
WORDS = 9
LARGEST = 700  # numbers a row of a tensor; a layer that would make more is not drawn


def build(k, seed):
    """The model of this seed; not compiled."""
    k.utils.clear_session()
    return Grower(k, np.random.default_rng(seed)).model()


def data_for(model, seed, rows=4):
    """Arrays for the model's inputs, in order, as a list."""
    rng = np.random.default_rng(seed)
    return [
        rng.integers(0, WORDS, (rows, *t.shape[1:])).astype("int32")
        if "int" in str(t.dtype)
        else rng.standard_normal((rows, *t.shape[1:])).astype("float32")
        for t in model.inputs
    ]


def disturb(model, seed):
    """Weights as training leaves them: no zeros; variances stay positive."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        if str(variable.dtype) != "float32":
            continue
        value = np.asarray(variable) + rng.normal(0, 0.1, tuple(variable.shape))
        if "variance" in variable.path or "gamma" in variable.path:
            value = np.abs(value) + 0.2
        variable.assign(value.astype("float32"))


class Grower:
    """Draws layers for the tensors it holds; `depth` is that of the models around it."""

    def __init__(self, k, rng, depth=0):
        self.k, self.rng, self.depth = k, rng, depth
        self.inputs, self.tensors = [], []

    def pick(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def chance(self, probability):
        return self.rng.random() < probability

    def model(self):
        for _ in range(self.pick(1, 1, 2, 3)):
            self.tensors.append(self.an_input())
        for _ in range(self.pick(3, 5, 7, 9)):
            self.grow()
        ends = self.tensors[-self.pick(1, 1, 2, 3) :]
        ends = [self.k.layers.Dense(self.pick(1, 3))(end) for end in ends]
        # an input on which nothing depends would not be part of the model
        for given in self.inputs:
            if given.shape[1:] and "int" not in str(given.dtype):
                ends[0] = self.k.layers.Add()([ends[0], self.collapsed(given, ends[0])])
        inputs = [t for t in self.inputs if "int" not in str(t.dtype)]
        words = [t for t in self.inputs if "int" in str(t.dtype)]
        for given in words:
            table = self.k.layers.Embedding(WORDS, 3)(given)
            ends[0] = self.k.layers.Add()([ends[0], self.collapsed(table, ends[0])])
        inputs = inputs + words
        if len(ends) > 1 and self.chance(0.4):
            ends = {f"end{i}": end for i, end in enumerate(ends)}
        elif len(ends) == 1:
            ends = ends[0]
        return self.k.Model(inputs, ends)

    def collapsed(self, tensor, like):
        """`tensor` as one row of features, in a shape that adds to `like`."""
        layers = self.k.layers
        x = tensor if len(tensor.shape) == 2 else layers.Flatten()(tensor)
        size = int(np.prod(like.shape[1:]))
        x = layers.Dense(size, use_bias=False)(x)
        return x if len(like.shape) == 2 else layers.Reshape(tuple(like.shape[1:]))(x)

    def an_input(self):
        if self.chance(0.25):
            x = self.k.Input((6,), dtype="int32")
            self.inputs.append(x)
            return self.k.layers.Embedding(WORDS, self.pick(3, 4), mask_zero=self.chance(0.4))(x)
        x = self.k.Input(SIZES[self.pick(1, 2, 2, 3, 3)])
        self.inputs.append(x)
        layers = self.k.layers
        if self.chance(0.2):
            return layers.Rescaling(self.pick(0.5, 2.0), offset=0.25)(x)
        if self.chance(0.2):
            return layers.Normalization(mean=0.1, variance=self.pick(0.5, 2.0))(x)
        if len(x.shape) == 2 and self.chance(0.3):
            bins = layers.Discretization(bin_boundaries=[-1.0, 0.0, 0.5])(x)
            return layers.Embedding(5, 4)(bins)
        if len(x.shape) == 3 and self.chance(0.3):
            return layers.Masking(0.0)(x)
        return x

    def grow(self):
        """One layer more (or a merge, a layer used twice, or a model), on one of the last tensors."""
        x = self.tensors[-1 - int(self.rng.integers(min(3, len(self.tensors))))]
        if self.depth < 2 and self.chance(0.12):
            x = self.a_model(x)
        elif self.chance(0.2):
            x = self.merged(x)
        elif self.chance(0.1):
            x = self.twice(x)
        else:
            kinds = {2: [self.for_rows], 3: [self.for_steps] * 3, 4: [self.for_images] * 3}[len(x.shape)]
            x = self.pick(*kinds, self.for_any)(x)
        if None in x.shape[1:]:
            return  # a Reshape to (-1, n) of an odd tensor may leave an extent open; what follows needs it
        if np.prod(x.shape[1:]) > LARGEST:
            self.tensors.append(self.k.layers.Dense(5)(self.k.layers.Flatten()(x)))
        elif len(x.shape) in (2, 3, 4):
            self.tensors.append(x)

    def a_model(self, x):
        """A model of one input in this one, called once or, where the shape allows, twice."""
        inner = Grower(self.k, self.rng, self.depth + 1)
        start = self.k.Input(tuple(x.shape[1:]))
        inner.tensors.append(start)
        for _ in range(self.pick(1, 2, 3)):
            inner.grow()
        if inner.tensors[-1] is start:
            return x
        model = self.k.Model(start, inner.tensors[-1])
        y = model(x)
        return model(y) if y.shape == x.shape and self.chance(0.5) else y

    def merged(self, x):
        """`x` with another tensor of its shape, or with one made for it."""
        layers = self.k.layers
        same = [t for t in self.tensors if t.shape == x.shape and t is not x]
        other = self.pick(*same) if same else layers.Dense(x.shape[-1], activation="tanh")(x)
        kind = self.pick("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot")
        if kind == "Dot":
            return layers.Dot(axes=len(x.shape) - 1, normalize=self.chance(0.5))([x, other])
        if kind == "Concatenate":
            return layers.Concatenate(axis=int(self.pick(*range(1, len(x.shape)))))([x, other])
        if kind != "Subtract" and self.chance(0.3):
            return getattr(layers, kind)()([x, other, layers.Dense(x.shape[-1])(other)])
        return getattr(layers, kind)()([x, other])

    def twice(self, x):
        """The same layer on `x` and on its own output."""
        layers = self.k.layers
        layer = layers.Dense(x.shape[-1], activation="tanh")
        if len(x.shape) == 3 and self.chance(0.6):
            layer = self.pick(
                lambda n: layers.LSTM(n, return_sequences=True),
                lambda n: layers.Conv1D(n, 3, padding="same", activation="tanh"),
                lambda n: layers.Bidirectional(layers.GRU(n, return_sequences=True), merge_mode="ave"),
            )(x.shape[-1])
        elif len(x.shape) == 4 and self.chance(0.6):
            layer = layers.Conv2D(x.shape[-1], 3, padding="same", activation="tanh")
        return layer(layer(x))

    def for_any(self, x):
        layers, pick = self.k.layers, self.pick
        axes = list(range(1, len(x.shape)))
        return pick(
            lambda: layers.BatchNormalization(axis=pick(-1, *axes), momentum=0.8),
            lambda: layers.BatchNormalization(scale=False, center=self.chance(0.5)),
            lambda: layers.LayerNormalization(axis=pick(-1, axes)),
            lambda: layers.RMSNormalization(),
            lambda: layers.UnitNormalization(),
            lambda: layers.GroupNormalization(groups=pick(1, -1)),
            lambda: layers.Activation(
                pick("relu", "tanh", "sigmoid", "gelu", "silu", "softplus", "mish", "selu", "hard_sigmoid")
            ),
            lambda: layers.ReLU(max_value=2.0, negative_slope=0.1, threshold=0.2),
            lambda: layers.LeakyReLU(0.2),
            lambda: layers.ELU(0.7),
            lambda: layers.PReLU(shared_axes=pick(None, axes[:-1] or None)),
            lambda: layers.Softmax(),
            lambda: layers.Dropout(0.0),
            lambda: layers.GaussianNoise(0.0),
            lambda: layers.ActivityRegularization(l2=0.01),
            lambda: layers.Identity(),
            lambda: layers.Rescaling(0.7, offset=-0.1),
            lambda: layers.Flatten(),
            lambda: layers.Dense(
                pick(2, 5, 8), activation=pick(None, "relu", "elu"), kernel_regularizer=pick(None, "l2")
            ),
            lambda: layers.Permute(tuple(int(i) for i in self.rng.permutation(axes))),
        )()(x)

    def for_rows(self, x):
        layers, pick = self.k.layers, self.pick
        n = x.shape[-1]
        made = [
            lambda: layers.Dense(
                pick(4, 6, 12),
                activation=pick(None, "relu", "tanh", "softmax"),
                use_bias=self.chance(0.7),
                kernel_constraint=pick(None, "max_norm", "unit_norm"),
            ),
            lambda: layers.RepeatVector(pick(2, 3)),
            lambda: layers.Reshape((-1, pick(*[d for d in (1, 2, 3, 4) if n % d == 0]))),
            lambda: layers.EinsumDense("ab,bc->ac", output_shape=5, bias_axes="c"),
        ]
        if n % 4 == 0:
            made.append(lambda: layers.Reshape((2, 2, n // 4)))
        return pick(*made)()(x)

    def for_steps(self, x):
        layers, pick, chance = self.k.layers, self.pick, self.chance
        steps, width = x.shape[1:]

        def recurrent(returning, backwards=False):
            return pick(
                lambda: layers.LSTM(pick(2, 5), return_sequences=returning, unit_forget_bias=chance(0.5)),
                lambda: layers.LSTM(4, return_sequences=returning, use_bias=False, activation="relu"),
                lambda: layers.GRU(pick(3, 4), return_sequences=returning, reset_after=chance(0.6)),
                lambda: layers.SimpleRNN(4, return_sequences=returning, activation=pick("tanh", "relu")),
                lambda: layers.GRU(3, return_sequences=returning, go_backwards=backwards),
            )()

        def cells():
            cells = [layers.LSTMCell(3), pick(layers.GRUCell(2), layers.SimpleRNNCell(3))]
            return layers.RNN(cells, return_sequences=chance(0.5))

        def bidirectional():
            return layers.Bidirectional(
                recurrent(chance(0.6)), merge_mode=pick("concat", "sum", "mul", "ave")
            )

        def attended():
            other = pick(x, layers.Dense(width)(x), layers.Conv1D(width, 2, padding="same")(x))
            kind = pick("MultiHeadAttention", "GroupQueryAttention", "Attention", "AdditiveAttention")
            if kind == "MultiHeadAttention":
                layer = layers.MultiHeadAttention(
                    pick(1, 2, 3), pick(2, 4), value_dim=pick(None, 3), use_bias=chance(0.7)
                )
                return layer(x, other, use_causal_mask=chance(0.4))
            if kind == "GroupQueryAttention":
                return layers.GroupQueryAttention(pick(2, 3), 4, 1)(x, other)
            if kind == "Attention":
                layer = layers.Attention(use_scale=chance(0.5), score_mode=pick("dot", "concat"))
                return layer([x, other], use_causal_mask=chance(0.4))
            return layers.AdditiveAttention(use_scale=chance(0.5))([x, other])

        made = [
            *[lambda: recurrent(chance(0.6), backwards=chance(0.3))(x)] * 3,
            lambda: cells()(x),
            *[lambda: bidirectional()(x)] * 2,
            *[attended] * 3,
            lambda: layers.TimeDistributed(layers.Dense(3, activation="tanh"))(x),
            lambda: layers.Conv1D(
                pick(3, 6), pick(1, 2), padding=pick("same", "causal"), dilation_rate=pick(1, 2)
            )(x),
            lambda: layers.Conv1D(
                pick(3, 6), pick(1, 2, 3), padding="same", strides=pick(1, 2), activation="relu"
            )(x),
            lambda: layers.Conv1D(width * 2, 2, padding="same", groups=width)(x),
            lambda: layers.SeparableConv1D(4, 3, padding="same", depth_multiplier=pick(1, 2))(x),
            lambda: layers.DepthwiseConv1D(2, padding="same", depth_multiplier=pick(1, 2))(x),
            lambda: layers.Conv1DTranspose(3, pick(2, 3), strides=2, padding=pick("same", "valid"))(x),
            lambda: layers.MaxPooling1D(2, padding="same", strides=pick(1, 2))(x),
            lambda: layers.AveragePooling1D(2, padding="same", strides=pick(1, 2))(x),
            lambda: layers.AdaptiveAveragePooling1D(pick(2, 3))(x),
            lambda: layers.AdaptiveMaxPooling1D(pick(2, 3))(x),
            lambda: layers.GlobalAveragePooling1D()(x),
            lambda: layers.GlobalMaxPooling1D(keepdims=chance(0.3))(x),
            lambda: layers.ZeroPadding1D(pick(1, (0, 2)))(x),
            lambda: layers.UpSampling1D(2)(x),
            lambda: layers.EinsumDense("abc,cd->abd", output_shape=(None, 4), bias_axes="d")(x),
            lambda: layers.Reshape((steps, width, 1))(x),
            lambda: layers.Flatten()(x),
        ]
        if steps > 2:
            made.append(lambda: layers.Cropping1D((1, 0))(x))
            made.append(lambda: layers.Conv1D(4, 3)(x))
        return pick(*made)()

    def for_images(self, x):
        layers, pick, chance = self.k.layers, self.pick, self.chance
        form = pick("channels_last", "channels_last", "channels_first")
        high, wide, deep = x.shape[1:]
        depth = deep if form == "channels_last" else high
        same = {"padding": "same", "data_format": form}
        made = [
            lambda: layers.Conv2D(
                pick(3, 5), pick(1, 2, 3, (3, 1)), activation=pick(None, "relu", "gelu"), **same
            ),
            lambda: layers.Conv2D(pick(3, 5), 3, strides=pick(2, (1, 2)), use_bias=chance(0.6), **same),
            lambda: layers.Conv2D(4, 2, dilation_rate=2, **same),
            lambda: layers.Conv2D(depth * 2, 3, groups=depth, **same),
            lambda: layers.DepthwiseConv2D(pick(2, 3), depth_multiplier=pick(1, 2), **same),
            lambda: layers.SeparableConv2D(4, 3, strides=pick(1, 2), **same),
            lambda: layers.Conv2DTranspose(3, pick(2, 3), strides=pick(1, 2), **same),
            lambda: layers.Conv2DTranspose(2, (2, 3), strides=2, data_format=form),
            lambda: layers.MaxPooling2D(pick(2, 3, (1, 2)), strides=pick(None, 1, 2), **same),
            lambda: layers.AveragePooling2D(pick(2, 3), strides=pick(None, 1, 2), **same),
            lambda: layers.AdaptiveAveragePooling2D((2, 3), data_format=form),
            lambda: layers.GlobalAveragePooling2D(data_format=form, keepdims=chance(0.3)),
            lambda: layers.GlobalMaxPooling2D(data_format=form),
            lambda: layers.ZeroPadding2D(pick(1, ((1, 0), (0, 2))), data_format=form),
            lambda: layers.UpSampling2D(
                (2, 1), interpolation=pick("nearest", "bilinear"), data_format="channels_last"
            ),
            lambda: layers.Reshape((high * wide, deep)),
            lambda: layers.TimeDistributed(layers.Conv1D(3, 2, padding="same")),
            lambda: layers.TimeDistributed(layers.LSTM(3)),
            lambda: layers.ConvLSTM1D(3, 2, padding="same", return_sequences=chance(0.5)),
        ]
        if high > 2 and wide > 2 and form == "channels_last":
            made.append(lambda: layers.Cropping2D(((1, 0), (0, 1))))
            made.append(lambda: layers.Conv2D(4, (3, 2), activation="relu"))
        return pick(*made)()(x)
