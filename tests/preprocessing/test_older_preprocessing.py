"""Texts and series the way that Keras 2 did it, against the code that Keras 3 still has of it."""

import random

import numpy as np
import pytest
from keras.src.legacy.preprocessing import sequence as keras_sequence
from keras.src.legacy.preprocessing import text as keras_text

from fastnn.preprocessing import sequence, text

TEXTS = ["The cat sat on the mat.", "The dog ate my homework, the DOG!", "a cat"]
NEW = ["the cat ate a bird", "", "Dog dog"]


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"num_words": 4},
        {"num_words": 4, "oov_token": "?"},
        {"char_level": True},
        {"lower": False, "filters": "."},
    ],
)
def test_tokenizer(arguments):
    made = [module.Tokenizer(**arguments) for module in (text, keras_text)]
    for one in made:
        one.fit_on_texts(TEXTS)
    again = text.tokenizer_from_json(made[0].to_json())
    assert made[0].get_config() == made[1].get_config() == again.get_config()
    sequences = made[1].texts_to_sequences(NEW)
    for ours in (made[0], again):
        assert ours.word_index == made[1].word_index and ours.texts_to_sequences(NEW) == sequences
        assert ours.sequences_to_texts(sequences) == made[1].sequences_to_texts(sequences)
        for mode in ("binary", "count", "freq", "tfidf"):
            np.testing.assert_allclose(ours.texts_to_matrix(NEW, mode), made[1].texts_to_matrix(NEW, mode))


def test_words_and_hashes():
    for given in (TEXTS[1], "a-b  c"):
        assert text.text_to_word_sequence(given) == keras_text.text_to_word_sequence(given)
        assert text.hashing_trick(given, 7, "md5") == keras_text.hashing_trick(given, 7, "md5")
        assert text.one_hot(given, 9) == keras_text.one_hot(given, 9)
    with pytest.raises(ValueError, match="`mode` must be one of"):
        text.Tokenizer(num_words=3).texts_to_matrix(["a"], "tf")
    with pytest.raises(ValueError, match="give `num_words`"):
        text.Tokenizer().texts_to_matrix(["a"])


@pytest.mark.parametrize(
    "arguments",
    [{"length": 3}, {"length": 4, "sampling_rate": 2, "stride": 3, "batch_size": 2}]
    + [{"length": 2, "start_index": 3, "end_index": 11, "reverse": True, "batch_size": 4}],
)
def test_series(arguments):
    data, targets = np.arange(40).reshape(20, 2), np.arange(20) * 10
    made = [module.TimeseriesGenerator(data, targets, **arguments) for module in (sequence, keras_sequence)]
    assert len(made[0]) == len(made[1])
    for i in range(len(made[0])):
        for ours, theirs in zip(made[0][i], made[1][i], strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_skipgrams():
    np.testing.assert_allclose(sequence.make_sampling_table(9), keras_sequence.make_sampling_table(9))
    for arguments in ({"negative_samples": 0, "shuffle": False}, {"shuffle": False, "categorical": True}):
        found = []
        for module in (sequence, keras_sequence):
            random.seed(3)
            found.append(module.skipgrams([1, 2, 0, 3, 4], 5, window_size=2, **arguments))
        assert [list(map(list, found[0][0])), found[0][1]] == [list(map(list, found[1][0])), found[1][1]]
    pairs, labels = sequence.skipgrams([1, 2, 3], 4, seed=0)
    assert sorted(labels) == [0] * 6 + [1] * 6 and all(
        pair[1] in (1, 2, 3) and (not label or pair[0] != pair[1]) for pair, label in zip(pairs, labels)
    )
