"""Models that read strings, written against the API that fastnn and Keras share, and files of them.

KERAS_BACKEND=tensorflow python tests/peers/string_files.py write|read FOLDER    has Keras write files of all, or
load those that are there; what each then says, and its weights after five more steps, go into FOLDER/TASK.npz.
"""

import sys
from pathlib import Path

import numpy as np

TEXTS = np.array([["the cat sat"], ["The dog, the dog"], ["a sät mat"], ["cat"], [""], ["dog mat the"]])
WORDS = np.array([["the", "cat"], ["dog", "dog"], ["a", "sät"], ["cat", "a"], ["", "x"], ["dog", "mat"]])
LABELS = np.arange(6, dtype="float32").reshape(6, 1) / 6
VOCABULARY = ["the", "cat", "dog", "sät"]
FORMS = [".keras", ".weights.h5", ".h5"]
WITHOUT_H5 = {"adapted"}  # such a file has no place for what a layer has learnt in words


def dense(k, x, inputs):
    x = k.layers.Dense(4, activation="tanh")(x)
    model = k.Model(inputs, k.layers.Dense(1)(x))
    model.compile(k.optimizers.SGD(0.1, momentum=0.9), loss="mse")
    return model


def reads(x, layer, join, **options):
    """(build, x): a model that begins with `layer`; where that makes numbers of words, `join` puts what stands for them
    together."""

    def build(k):
        inputs = k.Input(x.shape[1:], dtype="string")
        y = getattr(k.layers, layer)(**options)(inputs)
        if options.get("output_mode", "int") == "int":
            y = getattr(k.layers, join)()(k.layers.Embedding(9, 3)(y))
        return dense(k, y, inputs)

    return build, x


def texts(**options):
    return reads(TEXTS, "TextVectorization", "GlobalAveragePooling1D", vocabulary=VOCABULARY, **options)


def words(**options):
    return reads(WORDS, "StringLookup", "Flatten", vocabulary=VOCABULARY, **options)


def hashed(**options):
    return reads(WORDS, "Hashing", "Flatten", num_bins=7, **options)


def nested(k):
    start = k.Input((1,), dtype="string")
    reader = k.layers.TextVectorization(vocabulary=VOCABULARY, output_mode="multi_hot", ngrams=2)
    inner = k.Model(start, reader(start), name="reader")
    inputs = k.Input((1,), dtype="string")
    return dense(k, inner(inputs), inputs)


def adapted(k):
    inputs = k.Input((1,), dtype="string")
    reader = k.layers.TextVectorization(output_mode="tf_idf")
    reader.adapt(TEXTS[:, 0])
    return dense(k, reader(inputs), inputs)


MODELS = {
    "texts": texts(output_sequence_length=4),
    "counts": texts(output_mode="count", max_tokens=8, pad_to_max_tokens=True),
    "weighed": texts(output_mode="tf_idf", idf_weights=[0.5, 1.0, 1.5, 2.0]),
    "characters": texts(split="character", standardize="lower", output_sequence_length=6),
    "words": words(mask_token="", num_oov_indices=2),
    "one_word": words(output_mode="multi_hot"),
    "hashed": hashed(),
    "salted": hashed(salt=[3, 5], mask_value="", output_mode="count"),
    "nested": (nested, TEXTS),
    "adapted": (adapted, TEXTS),
}


def forms_of(name):
    return [form for form in FORMS if form != ".h5" or name not in WITHOUT_H5]


def stepped(model, x):
    """{"says": its outputs, "0": weights after five more steps, ...}"""
    says = np.asarray(model.predict(x, verbose=0))
    for _ in range(5):
        model.train_on_batch(x, LABELS)
    return {"says": says, **{str(i): np.asarray(w) for i, w in enumerate(model.get_weights())}}


def write(k, folder, strings):
    """Write every model in every form; {"name.form.part": array} of what it does after."""
    found = {}
    for name, (build, x) in MODELS.items():
        k.utils.set_random_seed(7)
        model = build(k)
        model.train_on_batch(strings(x), LABELS)
        for form in forms_of(name):
            (model.save_weights if form == ".weights.h5" else model.save)(str(Path(folder, name + form)))
        found.update({f"{name}/{part}": array for part, array in stepped(model, strings(x)).items()})
    return found


def read(k, folder, strings):
    """Load every file; {"name.form.part": array} of what its model does."""
    found = {}
    for name, (build, x) in MODELS.items():
        for form in forms_of(name):
            path = str(Path(folder, name + form))
            if form == ".weights.h5":
                model = build(k)
                model.optimizer.build(model.trainable_variables)
                model.load_weights(path)
            else:
                lost = form == ".h5" and k.__name__ == "keras"  # its own optimizer's state in such a file
                model = k.models.load_model(path, compile=not lost)
                if lost:
                    model.compile(k.optimizers.SGD(0.1, momentum=0.9), loss="mse")
            found.update(
                {f"{name}{form}/{part}": array for part, array in stepped(model, strings(x)).items()}
            )
    return found


if __name__ == "__main__":
    import keras
    import tensorflow as tf

    task, folder = sys.argv[1:]
    np.savez(Path(folder, f"{task}.npz"), **{"write": write, "read": read}[task](keras, folder, tf.constant))
