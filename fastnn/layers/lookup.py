"""Tokens, integers or strings, as their positions in a vocabulary, and back."""

import os
from collections import Counter

import numpy as np

from .. import ops
from ..engine import settings
from ..engine.allowance import spend_bytes
from ..engine.constructor_arguments import named_arguments
from ..engine.dtypes import STRING
from ..engine.op import define_op, no_gradient
from ..engine.symbolic import KerasTensor, infer
from ..engine.tensor import Spec, Tensor, Traced
from ..engine.variable import convert
from .adapting import Adapting, batches_of
from .category_encoding import MODES, checked_mode, checked_sparse, encode, encoded_shape
from .fingerprints import as_words, bins_of, checked_salt


def _located(tokens, ordered, places, *, who, start, bins, mask, masked, remainders, salt):
    """The index of each token, int64.

    ordered, places: the vocabulary in order, and the index of each of its tokens. start, bins: the first index for
    unknown tokens, and how many there are. mask, masked: the token that stands for no value, and its index.
    remainders: unknown tokens are shared among their indices by what is left of them, else by their hash.
    """
    at = np.minimum(np.searchsorted(ordered, tokens), max(len(ordered) - 1, 0))
    known = ordered[at] == tokens if len(ordered) else np.zeros(tokens.shape, bool)
    none = np.zeros(tokens.shape, bool) if mask is None else tokens == mask
    strange = ~known & ~none
    indices = places[at] if len(ordered) else np.zeros(tokens.shape, np.int64)
    if strange.any():
        if not bins:
            raise ValueError(
                f"{who}: the tokens {np.unique(tokens[strange])[:5].tolist()} are not in the vocabulary; "
                "num_oov_indices=1 makes a place for such"
            )
        unknown = tokens[strange]
        shares = 0 if bins == 1 else unknown % bins if remainders else bins_of(unknown, bins, salt)
        indices = indices.copy()
        indices[strange] = shares + start
    return np.where(none, masked, indices).astype(np.int64)


def _located_shape(x, ordered, places, **rules):
    return Spec(x.shape, "int64")


# Integers, a vocabulary in order, the index of each of its integers -> indices: `_located` inside a plan.
located_op = define_op(
    "look_up",
    shape=_located_shape,
    reference=lambda x, *vocabulary, **rules: _located(x.astype(np.int64), *vocabulary, **rules),
    grad=no_gradient("whole numbers"),
)


