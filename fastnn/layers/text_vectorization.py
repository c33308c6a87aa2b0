"""Texts as numbers: brought to one form, cut into words, looked up."""

import re

import numpy as np

from ..engine import settings
from ..engine.dtypes import STRING
from ..engine.symbolic import KerasTensor
from ..engine.tensor import Tensor
from ..engine.variable import convert
from .adapting import Adapting
from .fingerprints import as_words
from .lookup import StringLookup

_PUNCTUATION = str.maketrans("", "", "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'")
_LOWER = {
    ord(letter): ord(letter) + 32 for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
}  # ASCII alone, as in Keras
_SPACES = re.compile("[ \t\n\r\f\v]+")
_STANDARDS = ("lower_and_strip_punctuation", "lower", "strip_punctuation")
_SPLITS = ("whitespace", "character")
_MODES = ("int", "multi_hot", "count", "tf_idf")


def _one_of(argument, given, names):
    if given is not None and not callable(given) and given not in names:
        raise ValueError(
            f"TextVectorization: `{argument}` must be None, a function, or one of {', '.join(map(repr, names))}, "
            f"received {given!r}"
        )


class TextVectorization(Adapting):
    """Texts as the indices of their words, or as a vector that says which words are there.

    Args:
        max_tokens: the most words of the vocabulary, special ones included; None: any number.
        standardize: what is done to a text first: "lower_and_strip_punctuation", "lower", "strip_punctuation", None,
            or a function of an array of strings.
        split: how it is cut: "whitespace", "character", None (it is one word), or a function of an array of strings
            that gives a list of words for each.
        ngrams: also words in a row: all of 1..ngrams, or a tuple of lengths.
        output_mode: "int", or a vector a text: "multi_hot", "count" or "tf_idf".
        output_sequence_length: for "int": to how many words texts are cut or filled with 0; None: the longest.
        pad_to_max_tokens: vectors of `max_tokens` however many words there are.
        vocabulary, idf_weights: the words in order or a file of them, one a line; for "tf_idf" their weights.
        encoding: of byte strings.
    It takes arrays or lists of strings, (batch,) or (batch, 1), or one string; in a model it stands right behind an
    Input of dtype "string".
    Raises:
        ValueError: arguments that do not go together.
    Source: Keras 3 `layers.TextVectorization`.
    """

    def __init__(
        self,
        max_tokens=None,
        standardize="lower_and_strip_punctuation",
        split="whitespace",
        ngrams=None,
        output_mode="int",
        output_sequence_length=None,
        pad_to_max_tokens=False,
        vocabulary=None,
        idf_weights=None,
        sparse=False,
        ragged=False,
        encoding="utf-8",
        name=None,
        **kwargs,
    ):
        extra = {key: kwargs.pop(key) for key in ("has_input_vocabulary", "vocabulary_size") if key in kwargs}
        kwargs.pop("dtype", None)
        super().__init__(name=name, **kwargs)
        _one_of("standardize", standardize, _STANDARDS)
        _one_of("split", split, _SPLITS)
        mode = {"binary": "multi_hot", "tf-idf": "tf_idf"}.get(output_mode, output_mode)
        if mode not in _MODES:
            raise ValueError(
                f"TextVectorization: `output_mode` must be one of {', '.join(map(repr, _MODES))}, received "
                f"{output_mode!r}"
            )
        whole = isinstance(ngrams, int) or (
            isinstance(ngrams, (tuple, list)) and all(isinstance(n, int) for n in ngrams)
        )
        if ngrams is not None and not whole:
            raise ValueError(
                f"TextVectorization: `ngrams` must be an integer or a tuple of integers, received {ngrams!r}"
            )
        if output_sequence_length is not None and (
            mode != "int" or not isinstance(output_sequence_length, int) or output_sequence_length < 1
        ):
            raise ValueError(
                "TextVectorization: `output_sequence_length` must be a positive integer and goes with output_mode='int'"
                f", received {output_sequence_length!r} with {output_mode!r}"
            )
        if ragged:
            raise ValueError(
                "TextVectorization: `ragged` outputs are not there; give `output_sequence_length`"
            )
        self.standardize, self.split = standardize, split
        self.ngrams = tuple(ngrams) if isinstance(ngrams, list) else ngrams
        self.output_mode, self.output_sequence_length, self.encoding = mode, output_sequence_length, encoding
        self.autocast = False
        self._lookup_layer = StringLookup(
            max_tokens=max_tokens,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            pad_to_max_tokens=pad_to_max_tokens,
            mask_token="",
            output_mode=mode,
            sparse=sparse,
            encoding=encoding,
            **extra,
        )

    reads_strings = True

    @property
    def found_dtype(self):
        """The dtype of its outputs."""
        return settings.float_dtype() if self.output_mode == "tf_idf" else "int64"

    # ---- the vocabulary

    def adapt(self, data, batch_size=None, steps=None):
        """Take the words of `data` (an array or list of texts, or a source of batches of them) as the vocabulary."""
        self.reset_state()
        if isinstance(data, str):
            data = [data]
        if isinstance(data, (list, tuple, np.ndarray, Tensor)):
            self.update_state(data)
        else:
            for i, batch in enumerate(data):
                if steps is not None and i >= steps:
                    break
                self.update_state(batch)
        self.finalize_state()

    def update_state(self, data):
        """Count the words of a batch."""
        self._lookup_layer.count(self._words(data))

    def finalize_state(self):
        """Make a vocabulary of what was counted."""
        self._lookup_layer.finalize_state()

    def reset_state(self):
        """Forget what was counted."""
        self._lookup_layer.reset_state()

    def get_vocabulary(self, include_special_tokens=True):
        """The words in order; a word's place is its index."""
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def vocabulary_size(self):
        """How many words there are, special ones included."""
        return self._lookup_layer.vocabulary_size()

    def set_vocabulary(self, vocabulary, idf_weights=None):
        """Use this list of words, or this file of them."""
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights)

    # ---- texts to words

    def _standardized(self, texts):
        """An array of strings in the one form."""
        if hasattr(texts, "numpy"):
            texts = texts.numpy()
        texts = as_words(np.asarray(texts), self.encoding)
        if callable(self.standardize):
            return as_words(self.standardize(texts), self.encoding)
        if self.standardize is None:
            return texts
        return np.array([self._standard(text) for text in texts.ravel().tolist()], dtype=str).reshape(
            texts.shape
        )

    def _words(self, texts):
        """A list of the words of each text."""
        texts = self._standardized(texts)
        if texts.ndim > 1 and self.split is not None:
            if texts.ndim > 2 or texts.shape[-1] != 1:
                raise ValueError(
                    f"TextVectorization {self.name!r} takes texts of shape (batch,) or (batch, 1), received "
                    f"{texts.shape}"
                )
            texts = texts[:, 0]
        texts = np.atleast_1d(texts)
        if callable(self.split):
            found = self.split(texts)
            found = found.to_list() if hasattr(found, "to_list") else found
            rows = [as_words(np.asarray(list(row)), self.encoding).tolist() for row in found]
        elif self.split == "whitespace":
            rows = [[word for word in _SPACES.split(text) if word] for text in texts.tolist()]
        elif self.split == "character":
            rows = [list(text) for text in texts.tolist()]
        else:
            rows = texts.reshape(len(texts), -1).tolist()
        if self.ngrams is None:
            return rows
        longest = max(map(len, rows), default=0)
        sizes = range(1, min(self.ngrams, longest) + 1) if isinstance(self.ngrams, int) else self.ngrams
        return [[" ".join(row[i : i + n]) for n in sizes for i in range(len(row) - n + 1)] for row in rows]

    def _standard(self, text):
        if self.standardize != "strip_punctuation":
            text = text.translate(_LOWER)
        return text if self.standardize == "lower" else text.translate(_PUNCTUATION)

    # ---- the call

    def __call__(self, inputs, *args, **kwargs):
        if isinstance(inputs, KerasTensor):
            if inputs.dtype != STRING:
                raise ValueError(
                    f"TextVectorization {self.name!r} takes strings, received {inputs!r}; write "
                    "Input(shape=(1,), dtype='string')"
                )
            return self.symbolic_call(inputs)
        return self.call(inputs)

    def call(self, inputs):
        if self.split is None and self.ngrams is None:  # these are words, in any arrangement
            return self._lookup_layer(self._standardized(inputs))
        alone = isinstance(inputs, (str, bytes)) or np.ndim(inputs) == 0
        rows = self._words(inputs)
        indices = self._lookup_layer.indices_of(np.array([word for row in rows for word in row], dtype=str))
        sizes = np.array([len(row) for row in rows], np.int64)
        at = np.arange(len(rows)).repeat(sizes)  # which text each word is of
        if self.output_mode == "int":
            place = np.arange(len(indices)) - (sizes.cumsum() - sizes).repeat(sizes)
            length = self.output_sequence_length
            found = np.zeros((len(rows), sizes.max(initial=0) if length is None else length), np.int64)
            kept = place < found.shape[1]
            found[at[kept], place[kept]] = indices[kept]
        else:
            found = np.zeros((len(rows), self._lookup_layer.depth), np.int64)
            counted = indices >= 0
            np.add.at(found, (at[counted], indices[counted]), 1)
            if self.output_mode == "multi_hot":
                found = np.minimum(found, 1)
            elif self.output_mode == "tf_idf":
                found = found.astype(settings.float_dtype()) * self._lookup_layer.idf_weights
        return convert(found[0] if alone else found)

    def compute_output_shape(self, input_shape):
        """(batch, words) or (batch, words of the vocabulary)."""
        batch = input_shape[0] if input_shape else None
        return (batch, self.output_sequence_length if self.output_mode == "int" else self._lookup_layer.depth)

    # ---- files

    def save_own_variables(self, store):
        self._lookup_layer.save_own_variables(store)

    def load_own_variables(self, store):
        self._lookup_layer.load_own_variables(store)

    def get_assets(self):
        """{"vocabulary.txt": the words, one a line}."""
        return self._lookup_layer.get_assets()

    def set_assets(self, assets):
        """Take the vocabulary from what `get_assets` gave."""
        self._lookup_layer.set_assets(assets)

    def save_assets(self, dir_path):
        """Write the vocabulary, one word a line, into a folder."""
        self._lookup_layer.save_assets(dir_path)

    def load_assets(self, dir_path):
        """Read what `save_assets` wrote."""
        self._lookup_layer.load_assets(dir_path)

    @classmethod
    def from_config(cls, config):
        from ..saving.serialization import deserialize_keras_object

        config = dict(config)
        for argument in ("standardize", "split"):
            if isinstance(config.get(argument), dict):
                config[argument] = deserialize_keras_object(config[argument])
        if isinstance(config.get("vocabulary"), str):
            StringLookup.from_config(config)  # raises
        return super().from_config(config)

    def get_config(self):
        from ..saving.serialization import serialize_keras_object

        plain = lambda value: serialize_keras_object(value) if callable(value) else value  # noqa: E731
        inner = self._lookup_layer.get_config()
        return {
            **super().get_config(),
            "max_tokens": inner["max_tokens"],
            "standardize": plain(self.standardize),
            "split": plain(self.split),
            "ngrams": self.ngrams,
            "output_mode": self.output_mode,
            "output_sequence_length": self.output_sequence_length,
            "pad_to_max_tokens": inner["pad_to_max_tokens"],
            "sparse": inner["sparse"],
            "ragged": False,
            "vocabulary": inner["vocabulary"],
            "idf_weights": inner["idf_weights"],
            "encoding": self.encoding,
            "vocabulary_size": self.vocabulary_size(),
        }
