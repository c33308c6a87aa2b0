"""IMDB: 50,000 film reviews as word numbers, good or bad. By Maas et al., ACL 2011."""

import json

import numpy as np

from .download import fetch, load_lists
from .words import as_objects, common_words, mark, shorter, shuffle_with


def load_data(
    path="imdb.npz", num_words=None, skip_top=0, maxlen=None, seed=113, start_char=1, oov_char=2, index_from=3
):
    """(x_train, y_train), (x_test, y_test): x arrays of lists of word numbers, y 1 for good reviews, 0 for bad.

    Args:
        num_words, skip_top: keep word numbers from `skip_top` to `num_words` - 1; small numbers are frequent words.
        maxlen: leave longer reviews out.
        start_char, oov_char: the numbers of the mark at the beginning and of words that were cut.
        index_from: what is added to word numbers, to make room for these.
    """
    arrays = load_lists(
        fetch(path, "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f", "imdb.npz")
    )
    generator = np.random.RandomState(seed)
    parts = []
    for part in ("train", "test"):
        texts, labels = shuffle_with(generator, arrays[f"x_{part}"], arrays[f"y_{part}"])
        parts.append(shorter(mark(texts, start_char, index_from), labels, maxlen))
    (x_train, y_train), (x_test, y_test) = parts
    texts = common_words(x_train + x_test, num_words, skip_top, oov_char)
    return (
        (as_objects(texts[: len(x_train)]), np.asarray(y_train)),
        (as_objects(texts[len(x_train) :]), np.asarray(y_test)),
    )


def get_word_index(path="imdb_word_index.json"):
    """{word: number}; add `index_from` for the numbers of `load_data`."""
    with open(
        fetch(path, "bfafd718b763782e994055a2d397834f", "imdb_word_index.json"), encoding="utf-8"
    ) as file:
        return json.load(file)