class Lookup(Adapting):
    """Base of IntegerLookup and StringLookup.

    The vocabulary begins with the mask token (where there is one and outputs are indices) and as many places for
    unknown tokens as `num_oov_indices`; then come the tokens.
    """

    dtype_name = "int64"  # of tokens; None: strings

    def __init__(
        self,
        max_tokens,
        num_oov_indices,
        mask_token,
        oov_token,
        vocabulary,
        idf_weights,
        invert,
        output_mode,
        sparse,
        pad_to_max_tokens,
        name,
        oov_method="floormod",
        salt=None,
        **kwargs,
    ):
        self._size_in_file = kwargs.pop("vocabulary_size", None)  # known before the words are read
        has_input_vocabulary = kwargs.pop("has_input_vocabulary", False)
        kwargs.pop("dtype", None)
        super().__init__(name=name, **kwargs)
        who = type(self).__name__
        if max_tokens is not None and max_tokens <= 1:
            raise ValueError(f"{who}: `max_tokens` must be greater than 1, received {max_tokens}")
        if num_oov_indices < 0:
            raise ValueError(f"{who}: `num_oov_indices` must be at least 0, received {num_oov_indices}")
        kinds = (str,) if self.dtype_name is None else (int, np.integer)
        for argument, token in (("mask_token", mask_token), ("oov_token", oov_token)):
            if token is not None and not isinstance(token, kinds):
                raise ValueError(
                    f"{who}: `{argument}` must be {'a string' if kinds == (str,) else 'an integer'} or None, received "
                    f"{token!r}"
                )
        if pad_to_max_tokens and max_tokens is None:
            raise ValueError(f"{who}: `pad_to_max_tokens` needs `max_tokens`")
        if oov_method not in ("floormod", "farmhash"):
            raise ValueError(f"{who}: `oov_method` must be 'floormod' or 'farmhash', received {oov_method!r}")
        if salt is not None and self.dtype_name is not None and oov_method != "farmhash":
            raise ValueError(f"{who}: `salt` needs oov_method='farmhash'")
        spend_bytes(8 * num_oov_indices, who, f"a vocabulary that begins with {num_oov_indices} places")
        self.oov_method, self.salt = oov_method, checked_salt(who, salt)
        mode = {"binary": "multi_hot", "tf-idf": "tf_idf"}.get(output_mode, output_mode)
        self.output_mode = checked_mode(who, mode, (*MODES, "tf_idf"))
        self.sparse = checked_sparse(who, sparse)
        if invert and mode != "int":
            raise ValueError(
                f"{who}: `invert` gives tokens, so `output_mode` must be 'int', received {output_mode!r}"
            )
        self.max_tokens, self.num_oov_indices = max_tokens, num_oov_indices
        self.mask_token, self.oov_token = mask_token, oov_token
        self.invert, self.pad_to_max_tokens = invert, pad_to_max_tokens
        self.input_vocabulary = None if isinstance(vocabulary, str) else vocabulary
        self.input_idf_weights = idf_weights
        self._fixed = vocabulary is not None or has_input_vocabulary
        self.idf_weights = None
        self._tokens = None
        self.autocast = False
        self.reset_state()
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    # ---- the vocabulary

    @property
    def _oov_start(self):
        return 1 if self.mask_token is not None and self.output_mode == "int" else 0

    @property
    def _token_start(self):
        return self._oov_start + self.num_oov_indices

    def vocabulary_size(self):
        """How many tokens there are, those for masks and unknown ones included."""
        return self._token_start + (0 if self._tokens is None else len(self._tokens))

    def get_vocabulary(self, include_special_tokens=True):
        """The tokens in order; a token's place is its index."""
        tokens = [] if self._tokens is None else self._tokens.tolist()
        special = [self.mask_token] * self._oov_start + [self.oov_token] * self.num_oov_indices
        return [*special, *tokens] if include_special_tokens else tokens

    def set_vocabulary(self, vocabulary, idf_weights=None):
        """Use this list of tokens, or the lines of this file, with or without the special ones at its beginning.

        Raises:
            ValueError: an empty list, repeated tokens, more than `max_tokens`, special tokens in another place.
        """
        who = f"{type(self).__name__} {self.name!r}"
        if isinstance(vocabulary, str):
            vocabulary = self._read(who, vocabulary)
        if (self.output_mode == "tf_idf") != (idf_weights is not None):
            raise ValueError(f"{who}: `idf_weights` go with output_mode='tf_idf', and only with it")
        given = list(np.asarray(vocabulary).tolist() if isinstance(vocabulary, np.ndarray) else vocabulary)
        special = [self.mask_token] * self._oov_start + [self.oov_token] * self.num_oov_indices
        with_special = given[: len(special)] == special
        tokens = given[len(special) :] if with_special else given
        if not given:
            raise ValueError(f"{who}: the vocabulary is empty")
        repeated = [token for token, count in Counter(tokens).items() if count > 1]
        if repeated:
            raise ValueError(f"{who}: the vocabulary holds {repeated[:5]} more than once")
        if (self.mask_token is not None and self.mask_token in tokens) or (
            self.invert and self.oov_token in tokens
        ):
            raise ValueError(
                f"{who}: special tokens must stand at the beginning of the vocabulary, as {special}, or not "
                "at all"
            )
        if self.max_tokens is not None and len(special) + len(tokens) > self.max_tokens:
            raise ValueError(
                f"{who}: a vocabulary of {len(special) + len(tokens)} tokens is more than `max_tokens` "
                f"{self.max_tokens}"
            )
        try:
            tokens = np.array(tokens, self.dtype_name)
        except OverflowError:
            raise ValueError(f"{who}: the vocabulary holds numbers that are no integers of 64 bits") from None
        self._keep(tokens)
        if idf_weights is not None:
            weights = np.asarray(idf_weights, settings.float_dtype())
            if weights.shape != (len(given),):
                raise ValueError(
                    f"{who}: `idf_weights` must hold one number a token, received shape {weights.shape} for "
                    f"{len(given)} tokens"
                )
            self._keep_weights(
                weights if with_special else np.append(np.full(len(special), weights.mean()), weights)
            )

    def _read(self, who, path):
        """The tokens in a text file, one a line.

        Raises:
            ValueError: there is no such file, or it holds no weights where such are needed.
        """
        if self.output_mode == "tf_idf":
            raise ValueError(f"{who}: with output_mode='tf_idf' give `vocabulary` as a list, not as a file")
        if not os.path.exists(path):
            raise ValueError(f"{who}: there is no vocabulary file {path!r}")
        with open(path, encoding=getattr(self, "encoding", "utf-8")) as file:
            lines = file.read().splitlines()
        return lines if self.dtype_name is None else [int(line) for line in lines]

    def _keep(self, tokens):
        order = np.argsort(tokens)
        self._tokens, self._sorted, self._places = tokens, tokens[order], order + self._token_start

    def _keep_weights(self, weights):
        padding = self.max_tokens - len(weights) if self.pad_to_max_tokens else 0
        spend_bytes(
            8 * padding, f"{type(self).__name__} {self.name!r}", f"a vector of {self.max_tokens} weights"
        )
        self.idf_weights = np.append(weights, np.zeros(padding)).astype(settings.float_dtype())

    # ---- learning it

    def adapt(self, data, steps=None):
        """Take the tokens of `data` as the vocabulary: the most frequent first, of equally frequent the greater."""
        self.reset_state()
        for batch in batches_of(data, f"{type(self).__name__} {self.name!r}", steps):
            self.update_state(batch[:, None] if batch.ndim == 1 else batch)
        self.finalize_state()

    def reset_state(self):
        """Forget the counts of `update_state`."""
        self._counts, self._documents, self._rows = Counter(), Counter(), 0

    def update_state(self, data):
        """Count the tokens of a batch; a row is a document."""
        rows = self._as_tokens(data)
        self.count((rows.reshape(1, -1) if rows.ndim < 2 else rows.reshape(len(rows), -1)).tolist())

    def count(self, rows):
        """Count the tokens of some documents, a list of tokens each."""
        if self._fixed:
            raise ValueError(
                f"{type(self).__name__} {self.name!r} was made with a `vocabulary`, so it cannot adapt"
            )
        for row in rows:
            self._counts.update(row)
            if self.output_mode == "tf_idf":
                self._documents.update(set(row))
        self._rows += len(rows)

    def finalize_state(self):
        """Make a vocabulary of what was counted."""
        if self._fixed or not self._counts:
            return
        tokens = [token for token in self._counts if token not in (self.mask_token, self.oov_token)]
        tokens.sort(key=lambda token: (self._counts[token], token), reverse=True)
        if self.max_tokens:
            tokens = tokens[: self.max_tokens - self._token_start]
        self._keep(np.array(tokens, self.dtype_name))
        if self.output_mode == "tf_idf":
            found = np.array([self._documents[token] for token in tokens])
            weights = np.log(1 + self._rows / (1 + found))
            self._keep_weights(np.append(np.full(self._token_start, weights.mean()), weights))
        self.reset_state()

    # ---- looking up

    def indices_of(self, inputs):
        """Indices of tokens at hand, an int64 array; -1 for masked ones, where outputs are vectors."""
        self._check_vocabulary()
        return _located(self._as_tokens(inputs), self._sorted, self._places, **self._rules())

    def _rules(self):
        """What `_located` must know beside the vocabulary."""
        return {
            "who": f"{type(self).__name__} {self.name!r}",
            "start": self._oov_start,
            "bins": self.num_oov_indices,
            "mask": self.mask_token,
            "masked": 0 if self.output_mode == "int" else -1,  # -1: none of a vector's elements
            "remainders": self.dtype_name is not None and self.oov_method != "farmhash",
            "salt": None if self.salt is None else tuple(self.salt),
        }

    def _words(self, inputs):
        indices = np.asarray(inputs)
        vocabulary = np.array(self.get_vocabulary(), self.dtype_name)
        known = (indices >= self._token_start) & (indices < len(vocabulary))
        words = np.where(
            known, vocabulary[np.where(known, indices, 0)], np.array(self.oov_token, self.dtype_name)
        )
        return words if self.mask_token is None else np.where(indices == 0, np.array(self.mask_token), words)

    def _check_vocabulary(self):
        if self._tokens is None:
            raise ValueError(
                f"{type(self).__name__} {self.name!r} has no vocabulary yet: call adapt(data), or give "
                "`vocabulary`"
            )

    def __call__(self, inputs, *args, **kwargs):
        self._check_vocabulary()
        if isinstance(inputs, (KerasTensor, Traced)):
            return self._call_in_graph(inputs)
        inputs = inputs.array if isinstance(inputs, Tensor) else np.asarray(inputs)
        return self.call(inputs)

    def _call_in_graph(self, inputs):
        raise ValueError(
            f"{type(self).__name__} {self.name!r} takes strings"
            + (" in a model, and gives none there" if self.invert else "")
            + f", received {inputs!r}; "
            + (
                "call it on what predict() returns"
                if self.invert
                else "write Input(shape=(1,), dtype='string'), or call it on arrays"
            )
        )

    def call(self, inputs):
        if self.invert:
            words = self._words(inputs)
            return words if words.dtype.kind == "U" else convert(words)
        return self._encoded(convert(self.indices_of(inputs)))

    def _encoded(self, indices):
        """Indices in the form of `output_mode`."""
        if self.output_mode == "int":
            return indices
        if self.output_mode == "tf_idf":
            found = encode(ops.cast(indices, "int32"), "count", self.depth, settings.float_dtype())
            return ops.multiply(found, convert(self.idf_weights))
        return encode(ops.cast(indices, "int32"), self.output_mode, self.depth, "int64")

    @property
    def depth(self):
        """How long vectors are, where outputs are such."""
        if self.pad_to_max_tokens:
            return self.max_tokens
        waits = self._tokens is None and isinstance(self._size_in_file, int)
        return self._size_in_file if waits else self.vocabulary_size()

    def compute_output_shape(self, input_shape):
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        return encoded_shape(input_shape, mode, self.depth)

    # ---- files

    def save_own_variables(self, store):
        """The weights of "tf_idf"; the vocabulary is no array and goes into the assets."""
        if self.idf_weights is not None and self.output_mode == "tf_idf":
            store["idf_weights"] = self.idf_weights

    def load_own_variables(self, store):
        """What `save_own_variables` left."""
        if self.output_mode == "tf_idf" and "idf_weights" in store:
            self.idf_weights = np.asarray(store["idf_weights"])

    def get_assets(self):
        """{"vocabulary.txt": the tokens, one a line}; nothing where the configuration has them."""
        if self.input_vocabulary is not None or self._tokens is None:
            return {}
        return {"vocabulary.txt": "\n".join(map(str, self.get_vocabulary())).encode("utf-8")}

    def set_assets(self, assets):
        """Take the vocabulary from what `get_assets` gave.

        Raises:
            ValueError: no text, or no list of tokens.
        """
        if self.input_vocabulary is not None or "vocabulary.txt" not in assets:
            return
        lines = assets["vocabulary.txt"].decode("utf-8").split("\n")
        tokens = lines if self.dtype_name is None else [int(line) for line in lines if line != "None"]
        weights = self.idf_weights if self.output_mode == "tf_idf" else None
        self.set_vocabulary(tokens, None if weights is None else weights[: len(tokens)])

    def save_assets(self, dir_path):
        """Write the vocabulary, one token a line, into a folder."""
        for name, data in self.get_assets().items():
            with open(f"{dir_path}/{name}", "wb") as file:
                file.write(data)

    def load_assets(self, dir_path):
        """Read what `save_assets` wrote."""
        if self.input_vocabulary is None:
            with open(f"{dir_path}/vocabulary.txt", "rb") as file:
                self.set_assets({"vocabulary.txt": file.read()})

    @classmethod
    def from_config(cls, config):
        if isinstance(config.get("vocabulary"), str):  # fastnn and Keras never write such a configuration
            raise ValueError(
                f"{cls.__name__}: the configuration names a file, {config['vocabulary']!r}, as its vocabulary; a "
                "model file could name any file at all, so it is not read"
            )
        return super().from_config(config)

    def get_config(self):
        weights, vocabulary = self.input_idf_weights, self.input_vocabulary
        return {
            **super().get_config(),
            "invert": self.invert,
            "max_tokens": self.max_tokens,
            "num_oov_indices": self.num_oov_indices,
            "oov_token": self.oov_token,
            "mask_token": self.mask_token,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "pad_to_max_tokens": self.pad_to_max_tokens,
            "idf_weights": None if weights is None else np.asarray(weights).tolist(),
            "vocabulary": None if vocabulary is None else np.asarray(vocabulary).tolist(),
            "vocabulary_size": None if self._tokens is None else self.vocabulary_size(),
            "oov_method": self.oov_method,
            "salt": self.salt,
        }


