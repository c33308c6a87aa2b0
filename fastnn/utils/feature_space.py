"""FeatureSpace: the columns of a table, each encoded in its own way, as one tensor."""

import os

import numpy as np

from .. import layers
from ..engine import nest
from ..engine.symbolic import symbolic_leaves, unique_name
from ..engine.tensor import StringTensor, Tensor, holds_strings
from ..saving.model_file import save_keras
from ..saving.serialization import deserialize_keras_object, serialize_keras_object

_MODES = ("int", "one_hot", "float")


class Feature:
    """One column: its dtype, the layer that encodes it, and the form of what comes out."""

    def __init__(self, dtype, preprocessor, output_mode):
        if output_mode not in _MODES:
            raise ValueError(
                f"Feature: `output_mode` must be 'int', 'one_hot' or 'float', received {output_mode!r}"
            )
        if isinstance(preprocessor, dict):
            preprocessor = deserialize_keras_object(preprocessor)
        self.dtype, self.preprocessor, self.output_mode = dtype, preprocessor, output_mode

    def get_config(self):
        """The arguments that make it again."""
        return {
            "dtype": self.dtype,
            "preprocessor": serialize_keras_object(self.preprocessor),
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class Cross:
    """Columns taken together: each combination of their values has a bin."""

    def __init__(self, feature_names, crossing_dim, output_mode="one_hot"):
        if output_mode not in ("int", "one_hot"):
            raise ValueError(f"Cross: `output_mode` must be 'int' or 'one_hot', received {output_mode!r}")
        self.feature_names, self.crossing_dim = tuple(feature_names), crossing_dim
        self.output_mode = output_mode

    @property
    def name(self):
        """The columns' names, joined."""
        return "_X_".join(self.feature_names)

    def get_config(self):
        """The arguments that make it again."""
        return {
            "feature_names": self.feature_names,
            "crossing_dim": self.crossing_dim,
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class FeatureSpace(layers.Layer):
    """Encodes tables: dicts of columns, (batch,) or (batch, 1) each, become one float tensor (batch, width).

    Args:
        features: {column: how}, "float", "float_normalized", "float_rescaled", "float_discretized",
            "integer_categorical", "string_categorical", "integer_hashed", "string_hashed", or what the methods of
            these names (`FeatureSpace.float_normalized()`, ...) return.
        output_mode: "concat", or "dict": {column: tensor}.
        crosses: lists of columns of whole numbers or categories, whose combinations are hashed too.
        crossing_dim, hashing_dim, num_discretization_bins: bins of these where nothing else is said.
    `adapt(data)` learns vocabularies, means and bins; then call it on data, or build a model from `get_inputs()` and
    `get_encoded_features()`. `save` writes it, with what it has learnt, as a file.
    Raises:
        ValueError: unknown columns or ways.
    Source: Keras 3 `utils.FeatureSpace`.
    """

    saved_alone = True  # `save` makes a file, which `load_model` reads

    def __init__(
        self,
        features,
        output_mode="concat",
        crosses=None,
        crossing_dim=32,
        hashing_dim=32,
        num_discretization_bins=32,
        name=None,
    ):
        super().__init__(name=name)
        if not features:
            raise ValueError("FeatureSpace: `features` must name at least one column")
        if output_mode not in ("concat", "dict"):
            raise ValueError(
                f"FeatureSpace: `output_mode` must be 'concat' or 'dict', received {output_mode!r}"
            )
        self.crossing_dim, self.hashing_dim = crossing_dim, hashing_dim
        self.num_discretization_bins = num_discretization_bins
        self.output_mode = output_mode
        self.features = {name: self._feature(name, how) for name, how in features.items()}
        self.crosses = [self._cross(columns) for columns in crosses or ()]
        self.preprocessors = {name: feature.preprocessor for name, feature in self.features.items()}
        self.crossers = {
            cross.name: layers.HashedCrossing(cross.crossing_dim, name=cross.name) for cross in self.crosses
        }
        self._encoders, self._encoded, self._inputs, self._adapted = {}, None, None, False
        self._joined = layers.Concatenate(axis=-1)

    def _feature(self, name, how):
        if isinstance(how, dict):
            how = deserialize_keras_object(how, module_objects={"Feature": Feature})
        if isinstance(how, Feature):
            return how
        given = {
            "float_discretized": {"num_bins": self.num_discretization_bins},
            "integer_hashed": {"num_bins": self.hashing_dim},
            "string_hashed": {"num_bins": self.hashing_dim},
        }
        if how not in _WAYS:
            raise ValueError(
                f"FeatureSpace: column {name!r} has the unknown way {how!r}; there are {', '.join(map(repr, _WAYS))}"
            )
        return getattr(self, how)(name=name, **given.get(how, {}))

    def _cross(self, columns):
        if isinstance(columns, dict):
            columns = deserialize_keras_object(columns, module_objects={"Cross": Cross})
        cross = columns if isinstance(columns, Cross) else Cross(columns, self.crossing_dim)
        unknown = [name for name in cross.feature_names if name not in self.features]
        if unknown:
            raise ValueError(
                f"FeatureSpace: `crosses` names {unknown}, the columns are {sorted(self.features)}"
            )
        return cross

    # ---- the ways to encode a column

    @classmethod
    def cross(cls, feature_names, crossing_dim, output_mode="one_hot"):
        """Columns to take together, for `crosses`."""
        return Cross(feature_names, crossing_dim, output_mode)

    @classmethod
    def feature(cls, dtype, preprocessor, output_mode):
        """A column encoded by a layer of yours."""
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def float(cls, name=None):
        """Numbers as they are."""
        return Feature("float32", layers.Identity(name=_named(name, "float")), "float")

    @classmethod
    def float_rescaled(cls, scale=1.0, offset=0.0, name=None):
        """Numbers times `scale` plus `offset`."""
        layer = layers.Rescaling(scale, offset, name=_named(name, "float_rescaled"))
        return Feature("float32", layer, "float")

    @classmethod
    def float_normalized(cls, name=None):
        """Numbers brought to mean 0 and variance 1."""
        return Feature("float32", layers.Normalization(name=_named(name, "float_normalized")), "float")

    @classmethod
    def float_discretized(cls, num_bins, bin_boundaries=None, output_mode="one_hot", name=None):
        """Which bin numbers fall into."""
        layer = layers.Discretization(
            num_bins=None if bin_boundaries is not None else num_bins,
            bin_boundaries=bin_boundaries,
            name=_named(name, "float_discretized"),
        )
        return Feature("float32", layer, output_mode)

    @classmethod
    def integer_categorical(cls, max_tokens=None, num_oov_indices=1, output_mode="one_hot", name=None):
        """Whole numbers that stand for categories."""
        named = _named(name, "integer_categorical")
        layer = layers.IntegerLookup(max_tokens=max_tokens, num_oov_indices=num_oov_indices, name=named)
        return Feature("int32", layer, output_mode)

    @classmethod
    def string_categorical(cls, max_tokens=None, num_oov_indices=1, output_mode="one_hot", name=None):
        """Strings that stand for categories."""
        named = _named(name, "string_categorical")
        layer = layers.StringLookup(max_tokens=max_tokens, num_oov_indices=num_oov_indices, name=named)
        return Feature("string", layer, output_mode)

    @classmethod
    def string_hashed(cls, num_bins, output_mode="one_hot", name=None):
        """Strings by their hash."""
        return Feature("string", layers.Hashing(num_bins, name=_named(name, "string_hashed")), output_mode)

    @classmethod
    def integer_hashed(cls, num_bins, output_mode="one_hot", name=None):
        """Whole numbers by their hash."""
        return Feature("int32", layers.Hashing(num_bins, name=_named(name, "integer_hashed")), output_mode)

    # ---- learning

    def adapt(self, dataset):
        """Learn vocabularies, means and bins from a dict of columns, or a data set of such dicts, batched or not.

        Raises:
            ValueError: neither, or a column is missing.
        """
        wanted = [name for name, layer in self.preprocessors.items() if _learns(layer)]
        columns = {name: [] for name in wanted}
        parts = [dataset] if isinstance(dataset, dict) else dataset
        if isinstance(dataset, (str, bytes)) or not hasattr(parts, "__iter__"):
            raise ValueError(
                "FeatureSpace: adapt() takes a dict of columns or a data set of such dicts, received "
                f"{type(dataset).__name__}"
            )
        for part in parts:
            if not isinstance(part, dict):
                raise ValueError(
                    f"FeatureSpace: adapt() wants dicts of columns, received a {type(part).__name__}; leave labels "
                    "out: dataset.map(lambda x, y: x)"
                )
            for name in wanted:
                if name not in part:
                    raise ValueError(f"FeatureSpace: the column {name!r} is missing from {sorted(part)}")
                columns[name].append(np.atleast_1d(np.asarray(part[name])).reshape(-1, 1))
        for name in wanted:
            self.preprocessors[name].adapt(np.concatenate(columns[name]))
        self._adapted = True
        self.built = True

    def _check_adapted(self):
        if not self._adapted and any(_learns(layer) for layer in self.preprocessors.values()):
            raise ValueError(f"FeatureSpace {self.name!r} has learnt nothing yet: call adapt(data) first")

    # ---- encoding

    def get_inputs(self):
        """{column: symbolic Input}, for a model that takes raw columns."""
        self._check_adapted()
        if self._inputs is None:
            self._inputs = {
                name: layers.Input((1,), dtype=feature.dtype, name=name)
                for name, feature in self.features.items()
            }
        return self._inputs

    def get_encoded_features(self):
        """What the symbolic Inputs are encoded as."""
        if self._encoded is None:
            self._encoded = self._encode(self.get_inputs())
        return self._encoded

    def _encode(self, columns):
        found = {name: layer(columns[name]) for name, layer in self.preprocessors.items()}
        crossed = {
            cross.name: self.crossers[cross.name]([found[name] for name in cross.feature_names])
            for cross in self.crosses
        }
        modes = {name: feature.output_mode for name, feature in self.features.items()}
        modes |= {cross.name: cross.output_mode for cross in self.crosses}
        encoded = {}
        for name, value in [*sorted(found.items()), *sorted(crossed.items())]:
            if modes[name] == "one_hot":
                value = self._encoder(name)(value)
            encoded[name] = value
        if self.output_mode == "dict":
            return encoded
        for name, value in encoded.items():
            if not value.dtype.startswith("float"):
                raise ValueError(
                    f"FeatureSpace: column {name!r} is encoded as {value.dtype}, which cannot be joined with the "
                    "others; use output_mode='one_hot' for it, or output_mode='dict' for all"
                )
        values = list(encoded.values())
        return values[0] if len(values) == 1 else self._joined(values)

    def _encoder(self, name):
        if name not in self._encoders:
            layer = self.preprocessors.get(name) or self.crossers[name]
            if hasattr(layer, "vocabulary_size"):
                width = layer.vocabulary_size()
            elif isinstance(layer, layers.Discretization):
                width = len(layer.bin_boundaries) + 1
            else:
                width = getattr(layer, "num_bins", None) or getattr(layer, "num_tokens", None)
            if width is None:
                raise ValueError(
                    f"FeatureSpace: how many values column {name!r} takes is not known, so it cannot be one-hot; use "
                    "output_mode='int'"
                )
            self._encoders[name] = layers.CategoryEncoding(width, output_mode="multi_hot")
        return self._encoders[name]

    def __call__(self, data):
        """Columns at hand, or symbolic ones, encoded; single values give a result without a batch axis."""
        self._check_adapted()
        if not isinstance(data, dict):
            raise ValueError(f"FeatureSpace: it takes a dict of columns, received a {type(data).__name__}")
        missing = [name for name in self.features if name not in data]
        if missing:
            raise ValueError(f"FeatureSpace: the columns {missing} are missing from {sorted(data)}")
        if symbolic_leaves(data):
            return self._encode(data)
        single = all(np.ndim(data[name]) == 0 for name in self.features)
        columns = {name: _column(data[name], feature.dtype) for name, feature in self.features.items()}
        encoded = self._encode(columns)
        return nest.map_leaves(lambda x: x[0], encoded) if single else encoded

    def compute_output_shape(self, input_shape):
        """The shapes of `get_encoded_features`."""
        return nest.map_leaves(lambda x: tuple(x.shape), self.get_encoded_features())

    # ---- files

    def get_config(self):
        return {
            "features": serialize_keras_object(self.features),
            "output_mode": self.output_mode,
            "crosses": serialize_keras_object(self.crosses),
            "crossing_dim": self.crossing_dim,
            "hashing_dim": self.hashing_dim,
            "num_discretization_bins": self.num_discretization_bins,
            "name": self.name,
        }

    def get_build_config(self):
        """What was learnt is built for, by column."""
        return {name: layer.get_build_config() for name, layer in self.preprocessors.items()}

    def build_from_config(self, config):
        for name, layer in self.preprocessors.items():
            if config.get(name) and not layer.built:
                layer.build_from_config(config[name])
        self._adapted = self.built = True

    def save(self, filepath):
        """Save it, with what it has learnt, as a `.keras` file, which `models.load_model` reads.

        Raises:
            ValueError: another ending.
        """
        filepath = os.fspath(filepath)
        if not filepath.endswith(".keras"):
            raise ValueError(f"FeatureSpace: `filepath` must end in '.keras', received {filepath!r}")
        save_keras(self, filepath)


_WAYS = (
    "float",
    "float_normalized",
    "float_rescaled",
    "float_discretized",
    "integer_categorical",
    "string_categorical",
    "integer_hashed",
    "string_hashed",
)


def _named(name, way):
    return f"{name or unique_name(way)}_preprocessor"


def _learns(layer):
    """Whether a layer still has to see data."""
    if isinstance(layer, layers.Normalization):
        return layer.input_mean is None
    if isinstance(layer, layers.Discretization):
        return layer.num_bins is not None
    return hasattr(layer, "adapt") and not getattr(layer, "_fixed", False)


def _column(values, dtype):
    """A column at hand as a tensor (batch, 1)."""
    array = values.array if isinstance(values, Tensor) else np.asarray(values)
    array = array.reshape(-1, 1) if array.ndim < 2 else array
    if dtype == "string":
        return StringTensor(array if holds_strings(array) else array.astype(str))
    return Tensor(np.ascontiguousarray(array, dtype))
