"""PyDataset: by itself, with threads, with processes; errors, dead workers, Ctrl-C."""

import multiprocessing
import os
import random
import signal
import threading
import time

import numpy as np
import pytest

import fastnn as keras

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


class Batches(keras.utils.PyDataset):
    """Batches of 4 rows; `spoil`: {index: function to call in its place}."""

    def __init__(self, count=6, spoil=None, **kwargs):
        super().__init__(**kwargs)
        self.count = count
        self.spoil = spoil or {}

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if index in self.spoil:
            return self.spoil[index]()
        rng = np.random.default_rng(index)
        return rng.standard_normal((4, 3)).astype("float32"), rng.integers(0, 2, (4, 1))


class Endless(Batches):
    num_batches = None


def model():
    made = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, activation="sigmoid")])
    made.set_weights([np.full((3, 1), 0.1, "float32"), np.zeros(1, "float32")])
    made.compile("sgd", "binary_crossentropy")
    return made


WORKERS = [
    {},
    {"workers": 3},
    {"workers": 2, "use_multiprocessing": True},
    {"workers": 4, "max_queue_size": 1},
]


def nothing_left():
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if not multiprocessing.active_children() and not [
            t for t in threading.enumerate() if t.name.startswith("fastnn-data")
        ]:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("options", WORKERS)
def test_the_same_training_however_it_is_made(options):
    got, want = model(), model()
    want.fit(Batches(), epochs=2, shuffle=False, verbose=0)
    got.fit(Batches(**options), epochs=2, shuffle=False, verbose=0)
    np.testing.assert_array_equal(got.get_weights()[0], want.get_weights()[0])
    np.testing.assert_array_equal(
        got.predict(Batches(**options), verbose=0), want.predict(Batches(), verbose=0)
    )
    assert got.evaluate(Batches(**options), verbose=0) == want.evaluate(Batches(), verbose=0)
    assert nothing_left()


def fail():
    raise KeyError("batch three is broken")


@pytest.mark.parametrize("options", WORKERS)
def test_an_error_surfaces_with_its_traceback(options):
    import traceback

    with pytest.raises(KeyError, match="batch three is broken") as caught:
        model().fit(Batches(spoil={3: fail}, **options), shuffle=False, verbose=0)
    text = "".join(traceback.format_exception(caught.value))
    assert "in fail" in text and "__getitem__" in text
    assert nothing_left()


def test_a_worker_that_dies_is_told():
    with pytest.raises(RuntimeError, match="a worker process of Batches died"):
        model().fit(
            Batches(
                spoil={2: lambda: os.kill(os.getpid(), signal.SIGKILL)}, workers=2, use_multiprocessing=True
            ),
            shuffle=False,
            verbose=0,
        )
    assert nothing_left()


class TwoArguments(Exception):
    """Pickles, and cannot be made again from what was pickled."""

    def __init__(self, row, column):
        super().__init__(f"row {row}, column {column}")


def test_an_exception_that_cannot_be_pickled_is_told():
    def fail():
        raise TwoArguments(3, 4)

    batches = Batches(spoil={2: fail}, workers=2, use_multiprocessing=True)
    with pytest.raises(RuntimeError, match="cannot be pickled") as caught:
        model().fit(batches, verbose=0)
    assert "TwoArguments: row 3, column 4" in str(caught.value) and "in fail" in str(caught.value)
    assert nothing_left()


@pytest.mark.parametrize("options", WORKERS)
def test_stopping_early_ends_the_workers(options):
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    trained = model()
    trained.fit(Batches(count=1000, **options), verbose=0, callbacks=[Stop()])
    assert nothing_left()

    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained.fit(Batches(count=1000, **options), verbose=0, callbacks=[Interrupt()])
    assert nothing_left()
    trained.fit(Batches(), verbose=0)