class IntegerLookup(Lookup):
    """Integers as indices into a vocabulary that is given or found by `adapt`.

    Args:
        max_tokens: the most places of the vocabulary; None: any number.
        num_oov_indices: places for unknown integers; 0: those are an error.
        mask_token: an integer that gets index 0 and stands for no value.
        oov_token: what an index of an unknown integer is turned back into (`invert`).
        vocabulary, idf_weights: the integers in order, or a file of them, one a line; for "tf_idf" their weights.
        invert: indices to integers.
        output_mode: "int", "one_hot", "multi_hot", "count" (see CategoryEncoding) or "tf_idf".
        pad_to_max_tokens: vectors of `max_tokens` however many tokens there are.
        oov_method: how unknown integers share several places: "floormod", by their remainder, or "farmhash".
        salt: an integer or two, with "farmhash": a hash that depends on them.
    Raises:
        ValueError: arguments that do not go together.
    Source: Keras 3 `layers.IntegerLookup`.
    """

    def __init__(
        self,
        max_tokens=None,
        num_oov_indices=1,
        mask_token=None,
        oov_token=-1,
        vocabulary=None,
        vocabulary_dtype="int64",
        idf_weights=None,
        invert=False,
        output_mode="int",
        sparse=False,
        pad_to_max_tokens=False,
        oov_method="floormod",
        salt=None,
        name=None,
        **kwargs,
    ):
        if vocabulary_dtype != "int64":
            raise ValueError(
                f"IntegerLookup: `vocabulary_dtype` must be 'int64', received {vocabulary_dtype!r}"
            )
        super().__init__(**named_arguments(locals(), but=["vocabulary_dtype"]))

    def _as_tokens(self, data):
        return np.asarray(data).astype(np.int64)

    def _call_in_graph(self, inputs):
        if isinstance(inputs, KerasTensor):
            return self.symbolic_call(inputs)
        if self.invert:
            raise ValueError(
                f"IntegerLookup {self.name!r}: with `invert` it works on data, not inside a model"
            )
        return self._encoded(located_op(inputs, Tensor(self._sorted), Tensor(self._places), **self._rules()))

    def found_specs(self, inputs):
        return infer(self._call_in_graph, (inputs,), {})

    def get_config(self):
        return {**super().get_config(), "vocabulary_dtype": "int64"}


