"""Reuters: 11,228 news texts as word numbers, in 46 topics."""

import json

import numpy as np

from .download import fetch, load_lists
from .words import as_objects, common_words, mark, shorter, shuffle_with

_TOPICS = (
    "cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship cotton "
    "carcass crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin strategic-metal livestock "
    "retail ipi iron-steel rubber heat jobs lei bop zinc orange pet-chem dlr gas silver wpi hog lead"
)


def load_data(
    path="reuters.npz",
    num_words=None,
    skip_top=0,
    maxlen=None,
    test_split=0.2,
    seed=113,
    start_char=1,
    oov_char=2,
    index_from=3,
):
    """(x_train, y_train), (x_test, y_test): x arrays of lists of word numbers, y topics 0..45; arguments of `imdb`."""
    arrays = load_lists(
        fetch(path, "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916", "reuters.npz")
    )
    texts, labels = shuffle_with(np.random.RandomState(seed), arrays["x"], arrays["y"])
    texts, labels = shorter(mark(texts, start_char, index_from), labels, maxlen)
    texts, labels = common_words(texts, num_words, skip_top, oov_char), np.asarray(labels)
    at = int(len(texts) * (1 - test_split))
    return (as_objects(texts[:at]), labels[:at]), (as_objects(texts[at:]), labels[at:])


def get_word_index(path="reuters_word_index.json"):
    """{word: number}; add `index_from` for the numbers of `load_data`."""
    with open(
        fetch(path, "4d44cc38712099c9e383dc6e5f11a921", "reuters_word_index.json"), encoding="utf-8"
    ) as file:
        return json.load(file)


def get_label_names():
    """The topics' names, a tuple."""
    return tuple(_TOPICS.split())
