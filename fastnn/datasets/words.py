"""Texts as lists of word numbers: what IMDB and Reuters share."""

import numpy as np


def shuffle_with(generator, texts, labels):
    """Both in a new order."""
    order = np.arange(len(texts))
    generator.shuffle(order)
    return texts[order], labels[order]


def mark(texts, start_char, index_from):
    """Word numbers moved up by `index_from`, each text beginning with `start_char` (None for no mark)."""
    begin = [] if start_char is None else [start_char]
    return [begin + [word + (index_from or 0) for word in text] for text in texts]


def shorter(texts, labels, maxlen):
    """The texts shorter than `maxlen` words, with their labels; all where it is None."""
    if not maxlen:
        return texts, labels
    kept = [i for i, text in enumerate(texts) if len(text) < maxlen]
    if not kept:
        raise ValueError(f"no text is shorter than maxlen={maxlen}; increase it")
    return [texts[i] for i in kept], [labels[i] for i in kept]


def common_words(texts, num_words, skip_top, oov_char):
    """The texts with words outside skip_top..num_words - 1 replaced by `oov_char`, or left out where that is None."""
    limit = num_words or max(max(text) for text in texts)
    if oov_char is None:
        return [[word for word in text if skip_top <= word < limit] for text in texts]
    return [[word if skip_top <= word < limit else oov_char for word in text] for text in texts]


def as_objects(texts):
    """Lists of different lengths as an array of lists."""
    array = np.empty(len(texts), dtype=object)
    array[:] = texts
    return array