class StringLookup(Lookup):
    """Strings as indices into a vocabulary that is given or found by `adapt`; arguments as in IntegerLookup.

    Args:
        oov_token: the word for unknown strings.
        encoding: of byte strings.
    Source: Keras 3 `layers.StringLookup`.
    """

    dtype_name = None

    def __init__(
        self,
        max_tokens=None,
        num_oov_indices=1,
        mask_token=None,
        oov_token="[UNK]",
        vocabulary=None,
        idf_weights=None,
        invert=False,
        output_mode="int",
        pad_to_max_tokens=False,
        sparse=False,
        encoding="utf-8",
        name=None,
        salt=None,
        **kwargs,
    ):
        self.encoding = encoding
        super().__init__(**named_arguments(locals(), but=["encoding"]))

    reads_strings = True

    @property
    def found_dtype(self):
        """The dtype of its outputs."""
        return settings.float_dtype() if self.output_mode == "tf_idf" else "int64"

    def _as_tokens(self, data):
        return as_words(data, self.encoding)

    def _call_in_graph(self, inputs):
        if inputs.dtype == STRING and not self.invert:
            return self.symbolic_call(inputs)
        return super()._call_in_graph(inputs)

    def get_config(self):
        return {**super().get_config(), "encoding": self.encoding}
