"""A model that carries its vocabularies, written against the API that fastnn and Keras share.

KERAS_BACKEND=tensorflow python tests/saving/with_words.py FILE    writes with_words.keras (these layers of Keras's
need TensorFlow); with FILE, loads that and prints what it makes of the words.
"""

import json
import sys
from pathlib import Path

import numpy as np

FILE = Path(__file__).parent / "with_words.keras"
WORDS = np.array([["the", "cat", "sät"], ["the", "dog", "ran"]])
NUMBERS = np.array([[3, 3, 1], [7, 1, 3]])


def model_class(k):
    @k.saving.register_keras_serializable("words", "Sorter")
    class Sorter(k.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.words = k.layers.StringLookup(mask_token="")
            self.numbers = k.layers.IntegerLookup(output_mode="tf_idf")
            self.given = k.layers.StringLookup(vocabulary=["a", "b"])
            self.dense = k.layers.Dense(2)

        def call(self, x):
            return self.dense(x)

    return Sorter


def made(k):
    model = model_class(k)(name="sorter")
    model.words.adapt(WORDS)
    model.numbers.adapt(NUMBERS)
    model(np.ones((1, 3), "float32"))
    model.dense.set_weights([np.arange(6, dtype="float32").reshape(3, 2), np.ones(2, "float32")])
    return model


def asked(model):
    """What the model makes of words, numbers and floats, as nested lists."""
    results = [
        model.words(np.array([["cat", "cow", ""]])),
        model.numbers(np.array([[3, 8, 7]])),
        model.given(np.array([["b", "z"]])),
        model(np.array([[1.0, 2.0, 3.0]], "float32")),
    ]
    vocabularies = [[str(w) for w in layer.get_vocabulary()] for layer in (model.words, model.numbers)]
    return [np.round(np.asarray(y, "float64"), 5).tolist() for y in results] + vocabularies


if __name__ == "__main__":
    import keras

    if len(sys.argv) > 1:
        model_class(keras)
        print(json.dumps(asked(keras.models.load_model(sys.argv[1]))))
    else:
        made(keras).save(FILE)
