"""Texts as lists of numbers, the way that Keras 2's tutorials do it; `layers.TextVectorization` is the newer one."""

import hashlib
import json
from collections import Counter, OrderedDict, defaultdict

import numpy as np

_FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
_MODES = ("binary", "count", "freq", "tfidf")


def text_to_word_sequence(input_text, filters=_FILTERS, lower=True, split=" "):
    """The words of a text: cut at `split` and at every character of `filters`."""
    text = input_text.lower() if lower else input_text
    return [word for word in text.translate(dict.fromkeys(map(ord, filters), split)).split(split) if word]


def hashing_trick(text, n, hash_function=None, filters=_FILTERS, lower=True, split=" ", analyzer=None):
    """A number in 1..n-1 for each word, by a function of it: Python's `hash` (which differs from run to run), "md5" or
    one of yours."""
    if hash_function == "md5":

        def hash_function(word):
            return int(hashlib.md5(word.encode()).hexdigest(), 16)

    words = text_to_word_sequence(text, filters, lower, split) if analyzer is None else analyzer(text)
    return [(hash_function or hash)(word) % (n - 1) + 1 for word in words]


def one_hot(input_text, n, filters=_FILTERS, lower=True, split=" ", analyzer=None):
    """`hashing_trick` with Python's `hash`."""
    return hashing_trick(input_text, n, hash, filters, lower, split, analyzer)


class Tokenizer:
    """Numbers words by how frequent they are in some texts, from 1; 0 is left for padding.

    Args:
        num_words: words numbered less are used, others left out; None: all.
        filters, lower, split: as in `text_to_word_sequence`.
        char_level: every character is a word.
        oov_token: stands for unknown words, with the number 1; None leaves them out.
        analyzer: a function that gives the words of a text.
    Attributes: word_index {word: number}, index_word {number: word}, word_counts, word_docs, document_count.
    Source: Keras 2 `preprocessing.text.Tokenizer`.
    """

    def __init__(
        self,
        num_words=None,
        filters=_FILTERS,
        lower=True,
        split=" ",
        char_level=False,
        oov_token=None,
        analyzer=None,
        document_count=0,
    ):
        self.num_words, self.filters, self.lower, self.split = num_words, filters, lower, split
        self.char_level, self.oov_token, self.analyzer = char_level, oov_token, analyzer
        self.document_count = document_count
        self.word_counts, self.word_docs, self.index_docs = OrderedDict(), defaultdict(int), defaultdict(int)
        self.word_index, self.index_word = {}, {}

    def _words(self, text):
        if self.char_level or isinstance(text, list):
            if not self.lower:
                return text
            return [part.lower() for part in text] if isinstance(text, list) else text.lower()
        if self.analyzer is not None:
            return self.analyzer(text)
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def fit_on_texts(self, texts):
        """Count the words of texts (strings, or lists of words), and number them."""
        for text in texts:
            self.document_count += 1
            words = self._words(text)
            for word in words:
                self.word_counts[word] = self.word_counts.get(word, 0) + 1
            for word in set(words):
                self.word_docs[word] += 1
        by_count = sorted(self.word_counts, key=self.word_counts.get, reverse=True)
        special = [] if self.oov_token is None else [self.oov_token]
        self.word_index = {word: i for i, word in enumerate([*special, *by_count], 1)}
        self.index_word = {i: word for word, i in self.word_index.items()}
        for word, count in self.word_docs.items():
            self.index_docs[self.word_index[word]] = count

    def fit_on_sequences(self, sequences):
        """Count in how many lists of numbers each number stands, for "tfidf"."""
        self.document_count += len(sequences)
        for sequence in sequences:
            for number in set(sequence):
                self.index_docs[number] += 1

    def texts_to_sequences(self, texts):
        """The numbers of each text's words."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts):
        """`texts_to_sequences`, one by one."""
        for text in texts:
            yield self._known([self.word_index.get(word) for word in self._words(text)], lambda i: i)

    def sequences_to_texts(self, sequences):
        """The words of each list of numbers, joined by blanks."""
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences):
        """`sequences_to_texts`, one by one."""
        for sequence in sequences:
            numbers = [number if number in self.index_word else None for number in sequence]
            yield " ".join(self._known(numbers, self.index_word.get))

    def _known(self, numbers, form):
        """Numbers that are used, in a form; others (None among them) as the unknown word, where there is one."""
        unknown = self.word_index.get(self.oov_token)
        most = self.num_words or float("inf")
        found = [number if number is not None and number < most else unknown for number in numbers]
        return [form(number) for number in found if number is not None]

    def texts_to_matrix(self, texts, mode="binary"):
        """(texts, num_words): whether or how often each word stands in each text; see `sequences_to_matrix`."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(self, sequences, mode="binary"):
        """(lists, num_words) of lists of numbers.

        Args:
            mode: "binary", "count", "freq" (the share in the list) or "tfidf".
        Raises:
            ValueError: another mode, or the number of words is not known.
        """
        if mode not in _MODES:
            raise ValueError(
                f"Tokenizer: `mode` must be one of {', '.join(map(repr, _MODES))}, received {mode!r}"
            )
        if not self.num_words and not self.word_index:
            raise ValueError(
                "Tokenizer: how many words there are is not known; give `num_words`, or fit_on_texts"
            )
        if mode == "tfidf" and not self.document_count:
            raise ValueError(
                "Tokenizer: mode 'tfidf' needs texts: call fit_on_texts or fit_on_sequences first"
            )
        width = self.num_words or len(self.word_index) + 1
        found = np.zeros((len(sequences), width))
        for row, sequence in zip(found, sequences):
            for number, count in Counter(number for number in sequence if number < width).items():
                if mode == "tfidf":
                    rare = np.log(1 + self.document_count / (1 + self.index_docs.get(number, 0)))
                    row[number] = (1 + np.log(count)) * rare
                else:
                    row[number] = {"binary": 1, "count": count, "freq": count / len(sequence)}[mode]
        return found

    def get_config(self):
        """The arguments, and what was learnt as JSON strings."""
        return {
            "num_words": self.num_words,
            "filters": self.filters,
            "lower": self.lower,
            "split": self.split,
            "char_level": self.char_level,
            "oov_token": self.oov_token,
            "document_count": self.document_count,
            **{name: json.dumps(getattr(self, name)) for name in _LEARNT},
        }

    def to_json(self, **kwargs):
        """What `tokenizer_from_json` takes; `kwargs` go to json.dumps."""
        return json.dumps({"class_name": "Tokenizer", "config": self.get_config()}, **kwargs)


_LEARNT = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")


def tokenizer_from_json(json_string):
    """The Tokenizer that `to_json` described."""
    config = json.loads(json_string)["config"]
    learnt = {name: json.loads(config.pop(name)) for name in _LEARNT}
    tokenizer = Tokenizer(**config)
    for name, value in learnt.items():
        numbered = name.startswith("index")
        setattr(tokenizer, name, {int(key): part for key, part in value.items()} if numbered else value)
    return tokenizer


__all__ = ["Tokenizer", "hashing_trick", "one_hot", "text_to_word_sequence", "tokenizer_from_json"]
