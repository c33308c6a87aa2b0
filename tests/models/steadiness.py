"""What long-running use costs: memory over many calls, and the progress bar. `test_steady.py` asks it briefly,
`steady_long.py` at full length."""

import gc
import tracemalloc

import numpy as np

import fastnn as k

X = np.linspace(-1, 1, 64 * 6).reshape(64, 6).astype("float32")
Y = np.arange(64) % 3


def network():
    model = k.Sequential(
        [
            k.layers.Input((6,)),
            k.layers.Dense(8, activation="relu"),
            k.layers.Dropout(0.1),
            k.layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def resident():
    """Bytes of memory this process holds."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def growth(call, calls, warm_up):
    """(bytes that Python and NumPy hold more, bytes the process holds more) after `calls` calls."""
    for _ in range(warm_up):
        call()
    gc.collect()
    gc.freeze()  # what other tests have left: collecting garbage looks at what comes now alone
    tracemalloc.start()
    try:
        for _ in range(warm_up):  # what is made once, seen by tracemalloc
            call()
        gc.collect()
        held, pages = tracemalloc.get_traced_memory()[0], resident()
        for _ in range(calls):
            call()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - held, resident() - pages
    finally:
        tracemalloc.stop()
        gc.unfreeze()


def predictor():
    model = network()
    return lambda: model.predict(X[:1], verbose=0)


def direct_caller():
    model = network()
    return lambda: model(X[:1])


def fitter():
    model = network()
    return lambda: model.fit(X, Y, batch_size=24, epochs=2, verbose=0, validation_split=0.25)


def batch_trainer():
    model = network()
    return lambda: model.train_on_batch(X, Y)


def new_models():
    """A model made, trained and dropped: nothing of it may stay."""
    k.utils.clear_session()
    network().fit(X, Y, verbose=0)