@pytest.mark.parametrize("options", [{}, {"workers": 2}])
def test_endless(options):
    seen = []

    class Counted(Endless):
        def __getitem__(self, index):
            seen.append(index)
            return super().__getitem__(index)

    with pytest.raises(ValueError, match="`steps_per_epoch`"):
        model().fit(Counted(**options), verbose=0)
    model().fit(Counted(max_queue_size=2, **options), steps_per_epoch=3, epochs=2, shuffle=False, verbose=0)
    assert sorted(seen)[:6] == [0, 1, 2, 3, 4, 5]
    assert nothing_left()


def test_batches_are_asked_for_when_needed():
    seen = []

    class Seen(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(("done", batch))

    def batches():
        for i in range(10):
            seen.append(("made", i))
            yield Batches()[i]

    model().fit(batches(), steps_per_epoch=2, epochs=2, verbose=0, callbacks=[Seen()])
    assert seen == [
        ("made", 0),
        ("done", 0),
        ("made", 1),
        ("done", 1),
        ("made", 2),
        ("done", 0),
        ("made", 3),
        ("done", 1),
    ]


def test_steps_per_epoch_equal_to_the_length():
    history = model().fit(Batches(count=3), steps_per_epoch=3, epochs=3, shuffle=False, verbose=0).history
    assert len(history["loss"]) == 3
    with pytest.warns(UserWarning, match="the data ran out after 3 of 5 steps"):
        model().fit(Batches(count=3), steps_per_epoch=5, shuffle=False, verbose=0)


def test_random_numbers_in_processes_depend_on_the_batch_alone():
    def draw():
        return np.full((4, 3), np.random.rand() + random.random(), "float32"), np.ones((4, 1))

    spoil = dict.fromkeys(range(6), draw)
    found = []
    for workers in (1, 3):
        np.random.seed(5)
        batches = Batches(spoil=spoil, workers=workers, use_multiprocessing=True)
        found.append(model().predict(batches, verbose=0))
    np.testing.assert_array_equal(*found)
    assert len(np.unique(found[0])) == 6


def test_order_is_shuffled_in_fit_alone():
    seen = []

    class Counted(Batches):
        def __getitem__(self, index):
            seen.append(index)
            return super().__getitem__(index)

    keras.utils.set_random_seed(1)
    model().fit(Counted(count=40), verbose=0)
    assert seen != sorted(seen) and sorted(seen) == list(range(40))
    seen.clear()
    model().evaluate(Counted(count=5), verbose=0)
    assert seen == [0, 1, 2, 3, 4]


def test_hooks_around_each_pass():
    calls = []

    class Hooked(Batches):
        def on_epoch_begin(self):
            calls.append("begin")

        def on_epoch_end(self):
            calls.append("end")

    model().fit(Hooked(), epochs=2, verbose=0, validation_data=Batches())
    assert calls == ["begin", "end"] * 2


def test_a_constructor_that_forgets_its_base():
    class Forgetful(Batches):
        def __init__(self):
            self.count, self.spoil = 2, {}

    with pytest.warns(UserWarning, match="should call super"):
        model().fit(Forgetful(), verbose=0)
    assert keras.utils.Sequence is keras.utils.PyDataset
    assert len(list(Batches(count=3))) == 3
    with pytest.raises(NotImplementedError, match="__getitem__"):
        keras.utils.PyDataset()[0]
    with pytest.raises(NotImplementedError, match="__len__"):
        keras.utils.PyDataset().num_batches  # noqa: B018


def test_bad_batches():
    with pytest.raises(ValueError, match="tuple of 4"):
        model().fit(Batches(spoil={0: lambda: (1, 2, 3, 4)}), shuffle=False, verbose=0)
    with pytest.raises(ValueError, match="same number of samples"):
        model().fit(Batches(spoil={0: lambda: (np.ones((3, 3)), np.ones(2))}), shuffle=False, verbose=0)
    with pytest.raises(ValueError, match="no batch"):
        model().fit(Batches(count=0), verbose=0)
